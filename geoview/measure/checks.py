"""Whether a measurement may be trusted, and in plain words why not.

"Rejected": there is nothing to measure, or what was measured cannot be right. "Review": there
are numbers, but a person has to look. Only what no check objects to is "accepted".
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from geoview.measure.contact import Contact
from geoview.measure.cube import CubeFit
from geoview.measure.methods import Picture
from geoview.measure.objects import FoundObject, Objects
from geoview.measure.options import MeasureOptions
from geoview.measure.pose import NORMALS, TOP, Pose
from geoview.measure.region import beside, border, lies_on, near_frame, waisted
from geoview.measure.size import half_width_mm
from geoview.measured import Measurement, MeasureStatus

# A second thing of the same kind counts from this part of the first one's area; how many supposed
# cubes are looked at, of the many that a photo of crystals may have.
SECOND_SHARE, SECOND_CUBE_SHARE, MOST_CUBES = 0.04, 0.1, 4
# Parts of an outline: the specimen's, and that of what may be a piece of the specimen; a thing that
# lies wholly on it changes nothing.
CUT_SHARE, BOXED_SHARE, TOUCHED_SHARE, LYING_SHARES = 0.02, 0.5, 0.3, (0.1, 0.9)
# Of the cube's border: more contact with the specimen than this leaves too little to fit.
HIDDEN_SHARE = 0.22
# Of the cube's place in the photo: from here on something stands before it.
COVERED_SHARE = 0.03
# Of the specimen's length and width, what the cube may hide; the trust in a fit that needs no more
# of the cube than is seen, and the tilt from which on a specimen can hide a part of it.
MOST_HIDDEN, CLEAR_TRUST, STRAIGHT_DEG = 0.1, 0.8, 12.0
# Brushed or painted metal in tinted light stays below, pyrite and brass lie above.
MOST_COLOUR = 0.26
LEAST_OVERLAP, LEAST_TRUST, GOOD_TRUST, MOST_ERROR = 0.7, 0.32, 0.4, 0.012
STEEPEST_DEG = 52.0
# Uprights of an oblique photo lean to its upper edge, or sideways where it was turned. Where they
# seem to lean down, a side of the cube was taken for its top.
UPSIDE_DOWN = -0.25
# An oblique photo whose uprights do not lean up is turned, or the fit is wrong: it has to be sure,
# and no other face of the cube may be as little tilted as an upper one can be.
OBLIQUE_DEG, UPWARDS, SURE_TRUST = 25.0, 0.5, 0.7
# Of the scale, and of a length or width.
MOST_UNSURE, MOST_UNSURE_SIZE = 0.15, 0.2
# Pixels along an edge of the cube; below, its tilt cannot be told.
SMALLEST_CUBE_PX = 20
# How reasons begin that are no more when a person gives the scale, when one draws the outline, and
# when a new size is judged anew; what another measuring method says of its cube is among them.
_BY_SCALE = (
    "no reference cube", "no cube", "two reference cubes", "the supposed cube", "the cube's edges",
    "the cube is too small", "the photo is taken too obliquely",
    "the specimen hides a part of the cube", "no ruler", "no coin", "no scale bar",
    "the scale is that of the table",
)  # fmt: skip
_BY_OUTLINE = ("no specimen was found",)
_BY_SIZE = (
    "out of the size window", "the scale is too unsure", "the specimen is too small",
    "length and width are too unsure",
)  # fmt: skip
# How reasons begin that a longer look at the same photo does not lift.
_AS_SEEN = (
    "no specimen was found", "several specimens", "the specimen is cut", "the specimen lies in",
    "no reference cube", "the supposed cube is not grey", "the cube is too small",
    "no ruler", "no coin", "no scale bar", "out of the size window", "the specimen is too small",
    "the scale is too unsure", "the photo is blurred", "the scale is that of the table",
)  # fmt: skip
# Detail of a pixel's size relative to that of five pixels, in a photo 960 px high; a blur of
# three pixels leaves about 0.11, sharp photos have 0.19 to 0.8.
LEAST_SHARP = 0.14


@dataclass(frozen=True, slots=True)
class Objection:
    """Why a measurement is not accepted; ``fatal`` when it has to be rejected."""

    reason: str
    fatal: bool = False


@dataclass(frozen=True, slots=True)
class Shown:
    """How surely the photo shows a fitted cube: the ``overlap`` of model and region, 1 where the
    specimen has ``covered`` a part and the region says nothing, and the ``trust`` in the whole,
    from 0 for nothing of it to 1 for all of it."""

    overlap: float
    trust: float
    covered: bool = False


@dataclass(frozen=True, slots=True, eq=False)
class Supposed:
    """What may be the reference cube, fitted."""

    cube: FoundObject
    fit: CubeFit
    shown: Shown

    @property
    def cubic(self) -> bool:
        """Whether it has the shape of a cube."""
        ragged = self.fit.error_px > MOST_ERROR * self.fit.edge_px + 1
        return (
            self.shown.overlap >= LEAST_OVERLAP and self.shown.trust >= LEAST_TRUST and not ragged
        )


def verdict(objections: list[Objection]) -> tuple[MeasureStatus, tuple[str, ...]]:
    """Status and reasons, the gravest first."""
    ordered = sorted(objections, key=lambda objection: not objection.fatal)
    reasons = tuple(dict.fromkeys(objection.reason for objection in ordered))
    if not ordered:
        return "accepted", ()
    return ("rejected" if ordered[0].fatal else "review"), reasons


def settled(reason: str, *, scale: bool, outline: bool) -> bool:
    """Whether a reason is none any more when a person has given a ``scale`` or an ``outline``.

    Others, as "several specimens in one photo", are for that person to wave through.
    """
    starts = (*_BY_SCALE * scale, *_BY_OUTLINE * outline, *_BY_SIZE * (scale or outline))
    return reason.startswith(starts)


def may_be_misseen(reasons: tuple[str, ...]) -> bool:
    """Whether all there is to object to may lie in where the outlines were seen to run; with more
    than one reason it hardly ever does."""
    return len(reasons) == 1 and not reasons[0].startswith(_AS_SEEN)


def of_specimen(objects: Objects) -> Iterator[Objection]:
    """What the objects alone tell of the specimen."""
    specimens = objects.of("specimen")
    if not specimens:
        yield Objection("no specimen was found", fatal=True)
        return
    if objects.supposed:
        yield Objection("no specimen was found for sure: what was measured may be another thing")
    first = specimens[0]
    # What the photo's edge cuts is a bystander: the photo is of what it shows whole.
    others = [other for other in specimens[1:] if not other.touches_frame]
    if any(other.area_px > SECOND_SHARE * first.area_px for other in others):
        yield Objection("several specimens in one photo", fatal=True)
    outline = border(first, objects)
    if near_frame(outline, objects).mean() > CUT_SHARE:
        yield Objection("the specimen is cut by the edge of the photo", fatal=True)
    boxed = beside(outline, objects, kinds=("other",), cells=3).mean()
    labelled = beside(outline, objects, kinds=("plate",), cells=2).mean()
    pieces = lies_on(objects, kinds=("plate", "other"), shares=LYING_SHARES)
    if boxed > BOXED_SHARE:
        yield Objection("the specimen lies in a clear box", fatal=True)
    elif max(boxed, labelled) > TOUCHED_SHARE or pieces:
        yield Objection("something touches or covers the specimen")
    if waisted(objects.labels):
        yield Objection("what was taken for the specimen may be two that touch")


def large_cubes(objects: Objects) -> tuple[FoundObject, ...]:
    """The supposed cubes that are no crumbs beside the largest."""
    cubes = objects.of("cube")
    return tuple(c for c in cubes if c.area_px > SECOND_CUBE_SHARE * cubes[0].area_px)


def of_cubes(objects: Objects, supposed: list[Supposed]) -> Iterator[Objection]:
    """Whether there is exactly one cube; the first of ``supposed`` is measured by.

    Others are no matter unless they look like one, or touch the specimen: they may be a piece of
    it, which its outline then lacks.
    """
    cubes = large_cubes(objects)
    if not cubes:
        yield Objection("no reference cube was found", fatal=True)
    elif not supposed:
        yield Objection("no cube fits the supposed reference cube", fatal=True)
    elif (
        len(cubes) > MOST_CUBES
        or any(one.cubic for one in supposed[1:])
        or any(_touches_specimen(c, objects) for c in cubes if c is not supposed[0].cube)
    ):
        yield Objection("two reference cubes in one photo")


def _touches_specimen(cube: FoundObject, objects: Objects) -> bool:
    return bool(beside(border(cube, objects), objects, kinds=("specimen",), cells=2).any())


def of_fit(supposed: Supposed, *, picture: Picture) -> Iterator[Objection]:
    """Whether what was taken for the cube is one, and lies as cubes do."""
    fit, trust = supposed.fit, supposed.shown.trust
    if colour_of_top(picture.pixels, fit, px_per_cell=picture.px_per_cell) > MOST_COLOUR:
        yield Objection("the supposed cube is not grey metal: it may be a crystal", fatal=True)
    if not supposed.cubic:
        yield Objection("the supposed cube does not have the shape of a cube", fatal=True)
    elif trust < GOOD_TRUST:
        yield Objection("the cube's edges are too weak to be measured")
    if fit.edge_px < SMALLEST_CUBE_PX * picture.px_per_cell:
        yield Objection("the cube is too small in the photo to be measured")
    if (
        fit.pose.tilt_deg > STEEPEST_DEG
        or lean(fit.pose) < UPSIDE_DOWN
        or (_sideways(fit.pose) and (trust < SURE_TRUST or rival_tilt_deg(fit.pose) < STEEPEST_DEG))
    ):
        yield Objection("the photo is taken too obliquely to tell which face of the cube is up")


def shown_of(fit: CubeFit, objects: Objects) -> Shown:
    """How surely a photo shows a fitted cube."""
    covered = covered_share(fit, objects) > COVERED_SHARE
    overlap = 1.0 if covered else fit.overlap
    # Regions are ragged: where the photo shows the edges, the region matters less.
    return Shown(overlap, trust=fit.support + 2 * (overlap - 0.9), covered=covered)


def lean(pose: Pose) -> float:
    """How far the cube's uprights lean to the photo's upper edge: −1…1, the sine of the tilt."""
    return float(-pose.rotation[1, 2])


def _sideways(pose: Pose) -> bool:
    """Whether a photo is oblique and the cube's uprights do not lean to its upper edge."""
    steep = float(np.sin(np.radians(pose.tilt_deg)))
    return pose.tilt_deg > OBLIQUE_DEG and lean(pose) < UPWARDS * steep


