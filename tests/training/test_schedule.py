"""Schedules against torch's own."""

from __future__ import annotations

import pytest
import torch
from torch.optim import lr_scheduler

from geoview.training.recipe import TrainPart
from geoview.training.schedule import Plateau, factor

STEPS, PER_EPOCH = 60, 6


def ours(**options: object) -> list[float]:
    part = TrainPart.model_validate({"epochs": 10, "lr": 1.0, **options})
    return [factor(part, s, total_steps=STEPS, steps_per_epoch=PER_EPOCH) for s in range(STEPS)]


def torchs(make: object, *, every: int = 1) -> list[float]:
    optimiser = torch.optim.SGD([torch.nn.Parameter(torch.zeros(1))], lr=1.0)
    schedule = make(optimiser)  # type: ignore[operator]
    found = []
    for step in range(STEPS):
        found.append(optimiser.param_groups[0]["lr"])
        optimiser.step()
        if (step + 1) % every == 0 and step + 1 < STEPS:
            schedule.step()
    return found


def test_cosine_one_cycle_and_step_are_torchs() -> None:
    assert ours(schedule="cosine") == pytest.approx(
        torchs(lambda o: lr_scheduler.CosineAnnealingLR(o, T_max=STEPS))
    )
    assert ours(schedule="one-cycle", one_cycle_div=25) == pytest.approx(
        torchs(lambda o: lr_scheduler.OneCycleLR(o, max_lr=1.0, total_steps=STEPS, div_factor=25))
    )
    assert ours(schedule="step", step_epochs=3, step_factor=0.5) == pytest.approx(
        torchs(lambda o: lr_scheduler.StepLR(o, step_size=3, gamma=0.5), every=PER_EPOCH)
    )


def test_warm_up_rises_to_the_full_rate() -> None:
    found = ours(schedule="constant", warmup_steps=4)
    assert found[:5] == [0.25, 0.5, 0.75, 1.0, 1.0]


@pytest.mark.parametrize("schedule", ["constant", "cosine"])
def test_a_short_run_reaches_the_full_rate_after_a_fifth(schedule: str) -> None:
    found = ours(schedule=schedule, warmup_steps=500)
    assert max(found) == found[11] == 1.0
    assert found[0] == pytest.approx(1 / 12)


def test_plateau_divides_by_ten_when_the_loss_stays() -> None:
    plateau = Plateau(patience=1)
    for loss in (1.0, 0.5, 0.5, 0.5):
        plateau.update(loss)
    assert plateau.factor == pytest.approx(0.1)
    plateau.update(0.4)
    assert plateau.factor == pytest.approx(0.1)
