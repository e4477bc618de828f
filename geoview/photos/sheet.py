"""Depths, wells and sample numbers from a CSV or Excel sheet that names the photos."""

from __future__ import annotations

import csv
import io
import itertools
import re
import unicodedata
import zipfile
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path

from geoview.errors import DataError, PhotoError
from geoview.photos import names, reading
from geoview.photos.names import NameFields
from geoview.photos.patterns import DATUM

_MAX_BYTES = 64 << 20
_OTHER_LENGTHS = frozenset("mm cm dm km in inch inches yd yard yards mi mile miles fathoms".split())
_MAX_ROWS = 1_000_000

FILE_TITLES = (
    *("file", "filename", "file_name", "photo", "photo_name", "photo_file", "image", "image_name"),
    *("image_file", "picture", "picture_name", "path", "filepath", "file_path"),
)
"""Titles of the column that names the photo, the surest first."""
_COLUMNS: dict[str, frozenset[str]] = {
    "file": frozenset(FILE_TITLES),
    "depth": frozenset(("depth", "md", "measured_depth")),
    "depth_m": frozenset(("depth_m", "md_m", "depth_metres", "depth_meters")),
    "depth_ft": frozenset(("depth_ft", "md_ft", "depth_feet")),
    "unit": frozenset(("unit", "depth_unit", "units")),
    "well": frozenset(("well", "well_name", "wellbore", "borehole")),
    "sample": frozenset(
        (
            *("sample", "sample_no", "sample_number", "sample_id"),
            *("specimen", "specimen_no", "specimen_number", "specimen_id", "cat_no"),
            *("catalogue_number", "catalog_number", "catalogue_no", "catalognumber"),
        )
    ),
}
_NOTHING = frozenset(("", "-", "–", "?", "n/a", "#n/a", "na", "nan", "none", "null"))
_SEPARATORS = ",;\t|"
_MOST_LINES_ABOVE = 20


def read_sheet(path: Path) -> dict[str, NameFields]:
    """Read a sheet: for every file name in it, what its row says.

    CSV in UTF-8, UTF-16 or Windows-1252, parted by comma, semicolon, tab or ``|``, or the first
    sheet of an .xlsx workbook. Columns: ``file`` (or filename, photo, image), and any of
    ``depth_m``, ``depth_ft``, ``depth`` (with an optional ``unit``), ``well``, ``sample`` or
    ``catalogue_number``. Decimals by point or comma. Raises DataError saying what is missing.
    """
    return _fields_by_file(read_cells(path), path)


def read_cells(path: Path) -> list[list[str]]:
    """The cells of a CSV file or of the first sheet of an .xlsx workbook. Raises DataError."""
    try:
        data = reading.read_bytes(path)
    except PhotoError as error:
        raise DataError(f"The sheet {path} cannot be used: {error}.") from error
    if len(data) > _MAX_BYTES:
        raise DataError(
            f"The sheet {path} is larger than 64 MiB: keep only the rows of the photos."
        )
    return _workbook_rows(data, path) if data.startswith(b"PK") else _csv_rows(data, path)


def sheet_keys(file: str) -> tuple[str, str, str]:
    """How a photo may be named in a sheet: path, file name, name without suffix; folded."""
    path = unicodedata.normalize("NFC", file).replace("\\", "/").removeprefix("./").casefold()
    name = path.rpartition("/")[2]
    return path, name, name.rpartition(".")[0] or name


class SheetIndex:
    """Finds a photo's row, whatever way the sheet names it, and counts the rows not used."""

    def __init__(self, rows: Mapping[str, NameFields]) -> None:
        self._rows = {sheet_keys(file)[0]: fields for file, fields in rows.items()}
        self._used: set[str] = set()

    def find(self, file: str) -> NameFields | None:
        for key in sheet_keys(file) if self._rows else ():
            if key in self._rows:
                self._used.add(key)
                return self._rows[key]
        return None

    @property
    def unused(self) -> int:
        return len(self._rows) - len(self._used)


def _csv_rows(data: bytes, path: Path) -> list[list[str]]:
    if data.startswith(b"\xd0\xcf\x11\xe0"):
        raise DataError(f"{path} is an old Excel workbook: save it as .xlsx or CSV.")
    return csv_cells(_text(data), path=path)


def csv_cells(text: str, *, path: Path) -> list[list[str]]:
    """The cells of a CSV text, whichever of , ; | and tab parts them, with or without Excel's
    first line ``sep=``. Raises DataError that names ``path``."""
    if text[:4].lower() == "sep=" and "\n" in text:
        text = text.partition("\n")[2]
    separator = max(_SEPARATORS, key=_header(text).count)
    try:
        return list(csv.reader(io.StringIO(text, newline=""), delimiter=separator))
    except csv.Error as error:
        raise DataError(f"{path} is not a CSV sheet: save it again as CSV ({error}).") from error


def _header(text: str) -> str:
    """The line of titles: the first with one for the file, else the first."""
    lines = text.split("\n", _MOST_LINES_ABOVE)[:_MOST_LINES_ABOVE]
    parted = (re.split(f"[{_SEPARATORS}]", line) for line in lines)
    named = (any(column_name(cell) == "file" for cell in cells) for cells in parted)
    return next((line for line, is_named in zip(lines, named, strict=True) if is_named), lines[0])


