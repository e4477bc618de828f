"""Which columns of a sheet hold the labels, and the states 0, 1, 2 that they give a photo."""

from __future__ import annotations

import math
from collections import defaultdict
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from geoview.errors import DataError
from geoview.photos.cells import says_nothing
from geoview.photos.sheet import column_name, title
from geoview.training import tables
from geoview.training.data import Task, fold, one_spelling
from geoview.training.tables import Row, Table

SEPARATORS = ";|+/"
_GRADED, _PRESENT = "state_", "present_"
# … which these may be too, where there are no columns of 0 and 1 for the classes.
_PERHAPS = ("lithology", "mineral", "rock")
# Names of columns that hold something else, mostly small numbers, beside columns of 0 and 1 …
_NUMBERS = frozenset(
    "fold tile_row tile_col n_lithologies contaminants mask id index no nr number row width "
    "height width_px height_px".split()
)
_NUMBER_PREFIXES = (_GRADED, _PRESENT, "area_", "fragments_", "unnamed")
# … and of those that a user may have meant for a class where they hold nothing but 0 and 1.
_OTHERWISE = frozenset("layer group split dominant reason status".split())
_OTHERWISE_PREFIXES = ("p_",)
_RESULTS = "app_version"  # a column of the tables that GeoView writes itself
_TICKS = frozenset("true yes y x ✓ ✔ ja oui sí si".split())
_CROSSES = frozenset("false no n nein non".split())
# Words in the titles of columns that count, number or measure something.
_COUNTING = frozenset(
    "x y z n no nr num number numbers count counts id box boxes tray trays bag bags drawer shelf "
    "page depth from to top base bottom year month day time age size grain grains".split()
)
_MOST_PERCENT, _MOST_ABUNDANT = 100, 5


@dataclass(frozen=True, slots=True)
class Labels:
    """The classes of a sheet and how to read their states (0, 1, 2) from a row."""

    classes: tuple[str, ...]
    task: Task
    states: Callable[[Row], tuple[int, ...]]
    warnings: tuple[str, ...] = ()


def read(table: Table, rows: Sequence[Row]) -> Labels:
    """The labels of those rows of a sheet that have a photo.

    Columns ``state_<c>`` and ``present_<c>``, else a column ``labels``, else plain columns of 0,
    1 and 2, else a column such as ``lithology``. Raises DataError naming the sheet, and the column
    and the photo where there is one.
    """
    if found := _prefixed(table):
        return _columns(table, found, rows, tuple(_without_prefix(table, rows)))
    for column in tables.LABEL_TITLES:
        if column in table.keys:
            return _words(table, column, rows)
    names, notes = _plain(table, rows)
    if len(names) < 2 and (called := perhaps(table, rows)):
        return _words(table, called, rows)
    if not names:
        raise none_in(table)
    return _columns(table, [(name, name.lower()) for name in names], rows, notes)


def named(table: Table) -> bool:
    """Whether titles of the sheet say that it holds labels."""
    return any(
        key.startswith((_GRADED, _PRESENT)) or key in tables.LABEL_TITLES for key in table.keys
    )


def perhaps(table: Table, rows: Sequence[Row]) -> str | None:
    """The column of words whose title says what a photo may show."""
    marks = {name.lower() for name in _plain(table, rows)[0]}
    return next((column for column in _PERHAPS if column in {*table.keys} - marks), None)


def plain(table: Table, rows: Sequence[Row]) -> int:
    """The number of columns that hold nothing but 0, 1 and 2 in some rows."""
    return len(_plain(table, rows)[0])


def meant(table: Table, rows: Sequence[Row]) -> bool:
    """Whether a sheet looks as if it held labels, by its titles or by two columns of 0 and 1."""
    return _RESULTS not in table.keys and (named(table) or plain(table, rows) > 1)


def none_in(table: Table) -> DataError:
    """The error for a sheet without labels, to be raised."""
    return DataError(
        f"The sheet {table.path.name} has no labels; add columns present_<class> or "
        "state_<class>, columns of 0 and 1 named after the classes, or one column “labels” "
        "or “label”."
    )


def split_labels(text: str) -> list[str]:
    """The labels in a cell, parted by commas or ``SEPARATORS``."""
    for separator in SEPARATORS:
        text = text.replace(separator, ",")
    parts = (name.strip() for name in text.split(","))
    return [name for name in parts if not says_nothing(name)]


