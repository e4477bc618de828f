"""Splits that leak nothing: whole groups (trays, depth samples, specimens) on one side."""

from __future__ import annotations

import re
import zlib
from collections import defaultdict
from collections.abc import Callable, Hashable, Iterator, Mapping, Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from geoview.errors import DataError
from geoview.records import Progress
from geoview.training import duplicates, stratify
from geoview.training.data import Item, counted, fold
from geoview.training.recipe import SplitPart

Split = dict[str, tuple[int, ...]]
PARTS = ("train", "val", "test")


def split(
    items: Sequence[Item],
    part: SplitPart,
    *,
    seed: int,
    progress: Callable[[Progress], None] = lambda _: None,
    seen: Mapping[Path, str] | None = None,
) -> Split:
    """Indices of the items of train, val and test, whole groups on one side (``grouped``).

    ``seen`` are photos that the model to start from was trained ("train") or tuned ("val") on:
    nothing of their groups is tested on, and nothing it was trained on validated on. Where the
    data bring a split, they are then in no part (``left_out``). Raises DataError for a split of
    the user's that leaks, and where a part would be empty.
    """
    joined = grouped(items, part, progress=progress)
    parts = dealt(joined, part, seed=seed)
    found = leaks(joined, parts)
    if found:
        more = f" ({len(found) - 1} more groups leak likewise.)" if len(found) > 1 else ""
        raise DataError(found[0] + more)
    if seen:
        parts = _without_seen(joined, parts, seen)
    for problem in missing(joined, parts):
        raise DataError(problem)
    return parts


def _without_seen(items: Sequence[Item], parts: Split, seen: Mapping[Path, str]) -> Split:
    """The groups with a photo trained on go to train, those with one tuned on at best to val.

    A split that the data bring means what it says: what must not stay in its part is left out.
    """
    own = any(item.split for item in items)
    groups: dict[str, set[str]] = {"train": set(), "val": set()}
    for item in items:
        if item.path in seen:
            groups[seen[item.path]].add(item.group)
    result: dict[str, list[int]] = {name: [] for name in PARTS}
    for name, indices in parts.items():
        for index in indices:
            group = items[index].group
            tuned = name == "test" and group in groups["val"]
            part = "train" if group in groups["train"] else "val" if tuned else name
            if part == name or not own:
                result[part].append(index)
    if parts["val"] and not result["val"]:
        raise DataError(
            "The model that training starts from has seen nearly all of these photos, so nothing "
            "is left to validate on; add photos it has not seen."
        )
    return {name: tuple(sorted(indices)) for name, indices in result.items()}


def left_out(items: Sequence[Item], parts: Split) -> tuple[str, ...]:
    """A sentence for each part of the user's own split that has lost photos seen before."""
    used = {index for indices in parts.values() for index in indices}
    lost = {
        name: len({items[i].path for i in indices if i not in used})
        for name, indices in _by_column(items).items()
    }
    return tuple(
        f"{counted(count, 'photo')} of your {name} part {'was' if count == 1 else 'were'} left "
        "out: the model that training starts from has learnt from them or others of their group."
        for name, count in lost.items()
        if count
    )


def grouped(
    items: Sequence[Item],
    part: SplitPart,
    *,
    progress: Callable[[Progress], None] = lambda _: None,
    hashes: Mapping[Path, int] | None = None,
) -> tuple[Item, ...]:
    """The items with the groups joined that must not be parted.

    These are tiles of one photo, photos of one depth of a well, photos whose names give the same
    specimen (``part.specimen``), identical files and near-duplicates (``part.near_duplicates``).
    ``hashes`` are pHashes known already; if they are empty, no photo is looked at. A joined
    group bears the first of its names. Raises DataError.
    """
    specimen = _expression(part.specimen)
    near = _near_duplicates(items, part.near_duplicates, hashes=hashes, progress=progress)
    root = list(range(len(items)))
    first: dict[Hashable, int] = {}
    for index, item in enumerate(items):
        for key in _keys(item, specimen, near):
            root[_root(root, index)] = _root(root, first.setdefault(key, index))
    roots = [_root(root, index) for index in range(len(items))]
    names: dict[int, str] = {}
    for index, item in zip(roots, items, strict=True):
        names[index] = min(names.get(index, item.group), item.group)
    return tuple(
        item if item.group == names[index] else replace(item, group=names[index])
        for index, item in zip(roots, items, strict=True)
    )


