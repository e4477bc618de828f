"""A CSV file or a workbook to rows of text, whatever its encoding, separator and layout."""

from __future__ import annotations

import csv
import io
import itertools
import math
import re
import zipfile
from collections import defaultdict
from collections.abc import Callable, Iterable, Iterator, Set
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from geoview.errors import DataError, PhotoError
from geoview.photos import headings, reading
from geoview.photos.headings import Meaning

Row = list[str]

SHIFTED = (
    "more cells than there are titles: put cells that hold a comma or semicolon in quotes, or "
    "give a last column its title"
)
"""What is wrong with rows that are ``Cells.shifted``, and what to do."""

_NOTHING = frozenset(("", "-", "–", "?", "n/a", "#n/a", "na", "nan", "none", "null"))
_SEPARATORS = ",;\t|"
_MOST_LINES_ABOVE = 20
_MAX_BYTES = 64 << 20
_MAX_UNPACKED_BYTES = 1 << 30
_MAX_ROWS = 1_000_000
_MAX_COLUMNS = 16_384
_MAX_MERGED = 5_000_000
_HEAD_CHARACTERS = 1 << 16
_PART_BYTES = 1 << 20
_LONGEST_TAG_BYTES = 200
_MERGED = re.compile(
    rb"mergeCell\s[^>]{0,80}?ref=[\"']([A-Z]{1,3})(\d{1,7}):[A-Z]{1,3}(\d{1,7})[\"']"
)


@dataclass(frozen=True, slots=True)
class Titles:
    """What the titles of a kind of sheet say.

    ``meaning`` is that of one title, None where it has none; a row is the header where the
    meanings of its cells are ``enough``; columns of the meanings ``names`` say what a row is of.
    """

    meaning: Meaning
    enough: Callable[[Set[str]], bool]
    names: frozenset[str]

    def are(self, row: Iterable[str]) -> bool:
        return self.enough({said for cell in row if (said := self.meaning(cell))})


@dataclass(frozen=True, slots=True, eq=False)
class Cells:
    """A sheet as it is written.

    ``titles`` is its header, perhaps joined of two rows, or the first row where ``has_header`` is
    false; ``rows`` are those below that are not empty, by their number in the file, counted from
    1. ``shifted`` are the numbers of those rows of a CSV file that have more cells than there are
    titles: mostly a comma in a cell has shifted them.
    """

    titles: Row
    rows: dict[int, Row]
    has_header: bool
    shifted: frozenset[int] = frozenset()
    warnings: tuple[str, ...] = ()


def read(path: Path, wanted: Titles) -> Cells:
    """Read a sheet; a heading may stand above its titles.

    CSV parted by comma, semicolon, tab or ``|``, in UTF-8, UTF-16 or Windows-1252, also line by
    line; of an .xlsx workbook the first worksheet with a header. Raises DataError.
    """
    try:
        data = reading.read_bytes(path)
    except PhotoError as error:
        raise DataError(f"The sheet {path} cannot be read: {error}.") from error
    if len(data) > _MAX_BYTES:
        raise DataError(f"The sheet {path} is larger than 64 MiB; part it into several sheets.")
    if data.startswith(b"\xd0\xcf\x11\xe0"):
        raise DataError(
            f"{path} is an old Excel workbook, or has a password; save it as .xlsx without one, or "
            "as CSV."
        )
    warnings: list[str] = []
    is_workbook = data.startswith(b"PK")
    grid = (
        _workbook(data, path, wanted, warnings)
        if is_workbook
        else _parted(_text(data, path, warnings), path, wanted)
    )
    above = _above(grid, wanted)
    titles = [cell.strip("\ufeff \t\r\n") for cell in next(iter(grid[above or 0 :]), ())]
    rows = {
        number: [cell.strip() for cell in row]
        for number, row in enumerate(grid, start=1)
        if number > (above or 0) + 1 and any(map(str.strip, row))
    }
    second = (above or 0) + 2
    if above is not None and second in rows:
        both = headings.joined(titles, rows[second], meaning=wanted.meaning, names=wanted.names)
        if both:
            del rows[second]
            titles = both
    titles = titles[:_MAX_COLUMNS]
    longer = frozenset(number for number, row in rows.items() if any(row[len(titles) :]))
    shifted = frozenset[int]() if is_workbook or above is None else longer
    return Cells(titles, rows, above is not None, shifted, tuple(warnings))


