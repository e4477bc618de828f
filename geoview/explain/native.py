"""Maps that a network computes itself."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Protocol, runtime_checkable

import torch
from torch import Tensor, nn

from geoview.errors import ModelError
from geoview.explain.registry import method
from geoview.models.attention import fastest_attention
from geoview.models.geolayer import GeoLayer
from geoview.models.output import ModelOutput


@runtime_checkable
class AttendsToPlaces(Protocol):
    """A network that weighs the places of its input itself, [B, 3, S, S] → [B, 1, S, S]."""

    def spatial_attention(self, x: Tensor) -> Tensor: ...


def has_attention(module: nn.Module) -> bool:
    return bool(getattr(module, "gives_attention", False))


def attends_to_places(module: nn.Module) -> bool:
    return isinstance(module, AttendsToPlaces)


def has_area_map(module: nn.Module) -> bool:
    return isinstance(module, GeoLayer) and module.area is not None


@method("area-map", supports=has_area_map)
def area_map(module: nn.Module, x: Tensor, classes: Sequence[int]) -> Tensor:
    """The share of every patch that the area head gives to a class, 0…1.

    The first choice: of the three it lies best on the fragments themselves, as
    ``tests/benchmarks/localisation.py`` measures against the rendered wells' masks.
    """
    return _present(_output(module, x).area_map, "area-map")[:, list(classes)].float()


@method("cross-attention", supports=has_attention)
def cross_attention(module: nn.Module, x: Tensor, classes: Sequence[int]) -> Tensor:
    """How strongly each label looks at each patch (P0, eq. 10; P1, eq. 1; mean over the blocks).

    A softmax only says where within one tile a label looks, also when there is nothing to see.
    So the values are multiplied by the number of patches (1 is an even look at everything) and
    by the tile's own probability of the class, which makes tiles and classes comparable.
    """
    output = _output(module, x)
    attention = _present(output.attention, "cross-attention")[:, list(classes)].float()
    patches = attention.shape[-2] * attention.shape[-1]
    probability = output.logits[:, list(classes)].float().sigmoid()
    return attention * patches * probability[:, :, None, None]


@method("spatial-attention", supports=attends_to_places)
def spatial_attention(module: nn.Module, x: Tensor, classes: Sequence[int]) -> Tensor:
    """What a network lets through of every pixel (P4: CBAM on the input).

    Independent of the class: all the maps of an input are the same.
    """
    if not isinstance(module, AttendsToPlaces):
        raise ModelError("This model does not weigh the places of a photo; choose another method.")
    with torch.inference_mode():
        weights = module.spatial_attention(x)
    return weights.float().expand(-1, len(classes), -1, -1)


def _output(module: nn.Module, x: Tensor) -> ModelOutput:
    with torch.inference_mode(), fastest_attention(module):
        output: ModelOutput = module(x)
    return output


def _present(maps: Tensor | None, name: str) -> Tensor:
    if maps is None:
        raise ModelError(f"This model gives no {name}; choose another method.")
    return maps
