"""Labelled photos from folders and sheets: classes, states, areas, layers, groups."""

from __future__ import annotations

import functools
import hashlib
import os
import unicodedata
from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path, PurePath
from typing import TYPE_CHECKING, Literal

from geoview.errors import DataError, PhotoError
from geoview.photos import reading

if TYPE_CHECKING:
    from geoview.training.sheets import Found

Task = Literal["multi-label", "single-label"]

SPLITS = {
    **dict.fromkeys(("train", "training"), "train"),
    **dict.fromkeys(("val", "valid", "validation", "validate", "dev", "eval"), "val"),
    **dict.fromkeys(("test", "testing"), "test"),
}
"""What the parts of a split are called in columns and folders."""

_MOST_SHEETS_TOLD = 10


@dataclass(frozen=True, slots=True)
class Item:
    """One labelled photo, or one labelled tile of a photo.

    ``file`` is its path below its source, with the source's name where others have that too.
    ``tile`` is (row, col, rows, cols). ``labels`` are 0/1, ``states`` 0/1/2 (P0), ``area`` the
    shares of the classes of all pixels (they may add up to less than 1), all parallel to the
    classes. Neither ``group`` nor ``specimen`` (of one well) ever goes on both sides of a split.
    """

    path: Path
    file: str
    labels: tuple[float, ...]
    states: tuple[int, ...]
    group: str
    tile: tuple[int, int, int, int] | None = None
    area: tuple[float, ...] | None = None
    layer: int | None = None
    well: str = ""
    depth_m: float | None = None
    split: str = ""
    specimen: str = ""


@dataclass(frozen=True, slots=True)
class Dataset:
    """Labelled photos of one set of classes; ``warnings`` are what was put right on reading,
    ``missing`` the photos that sheets name and that are not there, ``groups`` those of the items'
    groups that sheets give."""

    items: tuple[Item, ...]
    classes: tuple[str, ...]
    layers: tuple[str, ...]
    task: Task
    sources: tuple[str, ...]
    warnings: tuple[str, ...] = ()
    missing: tuple[str, ...] = ()
    groups: frozenset[str] = frozenset()


def load(data: Path | Sequence[Path], *, fewest: int = 2) -> Dataset:
    """Labelled data from folders, CSV or Excel sheets; several are joined (same classes in all).

    A folder is searched for sheets with a ``file`` column (tile sheets win over photo sheets);
    a folder without any is read as one folder per class. Where a photo has one label, these are of
    at least ``fewest`` classes: a training needs two, to measure a model one is enough. Raises
    DataError.
    """
    sources = [data] if isinstance(data, Path) else list(data)
    found = [(source, _sheets(source)) for source in sources]
    called = _names([root for source, sheets in found for root in _roots(source, sheets)])
    parts = [part for source, sheets in found for part in _load_one(source, sheets, called, fewest)]
    return _join(_told_apart(parts), fewest)


def photo_key(path: Path) -> str:
    """Name and content of a photo in one short word, to recognise it whatever its folder.

    A photo that cannot be read has a key that no other photo has, so that it counts as unseen,
    and whoever decodes it says why.
    """
    try:
        info = os.stat(reading.system_path(path))
        digest = _digest(path, info.st_size, info.st_mtime_ns)
    except (OSError, PhotoError):
        where = os.fsencode(os.path.abspath(path))
        digest = f"unread-{hashlib.blake2b(where, digest_size=6).hexdigest()}"
    return f"{as_text(path.name)}#{digest}"


@functools.cache
def _digest(path: Path, size_bytes: int, mtime_ns: int) -> str:
    """The content of a photo in short, read once: a training asks several times for the same."""
    return hashlib.blake2b(reading.read_bytes(path), digest_size=6).hexdigest()


def as_text(name: str) -> str:
    """A file's name as it can be written anywhere: bytes that are no UTF-8 as ``\\xfc``."""
    return os.fsencode(name).decode("utf-8", "backslashreplace")


def counted(count: int, what: str) -> str:
    """``1 photo``, ``2 photos``."""
    return f"{count} {what}{'' if count == 1 else 's'}"


def fold(name: str) -> str:
    """What two spellings of one label have in common: neither capitals nor blanks matter."""
    return " ".join(unicodedata.normalize("NFC", name).casefold().split())


