"""From the found objects to what the geometry needs: the cube's region, contacts, borders."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from geoview.measure.cube import Region
from geoview.measure.looking import SPECIMEN
from geoview.measure.objects import KINDS, FoundObject, ObjectKind, Objects
from geoview.measured import Polygon

Floats = NDArray[np.float64]
CELL_CLASSES = {kind: label for label, kind in enumerate(KINDS, start=1)}
# Two things meet at a neck of at most this part of the larger one's width, which is narrower than
# the smaller one by this factor; the smaller one is at least this part of both, without their rims.
NECKS, NARROWER, SMALLER = (0.15, 0.2, 0.3, 0.4), 1.6, 0.1


def cube_region(cube: FoundObject, objects: Objects) -> Region:
    """The cube's outline, and where something other than the background borders on it."""
    outline = border(cube, objects)
    covered = beside(outline, objects, kinds=("specimen", "plate", "other"), cells=2)
    return Region(outline, ~covered & ~near_frame(outline, objects), objects.px_per_cell)


def border(thing: FoundObject, objects: Objects) -> Floats:
    """Points (n, 2) along its outline, a cell apart or nearer."""
    return dense(thing.outline_px, step_px=objects.px_per_cell)


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
    points: Floats, objects: Objects, *, kinds: tuple[ObjectKind, ...], cells: int
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
    return any(
        shares[0]
        < beside(border(thing, objects), objects, kinds=("specimen",), cells=1).mean()
        < shares[1]
        for thing in things
    )


def waisted(labels: NDArray[np.uint8]) -> bool:
    """Whether the largest specimen looks like two that touch: wide parts meet at a narrow neck."""
    import cv2

    count, marks, stats, _ = cv2.connectedComponentsWithStats((labels == SPECIMEN).astype(np.uint8))
    if count < 2:
        return False
    largest = 1 + int(stats[1:, cv2.CC_STAT_AREA].argmax())
    x, y, w, h = stats[largest, :4]
    alone = np.pad((marks[y : y + h, x : x + w] == largest).astype(np.uint8), 1)
    depth = cv2.distanceTransform(alone, cv2.DIST_L2, 5)
    return any(_parted(depth, at=neck * float(depth.max())) for neck in NECKS)


def _parted(depth: NDArray[np.float32], *, at: float) -> bool:
    """Whether what lies deeper than ``at`` are two large parts, both much wider than that."""
    import cv2

    count, marks, stats, _ = cv2.connectedComponentsWithStats((depth > at).astype(np.uint8))
    if count < 3:
        return False
    areas = stats[1:, cv2.CC_STAT_AREA]
    second = int(np.argsort(areas)[-2])
    widest = float(depth[marks == 1 + second].max())
    return bool(areas[second] > SMALLER * areas.sum()) and widest > NARROWER * at


def near_frame(points: Floats, objects: Objects) -> NDArray[np.bool_]:
    """Which points (n, 2) lie at the photo's border."""
    margin = 1.5 * objects.px_per_cell
    far = np.array([objects.width_px, objects.height_px]) - margin
    return np.asarray(((points < margin) | (points > far)).any(axis=1))
