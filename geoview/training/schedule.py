"""Learning-rate schedules as plain functions of the step, and the plateau's small state."""

from __future__ import annotations

import math
from dataclasses import dataclass

from geoview.training.recipe import TrainPart

# The most of a run that its warm-up may take.
WARM_UP = 0.2
# Share of a one-cycle run in which the rate rises, and how far below its start it ends.
RISE = 0.3
FINAL_DIV = 1e4


def factor(part: TrainPart, step: int, *, total_steps: int, steps_per_epoch: int) -> float:
    """The factor on the learning rate before step ``step`` of ``total_steps``.

    "cosine" falls to 0 (P4), "step" multiplies every few epochs (P3), "one-cycle" rises from
    1/div and falls again (P2; Smith and Topin 2019), "plateau" is the caller's (P0). The warm-up
    takes at most a fifth of all steps: with few photos the full rate would never be reached.
    """
    warm_up = min(part.warmup_steps, int(WARM_UP * total_steps))
    if step < warm_up:
        return (step + 1) / warm_up
    if part.schedule == "cosine":
        done = (step - warm_up) / max(1, total_steps - warm_up)
        return _between(1.0, 0.0, min(1.0, done))
    if part.schedule == "step":
        return float(part.step_factor ** (step // steps_per_epoch // part.step_epochs))
    if part.schedule == "one-cycle":
        return _one_cycle(step, total_steps, part.one_cycle_div)
    return 1.0


def _one_cycle(step: int, total_steps: int, div: float) -> float:
    top = RISE * total_steps - 1
    if step <= top:
        return _between(1 / div, 1.0, step / top)
    done = (step - top) / max(1.0, total_steps - 1 - top)
    return _between(1.0, 1 / (div * FINAL_DIV), min(1.0, done))


def _between(start: float, end: float, done: float) -> float:
    """Half a cosine wave from start to end."""
    return end + (start - end) * 0.5 * (1 + math.cos(math.pi * done))


@dataclass
class Plateau:
    """Divides by ten when the validation loss stops falling (P0, section 4.2)."""

    patience: int
    best: float = math.inf
    waited: int = 0
    factor: float = 1.0

    def update(self, loss: float) -> None:
        if loss < self.best - 1e-4:
            self.best, self.waited = loss, 0
            return
        self.waited += 1
        if self.waited > self.patience:
            self.factor, self.waited = self.factor / 10, 0
