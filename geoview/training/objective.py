"""What a training minimises: the loss of the labels, of the layers and of the areas, in fp32.

Each is a mean over those items of a batch of which it is known. A batch may be computed in parts:
what the parts give adds up to the loss of the batch.
"""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor

from geoview.models.output import ModelOutput
from geoview.training.batches import Batch
from geoview.training.losses import Loss
from geoview.training.recipe import TrainPart


@dataclass(frozen=True, slots=True)
class Whole:
    """The batch of which some items are a part: how many it has, and of how many it knows the
    layer and the areas. ``layer_shares`` [K] is what it has of each clustered layer, where that
    is known beforehand."""

    items: int
    with_layer: int
    with_area: int
    layer_shares: Tensor | None = None

    @classmethod
    def of(cls, batch: Batch) -> Whole:
        known = int((batch.layers >= 0).sum()), int((~torch.isnan(batch.area).any(-1)).sum())
        return cls(len(batch), *known)


@dataclass(frozen=True, slots=True)
class Objective:
    """The weighted sum of what the architecture predicts.

    With ``supervised_layers`` the layer head learns the layers of the data, else it clusters.
    """

    labels: Loss
    part: TrainPart
    supervised_layers: bool

    def __call__(self, output: ModelOutput, items: Batch, whole: Whole) -> Tensor:
        """What some items add to the loss of the whole batch."""
        loss = self.labels(output.logits, items.labels).sum() / whole.items
        if output.layer_logits is not None and self.part.layer_weight:
            layers = (
                layer_loss(output.layer_logits, items.layers, of=whole.with_layer)
                if self.supervised_layers
                else cluster_loss(output.layer_logits, of=whole.items, shares=whole.layer_shares)
            )
            loss = loss + self.part.layer_weight * layers
        if output.area is not None and self.part.area_weight:
            loss = loss + self.part.area_weight * area_loss(output, items.area, of=whole.with_area)
        return loss

    @property
    def clusters(self) -> bool:
        """Whether a layer head is judged by the batch as a whole."""
        return bool(self.part.layer_weight) and not self.supervised_layers


def layer_loss(logits: Tensor, layers: Tensor, *, of: int) -> Tensor:
    """Cross-entropy of the items with a layer (index, -1 unknown), of which the batch has ``of``.

    P0 gives no loss for its layer head.
    """
    known = layers >= 0
    log_p = logits.float().log_softmax(-1)
    right = log_p.gather(-1, layers.clamp_min(0)[:, None])[:, 0]
    return -(right * known).sum() / max(1, of)


def cluster_loss(logits: Tensor, *, of: int, shares: Tensor | None = None) -> Tensor:
    """Every item sure of its layer (low entropy each), all layers used (high entropy of the mean
    over the ``of`` items of the batch).

    ``shares`` [K] is that mean where these items are only a part of them.
    """
    log_p = logits.float().log_softmax(-1)
    p = log_p.exp()
    each, used = -(p * log_p).sum() / of, p.sum(0) / of
    if shares is None:
        return each + (used * used.clamp_min(1e-8).log()).sum()
    # Linear about the shares, so that the parts add up to the same value and the same gradient.
    return each + (used * (shares.clamp_min(1e-8).log() + 1)).sum() - len(logits) / of


def area_loss(output: ModelOutput, area: Tensor, *, of: int) -> Tensor:
    """Cross-entropy between the true and the estimated shares, the rest of the input included.

    ``area`` [B, n] are shares of all pixels; rows with NaN (unknown) are left out, of the others
    the batch has ``of``.
    """
    assert output.area is not None
    assert output.other_area is not None
    known = ~torch.isnan(area).any(-1)
    if not bool(known.any()):
        return output.area.sum() * 0
    truth = area[known]
    rest = (1 - truth.sum(-1)).clamp(0, 1)
    other = output.other_area[known]
    shares = output.area[known] * (1 - other)[:, None]
    log_shares = shares.clamp_min(1e-6).log()
    return -((truth * log_shares).sum(-1) + rest * other.clamp_min(1e-6).log()).sum() / of
