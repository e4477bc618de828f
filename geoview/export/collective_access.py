"""CollectiveAccess: one row per record; a mapping's source is the number of the column.

1 idno, 2 length in mm, 3 width in mm, 4 and 5 their ± in mm, 6 names of the photos parted by
semicolons, 7 method, 8 measured by, 9 measured on.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path

from geoview.export import cells
from geoview.export.measurement_records import (
    NUMBER,
    by_number,
    check_records,
    determined_by,
    method_words,
    nearly_alike,
    same_names,
    sentence,
    told,
    trusted,
)
from geoview.export.measurements import MeasurementRow, MeasurementTable, measurement_exporter
from geoview.export.measurements_csv import sizes_mm

COLUMNS = (
    "idno", "length_mm", "width_mm", "length_pm_mm", "width_pm_mm", "media", "method",
    "measured_by", "measured_on",
)  # fmt: skip
PARTED_BY = ";"


def check_collective_access(table: MeasurementTable) -> tuple[str, ...]:
    """What CollectiveAccess would take for something else, besides what every program misses.

    Its ``objectRepresentationSplitter`` cuts the media at every delimiter, there is no quoting,
    and looks for the files by their bare name (providence, ``importHelpers.php``); its tables
    compare ``idno`` by ``utf8_general_ci``, without regard to capitals (``schema_mysql.sql``).
    """
    cut = [row.file for row in table.rows if row.number and PARTED_BY in row.file]
    return told(
        *check_records(table),
        sentence(cut, "{} named with a semicolon, at which the list of media is cut"),
        sentence(same_names(table), "{} named like one in another folder, and may be mixed up"),
        sentence(
            nearly_alike(table),
            "{} written nearly like another, so that two records may become one",
            unit=NUMBER,
        ),
    )


@measurement_exporter(
    "collective-access", title="CollectiveAccess", suffix=".csv", check=check_collective_access
)
def write_collective_access(path: Path, table: MeasurementTable) -> None:
    """Every record with a number has a row; the sizes are empty unless they were accepted."""
    cells.write_rows(path, _rows(table))


def _rows(table: MeasurementTable) -> Iterator[list[str]]:
    yield list(COLUMNS)
    for number, rows in by_number(table.rows).items():
        yield [cells.text(number), *_record(rows)]


def _record(rows: Sequence[MeasurementRow]) -> list[str]:
    best = trusted(rows)
    media = cells.file_name(PARTED_BY.join(row.file for row in rows))
    if best is None:
        return ["", "", "", "", media, "", "", ""]
    made = [method_words(best), cells.text(determined_by(best)), best.created_utc[:10]]
    return [*sizes_mm(best), media, *made]
