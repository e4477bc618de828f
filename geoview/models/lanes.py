"""A CPU batch cut into one part per core, each run by a thread of its own.

torch spreads every single operation over the cores and waits for the slowest after each; with
decode threads or other programs on the same cores that wait is most of the time (three times
slower was measured on a busy machine). Here the only wait is at the end of the batch.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor, wait
from typing import TypeVar

import torch

T = TypeVar("T")
R = TypeVar("R")


class Lanes:
    """``count`` threads that compute with ``threads`` torch threads each; started on first use."""

    def __init__(self, count: int, *, threads: int = 1) -> None:
        self.count = count
        self._threads = threads
        self._pool: ThreadPoolExecutor | None = None

    def map(self, function: Callable[[T], R], parts: Sequence[T]) -> list[R]:
        """Results in order; an exception of any part is raised when all parts have ended."""
        pool = self._pool = self._pool or self._started()
        futures = [pool.submit(function, part) for part in parts]
        wait(futures)
        return [future.result() for future in futures]

    def close(self) -> None:
        """End and join the threads; the next use starts new ones."""
        if self._pool is not None:
            self._pool.shutdown(wait=True)
            self._pool = None

    def _started(self) -> ThreadPoolExecutor:
        """Threads with their own number of torch threads, everyone else's left as it was.

        The setting is per thread, but a new thread copies the one made last, so it is made again
        here once all lanes have theirs.
        """
        own = torch.get_num_threads()
        meet = threading.Barrier(self.count)
        pool = ThreadPoolExecutor(
            self.count,
            thread_name_prefix="geoview-lane",
            initializer=self._prepare,
        )
        wait([pool.submit(meet.wait) for _ in range(self.count)])
        torch.set_num_threads(own)
        return pool

    def _prepare(self) -> None:
        torch.get_num_threads()  # copies the common setting now rather than at the first product
        torch.set_num_threads(self._threads)
