"""From the found objects to what the geometry needs: the cube's region, contacts, borders."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from geoview.measure.cube import Region
from geoview.measure.objects import FoundObject, ObjectKind, Objects
from geoview.measured import Polygon

Floats = NDArray[np.float64]
CELL_CLASSES = {"specimen": 1, "cube": 2, "plate": 3, "other": 4}
# Two things meet at a neck of at most this part of the larger one's width, which is narrower than
# the smaller one by this factor; the smaller one is at least this part of both, without their rims.
NECKS, NARROWER, SMALLER = (0.15, 0.2, 0.3, 0.4), 1.6, 0.1


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


def lies_on(
    objects: Objects, *, kinds: tuple[ObjectKind, ...], shares: tuple[float, float]
) -> bool:
    """Whether anything of these kinds that lies whole in the photo has a share of its border
    between ``shares`` on the specimen."""
    things = (thing for kind in kinds for thing in objects.of(kind) if not thing.touches_frame)
    borders = (dense(thing.outline_px, step_px=objects.px_per_cell) for thing in things)
    return any(
        shares[0] < beside(border, objects, kinds=("specimen",), cells=1).mean() < shares[1]
        for border in borders
    )


def waisted(labels: NDArray[np.uint8]) -> bool:
    """Whether the largest specimen looks like two that touch: wide parts meet at a narrow neck."""
    import cv2

    count, marks, stats, _ = cv2.connectedComponentsWithStats((labels == 1).astype(np.uint8))
    if count < 2:
        return False
    largest = marks == 1 + int(stats[1:, cv2.CC_STAT_AREA].argmax())
    depth = cv2.distanceTransform(np.pad(largest.astype(np.uint8), 1), cv2.DIST_L2, 5)
    widest = depth.max()
    for neck in NECKS:
        count, marks, stats, _ = cv2.connectedComponentsWithStats(
            (depth > neck * widest).astype(np.uint8)
        )
        if count < 3:
            continue
        second = 1 + int(np.argsort(stats[1:, cv2.CC_STAT_AREA])[-2])
        share = stats[second, cv2.CC_STAT_AREA] / stats[1:, cv2.CC_STAT_AREA].sum()
        if share > SMALLER and depth[marks == second].max() > NARROWER * neck * widest:
            return True
    return False


def near_frame(points: Floats, objects: Objects) -> NDArray[np.bool_]:
    """Which points (n, 2) lie at the photo's border."""
    margin = 1.5 * objects.px_per_cell
    far = np.array([objects.width_px, objects.height_px]) - margin
    return np.asarray(((points < margin) | (points > far)).any(axis=1))
