"""Precision-recall curves of the classes: their points, as CSV, JSON or a drawing (SVG)."""

from __future__ import annotations

import csv
import io
import json
from collections.abc import Mapping
from html import escape

import numpy as np
import torch
from numpy.typing import NDArray

from geoview.errors import DataError
from geoview.models import mend_torchvision
from geoview.taxonomy import lithology

Curve = dict[str, list[float]]
SUFFIXES = (".csv", ".json", ".svg")
_COLUMNS, _SIDE, _GAP = 5, 140, 34


def curves(p: NDArray[np.float64], y: NDArray[np.float64]) -> list[Curve]:
    """Of every class of ``y`` [N, n], ``threshold``, ``precision``, ``recall`` by rising threshold.

    ``p`` [N, m ≥ n] are the probabilities. The last point, recall 0, has no threshold and is left
    out; a class without positives has no points.
    """
    mend_torchvision()
    from torchmetrics.functional.classification import binary_precision_recall_curve

    result: list[Curve] = []
    for k in range(y.shape[1]):
        points: tuple[list[float], ...] = ([], [], [])
        if y[:, k].any():
            found = binary_precision_recall_curve(
                torch.from_numpy(p[:, k]), torch.from_numpy(y[:, k]).long()
            )
            precision, recall, thresholds = (values.tolist() for values in found)
            points = (thresholds, precision[:-1], recall[:-1])
        result.append(dict(zip(("threshold", "precision", "recall"), points, strict=True)))
    return result


def written(found: Mapping[str, Curve], *, suffix: str) -> str:
    """The text of a file of that kind, with the curve of every class. Raises DataError."""
    check_suffix(suffix)
    return {".csv": _csv, ".json": _json, ".svg": _svg}[suffix.lower()](found)


def check_suffix(suffix: str) -> None:
    """Refuse a kind of file that curves cannot be written as, before any work. Raises DataError."""
    if suffix.lower() not in SUFFIXES:
        raise DataError(f"Curves are written as {', '.join(SUFFIXES)}, not as “{suffix}”.")


def _csv(found: Mapping[str, Curve]) -> str:
    stream = io.StringIO(newline="")
    writer = csv.writer(stream, lineterminator="\n")
    writer.writerow(("class", "threshold", "precision", "recall"))
    for name, curve in found.items():
        points = zip(curve["threshold"], curve["precision"], curve["recall"], strict=True)
        writer.writerows((name, *point) for point in points)
    return stream.getvalue()


def _json(found: Mapping[str, Curve]) -> str:
    return json.dumps(found, indent=1, ensure_ascii=False) + "\n"


def _svg(found: Mapping[str, Curve]) -> str:
    """A small square a class."""
    step = _SIDE + _GAP
    width = min(len(found), _COLUMNS) * step + _GAP
    height = -(-len(found) // _COLUMNS) * step + _GAP
    panels = (
        _panel(name, curve, x=_GAP + k % _COLUMNS * step, y=_GAP + k // _COLUMNS * step)
        for k, (name, curve) in enumerate(found.items())
    )
    return (
        f'<svg xmlns="http://www.w3.org/2000/svg" width="{width}" height="{height}" '
        f'font-family="sans-serif" font-size="11">\n<rect width="100%" height="100%" '
        f'fill="white"/>\n<text x="{_GAP}" y="13">Precision up, recall right, 0 to 1</text>\n'
        f"{''.join(panels)}</svg>\n"
    )


def _panel(name: str, curve: Curve, *, x: int, y: int) -> str:
    points = " ".join(
        f"{recall * _SIDE:.1f},{(1 - precision) * _SIDE:.1f}"
        for recall, precision in zip(curve["recall"], curve["precision"], strict=True)
    )
    return (
        f'<g transform="translate({x} {y})"><text y="-5">{escape(name)}</text>'
        f'<rect width="{_SIDE}" height="{_SIDE}" fill="none" stroke="#bbbbbb"/>'
        f'<polyline points="{points}" fill="none" stroke="{lithology(name).colour}" '
        f'stroke-width="2"/></g>\n'
    )
