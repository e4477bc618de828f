"""Labelled photos from a sheet: labels, and layer, depth, well, specimen, tile, areas, split."""

from __future__ import annotations

import posixpath
from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from itertools import islice
from pathlib import Path, PureWindowsPath

from geoview.errors import DataError
from geoview.photos import names
from geoview.photos.cells import says_nothing
from geoview.photos.sheet import column_name, known_columns, row_fields
from geoview.training import labels, tables
from geoview.training.data import SPLITS, Dataset, Item, as_text, counted, fold
from geoview.training.labels import Labels, number_in
from geoview.training.photo_names import PhotoNames
from geoview.training.tables import Row, Table

_MOST_TILES = 100
# Shares of less are left out of a label by those who round or set a lowest share.
_NOTABLE_AREA = 0.01
_ENOUGH_ROWS = 100
# The rank of a sheet whose columns of 0 and 1 alone speak for labels.
_PLAIN = 1


@dataclass(slots=True)
class Found:
    """The sheets of labels below a folder; why others cannot be read, or hold no labels.

    ``perhaps`` are those that hold labels if the folders are no classes; ``are_sure`` says that
    titles of the ``tables`` tell so. ``meant`` is why those hold no labels that lie in the folder
    itself and name photos in it.
    """

    tables: list[Table] = field(default_factory=list)
    perhaps: list[Table] = field(default_factory=list)
    are_sure: bool = True
    unreadable: list[str] = field(default_factory=list)
    unfit: list[str] = field(default_factory=list)
    meant: list[str] = field(default_factory=list)


def find(folder: Path) -> Found:
    """The best sheet of labels of every folder below: with tiles, else with named labels, else
    with plain columns of 0 and 1, else with a column of lithologies, minerals or rocks."""
    found = Found()
    ranked: dict[Path, dict[Table, int]] = defaultdict(dict)
    for path in sorted(folder.rglob("*")):
        hidden = any(part.startswith((".", "~$")) for part in path.relative_to(folder).parts)
        if path.suffix.lower() not in tables.SUFFIXES or hidden:
            continue
        try:
            table = tables.read(path)
        except DataError as error:
            found.unreadable.append(str(error))
            continue
        try:
            ranked[path.parent][table] = _rank(table)
        except DataError as error:  # another table that happens to lie there
            found.unfit.append(str(error))
            if path.parent == folder and _is_meant(table):
                found.meant.append(str(error))
    for ranks in filter(None, ranked.values()):
        rank = max(ranks.values())
        (found.tables if rank else found.perhaps).append(_best(ranks))
        found.are_sure &= rank != _PLAIN
    return found


def _best(ranks: dict[Table, int]) -> Table:
    """The first of the highest rank, with a word on the others."""
    best, *others = sorted(ranks, key=lambda table: -ranks[table])
    notes = (
        f"{other.path.name} was not read beside {best.path.name}; give "
        + ("both by name to use both." if ranks[other] == ranks[best] else "it by name to use it.")
        for other in others
    )
    return replace(best, warnings=(*best.warnings, *notes))


def _rank(table: Table) -> int:
    """How surely a table found by chance is meant for labels. Raises DataError where it is not."""
    _check(table)
    if labels.named(table):
        return 3 if "tile_row" in table.keys else 2
    # One column of 0 and 1 beside the photos may be anything; two are taken for labels.
    # A row of totals names no photo.
    count = labels.plain(table, _with_own_photo(table.rows, table.path) or table.rows)
    if count < 2 and labels.perhaps(table, table.rows):
        return 0
    if count == 0:
        raise labels.none_in(table)
    if count == 1:
        raise DataError(
            f"The sheet {table.path.name} has only one column of 0 and 1; give the sheet itself "
            "if that is a label."
        )
    return _PLAIN


