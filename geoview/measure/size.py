"""Lengths of an outline: minimum-area rectangle, upright box, calliper widths, area.

Pure geometry on points in double precision; the unit of the answer is that of the points.
"""

from __future__ import annotations

from dataclasses import asdict

import numpy as np
from numpy.typing import NDArray

from geoview.measured import Polygon, Scale, Size

Floats = NDArray[np.float64]


def hull(points: Floats) -> Floats:
    """Corners (h, 2) of the convex hull of points (n, 2); two or one when they lie on a line."""
    order = np.unique(points, axis=0)
    if len(order) < 3 or np.linalg.matrix_rank(order - order[0], tol=1e-9) < 2:
        return order[[0, -1]] if len(order) > 1 else order
    from scipy.spatial import ConvexHull

    return np.asarray(order[ConvexHull(order).vertices])


def smallest_rectangle(points: Floats) -> Floats:
    """Corners (4, 2) in order of the rectangle of least area around points (n, 2).

    One of its sides lies along a side of the convex hull (Freeman and Shapira, 1975), so all of
    those are tried at once.
    """
    corners = hull(points)
    along, across, u, v = _turned(corners)
    best = int((np.ptp(u, axis=0) * np.ptp(v, axis=0)).argmin())
    low_u, high_u = u[:, best].min(), u[:, best].max()
    low_v, high_v = v[:, best].min(), v[:, best].max()
    frame = np.array([[low_u, low_v], [high_u, low_v], [high_u, high_v], [low_u, high_v]])
    return np.asarray(frame @ np.stack([along[best], across[best]]))


def size_of(outline: Polygon) -> Size:
    """All lengths of a polygon of at least three points that are not on a line.

    Raises ValueError for fewer.
    """
    points = np.asarray(outline, dtype=np.float64)
    if len(points) < 3 or len(corners := hull(points)) < 3:
        raise ValueError("an outline needs three points that are not on a line")
    rectangle = smallest_rectangle(corners)
    sides = np.linalg.norm(rectangle[1:3] - rectangle[:2], axis=1)
    box = np.ptp(points, axis=0)
    return Size(
        length=float(sides.max()),
        width=float(sides.min()),
        box_width=float(box[0]),
        box_height=float(box[1]),
        feret_max=float(np.linalg.norm(corners[:, None] - corners[None], axis=-1).max()),
        feret_min=_least_width(corners),
        area=_area(points),
    )


def scaled(size: Size, mm_per_px: float) -> Size:
    """A size in pixels as millimetres."""
    values = {name: value * mm_per_px for name, value in asdict(size).items()}
    return Size(**values | {"area": size.area * mm_per_px**2})


def half_width_mm(
    length_px: float, *, scale: Scale, edge_pm_px: float, otherwise_px: float = 0.0
) -> float:
    """Half-width of the 95 % interval of a length: its scale's, ``edge_pm_px`` at each end, and by
    how much it is another in a rectangle that lies otherwise."""
    inside_px = np.hypot(np.sqrt(2) * edge_pm_px, otherwise_px)
    return float(np.hypot(length_px * scale.pm_mm_per_px, inside_px * scale.mm_per_px))


def otherwise_px(outline: Polygon, *, edge_pm_px: float) -> tuple[float, float]:
    """By how much length and width are others in those rectangles around an outline that may be
    the smallest if the outline runs up to ``edge_pm_px`` elsewhere.

    Around a thing about as wide as long, rectangles that lie quite differently are nearly as small.
    """
    _, _, u, v = _turned(hull(np.asarray(outline, dtype=np.float64)))
    sides = np.sort([np.ptp(u, axis=0), np.ptp(v, axis=0)], axis=0)
    smallest = sides[:, sides.prod(axis=0).argmin()]
    least = np.maximum(sides - edge_pm_px, 0).prod(axis=0)
    rivals = sides[:, least <= (smallest + edge_pm_px).prod()]
    width, length = np.abs(rivals - smallest[:, None]).max(axis=1)
    return float(length), float(width)


def _turned(corners: Floats) -> tuple[Floats, Floats, Floats, Floats]:
    """Unit vectors (s, 2) along and across each side of a hull, and where its corners lie (h, s)
    along either."""
    along = _directions(corners)
    across = np.stack([-along[:, 1], along[:, 0]], axis=1)
    return along, across, corners @ along.T, corners @ across.T


def _directions(corners: Floats) -> Floats:
    sides = np.roll(corners, -1, axis=0) - corners
    lengths = np.linalg.norm(sides, axis=1)
    return np.asarray(sides[lengths > 0] / lengths[lengths > 0, None])


def _least_width(corners: Floats) -> float:
    """The least calliper width: one jaw lies along a side of the hull."""
    along = _directions(corners)
    across = corners @ np.stack([-along[:, 1], along[:, 0]])
    return float(np.ptp(across, axis=0).min())


def _area(points: Floats) -> float:
    x, y = (points - points.mean(axis=0)).T
    return float(abs(np.dot(x, np.roll(y, -1)) - np.dot(y, np.roll(x, -1))) / 2)
