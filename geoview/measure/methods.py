"""Measuring methods by name. A new one is one function with ``@measure_method("name", title=…)``.

A method takes a decoded photo and the options and returns the finished ``Measurement``; it
never raises for what the photo shows, but rejects it with reasons.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from geoview import __version__
from geoview.measure.options import MeasureOptions
from geoview.measured import Measurement


@dataclass(frozen=True, slots=True, eq=False)
class Picture:
    """A decoded photo.

    ``pixels``: uint8 (h, w, 3), RGB, upright, perhaps reduced; ``width_px`` and ``height_px``
    are the size of the upright original. ``focal_35mm`` is the lens's focal length as for
    35 mm film (mm), where the camera noted it.
    """

    file: str
    pixels: NDArray[np.uint8]
    width_px: int
    height_px: int
    focal_35mm: float | None = None

    @property
    def px_per_cell(self) -> float:
        """Original pixels for each pixel of ``pixels``, at least 1."""
        return float(self.width_px / self.pixels.shape[1])


def unmeasured(picture: Picture, *, options: MeasureOptions) -> Measurement:
    """What is known of a picture before anything was found in it: rejected, reasons to come."""
    return Measurement(
        file=picture.file,
        status="rejected",
        reasons=(),
        width_px=picture.width_px,
        height_px=picture.height_px,
        method=options.method,
        app_version=__version__,
        created_utc=datetime.now(UTC).isoformat(timespec="seconds"),
    )


class Measure(Protocol):
    """Measure one picture."""

    def __call__(self, picture: Picture, *, options: MeasureOptions) -> Measurement: ...


@dataclass(frozen=True, slots=True)
class MeasureMethod:
    """A way to measure; ``title`` is what people read."""

    name: str
    title: str
    measure: Measure


METHODS: dict[str, MeasureMethod] = {}


def measure_method(name: str, *, title: str) -> Callable[[Measure], Measure]:
    """Register a function as the method ``name``."""

    def register(measure: Measure) -> Measure:
        METHODS[name] = MeasureMethod(name, title, measure)
        return measure

    return register
