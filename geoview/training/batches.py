"""Batches of augmented or plain items, the same for the same seed, epoch and step."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor

from geoview.training.augment import augment
from geoview.training.data import Item
from geoview.training.images import ImageCache, fitted, prefetched
from geoview.training.recipe import AugmentPart

WORKERS = 2


@dataclass(frozen=True, slots=True)
class Batch:
    """B items: ``pixels`` uint8 [B, S, S, 3]; ``labels`` [B, n] 0/1; ``states`` [B, n] 0/1/2;
    ``area`` [B, n] shares or NaN; ``layers`` [B], -1 unknown."""

    pixels: Tensor
    labels: Tensor
    states: Tensor
    area: Tensor
    layers: Tensor


def epoch_order(count: int, *, seed: int, epoch: int) -> list[int]:
    return [int(i) for i in np.random.default_rng([seed, epoch]).permutation(count)]


def training_batches(
    items: Sequence[Item], cache: ImageCache, options: AugmentPart, *,
    size: int, seed: int, epoch: int, first: int = 0,
) -> Iterator[Batch]:  # fmt: skip
    """The batches of one epoch from step ``first`` on; a short last batch is left out."""
    order = epoch_order(len(items), seed=seed, epoch=epoch)
    side = cache.preprocess.input_px

    def make(index: int) -> np.ndarray:
        rng = np.random.default_rng([seed, epoch, index])
        return augment(cache.item(items[index]), options, side_px=side, rng=rng)

    steps = steps_per_epoch(len(items), size)
    size = min(size, len(items))
    chosen = order[first * size : steps * size]
    yield from _collated(items, chosen, make, size)


def plain_batches(items: Sequence[Item], cache: ImageCache, *, size: int) -> Iterator[Batch]:
    """All items in order, unchanged."""
    side = cache.preprocess.input_px

    def make(index: int) -> np.ndarray:
        return fitted(cache.item(items[index]), side)

    yield from _collated(items, list(range(len(items))), make, size)


def steps_per_epoch(count: int, size: int) -> int:
    return max(1, count // size)


def _collated(items: Sequence[Item], order: list[int], make, size: int) -> Iterator[Batch]:  # type: ignore[no-untyped-def]
    images: list[np.ndarray] = []
    indices: list[int] = []
    for index, image in zip(
        order, prefetched(make, order, workers=WORKERS, ahead=3 * size), strict=True
    ):
        images.append(image)
        indices.append(index)
        if len(indices) == size:
            yield _batch([items[i] for i in indices], images)
            images, indices = [], []
    if indices:
        yield _batch([items[i] for i in indices], images)


def _batch(items: Sequence[Item], images: list[np.ndarray]) -> Batch:
    unknown = (float("nan"),) * len(items[0].labels)
    return Batch(
        pixels=torch.from_numpy(np.stack(images)),
        labels=torch.tensor([i.labels for i in items]),
        states=torch.tensor([i.states for i in items]),
        area=torch.tensor([i.area or unknown for i in items]),
        layers=torch.tensor([-1 if i.layer is None else i.layer for i in items]),
    )
