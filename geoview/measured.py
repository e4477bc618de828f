"""What the size tool says of a photo: frozen records, in pixels and, where a scale is, millimetres.

Points, boxes and outlines are in **oriented original pixels** (see ``geoview.records``). Without
a scale nothing here holds millimetres. ``pm`` is the half-width of a 95 % interval. Numbers are
kept in full; units and rounding belong to whoever shows them.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, replace
from typing import Literal

from geoview.records import BoxXYXY

Point = tuple[float, float]
Polygon = tuple[Point, ...]
Quad = tuple[Point, Point, Point, Point]
MeasureStatus = Literal["accepted", "review", "rejected"]
ScaleSource = Literal["cube", "ruler", "scale bar", "coin", "line", "inherited"]
CUBE_MM = 25.4


@dataclass(frozen=True, slots=True)
class Scale:
    """Millimetres per pixel **at the specimen's plane**, and where they come from.

    ``reference_mm`` is the known length (cube edge, coin diameter, line). ``reference_px`` are
    the points that it was read from: the corners of the cube's upper face in order, the ends of a
    line, the box of a coin. ``inherited_from`` names the photo of a calibrated set-up.
    ``tilt_deg`` is the angle between the optical axis and the table's vertical, where known.
    """

    mm_per_px: float
    pm_mm_per_px: float
    source: ScaleSource
    reference_mm: float
    reference_px: Polygon = ()
    inherited_from: str = ""
    tilt_deg: float | None = None


@dataclass(frozen=True, slots=True)
class Size:
    """Lengths of an outline; the unit is that of the name of the field that holds it (px or mm).

    ``length`` ≥ ``width``: sides of the minimum-area rectangle. ``box_width`` and ``box_height``:
    the upright box. ``feret_max``, ``feret_min``: largest and smallest calliper width. ``area``:
    of the outline, in the square of the unit.
    """

    length: float
    width: float
    box_width: float
    box_height: float
    feret_max: float
    feret_min: float
    area: float


@dataclass(frozen=True, slots=True)
class Measurement:
    """One photo's measurement, automatic or corrected by a person.

    ``reasons`` say in plain words why the status is not "accepted". ``outline_px`` is the
    specimen's outline and ``outline_box_px`` its minimum-area rectangle; both empty when no
    specimen was found. ``size_px`` needs an outline; ``size_mm``, ``length_pm_mm`` and
    ``width_pm_mm`` need a scale too. ``user`` is empty for an automatic measurement;
    ``model`` is the SHA-256 of the network that found the objects, where one did.
    """

    file: str
    status: MeasureStatus
    reasons: tuple[str, ...]
    width_px: int
    height_px: int
    method: str
    app_version: str
    created_utc: str
    scale: Scale | None = None
    outline_px: Polygon = ()
    outline_box_px: Polygon = ()
    size_px: Size | None = None
    size_mm: Size | None = None
    length_pm_mm: float | None = None
    width_pm_mm: float | None = None
    catalogue_no: str = ""
    plate_box_px: BoxXYXY | None = None
    user: str = ""
    model: str = ""

    @property
    def is_unreadable(self) -> bool:
        """Whether the photo could not be read, so that nothing is known of it."""
        return not self.width_px


def light(measurement: Measurement) -> Measurement:
    """Without its outline, as tables of thousands keep it."""
    return replace(measurement, outline_px=()) if measurement.outline_px else measurement


def at_odds(measurements: Iterable[Measurement]) -> bool:
    """Whether photos of one specimen give lengths or widths that no ± brings together."""
    sizes = [(one, one.size_mm) for one in measurements if one.size_mm is not None]
    lengths = [(size.length, one.length_pm_mm or 0.0) for one, size in sizes]
    widths = [(size.width, one.width_pm_mm or 0.0) for one, size in sizes]
    return any(
        max(mm - pm for mm, pm in side) > min(mm + pm for mm, pm in side)
        for side in (lengths, widths)
        if side
    )


def relative_pm(one: Measurement) -> float:
    """The ± of the length as a part of it; infinite without one."""
    if one.size_mm is None or one.length_pm_mm is None:
        return float("inf")
    return one.length_pm_mm / one.size_mm.length
