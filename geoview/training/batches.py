"""Batches of augmented or plain items, the same for the same seed, epoch and step."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, fields
from typing import TypeVar

import numpy as np
import torch
from torch import Tensor

from geoview.errors import PhotoError
from geoview.models.card import ModelCard
from geoview.training.augment import augment
from geoview.training.data import Item
from geoview.training.images import ImageCache, Pixels, prefetched
from geoview.training.recipe import AugmentPart

WORKERS = 2

Broken = Callable[[Item, str], None]
T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class Batch:
    """B items: ``pixels`` uint8 [B, S, S, 3]; ``labels`` [B, n] 0/1; ``states`` [B, n] 0/1/2;
    ``area`` [B, n] shares or NaN; ``layers`` [B], -1 unknown; ``places`` [B] among all items."""

    pixels: Tensor
    labels: Tensor
    states: Tensor
    area: Tensor
    layers: Tensor
    places: Tensor

    def __len__(self) -> int:
        return len(self.labels)

    def to(self, device: torch.device) -> Batch:
        return Batch(*(getattr(self, f.name).to(device, non_blocking=True) for f in fields(self)))

    def parts(self, size: int) -> Iterator[Batch]:
        """The batch cut into parts of at most ``size`` items."""
        for start in range(0, len(self), size):
            chosen = slice(start, start + size)
            yield Batch(*(getattr(self, f.name)[chosen] for f in fields(self)))


@dataclass(frozen=True, slots=True)
class Share:
    """Which part of every batch this process takes: ``rank`` of ``world``."""

    rank: int = 0
    world: int = 1

    def of(self, batch: Sequence[T]) -> Sequence[T]:
        return batch[self.rank :: self.world]


class Normalise:
    """uint8 [B, S, S, 3] → float [B, 3, S, S] with the card's mean and std."""

    def __init__(self, card: ModelCard, device: torch.device) -> None:
        self.mean = torch.tensor(card.preprocess.mean, device=device).view(1, 3, 1, 1) * 255
        self.std = torch.tensor(card.preprocess.std, device=device).view(1, 3, 1, 1) * 255

    def __call__(self, pixels: Tensor) -> Tensor:
        return (pixels.permute(0, 3, 1, 2).float() - self.mean) / self.std


def epoch_order(count: int, *, seed: int, epoch: int) -> list[int]:
    return [int(i) for i in np.random.default_rng([seed, epoch]).permutation(count)]


def training_batches(
    items: Sequence[Item],
    cache: ImageCache,
    options: AugmentPart,
    *,
    size: int,
    seed: int,
    epoch: int,
    first: int = 0,
    share: Share = Share(),
    broken: Broken | None = None,
) -> Iterator[Batch | None]:
    """The batches of one epoch from step ``first`` on; a short last batch is left out.

    A photo that cannot be read is left out of its batch and told to ``broken``; a batch of which
    nothing is left is None, so that the steps stay counted.
    """
    order = epoch_order(len(items), seed=seed, epoch=epoch)
    side = cache.preprocess.input_px

    def make(index: int) -> Pixels:
        rng = np.random.default_rng([seed, epoch, index])
        return augment(cache.item(items[index]), options, side_px=side, rng=rng)

    steps = steps_per_epoch(len(items), size)
    size = min(size, len(items))
    chunks = [share.of(order[step * size : (step + 1) * size]) for step in range(first, steps)]
    yield from _collated(items, chunks, make, broken)


def plain_batches(
    items: Sequence[Item],
    cache: ImageCache,
    *,
    size: int,
    share: Share = Share(),
    broken: Broken | None = None,
) -> Iterator[Batch]:
    """All items in order, as prediction sees them, without those that cannot be read."""

    def make(index: int) -> Pixels:
        return cache.plain(items[index])

    mine = share.of(range(len(items)))
    chunks = [mine[start : start + size] for start in range(0, len(mine), size)]
    yield from (b for b in _collated(items, chunks, make, broken) if b is not None)


def steps_per_epoch(count: int, size: int) -> int:
    return max(1, count // size)


def _collated(
    items: Sequence[Item],
    chunks: Sequence[Sequence[int]],
    make: Callable[[int], Pixels],
    broken: Broken | None,
) -> Iterator[Batch | None]:
    def attempt(index: int) -> Pixels | str:
        try:
            return make(index)
        except (PhotoError, OSError) as error:
            if broken is None:
                raise
            return str(error)

    todo = [index for chunk in chunks for index in chunk]
    ahead = 3 * max((len(chunk) for chunk in chunks), default=1)
    made = prefetched(attempt, todo, workers=WORKERS, ahead=ahead)
    for chunk in chunks:
        images: list[Pixels] = []
        good: list[int] = []
        for index, result in zip(chunk, made, strict=False):
            if isinstance(result, str):
                assert broken is not None
                broken(items[index], result)
            else:
                images.append(result)
                good.append(index)
        yield _batch([items[i] for i in good], images, good) if good else None


def _batch(items: Sequence[Item], images: list[Pixels], places: Sequence[int]) -> Batch:
    unknown = (float("nan"),) * len(items[0].labels)
    return Batch(
        pixels=torch.from_numpy(np.stack(images)),
        labels=torch.tensor([i.labels for i in items]),
        states=torch.tensor([i.states for i in items]),
        area=torch.tensor([i.area or unknown for i in items]),
        layers=torch.tensor([-1 if i.layer is None else i.layer for i in items]),
        places=torch.tensor(places),
    )
