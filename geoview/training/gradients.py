"""Gradients of one batch: in parts, on one thread per core, in less memory when it runs out."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import Any

import torch
from torch import Tensor, nn

from geoview.errors import DataError
from geoview.models.output import ModelOutput
from geoview.models.runner import is_out_of_memory
from geoview.training import halves
from geoview.training.batches import Batch, Normalise
from geoview.training.objective import Objective, Whole
from geoview.training.recipe import TrainPart

# Steps after which several processes know that their memory suffices: before the second one the
# optimiser has taken what it keeps for every weight.
_REHEARSED = 2


class Gradients:
    """Adds the gradients of batches of ``size`` photos to a module that Fabric has set up.

    ``micro`` is how many photos are computed at once, halved when memory runs out. ``lanes``
    compute a part on one thread per core, where the module and the device allow.
    """

    def __init__(
        self, fabric: Any, module: nn.Module, model: Any, *, objective: Objective,
        normalise: Normalise, part: TrainPart, size: int, layers: bool, emit: Any,
    ) -> None:  # fmt: skip
        self._fabric, self._module, self._model = fabric, module, model
        self._objective, self._normalise = objective, normalise
        self._clusters = layers and objective.clusters
        self._emit, self._size = emit, part.batch
        self.micro = part.micro_batch or part.batch
        self._to_rehearse = 0 if fabric.world_size == 1 else _REHEARSED
        self.lanes: halves.Halves | None = None
        plain = fabric.device.type == "cpu" and fabric.world_size == 1
        if plain and part.precision != "fp16":  # whose gradients are scaled by Fabric
            module.train()
            self.lanes = halves.lanes_for(module, size=min(self.micro, size), seed=part.seed)

    def of(self, batch: Batch, *, step: Sequence[int]) -> tuple[float, list[Tensor]]:
        """The gradient of the batch's mean loss; that loss, and the parts' layer logits.

        When memory runs out, again in smaller parts; the same draws are made again. ``step`` tells
        this batch from all others of the training. Raises DataError where there is not enough
        memory for one photo.
        """
        if self._to_rehearse:
            self._rehearse(batch)
        before = torch.get_rng_state()
        while True:
            try:
                return self._in_parts(batch, step)
            except (RuntimeError, MemoryError) as error:
                # Other processes already wait for this one's gradients.
                if not is_out_of_memory(error) or self._fabric.world_size > 1:
                    raise
            self._take_less(len(batch))
            torch.set_rng_state(before)

    def within_memory(self, answer: Callable[[Batch], Tensor], batch: Batch) -> list[Tensor]:
        """What a function gives for a batch, in parts that the memory takes."""
        while True:
            try:
                return [answer(part) for part in batch.parts(self.micro)]
            except (RuntimeError, MemoryError) as error:
                if not is_out_of_memory(error):
                    raise
            self._take_less(len(batch))

    def _rehearse(self, batch: Batch) -> None:
        """Find out how many photos fit before the processes wait for one another; each for itself,
        leaving no trace."""
        kept = {name: buffer.clone() for name, buffer in self._module.named_buffers()}
        learning = [p for p in self._module.parameters() if p.requires_grad]
        device = self._fabric.device
        with torch.random.fork_rng([device] if device.type == "cuda" else []):
            while True:
                try:
                    part = next(batch.parts(self.micro))
                    with self._fabric.autocast():
                        loss, _ = self._loss(self._module, part, Whole.of(part))
                    # Not added to the weights' own, at which Fabric would begin to exchange them.
                    torch.autograd.grad(loss, learning, allow_unused=True)
                    break
                except (RuntimeError, MemoryError) as error:
                    if not is_out_of_memory(error):
                        raise
                self._take_less(len(batch))
        with torch.no_grad():
            for name, buffer in self._module.named_buffers():
                buffer.copy_(kept[name])
        self._to_rehearse -= 1

    def _in_parts(self, batch: Batch, step: Sequence[int]) -> tuple[float, list[Tensor]]:
        self._module.zero_grad()
        total, layer_logits = 0.0, []
        parts = list(batch.parts(self.micro))
        whole = Whole.of(batch)
        if self._clusters and len(parts) > 1:
            whole = replace(whole, layer_shares=self._layer_shares(parts))
        for number, part in enumerate(parts, start=1):
            found = self._in_lanes(part, whole, (*step, number))
            if found is None:
                with self._fabric.no_backward_sync(self._model, enabled=number < len(parts)):
                    loss, layers = self._loss(self._model, part, whole)
                    self._fabric.backward(loss)
                found = float(loss.detach()), [] if layers is None else [layers]
            total += found[0]
            layer_logits += found[1]
        return total, layer_logits

    @torch.no_grad()
    def _layer_shares(self, parts: Sequence[Batch]) -> Tensor:
        """What the whole batch has of each clustered layer, as the network answers."""
        self._module.eval()
        with self._fabric.autocast():
            found = [self._module(self._normalise(part.pixels)).layer_logits for part in parts]
        self._module.train()
        return torch.cat(found).float().softmax(-1).mean(0)

    def _loss(self, model: Any, part: Batch, whole: Whole) -> tuple[Tensor, Tensor | None]:
        """What some items add to the loss of the batch, and their layer logits if there are any."""
        output: ModelOutput = model(self._normalise(part.pixels))
        layers = output.layer_logits
        return self._objective(output, part, whole), None if layers is None else layers.detach()

    def _in_lanes(
        self, part: Batch, whole: Whole, step: Sequence[int]
    ) -> tuple[float, list[Tensor]] | None:
        """The same on one thread per core; None where the items must be computed together."""
        if self.lanes is None or self._clusters:
            return None

        def loss(module: nn.Module, some: Batch) -> tuple[Tensor, Tensor | None]:
            with self._fabric.autocast():
                return self._loss(module, some, whole)

        found = self.lanes.gradients(part, loss, step=step)
        if found is None:
            self.leave_lanes()
        return found

    def _take_less(self, size: int) -> None:
        """Halve the part of a batch that is computed at once; the step stays the same size."""
        self._module.zero_grad()
        if self._fabric.device.type == "cuda":
            torch.cuda.empty_cache()
        now = min(self.micro, size)
        if now == 1:
            raise DataError(
                "There is not enough memory to train on even one photo at a time; choose a "
                "smaller backbone or a smaller input size, or close other programs."
            )
        self.micro = (now + 1) // 2
        self._emit("memory", micro_batch=self.micro, batch=self._size)

    def leave_lanes(self) -> None:
        """Compute all that comes in one thread."""
        self.close()
        self.lanes = None

    def close(self) -> None:
        """End the threads of the lanes; the next use starts new ones."""
        if self.lanes is not None:
            self.lanes.close()
