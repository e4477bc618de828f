"""What is known of each photo to be measured, in the classes that data and model share."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from geoview.training.data import Dataset, Item
from geoview.training.matching import Match

Array = NDArray[np.float64]
Place = tuple[int, int] | None


@dataclass(frozen=True, slots=True)
class Truth:
    """Truth of one photo: labels of its tiles by (row, col), and of the whole under None.

    The whole, and its ``area``, is unknown where tiles of its ``grid`` (rows, columns) have no
    labels. ``area`` are the shares that the shared classes have of all classes' area, None where no
    class has any; ``foreign`` names the classes of a photo that carries labels, but none that the
    model knows.
    """

    path: Path
    file: str
    group: str
    labels: dict[Place, Array]
    grid: tuple[int, int] | None
    area: Array | None
    layer: str | None
    foreign: tuple[str, ...] = ()


def truths(dataset: Dataset, match: Match) -> list[Truth]:
    """One truth a photo, whatever the number of its tiles."""
    by_photo: dict[Path, list[Item]] = defaultdict(list)
    for item in dataset.items:
        by_photo[item.path].append(item)
    return [_truth(path, items, dataset, match) for path, items in by_photo.items()]


def _truth(path: Path, items: Sequence[Item], dataset: Dataset, match: Match) -> Truth:
    there = np.max([item.labels for item in items], axis=0)
    shown = match.labels(there)
    labels: dict[Place, Array] = {
        (item.tile[:2] if item.tile else None): match.labels(item.labels) for item in items
    }
    sizes = [item.tile[2:] for item in items if item.tile is not None]
    grid = (max(rows for rows, _ in sizes), max(cols for _, cols in sizes)) if sizes else None
    whole = None in labels or (grid is not None and len(labels) == grid[0] * grid[1])
    if whole:
        labels[None] = shown
    layer = items[0].layer
    return Truth(
        path=path,
        file=items[0].file,
        group=items[0].group,
        labels=labels,
        grid=grid,
        area=_area(items, match) if whole else None,
        layer=None if layer is None else dataset.layers[layer],
        foreign=() if shown.any() else tuple(dataset.classes[i] for i in there.nonzero()[0]),
    )


def _area(items: Sequence[Item], match: Match) -> Array | None:
    areas = [item.area for item in items if item.area is not None]
    if len(areas) < len(items):
        return None
    mean = np.mean(areas, axis=0)
    return match.areas(mean / mean.sum()) if mean.sum() > 0 else None