def number_in(row: Row, column: str, sheet: Path) -> float:
    """The number in a cell, with a decimal point or comma. Raises DataError."""
    cell = row.get(column, "")
    value = _number(cell)
    if not math.isfinite(value):
        what = f"“{cell}”" if cell else "an empty cell"
        raise DataError(
            f"{sheet.name}: {what} in column {column} for {row['file']} is not a number; "
            "correct the sheet."
        )
    return value


def _prefixed(table: Table) -> list[tuple[str, str]]:
    """Labels and their columns ``state_<c>``, or ``present_<c>`` where there is no such."""
    graded, present = (
        [(c[len(prefix) :], c.lower()) for c in table.columns if c.lower().startswith(prefix)]
        for prefix in (_GRADED, _PRESENT)
    )
    known = {fold(name) for name, _ in graded}
    return graded + [(name, key) for name, key in present if fold(name) not in known]


def _without_prefix(table: Table, rows: Sequence[Row]) -> Iterator[str]:
    """A word on plain columns that are labels but for the prefix of the others."""
    for column in _plain(table, rows)[0]:
        if {_mark(row[column.lower()]) for row in rows} == {0, 1}:
            yield (
                f"Column {column} of {table.path.name} was not taken for a label beside those with "
                f"a prefix; call it present_{column} if it is one."
            )


def _plain(table: Table, rows: Sequence[Row]) -> tuple[list[str], tuple[str, ...]]:
    """Columns of nothing but 0, 1 and 2, and a word on those that may be meant so and are not."""
    names, notes = [], []
    for column in table.columns:
        if _is_number(column):
            continue
        key = column.lower()
        cells = [row[key] for row in rows if not says_nothing(row[key])]
        # Nothing but N is the north, or another abbreviation.
        is_n = all(_word(cell) == "n" for cell in cells)
        other = [cell for cell in cells if is_n or _mark(cell) not in (0, 1, 2)]
        if _is_otherwise(column):
            if cells and not other:
                notes.append(
                    f"Column {column} of {table.path.name} holds only 0 and 1 and was not taken "
                    "for a label because of its name; if it is one, put present_ before the "
                    "names of all labels."
                )
        elif cells and not other:
            names.append(column)
        elif (
            2 * len(other) < len(cells)
            or _is_twofold(cells)
            or _is_scale(column, cells, gaps=len(cells) < len(rows))
        ):
            what = f"it holds “{other[0]}”" if other else "it is empty"
            notes.append(
                f"Column {column} of {table.path.name} was not taken for a label, because {what}; "
                "write 0, 1 or 2 if it is one."
            )
    return names, tuple(notes)


def _is_number(column: str) -> bool:
    """Whether a title is that of the photo, of a depth, or of other numbers."""
    key, known = column.lower(), column_name(column)
    depth = known in ("file", "depth", "depth_m", "depth_ft")
    return depth or key in _NUMBERS or key.startswith(_NUMBER_PREFIXES)


def _is_otherwise(column: str) -> bool:
    key = column.lower()
    known = column_name(column) is not None
    return known or key in _OTHERWISE or key.startswith(_OTHERWISE_PREFIXES)


def _is_twofold(cells: Sequence[str]) -> bool:
    """Whether cells say one thing or the other, over and over: perhaps that a class is there."""
    kinds = len(set(cells))
    return not cells or (kinds <= 2 and kinds < len(cells))


def _is_scale(column: str, cells: Sequence[str], *, gaps: bool) -> bool:
    """Whether cells may say how much of a class there is, as 0 to 5 or in percent."""
    values = [_number(cell) for cell in cells]
    whole = all(value.is_integer() and 0 <= value <= _MOST_PERCENT for value in values)
    if not whole or not _COUNTING.isdisjoint(title(column).split("_")):
        return False
    repeated = len(set(values)) < len(values)
    return 0 in values or (repeated and (gaps or max(values) <= _MOST_ABUNDANT))


