"""Binary cross-entropy and its focal form, for several labels per photo."""

from __future__ import annotations

import torch.nn.functional as F
from torch import Tensor

from geoview.training.losses import Loss, loss


@loss("bce")
def binary_cross_entropy(counts: Tensor) -> Loss:
    """Summed over the labels (P0 eq. 15)."""

    def value(logits: Tensor, labels: Tensor) -> Tensor:
        each = F.binary_cross_entropy_with_logits(logits.float(), labels, reduction="none")
        return each.sum(-1)

    return value


@loss("focal")
def focal(counts: Tensor, *, gamma: float = 2.0, alpha: float = 0.25) -> Loss:
    """−α_t (1 − p_t)^γ log p_t, summed over the labels (Lin et al. 2017; P1 Table 4)."""

    def value(logits: Tensor, labels: Tensor) -> Tensor:
        logits = logits.float()
        each = F.binary_cross_entropy_with_logits(logits, labels, reduction="none")
        p = logits.sigmoid()
        missed = labels * (1 - p) + (1 - labels) * p
        weight = labels * alpha + (1 - labels) * (1 - alpha)
        return (weight * missed**gamma * each).sum(-1)

    return value
