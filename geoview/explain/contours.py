"""Lines of equal evidence: a heatmap that leaves the photo's colours as they are."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import cv2
import numpy as np

from geoview.records import Heatmap

if TYPE_CHECKING:
    from numpy.typing import NDArray

LEVELS = (0.25, 0.5, 0.75)
_FINE_CELLS = 512


@dataclass(frozen=True, slots=True, eq=False)
class Contour:
    """A closed line around evidence of at least ``level`` (0 to 1 of the scale's top).

    ``points_px`` is float32 [n, 2], x and y in oriented original pixels.
    """

    level: float
    points_px: NDArray[np.float32]


def contours(heatmap: Heatmap, *, top: float, levels: tuple[float, ...] = LEVELS) -> list[Contour]:
    """The lines at ``levels`` of ``top``, the value of the brightest colour; weakest first.

    Where evidence reaches the edge of the map the line follows the edge.
    """
    if top <= 0:
        return []
    rows, cols = heatmap.values.shape
    factor = max(1, _FINE_CELLS // max(rows, cols))
    fine = cv2.resize(heatmap.values / top, (cols * factor, rows * factor))
    x0, y0, x1, y1 = heatmap.box_xyxy
    cell = np.array([(x1 - x0) / fine.shape[1], (y1 - y0) / fine.shape[0]])
    found = []
    for level in levels:
        inside = np.pad((fine >= level).astype(np.uint8), 1)
        lines, _ = cv2.findContours(inside, cv2.RETR_CCOMP, cv2.CHAIN_APPROX_NONE)
        for line in lines:
            # Cells of the padded map to the middles of the map's own cells.
            points = (line[:, 0] - 0.5) * cell + (x0, y0)
            found.append(Contour(level, points.astype(np.float32)))
    return found