def _is_meant(table: Table) -> bool:
    """Whether a sheet that is not understood names photos and looks as if it held labels."""
    rows = list(table.rows[:_ENOUGH_ROWS])
    if "file" not in table.keys:
        rows = [row | {"file": cell} for row in rows for cell in row.values() if cell]
    found = _with_own_photo(rows, table.path)
    return bool(found) and labels.meant(table, found)


def _with_own_photo(rows: Iterable[Row], sheet: Path) -> list[Row]:
    there = PhotoNames(sheet.parent)
    return [row for row in rows if (file := _below(row["file"])) and there.find(file)]


def _check(table: Table) -> None:
    if not table.rows:
        raise DataError(f"The sheet {table.path} has no rows.")
    if "file" not in table.rows[0]:
        raise DataError(
            f"The sheet {table.path.name} has no column “file”; add one with the photos' names."
        )


@dataclass(frozen=True, slots=True)
class _Sheet:
    """What it takes to read a row: ``folder`` is what the sheet's folder is called, ``known`` are
    the keys of the columns by what they say (see ``column_name``), ``areas`` those of the areas,
    parallel to the classes."""

    path: Path
    folder: str
    labels: Labels
    layers: tuple[str, ...]
    known: Mapping[str, str]
    areas: tuple[str, ...]
    grids: Mapping[str, tuple[int, int]]


def from_table(table: Table, folder: str) -> Dataset:
    """The labelled photos of a sheet; photos that are not there are left out with a warning.

    ``folder`` is what the sheet's folder is called, unlike that of any other source. Raises
    DataError, naming the sheet, the photo and the column, for what cannot be understood.
    """
    _check(table)
    path = table.path
    rows, missing, warnings = _with_photos(table)
    found = labels.read(table, rows)
    grids, few_tiles = _grids(rows, path)
    sheet = _Sheet(
        path,
        folder=folder,
        labels=found,
        layers=tuple(sorted({row["layer"] for row in rows if _given(row, "layer")})),
        known={n: table.columns[i].lower() for n, i in known_columns(table.columns).items()},
        areas=_area_columns(table, found.classes),
        grids=grids,
    )
    read = [_item(row, sheet) for row in rows]
    items = tuple(dict.fromkeys(read))
    if len(items) < len(read):
        warnings.append(
            f"{path.name} repeats {counted(len(read) - len(items), 'row')}, which were left out."
        )
    warnings += (*few_tiles, *_two_specimens(table), *_contradictions(items, sheet))
    warnings += (*_half_areas(rows, sheet), *_areas_without_label(items, sheet))
    source = f"{folder}/{as_text(path.name)}"
    told = (*table.warnings, *warnings, *found.warnings)
    groups = frozenset(row["group"] for row in rows if _given(row, "group"))
    return Dataset(items, found.classes, sheet.layers, found.task, (source,), told, missing, groups)


def _with_photos(table: Table) -> tuple[list[Row], tuple[str, ...], list[str]]:
    """Rows whose photo is there, by the photo's own name; the photos that are not; warnings."""
    there, warnings = PhotoNames(table.path.parent), []
    named = [row | {"file": _tidy(row["file"], table.path)} for row in table.rows if row["file"]]
    photo = {file: there.find(file) for file in dict.fromkeys(row["file"] for row in named)}
    gone = tuple(file for file, found in photo.items() if found is None)
    unclear = [
        f"{counted(len(there.several), 'name')} in {table.path.name} may mean more than one photo, "
        f"the first is {file} ({', '.join(fitting)}); write the whole name."
        for file, fitting in islice(there.several.items(), 1)
    ]
    if len(gone) == len(photo):
        if unclear:
            raise DataError(unclear[0])
        first = f", the first is {gone[0]}" if gone else ""
        raise DataError(
            f"None of the {len(photo)} photos named in {table.path.name} is there{first}; "
            "put them beside the sheet or correct the names."
        )
    if gone:
        warnings.append(
            f"{len(gone)} of the {len(photo)} photos named in {table.path.name} are not there and "
            f"were left out, the first is {gone[0]}."
        )
    warnings += unclear
    if len(named) < len(table.rows):
        count = len(table.rows) - len(named)
        warnings.append(f"{count} rows of {table.path.name} name no file and were left out.")
    rows = [row | {"file": own} for row in named if (own := photo[row["file"]]) is not None]
    return rows, gone, warnings


