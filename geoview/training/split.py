"""Splits that leak nothing: whole groups (trays, depth samples, specimens) on one side."""

from __future__ import annotations

import re
import zlib
from collections import Counter, defaultdict
from collections.abc import Callable, Hashable, Iterator, Mapping, Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np

from geoview.errors import DataError
from geoview.records import Progress
from geoview.training import duplicates, stratify
from geoview.training.data import Item
from geoview.training.recipe import SplitPart

Split = dict[str, tuple[int, ...]]
PARTS = ("train", "val", "test")
_ALIASES = {"": "train", "validation": "val", "valid": "val", "dev": "val"}


def split(
    items: Sequence[Item],
    part: SplitPart,
    *,
    seed: int,
    progress: Callable[[Progress], None] = lambda _: None,
) -> Split:
    """Indices of the items of train, val and test, whole groups on one side (``grouped``).

    Raises DataError for a split of the user's that leaks, and where a part would be empty.
    """
    joined = grouped(items, part, progress=progress)
    parts = dealt(joined, part, seed=seed)
    found = leaks(joined, parts)
    if found:
        more = f" ({len(found) - 1} more groups leak likewise.)" if len(found) > 1 else ""
        raise DataError(found[0] + more)
    for name in ("train", "val"):
        if not parts[name]:
            raise DataError(f"The data are too few: nothing is left for the {name} split.")
    return parts


def grouped(
    items: Sequence[Item],
    part: SplitPart,
    *,
    progress: Callable[[Progress], None] = lambda _: None,
    hashes: Mapping[Path, int] | None = None,
) -> tuple[Item, ...]:
    """The items with the groups joined that must not be parted.

    These are tiles of one photo, photos of one depth of a well, photos whose names give the same
    specimen (``part.specimen``), and near-duplicates (``part.near_duplicates``; ``hashes`` are
    pHashes known already). A joined group bears the first of its names. Raises DataError.
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

    A ``split`` column in the data wins. With folds, groups are dealt by iterative
    stratification. Otherwise they are shuffled within strata and dealt out by the shares, each
    well by itself (``_pools``), so that each part resembles the whole. Raises DataError.
    """
    if any(item.split for item in items):
        return _by_column(items)
    members: dict[str, list[int]] = defaultdict(list)
    for index, item in enumerate(items):
        members[item.group].append(index)
    deal = _by_folds if part.folds else _by_shares
    result: dict[str, list[int]] = {name: [] for name in PARTS}
    for group, name in deal(items, members, part, seed):
        result[name] += members[group]
    return {name: tuple(sorted(result[name])) for name in PARTS}


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
    """The number of the cluster of every photo that has a near-duplicate."""
    if bits < 0 or (hashes is not None and not hashes):
        return {}
    if hashes is None:
        hashes = duplicates.hashes_of([item.path for item in items], progress=progress)
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


def _by_column(items: Sequence[Item]) -> Split:
    result: dict[str, list[int]] = {name: [] for name in PARTS}
    for index, item in enumerate(items):
        name = _ALIASES.get(item.split, item.split)
        if name not in result:
            raise DataError(f"{item.file}: “{item.split}” is no split; use train, val or test.")
        result[name].append(index)
    return {name: tuple(indices) for name, indices in result.items()}


Members = Mapping[str, Sequence[int]]


def _by_shares(
    items: Sequence[Item], members: Members, part: SplitPart, seed: int
) -> Iterator[tuple[str, str]]:
    single = all(item.tile is None and sum(item.labels) == 1 for item in items)
    shares = np.array([part.train, part.val, part.test])
    shares = shares / shares.sum()
    dealt = np.zeros(3)
    for well, groups in _pools(items, members, part, shares):
        if well in part.test_wells or well in part.train_wells:
            yield from ((g, "test" if well in part.test_wells else "train") for g in groups)
            continue
        rng = np.random.default_rng([seed, zlib.crc32(well.encode())])
        # What rounding left in the wells is made up for by the groups of no well, the last.
        owed = np.zeros(3) if well else shares * dealt.sum() - dealt
        strata: dict[tuple[int | None, int], list[str]] = defaultdict(list)
        for group in groups:
            first = items[members[group][0]]
            layer = None if single else first.layer
            strata[layer, _dominant(items, members[group])].append(group)
        if single:
            classes = {dominant: groups for (_, dominant), groups in strata.items()}
            dealer = stratify.by_class(classes, shares, rng, owed=owed)
        else:
            dealer = _by_strata(strata, shares, rng, owed=owed)
        for group, number in dealer:
            dealt[number] += 1
            yield group, PARTS[number]


