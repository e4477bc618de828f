"""Labelled photos from a sheet: a column per label, or one column that names the labels."""

from __future__ import annotations

import contextlib
import math
import os
import posixpath
from collections import defaultdict
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path, PureWindowsPath

from geoview.errors import DataError
from geoview.training import tables
from geoview.training.data import Dataset, Item, Task, fold, one_spelling
from geoview.training.tables import Row, Table

SEPARATORS = ";|+/"
_PREFIXES = ("present_", "state_")
_NO_LABELS = frozenset(
    "file layer depth depth_m depth_ft md unit well specimen specimen_id sample group split fold "
    "tile_row tile_col labels label class dominant n_lithologies contaminants mask reason status "
    "id index no nr number row width height width_px height_px".split()
)
_NO_LABEL_PREFIXES = (*_PREFIXES, "area_", "fragments_", "p_", "unnamed")


@dataclass(frozen=True, slots=True)
class _Labels:
    """The classes of a sheet and how to read their states (0, 1, 2) from a row."""

    classes: tuple[str, ...]
    task: Task
    states: Callable[[Row], tuple[int, ...]]
    warnings: tuple[str, ...] = ()


def find(folder: Path) -> list[Table]:
    """The best sheet of labels of every folder below: with tiles, else with named labels, else
    with plain columns of 0 and 1."""
    found: dict[Path, list[Table]] = defaultdict(list)
    for path in sorted(folder.rglob("*")):
        hidden = any(part.startswith((".", "~$")) for part in path.relative_to(folder).parts)
        if path.suffix.lower() in tables.SUFFIXES and not hidden:
            with contextlib.suppress(DataError):  # another file that happens to lie there
                found[path.parent].append(tables.read(path))
    ranked = ({t: rank for t in sheets if (rank := _rank(t))} for sheets in found.values())
    return [_best(ranks) for ranks in ranked if ranks]


def _best(ranks: dict[Table, int]) -> Table:
    """The first of the highest rank, with a word on others as good."""
    best, *others = (table for table, rank in ranks.items() if rank == max(ranks.values()))
    notes = (
        f"{other.path.name} was not read beside {best.path.name}; give both by name to use both."
        for other in others
    )
    return replace(best, warnings=(*best.warnings, *notes))


def from_table(table: Table) -> Dataset:
    """The labelled photos of a sheet; photos that are not there are left out with a warning.

    Raises DataError, naming the sheet, the photo and the column, for what cannot be understood.
    """
    path = table.path
    if not table.rows:
        raise DataError(f"The sheet {path} has no rows.")
    if "file" not in table.rows[0]:
        raise DataError(
            f"The sheet {path.name} has no column “file”; add one with the photos' names."
        )
    rows, warnings = _with_photos(table)
    labels = _labels(table, rows)
    layers = tuple(sorted({row["layer"] for row in rows if _given(row, "layer")}))
    grids = _grids(rows, path)
    items = tuple(_item(row, path, labels, layers, grids) for row in rows)
    source = f"{path.parent.name}/{path.name}"
    told = (*table.warnings, *warnings, *labels.warnings)
    return Dataset(items, labels.classes, layers, labels.task, (source,), told)


def from_sheet(path: Path) -> Dataset:
    """As ``from_table``, for a file."""
    return from_table(tables.read(path))


def _rank(table: Table) -> int:
    if not table.rows or "file" not in table.rows[0]:
        return 0
    named = any(k.startswith(_PREFIXES) or k in ("labels", "label", "class") for k in table.keys)
    if named:
        return 3 if "tile_row" in table.keys else 2
    # One column of 0 and 1 beside the photos may be anything; two are taken for labels.
    return int(len(_plain(table, table.rows)[0]) > 1)


