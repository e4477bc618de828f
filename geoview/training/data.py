"""Labelled photos from folders and sheets: classes, states, areas, layers, groups."""

from __future__ import annotations

import hashlib
import unicodedata
from collections import Counter, defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Literal

from geoview.errors import DataError

Task = Literal["multi-label", "single-label"]

IMAGE_SUFFIXES = {
    ".jpg", ".jpeg", ".png", ".webp", ".bmp", ".tif", ".tiff", ".heic", ".heif", ".avif",
}  # fmt: skip


@dataclass(frozen=True, slots=True)
class Item:
    """One labelled photo, or one labelled tile of a photo.

    ``tile`` is (row, col, rows, cols). ``labels`` are 0/1, ``states`` 0/1/2 (P0), ``area`` the
    shares of the classes of all pixels (they may add up to less than 1), all parallel to the
    classes. ``group`` never goes on both sides of a split.
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


@dataclass(frozen=True, slots=True)
class Dataset:
    """Labelled photos of one set of classes; ``warnings`` are what was put right on reading."""

    items: tuple[Item, ...]
    classes: tuple[str, ...]
    layers: tuple[str, ...]
    task: Task
    sources: tuple[str, ...]
    warnings: tuple[str, ...] = ()


def load(data: Path | Sequence[Path], *, fewest: int = 2) -> Dataset:
    """Labelled data from folders, CSV or Excel sheets; several are joined (same classes in all).

    A folder is searched for sheets with a ``file`` column (tile sheets win over photo sheets);
    a folder without any is read as one folder per class. These are at least ``fewest`` classes:
    a training needs two, to measure a model one is enough. Raises DataError.
    """
    sources = [data] if isinstance(data, Path) else list(data)
    return _join([part for source in sources for part in _load_one(source, fewest)])


def photo_key(path: Path) -> str:
    """Name and content of a photo in one short word, to recognise it whatever its folder."""
    digest = hashlib.blake2b(path.read_bytes(), digest_size=6).hexdigest()
    return f"{path.name}#{digest}"


def fold(name: str) -> str:
    """What two spellings of one label have in common: neither capitals nor blanks matter."""
    return " ".join(unicodedata.normalize("NFC", name).casefold().split())


def one_spelling(names: Iterable[str], *, where: str) -> tuple[dict[str, str], tuple[str, ...]]:
    """The commonest spelling of every label by its folded name, and what was taken together."""
    counts: dict[str, Counter[str]] = defaultdict(Counter)
    for name in names:
        counts[fold(name)][name] += 1
    chosen = {key: found.most_common(1)[0][0].strip() for key, found in counts.items()}
    warnings = tuple(
        f"{where} spells {chosen[key]} in {len(found)} ways "
        f"({', '.join(f'“{name}” {n}×' for name, n in found.most_common())}); taken as one class."
        for key, found in counts.items()
        if len(found) > 1
    )
    return chosen, warnings


def _load_one(source: Path, fewest: int) -> list[Dataset]:
    # Here because both need the records above.
    from geoview.training import folders, sheets

    if source.is_file():
        return [sheets.from_sheet(source)]
    if not source.is_dir():
        raise DataError(f"There is no folder or sheet {source}; check the path.")
    found = [sheets.from_table(table) for table in sheets.find(source)]
    return found or [folders.from_class_folders(source, fewest=fewest)]


def _join(parts: Sequence[Dataset]) -> Dataset:
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
    layers = tuple(sorted({name for part in parts for name in part.layers}))
    return Dataset(
        tuple(item for part in parts for item in _like(part, first.classes, layers)),
        first.classes,
        layers,
        first.task,
        tuple(source for part in parts for source in part.sources),
        tuple(warning for part in parts for warning in part.warnings),
    )


def _like(part: Dataset, classes: tuple[str, ...], layers: tuple[str, ...]) -> Iterable[Item]:
    """The items of a part with the joint order of the classes and numbers of the layers."""
    places = {fold(name): i for i, name in enumerate(part.classes)}
    order = [places[fold(name)] for name in classes]
    if order == list(range(len(classes))) and part.layers == layers:
        return part.items
    return (
        replace(
            item,
            labels=tuple(item.labels[i] for i in order),
            states=tuple(item.states[i] for i in order),
            area=None if item.area is None else tuple(item.area[i] for i in order),
            layer=None if item.layer is None else layers.index(part.layers[item.layer]),
        )
        for item in part.items
    )
