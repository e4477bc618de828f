"""Figures of merit with 95 % bootstrap intervals: torchmetrics' wherever it has the metric.

Probabilities ``p`` are [N, m]: the first n columns are the classes that the labels ``y`` [N, n]
are about, the rest are answers of the model that are not in the data. A figure that does not
exist, as the recall of a class without photos, is NaN and left out of the means over classes.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any, Literal

import numpy as np
import torch
from numpy.typing import NDArray

from geoview.models import mend_torchvision
from geoview.training.calibration import log_loss

Array = NDArray[np.float64]
Criterion = Literal["map", "accuracy", "macro_f1", "loss"]
PER_CLASS = ("ap", "precision", "recall", "f1")
ROUNDS = 400
TOP = (1, 3, 5, 10)
BINS = 15


def _torchmetrics() -> Any:
    mend_torchvision()
    import torchmetrics.functional.classification as measures

    return measures


def average_precision(p: Array, y: Array) -> Array:
    """AP of every class, [N, n] → [n]; NaN for a class that is in none of the photos, or in all,
    where any order of them would have an AP of 1."""
    measure = _torchmetrics().binary_average_precision
    scores, target = torch.from_numpy(p), torch.from_numpy(y).long()
    result = np.full(y.shape[1], np.nan)
    for k in np.flatnonzero(y.any(0) & ~y.all(0)):
        result[k] = measure(scores[:, k], target[:, k], validate_args=False)
    return result


def single_label(p: Array, y: Array) -> dict[str, Any]:
    """Figures for exclusive classes: macro F1, top-k, AP, calibration error, and per class.

    The answer is the most probable class; one that is not in the data is wrong.
    """
    scores, truth = torch.from_numpy(p), torch.from_numpy(y.argmax(1))
    error = _torchmetrics().multiclass_calibration_error(
        scores, truth, num_classes=p.shape[1], n_bins=BINS
    )
    counts = _counts_of_answers(scores, truth)[: y.shape[1]]
    return {**_per_class(counts), **_top_k(p, y), **_map(p, y), "ece": float(error)}


def multilabel(p: Array, y: Array, thresholds: Sequence[float]) -> dict[str, Any]:
    """Figures for classes that may occur together; a class is said from its threshold on.

    CP, CR, CF1 and OP, OR, OF1 are those of P0's Table 2, macro F1 is the mean of the classes' F1.
    The calibration error is that of all single decisions together.
    """
    own = p[:, : y.shape[1]]
    error = _torchmetrics().binary_calibration_error(
        torch.from_numpy(own.flatten()), torch.from_numpy(y.flatten()).long(), n_bins=BINS
    )
    counts = _counts_of_decisions(own, y, thresholds)
    return {
        **_map(own, y), **_overall(counts), **_per_class(counts), **_top_k(p, y),
        "ece": float(error),
    }  # fmt: skip


def confusion(p: Array, y: Array, *, thresholds: Sequence[float] | None) -> NDArray[np.int64]:
    """Counts with the truth in rows and the answers in columns.

    [m, m] for exclusive classes (``thresholds`` None), else [n, 2, 2]: absent, present per class.
    """
    if thresholds is None:
        counts = _torchmetrics().multiclass_confusion_matrix(
            torch.from_numpy(p), torch.from_numpy(y.argmax(1)), num_classes=p.shape[1]
        )
        return np.asarray(counts, dtype=np.int64)
    hit, false, none, missed = _counts_of_decisions(p[:, : y.shape[1]], y, thresholds).T[:4]
    return np.stack([none, false, missed, hit], 1).reshape(-1, 2, 2).astype(np.int64)


def score(logits: Array, labels: Array, *, single: bool, criterion: Criterion) -> float:
    """How good an epoch is, from logits and labels [N, n]; higher is better.

    "map"; "accuracy": share of the items answered rightly, for multi-label those with every label
    right at 0.5 (exact match); "macro_f1", for multi-label at 0.5; "loss": the mean negative
    log-likelihood, negated. NaN where none of the classes tells anything.
    """
    if criterion == "loss":
        return -log_loss(logits, labels, single=single)
    x, truth = torch.from_numpy(logits), torch.from_numpy(labels)
    p = torch.softmax(x, -1) if single else torch.sigmoid(x)
    if criterion == "accuracy":
        right = p.argmax(-1) == truth.argmax(-1) if single else ((p >= 0.5) == (truth > 0)).all(-1)
        return float(right.double().mean())
    if criterion == "map":
        value = _mean(average_precision(p.numpy(), labels))
    else:
        half = [0.5] * labels.shape[1]
        counts = (
            _counts_of_answers(p, truth.argmax(-1))
            if single
            else _counts_of_decisions(p.numpy(), labels, half)
        )
        value = _per_class(counts)["macro_f1"]
    return float(value)


def _map(p: Array, y: Array) -> dict[str, Any]:
    ap = average_precision(p, y)
    return {"map": _mean(ap), "ap": ap.tolist()}


def _counts_of_answers(p: torch.Tensor, truth: torch.Tensor) -> Array:
    """True and false positives, true and false negatives, support of each class [m, 5]."""
    measure = _torchmetrics().multiclass_stat_scores
    return np.asarray(measure(p, truth, num_classes=p.shape[1], average="none"), dtype=np.float64)


def _counts_of_decisions(p: Array, y: Array, thresholds: Sequence[float]) -> Array:
    """As ``_counts_of_answers`` for yes or no at the thresholds."""
    measure = _torchmetrics().binary_stat_scores
    said, target = torch.from_numpy(p >= np.asarray(thresholds)), torch.from_numpy(y).long()
    rows = [
        measure(said[:, k], target[:, k], validate_args=False).tolist() for k in range(y.shape[1])
    ]
    return np.array(rows, dtype=np.float64)


def _per_class(counts: Array) -> dict[str, Any]:
    """Precision, recall and F1 of every class and their means; a class never said has 0."""
    hit, false, _, missed, support = counts.T
    real = support > 0
    figures = {
        "precision": hit / np.maximum(hit + false, 1),
        "recall": hit / np.maximum(support, 1),
        "f1": 2 * hit / np.maximum(2 * hit + false + missed, 1),
    }
    figures = {key: np.where(real, value, np.nan) for key, value in figures.items()}
    means = {f"macro_{key}": _mean(value) for key, value in figures.items()}
    return {**means, **{key: value.tolist() for key, value in figures.items()}}


def _overall(counts: Array) -> dict[str, float]:
    """CP is over all classes, CR over those that occur."""
    hit, false, _, _, support = counts.T
    said, real = hit + false, support > 0
    cp = float(np.mean(hit / np.maximum(said, 1)))
    cr = float(np.mean(hit[real] / support[real])) if real.any() else 0.0
    op, or_ = (float(hit.sum() / max(total.sum(), 1)) for total in (said, support))
    return {"cp": cp, "cr": cr, "cf1": _f1(cp, cr), "op": op, "or": or_, "of1": _f1(op, or_)}


def _f1(precision: float, recall: float) -> float:
    return 2 * precision * recall / (precision + recall) if precision + recall else 0.0


def _top_k(p: Array, y: Array) -> dict[str, float]:
    """Share of the items with a true label among the k best answers, for k below m.

    Items without any label count neither way.
    """
    labelled = y.any(1)
    best = np.argsort(-p[labelled], axis=1, kind="stable")[:, : max(TOP)]
    # Answers that are not in the data are never true.
    truth = np.pad(y[labelled] > 0, ((0, 0), (0, p.shape[1] - y.shape[1])))
    hits = np.take_along_axis(truth, best, axis=1).astype(float)
    return {f"top{k}": _mean(hits[:, :k].max(1)) for k in TOP if k < p.shape[1]}


def _mean(values: Array) -> float:
    """Mean of the figures that exist; NaN when none does."""
    known = values[~np.isnan(values)]
    return float(known.mean()) if len(known) else float("nan")


def intervals(
    figures: Callable[[NDArray[np.intp]], dict[str, Any]],
    groups: Sequence[str],
    *,
    rounds: int = ROUNDS,
    seed: int = 0,
) -> dict[str, Any]:
    """95 % percentile intervals of every figure, resampling whole groups with replacement.

    Tiles of one tray are no independent samples; drawing trays keeps the interval honest. A
    single group has no intervals: NaN.
    """
    _, numbers, sizes = np.unique(np.asarray(groups), return_inverse=True, return_counts=True)
    members = np.split(np.argsort(numbers, kind="stable"), np.cumsum(sizes)[:-1])
    rng = np.random.default_rng(seed)
    drawn: dict[str, list[Any]] = {}
    for _ in range(rounds):
        chosen = rng.integers(len(members), size=len(members))
        for key, value in figures(np.concatenate([members[i] for i in chosen])).items():
            drawn.setdefault(key, []).append(value)
    # Draws of a single group are all alike; their width of 0 would look like certainty.
    known = 1 if len(members) > 1 else np.nan
    return {key: _percentiles(known * np.asarray(values, float)) for key, values in drawn.items()}


def _percentiles(values: Array) -> list[Any]:
    """[low, high] of [rounds] values, or one pair for each column; NaN where all are."""
    if values.ndim == 2:
        return [_percentiles(column) for column in values.T]
    known = values[~np.isnan(values)]
    return np.percentile(known, [2.5, 97.5]).tolist() if len(known) else [float("nan")] * 2