def says_nothing(cell: str) -> bool:
    """Whether a cell is empty or says ``NA``, ``none``, ``-`` or the like."""
    return cell.lower() in _NOTHING


def _above(rows: Iterable[Row], wanted: Titles) -> int | None:
    """How many rows, such as a heading, are above the header; None without one near the top."""
    filled = 0
    for number, row in enumerate(rows):
        if wanted.are(row):
            return number
        filled += any(map(str.strip, row))
        if filled == _MOST_LINES_ABOVE:
            break
    return None


def _parted(text: str, path: Path, wanted: Titles) -> list[Row]:
    """A CSV text to cells, with or without Excel's first line ``sep=``.

    It is parted by the sign that gives the highest header, and the longest; without a header by
    the sign that the first line has most of.
    """
    if text[:4].lower() == "sep=" and "\n" in text:
        text = text.partition("\n")[2]
    first, head = text.partition("\n")[0], text[:_HEAD_CHARACTERS]

    def fit(separator: str) -> tuple[float, int, int]:
        top = list(_csv(head, separator))
        above = _above(top, wanted)
        rank = (-math.inf, 0) if above is None else (-above, len(top[above]))
        return *rank, first.count(separator)

    try:
        return list(_csv(text, max(_SEPARATORS, key=fit)))
    except csv.Error as error:
        raise DataError(f"{path} is not a CSV sheet: save it again as CSV ({error}).") from error


def _csv(text: str, separator: str) -> Iterator[Row]:
    return csv.reader(io.StringIO(text, newline=""), delimiter=separator)


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


def _workbook(data: bytes, path: Path, wanted: Titles, warnings: list[str]) -> list[Row]:
    """The first worksheet with a header, else the first that is not empty."""
    import openpyxl

    try:
        with zipfile.ZipFile(io.BytesIO(data)) as archive:
            if sum(entry.file_size for entry in archive.infolist()) > _MAX_UNPACKED_BYTES:
                raise DataError(f"The workbook {path} is too large unpacked; save it as CSV.")
        book = openpyxl.load_workbook(io.BytesIO(data), read_only=True, data_only=True)
        fit = [s for s in book.worksheets if _above(_plain(s), wanted) is not None]
        filled = (s for s in book.worksheets if any(_plain(s)))
        chosen = fit[0] if fit else next(filled, None)
        grid = [] if chosen is None else list(_cells(chosen, wanted))
    except DataError:
        raise
    except Exception as error:  # openpyxl lets through whatever its parsers raise
        raise DataError(f"The workbook {path} cannot be read; save it as CSV.") from error
    warnings += [
        f"The worksheet {other.title} of {path.name} was not read beside {fit[0].title}; save it "
        "as a sheet of its own to use it too."
        for other in fit[1:]
    ]
    return grid


def _plain(sheet: Any) -> Iterator[Row]:
    """The rows, each as wide as it is and not as the sheet claims to be."""
    sheet.reset_dimensions()
    for row in itertools.islice(sheet.iter_rows(values_only=True), _MAX_ROWS):
        yield [] if all(value is None for value in row) else [_cell(value) for value in row]


def _cells(sheet: Any, wanted: Titles) -> Iterator[Row]:
    """The rows; a cell merged with those below it counts for them too, unless it is a title."""
    above = _above(_plain(sheet), wanted)
    merged, held, filled = _merged(sheet), dict[int, tuple[int, str]](), 0
    for number, cells in enumerate(_plain(sheet), start=1):
        if not cells:
            yield cells
            continue
        held = {i: since for i, since in held.items() if number <= since[0]}
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
        if above is not None and number <= above + 1:
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
