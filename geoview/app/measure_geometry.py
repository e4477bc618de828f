"""Geometry of what is edited in the photo, in oriented original pixels; no Qt here."""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np

from geoview.measured import Point

_MOST_POINTS = 32


def corner_moved(corners: Sequence[Point], which: int, to: Point) -> tuple[Point, ...]:
    """A rectangle after one corner moved: the opposite corner and the directions stay."""
    opposite = corners[(which + 2) % 4]
    after, before = (which + 1) % 4, (which - 1) % 4
    moved = list(corners)
    moved[which] = to
    for neighbour in (after, before):
        along = _direction(opposite, corners[neighbour])
        reach = (to[0] - opposite[0]) * along[0] + (to[1] - opposite[1]) * along[1]
        moved[neighbour] = (opposite[0] + reach * along[0], opposite[1] + reach * along[1])
    return tuple(moved)


def turned(corners: Sequence[Point], *, towards: Point) -> tuple[Point, ...]:
    """A rectangle turned about its middle until its knob points ``towards`` a place."""
    middle, now = centre(corners), knob(corners)
    angle = math.atan2(towards[1] - middle[1], towards[0] - middle[0]) - math.atan2(
        now[1] - middle[1], now[0] - middle[0]
    )
    cos, sin = math.cos(angle), math.sin(angle)
    return tuple(
        (
            middle[0] + (x - middle[0]) * cos - (y - middle[1]) * sin,
            middle[1] + (x - middle[0]) * sin + (y - middle[1]) * cos,
        )
        for x, y in corners
    )


def knob(corners: Sequence[Point], *, reach: float = 1.0) -> Point:
    """Where the handle that turns a rectangle sits: ``reach`` outside the middle of its first
    side."""
    (ax, ay), (bx, by) = corners[0], corners[1]
    middle = centre(corners)
    side = ((ax + bx) / 2, (ay + by) / 2)
    out = _direction(middle, side)
    return (side[0] + out[0] * reach, side[1] + out[1] * reach)


def centre(points: Sequence[Point]) -> Point:
    return (
        sum(x for x, _ in points) / len(points),
        sum(y for _, y in points) / len(points),
    )


def rectangle(middle: Point, width: float, height: float) -> tuple[Point, ...]:
    """Corners of an upright rectangle, from the upper left clockwise."""
    x, y, w, h = *middle, width / 2, height / 2
    return ((x - w, y - h), (x + w, y - h), (x + w, y + h), (x - w, y + h))


def simplified(outline: Sequence[Point], *, most: int = _MOST_POINTS) -> tuple[Point, ...]:
    """The outline with at most ``most`` of its points, so that a person can move them."""
    if len(outline) <= most:
        return tuple(outline)
    import cv2

    curve = np.asarray(outline, dtype=np.float32).reshape(-1, 1, 2)
    spread = float(np.ptp(curve, axis=0).max())
    tolerance = spread / 2000
    found = curve
    while len(found) > most:
        found = cv2.approxPolyDP(curve, tolerance, True)
        tolerance *= 1.25
    return tuple((float(x), float(y)) for x, y in found.reshape(-1, 2))


def nearest_edge(points: Sequence[Point], place: Point) -> tuple[int, float]:
    """The closed outline's edge nearest to a place: its first point's index, and how far it is."""
    best, least = 0, math.inf
    for i, start in enumerate(points):
        distance = _to_segment(place, start, points[(i + 1) % len(points)])
        if distance < least:
            best, least = i, distance
    return best, least


def _to_segment(place: Point, start: Point, end: Point) -> float:
    dx, dy = end[0] - start[0], end[1] - start[1]
    square = dx * dx + dy * dy
    along = ((place[0] - start[0]) * dx + (place[1] - start[1]) * dy) / square if square else 0.0
    along = min(max(along, 0.0), 1.0)
    return math.dist(place, (start[0] + along * dx, start[1] + along * dy))


def _direction(start: Point, end: Point) -> Point:
    length = math.dist(start, end)
    if length == 0:
        return (1.0, 0.0)
    return ((end[0] - start[0]) / length, (end[1] - start[1]) / length)
