"""Temperature and thresholds of a model, chosen on its validation photos."""

from __future__ import annotations

import math

import numpy as np
import torch
from numpy.typing import NDArray
from torch.nn.functional import binary_cross_entropy_with_logits, cross_entropy

from geoview.models.combine import combine

Array = NDArray[np.float64]
Photos = NDArray[np.intp]

# Where temperatures are looked for, and the factor that two networks in three stay within.
RANGE = (0.05, 20.0)
SPREAD = 2.0
# The least and the greatest threshold that a model's card takes.
ENDS = (math.nextafter(0, 1), math.nextafter(1, 0))
# A probability that no logarithm is infinite of.
_LEAST = 1e-9


def probabilities(logits: Array, *, single: bool) -> Array:
    """Of the classes (single), adding up to 1, or of each label."""
    x = torch.from_numpy(logits)
    return (x.softmax(-1) if single else x.sigmoid()).numpy()


def log_loss(logits: Array, y: Array, *, single: bool) -> float:
    """Mean negative log-likelihood of labels [N, n]: of the classes (single) or of each label."""
    x, target = torch.from_numpy(logits), torch.from_numpy(y)
    if single:
        return float(cross_entropy(x, target.argmax(-1)))
    return float(binary_cross_entropy_with_logits(x, target))


def together(values: Array, photos: Photos, *, how: str) -> Array:
    """The rows of each photo as one, [N, n] → [photos, n], combined as a prediction's tiles are."""
    order = np.argsort(photos, kind="stable")
    starts = np.flatnonzero(np.diff(photos[order])) + 1
    return np.stack([combine(tiles, how=how) for tiles in np.split(values[order], starts)])


def fit_temperature(
    logits: Array, y: Array, *, single: bool, photos: Photos | None = None, how: str = "max"
) -> float:
    """The most probable temperature (Guo et al. 2017) of these answers, by golden-section search.

    ``photos`` [N]: the photo each row is a tile of, where the answer is that of a whole photo.

    A few photos that are all right say nothing against ever sharper answers, so the temperature
    is expected near 1 (a log-normal prior, ``SPREAD``): its weight is that of a few photos, and
    vanishes beside hundreds. 1 where even so nothing holds it within ``RANGE``.
    """
    if photos is not None:
        y = together(y, photos, how="max")
    observed = y.shape[0] if single else y.size

    def against(log_t: float) -> float:
        answers = logits / math.exp(log_t)
        if photos is not None:
            p = together(probabilities(answers, single=single), photos, how=how)
            p = p.clip(_LEAST, 1 - _LEAST)
            answers = np.log(p) if single else np.log(p) - np.log1p(-p)
        likelihood = observed * log_loss(answers, y, single=single)
        return likelihood + 0.5 * (log_t / math.log(SPREAD)) ** 2

    low, high = ends = math.log(RANGE[0]), math.log(RANGE[1])
    ratio = (5**0.5 - 1) / 2
    for _ in range(60):
        a, b = high - ratio * (high - low), low + ratio * (high - low)
        low, high = (low, b) if against(a) < against(b) else (a, high)
    found = (low + high) / 2
    return 1.0 if min(abs(end - found) for end in ends) < 0.01 else math.exp(found)


def best_thresholds(p: Array, y: Array) -> list[float]:
    """Per class, the threshold of the best F1, between the two probabilities it separates.

    A class with no positive or no negative keeps 0.5.
    """
    result = []
    for k in range(p.shape[1]):
        scores, truth = p[:, k], y[:, k] > 0
        if truth.all() or not truth.any():
            result.append(0.5)
            continue
        order = np.argsort(-scores, kind="stable")
        hits = np.cumsum(truth[order])
        f1 = 2 * hits / (np.arange(1, len(order) + 1) + truth.sum())
        f1[:-1][scores[order][:-1] == scores[order][1:]] = -1
        best = int(np.argmax(f1))
        below = scores[order][best + 1] if best + 1 < len(order) else 0.0
        result.append(float(np.clip((scores[order][best] + below) / 2, *ENDS)))
    return result
