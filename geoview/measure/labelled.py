"""Objects from a map of labels that was made elsewhere or drawn by hand."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
from numpy.typing import NDArray

from geoview.measure.objects import KINDS, FoundObject, ObjectKind, Objects

# Smaller regions are crumbs; the unit is cells.
LEAST_CELLS = 12
# Outlines are drawn this much finer than the cells.
_FINER = 4


def objects_of_labels(labels: NDArray[np.uint8], *, width_px: int, height_px: int) -> Objects:
    """The connected regions of a map (h, w): 0 background, 1 specimen, 2 cube, 3 plate, 4 other.

    ``width_px`` and ``height_px``: of the oriented original, which the map shows whole.
    """
    px_per_cell = width_px / labels.shape[1]
    found = [
        _object(part, corner, labels.shape, kind=kind, px_per_cell=px_per_cell)
        for number, kind in enumerate(KINDS, start=1)
        for part, corner in _parts(labels == number)
    ]
    found.sort(key=lambda thing: -thing.area_px)
    return Objects(tuple(found), labels, px_per_cell, width_px, height_px)


def _parts(mask: NDArray[np.bool_]) -> Iterator[tuple[NDArray[np.bool_], tuple[int, int]]]:
    """Each connected region, cut out, and where its upper left cell is (x, y)."""
    import cv2

    count, parts, stats, _ = cv2.connectedComponentsWithStats(mask.astype(np.uint8))
    for part in range(1, count):
        x, y, width, height, cells = (int(value) for value in stats[part])
        if cells >= LEAST_CELLS:
            yield parts[y : y + height, x : x + width] == part, (x, y)


def _object(
    part: NDArray[np.bool_],
    corner: tuple[int, int],
    shape: tuple[int, ...],
    *,
    kind: ObjectKind,
    px_per_cell: float,
) -> FoundObject:
    (x, y), (height, width) = corner, part.shape
    box = np.array([x, y, x + width, y + height]) * px_per_cell
    outline = (_outline(part) + np.array(corner)) * px_per_cell
    return FoundObject(
        kind=kind,
        outline_px=tuple((float(a), float(b)) for a, b in outline),
        box_xyxy=(float(box[0]), float(box[1]), float(box[2]), float(box[3])),
        confidence=1.0,
        touches_frame=x == 0 or y == 0 or x + width == shape[1] or y + height == shape[0],
        area_px=float(part.sum() * px_per_cell**2),
    )


def _outline(region: NDArray[np.bool_]) -> NDArray[np.float64]:
    """The longest outer contour (n, 2) of a region (h, w), in cells, smooth between cells."""
    import cv2

    padded = np.pad(region.astype(np.uint8) * 255, 2)
    fine = cv2.resize(padded, None, fx=_FINER, fy=_FINER, interpolation=cv2.INTER_CUBIC)
    contours, _ = cv2.findContours(
        (fine > 127).astype(np.uint8), cv2.RETR_EXTERNAL, cv2.CHAIN_APPROX_NONE
    )
    points = max(contours, key=cv2.contourArea)[:, 0].astype(np.float64)
    # A contour runs through the middles of the outermost fine cells, half a cell too far in.
    away = points - points.mean(axis=0)
    away /= np.maximum(np.linalg.norm(away, axis=1, keepdims=True), 1e-9)
    return np.asarray((points + 0.5 + 0.5 * away)[::2] / _FINER - 2)
