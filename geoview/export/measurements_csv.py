"""Measurements as comma-separated values: the contract that other programs rely on.

UTF-8, comma, newline ``\\n``. Numbers are written in full; without a scale every column in mm is
empty. Every photo has a row, also one that cannot be read. Points are oriented original pixels,
``[[x,y],…]``. A file name that starts with = + - or @ is written as ``./=name.jpg``, the same
file, and other text that a spreadsheet would run as a formula gets an apostrophe in front.
"""

from __future__ import annotations

import itertools
from collections.abc import Iterator
from pathlib import Path

from geoview.export import cells
from geoview.export.measurements import MeasurementRow, MeasurementTable, measurement_exporter
from geoview.measured import Measurement

COLUMNS = (
    "file", "catalogue_no", "status", "reasons", "length_mm", "width_mm", "length_pm_mm",
    "width_pm_mm", "mm_per_px", "scale_source", "cube_quad_px", "outline_box_px", "box",
    "app_version",
)  # fmt: skip


@measurement_exporter("csv", title="Sizes (CSV)", suffix=".csv")
def write_csv(path: Path, table: MeasurementTable) -> None:
    """One row per photo with ``COLUMNS``; OSError when it cannot be written."""
    guarded = (_guarded(row) for row in measurement_rows(table))
    cells.write_rows(path, itertools.chain([list(COLUMNS)], guarded))


def measurement_rows(table: MeasurementTable) -> Iterator[list[str]]:
    """A row of ``COLUMNS`` for every photo, as plain text."""
    for row in table.rows:
        yield [row.file, *_cells(row)]


def _guarded(row: list[str]) -> list[str]:
    safe = {"file": cells.file_name, "catalogue_no": cells.text, "reasons": cells.text,
            "box": cells.text}  # fmt: skip
    named = zip(COLUMNS, row, strict=True)
    return [safe[name](value) if name in safe else value for name, value in named]


def _cells(row: MeasurementRow) -> list[str]:
    one = row.measurement
    if one is None:
        return [""] * (len(COLUMNS) - 1)
    return [
        one.catalogue_no,
        one.status,
        "; ".join(one.reasons),
        *sizes_mm(one),
        *_scale(one),
        cells.points(one.outline_box_px),
        row.box,
        one.app_version,
    ]


def sizes_mm(one: Measurement) -> list[str]:
    """Length, width and their half intervals; all empty without a scale."""
    if one.scale is None or one.size_mm is None:
        return [""] * 4
    values = (one.size_mm.length, one.size_mm.width, one.length_pm_mm, one.width_pm_mm)
    return [cells.number(value) for value in values]


def _scale(one: Measurement) -> list[str]:
    if one.scale is None:
        return [""] * 3
    quad = one.scale.reference_px if one.scale.source == "cube" else ()
    return [cells.number(one.scale.mm_per_px), one.scale.source, cells.points(quad)]
