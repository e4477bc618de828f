"""Splits that leak nothing: whole groups (trays, depth samples, specimens) on one side."""

from __future__ import annotations

import zlib
from collections import defaultdict
from collections.abc import Iterator, Sequence

import numpy as np

from geoview.errors import DataError
from geoview.training.data import Item
from geoview.training.recipe import SplitPart

Split = dict[str, tuple[int, ...]]
PARTS = ("train", "val", "test")


def split(items: Sequence[Item], part: SplitPart, *, seed: int) -> Split:
    """Indices of the items of train, val and test.

    A ``split`` column in the data wins. Otherwise groups are shuffled within strata (well,
    layer, dominant class) and dealt out by the shares, so that each part resembles the whole.
    """
    if any(item.split for item in items):
        return _by_column(items)
    members: dict[str, list[int]] = defaultdict(list)
    for index, item in enumerate(items):
        members[item.group].append(index)
    result: dict[str, list[int]] = {name: [] for name in PARTS}
    wells: dict[str, list[str]] = defaultdict(list)
    for group, indices in members.items():
        well = items[indices[0]].well
        if well in part.test_wells or well in part.train_wells:
            result["test" if well in part.test_wells else "train"] += indices
        else:
            wells[well].append(group)
    for well in sorted(wells):
        # Each well is dealt by itself, so that adding a well moves no photo of another.
        rng = np.random.default_rng([seed, zlib.crc32(well.encode())])
        for group, name in _deal(wells[well], items, members, part, rng):
            result[name] += members[group]
    return _checked({name: tuple(sorted(result[name])) for name in PARTS})


def _deal(
    groups: Sequence[str],
    items: Sequence[Item],
    members: dict[str, list[int]],
    part: SplitPart,
    rng: np.random.Generator,
) -> Iterator[tuple[str, str]]:
    """Groups with their part, shuffled within strata of layer and dominant class."""
    strata: dict[tuple[object, int], list[str]] = defaultdict(list)
    for group in groups:
        strata[(items[members[group][0]].layer, _dominant(items, members[group]))].append(group)
    shares = np.array([part.train, part.val, part.test])
    shares = shares / shares.sum()
    owed = np.zeros(3)
    for key in sorted(strata, key=repr):
        for group in rng.permutation(sorted(strata[key])):
            # Deal to the part that lags furthest behind its share: exact overall, and within
            # a stratum as even as its size allows.
            owed += shares
            chosen = int(np.argmax(owed + rng.uniform(0, 0.5, 3) * (shares > 0)))
            owed[chosen] -= 1
            yield str(group), PARTS[chosen]


def _dominant(items: Sequence[Item], indices: Sequence[int]) -> int:
    total = np.sum([items[i].states for i in indices], axis=0)
    return int(np.argmax(total))


def _by_column(items: Sequence[Item]) -> Split:
    alias = {"validation": "val", "valid": "val", "dev": "val"}
    result: dict[str, list[int]] = {name: [] for name in PARTS}
    sides: dict[str, str] = {}
    for index, item in enumerate(items):
        name = alias.get(item.split, item.split) or "train"
        if name not in result:
            raise DataError(f"{item.file}: “{item.split}” is no split; use train, val or test.")
        if sides.setdefault(item.group, name) != name:
            raise DataError(
                f"The split leaks: {item.group} is in both {sides[item.group]} and {name}; "
                "keep all photos of one sample on one side."
            )
        result[name].append(index)
    return _checked({name: tuple(indices) for name, indices in result.items()})


def _checked(result: Split) -> Split:
    for name in ("train", "val"):
        if not result[name]:
            raise DataError(f"The data are too few: nothing is left for the {name} split.")
    return result
