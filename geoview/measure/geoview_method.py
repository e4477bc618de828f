"""GeoView's own way to measure: learned outlines, a fitted cube, the specimen's plane."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

import numpy as np

from geoview.measure import checks
from geoview.measure.checks import Objection, Supposed
from geoview.measure.contact import Contact, contact_of, widened
from geoview.measure.cube import CubeFit, Region, fit_cube
from geoview.measure.methods import Picture, measure_method, unmeasured
from geoview.measure.objects import FoundObject, Objects, find
from geoview.measure.options import MeasureOptions
from geoview.measure.other_scale import other_scale
from geoview.measure.region import cube_region, trimmed
from geoview.measure.scale import scale_from_cube
from geoview.measure.scales import inherited
from geoview.measure.sized import sized
from geoview.measured import Measurement, Scale

NAME = "geoview"
# 95 % half-width of where an outline runs, in cells of the label map.
EDGE_PM_CELLS = 1.2
# A cube is fitted also to parts of what was taken for one where the trust in it is lower; how much
# likelier that has to be.
UNTRUSTED, PART_BETTER = 0.55, 1.3


@measure_method(NAME, title="GeoView: fitted cube, learned outline")
def measure(picture: Picture, *, options: MeasureOptions) -> Measurement:
    """Measure a picture."""

    def found(longer: bool) -> Objects:
        return find(
            picture.pixels,
            width_px=picture.width_px,
            height_px=picture.height_px,
            detector=options.detector,
            longer=longer,
        )

    return measure_found(picture, found, options=options)


def measure_found(
    picture: Picture, found: Callable[[bool], Objects], *, options: MeasureOptions
) -> Measurement:
    """Measure a picture in which ``found`` gives the objects, by a longer look when True.

    Where it hangs on the outlines that the photo is not accepted, it is looked at longer; that
    counts only when nothing is left to object to.
    """
    first = measure_objects(picture, found(False), options=options)
    if not checks.may_be_misseen(first.reasons):
        return first
    second = measure_objects(picture, found(True), options=options)
    return second if second.status == "accepted" else first


def measure_objects(picture: Picture, objects: Objects, *, options: MeasureOptions) -> Measurement:
    """Measure a picture in which the objects have been found."""
    specimen = checks.main_specimen(objects)
    scale, objections, contact = _scale(picture, objects, options=options)
    objections = [*checks.of_specimen(objects), *objections]
    done = replace(unmeasured(picture, options=options), model=objects.model)
    if plates := objects.of("plate"):
        done = replace(done, plate_box_px=plates[0].box_xyxy)
    if specimen is not None:
        objections += checks.of_sharpness(picture.pixels, objects)
        edge_pm_px = EDGE_PM_CELLS * objects.px_per_cell
        done = sized(done, specimen.outline_px, scale, edge_pm_px=edge_pm_px)
        objections += checks.of_size(done, options, edge_pm_px=edge_pm_px)
        done = widened(done, contact) if contact else done
    status, reasons = checks.verdict(objections)
    return replace(done, status=status, reasons=reasons, scale=scale)


def _scale(
    picture: Picture, objects: Objects, *, options: MeasureOptions
) -> tuple[Scale | None, list[Objection], Contact | None]:
    """The scale at the specimen's plane, from wherever the options allow, what to say of it, and
    how cube and specimen touch."""
    if options.scale_source != "cube":
        scale, objections = other_scale(picture, objects, options=options)
        if scale is None and options.scale is not None:
            return inherited(options.scale, from_file=options.scale.inherited_from), [], None
        return scale, objections, None
    supposed = _supposed(picture, objects, options=options)
    objections = list(checks.of_cubes(objects, supposed))
    specimen = checks.main_specimen(objects)
    if supposed:
        cube, fit = supposed[0].cube, supposed[0].fit
        objections += checks.of_fit(supposed[0], picture=picture)
        if specimen is not None and not any(o.fatal for o in objections):
            contact = contact_of(fit, specimen, cube, objects)
            scale = scale_from_cube(fit.pose, fit.covariance, specimen.outline_px)
            objections += checks.of_contact(contact, supposed[0].shown, tilt_deg=fit.pose.tilt_deg)
            return scale, objections, contact
    if options.scale is not None:
        return inherited(options.scale, from_file=options.scale.inherited_from), [], None
    return None, objections, None


def _supposed(picture: Picture, objects: Objects, *, options: MeasureOptions) -> list[Supposed]:
    """What may be the reference cube, fitted: first what looks most like one and is not covered."""
    found = [
        Supposed(cube, fit, checks.shown_of(fit, objects))
        for cube in checks.large_cubes(objects)[: checks.MOST_CUBES]
        if (fit := _fitted(picture, cube, objects, options=options)) is not None
    ]
    return sorted(found, key=lambda one: (one.cubic, not one.shown.covered), reverse=True)


def _fitted(
    picture: Picture, cube: FoundObject, objects: Objects, *, options: MeasureOptions
) -> CubeFit | None:
    """A cube fitted to what was taken for one; where that is in doubt also to parts of it."""

    def fitted(region: Region) -> CubeFit | None:
        return fit_cube(
            picture.pixels,
            region,
            size_px=(picture.width_px, picture.height_px),
            edge_mm=options.cube_mm,
            focal_px=_focal_px(picture),
        )

    whole = fitted(cube_region(cube, objects))
    if whole is not None and checks.shown_of(whole, objects).trust >= UNTRUSTED:
        return whole
    parts = [fit for part in trimmed(cube, objects) if (fit := fitted(part)) is not None]
    best = max(parts, key=lambda fit: fit.likely, default=None)
    # A part, of which less is asked, has to be the better by far.
    if whole is None or (best is not None and best.likely > PART_BETTER * whole.likely):
        return best
    return whole


def _focal_px(picture: Picture) -> float | None:
    """From the focal length as for film of 36 × 24 mm; its diagonal is what "as for" refers to."""
    if picture.focal_35mm is None:
        return None
    return picture.focal_35mm * float(np.hypot(picture.width_px, picture.height_px)) / 43.27
