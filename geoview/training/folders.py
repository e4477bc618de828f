"""Labelled photos from one folder per class, perhaps below folders train, val and test."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

from geoview.errors import DataError
from geoview.training.data import IMAGE_SUFFIXES, Dataset, Item, fold, one_spelling

_SPLITS = frozenset(("train", "val", "valid", "validation", "dev", "test"))


def from_class_folders(root: Path, *, fewest: int = 2) -> Dataset:
    """One folder per class; a class is a folder's name, whatever its capitals and blanks.

    Where all folders of ``root`` are called train, val or test, the classes lie below these and
    they are the split. Folders without photos are left out and named in the warnings. Raises
    DataError where there are no classes, or fewer than ``fewest``.
    """
    top = _folders(root)
    names = {folder.name.lower() for folder in top}
    layered = "train" in names and names <= _SPLITS
    parts = [(part.name.lower(), _folders(part)) for part in top] if layered else [("", top)]
    found = [
        (folder, split, list(_images(folder))) for split, folders in parts for folder in folders
    ]
    spelling, warnings = one_spelling(
        [folder.name for folder, _, photos in found for _ in photos], where=root.name
    )
    classes = tuple(sorted(set(spelling.values())))
    if not classes:
        raise DataError(
            f"{root} holds neither a sheet of labels nor a folder of photos for each class."
        )
    if len(classes) < fewest:
        raise DataError(
            f"{root} holds photos of one class only ({classes[0]}), from which nothing can be "
            "told apart; add a folder for each other class."
        )
    empty = sorted(
        folder.relative_to(root).as_posix()
        for folder, _, photos in found
        if not photos and (not layered or fold(folder.name) not in spelling)
    )
    if empty:
        warnings += (f"Without photos and left out in {root.name}: {', '.join(empty)}.",)
    items = tuple(
        _item(path, root, classes, spelling[fold(folder.name)], split)
        for folder, split, photos in found
        for path in photos
    )
    return Dataset(items, classes, (), "single-label", (root.name,), warnings)


def _item(path: Path, root: Path, classes: tuple[str, ...], name: str, split: str) -> Item:
    file = path.relative_to(root).as_posix()
    return Item(
        path=path,
        file=file,
        labels=tuple(float(name == c) for c in classes),
        states=tuple(2 if name == c else 0 for c in classes),
        group=f"{root.name}/{file}",
        split=split,
    )


def _folders(root: Path) -> list[Path]:
    return sorted(p for p in root.iterdir() if p.is_dir() and not p.name.startswith("."))


def _images(folder: Path) -> Iterator[Path]:
    """Photos below ``folder`` in steady order, without hidden ones and those of hidden folders."""
    for path in sorted(folder.rglob("*")):
        hidden = any(part.startswith(".") for part in path.relative_to(folder).parts)
        if not hidden and path.suffix.lower() in IMAGE_SUFFIXES and path.is_file():
            yield path
