"""A CSV or Excel file to rows of text, whatever its encoding and separator."""

from __future__ import annotations

import io
import itertools
import re
import zipfile
from collections import defaultdict
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from geoview.errors import DataError, PhotoError
from geoview.photos import reading
from geoview.photos.sheet import FILE_TITLES, csv_cells, says_nothing, title
from geoview.training.data import counted

Row = dict[str, str]

SUFFIXES = frozenset((".csv", ".tsv", ".xlsx", ".xlsm", ".xls"))
_MOST_LINES_ABOVE = 20
_MAX_BYTES = 64 << 20
_MAX_UNPACKED_BYTES = 1 << 30
_MAX_ROWS = 1_000_000
_MAX_COLUMNS = 16_384
_MAX_MERGED = 5_000_000
_PART_BYTES = 1 << 20
_LONGEST_TAG_BYTES = 200
_MERGED = re.compile(
    rb"mergeCell\s[^>]{0,80}?ref=[\"']([A-Z]{1,3})(\d{1,7}):[A-Z]{1,3}(\d{1,7})[\"']"
)


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

    CSV parted by comma, semicolon, tab or ``|``, in UTF-8, UTF-16 or Windows-1252, also line by
    line; of an .xlsx workbook the first sheet with a file column. Lines above the titles are
    left out. Raises DataError.
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
        _workbook(data, path, warnings)
        if data.startswith(b"PK")
        else _fitting(csv_cells(_text(data, path, warnings), path=path), path, warnings)
    )
    return _table(grid, path, warnings)


def missing(cell: str) -> bool:
    """Whether a cell says nothing."""
    return says_nothing(cell)


def _fitting(grid: list[list[str]], path: Path, warnings: list[str]) -> list[list[str]]:
    """The lines of a CSV sheet with a file column, without those with more cells than titles: a
    comma in a cell has shifted them. Raises DataError where no other row is left."""
    above = _above(grid)
    if above is None:
        return grid
    titles, *lines = grid[above:]

    def is_longer(line: Sequence[str]) -> bool:
        return any(map(str.strip, line[len(titles) :]))

    longer = [line for line in lines if is_longer(line)]
    if not longer:
        return grid
    place = next(i for i, cell in enumerate(titles) if title(cell) in FILE_TITLES)
    told = (
        f"more cells than titles, the first is {longer[0][place].strip()}; put cells that hold a "
        "comma or semicolon in quotes, or give a last column its title."
    )
    fitting = [line for line in lines if not is_longer(line)]
    if not any(any(map(str.strip, line)) for line in fitting):
        raise DataError(f"All rows of {path.name} have {told}")
    warnings.append(f"Left out of {path.name}: {counted(len(longer), 'row')} with {told}")
    return [titles, *fitting]


def _table(grid: Sequence[Sequence[str]], path: Path, warnings: list[str]) -> Table:
    lines = grid[_above(grid) or 0 :]
    titles = [cell.strip("\ufeff \t\r\n") for cell in (lines[0] if lines else ())]
    titles = titles[:_MAX_COLUMNS]
    if "file" not in map(str.lower, titles):
        other = next((t for name in FILE_TITLES for t in titles if title(t) == name), None)
        titles = ["file" if text == other else text for text in titles]
    places: dict[str, int] = {}
    twice = set()
    for index, text in enumerate(titles):
        if text and places.setdefault(text.lower(), index) != index:
            twice.add(text.lower())
    rows = tuple(
        {key: line[i].strip() if i < len(line) else "" for key, i in places.items()}
        for line in lines[1:]
        if any(cell.strip() for cell in line)
    )
    columns = tuple(titles[i] for i in places.values())
    return Table(path, columns, rows, frozenset(twice), tuple(warnings))


def _above(grid: Sequence[Sequence[str]]) -> int | None:
    """How many lines, such as a heading, are above that with a title for the file; None without
    any such line."""
    tops = enumerate(grid[:_MOST_LINES_ABOVE])
    return next((i for i, line in tops if any(title(cell) in FILE_TITLES for cell in line)), None)


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


def _workbook(data: bytes, path: Path, warnings: list[str]) -> list[list[str]]:
    """The first sheet with a file column, else the first one."""
    import openpyxl

    # Besides the zip's own error, openpyxl lets those of its XML and number parsers through.
    broken = (zipfile.BadZipFile, KeyError, ValueError, TypeError, IndexError, OSError, SyntaxError)
    try:
        with zipfile.ZipFile(io.BytesIO(data)) as archive:
            if sum(entry.file_size for entry in archive.infolist()) > _MAX_UNPACKED_BYTES:
                raise DataError(f"The workbook {path} is too large unpacked; save it as CSV.")
        book = openpyxl.load_workbook(io.BytesIO(data), read_only=True, data_only=True)
        grids = {s.title: grid for s in book.worksheets if (grid := list(_cells(s)))}
    except broken as error:
        raise DataError(f"The workbook {path} cannot be read; save it as CSV.") from error
    named = [name for name, grid in grids.items() if _above(grid) is not None]
    warnings += [
        f"The worksheet {other} of {path.name} was not read beside {named[0]}; save it as a "
        "sheet of its own to use it too."
        for other in named[1:]
    ]
    return grids[named[0]] if named else next(iter(grids.values()), [])


def _cells(sheet: Any) -> Iterator[list[str]]:
    """The rows that are not empty, each as wide as it is and not as the sheet claims to be.

    A cell merged with those below it counts for their rows too, unless it is a title.
    """
    sheet.reset_dimensions()
    merged, held, filled = _merged(sheet), dict[int, tuple[int, str]](), 0
    rows = itertools.islice(sheet.iter_rows(values_only=True), _MAX_ROWS)
    for number, row in enumerate(rows, start=1):
        if all(value is None for value in row):
            continue
        cells = [_cell(value) for value in row]
        held = {i: above for i, above in held.items() if number <= above[0]}
        for i, (_, text) in held.items():
            lacking = i + 1 - len(cells)
            cells += [""] * lacking
            filled += max(lacking, 1)
            cells[i] = cells[i] or text
        if filled > _MAX_MERGED:
            raise ValueError("more merged cells than any sheet of photos has")
        held |= {
            i: (last, cells[i])
            for i, last in merged.get(number, {}).items()
            if i < len(cells) and cells[i]
        }
        if any(title(cell) in FILE_TITLES for cell in cells):
            held = {}
        yield cells


def _merged(sheet: Any) -> dict[int, dict[int, int]]:
    """The last row of every cell merged downwards, by its first row and the column from 0.

    They stand behind all rows, and openpyxl does not tell them of sheets that it reads row by row.
    """
    from openpyxl.utils import column_index_from_string

    found: dict[int, dict[int, int]] = defaultdict(dict)
    text, count = b"", 0
    with sheet._get_source() as source:
        while part := source.read(_PART_BYTES):
            text = text[-_LONGEST_TAG_BYTES:] + part
            for column, first, last in _MERGED.findall(text):
                found[int(first)][column_index_from_string(column.decode()) - 1] = int(last)
                count += 1
            if count > _MAX_MERGED:
                raise ValueError("more merged cells than any sheet of photos has")
    return found


def _cell(value: object) -> str:
    if value is None:
        return ""
    if isinstance(value, bool) or (isinstance(value, float) and value.is_integer()):
        return str(int(value))
    return str(value)
