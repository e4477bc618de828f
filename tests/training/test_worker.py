"""The worker ends well: what it measures, what it tells, and what it keeps."""

from __future__ import annotations

import csv
import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

from geoview.errors import DataError
from geoview.models import bundle
from geoview.training import evaluate, worker
from geoview.training.recipe import Recipe, changed

pytestmark = pytest.mark.usefixtures("one_core")

RECIPE = Recipe.model_validate(
    {
        "model": {
            "name": "m", "title": "M", "architecture": "timm-classifier",
            "backbone": "test_resnet",
        },
        "preprocess": {"input_px": 64},
        "split": {"train": 0.5, "val": 0.25, "test": 0.25},
        "train": {"epochs": 1, "batch": 8, "lr": 1e-3, "precision": "fp32"},
    }
)  # fmt: skip
Told = list[tuple[str, dict[str, Any]]]


def sheet(folder: Path, counts: dict[str, int], *, name: str = "labels", part: str = "") -> Path:
    """A sheet of so many photos of every class, all of one part of the split if given."""
    folder.mkdir(exist_ok=True)
    rng = np.random.default_rng(len(list(folder.glob("*.png"))))
    rows = []
    for label, count in counts.items():
        for k in range(count):
            file = f"{name}_{label}_{k}.png"
            Image.fromarray(rng.integers(0, 255, (64, 64, 3), np.uint8)).save(folder / file)
            rows.append((file, label, part))
    path = folder / f"{name}.csv"
    with path.open("w", encoding="utf-8", newline="") as stream:
        csv.writer(stream).writerows([("file", "label", "split"), *rows])
    return path


def train(out: Path, *sources: Path, settings: dict[str, Any] | None = None) -> Told:
    """Run the worker on these sheets in this process; what it told."""
    folder = out.with_suffix(".training")
    folder.mkdir()
    plan = {
        "recipe": changed(RECIPE, settings or {}).model_dump(mode="json"), "device": "cpu",
        "data": [str(p) for p in sources], "out": str(out), "cache": str(out.parent / "cache"),
    }  # fmt: skip
    (folder / "job.json").write_text(json.dumps(plan), encoding="utf-8")
    told: Told = []
    worker.run(folder, lambda kind, **fields: told.append((kind, fields)))
    return told


def test_sheets_of_parts_in_one_folder_are_measured_by_the_one_of_test_photos(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It is measured where the user wanted the training to run."""
    devices = []

    def noting(*args: Any, device: str, **options: Any) -> dict[str, Any]:
        devices.append(device)
        return measure(*args, device=device, **options)

    measure = evaluate.evaluate
    monkeypatch.setattr(evaluate, "evaluate", noting)
    sheets = [
        sheet(tmp_path / "data", {"pyrite": 4, "quartz": 4}, name=part, part=part)
        for part in ("train", "val", "test")
    ]
    out = tmp_path / "m.safetensors"
    told = train(out, *sheets)
    assert told[-1][0] == "done"
    (figures,) = bundle.read_card(out)[0].metrics
    assert (figures["data"], figures["n_photos"]) == ("test.csv", 8)
    assert devices == ["cpu"]


def test_a_model_that_cannot_be_measured_is_done_all_the_same(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(*args: object, **options: object) -> None:
        raise DataError("None of the photos could be read.")

    monkeypatch.setattr(evaluate, "evaluate", fail)
    out = tmp_path / "m.safetensors"
    told = train(out, sheet(tmp_path / "data", {"pyrite": 8, "quartz": 8}))
    notice = "The model is saved but could not be measured: None of the photos could be read."
    assert ("notice", {"message": notice}) in told
    assert told[-1][0] == "done"
    assert bundle.read_card(out)[0].metrics == []