def _tidy(file: str, sheet: Path) -> str:
    """The path of a photo below the sheet's folder, with forward slashes."""
    if (tidy := _below(file)) is None:
        raise DataError(
            f"{sheet.name} names {file!r}, which is outside its folder; put the photos below the "
            "sheet and name them from there."
        )
    return tidy


def _below(file: str) -> str | None:
    tidy = posixpath.normpath(file.replace("\\", "/"))
    outside = tidy.startswith(("../", "/")) or tidy == ".." or PureWindowsPath(tidy).drive
    return None if outside or "\0" in tidy else tidy


def _item(row: Row, sheet: _Sheet) -> Item:
    file, root = row["file"], sheet.path.parent
    states = sheet.labels.states(row)
    cells = {name: row[key] for name, key in sheet.known.items()}
    said, name = row_fields(cells, f"{sheet.path.name}, {file}"), names.parse_name(file)
    well = said.well or name.well or ""
    specimen = said.sample or ""
    # Samples are numbered anew in every well.
    own = f"{well}/{specimen}" if well and specimen else specimen
    return Item(
        path=root / file,
        file=file,
        labels=tuple(float(s > 0) for s in states),
        states=states,
        group=row["group"] if _given(row, "group") else own or f"{sheet.folder}/{file}",
        tile=(*_tile(row, sheet.path), *sheet.grids[file]) if file in sheet.grids else None,
        area=_areas(row, sheet),
        layer=sheet.layers.index(row["layer"]) if _given(row, "layer") else None,
        well=well,
        depth_m=name.depth_m if said.depth_m is None else said.depth_m,
        split=SPLITS.get(fold(row["split"]), row["split"].lower()) if _given(row, "split") else "",
        specimen=specimen,
    )


def _two_specimens(table: Table) -> Iterator[str]:
    columns = [name for name in table.columns if column_name(name) == "sample"]
    if len(columns) > 1:
        yield (
            f"{table.path.name} has the columns {' and '.join(columns)}, of which only "
            f"{columns[0]} keeps photos together; call another one “group” to use both."
        )


def _contradictions(items: Iterable[Item], sheet: _Sheet) -> Iterator[str]:
    """A word on photos, or tiles, that several rows give different labels."""
    found: dict[tuple[object, ...], dict[tuple[int, ...], str]] = defaultdict(dict)
    for item in items:
        found[item.file, item.tile][item.states] = item.file
    several = [states for states in found.values() if len(states) > 1]
    if several:
        words = " / ".join(_words(states, sheet.labels.classes) for states in several[0])
        yield (
            f"{sheet.path.name} gives different labels in several rows to "
            f"{counted(len(several), 'photo')}, the first is {next(iter(several[0].values()))} "
            f"({words}); keep one row for each."
        )


def _words(states: Iterable[int], classes: Iterable[str]) -> str:
    return ", ".join(n for n, s in zip(classes, states, strict=True) if s) or "none"


