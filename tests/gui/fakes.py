"""A model that needs no torch, photos to show it, and a model file with its card."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
from PIL import Image

from geoview.app.worker import ExplainRequest, LoadRequest, ModelReady
from geoview.errors import GeoViewError
from geoview.models.card import ModelCard, Preprocess
from geoview.records import (
    Heatmap,
    LayerAssignment,
    ModelRef,
    Photo,
    PhotoResult,
    Prediction,
)

CLASSES = ("sandstone", "shale", "limestone")
REF = ModelRef("fake", "f" * 64)


def card() -> ModelCard:
    return ModelCard(
        name="fake",
        title="Fake cuttings model",
        architecture="timm-classifier",
        backbone="resnet18",
        task="multi-label",
        classes=list(CLASSES),
        layers=["upper", "lower"],
        thresholds=[0.5] * len(CLASSES),
        preprocess=Preprocess(input_px=64),
        description="For tests.",
        limitations="Knows nothing.",
        metrics=[
            {
                "data": "tests",
                "split": "test",
                "n": 8,
                "map": 0.9,
                "ci95": {"map": [0.71, 0.97]},
                "ap": [0.8, 0.9, 1.0],
            }
        ],
    )


def write_photos(folder: Path, number: int, *, side_px: int = 96) -> Path:
    """Photos of noise named by depth."""
    folder.mkdir(parents=True, exist_ok=True)
    random = np.random.default_rng(3)
    for i in range(number):
        pixels = random.integers(0, 255, (side_px, side_px * 4 // 3, 3), dtype=np.uint8)
        Image.fromarray(pixels).save(folder / f"WELL-A_{i * 10:04d}.0m.jpg")
    return folder


def prediction(photo: Photo, *, seed: int = 0) -> Prediction:
    random = np.random.default_rng(seed)
    p = random.random(len(CLASSES))
    area = random.dirichlet(np.ones(len(CLASSES))) * 100
    above = [name for name, value in zip(CLASSES, p, strict=True) if value >= 0.5]
    return Prediction(
        classes=CLASSES,
        probabilities=tuple(p),
        thresholds=(0.5,) * len(CLASSES),
        dominant=above[0] if above else None,
        width_px=128,
        height_px=96,
        model=REF,
        app_version="0",
        created_utc="2026-01-01T00:00:00+00:00",
        device="cpu",
        precision="fp32",
        area_pct=tuple(area),
        layer=LayerAssignment(("upper", "lower"), (0.7, 0.3)),
    )


class FakeEngine:
    """Answers at the given pace; unreadable photos fail as with the real engine."""

    def __init__(self, *, seconds_per_photo: float = 0.0, gate: threading.Event | None = None):
        self.model = SimpleNamespace(ref=REF, card=card())
        self.seconds_per_photo = seconds_per_photo
        self.gate = gate
        self.seen: list[str] = []
        self.closed = False

    def run(
        self,
        photos: Iterable[Photo],
        *,
        cancelled: Callable[[], bool] = lambda: False,
        notify: Callable[[str], None] = lambda _text: None,
    ) -> Iterator[PhotoResult]:
        for number, photo in enumerate(photos):
            while self.gate is not None and not self.gate.wait(0.01) and not cancelled():
                pass
            if cancelled():
                return
            time.sleep(self.seconds_per_photo)
            self.seen.append(photo.file)
            try:
                Image.open(photo.path).load()
            except Exception:
                yield PhotoResult(photo, None, "This is not a photo.")
            else:
                yield PhotoResult(photo, prediction(photo, seed=number))

    def close(self) -> None:
        self.closed = True


@dataclass
class FakeBackend:
    """Stands in for the models' side; ``failure`` is what loading raises."""

    seconds_per_photo: float = 0.0
    gate: threading.Event | None = None
    failure: GeoViewError | None = None
    explained: list[ExplainRequest] | None = None
    engines: list[FakeEngine] | None = None

    def __post_init__(self) -> None:
        self.explained = []
        self.engines = []

    def load(
        self, request: LoadRequest, *, cancelled: Callable[[], bool]
    ) -> tuple[Any, ModelReady]:
        if self.failure is not None:
            raise self.failure
        engine = FakeEngine(seconds_per_photo=self.seconds_per_photo, gate=self.gate)
        assert self.engines is not None
        self.engines.append(engine)
        ready = ModelReady(request.path, card(), REF, "CPU · fp32", ("grad-cam", "area-map"))
        return engine, ready

    def device_label(self, engine: Any) -> str:
        return "CPU · fp32"

    def explain(
        self, engine: Any, request: ExplainRequest, *, cancelled: Callable[[], bool]
    ) -> tuple[Heatmap, ...]:
        assert self.explained is not None
        self.explained.append(request)
        values = np.linspace(0, 1, 48, dtype=np.float32).reshape(6, 8)
        method = "grad-cam" if request.method == "auto" else request.method
        box = (0.0, 0.0, 128.0, 96.0)
        return tuple(
            Heatmap(name, method, values / (1 + i), box, 1.0 / (1 + i), REF)
            for i, name in enumerate(request.class_names)
        )
