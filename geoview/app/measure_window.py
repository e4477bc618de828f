"""The Measure page in the window: its tools in the toolbar, its jobs in the jobs bar."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from PySide6.QtCore import QObject

from geoview.app import dialogs
from geoview.app.job_words import photos
from geoview.app.jobs_bar import JobsBar
from geoview.app.measure_desk import WRITING
from geoview.app.measure_job import JobEnd
from geoview.app.measure_page import MeasurePage
from geoview.app.words import count

if TYPE_CHECKING:
    from geoview.app.measure_rows import Show


class MeasureJobs(QObject):
    """Shows the page's job in the jobs bar while it runs, and what it left."""

    def __init__(self, page: MeasurePage, jobs: JobsBar) -> None:
        super().__init__(page)
        self._page = page
        self._jobs = jobs
        desk = page.desk
        jobs.pause_toggled.connect(lambda paused: desk.pause(paused=paused))
        jobs.cancel_wanted.connect(self._cancel)
        desk.job_started.connect(self.show_progress)
        desk.job_progress.connect(lambda _progress: self.show_progress())
        desk.job_done.connect(self._done)

    def show_progress(self) -> None:
        desk = self._page.desk
        if desk.running:
            self._jobs.show_progress(desk.progress, paused=desk.paused, doing=desk.verb)

    def show_idle(self) -> None:
        """What is measured, when nothing runs."""
        if not self._page.desk.running:
            self._jobs.show_idle(summary(self._page.table.model.counts()))

    def _cancel(self) -> None:
        if self._page.desk.running:
            self._jobs.show_stopping()
            self._page.desk.cancel()

    def _done(self, end: JobEnd) -> None:
        if isinstance(end.answer, Path):
            path = end.answer
            self._jobs.show_idle(
                f"Exported to {path}", link=("Open", lambda: dialogs.open_file(path))
            )
            return
        found = self._page.table.model.counts()
        text = summary(found)
        desk = self._page.desk
        unfinished = desk.verb == WRITING or end.progress.done < end.progress.total
        if end.error or (end.stopped and unfinished):
            words = "Export again" if desk.verb == WRITING else "Continue"
            self._jobs.show_idle(text, link=(words, desk.go_on))
        elif found["review"]:
            link = (f"Review {photos(found['review'])}", self._review)
            self._jobs.show_idle(text, link=link)
        else:
            self._jobs.show_idle(text)

    def _review(self) -> None:
        self._page.table.show_all()
        self._page.table.show_only("review")
        self._page.table.select_place(0)
        self._page.table.view.setFocus()


def summary(found: dict[Show, int]) -> str:
    """ "96 of 100 measured: 80 accepted, 12 to review, 4 rejected"."""
    measured = sum(number for show, number in found.items() if show != "all")
    text = f"{count(measured)} of {count(found['all'])} measured"
    if not measured:
        return text
    parts = (
        f"{count(found['accepted'])} accepted",
        f"{count(found['review'])} to review",
        f"{count(found['rejected'])} rejected",
    )
    return f"{text}: {', '.join(parts)}"
