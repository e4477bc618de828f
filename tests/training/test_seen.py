"""Fine-tuning: what the earlier model has seen stays seen, and is never measured on."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from geoview.models import bundle
from geoview.models.card import ModelCard
from geoview.training import worker
from geoview.training.evaluate import evaluate
from geoview.training.recipe import Recipe

pytestmark = pytest.mark.usefixtures("one_core")

CLASSES = ("pyrite", "quartz")


def photos(root: Path, *, count: int, seed: int) -> Path:
    """A folder for each class, of photos of which no two are alike to a perceptual hash."""
    rng = np.random.default_rng(seed)
    for name in CLASSES:
        (root / name).mkdir(parents=True)
        for k in range(count):
            coarse = rng.integers(0, 255, (6, 6, 3), dtype=np.uint8)
            photo = Image.fromarray(coarse).resize((120, 120), Image.Resampling.BICUBIC)
            photo.save(root / name / f"{name}_{seed}_{k}.png")
    return root


def trained(data: Path, out: Path, *, near: int = 4, start: Path | None = None) -> ModelCard:
    recipe = Recipe.model_validate(
        {
            "model": {
                "name": out.stem, "title": out.stem, "architecture": "timm-classifier",
                "backbone": "test_resnet", "pretrained": str(start or ""),
            },
            "preprocess": {"input_px": 64},
            "split": {"train": 0.5, "val": 0.25, "test": 0.25, "near_duplicates": near},
            "train": {"epochs": 1, "batch": 8, "lr": 1e-3, "precision": "fp32"},
        }
    )  # fmt: skip
    job = out.with_suffix(".training")
    job.mkdir()
    plan = {
        "recipe": recipe.model_dump(mode="json"), "data": [str(data)], "out": str(out),
        "cache": str(out.parent / "cache"), "device": "cpu",
    }  # fmt: skip
    (job / "job.json").write_text(json.dumps(plan), encoding="utf-8")
    worker.run(job, _ignore)
    return bundle.read_card(out)[0]


def _ignore(*args: object, **fields: object) -> None:
    return None


@pytest.fixture(autouse=True)
def without_figures(monkeypatch: pytest.MonkeyPatch) -> None:
    """The worker's own measuring takes longer than these trainings."""
    monkeypatch.setattr(worker, "figures_on_test", lambda *_: [])


def smaller(root: Path, copies: Path) -> Path:
    """A copy of every photo at nine tenths of its size, as a JPEG under another name."""
    for path in root.rglob("*.png"):
        target = copies / path.parent.name / f"{path.stem}_small.jpg"
        target.parent.mkdir(parents=True, exist_ok=True)
        Image.open(path).resize((108, 108)).save(target, quality=85)
    return copies


def test_a_model_fine_tuned_twice_still_knows_the_photos_of_the_first(tmp_path: Path) -> None:
    """Smaller copies of them, too, although the later recipes do not look for such."""
    first, second, third = (photos(tmp_path / f"d{k}", count=8, seed=k) for k in range(3))
    start, between, last = (tmp_path / f"m{k}.safetensors" for k in range(3))
    unseen = len(trained(first, start).splits["test"])
    trained(second, between, near=-1, start=start)
    card = trained(third, last, near=-1, start=between)
    assert 0 < unseen < 16
    assert len(card.splits["train"] + card.splits["val"] + card.splits["test"]) == 16
    for data in (first, smaller(first, tmp_path / "small")):
        figures = evaluate(last, data=data)
        assert figures["n_photos"] == unseen
        left_out = figures["photos_left_out_as_seen"], figures["photos_left_out_as_near"]
        assert sorted(left_out) == [0, 16 - unseen]
