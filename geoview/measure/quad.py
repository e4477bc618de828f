"""The cube's pose from the corners of its upper face alone, as a person sets them."""

from __future__ import annotations

from typing import Any

import numpy as np

from geoview.measure.pose import PARAMETERS, TOP, UNIT, Floats, Pose
from geoview.measure.prior import prior
from geoview.measured import Quad

# Standard deviation of a corner set by hand: so many pixels, and of the edge, for ground corners.
_CORNER_PX, _CORNER_EDGE = 1.0, 0.005
_FOCALS = (1.1, 1.6, 2.4)


def pose_of_quad(
    quad: Quad, *, size_px: tuple[int, int], edge_mm: float, focal_px: float | None = None
) -> tuple[Pose, Floats]:
    """Pose and its covariance (7, 7) of a cube whose upper face has these corners, in order.

    ``size_px``: width and height of the photo. Raises ValueError for corners that are not those
    of a convex quadrilateral.
    """
    from scipy.optimize import least_squares

    corners = _ordered(np.asarray(quad, dtype=np.float64))
    sides = np.linalg.norm(np.roll(corners, -1, axis=0) - corners, axis=1)
    sd = float(np.hypot(_CORNER_PX, _CORNER_EDGE * sides.mean()))

    def residuals(step: Floats, start: Pose) -> Floats:
        pose = start.moved(step)
        apart = (pose.corners_px()[..., list(TOP), :] - corners) / sd
        apart = apart.reshape(*apart.shape[:-2], -1)
        return np.concatenate([apart, prior(pose, focal_px=focal_px)], axis=-1)

    def slopes(step: Floats, start: Pose) -> Floats:
        # All of them in one call, or every drag of a corner would be felt.
        near = np.vstack([np.zeros(PARAMETERS), 1e-6 * np.eye(PARAMETERS)])
        every = residuals(step + near, start)
        return np.asarray((every[1:] - every[0]).T / 1e-6)

    fits: list[tuple[Any, Pose]] = []
    for focal in _FOCALS:
        start = _from_homography(corners, focal * max(size_px), size_px, edge_mm)
        found = least_squares(residuals, np.zeros(PARAMETERS), slopes, args=(start,), method="lm")
        fits.append((found, start.moved(found.x)))
    best, pose = min(fits, key=lambda fit: float(fit[0].cost))
    # Corners that are not those of a square seen by a usual lens are less sure than clicks are
    # (Birge, 1932). The slopes are those at the start; close enough for an interval.
    misfit = max(1.0, 2 * float(best.cost) / (len(best.fun) - PARAMETERS))
    return pose, misfit * np.linalg.inv(best.jac.T @ best.jac + 1e-6 * np.eye(PARAMETERS))


def _ordered(corners: Floats) -> Floats:
    """The corners the way round in which a camera above the table sees ``TOP``."""
    after = np.roll(corners, -1, axis=0) - corners
    turn = (
        after[:, 0] * np.roll(after, -1, axis=0)[:, 1]
        - after[:, 1] * np.roll(after, -1, axis=0)[:, 0]
    )
    if not ((turn > 1e-9).all() or (turn < -1e-9).all()):
        raise ValueError("the four corners of the cube's face do not go round it")
    return corners if (turn < 0).all() else corners[::-1]


def _from_homography(
    corners: Floats, focal_px: float, size_px: tuple[int, int], edge_mm: float
) -> Pose:
    """The pose that a plane's projective map implies for one focal length (Zhang, 2000)."""
    centre = np.array(size_px, dtype=np.float64) / 2
    seen = (corners - centre) / focal_px
    plane = UNIT[list(TOP), :2] * edge_mm
    rows = []
    for (x, y), (u, v) in zip(plane, seen, strict=True):
        rows.append([x, y, 1, 0, 0, 0, -u * x, -u * y, -u])
        rows.append([0, 0, 0, x, y, 1, -v * x, -v * y, -v])
    h = np.linalg.svd(np.array(rows))[2][-1].reshape(3, 3)
    h = h / np.linalg.norm(h[:, :2], axis=0).mean()
    h = h if h[2, 2] > 0 else -h
    first, second = h[:, 0], h[:, 1]
    u, _, vt = np.linalg.svd(np.column_stack([first, second, np.cross(first, second)]))
    rotation = u @ np.diag([1, 1, np.linalg.det(u @ vt)]) @ vt
    base = h[:, 2] - rotation[:, 2] * edge_mm
    return Pose(rotation, base, np.asarray(focal_px, dtype=np.float64), centre, edge_mm)
