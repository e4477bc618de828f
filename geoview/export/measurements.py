"""The formats measurements can be written in; a new one is one file and a decorator."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from geoview.measured import Measurement


class Pixels(Protocol):
    """A decoded photo: uint8 (h, w, 3) RGB, upright, perhaps reduced; the original's size."""

    @property
    def pixels(self) -> NDArray[np.uint8]: ...
    @property
    def width_px(self) -> int: ...
    @property
    def height_px(self) -> int: ...


class Decode(Protocol):
    """Reads a photo; PhotoError for one that cannot be read."""

    def __call__(self, path: Path, *, at_least_px: int | None = None) -> Pixels: ...


def unheard(_done: int, _total: int) -> None:
    """Nobody follows the progress."""


@dataclass(frozen=True, slots=True)
class MeasurementRow:
    """One photo: its file below the folder, where it is, what was measured, the box it fits."""

    file: str
    path: Path
    measurement: Measurement | None
    box: str = ""

    @property
    def number(self) -> str:
        return "" if self.measurement is None else self.measurement.catalogue_no.strip()

    @property
    def accepted(self) -> bool:
        return self.measurement is not None and self.measurement.status == "accepted"


@dataclass(frozen=True, slots=True)
class MeasurementTable:
    """What is written: one row per photo, in the order of the folder.

    Formats with pictures read the photos through ``decode`` and tell ``progress`` after each
    photo how many are done; it may raise Cancelled.
    """

    rows: tuple[MeasurementRow, ...]
    decode: Decode | None = None
    progress: Callable[[int, int], None] = unheard


class Write(Protocol):
    """Write to ``path``; OSError when that cannot be done."""

    def __call__(self, path: Path, table: MeasurementTable) -> None: ...


Check = Callable[[MeasurementTable], tuple[str, ...]]


Targets = Callable[[Path], tuple[Path, ...]]


def nothing_to_check(_table: MeasurementTable) -> tuple[str, ...]:
    """Formats that take any photo."""
    return ()


def the_path_alone(path: Path) -> tuple[Path, ...]:
    """Formats of one file or folder."""
    return (path,)


@dataclass(frozen=True, slots=True)
class MeasurementExporter:
    """A format. ``suffix`` is empty for one that fills a folder. ``check`` tells, in sentences
    and before anything is written, what the other program would miss; ``targets`` names every
    file (or the folder) that is written for a path."""

    name: str
    title: str
    suffix: str
    write: Write
    check: Check
    targets: Targets


MEASUREMENT_EXPORTERS: dict[str, MeasurementExporter] = {}


def measurement_exporter(
    name: str,
    *,
    title: str,
    suffix: str,
    check: Check = nothing_to_check,
    targets: Targets = the_path_alone,
) -> Callable[[Write], Write]:
    """Register a function as the writer of the format ``name``."""

    def register(write: Write) -> Write:
        made = MeasurementExporter(name, title, suffix, write, check, targets)
        MEASUREMENT_EXPORTERS[name] = made
        return write

    return register
