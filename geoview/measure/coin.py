"""Scale from a coin: an ellipse to sub-pixel edges, whose major axis is the diameter.

A disc seen obliquely is an ellipse; its long axis is not foreshortened. The coin lies on the
table: see ``geoview.measure.scales`` about planes.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from math import cos, hypot, radians, sin, sqrt

import numpy as np
from numpy.typing import NDArray

from geoview.measure.scales import ON_TABLE, made
from geoview.measured import Scale
from geoview.records import BoxXYXY

COINS_MM: dict[str, float] = {
    "1 euro cent": 16.25,
    "2 euro cent": 18.75,
    "5 euro cent": 21.25,
    "10 euro cent": 19.75,
    "20 euro cent": 22.25,
    "50 euro cent": 24.25,
    "1 euro": 23.25,
    "2 euro": 25.75,
    "US cent": 19.05,
    "US nickel": 21.21,
    "US dime": 17.91,
    "US quarter": 24.26,
    "US half dollar": 30.61,
    "US dollar": 26.49,
    "UK penny": 20.3,
    "UK 2 pence": 25.9,
    "UK 5 pence": 18.0,
    "UK 10 pence": 24.5,
    "UK 2 pounds": 28.4,
    "10 kopecks": 17.5,
    "50 kopecks": 19.5,
    "1 rouble": 20.5,
    "2 roubles": 23.0,
    "5 roubles": 25.0,
    "10 roubles": 22.0,
    "Swiss 5 centimes": 17.15,
    "Swiss 10 centimes": 19.15,
    "Swiss 20 centimes": 21.05,
    "Swiss half franc": 18.2,
    "Swiss franc": 23.2,
    "Swiss 2 francs": 27.4,
    "Swiss 5 francs": 31.45,
    "Canadian quarter": 23.88,
    "1 yen": 20.0,
    "10 yen": 23.5,
    "100 yen": 22.6,
}
"""Diameters as the mints give them; coins in circulation today, round ones only."""

Floats = NDArray[np.float64]

_RAYS = 180
_LEAST_RAYS = 60  # a third of the rim
_LEAST_PX = 16.0
_NEAR_PX = 1.5


@dataclass(frozen=True, slots=True)
class Ellipse:
    """Centre, long and short diameter, and the long one's direction (degrees from x towards y).

    ``pm_px``: 95 % half-width of the diameters. ``seen``: how many of 180 parts of the rim.
    """

    x: float
    y: float
    long: float
    short: float
    angle_deg: float
    pm_px: float = 0.0
    seen: int = 0


def from_coin(
    pixels: NDArray[np.uint8],
    *,
    box_px: BoxXYXY,
    diameter_mm: float,
    px_per_cell: float = 1.0,
    plane_pm: float = ON_TABLE,
) -> Scale | None:
    """From the coin in ``box_px`` (original pixels, drawn roughly round it; it may touch the rim).

    ``pixels``: uint8 (h, w, 3), one of them ``px_per_cell`` original pixels. None when no rim
    that is nearly an ellipse is there.
    """
    ellipse = fit(pixels, box_px=_scaled(box_px, 1 / px_per_cell))
    if ellipse is None:
        return None
    return from_ellipse(
        ellipse, diameter_mm=diameter_mm, px_per_cell=px_per_cell, plane_pm=plane_pm
    )


def from_ellipse(
    ellipse: Ellipse, *, diameter_mm: float, px_per_cell: float = 1.0, plane_pm: float = ON_TABLE
) -> Scale:
    """From a coin's fitted rim; ``reference_px`` are the ends of both axes in order."""
    along = np.array([cos(radians(ellipse.angle_deg)), sin(radians(ellipse.angle_deg))])
    across = np.array([-along[1], along[0]])
    centre = np.array([ellipse.x, ellipse.y])
    long, short = along * ellipse.long / 2, across * ellipse.short / 2
    ends = [centre + arm for arm in (long, short, -long, -short)]
    return made(
        "coin",
        mm=diameter_mm,
        px=ellipse.long * px_per_cell,
        pm_px=ellipse.pm_px * px_per_cell,
        plane_pm=plane_pm,
        points=tuple((float(x), float(y)) for x, y in np.array(ends) * px_per_cell),
    )


def _scaled(box: BoxXYXY, factor: float) -> BoxXYXY:
    x0, y0, x1, y1 = (value * factor for value in box)
    return x0, y0, x1, y1


def fit(pixels: NDArray[np.uint8], *, box_px: BoxXYXY) -> Ellipse | None:
    """The rim in a box of ``pixels``: the strongest edge on rays from the middle, by RANSAC."""
    x0, y0, x1, y1 = box_px
    if min(x1 - x0, y1 - y0) < _LEAST_PX:
        return None
    points = _rim(pixels, centre=((x0 + x1) / 2, (y0 + y1) / 2), radii=((x1 - x0), (y1 - y0)))
    return _outermost(points) if len(points) >= _LEAST_RAYS else None


