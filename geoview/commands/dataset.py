"""``geoview dataset``: what labelled photos hold and what is wrong with them."""

from __future__ import annotations

import json
from collections.abc import Iterable, Sequence
from dataclasses import asdict, replace
from pathlib import Path
from typing import TYPE_CHECKING

from geoview import files
from geoview.commands import common, console
from geoview.errors import DataError

if TYPE_CHECKING:
    from geoview.training.data import Dataset
    from geoview.training.recipe import SplitPart
    from geoview.training.report import ClassCount, DatasetReport

_MOST_LINES = 20


def dataset(data: list[Path], *, recipe: str | None, json_file: Path | None, fast: bool) -> int:
    """Print the report on labelled photos; ``fast`` looks at the labels only, not at the photos.

    The split is that of the recipe, or that of the defaults.
    """
    from geoview.training import data as labelled
    from geoview.training.recipe import SplitPart, find, read

    common.check_target(json_file)
    plan = read(find(recipe)) if recipe else None
    part = plan.split if plan else SplitPart()
    seed = plan.train.seed if plan else 0
    found = _reported(labelled.load(data), part, seed=seed, fast=fast)
    if json_file is not None:
        _write_json(json_file, found)
    print_report(found)
    if json_file is not None:
        console.say(f"Wrote {json_file}")
    return console.SOME_FAILED if found.unreadable or found.leaks else console.DONE


def _reported(loaded: Dataset, part: SplitPart, *, seed: int, fast: bool) -> DatasetReport:
    from geoview.training import report as reports
    from geoview.training.duplicates import NEAR_BITS
    from geoview.training.split import dealt, grouped

    bits = part.near_duplicates if part.near_duplicates >= 0 else NEAR_BITS
    hashes = {} if fast else _hashes(loaded)
    items = grouped(loaded.items, part, hashes=hashes)
    loaded = replace(loaded, items=items)
    try:
        parts = dealt(items, part, seed=seed)
    except DataError as error:
        # The rest of the report is wanted all the same, to see why.
        loaded, parts = replace(loaded, warnings=(*loaded.warnings, str(error))), None
    with console.on_interrupt() as stop, console.Bar("Checking") as bar:
        return reports.report(
            loaded,
            parts=parts,
            hashes=hashes,
            part=part,
            progress=bar.update,
            cancelled=stop,
            check_photos=not fast,
            max_bits=bits,
        )


def _hashes(loaded: Dataset) -> dict[Path, int]:
    from geoview.training import duplicates

    photos = [item.path for item in loaded.items]
    with console.on_interrupt() as stop, console.Bar("Comparing") as bar:
        return duplicates.hashes_of(photos, progress=bar.update, cancelled=stop)


def _write_json(path: Path, found: DatasetReport) -> None:
    text = json.dumps(asdict(found), indent=1, ensure_ascii=False, allow_nan=False)
    try:
        files.write_text(path, text + "\n")
    except OSError as error:
        raise DataError(
            f"Could not write {path} ({error.strerror or error}); choose another place."
        ) from error


def print_report(found: DatasetReport) -> None:
    """Figures, classes, labels per photo, pairs, layers and wells; then all that is wrong."""
    console.table(("figure", "value"), _figures(found), right=("value",))
    _section(
        ("class", "photos", "items", "imbalance", "groups", *found.parts),
        [_class_row(one, found) for one in found.classes],
    )
    if found.task == "multi-label":
        counts = [(str(n), str(photos)) for n, photos in found.labels_per_photo]
        _section(("labels in a photo", "photos"), counts)
        _section(("together", "photos"), [(f"{a} + {b}", str(n)) for a, b, n in found.pairs])
    _section(("layer", "photos"), [(name, str(n)) for name, n in found.layers.items()])
    _section(
        ("well", "photos", "from m", "to m"),
        [
            (w.name, str(w.photos), *(console.number(d, 1) for d in (w.depth_min_m, w.depth_max_m)))
            for w in found.wells
        ],
    )
    _problems(found)


def _figures(found: DatasetReport) -> list[tuple[str, str]]:
    rows = [
        ("sources", ", ".join(found.sources)),
        ("task", found.task),
        ("photos", str(found.photos)),
        ("groups", str(found.groups)),
        ("labels per photo (cardinality)", f"{found.cardinality:.3f}"),
        ("share of all labels (density)", f"{found.density:.3f}"),
        ("largest class / smallest", _ratio(found.imbalance)),
        ("largest class / class, mean", _ratio(found.mean_imbalance)),
        *((f"photos in {name}", str(count)) for name, count in found.parts.items()),
    ]
    if found.items != found.photos:
        rows.insert(3, ("tiles" if found.tiles else "rows", str(found.items)))
    if found.checked:
        rows += [
            ("unreadable photos", str(len(found.unreadable))),
            ("clusters of near-duplicates", str(len(found.near_duplicates))),
        ]
    return [*rows, ("photos of contradicting labels", str(len(found.conflicts)))]


def _ratio(value: float | None) -> str:
    return "–" if value is None else f"{value:.1f}"


def _class_row(one: ClassCount, found: DatasetReport) -> tuple[str, ...]:
    parts = (str(one.parts[name]) for name in found.parts)
    photos, items, groups = map(str, (one.photos, one.items, one.groups))
    return (one.name, photos, items, _ratio(one.imbalance), groups, *parts)


def _section(columns: Sequence[str], rows: Sequence[Sequence[str]]) -> None:
    """A table after an empty line, where there is something to tell."""
    if rows:
        console.line(console.out(), "")
        console.table(columns, rows[:_MOST_LINES], right=columns[1:])
        _more(len(rows))


def _problems(found: DatasetReport) -> None:
    _list("Not there", found.missing)
    _list("Unreadable", (f"{file}: {reason}" for file, reason in found.unreadable.items()))
    _list("Leaks", found.leaks)
    _list(
        "Contradicting labels",
        (
            f"{' = '.join(one.files)}: {' / '.join(one.labels)} ({one.why})"
            for one in found.conflicts
        ),
    )
    _list("Near-duplicates", (" = ".join(cluster) for cluster in found.near_duplicates))
    _list("Warnings", found.warnings)


def _list(title: str, lines: Iterable[str]) -> None:
    told = list(lines)
    if not told:
        return
    console.line(console.out(), f"\n{title} ({len(told)})")
    for text in told[:_MOST_LINES]:
        console.line(console.out(), f"  {console.shown(text)}")
    _more(len(told))


def _more(count: int) -> None:
    if count > _MOST_LINES:
        rest = count - _MOST_LINES
        console.line(console.out(), f"  … and {rest} more; --json writes them all.")
