"""What a training minimises: the loss of the labels, of the layers and of the areas, in fp32."""

from __future__ import annotations

from dataclasses import dataclass

import torch
import torch.nn.functional as F
from torch import Tensor

from geoview.models.output import ModelOutput
from geoview.training.losses import Loss
from geoview.training.recipe import TrainPart


@dataclass(frozen=True, slots=True)
class Objective:
    """The weighted sum of what the architecture predicts.

    With ``supervised_layers`` the layer head learns the layers of the data, else it clusters.
    """

    labels: Loss
    part: TrainPart
    supervised_layers: bool

    def __call__(
        self, output: ModelOutput, *, labels: Tensor, area: Tensor, layers: Tensor
    ) -> Tensor:
        loss = self.labels(output.logits, labels).mean()
        if output.layer_logits is not None and self.part.layer_weight:
            known = layers if self.supervised_layers else None
            loss = loss + self.part.layer_weight * layer_loss(output.layer_logits, known)
        if output.area is not None and self.part.area_weight:
            loss = loss + self.part.area_weight * area_loss(output, area)
        return loss

    def is_mean_of_items(self, *, area: Tensor, layers: Tensor) -> bool:
        """Whether the loss of these items is the mean of the losses of each, with a layer head.

        Clustering judges the batch as a whole, and what is unknown is left out of a mean.
        """
        if self.part.layer_weight and not (self.supervised_layers and bool((layers >= 0).all())):
            return False
        return not (self.part.area_weight and bool(torch.isnan(area).any()))


def layer_loss(logits: Tensor, layers: Tensor | None) -> Tensor:
    """Supervised where photos carry a layer (index, -1 unknown), else clustering.

    P0 gives no loss for its layer head. Clustering wants every photo sure of its layer (low
    entropy each) and all layers used (high entropy of the batch mean).
    """
    log_p = logits.float().log_softmax(-1)
    if layers is not None:
        if bool((layers < 0).all()):
            return log_p.sum() * 0
        return F.nll_loss(log_p, layers, ignore_index=-1)
    p = log_p.exp()
    each = -(p * log_p).sum(-1).mean()
    mean = p.mean(0)
    return each + (mean * mean.clamp_min(1e-8).log()).sum()


def area_loss(output: ModelOutput, area: Tensor) -> Tensor:
    """Cross-entropy between the true and the estimated shares, the rest of the input included.

    ``area`` [B, n] are shares of all pixels; rows with NaN (unknown) are left out.
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
    return -((truth * log_shares).sum(-1) + rest * other.clamp_min(1e-6).log()).mean()
