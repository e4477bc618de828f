"""What follows when a person changes a part of a measurement."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime
from math import hypot

from geoview.errors import DataError
from geoview.measure.options import MeasureOptions
from geoview.measure.quad import pose_of_quad
from geoview.measure.scale import scale_from_cube
from geoview.measure.scales import ON_TABLE, from_line, inherited
from geoview.measure.sized import sized
from geoview.measured import Measurement, MeasureStatus, Point, Polygon, Quad, Scale

# 95 % half-width of where a person draws an outline, and sets a corner of the cube, in px.
DRAWN_PM_PX = 2.0


def corrected(
    measurement: Measurement,
    *,
    user: str,
    options: MeasureOptions,
    outline_px: Polygon | None = None,
    outline_box_px: Polygon | None = None,
    cube_quad_px: Quad | None = None,
    line_px: tuple[Point, Point] | None = None,
    line_mm: float | None = None,
    status: MeasureStatus | None = None,
) -> Measurement:
    """The measurement after a correction by ``user``.

    Scale, sizes, intervals and reasons are computed again from the changed part; the photo is
    not needed. ``outline_box_px`` are the corners of a rectangle drawn instead of an outline,
    ``cube_quad_px`` those of the cube's upper face in order; ``line_px`` and ``line_mm`` go
    together. With a scale and an outline the result is "accepted" unless ``status`` says
    otherwise. Raises DataError, in words for the user, for what cannot be measured.
    """
    outline = outline_px or outline_box_px or measurement.outline_px
    try:
        scale = _scale(measurement, outline, cube_quad_px, line_px, line_mm, options)
        done = replace(measurement, scale=scale, user=user, created_utc=_now())
        if outline:
            drawn = outline_px is not None or outline_box_px is not None
            done = sized(done, outline, scale, edge_pm_px=DRAWN_PM_PX if drawn else _edge_pm(done))
    except ValueError as error:
        raise DataError(f"The correction cannot be used: {error}.") from error
    return _judged(done, measurement, status)


def _judged(done: Measurement, before: Measurement, status: MeasureStatus | None) -> Measurement:
    if status is None:
        status = "accepted" if done.size_mm is not None else before.status
    if status == "accepted":
        return replace(done, status=status, reasons=())
    reasons = before.reasons or (f"marked so by {done.user}",)
    return replace(done, status=status, reasons=reasons)


def _scale(
    measurement: Measurement,
    outline: Polygon,
    quad: Quad | None,
    line: tuple[Point, Point] | None,
    line_mm: float | None,
    options: MeasureOptions,
) -> Scale | None:
    if line is not None:
        if line_mm is None:
            raise ValueError("the line needs its length in millimetres")
        return from_line(*line, mm=line_mm, plane_pm=ON_TABLE)
    if quad is not None and outline:
        return _from_quad(measurement, outline, quad, options)
    old = measurement.scale
    if old is None:
        return options.scale and inherited(options.scale, from_file=options.scale.inherited_from)
    if outline == measurement.outline_px or old.source != "cube" or len(old.reference_px) != 4:
        return old
    return _from_quad(measurement, outline, _quad(old.reference_px), options)


def _from_quad(
    measurement: Measurement, outline: Polygon, quad: Quad, options: MeasureOptions
) -> Scale:
    """The scale of the cube's upper face at the outline.

    Where the photo's own edges gave a scale before, they also told how near the camera was,
    which four corners hardly do: that scale is carried over, changed by as much as the corners
    and the outline change it.
    """
    new = _at(measurement, outline, quad, options.cube_mm)
    old = measurement.scale
    if old is None or old.source != "cube" or len(old.reference_px) != 4:
        return new
    before = _at(
        measurement, measurement.outline_px or outline, _quad(old.reference_px), old.reference_mm
    )
    change = new.mm_per_px / before.mm_per_px
    mm_per_px = old.mm_per_px * change
    edge_px = options.cube_mm / mm_per_px
    click = 0.0 if quad == old.reference_px else DRAWN_PM_PX / edge_px
    pm = mm_per_px * hypot(old.pm_mm_per_px / old.mm_per_px, click)
    return replace(new, mm_per_px=mm_per_px, pm_mm_per_px=pm, tilt_deg=new.tilt_deg)


def _at(measurement: Measurement, outline: Polygon, quad: Quad, cube_mm: float) -> Scale:
    size_px = (measurement.width_px, measurement.height_px)
    pose, covariance = pose_of_quad(quad, size_px=size_px, edge_mm=cube_mm)
    return replace(scale_from_cube(pose, covariance, outline), reference_px=tuple(quad))


def _quad(points: Polygon) -> Quad:
    a, b, c, d = points
    return a, b, c, d


def _edge_pm(measurement: Measurement) -> float:
    """What the automatic outline's own interval was: a label map has about 512 cells a side."""
    return 1.2 * max(measurement.width_px, measurement.height_px) / 512


def _now() -> str:
    return datetime.now(UTC).isoformat(timespec="seconds")
