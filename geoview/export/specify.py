"""Specify 7: pairs of file name and catalogue number for attachments, and a sheet of sizes."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

from geoview.export import cells
from geoview.export.measurement_records import (
    by_number,
    check_records,
    determined_by,
    method_words,
    trusted,
)
from geoview.export.measurements import MeasurementTable, measurement_exporter
from geoview.export.measurements_csv import sizes_mm

PAIRS = ("File name", "Catalog number")
SIZES = (
    "Catalog number", "Length (mm)", "Width (mm)", "Length ± (mm)", "Width ± (mm)", "Method",
    "Measured by", "Measured on",
)  # fmt: skip


def sizes_file(path: Path) -> Path:
    """Where the sheet of sizes goes: ``pairs.csv`` → ``pairs-sizes.csv``."""
    return path.with_name(f"{path.stem}-sizes{path.suffix}")


@measurement_exporter("specify", title="Specify 7", suffix=".csv", check=check_records)
def write_specify(path: Path, table: MeasurementTable) -> None:
    """Pairs for every photo with a number in ``path``; sizes, one row per record, beside it."""
    cells.write_rows(path, _pairs(table))
    cells.write_rows(sizes_file(path), _sizes(table))


def _pairs(table: MeasurementTable) -> Iterator[list[str]]:
    yield list(PAIRS)
    for row in table.rows:
        if row.number:
            yield [cells.file_name(row.file), cells.text(row.number)]


def _sizes(table: MeasurementTable) -> Iterator[list[str]]:
    yield list(SIZES)
    for number, rows in by_number(table.rows).items():
        best = trusted(rows)
        if best is not None:
            made = [method_words(best), cells.text(determined_by(best)), best.created_utc[:10]]
            yield [cells.text(number), *sizes_mm(best), *made]
