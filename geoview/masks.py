"""Masks of a photo in oriented original pixels: packed, and as outlines along the pixels' edges."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from geoview.records import BoxXYXY

if TYPE_CHECKING:
    from numpy.typing import NDArray

Ring = tuple[tuple[int, int], ...]
# Steps along x and y of the four ways a border can go, in clockwise order on the screen.
_STEPS = ((1, 0), (0, 1), (-1, 0), (0, -1))


@dataclass(frozen=True, slots=True)
class Mask:
    """Which pixels of a photo belong to a class, packed as COCO does.

    ``counts`` are the lengths of the runs down the columns, one column after the other, in turn
    outside and inside, beginning with outside (perhaps 0).
    """

    width_px: int
    height_px: int
    counts: tuple[int, ...]

    @property
    def area_px(self) -> int:
        return sum(self.counts[1::2])

    @property
    def share(self) -> float:
        """Part of the photo that is inside, 0…1."""
        return self.area_px / (self.width_px * self.height_px)

    @property
    def box_xyxy(self) -> BoxXYXY:
        """The smallest upright box around the inside; four zeros when there is none."""
        inside = unpack(self)
        columns, rows = np.flatnonzero(inside.any(0)), np.flatnonzero(inside.any(1))
        if not len(columns):
            return 0.0, 0.0, 0.0, 0.0
        return float(columns[0]), float(rows[0]), float(columns[-1] + 1), float(rows[-1] + 1)


@dataclass(frozen=True, slots=True)
class Outline:
    """One connected piece of a mask: its border, and those of its holes.

    Points are corners of pixels; the rings are closed, their first point is not repeated.
    """

    border: Ring
    holes: tuple[Ring, ...] = ()


def pack(inside: NDArray[np.bool_]) -> Mask:
    """Pack a mask of shape (height, width)."""
    height, width = inside.shape
    flat = inside.ravel(order="F")
    changes = np.flatnonzero(flat[1:] != flat[:-1]) + 1
    edges = np.concatenate([[0], changes, [len(flat)]])
    counts = np.diff(edges).tolist()
    if len(flat) and flat[0]:
        counts.insert(0, 0)
    return Mask(width, height, tuple(counts))


def unpack(mask: Mask) -> NDArray[np.bool_]:
    """The mask as bool of shape (height, width)."""
    values = np.arange(len(mask.counts)) % 2 == 1
    flat = np.repeat(values, mask.counts)
    return flat.reshape(mask.width_px, mask.height_px).T


def empty(width_px: int, height_px: int) -> Mask:
    """A mask without any inside."""
    return Mask(width_px, height_px, (width_px * height_px,))


def outlines(mask: Mask, *, within_px: float = 0.0) -> tuple[Outline, ...]:
    """The pieces of a mask, the largest first; pixels that only touch at a corner are two pieces.

    The outlines enclose exactly the pixels of the mask. With ``within_px`` they are simpler and
    at most so far away: steps become slants.
    """
    import cv2

    inside = unpack(mask).astype(np.uint8)
    number, labels, stats, _ = cv2.connectedComponentsWithStats(inside, connectivity=4)
    order = sorted(range(1, number), key=lambda i: -int(stats[i, cv2.CC_STAT_AREA]))
    pieces = (_piece(labels, i, stats[i]) for i in order)
    return tuple(_simpler(piece, within_px) for piece in pieces) if within_px else tuple(pieces)


def _piece(labels: NDArray[np.int32], number: int, stats: NDArray[np.int32]) -> Outline:
    x, y, width, height = (int(v) for v in stats[:4])
    rings = _rings(labels[y : y + height, x : x + width] == number)
    moved = [tuple((px + x, py + y) for px, py in ring) for ring in rings]
    moved.sort(key=_signed_area, reverse=True)
    return Outline(moved[0], tuple(moved[1:]))


def _simpler(piece: Outline, within_px: float) -> Outline:
    holes = tuple(_fewer(hole, within_px) for hole in piece.holes)
    return Outline(_fewer(piece.border, within_px), holes)


def _fewer(ring: Ring, within_px: float) -> Ring:
    import cv2

    line = cv2.approxPolyDP(np.array(ring, np.int32), within_px, True)[:, 0].tolist()
    return tuple((x, y) for x, y in line) if len(line) >= 3 else ring


def _rings(inside: NDArray[np.bool_]) -> list[Ring]:
    """Borders of one connected piece: clockwise on the screen, its holes the other way round."""
    ways = _borders(inside)
    crossings = {point for point, going in ways.items() if len(going) > 1}
    rings = []
    while ways:
        at = next(iter(ways))
        heading: int | None = ways[at][0]
        steps = []
        while heading is not None:
            steps.append((at, heading))
            ways[at].remove(heading)
            if not ways[at]:
                del ways[at]
            at = (at[0] + _STEPS[heading][0], at[1] + _STEPS[heading][1])
            heading = _next(ways.get(at, []), heading, crosses=at in crossings)
        before = [heading for _, heading in (steps[-1], *steps[:-1])]
        rings.append(tuple(p for (p, now), then in zip(steps, before, strict=True) if now != then))
    return rings


def _next(going: list[int], heading: int, *, crosses: bool) -> int | None:
    """The way on from a corner; None where the ring closes.

    Where two pixels touch at a corner the right turn keeps to the same pixel.
    """
    wanted = (heading + 1) % 4 if crosses else next(iter(going), None)
    return wanted if wanted in going else None


def _borders(inside: NDArray[np.bool_]) -> dict[tuple[int, int], list[int]]:
    """From every corner on a border, the ways it goes on with the inside on its right."""
    padded = np.pad(inside, 1)
    here = padded[1:-1, 1:-1]
    ways: dict[tuple[int, int], list[int]] = {}
    beside = (
        (padded[:-2, 1:-1], (0, 0)),  # above: along the top edge to the right
        (padded[1:-1, 2:], (1, 0)),  # right: down
        (padded[2:, 1:-1], (1, 1)),  # below: to the left
        (padded[1:-1, :-2], (0, 1)),  # left: up
    )
    for way, (other, (dx, dy)) in enumerate(beside):
        for y, x in np.argwhere(here & ~other).tolist():
            ways.setdefault((x + dx, y + dy), []).append(way)
    return ways


def _signed_area(ring: Ring) -> float:
    x, y = np.array(ring, dtype=np.float64).T
    return float(x @ np.roll(y, -1) - y @ np.roll(x, -1)) / 2