def dealt(items: Sequence[Item], part: SplitPart, *, seed: int) -> Split:
    """Indices of the items of each part, by the groups as they are and without any check.

    A ``split`` column in the data wins, and excludes folds and wells that the recipe names.
    Otherwise groups are dealt so that each fold or part resembles the whole: by class, or by
    iterative stratification where photos have several labels; for parts, each well by itself
    (``_pools``). Raises DataError.
    """
    if any(item.split for item in items):
        _check_own(part)
        return _by_column(items)
    members: dict[str, list[int]] = defaultdict(list)
    for index, item in enumerate(items):
        members[item.group].append(index)
    deal = _by_folds if part.folds else _by_shares
    result: dict[str, list[int]] = {name: [] for name in PARTS}
    for group, name in deal(items, members, part, seed):
        result[name] += members[group]
    return {name: tuple(sorted(result[name])) for name in PARTS}


def missing(
    items: Sequence[Item], parts: Split, wanted: Sequence[str] = ("train", "val")
) -> tuple[str, ...]:
    """A sentence for every part that is wanted and empty."""
    said = "The data are too few: nothing is left for the {} split."
    if any(item.split for item in items):
        said = 'No photo is in the {0} split that the data bring; give some photos split "{0}".'
    return tuple(said.format(name) for name in wanted if not parts[name])


def leaks(items: Sequence[Item], parts: Split) -> tuple[str, ...]:
    """A sentence for every group that is in two parts."""
    seen: dict[str, tuple[str, str]] = {}
    found: dict[str, str] = {}
    for name in PARTS:
        for index in parts[name]:
            group, file = items[index].group, items[index].file
            side, other = seen.setdefault(group, (name, file))
            if side != name and group not in found:
                found[group] = (
                    f"The split leaks: {group} is in both {side} and {name} ({other} and {file}); "
                    "keep all photos of one sample on one side."
                )
    return tuple(found.values())


def _expression(text: str) -> re.Pattern[str] | None:
    try:
        return re.compile(text) if text else None
    except re.error as error:
        raise DataError(
            f"“{text}” is no regular expression for the specimen ({error}); correct the recipe."
        ) from error


def _near_duplicates(
    items: Sequence[Item],
    bits: int,
    *,
    hashes: Mapping[Path, int] | None,
    progress: Callable[[Progress], None],
) -> dict[Path, int]:
    """The number of the cluster of every photo that has a copy or near-duplicate."""
    if hashes is not None and not hashes:
        return {}
    photos = [item.path for item in items]
    if bits < 0:
        found = duplicates.copies(photos)
    else:
        if hashes is None:
            hashes = duplicates.hashes_of(photos, progress=progress)
        found = duplicates.clusters(hashes, max_bits=bits)
    return {path: number for number, cluster in enumerate(found) for path in cluster}


def _keys(
    item: Item, specimen: re.Pattern[str] | None, near: Mapping[Path, int]
) -> Iterator[tuple[Hashable, ...]]:
    """What items of one group have in common."""
    yield "group", item.group
    yield "photo", item.path
    if item.depth_m is not None:
        # Without a well's name, the sheets of two wells lie in two folders.
        yield "depth", item.well or item.path.parent, round(item.depth_m, 3)
    if item.specimen:
        yield "number", item.well, item.specimen
    match = specimen.search(item.path.stem) if specimen else None
    name = match and (match.group(1) if match.re.groups else match.group())
    if name:
        yield "specimen", name
    if item.path in near:
        yield "near", near[item.path]


def _root(root: list[int], index: int) -> int:
    while root[index] != index:
        root[index] = root[root[index]]
        index = root[index]
    return index


def _check_own(part: SplitPart) -> None:
    """Raise DataError where a recipe divides photos that the data have divided already."""
    if part.folds:
        raise DataError(
            f"The data bring their own split, so folds = {part.folds} cannot be dealt; set "
            "split.folds = 0 to keep their split, or take it out of the data."
        )
    for setting, wells in (("train_wells", part.train_wells), ("test_wells", part.test_wells)):
        if wells:
            raise DataError(
                f"The data bring their own split, so split.{setting} ({', '.join(wells)}) cannot "
                f"hold; set split.{setting} = [] to keep their split, or take it out of the data."
            )


def _by_column(items: Sequence[Item]) -> Split:
    result: dict[str, list[int]] = {name: [] for name in PARTS}
    for index, item in enumerate(items):
        name = item.split or "train"
        if name not in result:
            raise DataError(f"{item.file}: “{item.split}” is no split; use train, val or test.")
        result[name].append(index)
    return {name: tuple(indices) for name, indices in result.items()}


Members = Mapping[str, Sequence[int]]


