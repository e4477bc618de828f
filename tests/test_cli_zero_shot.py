"""From a list of names to a table of results, by two commands."""

from __future__ import annotations

import csv
from pathlib import Path

import numpy as np
import pytest
import tiny_clip
from PIL import Image

from geoview import cli


@pytest.fixture(scope="module")
def clip(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tiny_clip.make_clip(tmp_path_factory.mktemp("clip"))


def test_from_names_to_results(clip: Path, tmp_path: Path) -> None:
    photos = tmp_path / "photos"
    photos.mkdir()
    rng = np.random.default_rng(0)
    for i in range(3):
        Image.fromarray(rng.integers(0, 256, (40, 60, 3), np.uint8)).save(photos / f"{i}.png")
    names = tmp_path / "names.txt"
    names.write_text("# my drawer\nquartz\n\nmalachite\nQuartz\nazurite\n", encoding="utf-8-sig")
    model, table = tmp_path / "drawer.safetensors", tmp_path / "results.csv"
    made = [
        "zero-shot", "--weights", str(clip), "--names-file", str(names), "--out", str(model),
        "--template", "a photo of {}", "--template", "a piece of {}",
    ]  # fmt: skip
    assert cli.main(made) == 0
    predict = ["predict", str(photos), "--model", str(model), "--csv", str(table)]
    assert cli.main([*predict, "--device", "cpu", "--precision", "fp32"]) == 0
    with table.open(encoding="utf-8-sig", newline="") as stream:
        rows = list(csv.DictReader(stream))
    assert [row["file"] for row in rows] == ["0.png", "1.png", "2.png"]
    for row in rows:
        total = sum(float(row[f"p_{name}"]) for name in ("quartz", "malachite", "azurite"))
        assert total == pytest.approx(1)


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"--weights": None}, "--weights FOLDER"),
        ({"--weights": "/nowhere/at/all"}, "/nowhere/at/all"),
        ({"--names": None}, "--names"),
        ({"--names": None, "--names-file": "missing.txt"}, "missing.txt"),
        ({"--out": "model.bin"}, ".safetensors"),
        ({"--download": "openai/clip-vit-base-patch32"}, "--download NAME"),
        ({"--template": "no place"}, "no place"),
    ],
)
def test_wrong_usage_is_one_sentence(
    clip: Path,
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
    changes: dict[str, str | None],
    words: str,
) -> None:
    options: dict[str, str | None] = {
        "--weights": str(clip), "--names": "quartz, malachite",
        "--out": str(tmp_path / "m.safetensors"), **changes,
    }  # fmt: skip
    given = [part for key, value in options.items() if value is not None for part in (key, value)]
    assert cli.main(["zero-shot", *given]) == 2
    err = capsys.readouterr().err
    assert words in err
    assert err.count("\n") == 1
    assert not (tmp_path / "m.safetensors").exists()
