"""A catalogue sheet: recorded lengths and widths by catalogue number, in mm."""

from __future__ import annotations

import os
import re
import unicodedata
from collections.abc import Mapping, Sequence, Set
from dataclasses import dataclass
from itertools import islice
from pathlib import Path

from geoview.errors import DataError
from geoview.photos import cells, sheet
from geoview.photos.cells import Cells, Titles

MM = {"mm": 1.0, "cm": 10.0, "m": 1000.0, "in": 25.4, "ft": 304.8}
_UNIT_NAMES = {
    "mm": "mm millimetre millimetres millimeter millimeters milimetro milimetros",
    "cm": "cm centimetre centimetres centimeter centimeters zentimeter centimetro centimetros",
    "m": "m metre metres meter meters metro metros",
    "in": "in inch inches zoll pouce pouces pulgada pulgadas \" ″ ” ''",
    "ft": "ft foot feet fuss pied pieds pie pies ' ′ ’",
}
_UNITS = {name: unit for unit, names in _UNIT_NAMES.items() for name in names.split()}
# The best column for the number first: a sheet may also have a plain "id" of the database.
_NUMBER = tuple(
    "catalogue_number catalog_number catalogue_no catalog_no catalogue_nr cat_no cat_nr catno "
    "catnumber catalognumber cataloguenumber inventory_number inventory_no inv_no idno "
    "katalognummer katalog_nr katalognr inventarnummer inventar_nr inventarnr inv_nr "
    "sammlungsnummer sammlungs_nr numero_de_catalogue numero_d_inventaire no_d_inventaire "
    "no_inventaire n_d_inventaire numero_de_catalogo numero_de_inventario n_de_inventario "
    "accession_number accession_no registration_number reg_no specimen_no specimen_number "
    "object_number sample_no sample_number objektnummer probennummer number nummer numero no nr "
    "specimen_id sample_id sample id".split()
)
_FILE = tuple(
    "file filename file_name photo image picture path datei dateiname foto bild fichier "
    "archivo imagen".split()
)
_SIDES = {
    "length": "length len l recorded_length max_length longest lange laenge longueur largo "
    "longitud",
    "width": "width wid w breadth recorded_width max_width breite b largeur ancho anchura",
    "both": "size dimensions dimension measurements length_width length_x_width l_w l_x_w lxw "
    "masse abmessungen grosse groesse lange_breite lange_x_breite l_b l_x_b lxb taille "
    "longueur_largeur longueur_x_largeur dimensiones medidas largo_ancho largo_x_ancho",
}
_SIDE_OF = {name: side for side, names in _SIDES.items() for name in names.split()}
_UNIT = frozenset(
    "unit units length_unit dimension_unit size_unit einheit masseinheit unite unidad".split()
)
_NOTHING = frozenset(("", "-", "–", "?", "n/a", "na", "nan", "none", "null"))
_SHIFTED = "more cells than titles, perhaps a comma in a cell"
# How far down a header is looked for to say what it lacks.
_TITLE_ROWS = 10

_BLANKS = " \u00a0\u2009\u202f'’"
_ABOUT = r"(?:(?:ca|c|circa|approx|about|etwa|env|environ|aprox)\b\.?|[~≈])\s*"
_ONE_NUMBER = (
    rf"[0-9]{{1,3}}(?:[{_BLANKS}][0-9]{{3}})+(?:[.,][0-9]+)?"
    r"|[0-9]{1,3}(?:,[0-9]{3})+\.[0-9]+|[0-9]{1,3}(?:\.[0-9]{3})+,[0-9]+"
    r"|[0-9]+(?:[.,][0-9]+)?"
)
_LENGTH = re.compile(rf"({_ABOUT})?({_ONE_NUMBER})\s*(\D*)", re.IGNORECASE)
# A comma before three digits parts thousands in some countries and is the decimal sign in others.
_EITHER = re.compile(r"[1-9][0-9]{0,2},[0-9]{3}")
# How much coarser than its last digit a length is that is given as "about".
_ABOUT_STEPS = 5.0


