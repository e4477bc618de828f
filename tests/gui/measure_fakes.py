"""Specimen photos and a size tool that needs no detector: what it finds is where it was drawn."""

from __future__ import annotations

import math
import time
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import cv2
import numpy as np
from PIL import Image

from geoview.errors import PhotoError
from geoview.measure.options import MeasureOptions
from geoview.measured import Measurement, MeasureStatus, Polygon, Scale, Size
from geoview.measuring import Measuring
from geoview.project import Project
from geoview.records import Photo
from geoview.settings import Settings

# A specimen of 100 x 60 px and a cube of 50 px, in a photo of 320 x 240 px.
WIDTH, HEIGHT = 320, 240
SPECIMEN = ((120.0, 80.0), (220.0, 80.0), (220.0, 140.0), (120.0, 140.0))
CUBE = ((30.0, 150.0), (80.0, 150.0), (80.0, 200.0), (30.0, 200.0))
USER = "ada"


def write_specimens(folder: Path, number: int, *, orientation: int = 1) -> Path:
    """Photos ``QM-001.jpg`` … with a red specimen and a green cube on grey."""
    folder.mkdir(parents=True, exist_ok=True)
    for i in range(1, number + 1):
        write_specimen(folder / f"QM-{i:03d}.jpg", orientation=orientation)
    return folder


def write_specimen(path: Path, *, orientation: int = 1) -> None:
    """One photo; with EXIF orientation 6 the file holds it lying on its side."""
    pixels = np.full((HEIGHT, WIDTH, 3), 190, np.uint8)
    pixels[80:140, 120:220] = (190, 30, 30)
    pixels[150:200, 30:80] = (30, 170, 60)
    if orientation == 6:
        pixels = np.rot90(pixels).copy()
    exif = Image.Exif()
    exif[0x0112] = orientation
    Image.fromarray(pixels).save(path, quality=95, exif=exif)


def outline(step: float = 2.0) -> Polygon:
    """The specimen's outline with a point every ``step`` pixels, as a detector gives it."""
    (x0, y0), (x1, y1) = SPECIMEN[0], SPECIMEN[2]
    xs, ys = np.arange(x0, x1, step), np.arange(y0, y1, step)
    return (
        *((float(x), y0) for x in xs),
        *((x1, float(y)) for y in ys),
        *((float(x), y1) for x in x1 + x0 - xs),
        *((x0, float(y)) for y in y1 + y0 - ys),
    )


def measurement(
    photo: Photo,
    *,
    status: MeasureStatus = "accepted",
    reasons: tuple[str, ...] = (),
    with_scale: bool = True,
    options: MeasureOptions | None = None,
) -> Measurement:
    """What the fake tool says of a photo."""
    options = options or MeasureOptions()
    px = Size(100.0, 60.0, 100.0, 60.0, 116.6, 60.0, 6000.0)
    scale = size_mm = None
    if with_scale:
        mm = options.cube_mm / 50.0
        scale = Scale(mm, mm * 0.01, "cube", options.cube_mm, CUBE, tilt_deg=2.0)
        size_mm = Size(*(v * mm for v in (100, 60, 100, 60, 116.6, 60)), 6000.0 * mm * mm)
    return Measurement(
        file=photo.file,
        status=status,
        reasons=reasons,
        width_px=WIDTH,
        height_px=HEIGHT,
        method=options.method,
        app_version="0",
        created_utc="2026-01-01T00:00:00+00:00",
        scale=scale,
        outline_px=outline(),
        outline_box_px=SPECIMEN,
        size_px=px,
        size_mm=size_mm,
        length_pm_mm=0.6 if with_scale else None,
        width_pm_mm=0.5 if with_scale else None,
        catalogue_no=photo.file.removesuffix(".jpg"),
    )


class FakeTool:
    """Measures at the given pace. Every third photo is doubtful, every fifth has no scale."""

    def __init__(self, *, seconds_per_photo: float = 0.0) -> None:
        self.seconds_per_photo = seconds_per_photo
        self.seen: list[str] = []

    def __call__(self, photo: Photo, *, options: MeasureOptions) -> Measurement:
        time.sleep(self.seconds_per_photo)
        self.seen.append(photo.file)
        if photo.size_bytes == 0:
            raise PhotoError("the file is empty: copy it again from the camera")
        number = int(photo.file.removesuffix(".jpg").rpartition("-")[2])
        if options.scale is None and number % 5 == 0:
            return measurement(
                photo, status="review", reasons=("there is no cube",), with_scale=False
            )
        if number % 3 == 0:
            reasons = ("two cubes were found",)
            return measurement(photo, status="review", reasons=reasons, options=options)
        found = measurement(photo, options=options)
        return replace(found, scale=options.scale) if number % 5 == 0 else found


def maker(tool: FakeTool) -> Callable[[Project, Settings], Measuring]:
    """Stands in for ``measure_work.make_measuring``."""

    def make(project: Project, settings: Settings) -> Measuring:
        options = MeasureOptions(method=settings.measure_method, cube_mm=settings.cube_mm)
        return Measuring(project, options=options, user=USER, measure=tool)

    return make


def corrected(
    one: Measurement,
    *,
    user: str,
    options: MeasureOptions,
    status: MeasureStatus | None = None,
    **changes: Any,
) -> Measurement:
    """Stands in for the size tool's, which fits a camera: here nothing is seen at an angle."""
    quad, line = changes.get("cube_quad_px"), changes.get("line_px")
    if quad is not None:
        edge = sum(math.dist(quad[i], quad[(i + 1) % 4]) for i in range(4)) / 4
        one = replace(one, scale=_scale(options.cube_mm / edge, "cube", options.cube_mm, quad))
    elif line is not None:
        mm = changes["line_mm"]
        one = replace(one, scale=_scale(mm / math.dist(*line), "line", mm, line))
    drawn = changes.get("outline_px") or changes.get("outline_box_px") or one.outline_px
    middle, sides, angle = cv2.minAreaRect(np.array(drawn, np.float32))
    corners = cv2.boxPoints((middle, sides, angle))
    box = changes.get("outline_box_px") or tuple((float(x), float(y)) for x, y in corners)
    long, short = max(sides), min(sides)
    px = Size(long, short, long, short, math.hypot(long, short), short, long * short)
    one = replace(one, outline_px=drawn, outline_box_px=box, size_px=px)
    if one.scale is not None:
        mm = one.scale.mm_per_px
        lengths = (long, short, long, short, math.hypot(long, short), short)
        size = Size(*(length * mm for length in lengths), long * short * mm * mm)
        one = replace(one, size_mm=size, length_pm_mm=0.01 * size.length, width_pm_mm=0.5)
    judged = status or ("accepted" if one.size_mm is not None else one.status)
    reasons = () if judged == "accepted" else one.reasons or (f"marked so by {user}",)
    return replace(
        one, user=user, status=judged, reasons=reasons, created_utc="2026-01-02T00:00:00+00:00"
    )


def _scale(mm_per_px: float, source: Any, reference_mm: float, points: Any) -> Scale:
    return Scale(mm_per_px, 0.01 * mm_per_px, source, reference_mm, tuple(points))
