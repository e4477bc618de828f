"""Tensors whose rows belong to classes or layers, taken over by name from another model.

An architecture tells in ``axes`` which of its tensors these are and what their first axes count.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Literal

import torch
from torch import Tensor

Kind = Literal["class", "layer"]
Axes = Mapping[str, tuple[Kind, ...]]


@dataclass(frozen=True, slots=True)
class Places:
    """Where each of a module's classes, or layers, is among the ``count`` of a file; None: new."""

    found: tuple[int | None, ...]
    count: int


def rearranged(
    value: Tensor, target: Tensor, *, axes: Sequence[Kind], places: Mapping[Kind, Places]
) -> Tensor | None:
    """``target`` with the rows of ``value`` that both have, each in its own place.

    None where they share no class (layer), or differ in more than these. Rows that follow those
    of the classes, such as the area of everything else, stay behind them.
    """
    inner = len(axes)
    if value.dim() != target.dim() or value.shape[inner:] != target.shape[inner:]:
        return None
    ours, picked = [], value
    for axis, kind in enumerate(axes):
        here, there = _pairs(places[kind], own=target.shape[axis], given=value.shape[axis])
        if not here:
            return None
        ours.append(torch.tensor(here))
        picked = picked.index_select(axis, torch.tensor(there))
    filled = target.clone()
    filled[torch.meshgrid(*ours, indexing="ij")] = picked.to(filled.dtype)
    return filled


def _pairs(places: Places, *, own: int, given: int) -> tuple[list[int], list[int]]:
    """Rows of the module and those of the file that go there; none where they do not fit."""
    classes = len(places.found)
    shared = [(i, k) for i, k in enumerate(places.found) if k is not None]
    if not shared or own < classes or own - classes != given - places.count:
        return [], []
    rest = [(classes + n, places.count + n) for n in range(own - classes)]
    pairs = shared + rest
    return [i for i, _ in pairs], [k for _, k in pairs]
