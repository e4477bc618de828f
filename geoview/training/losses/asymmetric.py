"""Asymmetric loss, for many labels of which few are true."""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import Tensor

from geoview.training.losses import Loss, loss


@loss("asymmetric")
def asymmetric(
    counts: Tensor, *, gamma_pos: float = 0.0, gamma_neg: float = 1.0, margin: float = 0.0
) -> Loss:
    """−Σ [y (1 − p)^γ+ log p + (1 − y) p_m^γ− log(1 − p_m)], p_m = max(p − margin, 0).

    P1 eq. 2 and 3, which has no margin; Ridnik et al. 2021. The focal weights carry no gradient,
    as in the authors' own implementation.
    """

    def value(logits: Tensor, labels: Tensor) -> Tensor:
        logits = logits.float()
        p = logits.sigmoid()
        shifted = (p - margin).clamp_min(0)
        log_not = F.logsigmoid(-logits) if margin == 0 else torch.log1p(-shifted)
        with torch.no_grad():
            on, off = (1 - p) ** gamma_pos, shifted**gamma_neg
        return -(labels * on * F.logsigmoid(logits) + (1 - labels) * off * log_not).sum(-1)

    return value
