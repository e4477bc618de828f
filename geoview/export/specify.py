"""Specify 7: pairs of file name and catalogue number for attachments, and a sheet of sizes."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path, PurePosixPath

from geoview.export import cells
from geoview.export.measurement_records import (
    NUMBER,
    by_number,
    check_records,
    determined_by,
    method_words,
    same_names,
    sentence,
    told,
    trusted,
)
from geoview.export.measurements import MeasurementTable, measurement_exporter
from geoview.export.measurements_csv import sizes_mm

PAIRS = ("File name", "Catalog number")
SIZES = (
    "Catalog number", "Length (mm)", "Width (mm)", "Length ± (mm)", "Width ± (mm)", "Method",
    "Measured by", "Measured on",
)  # fmt: skip
LONGEST_NUMBER = 32


def check_specify(table: MeasurementTable) -> tuple[str, ...]:
    """What Specify would not take, besides what every program misses.

    Its field ``collectionobject.CatalogNumber`` holds 32 characters (specify7,
    ``specify_datamodel.py``), and photos of one name in two folders are one to it (``_pairs``).
    """
    numbers = by_number(table.rows)
    long = [number for number in numbers if len(number) > LONGEST_NUMBER]
    return told(
        *check_records(table),
        sentence(long, f"{{}} longer than {LONGEST_NUMBER} characters", unit=NUMBER),
        sentence(
            same_names(table), "{} named like one in another folder, so Specify mixes them up"
        ),
    )


def targets(path: Path) -> tuple[Path, Path]:
    """The pairs and, beside them, the sheet of sizes: ``pairs.csv`` and ``pairs-sizes.csv``."""
    return path, path.with_name(f"{path.stem}-sizes{path.suffix}")


@measurement_exporter(
    "specify", title="Specify 7", suffix=".csv", check=check_specify, targets=targets
)
def write_specify(path: Path, table: MeasurementTable) -> None:
    """Pairs for every photo with a number in ``path``; sizes, one row per record, beside it."""
    pairs, sizes = targets(path)
    cells.write_rows(pairs, _pairs(table))
    cells.write_rows(sizes, _sizes(table))


def _pairs(table: MeasurementTable) -> Iterator[list[str]]:
    """By the bare names: Specify's uploader looks for a file by these (specify7,
    ``AttachmentsBulkImport/utils.ts``: ``file.name``), since a browser tells no folder."""
    yield list(PAIRS)
    for row in table.rows:
        if row.number:
            yield [cells.file_name(PurePosixPath(row.file).name), cells.text(row.number)]


def _sizes(table: MeasurementTable) -> Iterator[list[str]]:
    yield list(SIZES)
    for number, rows in by_number(table.rows).items():
        best = trusted(rows)
        if best is not None:
            made = [method_words(best), cells.text(determined_by(best)), best.created_utc[:10]]
            yield [cells.text(number), *sizes_mm(best), *made]