def _rim(
    pixels: NDArray[np.uint8], *, centre: tuple[float, float], radii: tuple[float, float]
) -> NDArray[np.float32]:
    """Up to three edges on each ray between 0.6 and 1.3 of the box's inscribed ellipse.

    (n, 3): x, y, and the place between the box's middle (0) and the inscribed ellipse (1).
    """
    import cv2

    share = np.linspace(0.6, 1.3, max(int(0.7 * max(radii)), 24))
    angles = np.linspace(0, 2 * np.pi, _RAYS, endpoint=False)
    x = centre[0] + np.outer(np.cos(angles), share) * radii[0] / 2
    y = centre[1] + np.outer(np.sin(angles), share) * radii[1] / 2
    smooth = cv2.GaussianBlur(pixels, (0, 0), 1.0).astype(np.float32)
    rays = cv2.remap(smooth, x.astype(np.float32), y.astype(np.float32), cv2.INTER_LINEAR,
                     borderMode=cv2.BORDER_REPLICATE)  # fmt: skip
    steps = np.linalg.norm(rays[:, 2:] - rays[:, :-2], axis=2)
    inside = (x >= 0) & (y >= 0) & (x <= pixels.shape[1] - 1) & (y <= pixels.shape[0] - 1)
    steps *= inside[:, 1:-1]
    return _peaks(steps, x[:, 1:-1], y[:, 1:-1], share[1:-1])


def _peaks(steps: NDArray[np.float32], x: Floats, y: Floats, share: Floats) -> NDArray[np.float32]:
    """The three strongest local maxima of every row, between the samples by a parabola."""
    middle, before, after = steps[:, 1:-1], steps[:, :-2], steps[:, 2:]
    high = np.where((middle >= before) & (middle > after), middle, 0)
    floor = max(float(np.median(steps)) * 3, 6.0)
    points = []
    for row in range(len(high)):
        for at in np.argsort(-high[row])[:3]:
            if high[row, at] < floor:
                break
            a, b, c = before[row, at], middle[row, at], after[row, at]
            shift = 0.5 * (a - c) / (a - 2 * b + c)
            where = (x[row], y[row], share)
            points.append([np.interp(at + 1 + shift, np.arange(len(share)), v) for v in where])
    return np.array(points, np.float32).reshape(-1, 3)


def _outermost(points: NDArray[np.float32]) -> Ellipse | None:
    """The rim, not the ring inside it that many coins have: the outer one of concentric fits."""
    best = _robust(points)
    while best is not None:
        outside = points[_beyond(points, best) > 2 * _NEAR_PX]
        outer = _robust(outside) if len(outside) >= _LEAST_RAYS else None
        if outer is None or not _around(outer, best):
            break
        best = outer
    return best


def _around(outer: Ellipse, inner: Ellipse) -> bool:
    apart = hypot(outer.x - inner.x, outer.y - inner.y)
    ratio = outer.short / outer.long - inner.short / inner.long
    return apart < 0.04 * inner.long and abs(ratio) < 0.06 and outer.seen >= 0.6 * inner.seen


def _robust(points: NDArray[np.float32]) -> Ellipse | None:
    """The ellipse that most points lie on (seeded, so that it is the same every time)."""
    rng = np.random.default_rng(0)
    best = np.zeros(len(points), bool)
    for _ in range(100):
        # Points at about one distance from the box's middle belong together more often.
        alike = np.flatnonzero(np.abs(points[:, 2] - points[rng.integers(len(points)), 2]) < 0.08)
        if len(alike) < 6:
            continue
        chosen = _through(points[rng.choice(alike, 6, replace=False)])
        near = np.abs(_beyond(points, chosen)) < _NEAR_PX
        if near.sum() > best.sum():
            best = near
    for _ in range(4):
        if best.sum() < _LEAST_RAYS:
            return None
        found = _through(points[best])
        best = np.abs(_beyond(points, found)) < _NEAR_PX
    return _checked(found, points[best])


def _through(points: NDArray[np.float32]) -> Ellipse:
    """Least squares (Fitzgibbon, Pilu and Fisher 1999)."""
    import cv2

    (x, y), (first, second), angle = cv2.fitEllipseDirect(np.ascontiguousarray(points[:, :2]))
    if first >= second:
        return Ellipse(x, y, first, second, angle)
    return Ellipse(x, y, second, first, angle + 90)


def _beyond(points: NDArray[np.float32], ellipse: Ellipse) -> NDArray[np.float64]:
    """How far points lie outside an ellipse (Sampson's approximation), in pixels."""
    a, b = max(ellipse.long / 2, 1e-3), max(ellipse.short / 2, 1e-3)
    c, s = cos(radians(ellipse.angle_deg)), sin(radians(ellipse.angle_deg))
    x, y = points[:, 0].astype(np.float64) - ellipse.x, points[:, 1] - ellipse.y
    u, v = x * c + y * s, y * c - x * s
    value = (u / a) ** 2 + (v / b) ** 2 - 1
    slope = 2 * np.hypot(u / a**2, v / b**2)
    away = value / np.maximum(slope, 1e-9)
    return np.where(np.isfinite(away), away, np.inf)


def _checked(ellipse: Ellipse, points: NDArray[np.float32]) -> Ellipse | None:
    """With its interval; None where too little of the rim was seen or it is no tilted disc.

    Besides the scatter of the points the interval holds 1 % for the rim's side, which an oblique
    view adds, and for a shadow that is taken for it.
    """
    angles = np.arctan2(points[:, 1] - ellipse.y, points[:, 0] - ellipse.x)
    seen = len(np.unique(np.floor(angles / (2 * np.pi) * _RAYS)))
    if seen < _LEAST_RAYS or ellipse.short < 0.5 * ellipse.long:
        return None
    scatter = 4 * float(np.sqrt((_beyond(points, ellipse) ** 2).mean())) / sqrt(len(points))
    # A short arc says little of the rest of an ellipse.
    scatter *= (_RAYS / seen) ** 2
    return replace(ellipse, pm_px=hypot(scatter, 0.5, 0.01 * ellipse.long), seen=seen)
