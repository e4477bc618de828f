"""A catalogue sheet: recorded lengths and widths by catalogue number, in mm."""

from __future__ import annotations

import math
import re
import unicodedata
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from geoview.errors import DataError
from geoview.photos import sheet

MM = {"mm": 1.0, "cm": 10.0, "m": 1000.0, "in": 25.4}
_UNITS = {
    **dict.fromkeys(("mm", "millimetre", "millimetres", "millimeter", "millimeters"), "mm"),
    **dict.fromkeys(("cm", "centimetre", "centimetres", "centimeter", "centimeters"), "cm"),
    **dict.fromkeys(("m", "metre", "metres", "meter", "meters"), "m"),
    **dict.fromkeys(("in", "inch", "inches", '"', "″"), "in"),
}
# The best column for the number first: a sheet may also have a plain "id" of the database.
_NUMBER = tuple(
    "catalogue_number catalog_number catalogue_no catalog_no catalogue_nr cat_no cat_nr catno "
    "catnumber catalognumber cataloguenumber inventory_number inventory_no inv_no idno "
    "accession_number accession_no registration_number reg_no specimen_no specimen_number "
    "object_number sample_no sample_number number no nr specimen_id sample_id sample id".split()
)
_FILE = ("file", "filename", "file_name", "photo", "image", "picture", "path")
_LENGTH = frozenset("length len l recorded_length max_length longest".split())
_WIDTH = frozenset("width wid w breadth recorded_width max_width".split())
_UNIT = frozenset("unit units length_unit dimension_unit size_unit".split())
_NOTHING = frozenset(("", "-", "–", "?", "n/a", "na", "nan", "none", "null"))


@dataclass(frozen=True, slots=True)
class Recorded:
    """One length as it stands in the register: ``written`` (a decimal number) times ``unit``."""

    written: str
    unit: str

    @property
    def mm(self) -> float:
        return float(self.written) * MM[self.unit]

    @property
    def step_mm(self) -> float:
        """The last digit that was written, in mm: 4.5 cm is read to 1 mm."""
        decimals = len(self.written.partition(".")[2])
        return float(10.0**-decimals * MM[self.unit])


@dataclass(frozen=True, slots=True)
class Record:
    """A row of the register; a side that is not recorded is None. ``row`` counts from 1.

    ``file`` names its photo where the sheet does; ``number`` is the file where it has no numbers.
    """

    number: str
    length: Recorded | None
    width: Recorded | None
    row: int
    file: str = ""

    @property
    def keys(self) -> tuple[str, ...]:
        """How the record may be found, the number before the file (see ``photo_keys``)."""
        number = "" if self.number == self.file else same_number(self.number)
        file = f"file {sheet.sheet_keys(self.file)[0]}" if self.file else ""
        return tuple(key for key in (number, file) if key)


def photo_keys(file: str, *, number: str) -> tuple[str, ...]:
    """Keys of the records that a photo belongs to."""
    names = (f"file {key}" for key in sheet.sheet_keys(file))
    key = same_number(number)
    return (key, *names) if key else tuple(names)


def read_register(path: Path) -> tuple[Record, ...]:
    """A catalogue sheet, CSV or Excel.

    Columns: the number (``number``, ``catalogue_no``, ``inventory number`` …) or the photo
    (``file``), ``length`` and
    ``width`` with their unit in the title (``length_cm``, ``Width [mm]``), in the cell
    (``4.5 cm``) or in a column ``unit``. A unit is never guessed. Raises DataError that names
    the row and column.
    """
    rows = sheet.read_cells(path)
    if len(rows) < 2:
        raise DataError(f"The catalogue sheet {path} has no records; add a row for each.")
    columns = _columns(rows[0], path)
    records = []
    for at, row in enumerate(rows[1:], start=2):
        cells = {name: row[i].strip() if i < len(row) else "" for name, i in columns.items()}
        if cells.get("number") or cells.get("file"):
            records.append(_record(cells, at, path))
    if not records:
        raise DataError(f"The catalogue sheet {path} has no catalogue number in any row.")
    return tuple(records)


def same_number(number: str) -> str:
    """A catalogue number without what people write differently: case, leading zeros, which Excel
    takes away, and the sign between two numbers (``M-59432_9`` is M-59432/9) or words.

    Between a word and a number the sign may be left out (``GM-12`` is GM12); between two numbers
    it may not: 12-3 is not 123.
    """
    plain = unicodedata.normalize("NFKC", number).casefold()
    key = ""
    for part in re.findall(r"\d+(?:\.\d+)*|[^\W\d_]+", plain):
        alike = key and key[-1].isdecimal() == part[0].isdecimal()
        key += ("-" if alike else "") + re.sub(r"^0+(?=\d)", "", part)
    return key or plain.strip()


def _columns(header: Sequence[str], path: Path) -> dict[str, int]:
    """Places of number, file, unit, and the sides: ``length``, or ``length mm`` with its unit."""
    titles = [sheet.title(cell) for cell in header]
    numbers = [titles.index(name) for name in _NUMBER if name in titles]
    files = [titles.index(name) for name in _FILE if name in titles]
    found = {"number": numbers[0]} if numbers else {}
    if files:
        found["file"] = files[0]
    for at, title in enumerate(titles):
        side, unit = _side(title)
        if title in _UNIT:
            found.setdefault("unit", at)
        elif side and not any(name.startswith(side) for name in found):
            found[f"{side} {unit}".strip()] = at
    if not numbers and not files:
        raise DataError(
            f"The catalogue sheet {path} needs a column with the numbers, such as “number” or "
            "“catalogue_no”."
        )
    if not any(name.startswith(("length", "width")) for name in found):
        raise DataError(
            f"The catalogue sheet {path} needs columns with the recorded sizes, such as "
            "“length_mm” and “width_mm”."
        )
    return found


def _side(title: str) -> tuple[str, str]:
    """``length_cm`` → length, cm; nothing for another column."""
    words, _, last = title.rpartition("_")
    unit = _UNITS.get(last, "") if words else ""
    name = words if unit else title
    if name in _LENGTH:
        return "length", unit
    return ("width", unit) if name in _WIDTH else ("", "")


def _record(cells: Mapping[str, str], row: int, path: Path) -> Record:
    sides: dict[str, Recorded | None] = {"length": None, "width": None}
    for name, cell in cells.items():
        side, _, unit = name.partition(" ")
        if side in sides and cell.casefold() not in _NOTHING:
            sides[side] = _recorded(cell, unit or cells.get("unit", ""), f"{path}, row {row}")
    file = cells.get("file", "")
    return Record(cells.get("number") or file, sides["length"], sides["width"], row, file)


def _recorded(cell: str, unit: str, where: str) -> Recorded:
    """``4,5``, ``45.0 mm`` or ``1.75"`` with the unit of the cell before that of the column."""
    match = re.fullmatch(r"([0-9]+(?:[.,][0-9]+)?)\s*(\D*)", cell)
    if match is None or not math.isfinite(float(match[1].replace(",", "."))):
        raise DataError(f"{where}: “{cell}” is not a length; write one number, such as 4.5.")
    words = match[2].strip(" .").casefold() or unit.strip(" .").casefold()
    if words not in _UNITS:
        what = f"the unit “{words}” is not known" if words else "the unit is missing"
        raise DataError(
            f"{where}: {what}; name the column length_mm, length_cm or length_in, or add a "
            "column “unit”."
        )
    return Recorded(match[1].replace(",", "."), _UNITS[words])
