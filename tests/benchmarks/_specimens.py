"""Rendered specimens with their id masks, and a network that knows no mineral to look at them."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path

import numpy as np
from PIL import Image
from safetensors.torch import load_file

from geoview.models import import_timm
from geoview.models.bundle import LoadedModel
from geoview.models.card import ModelCard, Preprocess
from geoview.models.timm_classifier import ClassifierOptions, TimmClassifier
from geoview.records import ModelRef, Photo

SHARED = Path(__file__).resolve().parents[3] / "shared"
SPECIMENS = SHARED / "data" / "specimens"
SPECIMEN, CUBE, PLATE, SECOND = 1, 2, 3, 4


def photos(style: str = "catalogue") -> Iterator[tuple[Photo, np.ndarray]]:
    """Photos of one style with their masks, uint8 (h, w), as displayed."""
    lines = (SPECIMENS / f"truth_{style}.jsonl").read_text(encoding="utf-8").splitlines()
    for truth in map(json.loads, lines):
        path = SPECIMENS / truth["file"]
        info = path.stat()
        with Image.open(SPECIMENS / truth["mask"]) as image:
            yield Photo(path, path.name, info.st_size, info.st_mtime_ns), np.asarray(image)


def imagenet() -> LoadedModel:
    """MobileNetV2 with ImageNet's 1,000 classes, as downloaded."""
    name = "mobilenetv2_100"
    classes = [str(number) for number in range(1000)]
    module = TimmClassifier(
        name, input_px=224, num_classes=1000, options=ClassifierOptions.model_validate({})
    )
    network = import_timm().create_model(name, pad_type="same", bn_eps=1e-3)
    weights = load_file(SHARED / "weights" / f"{name}.safetensors")
    network.load_state_dict({key: value.float() for key, value in weights.items()})
    module.network = network
    half = (0.5, 0.5, 0.5)
    card = ModelCard(
        name=name, title=name, architecture="timm-classifier", backbone=name,
        task="single-label", classes=classes, thresholds=[1e-9] * 1000,
        preprocess=Preprocess(input_px=224, mean=half, std=half),
    )  # fmt: skip
    return LoadedModel(card, ModelRef(name, "0" * 64), module.eval(), SHARED)