@dataclass(frozen=True, slots=True)
class Recorded:
    """One length as it stands in the register: ``written`` (a decimal number) times ``unit``,
    perhaps only ``about``."""

    written: str
    unit: str
    about: bool = False

    @property
    def mm(self) -> float:
        return float(self.written) * MM[self.unit]

    @property
    def step_mm(self) -> float:
        """How finely it was read, in mm: to the last digit, so 4.5 cm to 1 mm; coarser when it
        is only about so long."""
        decimals = len(self.written.partition(".")[2])
        return float(10.0**-decimals * MM[self.unit]) * (_ABOUT_STEPS if self.about else 1.0)

    @property
    def words(self) -> str:
        """``4.5 cm``, ``ca. 27 mm``."""
        return f"{'ca. ' if self.about else ''}{self.written} {self.unit}"


@dataclass(frozen=True, slots=True)
class Record:
    """A row of the register; a side that is not recorded is None. ``row`` counts from 1.

    ``file`` names its photo where the sheet does; ``number`` is the file where it has no numbers.
    ``unread`` says which cell could not be understood; such a record has no sides.
    """

    number: str
    length: Recorded | None
    width: Recorded | None
    row: int
    file: str = ""
    unread: str = ""

    @property
    def is_bare(self) -> bool:
        """Whether the row says nothing of a size."""
        return not (self.length or self.width or self.unread)

    @property
    def keys(self) -> tuple[str, ...]:
        """How the record may be found, the number before the file (see ``photo_keys``)."""
        number = "" if self.number == self.file else same_number(self.number)
        file = f"{FILE_KEY}{sheet.sheet_keys(self.file)[0]}" if self.file else ""
        return tuple(key for key in (number, file) if key)


FILE_KEY = "file "
"""What begins the key of a photo's name, which may fit several photos in several folders."""


def photo_keys(file: str, *, number: str) -> tuple[str, ...]:
    """Keys of the records that a photo belongs to."""
    names = (f"{FILE_KEY}{key}" for key in sheet.sheet_keys(file))
    key = same_number(number)
    return (key, *names) if key else tuple(names)


def read_register(path: Path) -> tuple[Record, ...]:
    """A catalogue sheet, CSV or Excel, perhaps with its title above the header.

    Columns, in English, German, French or Spanish: the number (``number``, ``catalogue_no``,
    ``Inventarnummer`` …) or the photo (``file``); ``length`` and ``width``, or both in one
    (``13 x 11 mm``), with their unit in the title (``length_cm``, ``Width [mm]``), in the cell
    (``4.5 cm``) or in a column ``unit``. A unit is never guessed. A row whose size cannot be
    understood tells so in ``Record.unread``. Raises DataError when no row can be used.
    """
    if not os.path.lexists(path):
        raise DataError(
            f"There is no file {path}; check where the catalogue sheet is (--catalogue)."
        )
    found = cells.read(path, _TITLES)
    columns = _header(found, path)
    records: list[Record] = []
    for at, row in found.rows.items():
        said = {name: row[i] if i < len(row) else "" for name, i in columns.items()}
        if said.get("number") or said.get("file"):
            record = _record(said, at, fault=_SHIFTED if at in found.shifted else "")
            # A number merged over several rows is that of the first, which the others describe.
            if not (records and record.is_bare and record.keys == records[-1].keys):
                records.append(record)
    if not records:
        raise DataError(f"The catalogue sheet {path} has no catalogue number in any row.")
    unread = next((record for record in records if record.unread), None)
    if unread is not None and not any(record.length or record.width for record in records):
        raise DataError(
            f"{path}, row {unread.row}: {unread.unread}; write one number, such as 4.5, and its "
            "unit in the column's title, such as length_mm, or in a column “unit”."
        )
    return tuple(records)


def _header(found: Cells, path: Path) -> dict[str, int]:
    """Where the columns of a sheet are."""
    if not found.rows:
        raise DataError(f"The catalogue sheet {path} has no records; add a row for each.")
    if found.has_header:
        return _columns(found.titles)
    tops = (found.titles, *islice(found.rows.values(), _TITLE_ROWS))
    numbered = any(not _columns(row).keys().isdisjoint(("number", "file")) for row in tops)
    lacking = (
        "columns with the recorded sizes, such as “length_mm” and “width_mm”"
        if numbered
        else "a column with the numbers, such as “number” or “catalogue_no”"
    )
    raise DataError(f"The catalogue sheet {path} needs {lacking}.")


def _meaning(cell: str) -> str | None:
    return next(iter(_columns([cell])), None)


