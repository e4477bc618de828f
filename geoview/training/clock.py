"""How fast a training runs and how long ago it was saved."""

from __future__ import annotations

import time


class Clock:
    """Steps per second of a run, without its first step, which warms everything up."""

    def __init__(self) -> None:
        self.start = self.saved = time.monotonic()
        self.steps = 0

    def tick(self) -> float:
        self.steps += 1
        now = time.monotonic()
        rate = max(self.steps - 1, 1) / max(now - self.start, 1e-9)
        if self.steps == 1:
            self.start = now
        return rate

    def since_saved(self) -> float:
        return time.monotonic() - self.saved
