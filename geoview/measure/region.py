"""From the found objects to what the geometry needs: the cube's region, contacts, borders."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from geoview.measure.cube import Region
from geoview.measure.objects import FoundObject, Objects
from geoview.measured import Polygon

Floats = NDArray[np.float64]
CELL_CLASSES = {"specimen": 1, "cube": 2, "plate": 3, "other": 4}


def cube_region(cube: FoundObject, objects: Objects) -> Region:
    """The cube's outline, and where something other than the background borders on it."""
    outline = dense(cube.outline_px, step_px=objects.px_per_cell)
    covered = beside(outline, objects, kinds=("specimen", "plate", "other"), cells=2)
    return Region(outline, ~covered & ~near_frame(outline, objects), objects.px_per_cell)


def dense(polygon: Polygon, *, step_px: float) -> Floats:
    """Points (n, 2) along a closed polygon at most ``step_px`` apart."""
    corners = np.asarray(polygon, dtype=np.float64)
    sides = np.roll(corners, -1, axis=0) - corners
    counts = np.maximum(np.ceil(np.linalg.norm(sides, axis=1) / step_px).astype(int), 1)
    index = np.repeat(np.arange(len(corners)), counts)
    share = (np.arange(counts.sum()) - np.repeat(np.cumsum(counts) - counts, counts)) / counts[
        index
    ]
    return np.asarray(corners[index] + share[:, None] * sides[index])


def beside(
    points: Floats, objects: Objects, *, kinds: tuple[str, ...], cells: int
) -> NDArray[np.bool_]:
    """Which points (n, 2) have one of ``kinds`` within ``cells`` cells."""
    wanted = np.isin(objects.labels, [CELL_CLASSES[kind] for kind in kinds])
    height, width = wanted.shape
    column, row = np.floor(points / objects.px_per_cell).astype(int).T
    found = np.zeros(len(points), dtype=bool)
    for dy in range(-cells, cells + 1):
        for dx in range(-cells, cells + 1):
            y, x = np.clip(row + dy, 0, height - 1), np.clip(column + dx, 0, width - 1)
            found |= wanted[y, x]
    return found


def near_frame(points: Floats, objects: Objects) -> NDArray[np.bool_]:
    """Which points (n, 2) lie at the photo's border."""
    margin = 1.5 * objects.px_per_cell
    far = np.array([objects.width_px, objects.height_px]) - margin
    return np.asarray(((points < margin) | (points > far)).any(axis=1))
