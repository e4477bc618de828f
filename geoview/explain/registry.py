"""How an explanation method is registered.

A method takes a network, its normalised inputs [B, 3, S, S] and k class numbers, and returns
float32 maps [B, k, gh, gw], at least 0, on the grid of the network's own features. Values are
raw: zero is no evidence and maps of different classes and tiles share one scale.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from torch import Tensor, nn

from geoview.errors import ModelError
from geoview.models.registry import Architecture

Maps = Callable[[nn.Module, Tensor, Sequence[int]], Tensor]
Supports = Callable[[nn.Module], bool]


@dataclass(frozen=True, slots=True)
class Method:
    """``supports`` tells whether a network can be explained so; ``maps`` does it."""

    name: str
    maps: Maps
    supports: Supports


METHODS: dict[str, Method] = {}


def method(name: str, *, supports: Supports) -> Callable[[Maps], Maps]:
    """Register a method; ``names.TITLES`` says how it is called and when it is preferred."""

    def register(maps: Maps) -> Maps:
        METHODS[name] = Method(name, maps, supports)
        return maps

    return register


def has_cam_target(module: nn.Module) -> bool:
    return isinstance(module, Architecture)


def as_architecture(module: nn.Module) -> Architecture:
    if not isinstance(module, Architecture):
        raise ModelError("This model does not say where Grad-CAM may look.")
    return module