def _columns(
    table: Table,
    labels: Sequence[tuple[str, str]],
    rows: Sequence[Row],
    warnings: tuple[str, ...] = (),
) -> Labels:
    """A column for each label, given as pairs of name and key."""
    folded = [fold(name) for name, _ in labels]
    twice = [n for n, (_, key) in zip(folded, labels, strict=True)
             if folded.count(n) > 1 or key in table.twice]  # fmt: skip
    if twice:
        raise DataError(
            f"{table.path.name} has two columns for the label {twice[0]}; keep one of them."
        )
    keys = [key for _, key in labels]
    ticked = frozenset(key for key in keys if _only_ticks(row[key] for row in rows))

    def states(row: Row) -> tuple[int, ...]:
        return tuple(_state(row, key, table.path, ticked=key in ticked) for key in keys)

    return Labels(tuple(name.strip() for name, _ in labels), "multi-label", states, warnings)


def _only_ticks(cells: Iterable[str]) -> bool:
    """Whether a column says only where a class is, as ``x``, and leaves the other cells blank."""
    said = {_word(cell) for cell in cells if not says_nothing(cell)}
    return bool(said) and said <= _TICKS


def _state(row: Row, column: str, sheet: Path, *, ticked: bool) -> int:
    cell = row[column]
    if ticked and not cell.strip("-–"):
        return 0
    said = _word(cell) in _TICKS | _CROSSES
    value = _mark(cell) if said else number_in(row, column, sheet)
    if value not in (0, 1, 2):
        raise DataError(
            f"{sheet.name}: “{cell}” in column {column} for {row['file']} is no state of a "
            "label; write 0, 1 or 2."
        )
    return int(value)


def _words(table: Table, column: str, rows: Sequence[Row]) -> Labels:
    """One column with the labels' names; where only these are known the first one dominates."""
    task: Task = "multi-label" if column == "labels" else "single-label"

    def parts(row: Row) -> list[str]:
        return split_labels(row[column]) if task == "multi-label" else [row[column]]

    for row in rows:
        cell = row[column]
        if says_nothing(cell) or not parts(row):
            raise DataError(
                f"{table.path.name}: column {column} {f'says “{cell}”' if cell else 'is empty'} "
                f"for {row['file']}; name its label or take out the row."
            )
    spelling, warnings = one_spelling(
        (name for row in rows for name in parts(row)), where=table.path.name
    )
    classes = tuple(sorted(spelling.values()))

    def states(row: Row) -> tuple[int, ...]:
        found = [spelling[fold(name)] for name in parts(row)]
        return tuple((2 if name == found[0] else 1) if name in found else 0 for name in classes)

    notes = [*_same_numbers(classes, table.path)]
    if task == "single-label":
        notes += _several(spelling, column, table.path)
    return Labels(classes, task, states, (*warnings, *notes))


def _same_numbers(classes: Iterable[str], sheet: Path) -> Iterator[str]:
    """A word on labels such as 1 and 1.0."""
    by_value: dict[float, list[str]] = defaultdict(list)
    for name in classes:
        if math.isfinite(value := _number(name)):
            by_value[value].append(name)
    for same in by_value.values():
        if len(same) > 1:
            yield (
                f"The labels {' and '.join(same)} of {sheet.name} are the same number but were "
                f"taken for {len(same)} classes; write them alike."
            )


def _several(spelling: dict[str, str], column: str, sheet: Path) -> Iterator[str]:
    """A word on a column for one label whose cells seem to name several."""
    for key, name in spelling.items():
        parts = split_labels(key)
        alone = any(part in spelling for part in parts)
        if len(parts) > 1 and (alone or ";" in key or "|" in key):
            yield (
                f"Column {column} of {sheet.name} holds “{name}”, which was taken for one label; "
                "call the column “labels” if these are several."
            )
            return


def _mark(cell: str) -> float:
    """What a cell says of a class: yes, no, or a number; NaN for anything else."""
    word = _word(cell)
    if word in _TICKS | _CROSSES:
        return float(word in _TICKS)
    return _number(cell)


def _word(cell: str) -> str:
    """A cell without capitals, and without what makes some programs draw ✔ as a picture."""
    return fold(cell).removesuffix("\ufe0f")


def _number(cell: str) -> float:
    """The number in a cell, with a decimal point or comma; NaN where there is none."""
    try:
        return float(cell.replace(",", "."))
    except ValueError:
        return math.nan