def _with_photos(table: Table) -> tuple[list[Row], list[str]]:
    """Rows whose photo is there, the file name tidied, and what was left out."""
    root, warnings = table.path.parent, []
    named = [row | {"file": _tidy(row["file"], table.path)} for row in table.rows if row["file"]]
    files = list(dict.fromkeys(row["file"] for row in named))
    there = {file for file in files if os.path.isfile(root / file)}
    gone = [file for file in files if file not in there]
    if not there:
        first = f", the first is {gone[0]}" if gone else ""
        raise DataError(
            f"None of the {len(files)} photos named in {table.path.name} is there{first}; "
            "put them beside the sheet or correct the names."
        )
    if gone:
        warnings.append(
            f"{len(gone)} of the {len(files)} photos named in {table.path.name} are not there and "
            f"were left out, the first is {gone[0]}."
        )
    if len(named) < len(table.rows):
        count = len(table.rows) - len(named)
        warnings.append(f"{count} rows of {table.path.name} name no file and were left out.")
    return [row for row in named if row["file"] in there], warnings


def _tidy(file: str, sheet: Path) -> str:
    """The path of a photo below the sheet's folder, with forward slashes."""
    tidy = posixpath.normpath(file.replace("\\", "/"))
    if tidy.startswith(("../", "/")) or tidy == ".." or PureWindowsPath(tidy).drive or "\0" in tidy:
        raise DataError(
            f"{sheet.name} names {file!r}, which is outside its folder; put the photos below the "
            "sheet and name them from there."
        )
    return tidy


def _labels(table: Table, rows: Sequence[Row]) -> _Labels:
    """Which columns hold the labels."""
    for prefix in _PREFIXES:
        names = [c[len(prefix) :] for c in table.columns if c.lower().startswith(prefix)]
        if names:
            return _columns(table, names, rows)
    if "labels" in table.keys:
        return _words(table, "labels", rows, split_labels)
    for column in ("label", "class"):
        if column in table.keys:
            return _words(table, column, rows, lambda cell: [cell])
    names, nearly = _plain(table, rows)
    if not names:
        raise DataError(
            f"The sheet {table.path.name} has no labels; add columns present_<class> or "
            "state_<class>, columns of 0 and 1 named after the classes, or one column “labels” "
            "or “label”."
        )
    return replace(_columns(table, names, rows), warnings=nearly)


def _plain(table: Table, rows: Sequence[Row]) -> tuple[list[str], tuple[str, ...]]:
    """Columns of nothing but 0, 1 and 2, and a word on those with some other cells."""
    names, nearly = [], []
    for column in table.columns:
        key = column.lower()
        if key in _NO_LABELS or key.startswith(_NO_LABEL_PREFIXES):
            continue
        cells = [row[key] for row in rows if not tables.missing(row[key])]
        other = [cell for cell in cells if _value(cell) not in (0, 1, 2)]
        if cells and not other:
            names.append(column)
        elif 2 * len(other) < len(cells):
            nearly.append(
                f"Column {column} of {table.path.name} was not taken for a label, because it "
                f"holds “{other[0]}” beside 0 and 1."
            )
    return names, tuple(nearly)


def _columns(table: Table, names: Sequence[str], rows: Sequence[Row]) -> _Labels:
    """A column per label, ``state_<c>`` before ``present_<c>`` before ``<c>``."""
    twice = [n for n in names if [fold(m) for m in names].count(fold(n)) > 1]
    keys = {}
    for name in names:
        found = (f"{p}{name}".lower() for p in ("state_", "present_", ""))
        keys[name] = next(key for key in found if key in rows[0])
        twice += [name] if keys[name] in table.twice else []
    if twice:
        raise DataError(
            f"{table.path.name} has two columns for the label {fold(twice[0])}; keep one of them."
        )

    def states(row: Row) -> tuple[int, ...]:
        return tuple(_state(row, key, table.path) for key in keys.values())

    return _Labels(tuple(name.strip() for name in names), "multi-label", states)


