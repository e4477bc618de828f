"""Specimen, reference cube, text plate and other things in a photo: found by a small network.

Everything is given in oriented original pixels (``geoview.records``), x to the right, y down; a
pixel's area reaches from its number to the next one, so that outlines run along pixel edges.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from geoview.measure import outline
from geoview.measure.looking import (
    CUBE,
    OTHER,
    SPECIMEN,
    Labels,
    Part,
    Pixels,
    Seen,
    Shares,
    View,
    Window,
    look,
    mirrored,
    parts,
    settled,
)
from geoview.measure.worded import named
from geoview.measured import Polygon
from geoview.photos.shrink import at_most
from geoview.records import BoxXYXY

ObjectKind = Literal["specimen", "cube", "plate", "other"]
KINDS: tuple[ObjectKind, ...] = ("specimen", "cube", "plate", "other")
# Longest side of the part of the picture in which an outline is drawn, the cube's being fitted to
# the photo later; and how far, in pixels of that part, it may be from the finest one.
FINE_PX, FINE_CUBE_PX = 640, 400
TOLERANCE_PX = 0.3
# How far, in the network's cells, its border may be wrong.
BAND_CELLS = 2.0
# What is looked at again where it is small, specimen and cube, and with which margin: a cube is
# told from its shadow by what is around both.
ENLARGED = {SPECIMEN: 0.3, CUBE: 0.8}
# What is measured; the outline of anything else need not be finer than the network's.
REFINED: tuple[ObjectKind, ...] = ("specimen", "cube")


@dataclass(frozen=True, slots=True)
class FoundObject:
    """One thing that lies in the photo.

    ``outline_px`` in original pixels, as fine as the decode it was found in; ``confidence`` 0…1,
    the mean probability of its kind inside; ``area_px`` in original pixels.
    """

    kind: ObjectKind
    outline_px: Polygon
    box_xyxy: BoxXYXY
    confidence: float
    touches_frame: bool
    area_px: float


@dataclass(frozen=True, slots=True, eq=False)
class Objects:
    """What was found, the largest first.

    ``labels``: uint8 (h, w), 0 background, 1 specimen, 2 cube, 3 plate, 4 other; one cell is
    ``px_per_cell`` original pixels. ``width_px`` and ``height_px``: of the oriented original.
    ``model``: the SHA-256 of the network that found them, where known. ``supposed``: no specimen
    was found, and the one other thing that lies there was taken for it.
    """

    found: tuple[FoundObject, ...]
    labels: NDArray[np.uint8]
    px_per_cell: float
    width_px: int
    height_px: int
    model: str = ""
    supposed: bool = False

    def of(self, kind: ObjectKind) -> tuple[FoundObject, ...]:
        """The objects of one kind, the largest first."""
        return tuple(thing for thing in self.found if thing.kind == kind)


def find(
    pixels: NDArray[np.uint8],
    *,
    width_px: int,
    height_px: int,
    detector: str = "geoview",
    longer: bool = False,
) -> Objects:
    """The objects in a photo of ``width_px`` × ``height_px`` original pixels.

    ``pixels``: uint8 (h, w, 3) RGB, upright, perhaps a reduced decode of it. ``detector``:
    "geoview", or the folder of a downloaded OWL-ViT, which then names the kinds. ``longer``: look
    at the mirror images too, in four times the time. Raises ModelError when a detector cannot be
    loaded.
    """
    from geoview.models.segmenting import segmenting

    network = segmenting()
    shares = mirrored(network.shares) if longer else network.shares
    seen, model = look(pixels, shares=shares, enlarged=ENLARGED), network.ref.sha256
    if detector != "geoview":
        seen = named(seen, pixels, folder=Path(detector))
        model = f"{model} with {Path(detector).name}"
    found = found_in(seen, pixels, width_px=width_px, height_px=height_px)
    return replace(found, model=model)


def found_by(
    shares: Callable[[Pixels], Shares], pixels: Pixels, *, width_px: int, height_px: int
) -> Objects:
    """As ``find``, by any function that gives the shares of the classes in a picture."""
    seen = look(pixels, shares=shares, enlarged=ENLARGED)
    return found_in(seen, pixels, width_px=width_px, height_px=height_px)


def found_in(seen: Seen, pixels: Pixels, *, width_px: int, height_px: int) -> Objects:
    """The objects in what was seen of ``pixels``."""
    labels = settled(seen.cells)
    supposed = _only_other(labels)
    if supposed is not None:
        labels[supposed.where] = SPECIMEN
    px_per_cell = width_px / labels.shape[1]
    drawn = [_object(pixels, seen, part, labels, width_px=width_px) for part in parts(labels)]
    found = sorted((o for o in drawn if o is not None), key=lambda o: -o.area_px)
    return Objects(
        tuple(found), labels, px_per_cell, width_px, height_px, supposed=supposed is not None
    )


def _only_other(labels: Labels) -> Part | None:
    """What lies whole and alone beside cube and plate where there is no specimen: a lone crystal
    looks much like a pencil."""
    others = list(parts(labels, only=(OTHER,))) if not (labels == SPECIMEN).any() else []
    if len(others) != 1 or _touches(others[0].box, labels.shape):
        return None
    return others[0]


def _object(
    pixels: Pixels, seen: Seen, part: Part, labels: Labels, *, width_px: int
) -> FoundObject | None:
    """One region with its outline drawn finely; None when nothing of it is left then."""
    view = seen.best(part)
    points = _outline(pixels[view.window.of(pixels.shape)], view, part, labels)
    if len(points) < 3:
        return None
    # The window is cut at whole pixels only in the decode, so its own borders are kept.
    window = view.window.on(pixels.shape)
    scale = width_px / pixels.shape[1]
    size = np.array([pixels.shape[1], pixels.shape[0]]) * scale
    corner = np.array([window.x0, window.y0])
    extent = np.array([window.x1, window.y1]) - corner
    polygon: Polygon = tuple((float(x), float(y)) for x, y in (corner + points * extent) * size)
    return FoundObject(
        kind=KINDS[part.label - 1],
        outline_px=polygon,
        box_xyxy=_box(polygon),
        confidence=float(seen.cells[part.where][:, part.label].mean()),
        touches_frame=_touches(part.box, part.where.shape),
        area_px=_area(polygon),
    )


def _outline(crop: Pixels, view: View, part: Part, labels: Labels) -> NDArray[np.float64]:
    """The outline in ``crop``, the pixels of ``view``, as shares 0…1 of its width and height."""
    picture = at_most(crop, FINE_CUBE_PX if part.label == CUBE else FINE_PX)
    height, width = picture.shape[:2]
    share = outline.enlarged(_alone(view, part, labels), shape=(height, width))
    band_px = BAND_CELLS * width / view.columns
    if KINDS[part.label - 1] in REFINED:
        share = outline.refined(share, picture=picture, band_px=band_px)
    points = outline.traced(share)
    return outline.simplified(points, tolerance=TOLERANCE_PX) / (width, height)


def _alone(view: View, part: Part, labels: Labels) -> NDArray[np.float32]:
    """How much of each cell is a part, where things other than it are cut out.

    Whether there is a thing at all is surer than which one it is, so the border against the
    background is that of all classes together.
    """
    import cv2

    cells = view.window.of(labels.shape)
    others = ((labels[cells] > 0) & ~part.where[cells]).astype(np.uint8)
    share = 1 - view.shares[..., 0]
    size = share.shape[1], share.shape[0]
    return np.asarray(share * (1 - cv2.resize(others, size, interpolation=cv2.INTER_NEAREST)))


def _box(polygon: Polygon) -> BoxXYXY:
    xs, ys = zip(*polygon, strict=True)
    return min(xs), min(ys), max(xs), max(ys)


def _area(polygon: Polygon) -> float:
    """The shoelace formula."""
    x, y = np.array(polygon).T
    return float(abs(np.dot(x, np.roll(y, -1)) - np.dot(y, np.roll(x, -1))) / 2)


def _touches(box: Window, shape: tuple[int, ...]) -> bool:
    """Whether a box reaches the outermost cells."""
    x, y = 1.5 / shape[1], 1.5 / shape[0]
    return box.x0 < x or box.y0 < y or box.x1 > 1 - x or box.y1 > 1 - y
