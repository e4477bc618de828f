"""What follows when a person changes a part of a measurement."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime
from math import hypot

from geoview.errors import DataError
from geoview.measure import checks
from geoview.measure.options import MeasureOptions
from geoview.measure.quad import pose_of_quad
from geoview.measure.scale import scale_from_cube
from geoview.measure.scales import ON_TABLE, from_line, inherited
from geoview.measure.size import scaled
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
    together. What the change settles is no reason any more; with a size and no reason left the
    result is "accepted", and otherwise what it was, unless ``status`` says more. Raises DataError,
    in words for the user, for what cannot be measured.
    """
    outline = outline_px or outline_box_px or measurement.outline_px
    drawn = outline_px is not None or outline_box_px is not None
    edge_pm_px = DRAWN_PM_PX if drawn else _edge_pm(measurement)
    try:
        scale = _scale(measurement, outline, cube_quad_px, line_px, line_mm, options)
        done = replace(measurement, scale=scale, user=user, created_utc=_now())
        if outline and (drawn or scale is not measurement.scale):
            done = sized(done, outline, scale, edge_pm_px=edge_pm_px)
    except ValueError as error:
        raise DataError(f"The correction cannot be used: {error}.") from error
    if status is None:
        given = (
            cube_quad_px is not None
            or line_px is not None
            or (scale is not None and measurement.scale is None)
        )
        left = [r for r in done.reasons if not checks.settled(r, scale=given, outline=drawn)]
        if drawn or given:
            left += [o.reason for o in checks.of_size(done, options, edge_pm_px=edge_pm_px)]
        return _judged(done, tuple(dict.fromkeys(left)))
    reasons = () if status == "accepted" else done.reasons or (f"marked so by {user}",)
    return replace(done, status=status, reasons=reasons)


def _judged(done: Measurement, left: tuple[str, ...]) -> Measurement:
    """With what still speaks against it: a person has to accept that with open eyes."""
    if not left and done.size_mm is not None:
        return replace(done, status="accepted", reasons=())
    status: MeasureStatus = "review" if done.status == "accepted" else done.status
    return replace(done, status=status, reasons=left or done.reasons)


def with_cube_edge(measurement: Measurement, edge_mm: float, *, user: str) -> Measurement:
    """A measurement by the cube, its own or another photo's, as it is with a cube of another edge:
    all lengths grow alike, and what is unsure with them."""
    scale, size = measurement.scale, measurement.size_mm
    if scale is None or scale.source not in ("cube", "inherited"):
        raise ValueError("only the scale of a cube depends on its edge")
    by = edge_mm / scale.reference_mm
    grown = replace(
        scale,
        mm_per_px=by * scale.mm_per_px,
        pm_mm_per_px=by * scale.pm_mm_per_px,
        reference_mm=edge_mm,
    )
    length_pm_mm, width_pm_mm = measurement.length_pm_mm, measurement.width_pm_mm
    return replace(
        measurement,
        scale=grown,
        size_mm=size and scaled(size, by),
        length_pm_mm=length_pm_mm and by * length_pm_mm,
        width_pm_mm=width_pm_mm and by * width_pm_mm,
        user=user,
        created_utc=_now(),
    )


def with_inherited(measurement: Measurement, scale: Scale, *, user: str) -> Measurement:
    """A measurement by another photo's scale with that scale as it is now, ``scale`` as
    ``MeasureOptions.scale``."""
    done = replace(measurement, user=user, created_utc=_now())
    own = inherited(scale, from_file=scale.inherited_from)
    if not measurement.outline_px:
        return replace(done, scale=own)
    return sized(done, measurement.outline_px, own, edge_pm_px=_edge_pm(measurement))


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
    and the outline change it, and made less sure by as much.
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
    less_sure = max(1.0, _unsure(new) / _unsure(before))
    pm = mm_per_px * hypot(less_sure * _unsure(old), click)
    return replace(new, mm_per_px=mm_per_px, pm_mm_per_px=pm, tilt_deg=new.tilt_deg)


def _unsure(scale: Scale) -> float:
    return scale.pm_mm_per_px / scale.mm_per_px


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
