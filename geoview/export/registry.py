"""The formats results can be written in; a new one is one file and a decorator."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

from geoview.records import ModelRef, PhotoResult, TilePrediction

TilesOf = Callable[[str], tuple[TilePrediction, ...]]


@dataclass(frozen=True, slots=True)
class Table:
    """What is written: outcomes of one model, and the names its columns are made of.

    ``tiles`` gives the tiles of a file where the results were loaded without them.
    """

    results: tuple[PhotoResult, ...]
    model: ModelRef
    classes: tuple[str, ...]
    layers: tuple[str, ...]
    tiles: TilesOf | None = None


class Write(Protocol):
    """Write a table to ``path`` in one step; OSError when that cannot be done."""

    def __call__(self, path: Path, table: Table) -> None: ...


@dataclass(frozen=True, slots=True)
class Exporter:
    name: str
    title: str
    suffix: str
    write: Write


EXPORTERS: dict[str, Exporter] = {}


def exporter(name: str, *, title: str, suffix: str) -> Callable[[Write], Write]:
    """Register a function as the writer of the format ``name``."""

    def register(write: Write) -> Write:
        EXPORTERS[name] = Exporter(name, title, suffix, write)
        return write

    return register


def table_of(
    results: Iterable[PhotoResult],
    *,
    model: ModelRef,
    classes: Iterable[str] = (),
    layers: Iterable[str] = (),
    tiles: TilesOf | None = None,
) -> Table:
    """A table whose columns also cover classes and layers that only the results name."""
    rows = tuple(results)
    all_classes, all_layers = dict.fromkeys(classes), dict.fromkeys(layers)
    for row in rows:
        if row.prediction is not None:
            all_classes.update(dict.fromkeys(row.prediction.classes))
            if row.prediction.layer is not None:
                all_layers.update(dict.fromkeys(row.prediction.layer.names))
    return Table(rows, model, tuple(all_classes), tuple(all_layers), tiles)
