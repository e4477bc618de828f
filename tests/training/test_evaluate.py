"""Measuring a model: on which photos, per tile or photo, and what it says of areas and layers."""

from __future__ import annotations

import csv
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from PIL import Image
from sklearn.metrics import average_precision_score

from geoview.errors import DataError
from geoview.models import bundle
from geoview.models.card import ModelCard, Preprocess, Tiling
from geoview.models.device import choose
from geoview.models.engine import Engine
from geoview.models.registry import build
from geoview.photos.scan import scan
from geoview.training.data import photo_key
from geoview.training.evaluate import evaluate


def saved(folder: Path, **changes: Any) -> Path:
    torch.manual_seed(3)
    fields: dict[str, Any] = {
        "name": "tiny", "title": "Tiny", "architecture": "geolayer", "backbone": "resnet10t",
        "task": "multi-label", "classes": ["limestone", "mudstone"], "thresholds": [0.5, 0.5],
        "layers": ["Layer1", "Layer2"], "options": {"num_layers": 2, "area_head": True},
        "preprocess": Preprocess(
            input_px=64, tiling=Tiling(working_short_side_px=128, tile_px=64)
        ),
    }  # fmt: skip
    card = ModelCard.model_validate({**fields, **changes})
    path = folder / "tiny.safetensors"
    bundle.save(path, module=build(card), card=card, half=False)
    return path


def test_figures_per_tile_agree_with_the_engines_own_results(well: Path, tmp_path: Path) -> None:
    """The model lists its classes in another order than the sheet: they are matched by name."""
    path = saved(tmp_path)
    figures = evaluate(path, data=well, split="all")
    with (well / "truth_tiles.csv").open(encoding="utf-8", newline="") as stream:
        rows = list(csv.DictReader(stream))
    model = bundle.load(path)
    with Engine(model, choice=choose()) as engine:
        results = {r.photo.file: r.prediction for r in engine.run(scan(well).photos)}
    scores, labels, areas, layers = [], [], [], []
    for row in rows:
        prediction = results[row["file"]]
        assert prediction is not None
        tile = next(
            t
            for t in prediction.tiles
            if (t.row, t.col) == (int(row["tile_row"]), int(row["tile_col"]))
        )
        scores.append(tile.probabilities[0])
        labels.append(int(row["present_limestone"]))
    for file, prediction in results.items():
        assert prediction is not None
        assert prediction.area_pct is not None
        assert prediction.layer is not None
        own = [r for r in rows if r["file"] == file]
        truth = 100 * np.mean([float(r["area_limestone"]) for r in own])
        areas.append(abs(prediction.area_pct[0] - truth))
        layers.append(prediction.layer.best == own[0]["layer"])
    assert figures["level"] == "tile"
    assert (figures["n"], figures["n_photos"]) == (80, 20)
    expected = average_precision_score(labels, scores)
    assert figures["ap"]["limestone"] == pytest.approx(expected, abs=1e-5)
    assert figures["area_mae_points"]["limestone"] == pytest.approx(np.mean(areas))
    assert figures["layer_accuracy"] == pytest.approx(np.mean(layers))
    for name in ("map", "cp", "cr", "cf1", "op", "or", "of1", "layer_accuracy"):
        low, high = figures["ci95"][name]
        assert low <= figures[name] <= high or low == pytest.approx(figures[name], abs=0.1)


def test_photos_the_model_has_seen_are_left_out_whatever_their_folder(
    well: Path, tmp_path: Path, make_well: Callable[..., Path]
) -> None:
    keys = [photo_key(p) for p in sorted(well.glob("*.png"))]
    path = saved(tmp_path, splits={"train": keys[:10], "val": keys[10:12], "test": keys[12:15]})
    figures = evaluate(path, data=well)
    assert (figures["n_photos"], figures["photos_left_out_as_seen"]) == (8, 12)
    assert evaluate(path, data=well, split="test")["n_photos"] == 3
    assert evaluate(path, data=well, split="all")["n_photos"] == 20
    # Another well with the same file names but other pictures is unseen.
    other = make_well(tmp_path / "other", photos=6, seed=9)
    assert evaluate(path, data=other)["n_photos"] == 6
    with pytest.raises(DataError, match="--split all"):
        evaluate(path, data=other, split="test")


def test_single_label_folders_give_top1(tmp_path: Path) -> None:
    rng = np.random.default_rng(0)
    for name in ("pyrite", "quartz"):
        (tmp_path / "data" / name).mkdir(parents=True)
        for k in range(6):
            pixels = rng.integers(0, 255, (40, 50, 3), np.uint8)
            Image.fromarray(pixels).save(tmp_path / "data" / name / f"{k}.png")
    path = saved(
        tmp_path, architecture="timm-classifier", task="single-label", layers=[], options={},
        classes=["pyrite", "quartz", "malachite"], thresholds=[0.5] * 3,
        preprocess=Preprocess(input_px=64),
    )  # fmt: skip
    figures = evaluate(path, data=tmp_path / "data")
    assert figures["n"] == 12
    assert 0 <= figures["ci95"]["top1"][0] <= figures["top1"] <= figures["ci95"]["top1"][1] <= 1
    assert set(figures["ap"]) == {"pyrite", "quartz"}
    assert "layer_accuracy" not in figures


def test_unknown_classes_and_unreadable_photos(well: Path, tmp_path: Path) -> None:
    path = saved(tmp_path)
    broken = sorted(well.glob("*.png"))[0]
    broken.write_bytes(b"no photo")
    figures = evaluate(path, data=well, split="all")
    assert list(figures["photos_failed"]) == [broken.name]
    assert figures["n_photos"] == 19
    other = saved(tmp_path, classes=["limestone", "coal"])
    with pytest.raises(DataError, match="does not know mudstone"):
        evaluate(other, data=well)
