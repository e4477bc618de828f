"""A little well of made-up photos with exact truth, quick enough to train on in a test."""

from __future__ import annotations

import csv
import io
import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

from geoview.training.recipe import Recipe

COLOURS = {"mudstone": (120, 90, 70), "limestone": (210, 205, 190)}


def _make_well(folder: Path, *, photos: int, seed: int = 0, well: str = "WELL-T") -> Path:
    """Photos of 2 × 2 tiles of 64 px: noise in two rock colours; layer = the commoner rock."""
    rng = np.random.default_rng(seed)
    folder.mkdir(parents=True, exist_ok=True)
    rows = []
    for k in range(photos):
        layer = int(rng.random() < 0.5)
        pixels = np.zeros((128, 128, 3))
        name = f"{well}_{k * 10:04d}.0m.png"
        for r in range(2):
            for c in range(2):
                share = rng.choice(
                    [0.0, 0.25, 0.75, 1.0], p=[[0.5, 0.3, 0.1, 0.1], [0.1, 0.1, 0.3, 0.5]][layer]
                )
                mask = np.zeros((64, 64), bool)
                mask[: int(64 * share)] = True
                tile = np.where(mask[..., None], COLOURS["limestone"], COLOURS["mudstone"])
                pixels[r * 64 : r * 64 + 64, c * 64 : c * 64 + 64] = tile
                area = {"mudstone": 1 - share, "limestone": share}
                row = {
                    "file": name,
                    "tile_row": r,
                    "tile_col": c,
                    "well": well,
                    "depth_m": k * 10,
                    "layer": f"Layer{layer + 1}",
                }
                for rock, value in area.items():
                    state = 0 if value == 0 else 1 + (value >= 0.5)
                    row |= {
                        f"area_{rock}": value,
                        f"present_{rock}": int(value > 0),
                        f"state_{rock}": state,
                    }
                rows.append(row)
        noise = rng.normal(0, 6, pixels.shape)
        Image.fromarray(np.clip(pixels + noise, 0, 255).astype(np.uint8)).save(folder / name)
    with (folder / "truth_tiles.csv").open("w", newline="", encoding="utf-8") as stream:
        writer = csv.DictWriter(stream, list(rows[0]))
        writer.writeheader()
        writer.writerows(rows)
    return folder


def _tiny_recipe(**train: object) -> Recipe:
    return Recipe.model_validate(
        {
            "model": {
                "name": "tiny", "title": "Tiny", "architecture": "geolayer",
                "backbone": "resnet10t",
                "options": {"area_head": True, "gcn_residual": True, "gcn_layers": 1},
            },
            "preprocess": {"input_px": 64, "tiling": {"working_short_side_px": 128, "tile_px": 64}},
            "split": {"train": 0.6, "val": 0.2, "test": 0.2, "near_duplicates": -1},
            "augment": {"exposure": 0.05},
            "train": {
                "epochs": 2, "batch": 8, "lr": 3e-3, "ema": 0.8, "precision": "fp32", **train,
            },
        }
    )  # fmt: skip


@pytest.fixture
def make_well() -> Callable[..., Path]:
    return _make_well


@pytest.fixture
def tiny_recipe() -> Callable[..., Recipe]:
    return _tiny_recipe


@pytest.fixture
def make_trainer(tmp_path: Path) -> Callable[..., Any]:
    """A trainer for a recipe on labelled data, each in a job folder of its own."""
    from geoview.training import begin, data
    from geoview.training.images import ImageCache
    from geoview.training.loop import Trainer
    from geoview.training.split import split

    def ignore(*args: object, **fields: object) -> None:
        return None

    def make(source: Path, r: Recipe, *, emit: Callable[..., None] = ignore) -> Any:
        dataset = data.load(source)
        parts = split(dataset.items, r.split, seed=r.train.seed)
        card = begin.new_card(r, dataset, parts)
        module, card = begin.new_module(r, card, dataset, parts, emit)
        items = {k: [dataset.items[i] for i in v] for k, v in parts.items()}
        job = tmp_path / f"job{len(list(tmp_path.glob('job*')))}"
        job.mkdir()
        return Trainer(
            module, recipe=r, card=card, cache=ImageCache(tmp_path / "cache", card.preprocess),
            train=items["train"], val=items["val"], job=job, emit=emit, device="cpu",
        )  # fmt: skip

    return make


@pytest.fixture
def well(tmp_path: Path) -> Path:
    return _make_well(tmp_path / "well", photos=20)


@pytest.fixture
def lock(monkeypatch: pytest.MonkeyPatch) -> Callable[[Path], None]:
    """Take away the permission to read a photo, from root too."""

    def lock(photo: Path) -> None:
        for module in (io, os):
            real: Callable[..., Any] = module.open

            def opened(
                file: Any, *args: Any, real: Callable[..., Any] = real, **options: Any
            ) -> Any:
                if file in (photo, str(photo)):
                    raise PermissionError(13, "Permission denied", str(photo))
                return real(file, *args, **options)

            monkeypatch.setattr(module, "open", opened)

    return lock
