"""How fast a training runs and how long ago it was saved."""

from __future__ import annotations

import time
from collections.abc import Callable

from geoview.rate import Rate


class Clock:
    """Steps and ``validations`` per second of a run, from after its first step, which warms
    everything up; and when it was last saved."""

    def __init__(self, *, now: Callable[[], float] = time.monotonic) -> None:
        self._now = now
        self._steps, self.validations = Rate(clock=now), Rate(clock=now)
        self._warm = False
        self._saved = now()

    def begin_epoch(self) -> None:
        """What came before is no part of the first step, and ended with a checkpoint."""
        self._steps.begin()
        self.save()

    def tick(self) -> float:
        rate = self._steps.after(1)
        if not self._warm:
            self._steps, self._warm = Rate(clock=self._now), True
        return rate

    def save(self) -> None:
        self._saved = self._now()

    def since_saved(self) -> float:
        return self._now() - self._saved
