"""Writing the lists that a folder's measurements make: suspicious records, and boxes to buy."""

from __future__ import annotations

from collections.abc import Callable, Collection, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from geoview.errors import DataError

if TYPE_CHECKING:
    from geoview.measure.boxes import BoxPlan
    from geoview.measure.comparison import Comparison

Rows = Sequence[Sequence[str]]
# What each list can be written as: what people read, and the suffix that says so.
TABLES = (("CSV", ".csv"), ("Excel", ".xlsx"))
TABLES_AND_CHART = (*TABLES, ("Chart", ".svg"))


def check_name(path: Path) -> None:
    """Refuse a table that is named like neither of ``TABLES``. Raises DataError."""
    if path.suffix.lower() not in dict(TABLES).values():
        raise DataError(f"{path.name} cannot be written: end its name in .csv or .xlsx.")


def write_suspicious(path: Path, found: Comparison) -> None:
    """The suspicious records, the clearest first. Raises DataError."""
    from geoview.measure.suspicion import SUSPICION_COLUMNS, suspicion_cells

    rows = [SUSPICION_COLUMNS, *(suspicion_cells(one) for one in found.suspicions)]
    text = {"number", "file", "kind", "explanation"}
    _write_table(path, rows, numbers=set(SUSPICION_COLUMNS) - text)


def write_boxes(path: Path, plan: BoxPlan) -> None:
    """The boxes to buy as a table. Raises DataError."""
    from geoview.measure.boxes import plan_rows

    _write_table(path, plan_rows(plan), numbers={"needed", "in_stock", "to_buy"})


def write_box_chart(path: Path, plan: BoxPlan) -> None:
    """The boxes to buy as an SVG chart. Raises DataError."""
    from geoview import files
    from geoview.measure.box_chart import chart_svg

    _or_data_error(path, lambda: files.write_text(path, chart_svg(plan)))


def _write_table(path: Path, rows: Rows, *, numbers: Collection[str]) -> None:
    """CSV or Excel by the suffix; ``numbers`` are the columns of a workbook that can be summed."""
    from geoview.export import cells

    check_name(path)
    if path.suffix.lower() == ".xlsx":
        _or_data_error(path, lambda: _write_workbook(path, rows, numbers=numbers))
    else:
        safe = [[cells.text(cell) for cell in row] for row in rows]
        _or_data_error(path, lambda: cells.write_rows(path, safe))


def _write_workbook(path: Path, rows: Rows, *, numbers: Collection[str]) -> None:
    """One sheet; text is always text, never a formula."""
    import openpyxl

    from geoview import files

    book = openpyxl.Workbook()
    sheet = book.worksheets[0]
    for at, row in enumerate(rows, start=1):
        for column, (name, value) in enumerate(zip(rows[0], row, strict=True), start=1):
            if value:
                _put(sheet.cell(at, column), value, number=at > 1 and name in numbers)
    sheet.freeze_panes = "B2"
    with files.replacing(path) as temporary, temporary.open("wb") as stream:
        book.save(stream)


def _put(cell: Any, value: str, *, number: bool) -> None:
    from openpyxl.cell.cell import ILLEGAL_CHARACTERS_RE

    if number:
        cell.value = float(value)
        return
    plain = value.encode("utf-8", "backslashreplace").decode()
    cell.value = ILLEGAL_CHARACTERS_RE.sub("\N{REPLACEMENT CHARACTER}", plain)
    cell.data_type = "s"
    # The mark keeps it text when somebody edits the cell.
    cell.quotePrefix = value.startswith(("=", "+", "-", "@"))


def _or_data_error(path: Path, write: Callable[[], None]) -> None:
    try:
        write()
    except OSError as error:
        raise DataError(
            f"Could not write {path} ({error.strerror or error}); choose another place."
        ) from error
