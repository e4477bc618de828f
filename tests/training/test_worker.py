"""The worker ends well: what it measures, what it tells, and what it keeps."""

from __future__ import annotations

import csv
import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import tiny_clip
from PIL import Image

from geoview.errors import Cancelled, DataError
from geoview.models import bundle
from geoview.training import evaluate, worker, zero_shot
from geoview.training.recipe import Recipe, changed

pytestmark = pytest.mark.usefixtures("one_core")

RECIPE = Recipe.model_validate(
    {
        "model": {
            "name": "m", "title": "M", "architecture": "timm-classifier",
            "backbone": "test_resnet",
        },
        "preprocess": {"input_px": 64},
        "split": {"train": 0.5, "val": 0.25, "test": 0.25, "near_duplicates": -1},
        "train": {"epochs": 1, "batch": 8, "lr": 1e-3, "precision": "fp32"},
    }
)  # fmt: skip
Told = list[tuple[str, dict[str, Any]]]


def sheet(folder: Path, counts: dict[tuple[str, str], int], *, name: str = "labels") -> Path:
    """A sheet of so many photos of every class and part of the split."""
    folder.mkdir(exist_ok=True)
    rng = np.random.default_rng([len(list(folder.glob("*.png"))), *folder.name.encode()])
    rows = []
    for (label, part), count in counts.items():
        for k in range(count):
            file = f"{label}_{part}_{k}.png"
            Image.fromarray(rng.integers(0, 255, (64, 64, 3), np.uint8)).save(folder / file)
            rows.append((file, label, part))
    path = folder / f"{name}.csv"
    with path.open("w", encoding="utf-8", newline="") as stream:
        csv.writer(stream).writerows([("file", "label", "split"), *rows])
    return path


def train(out: Path, *sources: Path, settings: dict[str, Any] | None = None) -> Told:
    """Run the worker on these sheets in this process; what it told."""
    folder = out.with_suffix(".training")
    folder.mkdir(exist_ok=True)
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
        sheet(tmp_path / "data", {("pyrite", part): 4, ("quartz", part): 4}, name=part)
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
    told = train(out, sheet(tmp_path / "data", {("pyrite", ""): 8, ("quartz", ""): 8}))
    notice = "The model is saved but could not be measured: None of the photos could be read."
    assert ("notice", {"message": notice}) in told
    assert told[-1][0] == "done"
    assert bundle.read_card(out)[0].metrics == []


@pytest.mark.parametrize(
    ("photos", "part", "warning"),
    [
        (1, "train", "gold has only one photo, too few to be learnt and tested; it is not in val."),
        (2, "val", "gold is not in train."),
    ],
)
def test_a_class_too_small_to_be_learnt_is_told_before_the_training(
    photos: int, part: str, warning: str, tmp_path: Path
) -> None:
    classes = [("pyrite", "train"), ("pyrite", "val"), ("quartz", "train"), ("quartz", "val")]
    path = sheet(tmp_path / "data", dict.fromkeys(classes, 4) | {("gold", part): photos})
    told = train(tmp_path / "m.safetensors", path)
    assert dict(told)["data"]["warnings"] == [warning]


def test_photos_of_one_depth_count_once_in_what_is_told(tmp_path: Path) -> None:
    """Groups that must not be parted are what a class needs one of for every part."""
    folder = tmp_path / "data"
    names = [f"{label}/{label}_{k}" for label in ("pyrite", "quartz") for k in range(8)]
    names += [f"quartz/W-1_0110.0m_{k}" for k in range(4)]
    names += [f"gold/W-1_0120.0m_{k}" for k in range(3)]
    for number, name in enumerate(names):
        path = folder / f"{name}.png"
        path.parent.mkdir(parents=True, exist_ok=True)
        Image.new("RGB", (64, 64), (number, 0, 0)).save(path)
    told = train(tmp_path / "m.safetensors", folder)
    (warning,) = dict(told)["data"]["warnings"]
    assert warning.startswith("gold has only 1 groups for 3 parts")


def test_photos_of_a_users_test_part_that_were_seen_are_left_out_and_told(tmp_path: Path) -> None:
    """Fine-tuning must not train on them, nor measure on them."""
    first = sheet(tmp_path / "one", {("pyrite", "train"): 4, ("quartz", "train"): 4,
                                     ("pyrite", "val"): 2, ("quartz", "val"): 2})  # fmt: skip
    train(tmp_path / "first.safetensors", first)
    counts = {
        (label, part): 3 for label in ("pyrite", "quartz") for part in ("train", "val", "test")
    }
    own = sheet(tmp_path / "two", counts)
    seen = tmp_path / "two" / "pyrite_test_0.png"
    (tmp_path / "one" / "pyrite_train_0.png").replace(seen)
    told = train(
        tmp_path / "second.safetensors", own,
        settings={"model.pretrained": str(tmp_path / "first.safetensors")},
    )  # fmt: skip
    notices = [fields["message"] for kind, fields in told if kind == "notice"]
    assert any(text.startswith("1 photo of your test part was left out") for text in notices)
    (counts_told,) = (fields["counts"] for kind, fields in told if kind == "data")
    assert counts_told == {"train": 6, "val": 6, "test": 5}


def test_a_stop_does_not_wait_until_all_photos_are_compared(tmp_path: Path) -> None:
    classes = [(label, part) for label in ("pyrite", "quartz") for part in ("train", "val")]
    path, out = sheet(tmp_path / "data", dict.fromkeys(classes, 4)), tmp_path / "m.safetensors"
    (tmp_path / "m.training").mkdir()
    (tmp_path / "m.training" / "stop").touch()
    with pytest.raises(Cancelled, match="while photos were compared"):
        train(out, path, settings={"split.near_duplicates": 4})


def test_a_zero_shot_model_is_fine_tuned_on_photos_as_its_tower_knows_them(tmp_path: Path) -> None:
    """Not as the recipe has them, which is told; and the training can be gone on with."""
    classes, drawer = ("pyrite", "quartz"), tmp_path / "drawer.safetensors"
    zero_shot.make(tiny_clip.make_clip(tmp_path / "clip"), names=classes, out=drawer)
    counts = {(label, part): 4 for label in classes for part in ("train", "val", "test")}
    path, out = sheet(tmp_path / "data", counts), tmp_path / "m.safetensors"
    settings = {"model.architecture": "clip-zero-shot", "model.pretrained": str(drawer)}
    for epochs in (1, 2):
        told = train(out, path, settings={**settings, "train.epochs": epochs})
        (text,) = (f["message"] for k, f in told if k == "notice" and "normalised" in f["message"])
        assert text.startswith("As drawer.safetensors was made for them, photos of 32 px")
        assert "mean 0.48145466, 0.4578275, 0.40821073" in text
    assert {"resumed", "done"} <= {kind for kind, _ in told}
    theirs = bundle.read_card(drawer)[0].preprocess
    assert bundle.read_card(out)[0].preprocess == theirs
