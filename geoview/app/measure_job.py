"""The thread that measures: one job at a time, told to the window in batches."""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable
from contextlib import closing
from dataclasses import dataclass
from typing import Any, Protocol

from PySide6.QtCore import QObject, QThread, Signal

from geoview.app.background import Bridge
from geoview.errors import Cancelled, GeoViewError
from geoview.measured import Measurement, light
from geoview.records import Progress

log = logging.getLogger(__name__)

Tell = Callable[[list[Measurement], Progress], None]
Stream = Callable[..., Any]


class Task(Protocol):
    """A long action. It looks at ``cancelled``, tells what it has done by ``tell``, which also
    holds it while the job is paused, and returns what the job leaves."""

    def __call__(
        self, *, cancelled: Callable[[], bool], notify: Callable[[str], None], tell: Tell
    ) -> Any: ...


@dataclass(frozen=True, slots=True)
class JobEnd:
    """How a job ended; ``error`` is empty unless it broke off, ``answer`` is what it left."""

    progress: Progress
    stopped: bool
    error: str = ""
    answer: Any = None


class MeasureThread(QThread):
    """Runs one task. Signals come on the GUI thread, 30 times a second at
    most: ``measured(list[Measurement])`` (without outlines), ``progress(Progress)``,
    ``notice(str)`` and, once, ``ended(JobEnd)``."""

    measured = Signal(object)
    progress = Signal(object)
    notice = Signal(str)
    ended = Signal(object)

    def __init__(self, task: Task, *, bridge: Bridge, parent: QObject | None = None) -> None:
        super().__init__(parent)
        self.setObjectName("measuring")
        self._task = task
        self._bridge = bridge
        self._lock = threading.Condition()
        self._fresh: list[Measurement] = []
        self._latest: Progress | None = None
        self._progress = Progress(0, 0)
        self._notices: list[str] = []
        self._end: JobEnd | None = None
        self._posted = False
        self._paused = False
        self._stop = False

    def pause(self, *, paused: bool) -> None:
        """Hold the job between two batches, or let it go on."""
        with self._lock:
            self._paused = paused
            self._lock.notify_all()

    def cancel(self) -> None:
        """End within the photos in work; what is measured is kept."""
        with self._lock:
            self._stop = True
            self._lock.notify_all()

    def run(self) -> None:
        """Thread body; Qt calls it."""
        error, answer = "", None
        try:
            answer = self._task(cancelled=self._stopped, notify=self._note, tell=self._told)
        except Cancelled:
            pass
        except Exception as failure:
            error = _plain(failure)
        self._tell(end=JobEnd(self._progress, self._stop, error, answer))

    def _told(self, measurements: list[Measurement], progress: Progress) -> None:
        """Worker thread: pass on what is done; waits here while the job is paused."""
        self._progress = progress
        self._tell(fresh=[light(one) for one in measurements], latest=progress)
        with self._lock:
            while self._paused and not self._stop:
                self._lock.wait()

    def _stopped(self) -> bool:
        return self._stop

    def _note(self, text: str) -> None:
        with self._lock:
            self._notices.append(text)

    def _tell(
        self,
        *,
        fresh: list[Measurement] | None = None,
        latest: Progress | None = None,
        end: JobEnd | None = None,
    ) -> None:
        with self._lock:
            self._fresh.extend(fresh or ())
            self._latest = latest or self._latest
            self._end = end or self._end
            post, self._posted = not self._posted, True
        if post:
            self._bridge.post(self._flush)

    def _flush(self) -> None:
        """GUI thread: everything told since the last time, measurements before the end."""
        with self._lock:
            fresh, self._fresh = self._fresh, []
            latest, self._latest = self._latest, None
            notices, self._notices = self._notices, []
            end, self._end = self._end, None
            self._posted = False
        if fresh:
            self.measured.emit(fresh)
        if latest is not None:
            self.progress.emit(latest)
        for text in notices:
            self.notice.emit(text)
        if end is not None:
            self.ended.emit(end)


def measuring(stream: Stream) -> Task:
    """The task of working through a stream of measurements; it is closed whatever ends it."""

    def task(*, cancelled: Callable[[], bool], notify: Callable[[str], None], tell: Tell) -> int:
        with closing(stream(cancelled=cancelled, notify=notify)) as batches:
            number = 0
            for batch, progress in batches:
                number += len(batch)
                tell(batch, progress)
        return number

    return task


def _plain(error: Exception) -> str:
    """One sentence for the user; anything unforeseen goes to the log in full."""
    if isinstance(error, GeoViewError):
        return str(error)
    log.error("The job broke off", exc_info=error)
    return f"The job broke off: {error or type(error).__name__}. The log has the details."
