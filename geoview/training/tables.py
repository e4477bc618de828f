"""A CSV or Excel file to rows of text, whatever its encoding and separator."""

from __future__ import annotations

import io
import itertools
import zipfile
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from geoview.errors import DataError, PhotoError
from geoview.photos import reading
from geoview.photos.sheet import csv_cells

Row = dict[str, str]

SUFFIXES = frozenset((".csv", ".tsv", ".xlsx"))
_FILE = ("file", "filename", "file_name", "photo", "image", "picture", "path")
_MISSING = frozenset(("", "nan", "n/a", "#n/a", "null"))
_MAX_BYTES = 64 << 20
_MAX_UNPACKED_BYTES = 1 << 30
_MAX_ROWS = 1_000_000
_MAX_COLUMNS = 16_384


@dataclass(frozen=True, slots=True, eq=False)
class Table:
    """A sheet: ``columns`` as written, ``rows`` by lower-case column name; cells are stripped.

    ``twice`` are the lower-case names that several columns share; the first of them counts.
    """

    path: Path
    columns: tuple[str, ...]
    rows: tuple[Row, ...]
    twice: frozenset[str] = frozenset()
    warnings: tuple[str, ...] = ()

    @property
    def keys(self) -> tuple[str, ...]:
        return tuple(name.lower() for name in self.columns)


def read(path: Path) -> Table:
    """Read a sheet; its file column is called ``file`` whatever it is called there.

    CSV parted by comma, semicolon or tab, in UTF-8, UTF-16 or Windows-1252, also line by line;
    of an .xlsx workbook the first sheet with a file column. Raises DataError.
    """
    try:
        data = reading.read_bytes(path)
    except PhotoError as error:
        raise DataError(f"The sheet {path} cannot be read: {error}.") from error
    if len(data) > _MAX_BYTES:
        raise DataError(f"The sheet {path} is larger than 64 MiB; part it into several sheets.")
    warnings: list[str] = []
    if data.startswith(b"\xd0\xcf\x11\xe0"):
        raise DataError(f"{path} is an old Excel workbook; save it as .xlsx or CSV.")
    grid = (
        _workbook(data, path)
        if data.startswith(b"PK")
        else csv_cells(_text(data, path, warnings), path=path)
    )
    return _table(grid, path, warnings)


def missing(cell: str) -> bool:
    """Whether a cell says nothing."""
    return cell.lower() in _MISSING


def _table(grid: Iterable[Sequence[str]], path: Path, warnings: list[str]) -> Table:
    lines = iter(grid)
    titles = [title.strip("\ufeff \t\r\n") for title in next(lines, ())][:_MAX_COLUMNS]
    if "file" not in (title.lower() for title in titles):
        other = next((t for name in _FILE for t in titles if t.lower() == name), None)
        titles = ["file" if title == other else title for title in titles]
    places: dict[str, int] = {}
    twice = set()
    for index, title in enumerate(titles):
        if title and places.setdefault(title.lower(), index) != index:
            twice.add(title.lower())
    rows = tuple(
        {key: line[i].strip() if i < len(line) else "" for key, i in places.items()}
        for line in lines
        if any(cell.strip() for cell in line)
    )
    columns = tuple(titles[i] for i in places.values())
    return Table(path, columns, rows, frozenset(twice), tuple(warnings))


def _text(data: bytes, path: Path, warnings: list[str]) -> str:
    """The text of a sheet; lines that are no UTF-8 are taken for Windows-1252."""
    if data.startswith((b"\xff\xfe", b"\xfe\xff")):
        return data.decode("utf-16", errors="replace")
    if data[1:2] == b"\0":
        return data.decode("utf-16-le", errors="replace")
    try:
        return data.decode("utf-8-sig")
    except UnicodeDecodeError:
        pass
    lines = data.removeprefix(b"\xef\xbb\xbf").split(b"\n")
    decoded = [_line(line) for line in lines]
    windows = sum(is_windows for _, is_windows in decoded)
    if any(not own and not line.isascii() for line, (_, own) in zip(lines, decoded, strict=True)):
        warnings.append(
            f"{path.name} mixes encodings: {windows} of its {len(lines)} lines are no UTF-8 and "
            "were read as Windows-1252; save it as UTF-8."
        )
    return "\n".join(text for text, _ in decoded)


def _line(line: bytes) -> tuple[str, bool]:
    """A line and whether it was in Windows-1252 (or, failing that, Latin-1)."""
    try:
        return line.decode("utf-8"), False
    except UnicodeDecodeError:
        pass
    try:
        return line.decode("cp1252"), True
    except UnicodeDecodeError:
        return line.decode("latin-1"), True


def _workbook(data: bytes, path: Path) -> list[list[str]]:
    """The first sheet with a file column, else the first one."""
    import openpyxl

    # Besides the zip's own error, openpyxl lets those of its XML and number parsers through.
    broken = (zipfile.BadZipFile, KeyError, ValueError, TypeError, IndexError, OSError, SyntaxError)
    try:
        with zipfile.ZipFile(io.BytesIO(data)) as archive:
            if sum(entry.file_size for entry in archive.infolist()) > _MAX_UNPACKED_BYTES:
                raise DataError(f"The workbook {path} is too large unpacked; save it as CSV.")
        book = openpyxl.load_workbook(io.BytesIO(data), read_only=True, data_only=True)
        grids = [grid for sheet in book.worksheets if (grid := list(_cells(sheet)))]
    except broken as error:
        raise DataError(f"The workbook {path} cannot be read; save it as CSV.") from error
    named = (g for g in grids if any(cell.strip().lower() in _FILE for cell in g[0]))
    return next(named, grids[0] if grids else [])


def _cells(sheet: Any) -> Iterator[list[str]]:
    """The rows that are not empty, each as wide as it is and not as the sheet claims to be."""
    sheet.reset_dimensions()
    for row in itertools.islice(sheet.iter_rows(values_only=True), _MAX_ROWS):
        if any(value is not None for value in row):
            yield [_cell(value) for value in row]


def _cell(value: object) -> str:
    if value is None:
        return ""
    if isinstance(value, bool) or (isinstance(value, float) and value.is_integer()):
        return str(int(value))
    return str(value)
