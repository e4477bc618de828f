"""How fast a training runs and how long ago it was saved."""

from __future__ import annotations

import time
from collections.abc import Callable

from geoview.rate import PAUSE_S, PAUSE_TIMES, Rate


class Clock:
    """Steps per second of a run, from after its first step, which warms everything up; how long
    a validation takes (0 before the first), and when the run was last saved."""

    def __init__(self, *, now: Callable[[], float] = time.monotonic) -> None:
        self._now = now
        self._steps, self._warm = Rate(clock=now), False
        self.validation_s = 0.0
        self._validating = self._saved = now()

    def begin_epoch(self) -> None:
        """What came before is no part of the first step, and ended with a checkpoint."""
        self._steps.begin()
        self.save()

    def tick(self) -> float:
        rate = self._steps.after(1)
        if not self._warm:
            self._steps, self._warm = Rate(clock=self._now), True
        return rate

    def begin_validation(self) -> None:
        self._validating = self._now()

    def end_validation(self) -> None:
        """The last one counts: the first decodes its photos. One in which the laptop slept does
        not."""
        seconds, known_s = self._now() - self._validating, self.validation_s
        slept = known_s > 0 and seconds > max(PAUSE_S, PAUSE_TIMES * known_s)
        self.validation_s = known_s if slept else seconds

    def save(self) -> None:
        self._saved = self._now()

    def since_saved(self) -> float:
        return self._now() - self._saved
