"""The maps of a photo's tiles, joined on one even grid over the photo."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np

from geoview.photos.frame import Frame

if TYPE_CHECKING:
    from numpy.typing import NDArray


def stitch(
    maps: NDArray[np.float32], *, frames: Sequence[Frame], width_px: int, height_px: int
) -> NDArray[np.float32]:
    """Tile maps [T, gh, gw] → one map (rows, cols) that covers the photo exactly.

    A cell of the result is the area-weighted mean of the tile cells that it overlaps; where
    tiles overlap they count equally, and where no tile lies the value is 0.
    """
    height, width = maps.shape[1:]
    first = _covered(frames[0])
    columns = max(1, round(width_px * width / (first[2] - first[0])))
    rows = max(1, round(height_px * height / (first[3] - first[1])))
    total = np.zeros((rows, columns))
    cover = np.zeros((rows, columns))
    for tile, frame in zip(maps, frames, strict=True):
        x0, y0, x1, y1 = _covered(frame)
        down = _overlaps(height, y0 * rows / height_px, y1 * rows / height_px, rows)
        along = _overlaps(width, x0 * columns / width_px, x1 * columns / width_px, columns)
        total += down @ tile @ along.T
        cover += np.outer(down.sum(1), along.sum(1))
    out = np.divide(total, cover, out=np.zeros_like(total), where=cover > 1e-9)
    return out.astype(np.float32)


def _covered(frame: Frame) -> tuple[float, float, float, float]:
    """The whole input in original pixels; where it is padded that is more than the photo."""
    side = float(frame.input_px)
    return frame.box_to_original((0.0, 0.0, side, side))


def _overlaps(n: int, start: float, end: float, cells: int) -> NDArray[np.float64]:
    """How much of every cell 0…cells each of n even steps from start to end covers, [cells, n]."""
    edges = np.linspace(start, end, n + 1)
    low = np.maximum(np.arange(cells)[:, None], edges[:-1])
    high = np.minimum(np.arange(1, cells + 1)[:, None], edges[1:])
    return np.asarray(np.clip(high - low, 0, None))
