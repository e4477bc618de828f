"""The command line on a real network (tiny, random weights) and real photo files."""

from __future__ import annotations

import csv
import json
import threading
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image

from geoview import cli, paths
from geoview.models import bundle
from geoview.models.card import ModelCard, Preprocess, Tiling
from geoview.models.registry import build

CLASSES = ["mudstone", "sandstone", "shale"]
Captured = pytest.CaptureFixture[str]

pytestmark = pytest.mark.usefixtures("one_core")


@pytest.fixture(scope="module")
def model(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A geolayer that looks at two by three tiles of a 3:2 tray."""
    torch.manual_seed(0)
    card = ModelCard(
        name="tiny",
        title="Tiny",
        architecture="geolayer",
        backbone="vit_tiny_patch16_224",
        task="multi-label",
        classes=CLASSES,
        layers=["Layer1", "Layer2"],
        thresholds=[0.5] * 3,
        preprocess=Preprocess(input_px=32, tiling=Tiling(working_short_side_px=64, tile_px=32)),
        options={"num_layers": 2, "area_head": True},
    )
    path = tmp_path_factory.mktemp("models") / "tiny.safetensors"
    bundle.save(path, module=build(card), card=card)
    return path


@pytest.fixture
def well(tmp_path: Path) -> Path:
    folder = tmp_path / "Bohrung Süd"
    folder.mkdir()
    noise = np.random.default_rng(0)
    for depth in (20, 40, 60):
        pixels = noise.integers(0, 255, (80, 120, 3), dtype=np.uint8)
        Image.fromarray(pixels).save(folder / f"WELL-A_{depth:04d}.0m.jpg")
    return folder


def run(*arguments: object) -> int:
    before = threading.active_count()
    code = cli.main([str(argument) for argument in arguments])
    assert threading.active_count() == before
    return code


def read(path: Path) -> list[dict[str, str]]:
    with path.open(encoding="utf-8", newline="") as stream:
        return list(csv.DictReader(stream))


def test_photos_to_csv_tiles_and_heatmaps(
    model: Path, well: Path, tmp_path: Path, capsys: Captured
) -> None:
    (well / "cut.jpg").write_bytes((well / "WELL-A_0020.0m.jpg").read_bytes()[:300])
    out, tiles, maps = tmp_path / "r.csv", tmp_path / "t.csv", tmp_path / "maps"
    options = ["--model", model, "--device", "cpu", "--precision", "fp32"]
    assert run("predict", well, *options, "--csv", out, "--tiles", tiles, "--heatmaps", maps) == 1
    rows = {row["file"]: row for row in read(out)}
    assert rows["cut.jpg"]["status"] == "failed"
    assert rows["cut.jpg"]["p_shale"] == ""
    row = rows["WELL-A_0040.0m.jpg"]
    assert row["depth_m"] == "40.0"
    assert sum(float(row[f"area_pct_{name}"]) for name in CLASSES) == pytest.approx(100)
    assert float(row["p_layer_Layer1"]) + float(row["p_layer_Layer2"]) == pytest.approx(1)
    assert row["model"] == "tiny"
    per_tile = [t for t in read(tiles) if t["file"] == "WELL-A_0040.0m.jpg"]
    assert {(t["tile_row"], t["tile_col"]) for t in per_tile} == {
        (str(r), str(c)) for r in range(2) for c in range(3)
    }
    drawn = sorted(path.name for path in maps.iterdir())
    assert {name.split(".jpg.")[0] for name in drawn} == {
        f"WELL-A_{depth:04d}.0m" for depth in (20, 40, 60)
    }
    with Image.open(maps / drawn[0]) as picture:
        assert picture.width > 0
    capsys.readouterr()
    assert run("predict", well, *options) == 1
    assert "WELL-A_0040.0m.jpg" in capsys.readouterr().out


def test_the_list_of_models_and_a_card(model: Path, capsys: Captured) -> None:
    (paths.user_models_dir() / "mine.safetensors").write_bytes(model.read_bytes())
    (paths.user_models_dir() / "broken.safetensors").write_bytes(model.read_bytes()[:5000])
    assert run("models") == 1
    out, err = capsys.readouterr()
    assert any(line.startswith("tiny ") for line in out.splitlines())
    assert "broken.safetensors" in err
    assert run("models", "mine") == 0
    card = capsys.readouterr().out
    for words in ("geolayer on vit_tiny_patch16_224", "mudstone (from .50)", "tiles of 32 px"):
        assert words in card


def test_the_doctor_runs_a_real_photo(
    model: Path, well: Path, monkeypatch: pytest.MonkeyPatch, tmp_path: Path, capsys: Captured
) -> None:
    (tmp_path / "shipped" / "samples").mkdir(parents=True)
    well.rename(tmp_path / "shipped" / "samples" / "cuttings")
    monkeypatch.setattr(paths, "resources", lambda: tmp_path / "shipped")
    assert run("doctor", "--model", model) == 0
    out, err = capsys.readouterr()
    for words in ("torch", "CPU", "WELL-A_0020.0m.jpg", "tiny (", str(paths.log_dir())):
        assert words in out
    assert "Everything works" in err
    assert run("doctor", "--model", "no-such-model") == 2
    assert "✗" in capsys.readouterr().out


def test_figures_on_labelled_photos(
    model: Path, well: Path, tmp_path: Path, capsys: Captured
) -> None:
    lines = ["file,labels,layer"] + [
        f"{photo.name},{labels},Layer1"
        for photo, labels in zip(
            sorted(well.glob("*.jpg")), ("mudstone;shale", "sandstone", "shale"), strict=True
        )
    ]
    (well / "truth.csv").write_text("\n".join(lines), encoding="utf-8")
    figures = tmp_path / "figures.json"
    assert run("evaluate", model, "--data", well, "--json", figures, "--device", "cpu") == 0
    made = json.loads(figures.read_text(encoding="utf-8"))
    assert made["n"] == 3
    assert set(made["ap"]) == set(CLASSES)
    for name in ("map", "cp", "cr", "cf1", "op", "or", "of1", "layer_accuracy"):
        assert 0 <= made[name] <= 1
    out = capsys.readouterr().out
    assert "mean average precision" in out
    assert any(line.startswith("mudstone") for line in out.splitlines())
