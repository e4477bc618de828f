"""From the found objects to what the geometry needs: the cube's region, contacts, borders."""

from __future__ import annotations

from collections.abc import Iterator

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
NECKS, NARROWER, SMALLER = (0.15, 0.2, 0.3, 0.4, 0.5, 0.55), 1.6, 0.1

# Half-widths of what is cut off a supposed cube, as parts of the square root of its area, the part
# of it that is worth the cut, and the cells across it in which that is done.
TAILS, LEAST_TRIMMED, TRIM_CELLS = (0.1, 0.18), 0.02, 300


def cube_region(cube: FoundObject, objects: Objects) -> Region:
    """The cube's outline, and where something other than the background borders on it."""
    return _region(border(cube, objects), objects)


def trimmed(cube: FoundObject, objects: Objects) -> Iterator[Region]:
    """The cube's region without what sticks out of it, slim things first: shadows and things beside
    it were taken for a part. Where it is cut, its border is not its own."""
    import cv2

    outline = np.asarray(cube.outline_px, dtype=np.float64)
    px_per_cell = float(np.ptp(outline, axis=0).max()) / TRIM_CELLS
    low = outline.min(axis=0) - 4 * px_per_cell
    points = np.round((outline - low) / px_per_cell).astype(np.int32)
    width, height = points.max(axis=0) + 5
    whole = cv2.fillPoly(np.zeros((height, width), np.uint8), [points], 1)
    for share in TAILS:
        radius = round(share * float(np.sqrt(whole.sum())))
        kept = _largest(_opened(whole, radius))
        lost = whole - kept
        if kept.any() and lost.sum() > LEAST_TRIMMED * whole.sum():
            contours, _ = cv2.findContours(kept, cv2.RETR_EXTERNAL, cv2.CHAIN_APPROX_NONE)
            along = max(contours, key=len)[:, 0]
            # Opening rounds corners too; what it takes there is thin.
            cut = cv2.dilate(_opened(lost, 2), np.ones((7, 7), np.uint8)) > 0
            own = ~cut[along[:, 1], along[:, 0]]
            yield _region(along * px_per_cell + low, objects, own=own)


def _opened(mask: NDArray[np.uint8], radius: int) -> NDArray[np.uint8]:
    import cv2

    disc = cv2.getStructuringElement(cv2.MORPH_ELLIPSE, (2 * radius + 1, 2 * radius + 1))
    return np.asarray(cv2.morphologyEx(mask, cv2.MORPH_OPEN, disc), np.uint8)


def _largest(mask: NDArray[np.uint8]) -> NDArray[np.uint8]:
    """The largest connected part of a mask."""
    import cv2

    count, marks, stats, _ = cv2.connectedComponentsWithStats(mask)
    if count < 2:
        return mask
    largest = 1 + int(stats[1:, cv2.CC_STAT_AREA].argmax())
    return np.asarray(marks == largest, np.uint8)


def _region(outline: Floats, objects: Objects, *, own: NDArray[np.bool_] | bool = True) -> Region:
    covered = beside(outline, objects, kinds=("specimen", "plate", "other"), cells=2)
    return Region(outline, ~covered & ~near_frame(outline, objects) & own, objects.px_per_cell)


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

    specimen = _largest((labels == SPECIMEN).astype(np.uint8))
    if not specimen.any():
        return False
    x, y, w, h = cv2.boundingRect(specimen)
    alone = np.pad(specimen[y : y + h, x : x + w], 1)
    # A glint is a hole, not a waist.
    around, _ = cv2.findContours(alone, cv2.RETR_EXTERNAL, cv2.CHAIN_APPROX_NONE)
    alone = cv2.drawContours(alone, around, -1, 1, cv2.FILLED)
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