def _by_shares(
    items: Sequence[Item], members: Members, part: SplitPart, seed: int
) -> Iterator[tuple[str, str]]:
    own = dict.fromkeys(_wells(items, part.train_wells, "train_wells"), "train")
    own |= dict.fromkeys(_wells(items, part.test_wells, "test_wells"), "test")
    wells = {group: items[indices[0]].well for group, indices in members.items()}
    yield from ((group, own[well]) for group, well in wells.items() if well in own)
    groups = sorted(group for group, well in wells.items() if well not in own)
    if not groups:
        return
    single = all(item.tile is None and sum(item.labels) == 1 for item in items)
    labels = 1 + len(items[0].labels)
    counts = _counts(groups, items, members)
    bears = counts[:, 1:labels] > 0
    if single:  # whole groups are shared out by their class, however many photos they have
        counts = counts[:, :labels] / counts[:, :1]
    deal = stratify.by_class if single else stratify.by_labels
    shares = np.array([part.train, part.val, part.test])
    shares = shares / shares.sum()
    dealt = np.zeros((3, counts.shape[1]))
    for well, rows in _pools([wells[group] for group in groups], bears, shares):
        rng = np.random.default_rng([seed, zlib.crc32(well.encode())])
        # What rounding left in the wells is made up for by the groups of no well, the last.
        before = np.zeros_like(dealt) if well else dealt
        numbers = deal(counts[rows], shares, rng, dealt=before)
        np.add.at(dealt, numbers, counts[rows])
        yield from ((groups[row], PARTS[number]) for row, number in zip(rows, numbers, strict=True))


def _wells(items: Sequence[Item], wanted: Sequence[str], setting: str) -> set[str]:
    """The wells that a recipe names, as the data spell them."""
    known = {fold(item.well): item.well for item in items if item.well}
    for name in wanted:
        if fold(name) not in known:
            raise DataError(
                f"split.{setting} names {name}, which is no well of the data (their wells: "
                f"{', '.join(sorted(known.values())) or 'none'}); correct the recipe."
            )
    return {known[fold(name)] for name in wanted}


def _pools(
    wells: Sequence[str], bears: NDArray[np.bool_], shares: stratify.Floats
) -> list[tuple[str, list[int]]]:
    """The rows of groups that are dealt together: those of a well, and last those of no well.

    Each well is dealt by itself, so that adding a well moves no photo of another. But a group
    with a class of which its well has too few for every part to get one by its share goes with
    those of no well: well by well, rounding would put all of these into train. ``bears``
    (groups, classes) are the classes of the groups.
    """
    names, number = np.unique(wells, return_inverse=True)
    bears = np.column_stack((bears, ~bears.any(1)))
    in_well = np.zeros((len(names), bears.shape[1]), int)
    np.add.at(in_well, number, bears)
    fewest = round(1 / shares[shares > 0].min())
    enough = ((in_well[number] >= fewest) | ~bears).all(1)
    pools: dict[str, list[int]] = defaultdict(list)
    for row, well in enumerate(wells):
        pools[well if enough[row] else ""].append(row)
    return sorted(pools.items(), key=lambda pool: (not pool[0], pool[0]))


def _counts(groups: Sequence[str], items: Sequence[Item], members: Members) -> stratify.Floats:
    """Of each group its items, and how many of these bear each label and lie in each layer."""
    layers = 1 + max((item.layer for item in items if item.layer is not None), default=-1)
    bears = np.array(
        [
            (1, *item.labels, *(float(item.layer == layer) for layer in range(layers)))
            for item in items
        ]
    )
    return np.array([bears[list(members[group])].sum(0) for group in groups])


def _by_folds(
    items: Sequence[Item], members: Members, part: SplitPart, seed: int
) -> Iterator[tuple[str, str]]:
    """Fold ``part.fold`` is the test part and the next one val; without a test share, val."""
    wells = _wells(items, part.train_wells, "train_wells")
    own = {group for group, indices in members.items() if items[indices[0]].well in wells}
    groups = sorted(members.keys() - own)
    _check_folds(part, groups=len(groups))
    counts, rng = _counts(groups, items, members), np.random.default_rng(seed)
    numbers = zip(groups, stratify.folds(counts, folds=part.folds, rng=rng), strict=True)
    names = {part.fold: "val"}
    if part.test > 0:
        names = {part.fold: "test", (part.fold + 1) % part.folds: "val"}
    yield from ((group, "train") for group in sorted(own))
    yield from ((group, names.get(int(number), "train")) for group, number in numbers)


def _check_folds(part: SplitPart, *, groups: int) -> None:
    fewest = 3 if part.test > 0 else 2
    if part.folds < fewest:
        hint = ", or set test = 0" if fewest == 3 else ""
        raise DataError(f"folds = {part.folds} is too few; take at least {fewest}{hint}.")
    if part.fold >= part.folds:
        raise DataError(f"fold = {part.fold} is not there; count from 0 to {part.folds - 1}.")
    if part.test_wells:
        raise DataError("test_wells and folds exclude each other; take one of them.")
    if groups < part.folds:
        raise DataError(f"There are only {groups} groups for {part.folds} folds; take fewer.")
