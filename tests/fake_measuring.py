"""Measurements and a measuring function that needs no real specimens."""

from __future__ import annotations

import threading
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path

from geoview.errors import PhotoError
from geoview.measure.options import MeasureOptions
from geoview.measured import Measurement, MeasureStatus, Scale, Size
from geoview.records import Photo

MM_PER_PX = 1 / 7  # no rounding leaves it as it is
SCALE = Scale(MM_PER_PX, MM_PER_PX / 300, "cube", 25.4, ((1.5, 2), (9.1, 2), (9, 9.25), (1, 9)))


def rectangle(length: float, width: float, *, x: float = 40.0, y: float = 30.0) -> tuple:
    return ((x, y), (x + length, y), (x + length, y + width), (x, y + width))


def measurement(
    file: str = "a.jpg",
    *,
    length_mm: float = 100 / 7,
    width_mm: float = 50 / 7,
    pm_mm: float = 0.3,
    status: MeasureStatus = "accepted",
    reasons: tuple[str, ...] = (),
    scale: Scale | None = SCALE,
    number: str = "",
    user: str = "",
    method: str = "geoview",
    size: tuple[int, int] = (640, 480),
) -> Measurement:
    """A specimen of this size, seen with 7 px to the mm."""
    length_px, width_px = length_mm / MM_PER_PX, width_mm / MM_PER_PX
    box = rectangle(length_px, width_px)

    def sizes(length: float, width: float) -> Size:
        return Size(length, width, length, width, length * 1.1, width, length * width)

    return Measurement(
        file=file,
        status=status,
        reasons=reasons,
        width_px=size[0],
        height_px=size[1],
        method=method,
        app_version="0.0.9",
        created_utc="2026-01-02T03:04:05+00:00",
        scale=scale,
        outline_px=(*box, (box[0][0], box[0][1] + width_px / 3)),
        outline_box_px=box,
        size_px=sizes(length_px, width_px),
        size_mm=None if scale is None else sizes(length_mm, width_mm),
        length_pm_mm=None if scale is None else pm_mm,
        width_pm_mm=None if scale is None else pm_mm / 3,
        catalogue_no=number,
        plate_box_px=(1.5, 2.25, 30.125, 40.1),
        user=user,
    )


@dataclass
class FakeMeasure:
    """Measures at once; fails on ``bad…``, crashes on ``odd…``, finds no scale on ``bare…``."""

    seen: list[str] = field(default_factory=list)
    on_photo: Callable[[Photo], None] = lambda photo: None
    sizes: dict[str, tuple[int, int]] = field(default_factory=dict)
    _lock: threading.Lock = field(default_factory=threading.Lock)

    def __call__(self, photo: Photo, *, options: MeasureOptions) -> Measurement:
        with self._lock:
            self.seen.append(photo.file)
        self.on_photo(photo)
        name = Path(photo.file).name
        if name.startswith("bad"):
            raise PhotoError("the file is empty: copy it again from the camera")
        if name.startswith("odd"):
            raise ZeroDivisionError("a bug")
        bare = name.startswith("bare")
        scale = options.scale if bare else SCALE
        return measurement(
            photo.file,
            scale=scale,
            status="accepted" if scale else "rejected",
            reasons=() if scale else ("no cube found",),
            method=options.method,
            size=self.sizes.get(photo.file, (640, 480)),
        )
