"""The parts of P2's size pipeline (section 5): boxes, and the two tests for the cube.

Pixels here are those of the **published working size**, longest side 1024 (P2, section 3): the
limits of the published code are in them. Where paper and code leave something open (how strong
a line must be, at which angle two are parallel), the choice is named below.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from math import inf

import numpy as np
from numpy.typing import NDArray

Box = tuple[int, int, int, int]
Grey = NDArray[np.uint8]
Contour = NDArray[np.int32]


@dataclass(frozen=True, slots=True)
class PaperRules:
    """The numbers of the published code.

    ``margin`` is m of eq. 1. ``lines``: the most that a cube may show; ``pairs`` of them must be
    parallel to ``tolerance_deg``. ``times``: how many cube edges long a specimen may be.
    """

    longest_px: int = 1024
    block_px: int = 127
    below: int = 40
    open_px: int = 11
    close_px: int = 9
    margin: float = 1.0
    perimeter_px: tuple[float, float] = (150, 350)
    side_px: tuple[float, float] = (50, 100)
    angles: int = 360
    lines: int = 15
    pairs: int = 2
    tolerance_deg: float = 7.0
    times: tuple[float, float] = (0.5, 25)


PUBLISHED = PaperRules()
ANY_SIZE = PaperRules(perimeter_px=(0, inf), side_px=(0, inf))


@dataclass(frozen=True, slots=True, eq=False)
class Thing:
    """A box (x, y, width, height) and the outline in it; ``contour``: int32 (n, 1, 2)."""

    box: Box
    contour: Contour


def working_grey(pixels: NDArray[np.uint8], *, longest_px: int) -> tuple[Grey, float]:
    """RGB (h, w, 3) in grey with the longest side ``longest_px``, and pixels given for each."""
    import cv2

    factor = max(pixels.shape[:2]) / longest_px
    height, width = (max(round(side / factor), 1) for side in pixels.shape[:2])
    small = cv2.resize(pixels, (width, height), interpolation=cv2.INTER_AREA)
    return np.asarray(cv2.cvtColor(small, cv2.COLOR_RGB2GRAY), np.uint8), factor


def without(grey: Grey, *, boxes: Sequence[tuple[float, float, float, float]]) -> Grey:
    """Text plates (xyxy) laid over with a uniform box, as section 3 does it.

    Its shade is that of what surrounds the plate, for otherwise the box would be one more object.
    """
    covered = grey.copy()
    for x0, y0, x1, y1 in boxes:
        inside, around = (
            np.s_[max(int(y0) - by, 0) : int(y1) + by, max(int(x0) - by, 0) : int(x1) + by]
            for by in (4, 12)
        )
        ring = np.zeros(grey.shape, bool)
        ring[around] = True
        ring[inside] = False
        covered[inside] = np.median(grey[ring]) if ring.any() else 255
    return covered


def threshold_things(grey: Grey, *, rules: PaperRules = PUBLISHED) -> list[Thing]:
    """Dark things by the published code: adaptive mean threshold → open → close → contour tree.

    Only the tree's roots count: a thing inside another belongs to it (Suzuki and Abe 1985), and
    so does one whose box lies mostly in a larger box. What is too small for the size window
    beside the smallest cube (25 px) is a speck. What is not darker than its surroundings by 40
    is not seen.
    """
    import cv2

    mask = cv2.adaptiveThreshold(
        grey, 255, cv2.ADAPTIVE_THRESH_MEAN_C, cv2.THRESH_BINARY_INV, rules.block_px, rules.below
    )
    for step, size in ((cv2.MORPH_OPEN, rules.open_px), (cv2.MORPH_CLOSE, rules.close_px)):
        shape = cv2.getStructuringElement(cv2.MORPH_ELLIPSE, (size, size))
        mask = cv2.morphologyEx(mask, step, shape)
    contours, tree = cv2.findContours(mask, cv2.RETR_TREE, cv2.CHAIN_APPROX_NONE)
    parents = [] if tree is None else tree.reshape(-1, 4)[:, 3].tolist()
    roots = [_thing(c) for c, parent in zip(contours, parents, strict=True) if parent < 0]
    least = rules.times[0] * rules.side_px[0]
    return _dominant([thing for thing in roots if max(thing.box[2:]) >= least])


def _dominant(things: list[Thing]) -> list[Thing]:
    """Without those whose box lies by more than half in a larger one."""
    kept: list[Thing] = []
    for thing in sorted(things, key=lambda thing: -thing.box[2] * thing.box[3]):
        if not any(_shared(thing.box, larger.box) > 0.5 for larger in kept):
            kept.append(thing)
    return kept


def _shared(box: Box, other: Box) -> float:
    """The part of ``box`` that lies in ``other``."""
    sides = (
        min(box[i] + box[i + 2], other[i] + other[i + 2]) - max(box[i], other[i]) for i in (0, 1)
    )
    width, height = (max(side, 0) for side in sides)
    return width * height / (box[2] * box[3])


def _thing(contour: Contour) -> Thing:
    import cv2

    x, y, width, height = cv2.boundingRect(contour)
    return Thing((x, y, width, height), contour)


def thing_in(grey: Grey, *, box: tuple[float, float, float, float]) -> Thing | None:
    """The largest outline inside a detector's box (xyxy), by Otsu's threshold; its box stays.

    None for a box outside the picture.
    """
    import cv2

    height, width = grey.shape
    x0, y0 = (max(int(value), 0) for value in box[:2])
    x1, y1 = min(int(np.ceil(box[2])), width), min(int(np.ceil(box[3])), height)
    if x1 - x0 < 2 or y1 - y0 < 2:
        return None
    crop = grey[y0:y1, x0:x1]
    _, mask = cv2.threshold(crop, 0, 255, cv2.THRESH_BINARY + cv2.THRESH_OTSU)
    if np.median(mask[[0, -1]]) > 0:  # the background is bright
        mask = 255 - mask
    contours, _ = cv2.findContours(mask, cv2.RETR_EXTERNAL, cv2.CHAIN_APPROX_NONE)
    offset = np.array([x0, y0], np.int32)
    right, low = x1 - x0 - 1, y1 - y0 - 1
    whole = np.array([[[0, 0]], [[right, 0]], [[right, low]], [[0, low]]], np.int32)
    largest = max(contours, key=cv2.contourArea, default=whole)
    return Thing((x0, y0, x1 - x0, y1 - y0), largest + offset)


def squareness(contour: Contour) -> float:
    """L²/S of eq. 1: 16 for a square, 4π for a disc; infinite for an outline without area."""
    import cv2

    area = cv2.contourArea(contour)
    return float(cv2.arcLength(contour, True) ** 2 / area) if area > 0 else float("inf")


def is_square(thing: Thing, *, rules: PaperRules = PUBLISHED) -> bool:
    """The first test: eq. 1 with the published limits of perimeter and sides.

    As published it is one-sided (L²/S ≤ 16 + m), so that a round thing passes too.
    """
    import cv2

    length = cv2.arcLength(thing.contour, True)
    return (
        squareness(thing.contour) <= 16 + rules.margin
        and rules.perimeter_px[0] <= length <= rules.perimeter_px[1]
        and all(rules.side_px[0] <= side <= rules.side_px[1] for side in thing.box[2:])
    )


def has_parallel_pairs(grey: Grey, *, box: Box, rules: PaperRules = PUBLISHED) -> bool:
    """The second test: exactly two pairs of parallel lines among at most 15 (Hough transform)."""
    angles = line_angles(grey, box=box, rules=rules)
    if not 2 * rules.pairs <= len(angles) <= rules.lines:
        return False
    between = np.abs(angles[:, None] - angles[None])
    close = np.minimum(between, 180 - between) <= rules.tolerance_deg
    return int(np.triu(close, 1).sum()) == rules.pairs


def line_angles(grey: Grey, *, box: Box, rules: PaperRules = PUBLISHED) -> NDArray[np.float64]:
    """Directions (degrees, 0…180) of the straight lines in a box, the strongest first.

    Lines are maxima of the accumulator of Canny's edges with at least half the votes of the
    strongest; one nearer than 9 px and 5° to a stronger one is the same line.
    """
    import cv2

    x, y, width, height = box
    edges = cv2.Canny(np.ascontiguousarray(grey[y : y + height, x : x + width]), 50, 150)
    least = max(min(width, height) // 4, 8)
    found = cv2.HoughLinesWithAccumulator(edges, 1, np.pi / rules.angles, least)
    if found is None:
        return np.zeros(0)
    lines = found.reshape(-1, 3).astype(np.float64)
    lines = lines[np.argsort(-lines[:, 2], kind="stable")]
    strong = lines[lines[:, 2] >= lines[0, 2] / 2]
    return _distinct(strong, most=rules.lines + 1)


def _distinct(lines: NDArray[np.float64], *, most: int) -> NDArray[np.float64]:
    """Angles of (distance, angle, votes) that are no neighbours of a stronger line."""
    kept: list[float] = []
    while len(lines) and len(kept) < most:
        distance, angle = lines[0, 0], np.degrees(lines[0, 1])
        kept.append(float(angle))
        apart = np.degrees(lines[:, 1]) - angle
        # Turned by 180°, the same line has the opposite distance.
        wrapped = np.abs(apart) > 90
        near = np.abs(np.where(wrapped, -lines[:, 0], lines[:, 0]) - distance) <= 9
        lines = lines[~(near & (np.minimum(np.abs(apart), 180 - np.abs(apart)) <= 5))]
    return np.array(kept)
