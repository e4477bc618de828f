"""P2's size pipeline (section 5) as it was published, to compare with; not for a register.

Boxes of the two things in the photo, cube or not by two tests, and the ratio of the boxes. What
the paper's method cannot do is kept: the scale is the cube's edge over the **width of its upright
box**, which a turned cube overstates by up to 41 % (and the side that an oblique view shows by
more), so that the specimen comes out that much too small; lengths are those of the specimen's
upright box. Only the published code's cutting to whole centimetres is left out. That code takes
1.27 cm for the edge; here it is the cube's true edge, as the paper says.

Text plates are covered beforehand, as in section 3: those that GeoView's own detector finds.
"""

from __future__ import annotations

import threading
from collections.abc import Sequence
from dataclasses import replace
from math import hypot
from pathlib import Path
from typing import TYPE_CHECKING

from geoview.errors import ModelError
from geoview.measure.methods import Picture, measure_method, unmeasured
from geoview.measure.objects import Objects, find
from geoview.measure.options import MeasureOptions
from geoview.measure.paper_boxes import (
    ANY_SIZE,
    PUBLISHED,
    Grey,
    PaperRules,
    Thing,
    has_parallel_pairs,
    is_square,
    squareness,
    thing_in,
    threshold_things,
    without,
    working_grey,
)
from geoview.measured import Measurement, Quad, Scale, Size
from geoview.records import BoxXYXY

if TYPE_CHECKING:
    from geoview.models.owlvit import Detector

# A square turned by 45° is √2 as wide as its edge; nothing else of the paper's errors is bounded.
_TURNED = 2**0.5 - 1


NAME = "paper"


@measure_method(NAME, title="P2, section 5: threshold boxes")
def paper(picture: Picture, *, options: MeasureOptions) -> Measurement:
    """The published size code's boxes and tests."""
    return measure_as_published(picture, options=options, rules=PUBLISHED)


def measure_as_published(
    picture: Picture, *, options: MeasureOptions, rules: PaperRules
) -> Measurement:
    """``paper`` with other numbers than the published ones, to see what they cost."""
    grey, factor = working_grey(picture.pixels, longest_px=rules.longest_px)
    to_px = factor * picture.px_per_cell
    plates = [_scaled(box, 1 / to_px) for box in _plates(picture, options=options)]
    covered = without(grey, boxes=plates)
    things = threshold_things(covered, rules=rules)
    return _measured(picture, covered, things, to_px=to_px, options=options, rules=rules)


@measure_method("owl-vit", title="P2, section 5: OWL-ViT boxes (needs its weights)")
def owl_vit(picture: Picture, *, options: MeasureOptions) -> Measurement:
    """The paper's detector feeding the same rules.

    Raises ModelError when ``options.owlvit`` names no folder with an OWL-ViT.
    """
    detector = _detector(options.owlvit)
    with _ONE_AT_A_TIME:
        found = detector.detect(picture.pixels)
    plates = _plates(picture, options=options)
    boxes = [_scaled(box, picture.px_per_cell) for box, _, _ in found]
    boxes = [box for box in boxes if not _covered(box, plates)]
    return measure_boxes(picture, boxes=boxes, options=options, rules=PUBLISHED)


@measure_method("paper-boxes", title="P2, section 5: its rules on GeoView's boxes")
def paper_boxes(picture: Picture, *, options: MeasureOptions) -> Measurement:
    """The paper's rules where its boxes fail: GeoView's detector, limits in pixels left out.

    Tells what the rules are worth in photos of other sizes than the paper's.
    """
    found = _found(picture, options=options).found
    boxes = [thing.box_xyxy for thing in found if thing.kind in ("specimen", "cube")]
    return measure_boxes(picture, boxes=boxes, options=options, rules=ANY_SIZE)


def measure_boxes(
    picture: Picture, *, boxes: Sequence[BoxXYXY], options: MeasureOptions, rules: PaperRules
) -> Measurement:
    """The rules on somebody's ``boxes`` (original pixels) of specimen and cube."""
    grey, factor = working_grey(picture.pixels, longest_px=rules.longest_px)
    to_px = factor * picture.px_per_cell
    inside = (thing_in(grey, box=_scaled(box, 1 / to_px)) for box in boxes)
    things = [thing for thing in inside if thing is not None]
    return _measured(picture, grey, things, to_px=to_px, options=options, rules=rules)


_ONE_AT_A_TIME = threading.RLock()
_LOADED: dict[Path, Detector] = {}


