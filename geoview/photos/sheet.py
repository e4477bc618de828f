"""Depths, wells and sample numbers from a CSV or Excel sheet that names the photos."""

from __future__ import annotations

import unicodedata
from collections.abc import Iterable, Mapping
from pathlib import Path

from geoview.errors import DataError
from geoview.photos import cells, depths
from geoview.photos.cells import Titles, says_nothing
from geoview.photos.names import NameFields

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


def read_sheet(path: Path) -> dict[str, NameFields]:
    """Read a sheet: for every file name in it, what its row says.

    CSV or .xlsx (see ``cells``). Columns: ``file`` (or filename, photo, image), and any of
    ``depth_m``, ``depth_ft``, ``depth`` (with an optional ``unit``), ``from`` and ``to``, ``well``,
    ``sample`` or ``catalogue_number``. Decimals by point or comma. Raises DataError saying what is
    missing.
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
    """What a column of this title says of a photo: ``file``, ``unit``, ``well``, ``sample`` or one
    of ``depths.column``; None for any other."""
    words = title(cell)
    named = (name for name, titles in _COLUMNS.items() if words in titles)
    return depths.column(words) or next(named, None)


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
    return NameFields(
        well=_value(cells.get("well", "")),
        depth_m=depths.of_row(cells, where),
        sample=_value(cells.get("sample", "")),
    )


def _value(cell: str) -> str | None:
    return None if says_nothing(cell) else cell
