"""The training loop: resumable, checkpointed, the same result whether interrupted or not."""

from __future__ import annotations

import copy
import math
import time
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
from geoview.training import checkpoint
from geoview.training.batches import Batch, plain_batches, steps_per_epoch, training_batches
from geoview.training.data import Item
from geoview.training.images import ImageCache
from geoview.training.losses import total_loss
from geoview.training.metrics import average_precision
from geoview.training.recipe import Recipe
from geoview.training.schedule import Plateau, factor

Emit = Callable[..., None]


class Trainer:
    """Trains one module on given items in a job folder.

    ``fit`` writes ``last.safetensors`` (full state) and ``best.safetensors`` (weights of the
    best validation epoch) into the folder, and goes on from ``last`` when it is there.
    """

    def __init__(
        self, module: nn.Module, *, recipe: Recipe, card: ModelCard, cache: ImageCache,
        train: list[Item], val: list[Item], job: Path, emit: Emit,
    ) -> None:  # fmt: skip
        from lightning_fabric import Fabric

        part = recipe.train
        self.part, self.recipe, self.card, self.cache = part, recipe, card, cache
        self.train_items, self.val_items, self.job, self.emit = train, val, job, emit
        torch.manual_seed(part.seed)
        self.fabric = Fabric(devices=1, precision=fabric_precision(part.precision))
        self.fabric.launch()
        self.module = module
        optimiser = torch.optim.AdamW(_groups(module, recipe), lr=part.lr, betas=part.betas)
        self.model, self.optimiser = self.fabric.setup(module, optimiser)
        self.ema = copy.deepcopy(module).eval() if part.ema else None
        self.plateau = Plateau(part.plateau_patience)
        self.steps = steps_per_epoch(len(train), part.batch)
        self.epoch, self.step_in_epoch, self.best = 0, 0, -math.inf
        self.normalise = Normalise(card, self.fabric.device)

    @property
    def judged(self) -> nn.Module:
        """The weights that are validated and kept."""
        return self.ema if self.ema is not None else self.module

    def fit(self) -> None:
        """Train to the last epoch; raises Cancelled after a clean stop."""
        self._resume()
        while self.epoch < self.part.epochs:
            self._train_epoch()
            score, loss = self.validate()
            self.plateau.update(loss)
            if score > self.best:
                self.best = score
                checkpoint.save(self.job / "best.safetensors", dict(self.judged.state_dict()))
            self.epoch, self.step_in_epoch = self.epoch + 1, 0
            self._save()
            self.emit("epoch", epoch=self.epoch, epochs=self.part.epochs, score=score,
                      loss=loss, best=self.best)  # fmt: skip
        self.module.load_state_dict(checkpoint.load(self.job / "best.safetensors"))

    def _train_epoch(self) -> None:
        self.model.train()
        start, first = time.monotonic(), self.step_in_epoch
        saved = start
        batches = training_batches(
            self.train_items, self.cache, self.recipe.augment, size=self.part.batch,
            seed=self.part.seed, epoch=self.epoch, first=first,
        )  # fmt: skip
        for batch in batches:
            loss = self._step(batch)
            self.step_in_epoch += 1
            now = time.monotonic()
            self._emit_step(loss, steps_per_s=(self.step_in_epoch - first) / (now - start))
            if (self.job / "stop").exists():
                self._save()
                raise Cancelled("The training was stopped; start it again to go on.")
            if now - saved > 60 * self.part.checkpoint_minutes:
                self._save()
                saved = now

    def _emit_step(self, loss: float, *, steps_per_s: float) -> None:
        left = (self.part.epochs - self.epoch) * self.steps - self.step_in_epoch
        self.emit(
            "step", epoch=self.epoch + 1, step=self.step_in_epoch, steps=self.steps, loss=loss,
            items_per_s=steps_per_s * self.part.batch, seconds_left=left / steps_per_s,
        )  # fmt: skip

    def _step(self, batch: Batch) -> float:
        self._set_lr()
        batch = _to(batch, self.fabric.device)
        output: ModelOutput = self.model(self.normalise(batch.pixels))
        supervised = self.card.options.get("layer_head", "supervised") == "supervised"
        loss = total_loss(
            output, batch.labels, batch.area, batch.layers, part=self.part,
            single_label=self.card.task == "single-label", supervised_layers=supervised,
        )  # fmt: skip
        if not bool(torch.isfinite(loss)):
            raise DataError(
                "The loss became infinite or no number; lower the learning rate. "
                "The last good checkpoint is kept."
            )
        self.optimiser.zero_grad()
        self.fabric.backward(loss)
        self.fabric.clip_gradients(self.model, self.optimiser, max_norm=self.part.clip_norm)
        self.optimiser.step()
        self._learn_priors(output, batch, supervised)
        self._average()
        return float(loss.detach())

    def _learn_priors(self, output: ModelOutput, batch: Batch, supervised: bool) -> None:
        """Collect every layer's proportions (P0 eq. 4): known layer, else the assigned one."""
        accumulate = getattr(self.module, "accumulate", None)
        if accumulate is None or output.layer_logits is None:
            return
        layers = output.layer_logits.detach().argmax(-1)
        if supervised:
            layers = torch.where(batch.layers >= 0, batch.layers, layers)
        accumulate(batch.states, layers)

    def _average(self) -> None:
        if self.ema is None:
            return
        # A young average follows quickly, else it would hold on to the random start.
        done = self.epoch * self.steps + self.step_in_epoch
        decay = min(self.part.ema, (1 + done) / (10 + done))
        own = self.module.state_dict()
        for name, value in self.ema.state_dict().items():
            if value.is_floating_point() and name not in ("proportions", "cooccurrence"):
                value.lerp_(own[name], 1 - decay)
            else:
                value.copy_(own[name])

    def _set_lr(self) -> None:
        step = self.epoch * self.steps + self.step_in_epoch
        scale = factor(self.part, step, self.part.epochs * self.steps) * self.plateau.factor
        for group in self.optimiser.param_groups:
            group["lr"] = self.part.lr * group["lr_factor"] * scale

    def validate(self) -> tuple[float, float]:
        """Score (mAP, or accuracy for single-label) and loss on the validation items."""
        logits, labels = self.predict(self.val_items)
        x, y = torch.from_numpy(logits), torch.from_numpy(labels)
        if self.card.task == "single-label":
            loss = nn.functional.cross_entropy(x, y.argmax(-1))
            return float((x.argmax(-1) == y.argmax(-1)).double().mean()), float(loss)
        loss = nn.functional.binary_cross_entropy_with_logits(x, y)
        return float(np.nanmean(average_precision(logits, labels))), float(loss)

    @torch.no_grad()
    def predict(self, items: list[Item]) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
        """Logits and labels of items, each [N, n], with the judged weights."""
        self.judged.eval()
        logits, labels = [], []
        for batch in plain_batches(items, self.cache, size=self.part.batch):
            with self.fabric.autocast():
                output = self.judged(self.normalise(batch.pixels.to(self.fabric.device)))
            logits.append(output.logits.double().cpu().numpy())
            labels.append(batch.labels.double().numpy())
        return np.concatenate(logits), np.concatenate(labels)

    def _save(self) -> None:
        state: dict[str, Any] = {
            "epoch": self.epoch,
            "step_in_epoch": self.step_in_epoch,
            "best": None if math.isinf(self.best) else self.best,
            "plateau": [self.plateau.best, self.plateau.waited, self.plateau.factor],
            "module": dict(self.module.state_dict()),
            "optimiser": self.optimiser.state_dict(),
            "ema": dict(self.ema.state_dict()) if self.ema is not None else None,
            "rng": torch.get_rng_state(),
        }
        checkpoint.save(self.job / "last.safetensors", state)

    def _resume(self) -> None:
        path = self.job / "last.safetensors"
        if not path.exists():
            return
        state = checkpoint.load(path)
        self.epoch, self.step_in_epoch = state["epoch"], state["step_in_epoch"]
        self.best = -math.inf if state["best"] is None else state["best"]
        self.plateau.best, self.plateau.waited, self.plateau.factor = state["plateau"]
        self.module.load_state_dict(state["module"])
        self.optimiser.load_state_dict(state["optimiser"])
        if self.ema is not None:
            self.ema.load_state_dict(state["ema"])
        torch.set_rng_state(state["rng"])
        self.emit("resumed", epoch=self.epoch + 1, step=self.step_in_epoch)


