"""Scales without a cube: a drawn line, and a set-up that another photo calibrated.

Rulers, scale bars and coins have files of their own (``ruler``, ``scale_bar``, ``coin``). All give
a ``Scale`` whose ``pm_mm_per_px`` is the half-width of a 95 % interval.

**Plane.** What is nearer to the camera looks larger. A ruler or a coin that lies on the table
gives the table's millimetres, whereas a specimen is measured at its middle, which is nearer: the
part of the distance by which it is nearer is the part by which sizes come out too large. How
high the middle stands cannot be told from such a scale; ``ON_TABLE`` widens the interval for it.
"""

from __future__ import annotations

from dataclasses import replace
from math import dist, hypot, sqrt

from geoview.errors import DataError
from geoview.measured import Point, Polygon, Scale, ScaleSource

ON_TABLE = 0.1
"""95 % half-width, as a part of the scale: a middle 5 cm above the table, 50 cm from the lens."""

SAME_SET_UP = 0.02
"""The same for another photo of one set-up: focus and height move a little between shots."""

CLICK_PX = 1.5
"""95 % half-width of where a person sets one end of a line, in original pixels."""


def from_line(
    p: Point, q: Point, *, mm: float, pm_px: float = CLICK_PX, plane_pm: float = 0.0
) -> Scale:
    """From a line between two points (original pixels) of known length ``mm``.

    ``pm_px``: 95 % half-width of the place of either end along the line. ``plane_pm``: part of
    the scale that is unsure because the line lies in another plane than the specimen's middle,
    such as ``ON_TABLE``. Raises DataError for a line without length.
    """
    length = dist(p, q)
    if not (mm > 0 and length > pm_px):
        raise DataError("The line is too short: draw it between two marks and give its length.")
    return made("line", mm=mm, px=length, pm_px=pm_px * sqrt(2), plane_pm=plane_pm, points=(p, q))


def made(
    source: ScaleSource, *, mm: float, px: float, pm_px: float, plane_pm: float, points: Polygon
) -> Scale:
    """``mm`` seen as ``px`` ± ``pm_px`` in a plane that may be ``plane_pm`` beside the middle's."""
    mm_per_px = mm / px
    return Scale(
        mm_per_px=mm_per_px,
        pm_mm_per_px=mm_per_px * hypot(pm_px / px, plane_pm),
        source=source,
        reference_mm=mm,
        reference_px=points,
    )


def inherited(scale: Scale, *, from_file: str, pm: float = SAME_SET_UP) -> Scale:
    """``scale`` of the photo ``from_file`` for another one taken with the same set-up.

    ``pm``: part of the scale by which the set-up may have changed (95 %), on top of the scale's
    own interval. A scale that was inherited itself keeps the name of its first photo.
    """
    return replace(
        scale,
        pm_mm_per_px=hypot(scale.pm_mm_per_px, pm * scale.mm_per_px),
        source="inherited",
        reference_px=(),
        inherited_from=scale.inherited_from or from_file,
    )
