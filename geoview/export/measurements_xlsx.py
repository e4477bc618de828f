"""Measurements as an Excel workbook: the columns of the CSV with numbers as numbers."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from geoview import files
from geoview.export.measurements import MeasurementTable, measurement_exporter
from geoview.export.measurements_csv import COLUMNS, measurement_rows

_NUMBERS = frozenset(("length_mm", "width_mm", "length_pm_mm", "width_pm_mm", "mm_per_px"))
_WIDTHS = {"file": 36, "catalogue_no": 18, "reasons": 48, "box": 18}


@measurement_exporter("xlsx", title="Sizes (Excel)", suffix=".xlsx")
def write_xlsx(path: Path, table: MeasurementTable) -> None:
    """One sheet "Sizes"; text is always text, never a formula. OSError when it fails."""
    import openpyxl

    book = openpyxl.Workbook()
    sheet = book.worksheets[0]
    sheet.title = "Sizes"
    sheet.append(COLUMNS)
    for at, row in enumerate(measurement_rows(table), start=2):
        for column, (name, value) in enumerate(zip(COLUMNS, row, strict=True), start=1):
            if value:
                _put(sheet.cell(at, column), value, number=name in _NUMBERS)
    sheet.freeze_panes = "B2"
    sheet.auto_filter.ref = sheet.dimensions
    for column, name in enumerate(COLUMNS):
        sheet.column_dimensions[chr(ord("A") + column)].width = _WIDTHS.get(name, 14)
    with files.replacing(path) as temporary, temporary.open("wb") as stream:
        book.save(stream)


def _put(cell: Any, value: str, *, number: bool) -> None:
    if number:
        # As text that is marked as a number: a float would be cut to 16 digits.
        cell.value, cell.data_type = value, "n"
        return
    # A workbook says of each cell whether it is text, so that no apostrophe is needed; the mark
    # keeps it text when somebody edits the cell.
    cell.value = _clean(value)
    cell.data_type = "s"
    cell.quotePrefix = value.startswith(("=", "+", "-", "@"))


def _clean(value: str) -> str:
    """Without characters that a workbook cannot hold."""
    from openpyxl.cell.cell import ILLEGAL_CHARACTERS_RE

    plain = value.encode("utf-8", "backslashreplace").decode()
    return str(ILLEGAL_CHARACTERS_RE.sub("\N{REPLACEMENT CHARACTER}", plain))[:32_767]
