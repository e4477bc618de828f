"""A CSV or Excel file to rows by the names of their columns."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from geoview.errors import DataError
from geoview.photos import cells
from geoview.photos.cells import Cells
from geoview.photos.sheet import FILE_TITLES, PHOTO_TITLES, column_name, title
from geoview.training.data import counted

Row = dict[str, str]

LABEL_TITLES = ("labels", "label", "class")
"""Titles of the column of labels, which need no columns of 0 and 1."""

SUFFIXES = frozenset((".csv", ".tsv", ".xlsx", ".xlsm", ".xls"))


_TITLES = replace(
    PHOTO_TITLES,
    meaning=lambda cell: column_name(cell) or ("labels" if title(cell) in LABEL_TITLES else None),
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
    """Read a sheet (see ``photos.cells``); its file column is called ``file`` whatever it is
    called there. Raises DataError."""
    found = cells.read(path, _TITLES)
    warnings = (*found.warnings, *_shifted(found, path))
    places, twice = _columns(found.titles)
    rows = tuple(
        {key: row[i] if i < len(row) else "" for key, (i, _) in places.items()}
        for number, row in found.rows.items()
        if number not in found.shifted
    )
    columns = tuple(text for _, text in places.values())
    return Table(path, columns, rows, twice, warnings)


def _shifted(found: Cells, path: Path) -> tuple[str, ...]:
    """A word on the rows that are left out; raises DataError where no other row is left."""
    if not found.shifted:
        return ()
    place = next(i for i, cell in enumerate(found.titles) if title(cell) in FILE_TITLES)
    told = (
        f"more cells than titles, the first is {found.rows[min(found.shifted)][place]}; put cells "
        "that hold a comma or semicolon in quotes, or give a last column its title."
    )
    if len(found.shifted) == len(found.rows):
        raise DataError(f"All rows of {path.name} have {told}")
    return (f"Left out of {path.name}: {counted(len(found.shifted), 'row')} with {told}",)


def _columns(titles: Sequence[str]) -> tuple[dict[str, tuple[int, str]], frozenset[str]]:
    """Place and title of every column by its lower-case name; the names of several columns."""
    if "file" not in map(str.lower, titles):
        other = next((t for name in FILE_TITLES for t in titles if title(t) == name), None)
        titles = ["file" if text == other else text for text in titles]
    places: dict[str, tuple[int, str]] = {}
    twice = set()
    for index, text in enumerate(titles):
        if text and places.setdefault(text.lower(), (index, text))[0] != index:
            twice.add(text.lower())
    return places, frozenset(twice)