class Normalise:
    """uint8 [B, S, S, 3] → float [B, 3, S, S] with the card's mean and std."""

    def __init__(self, card: ModelCard, device: torch.device) -> None:
        self.mean = torch.tensor(card.preprocess.mean, device=device).view(1, 3, 1, 1) * 255
        self.std = torch.tensor(card.preprocess.std, device=device).view(1, 3, 1, 1) * 255

    def __call__(self, pixels: Tensor) -> Tensor:
        return (pixels.permute(0, 3, 1, 2).float() - self.mean) / self.std


def fabric_precision(wanted: str) -> Any:
    """Fabric's name of the precision; "auto" is bf16 where the device has it in hardware."""
    if wanted == "fp32":
        return "32-true"
    if wanted == "bf16":
        return "bf16-mixed"
    from geoview.models.device import choose

    return "bf16-mixed" if choose().precision == "bf16" else "32-true"


def _groups(module: nn.Module, recipe: Recipe) -> list[dict[str, Any]]:
    """Pretrained or new, decayed or not: biases, norms and embeddings are not decayed."""
    groups: dict[tuple[bool, bool], list[nn.Parameter]] = {}
    for name, parameter in module.named_parameters():
        if not parameter.requires_grad:
            continue
        pretrained = bool(recipe.model.pretrained) and name.startswith(("backbone.", "network."))
        decayed = parameter.ndim > 1 and "embed" not in name
        groups.setdefault((pretrained, decayed), []).append(parameter)
    return [
        {
            "params": parameters,
            "lr_factor": recipe.train.backbone_lr if pretrained else 1.0,
            "weight_decay": recipe.train.weight_decay if decayed else 0.0,
        }
        for (pretrained, decayed), parameters in sorted(groups.items())
    ]


def _to(batch: Batch, device: torch.device) -> Batch:
    return Batch(
        pixels=batch.pixels.to(device),
        labels=batch.labels.to(device),
        states=batch.states.to(device),
        area=batch.area.to(device),
        layers=batch.layers.to(device),
    )
