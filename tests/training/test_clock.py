"""The time left of a training: of recent steps, whatever lies between them."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from itertools import count
from pathlib import Path
from typing import Any

import pytest

from geoview.errors import Cancelled
from geoview.training.clock import Clock
from geoview.training.loop import Trainer
from geoview.training.recipe import Recipe

EPOCHS, WARM_UP_S, STEP_S, VALIDATION_S, ASLEEP_S = 4, 40.0, 2.0, 8.0, 3600.0


class Told:
    """A trainer whose steps and validations take as long as the test says, and what it tells."""

    def __init__(self, trainer: Trainer, steps_s: Iterator[float], validations_s: Iterator[float]):
        self.now, self.trainer = 0.0, trainer
        self.left_s: list[float] = []
        self.true_s: list[float] = []
        trainer.clock = Clock(now=lambda: self.now)
        told: Any = trainer
        told.emit, told._step, told.validate = self._emit, self._step, self._validate
        self._steps_s, self._validations_s = steps_s, validations_s

    def _step(self, batch: object) -> float:
        self.now += next(self._steps_s)
        return 1.0

    def _validate(self) -> tuple[float, float]:
        self.now += next(self._validations_s)
        return 0.5, 0.5

    def _emit(self, kind: str, **fields: Any) -> None:
        if kind != "step":
            return
        t = self.trainer
        steps = (EPOCHS - t.epoch) * t.steps - t.step_in_epoch
        known = 0 if t.epoch == 0 else VALIDATION_S
        self.left_s.append(fields["seconds_left"])
        self.true_s.append(steps * STEP_S + (EPOCHS - t.epoch) * known)


def durations(usual_s: float, *, asleep: int, first_s: float = 0.0) -> Iterator[float]:
    """As long as usual each, but for the first and the one in which the laptop sleeps."""
    for number in count():
        seconds = usual_s if number else first_s or usual_s
        yield seconds + ASLEEP_S * (number == asleep)


@pytest.fixture
def trainer(
    well: Path, tiny_recipe: Callable[..., Recipe], make_trainer: Callable[..., Trainer]
) -> Trainer:
    return make_trainer(well, tiny_recipe(epochs=EPOCHS, checkpoint_minutes=1000))


@pytest.mark.parametrize("asleep", [-1, 2, 5, 9])
def test_neither_the_first_step_nor_a_sleep_changes_the_time_left(
    trainer: Trainer, asleep: int
) -> None:
    steps_s = durations(STEP_S, first_s=WARM_UP_S, asleep=asleep)
    told = Told(trainer, steps_s, durations(VALIDATION_S, asleep=2))
    trainer.fit()
    assert len(told.left_s) == EPOCHS * trainer.steps > 12
    assert told.left_s[1:] == pytest.approx(told.true_s[1:])


def test_a_resumed_training_tells_the_time_of_the_steps_it_has_left(
    trainer: Trainer, well: Path, make_trainer: Callable[..., Trainer]
) -> None:
    def until_stopped() -> Iterator[float]:
        for number, seconds in enumerate(durations(9.0, asleep=-1)):
            if number == trainer.steps + 2:
                (trainer.job / "stop").touch()
            yield seconds

    Told(trainer, until_stopped(), durations(VALIDATION_S, asleep=-1))
    with pytest.raises(Cancelled):
        trainer.fit()
    (trainer.job / "stop").unlink()
    again = make_trainer(well, trainer.recipe)
    again.job = trainer.job
    told = Told(
        again, durations(STEP_S, first_s=WARM_UP_S, asleep=-1), durations(VALIDATION_S, asleep=-1)
    )
    again.fit()
    assert len(told.left_s) == (EPOCHS - 1) * again.steps - 3
    after_validation = again.steps - 3
    assert told.left_s[after_validation:] == pytest.approx(told.true_s[after_validation:])


def test_after_a_sleep_it_is_saved_once_and_then_in_its_time() -> None:
    now = 0.0
    clock, saved = Clock(now=lambda: now), []
    clock.begin_epoch()
    for step in range(200):
        now += STEP_S + (ASLEEP_S if step == 50 else 0)
        clock.tick()
        if clock.since_saved() > 180:
            saved.append(step)
            clock.save()
    assert saved == [50, 141]


def test_a_slow_first_validation_is_forgotten() -> None:
    now = 0.0
    clock, told = Clock(now=lambda: now), []
    for seconds in (240, 10, 10, 3600, 11):
        clock.begin_validation()
        now += seconds
        clock.end_validation()
        told.append(clock.validation_s)
    assert told == [240, 10, 10, 10, 11]
