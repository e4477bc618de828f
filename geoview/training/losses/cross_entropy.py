"""Cross-entropy and its two class-weighted forms, for one label per photo.

The weighted ones are averaged over the number of photos (P4 eq. 2), not over the sum of the
weights.
"""

from __future__ import annotations

import torch.nn.functional as F
from torch import Tensor

from geoview.training.losses import Loss, loss


@loss("cross-entropy", single_label=True)
def cross_entropy(counts: Tensor, *, label_smoothing: float = 0.0) -> Loss:
    def value(logits: Tensor, labels: Tensor) -> Tensor:
        return F.cross_entropy(
            logits.float(), labels.argmax(-1), label_smoothing=label_smoothing, reduction="none"
        )

    return value


@loss("weighted-max", single_label=True)
def weighted_by_largest(counts: Tensor) -> Loss:
    """w_i = max_j n_j / n_i (P3, section 4)."""
    counts = counts.clamp_min(1)
    return _weighted(counts.max() / counts)


@loss("weighted-inverse", single_label=True)
def weighted_by_inverse(counts: Tensor) -> Loss:
    """w_i = N / (C · n_i) (P4 eq. 1)."""
    return _weighted(counts.sum() / (len(counts) * counts.clamp_min(1)))


def _weighted(weights: Tensor) -> Loss:
    def value(logits: Tensor, labels: Tensor) -> Tensor:
        weight = weights.to(logits.device, logits.float().dtype)
        return F.cross_entropy(logits.float(), labels.argmax(-1), weight=weight, reduction="none")

    return value