def _detector(folder: Path | None) -> Detector:
    """Loaded once for a run; the newest folder is kept. Raises ModelError."""
    if folder is None:
        raise ModelError(
            "OWL-ViT needs its weights: download a model such as google/owlvit-base-patch32 and "
            "give its folder."
        )
    from geoview.models.owlvit import Detector

    with _ONE_AT_A_TIME:
        if folder not in _LOADED:
            loaded = Detector(folder)
            _LOADED.clear()
            _LOADED[folder] = loaded
        return _LOADED[folder]


def _found(picture: Picture, *, options: MeasureOptions) -> Objects:
    return find(
        picture.pixels,
        width_px=picture.width_px,
        height_px=picture.height_px,
        detector=options.detector,
    )


def _plates(picture: Picture, *, options: MeasureOptions) -> list[BoxXYXY]:
    """Boxes of text plates, in original pixels."""
    return [plate.box_xyxy for plate in _found(picture, options=options).of("plate")]


def _scaled(box: BoxXYXY, factor: float) -> BoxXYXY:
    x0, y0, x1, y1 = (value * factor for value in box)
    return x0, y0, x1, y1


def _covered(box: BoxXYXY, plates: Sequence[BoxXYXY]) -> bool:
    """Whether most of a box is one of the plates."""
    area = (box[2] - box[0]) * (box[3] - box[1])
    for plate in plates:
        width = min(box[2], plate[2]) - max(box[0], plate[0])
        height = min(box[3], plate[3]) - max(box[1], plate[1])
        if min(width, height) > 0 and width * height > area / 2:
            return True
    return False


def _measured(
    picture: Picture,
    grey: Grey,
    things: list[Thing],
    *,
    to_px: float,
    options: MeasureOptions,
    rules: PaperRules,
) -> Measurement:
    """The rules of section 5 on the boxes; ``to_px`` original pixels for one of ``grey``."""
    nothing = unmeasured(picture, options=options)
    if len(things) != 2:
        found = {0: "nothing was found", 1: "only one object was found"}
        return replace(nothing, reasons=(found.get(len(things), "more than two objects"),))
    cube, specimen = _cube_first(things, grey, rules)
    if cube is None:
        return replace(nothing, reasons=("no cube",))
    sized = _sized(nothing, cube, specimen, to_px=to_px, cube_mm=options.cube_mm)
    times = max(specimen.box[2:]) / cube.box[2]
    if not rules.times[0] <= times <= rules.times[1]:
        return replace(sized, reasons=(f"out of the size window: {times:.2g} cube edges long",))
    return replace(sized, status="accepted", reasons=())


def _cube_first(
    things: list[Thing], grey: Grey, rules: PaperRules
) -> tuple[Thing, Thing] | tuple[None, Thing]:
    """The cube and the other; where both pass a test, the one nearer to a square is the cube."""
    first, second = sorted(things, key=lambda thing: abs(squareness(thing.contour) - 16))
    for cube, other in ((first, second), (second, first)):
        if is_square(cube, rules=rules):
            return cube, other
    for cube, other in ((first, second), (second, first)):
        if has_parallel_pairs(grey, box=cube.box, rules=rules):
            return cube, other
    return None, second


def _sized(
    measurement: Measurement, cube: Thing, specimen: Thing, *, to_px: float, cube_mm: float
) -> Measurement:
    """Scale and sizes of the two boxes, in original pixels and mm."""
    mm_per_px = cube_mm / (cube.box[2] * to_px)
    scale = Scale(
        mm_per_px=mm_per_px,
        pm_mm_per_px=mm_per_px * _TURNED,
        source="cube",
        reference_mm=cube_mm,
        reference_px=_corners(cube, to_px),
    )
    size_px = _size(specimen.box[2] * to_px, specimen.box[3] * to_px)
    size_mm = _size(size_px.box_width * mm_per_px, size_px.box_height * mm_per_px)
    corners = _corners(specimen, to_px)
    return replace(
        measurement,
        scale=scale,
        outline_px=corners,
        outline_box_px=corners,
        size_px=size_px,
        size_mm=size_mm,
        length_pm_mm=size_mm.length * _TURNED,
        width_pm_mm=size_mm.width * _TURNED,
    )


def _corners(thing: Thing, to_px: float) -> Quad:
    x, y, width, height = (value * to_px for value in thing.box)
    return (x, y), (x + width, y), (x + width, y + height), (x, y + height)


def _size(width: float, height: float) -> Size:
    """Of an upright box, which is all that the method knows."""
    long, short = max(width, height), min(width, height)
    return Size(long, short, width, height, hypot(width, height), short, width * height)
