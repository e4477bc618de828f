"""How fast a long action goes on, from which the time left is told."""

from __future__ import annotations

import time
from collections import deque
from collections.abc import Callable
from itertools import pairwise

WINDOW_S = 15.0
# What is slow is judged by so many turns at least, however long they took.
FEWEST_TURNS = 8
# A turn so much longer than the others was no work: the laptop slept.
PAUSE_S, PAUSE_TIMES = 300.0, 10.0


class Rate:
    """Photos, or steps, per second over the last seconds, so that the time left does not jump."""

    def __init__(self, *, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._last = clock()
        self._seconds, self._done = 0.0, 0
        self._marks = deque([(0.0, 0)])

    def begin(self) -> None:
        """Count from now: the time since the last turn went into something else."""
        self._last = self._clock()

    def after(self, count: int) -> float:
        """The rate, now that one more turn has done ``count``."""
        now = self._clock()
        self._seconds, self._last = self._seconds + now - self._last, now
        self._done += count
        marks = self._marks
        marks.append((self._seconds, self._done))
        while len(marks) > FEWEST_TURNS + 1 and self._seconds - marks[1][0] > WINDOW_S:
            marks.popleft()
        seconds, done = self._seconds - marks[0][0], self._done - marks[0][1]
        paused_s, paused = self._pauses(seconds) if seconds > PAUSE_S else (0.0, 0)
        return (done - paused) / max(seconds - paused_s, 1e-6)

    def _pauses(self, total_s: float) -> tuple[float, int]:
        """How long the pauses among the last turns took, and what was done in their turns."""
        turns = [(end[0] - start[0], end[1] - start[1]) for start, end in pairwise(self._marks)]
        pauses = [
            (seconds, done)
            for seconds, done in turns
            if seconds > PAUSE_S and seconds * (len(turns) - 1) > PAUSE_TIMES * (total_s - seconds)
        ]
        return sum(seconds for seconds, _ in pauses), sum(done for _, done in pauses)
