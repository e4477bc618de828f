"""Cube and specimen that touch in the photo: how much of either the other may hide."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from geoview.measure.closing import anticlockwise, closing, runs
from geoview.measure.cube import CubeFit
from geoview.measure.objects import FoundObject, Objects
from geoview.measure.region import beside, border
from geoview.measure.size import size_of
from geoview.measured import Measurement

Floats = NDArray[np.float64]
# How near, in cells, things touch; so many points of the outline without contact part two contacts;
# the fewest cells that tell where an outline is heading.
_NEAR_CELLS, _GAP_POINTS, _LEAST_CELLS = 2, 12, 6


@dataclass(frozen=True, slots=True)
class Contact:
    """``of_cube``: the part of the cube's border that lies on the specimen. ``length`` and
    ``width``: by which part of themselves these may be larger, at most, than what is seen."""

    of_cube: float
    length: float = 0.0
    width: float = 0.0


def contact_of(fit: CubeFit, specimen: FoundObject, cube: FoundObject, objects: Objects) -> Contact:
    """How the specimen and the cube touch.

    What stands before the cube meets it at the cube's base. What lies behind it is hidden from
    where the two meet in the photo to the base, and may reach as far as that, unless they meet
    along a short way only and the specimen's outline heads inwards on both sides of it: specimens
    are round rather than starry.
    """
    around = border(cube, objects)
    of_cube = float(beside(around, objects, kinds=("specimen",), cells=_NEAR_CELLS).mean())
    outline = anticlockwise(border(specimen, objects))
    touching = beside(outline, objects, kinds=("cube",), cells=_NEAR_CELLS)
    if not touching.any():
        return Contact(of_cube)
    seen = size_of(specimen.outline_px)
    corners = fit.pose.corners_px()
    least_px = _LEAST_CELLS * objects.px_per_cell
    hidden = [
        closing(outline, run, far, least_px=least_px)
        for run in runs(touching, gap=_GAP_POINTS)
        for far in (_behind(outline[run], corners), _nearest(outline[run], corners[::2]))
    ]
    reached = np.concatenate([outline, *hidden])
    whole = size_of(tuple((float(x), float(y)) for x, y in reached))
    grown = (whole.length / seen.length - 1, whole.width / seen.width - 1)
    return Contact(of_cube, *(max(0.0, by) for by in grown))


def widened(measurement: Measurement, contact: Contact) -> Measurement:
    """The measurement with intervals that hold what may be hidden."""
    size, length = measurement.size_mm, measurement.length_pm_mm
    width = measurement.width_pm_mm
    if size is None or length is None or width is None:
        return measurement
    return replace(
        measurement,
        length_pm_mm=float(np.hypot(length, contact.length * size.length)),
        width_pm_mm=float(np.hypot(width, contact.width * size.width)),
    )


def _behind(points: Floats, corners: Floats) -> Floats:
    """How far what meets the cube's outline at points (n, 2) may go on behind it: straight down
    in the scene to the far side of its base (corners (8, 2), as ``Pose.corners_px``)."""
    base, top = corners[::2], corners[1::2]
    down = (base - top).mean(axis=0)
    length = float(np.linalg.norm(down))
    if length < 1:  # seen from straight above: nothing is behind
        return points
    frame = np.array([[-down[1], down[0]], down]) / length
    across, depth = frame @ points.T
    far = np.interp(across, *_far_side(base @ frame.T))
    return np.asarray(np.stack([across, np.maximum(depth, far)]).T @ frame)


def _nearest(points: Floats, base: Floats) -> Floats:
    """The places of a convex quadrilateral (4, 2), in order, nearest to points (n, 2): under the
    upper face's rim, where it is seen from above."""
    along = np.roll(base, -1, axis=0) - base
    share = ((points[:, None] - base) * along).sum(-1) / (along**2).sum(-1)
    places = base + np.clip(share, 0, 1)[..., None] * along  # (n, 4, 2)
    best = np.linalg.norm(places - points[:, None], axis=-1).argmin(axis=1)
    return np.asarray(places[np.arange(len(points)), best])


def _far_side(base: Floats) -> tuple[Floats, Floats]:
    """Of a convex quadrilateral's corners, (across, depth), those of its side of least depth."""
    start, end = int(base[:, 0].argmin()), int(base[:, 0].argmax())
    one = [base[i % 4] for i in range(start, start + (end - start) % 4 + 1)]
    other = [base[i % 4] for i in range(end, end + (start - end) % 4 + 1)][::-1]
    sides = (np.array(one), np.array(other))
    between = base[:, 0].mean()
    far = min(sides, key=lambda side: float(np.interp(between, side[:, 0], side[:, 1])))
    return far[:, 0], far[:, 1]
