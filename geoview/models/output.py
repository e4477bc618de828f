"""What every architecture returns."""

from __future__ import annotations

from dataclasses import dataclass

from torch import Tensor


@dataclass(slots=True)
class ModelOutput:
    """Raw network output for a batch of B inputs, n classes, C layers, a grid of gh × gw patches.

    ``logits`` [B, n]; ``layer_logits`` [B, C]; ``area`` [B, n], shares of the classes, rows add
    up to 1; ``other_area`` [B], share of the input that is no class at all; ``attention``
    [B, n, gh, gw], evidence per class that the network itself computes; ``area_map``
    [B, n, gh, gw], share of each patch. What an architecture does not have is None.

    Not frozen, because lightning-fabric casts the fields in place.
    """

    logits: Tensor
    layer_logits: Tensor | None = None
    area: Tensor | None = None
    other_area: Tensor | None = None
    attention: Tensor | None = None
    area_map: Tensor | None = None
