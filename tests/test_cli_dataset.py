"""``geoview dataset``: the report as a user meets it."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from geoview import cli

Captured = pytest.CaptureFixture[str]


@pytest.fixture
def rocks(tmp_path: Path) -> Path:
    folder = tmp_path / "rocks"
    for number in range(12):
        path = folder / ("basalt", "granite")[number % 2] / f"{number}.png"
        path.parent.mkdir(parents=True, exist_ok=True)
        pixels = np.random.default_rng(number).integers(0, 255, (9, 9, 3), dtype=np.uint8)
        Image.fromarray(pixels).resize((72, 72), Image.Resampling.BICUBIC).save(path)
    return folder


def run(*arguments: object) -> int:
    return cli.main(["dataset", *(str(argument) for argument in arguments)])


def test_counts_and_parts(rocks: Path, capsys: Captured) -> None:
    assert run(rocks, "--fast") == 0
    out = [line.split() for line in capsys.readouterr().out.splitlines()]
    assert ["photos", "12"] in out
    assert ["class", "photos", "items", "imbalance", "groups", "train", "val", "test"] in out
    assert ["basalt", "6", "6", "1.0", "6", "4", "1", "1"] in out
    assert ["granite", "6", "6", "1.0", "6", "4", "1", "1"] in out


def test_unreadable_photos_end_with_1_and_are_in_the_json(
    rocks: Path, tmp_path: Path, capsys: Captured
) -> None:
    (rocks / "basalt/broken [red].png").write_bytes(b"\x89PNG\r\n\x1a\n and no more")
    file = tmp_path / "report.json"
    assert run(rocks, "--json", file) == 1
    captured = capsys.readouterr()
    assert "  basalt/broken [red].png: " in captured.out
    assert f"Wrote {file}" in captured.err
    written = json.loads(file.read_text(encoding="utf-8"))
    assert list(written["unreadable"]) == ["basalt/broken [red].png"]
    assert written["checked"]
    assert run(rocks, "--fast") == 0


def test_a_leaking_split_ends_with_1(rocks: Path, capsys: Captured) -> None:
    rows = ["file,label,specimen,split"]
    for number in range(12):
        label = ("basalt", "granite")[number % 2]
        rows.append(f"{label}/{number}.png,{label},S{number // 2},{'train' if number else 'test'}")
    (rocks / "labels.csv").write_text("\n".join(rows), encoding="utf-8")
    assert run(rocks, "--fast") == 1
    assert "S0 is in both train and test" in capsys.readouterr().out


def test_photos_that_are_not_there_are_all_listed(
    rocks: Path, tmp_path: Path, capsys: Captured
) -> None:
    rows = [f"{('basalt', 'granite')[n % 2]}/{n}.png,{'xy'[n % 2]}" for n in range(14)]
    (rocks / "labels.csv").write_text("\n".join(["file,label", *rows]), encoding="utf-8")
    file = tmp_path / "report.json"
    assert run(rocks, "--fast", "--json", file) == 0
    assert "Not there (2)\n  basalt/12.png\n  granite/13.png\n" in capsys.readouterr().out
    written = json.loads(file.read_text(encoding="utf-8"))
    assert written["missing"] == ["basalt/12.png", "granite/13.png"]


def test_rows_are_called_so_where_there_are_no_tiles(rocks: Path, capsys: Captured) -> None:
    rows = "basalt/0.png,x\nbasalt/0.png,y\nbasalt/2.png,x\nbasalt/4.png,x\ngranite/1.png,y\n"
    (rocks / "labels.csv").write_text(f"file,label\n{rows}", encoding="utf-8")
    assert run(rocks, "--fast") == 0
    out = [line.split() for line in capsys.readouterr().out.splitlines()]
    assert ["rows", "5"] in out
    assert not [line for line in out if line[:1] == ["tiles"]]


def test_the_split_of_a_recipe(rocks: Path, tmp_path: Path, capsys: Captured) -> None:
    recipe = tmp_path / "r.toml"
    recipe.write_text(
        '[model]\nname = "t"\ntitle = "T"\narchitecture = "timm-classifier"\n'
        'backbone = "resnet18"\n[preprocess]\ninput_px = 32\n'
        "[split]\nfolds = 3\ntest = 0\n[train]\nepochs = 1\nlr = 0.1\n",
        encoding="utf-8",
    )
    assert run(rocks, "--fast", "--recipe", recipe) == 0
    out = [line.split() for line in capsys.readouterr().out.splitlines()]
    assert ["basalt", "6", "6", "1.0", "6", "4", "2", "0"] in out


def test_too_few_groups_for_the_split_are_told_with_the_rest(
    rocks: Path, tmp_path: Path, capsys: Captured
) -> None:
    recipe = tmp_path / "r.toml"
    recipe.write_text(
        '[model]\nname = "t"\ntitle = "T"\narchitecture = "timm-classifier"\n'
        'backbone = "resnet18"\n[preprocess]\ninput_px = 32\n'
        "[split]\nfolds = 50\n[train]\nepochs = 1\nlr = 0.1\n",
        encoding="utf-8",
    )
    assert run(rocks, "--fast", "--recipe", recipe) == 0
    out = capsys.readouterr().out
    assert "only 12 groups for 50 folds" in out
    assert "basalt" in out


def test_wrong_data_are_one_clean_line(tmp_path: Path, capsys: Captured) -> None:
    assert run(tmp_path / "nowhere") == 2
    err = capsys.readouterr().err
    assert "nowhere" in err
    assert err.count("\n") == 1