def one_spelling(
    names: Iterable[str], *, where: str, what: str = "class"
) -> tuple[dict[str, str], tuple[str, ...]]:
    """The commonest spelling of every label by its folded name, and what was taken together."""
    counts: dict[str, Counter[str]] = defaultdict(Counter)
    for name in names:
        counts[fold(name)][name] += 1
    chosen = {key: found.most_common(1)[0][0].strip() for key, found in counts.items()}
    warnings = tuple(
        f"{where} spells {chosen[key]} in {len(found)} ways "
        f"({', '.join(f'“{name}” {n}×' for name, n in found.most_common())}); taken as one {what}."
        for key, found in counts.items()
        if len(found) > 1
    )
    return chosen, warnings


def _sheets(source: Path) -> Found:
    """The sheet that a source is, or those below it."""
    # Here because it needs the records above.
    from geoview.training import sheets, tables

    if source.is_file():
        return sheets.Found([tables.read(source)])
    if not source.is_dir():
        raise DataError(f"There is no folder or sheet {source}; check the path.")
    return sheets.find(source)


def _roots(source: Path, found: Found) -> list[Path]:
    """The folders that the files of the parts of a source may be named from."""
    own = [table.path.parent for table in found.tables or found.perhaps]
    return own if found.tables else [*own, source]


def _names(roots: Iterable[Path]) -> dict[Path, str]:
    """The name of each folder, with as many folders above it as tell all of them apart.

    All names are as long, so that name and file together are one photo's alone: of a shorter
    name and a longer file another photo's could be made up.
    """
    whole = {root: Path(os.path.abspath(root)) for root in roots}
    depth = 1
    while True:
        names = {root: PurePath(*path.parts[-depth:]) for root, path in whole.items()}
        if len(set(names.values())) == len(set(whole.values())):
            return {root: as_text(name.as_posix()) for root, name in names.items()}
        depth += 1


def _load_one(
    source: Path, found: Found, called: Mapping[Path, str], fewest: int
) -> list[tuple[str, Dataset]]:
    """The parts of a source, each with the name of its folder."""
    # Here because both need the records above.
    from geoview.training import folders, sheets

    wrong: Sequence[str] = found.unreadable + found.unfit
    classes: Dataset | str = ""
    if not (found.tables and found.are_sure):
        classes = _class_folders(source, called.get(source, ""), fewest, wrong)
    chosen, beaten = found.tables or found.perhaps, list[str]()
    if found.tables or (chosen and isinstance(classes, str)):
        homes = [called[table.path.parent] for table in chosen]
        parts = [sheets.from_table(table, home) for table, home in zip(chosen, homes, strict=True)]
        if isinstance(classes, Dataset):
            beaten.append(
                f"The folders of {as_text(source.name)} were not taken for classes, because "
                f"{chosen[0].path.name} has columns of 0 and 1 ({', '.join(parts[0].classes)}); if "
                "the folders are the classes, take the sheet out."
            )
    elif isinstance(classes, str):
        raise DataError(classes)
    elif found.meant:
        raise DataError(f"{found.meant[0]} If the folders are the classes, take the sheet out.")
    else:
        homes, parts = [called[source]], [classes]
        beaten = [
            f"{table.path.name} was passed over, because the folders name the classes; give it by "
            "name to use it."
            for table in chosen
        ]
        chosen = []
    paths = [table.path for table in chosen]
    beside = folders.without_sheet(source, paths) if paths and source.is_dir() else ()
    told = (*parts[0].warnings, *found.unreadable, *_passed_over(found.unfit), *beaten, *beside)
    parts[0] = replace(parts[0], warnings=told)
    return list(zip(homes, parts, strict=True))


def _told_apart(parts: Sequence[tuple[str, Dataset]]) -> list[Dataset]:
    """The parts with the names of their folders before files that other folders have too."""
    folders: dict[str, set[str]] = defaultdict(set)
    for name, part in parts:
        for file in (*(item.file for item in part.items), *part.missing):
            folders[file].add(name)

    def full(name: str, file: str) -> str:
        return f"{name}/{file}" if len(folders[file]) > 1 else file

    return [
        replace(
            part,
            items=tuple(replace(item, file=full(name, item.file)) for item in part.items),
            missing=tuple(full(name, file) for file in part.missing),
        )
        for name, part in parts
    ]


