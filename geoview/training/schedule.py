"""Learning-rate schedules as plain functions of the step, and the plateau's small state."""

from __future__ import annotations

import math
from dataclasses import dataclass

from geoview.training.recipe import TrainPart


def factor(part: TrainPart, step: int, total_steps: int) -> float:
    """The factor on the learning rate before step ``step`` of ``total_steps``."""
    if step < part.warmup_steps:
        return (step + 1) / part.warmup_steps
    if part.schedule != "cosine":
        return 1.0
    done = (step - part.warmup_steps) / max(1, total_steps - part.warmup_steps)
    return 0.5 * (1 + math.cos(math.pi * min(1.0, done)))


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
