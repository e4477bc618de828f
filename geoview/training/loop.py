"""The training loop: resumable, checkpointed, the same result whether interrupted or not."""

from __future__ import annotations

import math
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from geoview.errors import Cancelled, DataError
from geoview.models.card import ModelCard
from geoview.models.output import ModelOutput
from geoview.training import checkpoint, hardware, losses, metrics, optimiser
from geoview.training.batches import (
    Batch,
    Normalise,
    Share,
    plain_batches,
    steps_per_epoch,
    training_batches,
)
from geoview.training.clock import Clock
from geoview.training.data import Item
from geoview.training.gradients import Gradients
from geoview.training.images import ImageCache
from geoview.training.objective import Objective
from geoview.training.optimiser import Average
from geoview.training.recipe import Recipe
from geoview.training.schedule import Plateau, factor

Emit = Callable[..., None]
Array = NDArray[np.float64]


class Trainer:
    """Trains one module on given items in a job folder.

    ``fit`` writes ``last.safetensors`` (full state) and ``best.safetensors`` (weights of the
    best validation epoch, or of the last one where the recipe keeps that) into the folder, and
    goes on from ``last`` when it is there.
    """

    def __init__(
        self, module: nn.Module, *, recipe: Recipe, card: ModelCard, cache: ImageCache,
        train: list[Item], val: list[Item], job: Path, emit: Emit, device: str = "auto",
    ) -> None:  # fmt: skip
        part = recipe.train
        self.part, self.recipe, self.card, self.cache = part, recipe, card, cache
        self.train_items, self.val_items, self.job = train, val, job
        torch.manual_seed(part.seed)
        self.fabric = hardware.fabric(part, device=device)
        self.share = Share(self.fabric.global_rank, self.fabric.world_size)
        self.emit = emit if self.share.rank == 0 else _silent
        self.module = module.to(memory_format=torch.channels_last)  # type: ignore[call-overload]
        self.single = card.task == "single-label"
        self.model, self.optimiser = self.fabric.setup(module, optimiser.build(module, recipe))
        # The state of the gradients' scaler; none but in fp16.
        self.scaling = self.fabric.strategy.precision
        self.ema = Average(module, part.ema) if part.ema else None
        self.plateau = Plateau(part.plateau_patience)
        self.steps = steps_per_epoch(len(train), part.batch)
        self.size = min(part.batch, len(train))
        if self.size < self.share.world:
            raise DataError(
                f"A batch of {self.size} is too small for {self.share.world} devices; take a "
                "larger one (train.batch) or fewer devices (train.devices)."
            )
        self.epoch, self.step_in_epoch, self.waited, self.best = 0, 0, 0, -math.inf
        self.kept = 0  # the epoch, counted from 1, whose weights are in best.safetensors
        self.normalise = Normalise(card, self.fabric.device)
        self.broken: set[Path] = set()
        self.supervised_layers = card.options.get("layer_head", "supervised") == "supervised"
        objective = Objective(
            losses.build(
                recipe.loss.name, counts=torch.tensor([i.labels for i in train]).sum(0),
                single_label=self.single, options=recipe.loss.options,
            ),
            part, self.supervised_layers,
        )  # fmt: skip
        self.clock = Clock()
        self.gradients = Gradients(
            self.fabric, module, self.model, objective=objective, normalise=self.normalise,
            part=part, size=self.size, layers=bool(card.layers), emit=emit,
        )  # fmt: skip

    @property
    def judged(self) -> nn.Module:
        """The weights that are validated and kept."""
        return self.ema.module if self.ema is not None else self.module

    def fit(self) -> None:
        """Train to the last epoch or an early stop; raises Cancelled after a clean stop."""
        self._resume()
        try:
            self._epochs()
        finally:
            self.gradients.close()
        self._take_kept()

    def finish(self) -> None:
        """End a stopped training with the epoch that is kept so far instead of going on."""
        self._recall_kept(checkpoint.load(self.job / "last.safetensors"))
        self.emit("finishing", kept=self.kept)
        self._take_kept()

    def _take_kept(self) -> None:
        self.module.load_state_dict(checkpoint.load(self.job / "best.safetensors"))
        self.ema = None

    def _epochs(self) -> None:
        patience = self.part.early_stop
        while self.epoch < self.part.epochs and not (patience and self.waited >= patience):
            self._train_epoch()
            self.clock.begin_validation()
            score, loss = self.validate()
            self._check(checkpoint.is_finite(dict(self.judged.state_dict())))
            self.clock.end_validation()
            self.plateau.update(loss)
            self._keep(score)
            self.epoch, self.step_in_epoch = self.epoch + 1, 0
            self._save()
            self.emit("epoch", epoch=self.epoch, epochs=self.part.epochs, score=score,
                      loss=loss, best=self.best, kept=self.kept)  # fmt: skip

    def _keep(self, score: float) -> None:
        self.waited += 1
        if score > self.best:
            self.best, self.waited = score, 0
        elif self.part.keep == "best":
            return
        self.kept = self.epoch + 1
        if self.share.rank == 0:
            checkpoint.save(self.job / "best.safetensors", dict(self.judged.state_dict()))
        self.fabric.barrier()

    def _train_epoch(self) -> None:
        self.model.train()
        self.clock.begin_epoch()
        batches = training_batches(
            self.train_items, self.cache, self.recipe.augment, size=self.part.batch,
            seed=self.part.seed, epoch=self.epoch, first=self.step_in_epoch, share=self.share,
            broken=self._tell_broken,
        )  # fmt: skip
        for batch in batches:
            # A process without its share of the batch would leave the others waiting for it.
            whole = hardware.everywhere(self.fabric, batch is not None)
            loss = self._step(batch) if batch is not None and whole else math.nan
            self.step_in_epoch += 1
            self._emit_step(loss, self.clock.tick())
            stopped, due = self._asked()
            if stopped:
                self._save_within_epoch(batch)
                raise Cancelled("The training was stopped; start it again to go on.")
            if due:
                self._save_within_epoch(batch)
                self.clock.save()
        broken = torch.tensor([float(item.path in self.broken) for item in self.train_items])
        if bool(hardware.summed(self.fabric, broken).all()):
            raise DataError("None of the training photos can be read; check the folder.")

    def _emit_step(self, loss: float, steps_per_s: float) -> None:
        left = (self.part.epochs - self.epoch) * self.steps - self.step_in_epoch
        after = (self.part.epochs - self.epoch) * self.clock.validation_s
        self.emit(
            "step", epoch=self.epoch + 1, step=self.step_in_epoch, steps=self.steps, loss=loss,
            items_per_s=steps_per_s * self.size,
            seconds_left=left / steps_per_s + after,
        )  # fmt: skip

    def _asked(self) -> tuple[bool, bool]:
        """Whether to stop, and whether a checkpoint is due."""
        due = self.clock.since_saved() > 60 * self.part.checkpoint_minutes
        asked = (self.job / "stop").exists(), due
        # All processes must do so at the same step, else the others wait for ever.
        if self.share.world > 1:
            asked = self.fabric.broadcast(asked)
        return asked

    def _tell_broken(self, item: Item, reason: str) -> None:
        if item.path not in self.broken:
            self.broken.add(item.path)
            self.emit("skipped", file=item.file, reason=reason)

    def _step(self, batch: Batch) -> float:
        """One step of the optimiser."""
        self._set_lr()
        batch = batch.to(self.fabric.device)
        loss, outputs = self.gradients.of(batch, step=(self.epoch, self.step_in_epoch))
        self._check(math.isfinite(loss))
        if self.part.clip_norm:
            norm = self.fabric.clip_gradients(
                self.model, self.optimiser, max_norm=self.part.clip_norm, error_if_nonfinite=False
            )
            # Where fp16 overflows, the scaler passes over the step and scales less in the next;
            # gradients that it does not enlarge have no such excuse.
            self._check(bool(norm.isfinite()) or self.scaling.state_dict().get("scale", 0) > 1)
        self.optimiser.step()
        self._learn_priors(outputs, batch)
        if self.ema is not None:
            done = self.epoch * self.steps + self.step_in_epoch
            self.ema.update(self.module, steps_done=done)
        return loss

    def _learn_priors(self, layer_logits: list[Tensor], batch: Batch) -> None:
        """Collect every layer's proportions (P0 eq. 4): known layer, else the assigned one."""
        accumulate = getattr(self.module, "accumulate", None)
        if accumulate is None or not layer_logits:
            return
        layers = torch.cat(layer_logits).argmax(-1)
        if self.supervised_layers:
            layers = torch.where(batch.layers >= 0, batch.layers, layers)
        states = batch.states
        if self.share.world > 1:  # whose shares of the batch need not be equally large
            rows = torch.stack((layers[:, None].expand_as(states), states), 1).float()
            rows = hardware.gathered(self.fabric, rows, count=self.size).to(layers)
            layers, states = rows[:, 0, 0], rows[:, 1]
        accumulate(states, layers)

    def _set_lr(self) -> None:
        step = self.epoch * self.steps + self.step_in_epoch
        total = self.part.epochs * self.steps
        scale = factor(self.part, step, total_steps=total, steps_per_epoch=self.steps)
        for group in self.optimiser.param_groups:
            group["lr"] = self.part.lr * group["lr_factor"] * scale * self.plateau.factor

    def validate(self) -> tuple[float, float]:
        """Score by the recipe's criterion, and loss, on the validation items.

        The score is the negative loss where the criterion cannot judge items all labelled alike.
        """
        logits, labels, _ = self.predict(self.val_items)
        loss = -metrics.score(logits, labels, single=self.single, criterion="loss")
        criterion: Any = self.part.criterion
        if criterion == "auto":
            criterion = "accuracy" if self.single else "map"
        score = metrics.score(logits, labels, single=self.single, criterion=criterion)
        if not math.isnan(score):
            return score, loss
        if not self.epoch:
            self.emit("notice", message="The validation photos are all labelled alike, so that "
                      f"{criterion} cannot tell the best epoch; the loss does.")  # fmt: skip
        return -loss, loss

    @torch.no_grad()
    def predict(self, items: list[Item]) -> tuple[Array, Array, NDArray[np.intp]]:
        """Logits and labels of items, each [N, n], with the judged weights, and which of the items
        each row is: those that cannot be read have none."""
        self.judged.eval()
        rows: list[Tensor] = []
        batches = plain_batches(
            items, self.cache, size=self.gradients.micro, share=self.share, broken=self._tell_broken
        )
        for batch in batches:
            logits = torch.cat(self.gradients.within_memory(self._logits, batch))
            places = batch.places.double()[:, None].expand_as(batch.labels)
            rows.append(torch.stack((logits.double().cpu(), batch.labels.double(), places), 1))
        rows = rows or [torch.empty(0, 3, len(self.card.classes), dtype=torch.double)]
        found = hardware.gathered(self.fabric, torch.cat(rows), count=len(items)).numpy()
        if not len(found):
            raise DataError("None of the validation photos can be read; check the folder.")
        self._check(bool(np.isfinite(found).all()))
        return found[:, 0], found[:, 1], found[:, 2, 0].astype(np.intp)

    def _logits(self, batch: Batch) -> Tensor:
        """The judged weights' answers, on one thread per core where there are lanes."""

        @torch.no_grad()
        def answer(some: Batch) -> Tensor:
            with self.fabric.autocast():
                output = self.judged(self.normalise(some.pixels.to(self.fabric.device)))
            logits: Tensor = output.logits
            return logits

        lanes = self.gradients.lanes
        return answer(batch) if lanes is None else torch.cat(lanes.map(answer, batch))

    def _check(self, finite: bool) -> None:
        """End a training that has diverged, in all processes, before anything of it is kept."""
        if hardware.everywhere(self.fabric, finite):
            return
        lower = "The training diverged: the loss or the weights are no longer finite numbers"
        if not (self.job / "last.safetensors").exists():
            raise DataError(f"{lower}; train again with a lower learning rate (train.lr).")
        raise DataError(
            f"{lower}; resume it with a lower learning rate (train.lr) from the last good "
            f"checkpoint, or remove {self.job} to begin again."
        )

    def _save(self) -> None:
        state: dict[str, Any] = {
            "epoch": self.epoch,
            "step_in_epoch": self.step_in_epoch,
            "waited": self.waited,
            "kept": self.kept,
            "best": None if math.isinf(self.best) else self.best,
            "plateau": [self.plateau.best, self.plateau.waited, self.plateau.factor],
            "module": dict(self.module.state_dict()),
            "optimiser": self.optimiser.state_dict(),
            "scaling": self.scaling.state_dict(),
            "ema": dict(self.ema.module.state_dict()) if self.ema is not None else None,
            "lanes": self.gradients.lanes is not None,
            "micro": self.gradients.micro,
            "rng": torch.get_rng_state(),
            "rng_cuda": torch.cuda.get_rng_state() if torch.cuda.is_available() else None,
        }
        self._check(checkpoint.is_finite(state))
        if self.share.rank == 0:
            checkpoint.save(self.job / "last.safetensors", state)

    @torch.no_grad()
    def _save_within_epoch(self, batch: Batch | None) -> None:
        """Save weights that still answer with numbers; after an epoch validation has told so."""
        finite = True
        if batch is not None and self.share.rank == 0:
            self.module.eval()
            shown = next(batch.parts(2)).pixels.to(self.fabric.device)
            with self.fabric.autocast():
                output: ModelOutput = self.module(self.normalise(shown))
            self.module.train()
            finite = bool(output.logits.isfinite().all())
        self._check(finite)
        self._save()

    def _resume(self) -> None:
        path = self.job / "last.safetensors"
        if not path.exists():
            return
        state = checkpoint.load(path)
        self.epoch, self.step_in_epoch = state["epoch"], state["step_in_epoch"]
        self.waited = state["waited"]
        self._recall_kept(state)
        self.plateau = Plateau(self.part.plateau_patience, *state["plateau"])
        if not state.get("lanes"):  # as it was, else the sums would be rounded otherwise
            self.gradients.leave_lanes()
        if not self.part.micro_batch:
            self.gradients.micro = state.get("micro", self.gradients.micro)
        self.module.load_state_dict(state["module"])
        optimiser.restore(self.optimiser, state["optimiser"])
        if state.get("scaling"):  # not where the precision was another
            self.scaling.load_state_dict(state["scaling"])
        if self.ema is not None:
            self.ema.module.load_state_dict(state["ema"])
        torch.set_rng_state(state["rng"])
        if state["rng_cuda"] is not None and torch.cuda.is_available():
            torch.cuda.set_rng_state(state["rng_cuda"])
        self.emit("resumed", epoch=self.epoch + 1, step=self.step_in_epoch, kept=self.kept)

    def _recall_kept(self, state: dict[str, Any]) -> None:
        self.best = -math.inf if state["best"] is None else state["best"]
        self.kept = state.get("kept", 0)


def _silent(*args: object, **fields: object) -> None:
    """Only the first process speaks."""