def _text(data: bytes) -> str:
    if data.startswith((b"\xff\xfe", b"\xfe\xff")):
        encodings: tuple[str, ...] = ("utf-16", "latin-1")
    elif data[1:2] == b"\0":
        encodings = ("utf-16-le", "latin-1")
    else:
        encodings = ("utf-8-sig", "cp1252", "latin-1")
    for encoding in encodings:
        try:
            return data.decode(encoding)
        except UnicodeDecodeError:
            continue
    return data.decode("latin-1")


def _workbook_rows(data: bytes, path: Path) -> list[list[str]]:
    import openpyxl

    try:
        book = openpyxl.load_workbook(io.BytesIO(data), read_only=True, data_only=True)
        sheet = book.worksheets[0]
        rows = itertools.islice(sheet.iter_rows(values_only=True), _MAX_ROWS)
        return [[_cell(value) for value in row] for row in rows]
    except (zipfile.BadZipFile, KeyError, ValueError, IndexError, OSError, SyntaxError) as error:
        raise DataError(f"The workbook {path} cannot be read: save it as CSV.") from error


def _cell(value: object) -> str:
    if value is None:
        return ""
    return str(int(value)) if isinstance(value, float) and value.is_integer() else str(value)


def _fields_by_file(rows: Sequence[Sequence[str]], path: Path) -> dict[str, NameFields]:
    if not rows:
        raise DataError(f"The sheet {path} is empty.")
    columns = known_columns(rows[0])
    if "file" not in columns or len(columns) < 2:
        raise DataError(
            f"The sheet {path} needs a column “file” and at least one of “depth_m”, “depth_ft”, "
            "“depth”, “well”, “sample” in its first row."
        )
    found: dict[str, NameFields] = {}
    for number, row in enumerate(rows[1:], start=2):
        cells = {name: row[i].strip() if i < len(row) else "" for name, i in columns.items()}
        if cells["file"]:
            found[cells["file"]] = row_fields(cells, f"{path}, row {number}")
    return found


def known_columns(header: Iterable[str]) -> dict[str, int]:
    """Where each column of ``column_name`` is; the first one wins."""
    found: dict[str, int] = {}
    for index, cell in enumerate(header):
        if name := column_name(cell):
            found.setdefault(name, index)
    return found


def column_name(cell: str) -> str | None:
    """What a column of this title says of a photo: ``file``, ``depth``, ``depth_m``,
    ``depth_ft``, ``unit``, ``well`` or ``sample``; None for any other."""
    words = title(cell)
    return next((name for name, titles in _COLUMNS.items() if words in titles), None)


def title(text: str) -> str:
    """``Depth [m]`` → ``depth_m``."""
    words = "".join(c if c.isalnum() else " " for c in text.strip("\ufeff").casefold()).split()
    return "_".join(words)


def row_fields(cells: Mapping[str, str], where: str) -> NameFields:
    """Depth, well and sample of a row whose cells go by ``column_name``.

    Raises DataError, beginning with ``where``, for a depth that is no number, or in another unit.
    """
    depth_m = None
    for name, unit in (("depth_m", "m"), ("depth_ft", "ft"), ("depth", cells.get("unit"))):
        if depth_m is None and not says_nothing(cells.get(name, "")):
            depth_m = _depth(cells[name], unit, where)
    return NameFields(
        well=_value(cells.get("well", "")), depth_m=depth_m, sample=_value(cells.get("sample", ""))
    )


def says_nothing(cell: str) -> bool:
    """Whether a cell is empty or says ``NA``, ``none``, ``-`` or the like."""
    return cell.lower() in _NOTHING


def _value(cell: str) -> str | None:
    return None if says_nothing(cell) else cell


def _depth(cell: str, unit: str | None, where: str) -> float:
    """A cell such as ``1250``, ``1250,5`` or ``4100 ft MD`` in metres."""
    number = cell.rstrip("abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ'′. ")
    own, common = _unit(cell[len(number) :]), _unit(unit or "")
    if not own and (_is_taken(common) or common.lower() in _OTHER_LENGTHS):
        own = common  # else the column tells a unit of rock
    try:
        depth_m = names.to_metres(number, unit=own)
    except ValueError as error:
        raise DataError(
            f"{where}: the depth “{cell}” is not a number; correct the sheet."
        ) from error
    if own and not _is_taken(own):
        raise DataError(
            f"{where}: the unit “{own}” of a depth is neither metres nor feet; write m or ft, or "
            "call the column of depths depth_m or depth_ft."
        )
    return depth_m


def _is_taken(unit: str) -> bool:
    return names.is_feet(unit) or names.is_metres(unit)


def _unit(text: str) -> str:
    """A unit as written; empty where there is none, or only what the depth is measured from."""
    text = text.strip()
    none = says_nothing(text) or re.fullmatch(DATUM, text, re.IGNORECASE)
    return "" if none else text
