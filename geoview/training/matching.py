"""Which classes of labelled data are which classes of a model (P2, section 4.3)."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from geoview.taxonomy import canonical, variety_of
from geoview.training.data import fold

Array = NDArray[np.float64]
Columns = tuple[int, ...]

_MOST_NAMED = 12


@dataclass(frozen=True, slots=True)
class Match:
    """The classes that data and model share; the numbers count the classes of each side.

    ``pairs`` are the classes of the data and those of the model that mean the same, ``left_out``
    the data's that the model does not know, ``outside`` the model's that are not in the data.
    """

    given: tuple[str, ...]
    known: tuple[str, ...]
    pairs: tuple[tuple[Columns, Columns], ...]
    left_out: Columns
    outside: Columns

    @property
    def names(self) -> tuple[str, ...]:
        """The data's name of every shared class; the model's where several of the data merge."""
        return tuple(
            self.given[ours[0]] if len(ours) == 1 else self.known[theirs[0]]
            for ours, theirs in self.pairs
        )

    def labels(self, values: Sequence[float]) -> Array:
        """0/1 of the data's classes → of the shared ones: there if any that was merged is."""
        return np.array([max(values[i] for i in ours) for ours, _ in self.pairs])

    def areas(self, values: Sequence[float]) -> Array:
        """Shares of the data's classes → of the shared ones."""
        return np.array([sum(values[i] for i in ours) for ours, _ in self.pairs])

    def answers(self, values: Sequence[float], *, exclusive: bool, restrict: bool) -> Array:
        """Of the model's classes → of the shared ones, then, unless restricted, of the others.

        ``exclusive`` values (softmax, areas) are added where classes merge, and brought to the
        same total again when the others are taken away; of independent ones the largest counts.
        """
        row = np.asarray(values, dtype=np.float64)
        merge = np.sum if exclusive else np.max
        shared = np.array([merge(row[list(theirs)]) for _, theirs in self.pairs])
        if not restrict:
            return np.concatenate([shared, row[list(self.outside)]])
        if exclusive and shared.sum() > 0:
            return np.asarray(shared * (row.sum() / shared.sum()))
        return shared

    def report(self) -> dict[str, Any]:
        """What was taken for what, for the figures."""
        mapping = {
            self.given[i]: [self.known[k] for k in theirs] for ours, theirs in self.pairs
            for i in ours
        }  # fmt: skip
        return {
            "class_mapping": mapping,
            "model_classes_not_in_data": [self.known[k] for k in self.outside],
        }


def match(known: Sequence[str], given: Sequence[str]) -> Match:
    """Match the data's classes (``given``) with a model's (``known``) by name and synonym.

    First the same thing under any of its names. Then a variety with what it is a variety of:
    anthracite with coal, and coal with all varieties of coal that have no match of their own.
    Two varieties never match each other, and nothing matches a group of rocks.
    """
    same = _places(canonical(name) for name in known)
    found = {i: same[canonical(name)] for i, name in enumerate(given) if canonical(name) in same}
    taken = {k for theirs in found.values() for k in theirs}
    finer = _places(None if k in taken else variety_of(name) for k, name in enumerate(known))
    for i, name in enumerate(given):
        if i not in found:
            theirs = same.get(variety_of(name)) or finer.get(canonical(name))
            found |= {i: theirs} if theirs else {}
    merged: dict[Columns, list[int]] = defaultdict(list)
    for i in sorted(found):
        merged[found[i]].append(i)
    used = {k for theirs in merged for k in theirs}
    return Match(
        given=tuple(given),
        known=tuple(known),
        pairs=tuple((tuple(ours), theirs) for theirs, ours in merged.items()),
        left_out=tuple(i for i in range(len(given)) if i not in found),
        outside=tuple(k for k in range(len(known)) if k not in used),
    )


def same(names: Sequence[str], known: Sequence[str]) -> tuple[int | None, ...]:
    """Where each name is among the ``known``, by spelling or else as a synonym; None: nowhere."""
    spelled = {fold(name): place for place, name in enumerate(known)}
    found = [spelled.get(fold(name)) for name in names]
    others = _places(None if k in found else canonical(name) for k, name in enumerate(known))
    synonyms = [others.get(canonical(name), ()) for name in names]
    return tuple(
        next(iter(alike), None) if place is None else place
        for place, alike in zip(found, synonyms, strict=True)
    )


def named(names: Sequence[str]) -> str:
    """Names for a sentence, the first dozen of many."""
    more = len(names) - _MOST_NAMED
    return ", ".join(names[:_MOST_NAMED]) + (f" and {more} more" if more > 0 else "")


def _places(names: Iterable[str | None]) -> dict[str | None, Columns]:
    places: dict[str | None, list[int]] = defaultdict(list)
    for place, name in enumerate(names):
        places[name].append(place)
    return {name: tuple(found) for name, found in places.items() if name is not None}
