"""Dealing groups so that every part resembles the whole: by class, or by label combination."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]


def by_class(
    classes: Mapping[int, Sequence[str]], shares: Floats, rng: np.random.Generator, *, owed: Floats
) -> Iterator[tuple[str, int]]:
    """Groups of single-label photos with the number of their part, by shares of every class.

    ``classes`` are the groups of each class. A class of at least as many groups as there are
    parts is in every part. A smaller one is in the largest part, to be learnt at all, and with
    what else it has in the parts that lag furthest behind their shares of the whole. What
    rounding owes a part in one class it gets in the next, so that the shares hold over all;
    ``owed`` are the groups that the parts lack from before.
    """
    used = np.flatnonzero(shares)
    for key in sorted(classes):
        groups = rng.permutation(sorted(classes[key]))
        wanted = shares * len(groups) + owed
        first = used[np.argsort(-wanted[used], kind="stable")]
        largest = np.argmax(shares)
        first = np.concatenate(([largest], first[first != largest]))
        counts = np.zeros(len(shares), int)
        counts[first[: len(groups)]] = 1
        for _ in range(len(groups) - int(counts.sum())):
            counts[np.argmax(np.where(shares > 0, wanted - counts, -np.inf))] += 1
        owed = wanted - counts
        parts = np.repeat(np.arange(len(shares)), counts)
        yield from zip(map(str, groups), parts.tolist(), strict=True)


def folds(
    counts: Floats, sizes: Floats, *, folds: int, rng: np.random.Generator
) -> NDArray[np.int64]:
    """The fold of every group by iterative stratification (Sechidis et al. 2011, algorithm 1).

    ``counts`` (groups, labels) says how many photos of a group bear a label, ``sizes`` (groups,)
    how many it has. The label with the fewest groups left is dealt first, its largest groups
    before the others, each to the fold that lacks most of it; ties go to the fold with most room.
    """
    fold = np.full(len(counts), -1)
    lacking = np.tile(counts.sum(0) / folds, (folds, 1))
    room = np.full(folds, sizes.sum() / folds)
    order = rng.permutation(len(counts))
    bearers = np.count_nonzero(counts, axis=0)
    while (left := order[fold[order] < 0]).size:
        weight, need = sizes, room
        if bearers.any():
            label = int(np.argmin(np.where(bearers > 0, bearers, np.inf)))
            weight, need = counts[:, label], lacking[:, label]
            left = left[weight[left] > 0]
        for group in left[np.argsort(-weight[left], kind="stable")]:
            chosen = int(np.lexsort((rng.random(folds), room, need))[-1])
            fold[group] = chosen
            lacking[chosen] -= counts[group]
            room[chosen] -= sizes[group]
        bearers -= np.count_nonzero(counts[left], axis=0)
    return fold
