"""Gradients of a CPU batch on one thread per core: each computes its share of the photos.

torch spreads every single operation over the cores and waits for the slowest after each of them
(see ``models.lanes``). Here every lane runs its own photos forward and backward through a copy
of the network that shares the weights, and the gradients are added in a fixed order. What the
photos add to the loss does not depend on the others, so the sum is the gradient of them all.

Dropout and stochastic depth draw from a generator of their lane that starts anew at every step:
threads cannot disturb one another's draws, and a resumed training draws the same.
"""

from __future__ import annotations

import copy
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn

from geoview.models import import_timm
from geoview.models.lanes import Lanes
from geoview.training.batches import Batch

# Fewer photos a lane leave its matrices too small to be worth a thread.
LEAST = 4

# What some photos add to the loss, by a network, and the layer logits if there are any.
Loss = Callable[[nn.Module, Batch], tuple[Tensor, Tensor | None]]


@dataclass(frozen=True, slots=True)
class _Lane:
    module: nn.Module
    noise: torch.Generator


class Halves:
    """Lanes for one network; ``lanes_for`` says whether it can have them."""

    def __init__(self, module: nn.Module, *, count: int, seed: int) -> None:
        self._module, self._seed = module, seed
        self._learning = [p for p in module.parameters() if p.requires_grad]
        self._lanes = [_copied(module) for _ in range(count)]
        self._pool = Lanes(count, threads=max(1, torch.get_num_threads() // count))

    def gradients(
        self, batch: Batch, loss: Loss, *, step: Sequence[int]
    ) -> tuple[float, list[Tensor]] | None:
        """Add the gradient of the loss of a batch to the network's own.

        Gives the loss, and the layer logits in order; ``step`` are numbers that tell this draw
        from all others of the training. None, and nothing added, when something
        in the network drew from torch's common generator, which several threads cannot share and
        give the same numbers twice; the generator is left as it was.
        """
        parts = self._parts(batch)
        lanes = self._lanes[: len(parts)]
        self._prepare(lanes, step)
        before = torch.get_rng_state()

        def run(number: int) -> tuple[float, Tensor | None]:
            value, layers = loss(lanes[number].module, parts[number])
            torch.autograd.backward(value)
            return float(value.detach()), layers

        found = self._pool.map(run, range(len(parts)))
        if not torch.equal(before, torch.get_rng_state()):
            torch.set_rng_state(before)
            return None
        self._add([lane.module for lane in lanes])
        return sum(value for value, _ in found), [x for _, x in found if x is not None]

    def map(self, function: Callable[[Batch], Tensor], batch: Batch) -> list[Tensor]:
        """What a function of photos that nothing else depends on gives for each lane's share."""
        return self._pool.map(function, self._parts(batch))

    def _parts(self, batch: Batch) -> list[Batch]:
        return list(batch.parts(-(-len(batch) // len(self._lanes))))

    def close(self) -> None:
        self._pool.close()

    def _prepare(self, lanes: Sequence[_Lane], step: Sequence[int]) -> None:
        buffers = dict(self._module.named_buffers())
        for number, lane in enumerate(lanes):
            _share(lane.module, buffers)
            lane.module.zero_grad()
            seed = np.random.SeedSequence([self._seed, *step, number])
            lane.noise.manual_seed(int(seed.generate_state(1, np.uint64)[0] >> np.uint64(1)))

    @torch.no_grad()
    def _add(self, modules: Sequence[nn.Module]) -> None:
        learning = [[p for p in m.parameters() if p.requires_grad] for m in modules]
        for parameter, *copies in zip(self._learning, *learning, strict=True):
            for grad in (c.grad for c in copies):
                if grad is not None and parameter.grad is None:
                    parameter.grad = grad
                elif grad is not None and parameter.grad is not None:
                    parameter.grad.add_(grad)


def lanes_for(module: nn.Module, *, size: int, seed: int) -> Halves | None:
    """Lanes for batches of ``size`` photos, or None where the batch must stay whole.

    BatchNorm that learns sees its whole batch; few photos or one core leave nothing to divide.
    """
    count = min(torch.get_num_threads(), size // LEAST)
    if count < 2 or any(_is_of_the_batch(layer) for layer in module.modules()):
        return None
    return Halves(module, count=count, seed=seed)


def _is_of_the_batch(layer: nn.Module) -> bool:
    kinds = (nn.modules.batchnorm._BatchNorm,)
    return isinstance(layer, kinds) and (layer.training or not layer.track_running_stats)


def _copied(module: nn.Module) -> _Lane:
    """A copy that shares the weights, with gradients and draws of its own."""
    noise = torch.Generator()
    own = copy.deepcopy(module)
    for copied, parameter in zip(own.parameters(), module.parameters(), strict=True):
        copied.data = parameter.data
    for layer in list(own.modules()):
        for name, child in layer.named_children():
            if (quiet := _with_own_draws(child, noise)) is not None:
                setattr(layer, name, quiet)
    return _Lane(own.train(), noise)


def _share(module: nn.Module, buffers: dict[str, Tensor]) -> None:
    for name, value in buffers.items():
        path, _, last = name.rpartition(".")
        module.get_submodule(path)._buffers[last] = value


def _with_own_draws(layer: nn.Module, noise: torch.Generator) -> nn.Module | None:
    import_timm()
    from timm.layers import DropPath

    if type(layer) is nn.Dropout:
        return Drop(layer.p, noise=noise)
    if type(layer) is DropPath:
        options: Any = layer
        return Drop(options.drop_prob, noise=noise, scaled=options.scale_by_keep, whole=True)
    return None


class Drop(nn.Module):
    """Dropout, or with ``whole`` stochastic depth (a photo's branch stays or goes as a whole).

    ``p`` is the chance to go; what stays is divided by 1 − p unless not ``scaled``.
    """

    def __init__(
        self, p: float, *, noise: torch.Generator, scaled: bool = True, whole: bool = False
    ) -> None:
        super().__init__()
        self.p, self._noise, self._scaled, self._whole = p, noise, scaled, whole

    def forward(self, x: Tensor) -> Tensor:
        if not self.training or self.p <= 0:
            return x
        shape = (len(x), *(1,) * (x.ndim - 1)) if self._whole else x.shape
        stays = torch.empty(shape, dtype=x.dtype).bernoulli_(1 - self.p, generator=self._noise)
        return x * (stays.div_(1 - self.p) if self._scaled and self.p < 1 else stays)