def _grids(rows: Iterable[Row], sheet: Path) -> tuple[dict[str, tuple[int, int]], tuple[str, ...]]:
    """Rows and columns of tiles of every photo, and a word on those that list too few."""
    listed: dict[str, set[tuple[int, int]]] = defaultdict(set)
    for row in rows:
        if _given(row, "tile_row"):
            listed[row["file"]].add(_tile(row, sheet))
    own = {
        file: (1 + max(r for r, _ in tiles), 1 + max(c for _, c in tiles))
        for file, tiles in listed.items()
    }
    most = max((r * c for r, c in own.values()), default=0)
    # Tall photos beside wide ones have as many tiles, in more rows.
    whole = sorted({grid for grid in own.values() if grid[0] * grid[1] == most})
    grids = {file: _grid_around(grid, whole) for file, grid in own.items()}
    few = [file for file, (r, c) in grids.items() if len(listed[file]) < r * c]
    if not few:
        return grids, ()
    rows_, columns = grids[few[0]]
    return grids, (
        f"{sheet.name} lists only a part of the {rows_} × {columns} tiles of "
        f"{counted(len(few), 'photo')}, the first is {few[0]}; the other tiles are not used.",
    )


def _grid_around(own: tuple[int, int], whole: Sequence[tuple[int, int]]) -> tuple[int, int]:
    """The first whole grid that holds all tiles of a photo."""
    around = (grid for grid in whole if grid[0] >= own[0] and grid[1] >= own[1])
    return next(around, (max(own[0], whole[0][0]), max(own[1], whole[0][1])))


def _tile(row: Row, sheet: Path) -> tuple[int, int]:
    return _place(row, "tile_row", sheet), _place(row, "tile_col", sheet)


def _place(row: Row, column: str, sheet: Path) -> int:
    value = number_in(row, column, sheet)
    if not (value.is_integer() and 0 <= value < _MOST_TILES):
        raise DataError(
            f"{sheet.name}: “{row[column]}” in column {column} for {row['file']} is no place of a "
            f"tile; count whole numbers from 0, up to {_MOST_TILES - 1}."
        )
    return int(value)


def _area_columns(table: Table, classes: Iterable[str]) -> tuple[str, ...]:
    """The key of the area of each class, whether there is such a column or not; nothing where
    no class has one."""
    there = {fold(key.removeprefix("area_")): key for key in table.keys if key.startswith("area_")}
    keys = tuple(there.get(fold(name), f"area_{name}".lower()) for name in classes)
    return keys if any(key in table.keys for key in keys) else ()


def _areas(row: Row, sheet: _Sheet) -> tuple[float, ...] | None:
    given = {key: number_in(row, key, sheet.path) for key in sheet.areas if _given(row, key)}
    for key, share in given.items():
        if not 0 <= share <= 1:
            raise DataError(
                f"{sheet.path.name}: “{row[key]}” in column {key} for {row['file']} is no share; "
                "write shares from 0 to 1 (or is it percent?)."
            )
    if sum(given.values()) > 1.01:
        raise DataError(
            f"{sheet.path.name}: the areas of {row['file']} ({', '.join(given)}) add up to "
            f"{sum(given.values()):.3g}; write shares of the whole photo, together at most 1."
        )
    return tuple(given.values()) if given and len(given) == len(sheet.areas) else None


def _half_areas(rows: Iterable[Row], sheet: _Sheet) -> Iterator[str]:
    lacking = [
        (row["file"], key)
        for row in rows
        if any(_given(row, key) for key in sheet.areas)
        for key in [key for key in sheet.areas if not _given(row, key)][:1]
    ]
    if lacking:
        yield (
            f"{sheet.path.name} gives only some of the areas in {counted(len(lacking), 'row')}, "
            f"which were not used; the first is {lacking[0][0]} without {lacking[0][1]}."
        )


def _areas_without_label(items: Iterable[Item], sheet: _Sheet) -> Iterator[str]:
    found = [
        (item.file, name)
        for item in items
        for name, state, area in zip(
            sheet.labels.classes, item.states, item.area or (0.0,) * len(item.states), strict=True
        )
        if area >= _NOTABLE_AREA and not state
    ]
    if found:
        yield (
            f"{sheet.path.name} gives an area to a class that is absent by its label "
            f"{len(found)}×, the first is {found[0][1]} in {found[0][0]}; correct one of them."
        )


def _given(row: Row, column: str) -> bool:
    return not says_nothing(row.get(column, ""))
