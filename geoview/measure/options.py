"""What a person may set of the size tool."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from geoview.measured import CUBE_MM, Scale

Reference = Literal["cube", "ruler", "coin", "scale bar"]


@dataclass(frozen=True, slots=True)
class MeasureOptions:
    """Settings of a run.

    ``method`` and ``detector`` are names of ``methods.METHODS`` and of the object finders.
    ``scale`` is that of a reference shot taken with the same set-up: used, and named
    "inherited", where a photo has no usable cube of its own. A specimen whose length is not
    between ``smallest_in_cubes`` and ``largest_in_cubes`` cube edges is never accepted.
    ``scale_source`` is what lies beside the specimens when it is no cube, and ``reference_mm`` its
    known length: a coin's diameter, a bar's length, one tick of a ruler (None: told from the
    ticks). With ``read_codes`` catalogue numbers are looked for in barcodes and QR codes, with
    ``read_plates`` on text plates where the extra "text" is installed (about a second a photo).
    ``owlvit`` is the folder of the weights that the method "owl-vit" needs.
    """

    method: str = "geoview"
    detector: str = "geoview"
    cube_mm: float = CUBE_MM
    scale: Scale | None = None
    scale_source: Reference = "cube"
    reference_mm: float | None = None
    read_codes: bool = True
    read_plates: bool = False
    owlvit: Path | None = None
    smallest_in_cubes: float = 0.3
    largest_in_cubes: float = 25.0

    def __post_init__(self) -> None:
        if not 0.1 <= self.cube_mm <= 1000:
            raise ValueError("the cube's edge must lie between 0.1 and 1000 mm")
        if not 0 <= self.smallest_in_cubes < self.largest_in_cubes:
            raise ValueError("the smallest size must be below the largest")
        if self.scale_source in ("coin", "scale bar") and self.reference_mm is None:
            raise ValueError(f"say how long the {self.scale_source} is")
        if self.reference_mm is not None and not 0.01 <= self.reference_mm <= 10_000:
            raise ValueError("the reference must be between 0.01 and 10,000 mm long")
