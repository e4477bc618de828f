"""Losses by name. A new one is one file here with ``@loss("name")``.

A loss is made once from the number of training items of every class [n] and its options, and
then gives one fp32 value per item: logits [B, n] and labels [B, n] (0/1) → [B]. The mean is taken
over the whole batch by the caller, so that a batch may be cut into parts without changing it.
"""

from __future__ import annotations

import importlib
import inspect
import pkgutil
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from torch import Tensor

from geoview.errors import DataError

Loss = Callable[[Tensor, Tensor], Tensor]
Maker = Callable[..., Loss]


@dataclass(frozen=True, slots=True)
class _Entry:
    make: Maker
    single_label: bool


_LOSSES: dict[str, _Entry] = {}


def loss(name: str, *, single_label: bool = False) -> Callable[[Maker], Maker]:
    """Register a function ``make(counts, **options) -> Loss``.

    ``single_label`` losses are for classes of which exactly one is true.
    """

    def register(make: Maker) -> Maker:
        _LOSSES[name] = _Entry(make, single_label)
        return make

    return register


def names() -> list[str]:
    for module in pkgutil.iter_modules(__path__, f"{__name__}."):
        importlib.import_module(module.name)
    return sorted(_LOSSES)


def build(name: str, *, counts: Tensor, single_label: bool, options: dict[str, Any]) -> Loss:
    """The loss of that name; the usual one of the task when the name is empty.

    Raises DataError for an unknown name or option, or a loss of the other task.
    """
    known = names()
    name = name or ("cross-entropy" if single_label else "bce")
    if name not in _LOSSES:
        raise DataError(f"There is no loss “{name}”; choose one of: {', '.join(known)}.")
    entry = _LOSSES[name]
    if entry.single_label != single_label:
        fitting = ", ".join(n for n in known if _LOSSES[n].single_label == single_label)
        task = "one label per photo" if single_label else "several labels per photo"
        raise DataError(f"The loss “{name}” does not fit data with {task}; use one of: {fitting}.")
    allowed = set(inspect.signature(entry.make).parameters) - {"counts"}
    unknown = sorted(set(options) - allowed)
    if unknown:
        offered = ", ".join(sorted(allowed)) or "none"
        raise DataError(f"The loss “{name}” has no option “{unknown[0]}”; it has: {offered}.")
    return entry.make(counts, **options)
