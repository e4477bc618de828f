"""Architectures by name. A new one is one file with ``@architecture("name")``."""

from __future__ import annotations

import importlib
from collections.abc import Callable
from typing import Literal, Protocol, runtime_checkable

from torch import Tensor, nn

from geoview.errors import ModelError
from geoview.models.card import ModelCard
from geoview.models.output import ModelOutput

CamLayout = Literal["nchw", "nhwc", "tokens"]


@runtime_checkable
class Architecture(Protocol):
    """What the engine and the explanations need of a network.

    ``cam_target`` is the layer whose output Grad-CAM reads, laid out as ``cam_layout`` says;
    with "tokens" the first ``num_prefix_tokens`` are not patches.
    """

    cam_target: nn.Module
    cam_layout: CamLayout
    num_prefix_tokens: int

    def __call__(self, x: Tensor) -> ModelOutput: ...


Builder = Callable[[ModelCard], nn.Module]

ARCHITECTURES: dict[str, Builder] = {}

_FILES = {
    "timm-classifier": "geoview.models.timm_classifier",
    "geolayer": "geoview.models.geolayer",
    "mineral-query": "geoview.models.mineral_query",
    "ma-vit": "geoview.models.ma_vit",
    "clip-zero-shot": "geoview.models.clip_zero_shot",
    "fpn-segmenter": "geoview.models.segmenter",
}


def architecture(name: str) -> Callable[[Builder], Builder]:
    """Register a function that builds the network a card describes, with random weights."""

    def register(builder: Builder) -> Builder:
        ARCHITECTURES[name] = builder
        return builder

    return register


def build(card: ModelCard) -> nn.Module:
    """The network of a card, with random weights, in evaluation mode."""
    if card.architecture not in ARCHITECTURES and card.architecture in _FILES:
        importlib.import_module(_FILES[card.architecture])
    builder = ARCHITECTURES.get(card.architecture)
    if builder is None:
        known = ", ".join(sorted(_FILES))
        raise ModelError(
            f"The architecture “{card.architecture}” is not known to this version of GeoView "
            f"(it knows {known}); update GeoView or choose another model."
        )
    return builder(card).eval()
