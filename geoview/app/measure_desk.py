"""What the Measure page works on: the measurements of the open folder; no widgets here."""

from __future__ import annotations

import logging
import threading
from collections import deque
from collections.abc import Callable
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

from PySide6.QtCore import QObject, Signal

from geoview.app import measure_work as work
from geoview.app.measure_job import JobEnd, MeasureThread, Task, measuring
from geoview.app.measure_rows import Row
from geoview.app.measure_work import Loaded, Stepped
from geoview.app.session import Session
from geoview.errors import GeoViewError
from geoview.measured import Measurement, light
from geoview.records import Progress

if TYPE_CHECKING:
    from geoview.measuring import Measuring
    from geoview.project import Project

log = logging.getLogger(__name__)

MEASURING, WRITING = "Measuring", "Writing"


class _Turn:
    """A correction waiting for its turn; it is done once, by whichever thread comes first."""

    def __init__(
        self, fn: Callable[..., Any], args: tuple[Any, ...], done: Callable[[Any], object]
    ) -> None:
        self.done = done
        self._fn = fn
        self._args = args
        self._lock = threading.Lock()
        self._begun = False

    def __call__(self) -> Any:
        with self._lock:
            if self._begun:
                return None
            self._begun = True
            return self._fn(*self._args)


class MeasureDesk(QObject):
    """Loads, measures, corrects, undoes. All signals come on the GUI thread.

    ``rows_replaced(list[Row])`` for another folder, ``changed(list[Measurement])`` (without
    outlines), ``one_loaded(file, Measurement | None)`` with its outline, ``stepped(Stepped,
    "undo" | "redo" | "save")``, ``steps_changed(can_undo, can_redo)``.
    """

    rows_replaced = Signal(object)
    changed = Signal(object)
    one_loaded = Signal(str, object)
    history_loaded = Signal(str, object)
    pending_changed = Signal(int)
    stepped = Signal(object, str)
    steps_changed = Signal(bool, bool)
    job_started = Signal()
    job_progress = Signal(object)
    job_done = Signal(object)

    def __init__(self, session: Session, parent: QObject | None = None) -> None:
        super().__init__(parent)
        self._session = session
        self._thread: MeasureThread | None = None
        self._old: list[MeasureThread] = []
        self._lane: deque[_Turn] = deque()
        self._turn: _Turn | None = None
        self.measuring: Measuring | None = None
        self.pending_files: frozenset[str] = frozenset()
        self.progress = Progress(0, 0)
        self.paused = False
        self.verb = MEASURING
        self._again: Callable[[], object] = self.measure
        session.opened.connect(self.load)

    @property
    def running(self) -> bool:
        return self._thread is not None

    @property
    def pending(self) -> int:
        """How many photos have no measurement with the settings chosen now."""
        return len(self.pending_files)

    @property
    def saving(self) -> bool:
        """Whether corrections are on their way to the catalogue."""
        return self._turn is not None or bool(self._lane)

    # The folder

    def load(self, project: Project | None) -> None:
        """Show what is known of a folder; a job in another one is given up."""
        self._abandon_job()
        self._write_out()
        self.measuring, self.pending_files = None, frozenset()
        self.rows_replaced.emit([])
        if project is None:
            return
        self._session.background.run(
            work.load,
            project,
            self._session.settings.model_copy(deep=True),
            work.make_measuring,
            done=self._loaded,
            failed=partial(self._tell, "The measurements could not be read"),
            owner=self,
            key="load",
            priority=2,
        )

    def _loaded(self, loaded: Loaded) -> None:
        self.measuring = loaded.measuring
        self.rows_replaced.emit(loaded.rows)
        self._ask_standing()

    def _ask_standing(self) -> None:
        if self.measuring is not None:
            self._session.background.run(
                work.standing,
                self.measuring,
                done=self._stands,
                failed=partial(self._tell, "The measurements could not be counted"),
                owner=self,
                key="standing",
            )

    def _stands(self, standing: work.Standing) -> None:
        self.pending_files = standing.pending
        self.pending_changed.emit(self.pending)
        self.steps_changed.emit(standing.can_undo, standing.can_redo)

    def want_one(self, file: str) -> None:
        """Get a photo's measurement with its outline; only the newest wish is answered."""
        if self.measuring is None:
            return
        self._session.background.run(
            self.measuring.one,
            file,
            done=lambda found: self.one_loaded.emit(file, found),
            failed=partial(self._tell, "The outline could not be read"),
            owner=self,
            key="one",
            priority=3,
        )

    def want_history(self, file: str) -> None:
        """Get who and what made a photo's numbers."""
        if self.measuring is None:
            return
        self._session.background.run(
            self.measuring.history,
            file,
            done=lambda steps: self.history_loaded.emit(file, steps),
            failed=partial(self._tell, "The history could not be read"),
            owner=self,
            key="history",
        )

    def set_options(self, **changes: Any) -> None:
        """Measure otherwise from now on; names as in ``MeasureOptions``."""
        if self.measuring is not None and not self.running:
            self.measuring.options = replace(self.measuring.options, **changes)
            self._ask_standing()

    # Corrections: one after the other, in the order they were made

    def save(self, measurement: Measurement) -> None:
        """Keep a person's correction."""
        self.changed.emit([light(measurement)])
        self._in_turn(partial(self._stepped, "save"), work.save, measurement)

    def change(self, file: str, how: Callable[[Measurement], Measurement]) -> None:
        """Correct a photo's measurement as the catalogue has it (outline and all)."""
        self._in_turn(partial(self._stepped, "save"), work.save_changed, file, how)

    def undo(self) -> None:
        self._in_turn(partial(self._stepped, "undo"), work.undo)

    def redo(self) -> None:
        self._in_turn(partial(self._stepped, "redo"), work.redo)

    def _in_turn(self, done: Callable[[Any], object], fn: Callable[..., Any], *args: Any) -> None:
        if self.measuring is not None:
            self._lane.append(_Turn(fn, (self.measuring, *args), done))
            self._next()

    def _next(self) -> None:
        if self._turn is not None or not self._lane:
            return
        self._turn = self._lane.popleft()
        self._session.background.run(
            self._turn,
            done=partial(self._finished, self.measuring),
            failed=self._not_saved,
            owner=self,
            priority=4,
        )

    def _finished(self, measuring: Measuring | None, answer: Any) -> None:
        turn, self._turn = self._turn, None
        if turn is not None and measuring is self.measuring:
            turn.done(answer)
        self._next()

    def _not_saved(self, error: Exception) -> None:
        self._turn = None
        self._tell("The correction could not be saved", error)
        self._next()

    def _stepped(self, what: str, stepped: Stepped) -> None:
        self.steps_changed.emit(stepped.can_undo, stepped.can_redo)
        self.stepped.emit(stepped, what)
        if stepped.measurement is not None and not self.saving:
            self.changed.emit([light(stepped.measurement), *stepped.others])
        # What a person corrected counts as measured; what was undone may not.
        self._ask_standing()

    # Jobs

    def measure(self, *, again: bool = False) -> None:
        """Measure what is pending, or everything ``again``."""
        if self.measuring is not None:
            run = partial(self.measuring.run, again=again)
            self._start(measuring(run), MEASURING, again=partial(self.measure, again=again))

    def share_scale(self, file: str) -> None:
        """Measure the photos without a scale with that of ``file``."""
        if self.measuring is not None:
            inherit = partial(self.measuring.inherit, file)
            self._start(measuring(inherit), MEASURING, again=partial(self.share_scale, file))

    def export(self, name: str, path: Path) -> None:
        """Write the measurements in one of the formats."""
        if self.measuring is not None:
            self.write(work.writing(self.measuring, name, path, self.storage()))

    def write(self, task: Task) -> None:
        """Write a file."""
        self._start(task, WRITING, again=partial(self.write, task))

    def go_on(self) -> None:
        """Start what was stopped or failed again; measuring goes on where it was."""
        self._again()

    def _start(self, task: Task, verb: str, *, again: Callable[[], object]) -> None:
        if self._thread is not None:
            return
        self._again = again
        self.paused, self.progress, self.verb = False, Progress(0, 0), verb
        thread = MeasureThread(task, bridge=self._session.background.bridge, parent=self)
        self._thread = thread
        thread.measured.connect(partial(self._measured, thread))
        thread.progress.connect(partial(self._progressed, thread))
        thread.notice.connect(lambda text: self._session.tell("info", text))
        thread.ended.connect(partial(self._ended, thread))
        self.job_started.emit()
        thread.start()

    def pause(self, *, paused: bool) -> None:
        if self._thread is not None:
            self.paused = paused
            self._thread.pause(paused=paused)
            self.job_progress.emit(self.progress)

    def cancel(self) -> None:
        if self._thread is not None:
            self._thread.cancel()

    def _measured(self, thread: MeasureThread, found: list[Measurement]) -> None:
        if thread is self._thread:
            self.changed.emit(found)

    def _progressed(self, thread: MeasureThread, progress: Progress) -> None:
        if thread is self._thread:
            self.progress = progress
            self.job_progress.emit(progress)

    def _ended(self, thread: MeasureThread, end: JobEnd) -> None:
        thread.wait()
        thread.deleteLater()
        if thread in self._old:
            self._old.remove(thread)
        if thread is not self._thread:
            return
        self._thread, self.paused = None, False
        self.job_done.emit(end)
        self._ask_standing()
        if end.error:
            self._session.tell("error", end.error, ("Try again", self.go_on))

    def _abandon_job(self) -> None:
        if self._thread is not None:
            self._thread.cancel()
            self._old.append(self._thread)
            self._thread, self.paused = None, False
            self.job_done.emit(JobEnd(self.progress, stopped=True))

    def shutdown(self) -> None:
        """Stop within the photos in work, and wait for that; corrections are written out."""
        for thread in (*self._old, self._thread):
            if thread is not None:
                thread.cancel()
        for thread in (*self._old, self._thread):
            if thread is not None:
                thread.wait()
        self._thread = None
        self._old.clear()
        self._write_out()

    def _write_out(self) -> None:
        """Corrections that still wait their turn are saved before the folder is closed."""
        for turn in (self._turn, *self._lane):
            try:
                if turn is not None:
                    turn()
            except Exception:
                log.exception("A correction could not be saved")
        self._lane.clear()

    # Files

    def check(self, name: str, *, done: Callable[[work.Checked], object]) -> None:
        """What speaks against an export; nothing is written."""
        if self.measuring is not None:
            self._session.background.run(
                work.check,
                self.measuring,
                name,
                self.storage(),
                done=done,
                failed=partial(self._tell, "The export could not be checked"),
                owner=self,
                key="check",
            )

    def storage(self) -> work.Storage:
        """The box list and the clearance, as the settings have them."""
        settings = self._session.settings
        return work.Storage(tuple(settings.storage_boxes), settings.box_clearance_mm)

    def find_boxes(self, rows: list[Row], *, done: Callable[[Any], object]) -> None:
        """The smallest box of each photo and how many of each to buy."""
        self._session.background.run(
            work.find_boxes,
            [row.measurement for row in rows if row.measurement is not None],
            self.storage(),
            done=done,
            failed=partial(self._tell, "The boxes could not be chosen"),
            owner=self,
            key="boxes",
        )

    def compare(
        self,
        sheet: Path,
        rows: list[Row],
        *,
        done: Callable[[Any], object],
        failed: Callable[[str], object],
    ) -> None:
        """Compare the measurements with a catalogue sheet."""

        def tell(error: Exception) -> None:
            plain = isinstance(error, GeoViewError)
            if not plain:
                log.error("The catalogue sheet could not be compared", exc_info=error)
            failed(str(error) if plain else f"The sheet could not be compared: {error}.")

        self._session.background.run(
            work.compare,
            sheet,
            [row.measurement for row in rows if row.measurement is not None],
            done=done,
            failed=tell,
            owner=self,
            key="register",
        )

    def _tell(self, what: str, error: Exception) -> None:
        if isinstance(error, GeoViewError):
            self._session.tell("error", str(error))
            return
        log.error("%s", what, exc_info=error)
        self._session.tell("error", f"{what}: {error}. The log has the details.")
