"""Dealing groups so that every part resembles the whole: by class, or by label combination.

Groups are rows of ``counts`` (groups, 1 + labels): how many photos a group has, and how many of
these bear each label. ``dealt`` (parts, 1 + labels) is what the parts have of them from before.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]
Numbers = NDArray[np.int64]


def by_class(counts: Floats, shares: Floats, rng: np.random.Generator, *, dealt: Floats) -> Numbers:
    """The part of every group of single-label photos, by shares of every class.

    A class of at least as many groups as there are parts is in every part. A smaller one is in
    the largest part, to be learnt at all, and with what else it has in the parts that lag
    furthest behind their shares of the whole. What rounding owes a part in one class it gets in
    the next. So the shares hold over all unless most classes are so small that every part takes
    its one group of them: classes of three groups are a third in each of three parts.
    """
    part = np.zeros(len(counts), np.int64)
    classes = counts[:, 1:].argmax(1)
    owed = shares * dealt[:, 0].sum() - dealt[:, 0]
    used, largest = np.flatnonzero(shares), np.argmax(shares)
    for key in np.unique(classes):
        groups = rng.permutation(np.flatnonzero(classes == key))
        wanted = shares * len(groups) + owed
        first = used[np.argsort(-wanted[used], kind="stable")]
        first = np.concatenate(([largest], first[first != largest]))
        have = np.zeros(len(shares), int)
        have[first[: len(groups)]] = 1
        for _ in range(len(groups) - int(have.sum())):
            have[np.argmax(np.where(shares > 0, wanted - have, -np.inf))] += 1
        owed = wanted - have
        part[groups] = np.repeat(np.arange(len(shares)), have)
    return part


def by_labels(
    counts: Floats, shares: Floats, rng: np.random.Generator, *, dealt: Floats
) -> Numbers:
    """The part of every group by shares of every label, by iterative stratification."""
    used = np.flatnonzero(shares)
    wanted = np.outer(shares, counts.sum(0) + dealt.sum(0)) - dealt
    return used[_iterative(counts, wanted[used], dealt[used], shares[used], rng)]


def folds(counts: Floats, *, folds: int, rng: np.random.Generator) -> Numbers:
    """The fold of every group by iterative stratification."""
    wanted = np.tile(counts.sum(0) / folds, (folds, 1))
    return _iterative(counts, wanted, np.zeros_like(wanted), np.ones(folds), rng)


def _iterative(
    counts: Floats, wanted: Floats, dealt: Floats, shares: Floats, rng: np.random.Generator
) -> Numbers:
    """The part of every group by Sechidis et al. 2011, algorithm 1; ``wanted`` (parts, 1 + labels)
    is what the parts still lack.

    The label with the fewest groups left is dealt first, its largest groups before the others,
    each to the part that lacks most of it; ties go to the part with most room. Beyond the paper,
    a part without the label goes before those with it, of these the largest part while it has
    room: by the shares alone, a rare label would go to the largest part only.
    """
    part = np.full(len(counts), -1)
    wanted, has = wanted.copy(), dealt > 0
    largest = shares == shares.max()
    order = rng.permutation(len(counts))
    bearers = np.count_nonzero(counts[:, 1:], axis=0)
    while (left := order[part[order] < 0]).size:
        column = 0  # the photos, once no group with a label is left
        if bearers.any():
            column = 1 + int(np.argmin(np.where(bearers > 0, bearers, np.inf)))
            left = left[counts[left, column] > 0]
        for group in left[np.argsort(-counts[left, column], kind="stable")]:
            room, need = wanted[:, 0], wanted[:, column]
            without = ~has[:, column] & (column > 0)
            first = np.where(without, largest & (room > 0), need)
            chosen = int(np.lexsort((rng.random(len(shares)), room, first, without))[-1])
            part[group] = chosen
            wanted[chosen] -= counts[group]
            has[chosen] |= counts[group] > 0
        bearers -= np.count_nonzero(counts[left, 1:], axis=0)
    return part
