"""Depths, wells and sample numbers from a CSV or Excel sheet that names the photos."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterable, Mapping
from pathlib import Path

from geoview.errors import DataError
from geoview.photos import cells, names
from geoview.photos.cells import Titles
from geoview.photos.names import NameFields
from geoview.photos.patterns import ALONG_HOLE, DATUM

_OTHER_LENGTHS = frozenset("mm cm dm km in inch inches yd yard yards mi mile miles fathoms".split())

FILE_TITLES = (
    *("file", "filename", "file_name", "photo", "photo_name", "photo_file", "image", "image_name"),
    *("image_file", "picture", "picture_name", "path", "filepath", "file_path"),
)
"""Titles of the column that names the photo, the surest first."""
_COLUMNS: dict[str, frozenset[str]] = {
    "file": frozenset(FILE_TITLES),
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
# Depth (m), Depth [ft MD], MD_ft: along the hole, for many wells are not vertical.
_DEPTH = re.compile(
    rf"(?:depth|md|measured_depth)(?:_{ALONG_HOLE})?"
    rf"(?:_(?:in_)?(?:(?P<m>m|met(?:er|re)s?)|(?P<ft>ft|feet|foot)))?(?:_?{ALONG_HOLE})?",
    re.IGNORECASE,
)
_NOTHING = frozenset(("", "-", "–", "?", "n/a", "#n/a", "na", "nan", "none", "null"))


def read_sheet(path: Path) -> dict[str, NameFields]:
    """Read a sheet: for every file name in it, what its row says.

    CSV or .xlsx (see ``cells``). Columns: ``file`` (or filename, photo, image), and any of
    ``depth_m``, ``depth_ft``, ``depth`` (with an optional ``unit``), ``well``, ``sample`` or
    ``catalogue_number``. Decimals by point or comma. Raises DataError saying what is missing.
    """
    sheet = cells.read(path, PHOTO_TITLES)
    if not sheet.titles:
        raise DataError(f"The sheet {path} is empty.")
    columns = known_columns(sheet.titles)
    if "file" not in columns or len(columns) < 2:
        raise DataError(
            f"The sheet {path} needs a column “file” and at least one of “depth_m”, “depth_ft”, "
            "“depth”, “well”, “sample” in its row of titles."
        )
    found: dict[str, NameFields] = {}
    for number, row in sheet.rows.items():
        said = {name: row[i] if i < len(row) else "" for name, i in columns.items()}
        if not (file := said["file"]):
            continue
        where = f"{path}, row {number}"
        if number in sheet.shifted:
            raise DataError(f"{where} has {cells.SHIFTED}.")
        fields = row_fields(said, where)
        # A name merged over several rows is that of the first, of which the others say more.
        if file not in found or fields != NameFields():
            found[file] = fields
    return found


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
    if depth := _DEPTH.fullmatch(words):
        return "depth_m" if depth["m"] else "depth_ft" if depth["ft"] else "depth"
    return next((name for name, titles in _COLUMNS.items() if words in titles), None)


PHOTO_TITLES = Titles(column_name, lambda said: "file" in said, frozenset(("file",)))
"""Those of a sheet that names photos."""


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
