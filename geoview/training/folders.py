"""Labelled photos from one folder per class, perhaps below folders train, val and test."""

from __future__ import annotations

import os
from collections.abc import Sequence
from pathlib import Path

from geoview.errors import DataError
from geoview.photos import names
from geoview.photos.formats import IMAGE_SUFFIXES
from geoview.training.data import SPLITS, Dataset, Item, as_text, counted, fold, one_spelling


def from_class_folders(root: Path, where: str, *, fewest: int = 2) -> Dataset:
    """One folder per class; a class is a folder's name, whatever its capitals and blanks.

    ``where`` is what ``root`` is called, unlike any other source.

    Where folders of ``root`` are called train, val or test, the classes lie below these and they
    are the split; other folders beside them are left out. So are folders without photos and
    photos outside the class folders, all of which the warnings name, folders that may not be
    opened, and links to folders that are taken anyway. Raises DataError where there are no
    classes, or fewer than ``fewest``.
    """
    top = _folders(root)
    own = _apart(top, root)
    parts = {folder: SPLITS[key] for folder in own if (key := fold(folder.name)) in SPLITS}
    layered = _is_split(parts, top)
    if not layered:
        parts = {root: ""}
    below = [folder for part in parts for folder in _folders(part)]
    own = _apart(below, root)
    locked: list[Path] = []
    found = [(folder, parts[folder.parent], _images(folder, locked)) for folder in own]
    spelling, warnings = one_spelling(
        [as_text(folder.name) for folder, _, photos in found for _ in photos], where=where
    )
    empty = sorted(
        as_text(folder.relative_to(root).as_posix())
        for folder, _, photos in found
        if not photos
        and not any(shut.is_relative_to(folder) for shut in locked)
        and (not layered or fold(as_text(folder.name)) not in spelling)
    )
    shut_out = sorted(as_text(folder.relative_to(root).as_posix()) for folder in locked)
    links = [as_text(f.relative_to(root).as_posix()) for f in below if f not in own]
    classes = tuple(sorted(set(spelling.values())))
    if not classes or len(classes) < fewest:
        raise _too_few(root, classes, empty, shut_out)
    if shut_out:
        warnings += (
            f"Left out of {where}, because they may not be opened: {', '.join(shut_out)}; ask "
            "their owner for read access.",
        )
    if links:
        warnings += (
            f"Left out of {where}, because they are links to folders that are taken anyway: "
            f"{', '.join(links)}.",
        )
    if empty:
        warnings += (f"Without photos and left out in {where}: {', '.join(empty)}.",)
    if others := [as_text(f.name) for f in top if layered and f not in parts]:
        names_of_parts = " and ".join(as_text(part.name) for part in parts)
        warnings += (f"Left out in {where} beside {names_of_parts}: {', '.join(others)}.",)
    if loose := sum(_is_photo(path) for part in {root, *parts} for path in part.iterdir()):
        warnings += (
            f"Left out of {where}, because outside the folders of the classes: "
            f"{counted(loose, 'photo')}; move each into the folder of its class.",
        )
    items = tuple(
        _item(path, root, where, classes, spelling[fold(as_text(folder.name))], split)
        for folder, split, photos in found
        for path in photos
    )
    return Dataset(items, classes, (), "single-label", (where,), warnings)


def without_sheet(root: Path, sheets: Sequence[Path]) -> tuple[str, ...]:
    """A word on photos below ``root`` that none of the sheets can name, where it has none itself.

    A table that happens to lie in the folder of one class must not hide all other classes.
    """
    homes = [sheet.parent for sheet in sheets]
    if root in homes:
        return ()
    own = _apart(_folders(root), root)
    outside = [f for f in own if not any(home.is_relative_to(f) for home in homes)]
    counts = {as_text(folder.name): len(_images(folder, [])) for folder in outside}
    counts["the folder itself"] = sum(map(_is_photo, root.iterdir()))
    where = ", ".join(f"{count} in {name}" for name, count in counts.items() if count)
    if not where:
        return ()
    named = " and ".join(as_text(sheet.relative_to(root).as_posix()) for sheet in sheets)
    return (
        f"Photos of {as_text(root.name)} without a sheet were left out ({where}), because of the "
        f"sheet {named}; if the folders are the classes, take it out.",
    )


def _is_split(parts: dict[Path, str], top: Sequence[Path]) -> bool:
    """Whether the folders called train, val and test hold the classes. A class may be called
    “test” too, but then no folder “train” with classes lies beside it."""
    train = [folder for folder, split in parts.items() if split == "train"]
    classes = any(_images(below, []) for folder in train for below in _folders(folder))
    return bool(train) and (classes or len(parts) == len(top))


def _too_few(
    root: Path, classes: Sequence[str], empty: Sequence[str], shut_out: Sequence[str]
) -> DataError:
    without = f", and {', '.join(empty)} is empty" if empty and classes else ""
    what_to_do = "put photos of at least two classes into one folder each"
    if shut_out:
        without += f", and {', '.join(shut_out)} may not be opened"
        what_to_do = "ask the owner for read access"
    if not classes:
        without += f"; {what_to_do}" if shut_out else ""
        return DataError(
            f"{root} holds neither a sheet of labels nor a folder of photos for each "
            f"class{without}."
        )
    return DataError(
        f"Of the folders of {root} only {classes[0]} holds photos{without}; {what_to_do}."
    )


def _item(
    path: Path, root: Path, where: str, classes: tuple[str, ...], name: str, split: str
) -> Item:
    file = as_text(path.relative_to(root).as_posix())
    said = names.parse_name(file)
    own = file
    if said.depth_m is not None and not said.well:
        # One depth sample, whichever classes its photos were sorted into.
        own = f"{said.depth_m:g} m"
    return Item(
        path=path,
        file=file,
        labels=tuple(float(name == c) for c in classes),
        states=tuple(2 if name == c else 0 for c in classes),
        group=f"{where}/{own}",
        well=said.well or "",
        depth_m=said.depth_m,
        split=split,
    )


def _folders(root: Path) -> list[Path]:
    try:
        return sorted(p for p in root.iterdir() if p.is_dir() and not p.name.startswith("."))
    except PermissionError as error:
        raise DataError(f"No permission to open {root}: ask its owner for read access.") from error


def _apart(folders: Sequence[Path], root: Path) -> list[Path]:
    """The folders without links that would take the photos of others a second time."""
    apart = {folder: folder.resolve() for folder in folders if not folder.is_symlink()}
    for link in (folder for folder in folders if folder.is_symlink()):
        there = link.resolve()
        if not root.resolve().is_relative_to(there) and not any(
            there.is_relative_to(other) or other.is_relative_to(there) for other in apart.values()
        ):
            apart[link] = there
    return [folder for folder in folders if folder in apart]


def _images(folder: Path, locked: list[Path]) -> list[Path]:
    """Photos below ``folder`` in steady order, without hidden ones and those of hidden folders;
    folders that may not be opened join ``locked``."""
    found: list[Path] = []
    for place, folders, files in os.walk(folder, onerror=lambda e: locked.append(Path(e.filename))):
        folders[:] = [name for name in folders if not name.startswith(".")]
        found += (path for name in files if _is_photo(path := Path(place, name)))
    return sorted(found)


def _is_photo(path: Path) -> bool:
    is_image = path.suffix.lower() in IMAGE_SUFFIXES and not path.name.startswith(".")
    try:
        return is_image and path.is_file()
    except PermissionError:  # whoever opens it says so
        return True