def of_contact(contact: Contact, shown: Shown, *, tilt_deg: float) -> Iterator[Objection]:
    """Whether cube and specimen hide too much of one another.

    Seen from straight above a specimen hardly reaches over the cube. Where it seems to, two faces
    of a cube in an oblique photo may have been taken for one.
    """
    hidden = shown.covered or contact.of_cube > HIDDEN_SHARE
    if hidden and (shown.trust < CLEAR_TRUST or tilt_deg < STRAIGHT_DEG):
        yield Objection("the specimen hides a part of the cube")
    if max(contact.length, contact.width) > MOST_HIDDEN:
        yield Objection("the cube may hide a part of the specimen")


def rival_tilt_deg(pose: Pose) -> float:
    """How far the least tilted of the other visible faces is turned from the camera's axis."""
    shown = pose.visible_faces()[1:]
    facing = -(NORMALS[1:] @ pose.rotation.T)[:, 2]
    most = float(facing[shown].max(initial=-1.0))
    return float(np.degrees(np.arccos(np.clip(most, -1, 1))))


def covered_share(fit: CubeFit, objects: Objects) -> float:
    """The part of the cube's place in the photo that is labelled as the specimen."""
    import cv2

    model = np.zeros(objects.labels.shape, np.uint8)
    corners = (fit.pose.corners_px() / objects.px_per_cell).astype(np.float32)
    inside = corners.mean(axis=0) + 0.94 * (corners - corners.mean(axis=0))
    cv2.fillConvexPoly(model, np.round(cv2.convexHull(inside) - 0.5).astype(np.int32), 1)
    return float((objects.labels[model > 0] == 1).mean()) if model.any() else 0.0


