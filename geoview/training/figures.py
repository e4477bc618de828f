"""The figures of a model from its predictions: per tile or photo, and of layers and areas."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from geoview.models.card import ModelCard
from geoview.records import Prediction
from geoview.training import curves, metrics
from geoview.training.data import Task
from geoview.training.matching import Match
from geoview.training.truths import Truth

Array = NDArray[np.float64]
Predictions = dict[Path, Prediction]
# A larger table would only swell the model's card.
MOST_CLASSES_OF_CONFUSION = 100
# So many rows have exactly one label where the classes exclude each other: nearly all, or most
# where the data say that they have one, but for slips such as a photo listed twice.
NEARLY_ALL, MOST = 0.9, 0.5


@dataclass(frozen=True, slots=True)
class Rows:
    """What is measured: answers [N, m], the shared classes first, and labels [N, n].

    ``left_out`` counts rows without exactly one label where the classes are exclusive.
    """

    p: Array
    y: Array
    groups: list[str]
    names: tuple[str, ...]
    thresholds: list[float]
    exclusive: bool
    left_out: int


def by_tile(truth: Truth, prediction: Prediction) -> bool:
    """Whether the labelled tiles are those of the model: both have as many rows and columns."""
    places = [(tile.row + 1, tile.col + 1) for tile in prediction.tiles]
    return bool(places) and truth.grid == max(places)


def measurable(truth: Truth, prediction: Prediction) -> bool:
    """Whether what is labelled is what the model judged: labels of a part are none of the whole."""
    return None in truth.labels or by_tile(truth, prediction)


def rows_of(
    card: ModelCard,
    match: Match,
    truths: Sequence[Truth],
    found: Predictions,
    *,
    task: Task,
    restrict: bool,
) -> Rows:
    """Every labelled tile where data and model have the same grid, else every photo.

    The classes are exclusive where the model says so and nearly every row has exactly one label,
    or most have and the ``task`` of the data is single-label; the other rows are left out.
    """
    softmax = card.task == "single-label"
    p, y, groups = zip(*_matched(truths, found), strict=True)
    thresholds = [min(card.thresholds[k] for k in theirs) for _, theirs in match.pairs]
    values = np.array(p) if softmax else _levelled(np.array(p), card, match, thresholds)
    answers = [match.answers(row, exclusive=softmax, restrict=restrict) for row in values]
    labels = np.array(y)
    one = labels.sum(1) == 1
    exclusive = softmax and one.mean() >= (MOST if task == "single-label" else NEARLY_ALL)
    kept = np.flatnonzero(one) if exclusive else np.arange(len(one))
    return Rows(
        p=np.clip(answers, 0, 1)[kept],
        y=labels[kept],
        groups=[groups[i] for i in kept],
        names=match.names,
        thresholds=thresholds,
        exclusive=bool(exclusive),
        left_out=len(one) - len(kept),
    )


def _levelled(p: Array, card: ModelCard, match: Match, thresholds: Sequence[float]) -> Array:
    """Probabilities [N, m] of classes that merge, brought from their own thresholds to the shared.

    The largest of them then reaches it where the model says any of them, and only there.
    """
    levelled = p.copy()
    for (_, theirs), threshold in zip(match.pairs, thresholds, strict=True):
        for k in theirs if len(theirs) > 1 else ():
            levelled[:, k] = np.interp(p[:, k], [0, card.thresholds[k], 1], [0, threshold, 1])
    return levelled


def _matched(
    truths: Sequence[Truth], found: Predictions
) -> Iterator[tuple[Sequence[float], Array, str]]:
    """(probabilities, labels, group) of every labelled tile, or of the photo as a whole."""
    for truth in truths:
        prediction = found[truth.path]
        if by_tile(truth, prediction):
            tiles = {(t.row, t.col): t.probabilities for t in prediction.tiles}
            for place in sorted(place for place in truth.labels if place is not None):
                yield tiles[place], truth.labels[place], truth.group
        else:
            yield prediction.probabilities, truth.labels[None], truth.group


def presence(rows: Rows, *, with_curves: bool) -> dict[str, Any]:
    """Which classes are there: figures with intervals, counts, confusion, curves if asked."""

    def measure(chosen: NDArray[np.intp]) -> dict[str, Any]:
        if rows.exclusive:
            return metrics.single_label(rows.p[chosen], rows.y[chosen])
        return metrics.multilabel(rows.p[chosen], rows.y[chosen], rows.thresholds)

    figures = measure(np.arange(len(rows.y)))
    ci95 = metrics.intervals(measure, rows.groups)
    for key in metrics.PER_CLASS:
        figures[key], ci95[key] = _by_name(rows, figures[key]), _by_name(rows, ci95[key])
    result = {
        "n": len(rows.y),
        "positives": _by_name(rows, rows.y.sum(0).astype(int).tolist()),
        **figures,
    }
    if not rows.exclusive:
        result["thresholds"] = _by_name(rows, rows.thresholds)
    if len(rows.names) <= MOST_CLASSES_OF_CONFUSION:
        result["confusion"] = _confusion(rows)
    if with_curves:
        result["curves"] = _by_name(rows, curves.curves(rows.p, rows.y))
    return {**result, "ci95": ci95}


def _by_name(rows: Rows, values: Sequence[Any]) -> dict[str, Any]:
    return dict(zip(rows.names, values, strict=True))


def _confusion(rows: Rows) -> dict[str, Any]:
    """Rows are the truth, columns the answers; ``outside`` counts answers not in the data."""
    if not rows.exclusive:
        counts = metrics.confusion(rows.p, rows.y, thresholds=rows.thresholds)
        return {"classes": list(rows.names), "counts": counts.tolist()}
    n = len(rows.names)
    counts = metrics.confusion(rows.p, rows.y, thresholds=None)[:n]
    outside = counts[:, n:].sum(1)
    return {
        "classes": list(rows.names),
        "counts": counts[:, :n].tolist(),
        "outside": outside.tolist(),
    }


def per_photo(
    card: ModelCard, match: Match, truths: Sequence[Truth], found: Predictions, *, restrict: bool
) -> dict[str, Any]:
    """Layer accuracy, dominant lithology and area error, as far as truth and model have them.

    A model's areas always add up to 100 % of the rock: of a photo without any (of the shared
    classes, if restricted to them) no answer is right, and its error is not counted.
    """
    layered = [
        (float(layer.best == t.layer), t.group)
        for t in truths
        if (layer := found[t.path].layer) is not None and t.layer in card.layers
    ]
    measured = [
        (match.answers(area, exclusive=True, restrict=restrict), _truth_pct(t.area, restrict), t)
        for t in truths
        if t.area is not None
        and (t.area.any() or not restrict)
        and (area := found[t.path].area_pct) is not None
    ]
    result: dict[str, Any] = {"ci95": {}}
    _add_mean(result, "layer_accuracy", layered)
    if not measured:
        return result
    right = [
        (float(said.argmax() == real.argmax()), t.group) for said, real, t in measured if real.any()
    ]
    _add_mean(result, "dominant_accuracy", right)
    errors = np.array([said[: len(real)] - real for said, real, _ in measured])
    size = np.abs(errors)
    result["area_mae_points"] = dict(zip(match.names, size.mean(0).tolist(), strict=True))
    result["area_bias_points"] = dict(zip(match.names, errors.mean(0).tolist(), strict=True))
    means = [(float(mean), t.group) for mean, (_, _, t) in zip(size.mean(1), measured, strict=True)]
    _add_mean(result, "area_mae_points_mean", means)
    return result


def _truth_pct(area: Array, restrict: bool) -> Array:
    return area * (100 / area.sum() if restrict else 100)


def _add_mean(result: dict[str, Any], name: str, values: list[tuple[float, str]]) -> None:
    if not values:
        return
    array = np.array([value for value, _ in values])
    result[name] = float(array.mean())
    found = metrics.intervals(lambda i: {name: array[i].mean()}, [group for _, group in values])
    result["ci95"] |= found
