"""Records and an engine without a network, for tests of what lies around the models."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from types import SimpleNamespace
from typing import Any

from geoview.records import (
    LayerAssignment,
    ModelRef,
    Photo,
    PhotoResult,
    Prediction,
    TilePrediction,
)

CLASSES = ("sandstone", "shale", "lime, stone")
LAYERS = ("Layer1", "Layer2")
MODEL = ModelRef("fake", "ab" * 32)
OTHER_MODEL = ModelRef("other", "cd" * 32)


def photo(file: str, *, folder: Path = Path("/photos"), size: int = 10, mtime: int = 20) -> Photo:
    return Photo(folder / file, file, size, mtime, "WELL-A", 20.25, None)


def prediction(*, seed: float = 0.1, tiles: int = 2, model: ModelRef = MODEL) -> Prediction:
    """Numbers that no rounding leaves as they are."""
    p = (seed / 3 + 0.6, seed / 7, 1e-17 * (1 + seed))
    layer = LayerAssignment(LAYERS, (1 / 3, 2 / 3))
    area = (200 / 3, 100 / 3, 0.0)
    return Prediction(
        classes=CLASSES,
        probabilities=p,
        thresholds=(0.5, 0.45, 0.3),
        dominant="sandstone",
        width_px=4000,
        height_px=3000,
        model=model,
        app_version="0.0.9",
        created_utc="2026-01-02T03:04:05+00:00",
        device="cpu",
        precision="fp32",
        area_pct=area,
        layer=layer,
        tiles=tuple(
            TilePrediction(0, c, (c * 10.5, 0.0, c * 10.5 + 10.5, 9.0), p, area, layer)
            for c in range(tiles)
        ),
    )


@dataclass
class FakeEngine:
    """Answers at once; fails on files named ``bad…``; remembers what it was given."""

    ref: ModelRef = MODEL
    delay_s: float = 0.0
    on_photo: Callable[[Photo], None] = lambda photo: None
    seen: list[str] = field(default_factory=list)
    closed: bool = False

    @property
    def model(self) -> Any:
        card = SimpleNamespace(classes=list(CLASSES), layers=list(LAYERS), name=self.ref.name)
        return SimpleNamespace(card=card, ref=self.ref)

    def run(
        self,
        photos: Iterable[Photo],
        *,
        cancelled: Callable[[], bool] = lambda: False,
        notify: Callable[[str], None] = lambda message: None,
    ) -> Iterator[PhotoResult]:
        for one in photos:
            if cancelled():
                return
            time.sleep(self.delay_s)
            self.seen.append(one.file)
            self.on_photo(one)
            if Path(one.file).name.startswith("bad"):
                yield PhotoResult(one, None, "the file is empty")
            else:
                yield PhotoResult(one, prediction(seed=len(self.seen), model=self.ref))

    def close(self) -> None:
        self.closed = True