def of_sharpness(pixels: NDArray[np.uint8], objects: Objects) -> Iterator[Objection]:
    """Whether the specimen and the cube are sharp enough to be measured."""
    boxes = [thing.box_xyxy for kind in ("specimen", "cube") for thing in objects.of(kind)[:1]]
    scale = pixels.shape[1] / objects.width_px
    low = np.maximum(np.min(boxes, axis=0)[:2] * scale - 8, 0).astype(int)
    high = (np.max(boxes, axis=0)[2:] * scale + 8).astype(int)
    if (
        sharpness(pixels[low[1] : high[1], low[0] : high[0]], of=min(pixels.shape[:2]))
        < LEAST_SHARP
    ):
        yield Objection("the photo is blurred")


def sharpness(part: NDArray[np.uint8], *, of: int) -> float:
    """Fine detail of a part (h, w, 3) relative to coarse, in a photo of ``of`` px."""
    import cv2

    grey = cv2.cvtColor(part, cv2.COLOR_RGB2GRAY)
    if (shrink := 960 / of) < 1:
        grey = cv2.resize(grey, None, fx=shrink, fy=shrink, interpolation=cv2.INTER_AREA)
    grey = grey.astype(np.float32)
    half = cv2.resize(grey, None, fx=0.5, fy=0.5, interpolation=cv2.INTER_AREA)
    same = np.s_[: 2 * half.shape[0] : 2, : 2 * half.shape[1] : 2]
    blurred = cv2.GaussianBlur(grey, (0, 0), 1.2)[same], cv2.GaussianBlur(half, (0, 0), 2.5)
    fine, coarse = (np.percentile(np.abs(grey[same] - one), 97) for one in blurred)
    return float(fine / max(coarse, 1e-3))