def _words(
    table: Table, column: str, rows: Sequence[Row], parts: Callable[[str], list[str]]
) -> _Labels:
    """One column with the labels' names; where only these are known the first one dominates."""
    for row in rows:
        if tables.missing(row[column]) or not parts(row[column]):
            raise DataError(
                f"{table.path.name}: column {column} is empty for {row['file']}; name its label "
                "or take out the row."
            )
    spelling, warnings = one_spelling(
        (name for row in rows for name in parts(row[column])), where=table.path.name
    )
    classes = tuple(sorted(spelling.values()))

    def states(row: Row) -> tuple[int, ...]:
        named = [spelling[fold(name)] for name in parts(row[column])]
        return tuple((2 if name == named[0] else 1) if name in named else 0 for name in classes)

    task: Task = "multi-label" if column == "labels" else "single-label"
    return _Labels(classes, task, states, warnings)


def split_labels(text: str) -> list[str]:
    """The labels in a cell, parted by commas or ``SEPARATORS``."""
    for separator in SEPARATORS:
        text = text.replace(separator, ",")
    return [name.strip() for name in text.split(",") if name.strip()]


def _grids(rows: Iterable[Row], sheet: Path) -> dict[str, tuple[int, int]]:
    """Rows and columns of tiles of every photo."""
    grids: dict[str, tuple[int, int]] = {}
    for row in rows:
        if _given(row, "tile_row"):
            r, c = grids.get(row["file"], (0, 0))
            row_, col = _tile(row, sheet)
            grids[row["file"]] = (max(r, row_ + 1), max(c, col + 1))
    return grids


def _tile(row: Row, sheet: Path) -> tuple[int, int]:
    return round(_number(row, "tile_row", sheet)), round(_number(row, "tile_col", sheet))


def _item(
    row: Row, sheet: Path, labels: _Labels, layers: tuple[str, ...],
    grids: dict[str, tuple[int, int]],
) -> Item:  # fmt: skip
    file, root = row["file"], sheet.parent
    states = labels.states(row)
    groups = (row[key] for key in ("group", "specimen", "specimen_id") if _given(row, key))
    depth = next((key for key in ("depth_m", "depth") if _given(row, key)), None)
    return Item(
        path=root / file,
        file=file,
        labels=tuple(float(s > 0) for s in states),
        states=states,
        group=next(groups, f"{root.name}/{file}"),
        tile=(*_tile(row, sheet), *grids[file]) if file in grids else None,
        area=_areas(row, labels.classes, sheet),
        layer=layers.index(row["layer"]) if _given(row, "layer") else None,
        well=row["well"] if _given(row, "well") else "",
        depth_m=_number(row, depth, sheet) if depth else None,
        split=row["split"].lower() if _given(row, "split") else "",
    )


def _areas(row: Row, classes: tuple[str, ...], sheet: Path) -> tuple[float, ...] | None:
    keys = [f"area_{name}".lower() for name in classes]
    if not all(_given(row, key) for key in keys):
        return None
    return tuple(_number(row, key, sheet) for key in keys)


def _given(row: Row, column: str) -> bool:
    return not tables.missing(row.get(column, ""))


def _state(row: Row, column: str, sheet: Path) -> int:
    value = _number(row, column, sheet)
    if value not in (0, 1, 2):
        raise DataError(
            f"{sheet.name}: “{row[column]}” in column {column} for {row['file']} is no state of a "
            "label; write 0, 1 or 2."
        )
    return int(value)


def _number(row: Row, column: str, sheet: Path) -> float:
    cell = row.get(column, "")
    value = _value(cell)
    if not math.isfinite(value):
        what = f"“{cell}”" if cell else "an empty cell"
        raise DataError(
            f"{sheet.name}: {what} in column {column} for {row['file']} is not a number; "
            "correct the sheet."
        )
    return value


def _value(cell: str) -> float:
    """The number in a cell, with a decimal point or comma; NaN where there is none."""
    try:
        return float(cell.replace(",", "."))
    except ValueError:
        return math.nan