def _pools(
    items: Sequence[Item], members: Members, part: SplitPart, shares: stratify.Floats
) -> list[tuple[str, list[str]]]:
    """The groups that are dealt together: those of a well, and last those of no well.

    Each well is dealt by itself, so that adding a well moves no photo of another. But a group
    with a class of which its well has too few for every part to get one by its share goes with
    those of no well: well by well, rounding would put all of these into train.
    """
    wells = {group: items[indices[0]].well for group, indices in members.items()}
    named = {*part.test_wells, *part.train_wells}
    bears = {
        group: {c for i in indices for c, own in enumerate(items[i].labels) if own} or {-1}
        for group, indices in members.items()
    }
    counts = Counter((wells[group], c) for group, classes in bears.items() for c in classes)
    fewest = round(1 / shares[shares > 0].min())
    pools: dict[str, list[str]] = defaultdict(list)
    for group, well in wells.items():
        enough = all(counts[well, c] >= fewest for c in bears[group])
        pools[well if enough or well in named else ""].append(group)
    return sorted(pools.items(), key=lambda pool: (not pool[0], pool[0]))


def _by_strata(
    strata: Mapping[tuple[int | None, int], Sequence[str]],
    shares: stratify.Floats,
    rng: np.random.Generator,
    *,
    owed: stratify.Floats,
) -> Iterator[tuple[str, int]]:
    """Groups with the number of their part, shuffled within strata of layer and dominant class."""
    for key in sorted(strata, key=repr):
        for group in rng.permutation(sorted(strata[key])):
            # Deal to the part that lags furthest behind its share: exact overall, and within
            # a stratum as even as its size allows.
            owed += shares
            chosen = int(np.argmax(owed + rng.uniform(0, 0.5, 3) * (shares > 0)))
            owed[chosen] -= 1
            yield str(group), chosen


def _dominant(items: Sequence[Item], indices: Sequence[int]) -> int:
    return int(np.argmax(np.sum([items[i].states for i in indices], axis=0)))


def _by_folds(
    items: Sequence[Item], members: Members, part: SplitPart, seed: int
) -> Iterator[tuple[str, str]]:
    """Fold ``part.fold`` is the test part and the next one val; without a test share, val."""
    own = {g for g, indices in members.items() if items[indices[0]].well in part.train_wells}
    groups = sorted(members.keys() - own)
    _check_folds(part, groups=len(groups))
    fold = _folds_of(groups, items, members, part, seed)
    names = {part.fold: "val"}
    if part.test > 0:
        names = {part.fold: "test", (part.fold + 1) % part.folds: "val"}
    yield from ((group, "train") for group in sorted(own))
    yield from ((group, names.get(number, "train")) for group, number in fold)


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


def _folds_of(
    groups: Sequence[str], items: Sequence[Item], members: Members, part: SplitPart, seed: int
) -> Iterator[tuple[str, int]]:
    """Groups with their fold, stratified by labels and layers."""
    layers = 1 + max((item.layer for item in items if item.layer is not None), default=-1)
    bears = np.array(
        [(*item.labels, *(float(item.layer == layer) for layer in range(layers))) for item in items]
    )
    counts = np.array([bears[list(members[group])].sum(0) for group in groups])
    sizes = np.array([float(len(members[group])) for group in groups])
    rng = np.random.default_rng(seed)
    numbers = stratify.folds(counts, sizes, folds=part.folds, rng=rng)
    return zip(groups, numbers.tolist(), strict=True)