def _class_folders(
    source: Path, name: str, fewest: int, wrong_sheets: Sequence[str]
) -> Dataset | str:
    """One folder per class, or why there are none and what is wrong with the first sheet there."""
    from geoview.training import folders

    if not source.is_dir():
        return ""
    try:
        return folders.from_class_folders(source, name, fewest=fewest)
    except DataError as error:
        return " ".join((str(error), *wrong_sheets[:1]))


def _passed_over(reasons: Sequence[str]) -> Iterator[str]:
    """A word on the sheets that hold no labels."""
    yield from (f"Passed over: {reason}" for reason in reasons[:_MOST_SHEETS_TOLD])
    if more := len(reasons[_MOST_SHEETS_TOLD:]):
        yield f"Passed over, because without labels too: {counted(more, 'more sheet')}."


def _join(parts: Sequence[Dataset], fewest: int) -> Dataset:
    if not parts:
        raise DataError("No data are given; name a folder or a sheet of labelled photos.")
    first = parts[0]
    for part in parts[1:]:
        same = {fold(c) for c in part.classes} == {fold(c) for c in first.classes}
        if not same or part.task != first.task:
            raise DataError(
                f"{part.sources[0]} has other classes ({', '.join(part.classes)}) than "
                f"{first.sources[0]} ({', '.join(first.classes)}); use sheets with the same ones."
            )
    if first.task == "single-label" and len(first.classes) < fewest:
        raise DataError(
            f"All photos of {first.sources[0]} are {first.classes[0]}; a training needs photos of "
            "at least two classes to tell apart."
        )
    sources = tuple(source for part in parts for source in part.sources)
    where = sources[0] if len(sources) == 1 else "The data"
    found = [(part, item) for part in parts for item in part.items]
    layers, told_layers = one_spelling(
        (part.layers[item.layer] for part, item in found if item.layer is not None),
        where=where,
        what="layer",
    )
    wells, told_wells = one_spelling(
        (item.well for _, item in found if item.well), where=where, what="well"
    )
    specimens, told_specimens = one_spelling(
        (item.specimen for _, item in found if item.specimen), where=where, what="specimen"
    )
    groups, told_groups = one_spelling(
        (item.group for part, item in found if item.group in part.groups),
        where=where,
        what="group",
    )
    names = tuple(sorted(layers.values()))
    items = tuple(
        replace(
            item,
            well=wells.get(fold(item.well), ""),
            specimen=specimens.get(fold(item.specimen), ""),
            group=groups[fold(item.group)] if item.group in part.groups else item.group,
        )
        for part in parts
        for item in _like(part, first.classes, names)
    )
    return Dataset(
        items,
        first.classes,
        names,
        first.task,
        sources,
        (
            *(warning for part in parts for warning in part.warnings),
            *(*told_layers, *told_wells, *told_specimens, *told_groups),
            *_without_split(items),
        ),
        tuple(file for part in parts for file in part.missing),
        frozenset(groups.values()),
    )


def _like(part: Dataset, classes: tuple[str, ...], layers: tuple[str, ...]) -> Iterable[Item]:
    """The items of a part with the joint order of the classes and numbers of the layers."""
    places = {fold(name): i for i, name in enumerate(part.classes)}
    order = [places[fold(name)] for name in classes]
    if order == list(range(len(classes))) and part.layers == layers:
        return part.items
    numbers = {fold(name): i for i, name in enumerate(layers)}
    return (
        replace(
            item,
            labels=tuple(item.labels[i] for i in order),
            states=tuple(item.states[i] for i in order),
            area=None if item.area is None else tuple(item.area[i] for i in order),
            layer=None if item.layer is None else numbers[fold(part.layers[item.layer])],
        )
        for item in part.items
    )


def _without_split(items: Sequence[Item]) -> Iterator[str]:
    """A word on the photos that a split of the user's says nothing of."""
    photos = len({item.path for item in items if not item.split})
    if photos and any(item.split for item in items):
        yield (
            f"The split says nothing of {counted(photos, 'photo')}, taken for training; write "
            "train, val or test for each."
        )