def _are_enough(said: Set[str]) -> bool:
    sized = any(name.partition(" ")[0] in _SIDES for name in said)
    return sized and not said.isdisjoint(("number", "file"))


_TITLES = Titles(_meaning, _are_enough, frozenset(("number", "file")))


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


def _columns(header: Sequence[str]) -> dict[str, int]:
    """Places of number, file, unit, and the sides: ``length``, or ``length mm`` with its unit."""
    titles = [_bare(sheet.title(unicodedata.normalize("NFC", cell))) for cell in header]
    found: dict[str, int] = {}
    for what, names in (("number", _NUMBER), ("file", _FILE)):
        places = [titles.index(name) for name in names if name in titles]
        if places:
            found[what] = places[0]
    for at, title in enumerate(titles):
        side, unit = _side(title)
        if title in _UNIT:
            found.setdefault("unit", at)
        elif side and not any(name.startswith(side) for name in found):
            found[f"{side} {unit}".strip()] = at
    if any(name.startswith(("length", "width")) for name in found):
        return {name: at for name, at in found.items() if not name.startswith("both")}
    return found


def _side(title: str) -> tuple[str, str]:
    """``length_cm`` → length, cm; nothing for another column."""
    words, _, last = title.rpartition("_")
    unit = _UNITS.get(last, "") if words else ""
    name = words.removesuffix("_in").removesuffix("_en") if unit else title
    side = _SIDE_OF.get(name, "")
    return (side, unit) if side else ("", "")


def _record(said: Mapping[str, str], row: int, *, fault: str) -> Record:
    sides: dict[str, Recorded | None] = {"length": None, "width": None}
    file, unread = said.get("file", ""), fault
    for name, cell in said.items():
        side, _, unit = name.partition(" ")
        if side not in _SIDES or cell.casefold() in _NOTHING:
            continue
        try:
            read = _recorded(cell, unit or said.get("unit", ""), times=1 + (side == "both"))
        except ValueError as error:
            unread = unread or str(error)
        else:
            sides.update(zip(("length", "width") if side == "both" else (side,), read, strict=True))
    if unread:
        sides = dict.fromkeys(sides)
    return Record(said.get("number") or file, sides["length"], sides["width"], row, file, unread)


def _recorded(cell: str, unit: str, *, times: int) -> list[Recorded]:
    """``4,5``, ``45.0 mm`` or ``1.75"`` with the unit of the cell before that of the column;
    ``13 x 11 mm`` for two ``times``. Raises ValueError that says what is wrong."""
    parts = re.split(r"\s*[x×*]\s*", cell, flags=re.IGNORECASE) if times > 1 else [cell]
    found = [match for part in parts if (match := _LENGTH.fullmatch(part))]
    if not len(found) == len(parts) == times:
        raise ValueError(f"“{cell}” is not {'a length' if times == 1 else 'length x width'}")
    own = [_bare(match[3].strip(" .").casefold()) for match in found]
    shared = next((word for word in reversed(own) if word), _bare(unit.strip(" .").casefold()))
    words = [word or shared for word in own]
    for word in words:
        if word not in _UNITS:
            what = f"the unit “{word}” is not known" if word else "the unit is missing"
            raise ValueError(f"{what} (“{cell}”)")
    for match in found:
        if _EITHER.fullmatch(match[2]):
            raise ValueError(f"“{match[2]}” may be {_decimal(match[2])} or a thousand times that")
    about = any(match[1] for match in found)
    return [
        Recorded(_decimal(match[2]), _UNITS[word], about)
        for match, word in zip(found, words, strict=True)
    ]


def _decimal(number: str) -> str:
    """``1 234,5``, ``1,234.5`` and ``1.234,5`` → ``1234.5``: the last sign is the decimal one."""
    plain = number.translate(dict.fromkeys(map(ord, _BLANKS)))
    whole, sign, rest = plain.rpartition("," if plain.rfind(",") > plain.rfind(".") else ".")
    return f"{whole.replace(',', '').replace('.', '')}.{rest}" if sign else rest


def _bare(text: str) -> str:
    """``länge`` → ``lange``: many leave the accents out."""
    parts = unicodedata.normalize("NFD", text)
    return "".join(c for c in parts if not unicodedata.combining(c))
