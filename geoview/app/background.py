"""Work off the GUI thread, and the one bridge by which its answers come back.

Worker threads never touch widgets. They post calls to a ``Bridge``; the bridge runs them on the
GUI thread, at most 30 times a second and for a few milliseconds at a time, so that a flood of
answers cannot starve the event loop.
"""

from __future__ import annotations

import heapq
import itertools
import logging
import os
import sys
import threading
import time
from collections import deque
from collections.abc import Callable, Hashable
from functools import partial
from typing import Any

import shiboken6
from PySide6.QtCore import QObject, Qt, QTimer, Signal, Slot

log = logging.getLogger(__name__)

_INTERVAL_MS = 33
_BUDGET_S = 0.008


class Bridge(QObject):
    """Runs calls posted from any thread on the thread it lives in, in order and in batches."""

    _posted = Signal()

    def __init__(self, parent: QObject | None = None) -> None:
        super().__init__(parent)
        self._lock = threading.Lock()
        self._calls: deque[Callable[[], object]] = deque()
        self._awake = False
        self._closed = False
        self._last = 0.0
        self._timer = QTimer(self)
        self._timer.setSingleShot(True)
        self._timer.timeout.connect(self._deliver)
        self._posted.connect(self._schedule, Qt.ConnectionType.QueuedConnection)

    def post(self, call: Callable[[], object]) -> None:
        """Have ``call`` run on the GUI thread soon; dropped once the bridge is closed."""
        with self._lock:
            if self._closed:
                return
            self._calls.append(call)
            wake, self._awake = not self._awake, True
        if wake:
            self._posted.emit()

    def close(self) -> None:
        """Deliver what is still waiting, then take nothing more. GUI thread only."""
        self._timer.stop()
        with self._lock:
            self._closed = True
            left = list(self._calls)
            self._calls.clear()
        for call in left:
            _call(call)

    @Slot()
    def _schedule(self) -> None:
        if self._closed:
            return
        since_ms = (time.monotonic() - self._last) * 1000
        self._timer.start(max(0, int(_INTERVAL_MS - since_ms)))

    @Slot()
    def _deliver(self) -> None:
        self._last = time.monotonic()
        while True:
            with self._lock:
                if not self._calls:
                    self._awake = False
                    return
                call = self._calls.popleft()
            _call(call)
            if time.monotonic() - self._last > _BUDGET_S:
                self._timer.start(_INTERVAL_MS)
                return


def _call(call: Callable[[], object]) -> None:
    try:
        call()
    except Exception:  # one bad callback must not hold up the others
        sys.excepthook(*sys.exc_info())


class Job:
    """A piece of background work; ``cancel()`` makes sure that its answer never arrives."""

    __slots__ = ("_args", "_done", "_dropped", "_failed", "_fn", "_owner", "cancelled", "key")

    def __init__(
        self,
        fn: Callable[..., Any],
        args: tuple[Any, ...],
        *,
        done: Callable[[Any], object],
        failed: Callable[[Exception], object] | None,
        dropped: Callable[[Any], object] | None,
        owner: QObject,
        key: Hashable | None,
    ) -> None:
        self._fn = fn
        self._args = args
        self._done = done
        self._failed = failed
        self._dropped = dropped
        self._owner = owner
        self.key = key
        self.cancelled = False

    def cancel(self) -> None:
        self.cancelled = True

    def work(self) -> Callable[[], object]:
        """Do the work (worker thread); returns the call that delivers the answer."""
        try:
            answer = self._fn(*self._args)
        except Exception as error:  # delivered to ``failed``, or logged
            return partial(self._deliver_failure, error)
        return partial(self._deliver, answer)

    def _wanted(self) -> bool:
        return not self.cancelled and shiboken6.isValid(self._owner)

    def _deliver(self, answer: Any) -> None:
        if self._wanted():
            self._done(answer)
        elif self._dropped is not None:
            self._dropped(answer)

    def _deliver_failure(self, error: Exception) -> None:
        if not self._wanted():
            return
        if self._failed is None:
            log.error("Background work failed", exc_info=error)
        else:
            self._failed(error)


class Background(QObject):
    """A small pool of threads; answers arrive on the GUI thread.

    One instance per window. Jobs of higher ``priority`` go first, and first come, first served
    among equals. An answer is dropped when its owner has been destroyed, when its job was
    cancelled, or when a later job of the same owner carried the same ``key``.
    """

    def __init__(self, parent: QObject | None = None, *, threads: int | None = None) -> None:
        super().__init__(parent)
        self.bridge = Bridge(self)
        self._limit = threads or min(4, max(2, (os.cpu_count() or 2) - 1))
        self._threads: list[threading.Thread] = []
        self._ready = threading.Condition()
        self._heap: list[tuple[int, int, Job]] = []
        self._order = itertools.count()
        self._idle = 0
        self._stop = False
        # Jobs are held here until delivered, so that the last reference to an owner or to a
        # callback is always dropped on the GUI thread.
        self._held: set[Job] = set()
        self._latest: dict[tuple[int, Hashable], Job] = {}

    def run(
        self,
        fn: Callable[..., Any],
        *args: Any,
        done: Callable[[Any], object],
        failed: Callable[[Exception], object] | None = None,
        dropped: Callable[[Any], object] | None = None,
        owner: QObject,
        key: Hashable | None = None,
        priority: int = 0,
    ) -> Job:
        """Call ``fn(*args)`` in a worker thread and ``done(result)`` on the GUI thread.

        GUI thread only. ``failed(error)`` gets any exception; without it, the error is logged.
        ``dropped(result)`` gets a result that nobody wants any more, to close what it holds.
        """
        job = Job(fn, args, done=done, failed=failed, dropped=dropped, owner=owner, key=key)
        if self._stop:
            job.cancel()
            return job
        if key is not None:
            slot = (id(owner), key)
            if slot in self._latest:
                self._latest[slot].cancel()
            self._latest[slot] = job
        self._held.add(job)
        with self._ready:
            heapq.heappush(self._heap, (-priority, next(self._order), job))
            if self._idle < len(self._heap) and len(self._threads) < self._limit:
                self._start_thread()
            self._ready.notify()
        return job

    def shutdown(self) -> None:
        """Drop what has not begun, wait for what has, and deliver nothing more."""
        with self._ready:
            self._stop = True
            self._heap.clear()
            self._ready.notify_all()
        for thread in self._threads:
            thread.join()
        self._threads.clear()
        for job in self._held:
            job.cancel()
        self.bridge.close()
        self._held.clear()
        self._latest.clear()

    def _start_thread(self) -> None:
        name = f"geoview-background-{len(self._threads)}"
        thread = threading.Thread(target=self._serve, name=name, daemon=True)
        self._threads.append(thread)
        thread.start()

    def _serve(self) -> None:
        while (job := self._next()) is not None:
            deliver = job.work() if not job.cancelled else _nothing
            self.bridge.post(partial(self._finish, job, deliver))
            del job, deliver

    def _next(self) -> Job | None:
        with self._ready:
            self._idle += 1
            while not self._heap and not self._stop:
                self._ready.wait()
            self._idle -= 1
            return None if self._stop else heapq.heappop(self._heap)[2]

    def _finish(self, job: Job, deliver: Callable[[], object]) -> None:
        self._held.discard(job)
        slot = (id(job._owner), job.key)
        if self._latest.get(slot) is job:
            del self._latest[slot]
        deliver()


def _nothing() -> None:
    return None
