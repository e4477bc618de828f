"""Figures of merit with 95 % bootstrap intervals. Average precision is torchmetrics'."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray

from geoview.models import mend_torchvision

Array = NDArray[np.float64]
ROUNDS = 400


def average_precision(p: Array, y: Array) -> Array:
    """AP of every class, [N, n] → [n]; NaN for a class without any positive."""
    mend_torchvision()
    from torchmetrics.functional.classification import multilabel_average_precision

    value = multilabel_average_precision(
        torch.from_numpy(p), torch.from_numpy(y).long(), num_labels=p.shape[1], average="none"
    )
    result = np.asarray(value, dtype=np.float64).reshape(-1)
    result[y.sum(0) == 0] = np.nan
    return result


def precision_recall(p: Array, y: Array, thresholds: Sequence[float]) -> dict[str, float]:
    """CP, CR, CF1 (means over classes) and OP, OR, OF1 (over all labels), as in P0 Table 2.

    A class that is never predicted has precision 0; one without positives is left out of CR.
    """
    hat = p >= np.asarray(thresholds)
    hit = (hat & (y > 0)).sum(0).astype(float)
    said, real = hat.sum(0).astype(float), (y > 0).sum(0).astype(float)
    cp = float(np.mean(hit / np.maximum(said, 1)))
    cr = float(np.mean((hit / np.maximum(real, 1))[real > 0])) if (real > 0).any() else 0.0
    op, or_ = float(hit.sum() / max(said.sum(), 1)), float(hit.sum() / max(real.sum(), 1))
    return {"cp": cp, "cr": cr, "cf1": _f1(cp, cr), "op": op, "or": or_, "of1": _f1(op, or_)}


def _f1(precision: float, recall: float) -> float:
    return 2 * precision * recall / (precision + recall) if precision + recall else 0.0


def multilabel(p: Array, y: Array, thresholds: Sequence[float]) -> dict[str, Any]:
    """``map``, ``ap`` and the precision and recall figures of one set."""
    ap = average_precision(p, y)
    return {"map": float(np.nanmean(ap)), "ap": ap.tolist(), **precision_recall(p, y, thresholds)}


def single_label(p: Array, y: Array, order: Sequence[int]) -> dict[str, Any]:
    """``top1`` beside the AP figures, for exclusive classes.

    ``p`` [N, m] are all classes of the model, ``order`` the n of them that ``y`` [N, n] is about:
    an answer that is none of these counts as wrong.
    """
    ap = average_precision(p[:, order], y)
    top1 = float(np.mean(p.argmax(1) == np.asarray(order)[y.argmax(1)]))
    return {"top1": top1, "map": float(np.nanmean(ap)), "ap": ap.tolist()}


def intervals(
    figures: Callable[[NDArray[np.intp]], dict[str, Any]],
    groups: Sequence[str],
    *,
    rounds: int = ROUNDS,
    seed: int = 0,
) -> dict[str, Any]:
    """95 % percentile intervals of every figure, resampling whole groups with replacement.

    Tiles of one tray are no independent samples; drawing trays keeps the interval honest.
    """
    names = sorted(set(groups))
    members = [np.flatnonzero(np.asarray(groups) == name) for name in names]
    rng = np.random.default_rng(seed)
    drawn: dict[str, list[Any]] = {}
    for _ in range(rounds):
        chosen = rng.integers(len(members), size=len(members))
        for key, value in figures(np.concatenate([members[i] for i in chosen])).items():
            drawn.setdefault(key, []).append(value)
    return {key: _percentiles(np.asarray(values, float)) for key, values in drawn.items()}


def _percentiles(values: Array) -> list[Any]:
    with np.errstate(invalid="ignore"):
        low, high = np.nanpercentile(values, [2.5, 97.5], axis=0)
    if values.ndim == 1:
        return [float(low), float(high)]
    return [[float(a), float(b)] for a, b in zip(low, high, strict=True)]


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
        result.append(float(np.clip((scores[order][best] + below) / 2, 0.02, 0.98)))
    return result


def fit_temperature(logits: Array, y: Array, *, single: bool) -> float:
    """The temperature that minimises the negative log-likelihood, by golden-section search."""
    x, target = torch.from_numpy(logits), torch.from_numpy(y)

    def loss(log_t: float) -> float:
        z = x / float(np.exp(log_t))
        if single:
            return float(torch.nn.functional.cross_entropy(z, target.argmax(-1)))
        return float(torch.nn.functional.binary_cross_entropy_with_logits(z, target))

    low, high, ratio = np.log(0.05), np.log(20.0), (5**0.5 - 1) / 2
    for _ in range(60):
        a, b = high - ratio * (high - low), low + ratio * (high - low)
        low, high = (low, b) if loss(a) < loss(b) else (a, high)
    return float(np.exp((low + high) / 2))
