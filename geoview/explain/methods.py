"""Explanation methods by name. A new one is one function with ``@method("name")``.

A method takes a network, its normalised inputs [B, 3, S, S] and k class numbers, and returns
float32 maps [B, k, gh, gw], at least 0, on the grid of the network's own features. Values are
raw: zero is no evidence and maps of different classes and tiles share one scale.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, Protocol, runtime_checkable

import torch
from torch import Tensor, nn

from geoview.errors import ModelError
from geoview.models.geolayer import GeoLayer
from geoview.models.output import ModelOutput
from geoview.models.registry import Architecture, CamLayout

Maps = Callable[[nn.Module, Tensor, Sequence[int]], Tensor]
Supports = Callable[[nn.Module], bool]


@runtime_checkable
class AttendsToPlaces(Protocol):
    """A network that weighs the places of its input itself, [B, 3, S, S] → [B, 1, S, S]."""

    def spatial_attention(self, x: Tensor) -> Tensor: ...


@dataclass(frozen=True, slots=True)
class Method:
    """``supports`` tells whether a network can be explained so; ``maps`` does it."""

    name: str
    maps: Maps
    supports: Supports


METHODS: dict[str, Method] = {}


def method(name: str, *, supports: Supports) -> Callable[[Maps], Maps]:
    """Register a method; those registered first are preferred by "auto"."""

    def register(maps: Maps) -> Maps:
        METHODS[name] = Method(name, maps, supports)
        return maps

    return register


def supported(module: nn.Module) -> list[str]:
    """Names of the methods that work for a network, best first."""
    return [m.name for m in METHODS.values() if m.supports(module)]


def _has_attention(module: nn.Module) -> bool:
    return bool(getattr(module, "gives_attention", False))


def _has_cam_target(module: nn.Module) -> bool:
    return isinstance(module, Architecture)


def _attends_to_places(module: nn.Module) -> bool:
    return isinstance(module, AttendsToPlaces)


def _has_area_map(module: nn.Module) -> bool:
    return isinstance(module, GeoLayer) and module.area is not None


@method("area-map", supports=_has_area_map)
def area_map(module: nn.Module, x: Tensor, classes: Sequence[int]) -> Tensor:
    """The share of every patch that the area head gives to a class, 0…1.

    The first choice: of the three it lies best on the fragments themselves, as
    ``tests/benchmarks/localisation.py`` measures against the rendered wells' masks.
    """
    with torch.inference_mode():
        output: ModelOutput = module(x)
    return _present(output.area_map, "area-map")[:, list(classes)].float()


@method("cross-attention", supports=_has_attention)
def cross_attention(module: nn.Module, x: Tensor, classes: Sequence[int]) -> Tensor:
    """How strongly each label looks at each patch (P0, eq. 10; P1, eq. 1; mean over the blocks).

    A softmax only says where within one tile a label looks, also when there is nothing to see.
    So the values are multiplied by the number of patches (1 is an even look at everything) and
    by the tile's own probability of the class, which makes tiles and classes comparable.
    """
    with torch.inference_mode():
        output: ModelOutput = module(x)
    attention = _present(output.attention, "cross-attention")[:, list(classes)].float()
    patches = attention.shape[-2] * attention.shape[-1]
    probability = output.logits[:, list(classes)].float().sigmoid()
    return attention * patches * probability[:, :, None, None]


@method("grad-cam", supports=_has_cam_target)
def grad_cam(module: nn.Module, x: Tensor, classes: Sequence[int]) -> Tensor:
    """Grad-CAM (Selvaraju et al. 2017): relu of the activations weighted by the mean gradients.

    The target is the raw logit. Only the part of the network after the target is differentiated.
    """
    target = _architecture(module)
    with _Tapped(target.cam_target) as tapped, torch.no_grad():
        # The tap switches gradients on when the target is reached; no_grad undoes that.
        logits = module(x).logits
    maps = [_cam(tapped.activations, logits[:, i].sum(), target) for i in classes]
    return torch.stack(maps, 1)


@method("spatial-attention", supports=_attends_to_places)
def spatial_attention(module: nn.Module, x: Tensor, classes: Sequence[int]) -> Tensor:
    """What a network lets through of every pixel (P4: CBAM on the input).

    Independent of the class: all the maps of an input are the same.
    """
    if not isinstance(module, AttendsToPlaces):
        raise ModelError("This model does not weigh the places of a photo; choose another method.")
    with torch.inference_mode():
        weights = module.spatial_attention(x)
    return weights.float().expand(-1, len(classes), -1, -1)


class _Tapped:
    """Makes the output of a layer the leaf of the graph, and keeps it."""

    def __init__(self, layer: nn.Module) -> None:
        self._layer = layer
        self._activations: Tensor | None = None

    def __enter__(self) -> _Tapped:
        self._handle = self._layer.register_forward_hook(self._hook)
        return self

    def __exit__(self, *_: object) -> None:
        self._handle.remove()

    @property
    def activations(self) -> Tensor:
        if self._activations is None:
            raise ModelError("Grad-CAM's layer is not part of this model's forward pass.")
        return self._activations

    def _hook(self, layer: nn.Module, args: Any, output: Tensor) -> Tensor:
        torch.set_grad_enabled(True)
        self._activations = output.detach().requires_grad_()
        # Later layers may work in place, which a leaf does not allow.
        return self._activations.clone()


def _cam(activations: Tensor, score: Tensor, target: Architecture) -> Tensor:
    (gradients,) = torch.autograd.grad(score, activations, retain_graph=True)
    layout, prefix = target.cam_layout, target.num_prefix_tokens
    a = to_grid(activations.detach().float(), layout=layout, num_prefix_tokens=prefix)
    g = to_grid(gradients.float(), layout=layout, num_prefix_tokens=prefix)
    weights = g.mean((2, 3), keepdim=True)
    return (weights * a).sum(1).relu()


def to_grid(features: Tensor, *, layout: CamLayout, num_prefix_tokens: int) -> Tensor:
    """Features in any layout → [B, C, h, w]; inputs are square, so token grids are too."""
    if features.dim() != (3 if layout == "tokens" else 4):
        raise ModelError("Grad-CAM cannot read this network's features; choose another backbone.")
    if layout == "nchw":
        return features
    if layout == "nhwc":
        return features.permute(0, 3, 1, 2)
    patches = features[:, num_prefix_tokens:]
    side = round(patches.shape[1] ** 0.5)
    if side * side != patches.shape[1]:
        raise ModelError(f"{patches.shape[1]} patches do not form a square grid.")
    return patches.transpose(1, 2).reshape(len(patches), -1, side, side)


def _architecture(module: nn.Module) -> Architecture:
    if not isinstance(module, Architecture):
        raise ModelError("This model does not say where Grad-CAM may look.")
    return module


def _present(maps: Tensor | None, name: str) -> Tensor:
    if maps is None:
        raise ModelError(f"This model gives no {name}; choose another method.")
    return maps
