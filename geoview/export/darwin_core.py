"""Sizes as Darwin Core MeasurementOrFact: two rows, length and width, for every record."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from pathlib import Path

from geoview.export import cells
from geoview.export.measurement_records import (
    by_number,
    check_records,
    determined_by,
    method_words,
    sentence,
    told,
    trusted,
    trusted_size,
)
from geoview.export.measurements import MeasurementTable, measurement_exporter
from geoview.measured import Measurement

COLUMNS = (
    "measurementID", "occurrenceID", "catalogNumber", "measurementType", "measurementValue",
    "measurementAccuracy", "measurementUnit", "measurementMethod", "measurementDeterminedBy",
    "measurementDeterminedDate", "measurementRemarks",
)  # fmt: skip


def check_darwin_core(table: MeasurementTable) -> tuple[str, ...]:
    """What would make the facts ambiguous, besides what every program misses.

    ``measurementID`` and ``occurrenceID`` identify one measurement and one occurrence each
    (https://dwc.tdwg.org/terms/); a file name stands for one only until it is published.
    """
    nameless = [row.file for row in table.rows if trusted_size(row) and not row.number]
    times = Counter(row[0] for row in _rows(table))
    twice = [name for name, count in times.items() if count > 1]
    return told(
        *check_records(table),
        sentence(
            nameless,
            "{} identified by the file name (occurrenceID) for want of a number; replace it "
            "before you publish",
        ),
        sentence(twice, "{} not unique", unit="measurementID"),
    )


@measurement_exporter(
    "darwin-core", title="Darwin Core MeasurementOrFact", suffix=".csv", check=check_darwin_core
)
def write_darwin_core(path: Path, table: MeasurementTable) -> None:
    """Accepted sizes in mm. ``measurementAccuracy`` is the half-width of a 95 % interval.

    ``occurrenceID`` is the catalogue number; for a photo without one it is the photo's file name,
    to be replaced before publishing.
    """
    cells.write_rows(path, _rows(table))


def _rows(table: MeasurementTable) -> Iterator[list[str]]:
    yield list(COLUMNS)
    for number, rows in by_number(table.rows).items():
        best = trusted(rows)
        if best is not None:
            yield from _facts(best, number)
    for row in table.rows:
        own = trusted_size(row)
        if own is not None and not row.number:
            yield from _facts(own, "")


def _facts(one: Measurement, number: str) -> Iterator[list[str]]:
    if one.size_mm is None:
        return
    sides = (
        ("length", one.size_mm.length, one.length_pm_mm),
        ("width", one.size_mm.width, one.width_pm_mm),
    )
    identity = cells.text(number) if number else cells.file_name(one.file)
    for side, value, pm in sides:
        yield [
            f"{identity}#{side}",
            identity,
            cells.text(number),
            side,
            cells.number(value),
            cells.number(pm),
            "mm",
            method_words(one),
            cells.text(determined_by(one)),
            one.created_utc,
            f"photo {one.file}",
        ]
