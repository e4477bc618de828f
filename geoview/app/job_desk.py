"""The session's jobs in the jobs bar, and what remains to be done on the Analyse button."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

from PySide6.QtCore import QObject, Signal

from geoview.app import dialogs, job_words
from geoview.app.jobs_bar import JobsBar
from geoview.app.session import CHECKING, Session
from geoview.app.toolbar import Toolbar
from geoview.app.worker import JobDone
from geoview.callbacks import never


class JobDesk(QObject):
    """``warned_wanted`` asks for the photos whose evidence does not lie on the specimen."""

    warned_wanted = Signal()

    def __init__(self, session: Session, bar: JobsBar, toolbar: Toolbar, parent: QObject) -> None:
        super().__init__(parent)
        self._session, self._bar, self._toolbar = session, bar, toolbar
        # Whether another page's job has the bar; its buttons are that job's then.
        self.elsewhere: Callable[[], bool] = never
        bar.pause_toggled.connect(self._pause)
        bar.cancel_wanted.connect(self._cancel)
        bar.continue_wanted.connect(lambda: session.analyse())
        session.opening.connect(self._opening)
        session.open_failed.connect(self.show_idle)
        session.tally_changed.connect(self._show_pending)
        session.results_replaced.connect(lambda _results: self.show_idle())
        session.model_chosen.connect(lambda _entry: self._show_pending())
        session.model_loading.connect(self._model_loading)
        session.job_started.connect(self._started)
        session.job_progress.connect(lambda _progress: self._progressed())
        session.job_done.connect(self._done)
        session.exported.connect(self._exported)

    def _opening(self, folder: Path) -> None:
        self._bar.show_busy(f"Opening {folder.name or folder}")

    def _show_pending(self) -> None:
        session = self._session
        usable = session.project is not None and session.entry is not None
        pending = session.tally["new"] if session.project is not None else 0
        self._toolbar.show_pending(pending, running=session.running, usable=usable)

    def show_idle(self) -> None:
        """What is analysed, when nothing runs."""
        session = self._session
        if session.running or self.elsewhere():
            return
        if session.project is None:
            self._bar.show_idle("")
            return
        parts = (job_words.summary(session.tally), job_words.left_out(session.project.skipped))
        tally = session.tally
        self._bar.show_idle(
            " · ".join(part for part in parts if part),
            failed=tally["failed"],
            unfinished=bool(tally["new"]) and bool(tally["done"] or tally["failed"]),
        )

    def _model_loading(self) -> None:
        if self._session.running:
            self._started()

    def _started(self) -> None:
        self._show_pending()
        if self.elsewhere():
            return
        session = self._session
        note = "" if session.ready else "Getting the model ready"
        self._bar.show_progress(session.progress, note=note, doing=session.doing)

    def _progressed(self) -> None:
        session = self._session
        if session.running and not self.elsewhere():
            self._bar.show_progress(session.progress, paused=session.paused, doing=session.doing)

    def _pause(self, paused: bool) -> None:
        if not self.elsewhere():
            self._session.pause(paused=paused)

    def _cancel(self) -> None:
        if self.elsewhere():
            return
        self._bar.show_stopping()
        self._session.cancel()

    def _done(self, done: JobDone) -> None:
        self._show_pending()
        self.show_idle()
        if self._session.doing == CHECKING and not done.error:
            self._tell_checked(done)

    def _tell_checked(self, done: JobDone) -> None:
        """How many photos need a look after the evidence was checked."""
        warned = len(self._session.warned)
        action = ("Show them", self.warned_wanted.emit) if warned else None
        text = job_words.checked(warned, done.progress)
        self._session.tell("warn" if warned else "info", text, action)

    def _exported(self, path: Path) -> None:
        said, link = f"Exported to {path}", ("Open", lambda: dialogs.open_file(path))
        if self._session.running:
            self._session.tell("info", said, link)
        else:
            self._bar.show_idle(said, link=link)