def of_size(
    measurement: Measurement, options: MeasureOptions, *, edge_pm_px: float
) -> Iterator[Objection]:
    """Whether the result, of an outline that is known to ``edge_pm_px``, can be believed."""
    size, scale = measurement.size_mm, measurement.scale
    length_pm, width_pm = measurement.length_pm_mm, measurement.width_pm_mm
    if size is None or scale is None or length_pm is None or width_pm is None:
        return
    cubes = size.length / options.cube_mm
    by_cube = scale.source in ("cube", "inherited")
    if by_cube and not options.smallest_in_cubes <= cubes <= options.largest_in_cubes:
        yield Objection(f"out of the size window: {cubes:.2g} cube edges long")
    if scale.pm_mm_per_px > MOST_UNSURE * scale.mm_per_px:
        yield Objection("the scale is too unsure")
    elif (
        half_width_mm(size.width / scale.mm_per_px, scale=scale, edge_pm_px=edge_pm_px)
        > MOST_UNSURE_SIZE * size.width
    ):
        yield Objection("the specimen is too small in the photo to be measured")
    elif max(length_pm / size.length, width_pm / size.width) > MOST_UNSURE_SIZE:
        yield Objection("length and width are too unsure: two rectangles fit almost equally well")


def colour_of_top(pixels: NDArray[np.uint8], fit: CubeFit, *, px_per_cell: float) -> float:
    """Median saturation 0…1 of the cube's upper face."""
    corners = fit.pose.corners_px()[list(TOP)] / px_per_cell
    u, v = (axis.ravel()[:, None] for axis in np.meshgrid(*[np.linspace(0.08, 0.92, 32)] * 2))
    a, b, c, d = corners
    inside = (1 - u) * ((1 - v) * a + v * d) + u * ((1 - v) * b + v * c)
    column = np.clip(inside[:, 0].astype(int), 0, pixels.shape[1] - 1)
    row = np.clip(inside[:, 1].astype(int), 0, pixels.shape[0] - 1)
    colours = pixels[row, column].astype(np.float64)
    most = colours.max(axis=1)
    return float(np.median((most - colours.min(axis=1)) / np.maximum(most, 20)))


def main_specimen(objects: Objects) -> FoundObject | None:
    """The specimen that is measured: the largest."""
    return next(iter(objects.of("specimen")), None)
