"""What the window works on: one folder, one model, one job at a time; no widgets here."""

from __future__ import annotations

import logging
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from PySide6.QtCore import QObject, Signal

from geoview.app import session_work as work
from geoview.app.background import Background
from geoview.app.evidence_desk import EvidenceDesk
from geoview.app.inference import InferenceThread
from geoview.app.job_words import tally_of
from geoview.app.notice import Notice
from geoview.app.selection import EvidenceCheck, Selection
from geoview.app.session_work import Opened
from geoview.app.settings_keeper import SettingsKeeper
from geoview.app.worker import Backend, JobDone, ModelReady
from geoview.errors import GeoViewError
from geoview.records import ModelRef, PhotoResult, Progress
from geoview.settings import Settings

if TYPE_CHECKING:
    from geoview.models.store import ModelEntry
    from geoview.project import Project

log = logging.getLogger(__name__)

CHECKING = "Checking the evidence of"
_NO_MODEL = "There is no model to analyse with; add one on the Models page."


class Session(QObject):
    """Opens folders, runs models and keeps count. All signals come on the GUI thread."""

    opening = Signal(object)
    opened = Signal(object)
    open_failed = Signal()
    results_replaced = Signal(object)
    results_changed = Signal(object)
    tally_changed = Signal()
    models_listed = Signal(object)
    model_chosen = Signal(object)
    model_loading = Signal()
    model_ready = Signal(object)
    job_started = Signal()
    job_progress = Signal(object)
    job_done = Signal(object)
    exported = Signal(object)
    notice = Signal(object)

    def __init__(
        self,
        background: Background,
        keeper: SettingsKeeper,
        parent: QObject | None = None,
        *,
        backend: Backend | None = None,
    ) -> None:
        super().__init__(parent)
        self.background = background
        self.keeper = keeper
        self.project: Project | None = None
        self.entries: list[ModelEntry] = []
        self.entry: ModelEntry | None = None
        self.ready: ModelReady | None = None
        self.running = False
        self.paused = False
        self.progress = Progress(0, 0)
        self.doing = ""
        self._statuses: dict[str, str] = {}
        self._tally = tally_of([])
        self.warned: set[str] = set()
        self._asked: tuple[Path, str, str] | None = None
        self._abandoned = 0
        self.inference = InferenceThread(self, bridge=background.bridge, backend=backend)
        self.evidence = EvidenceDesk(self.inference, self)
        self._connect()

    def _connect(self) -> None:
        thread = self.inference
        thread.model_loading.connect(lambda _request: self.model_loading.emit())
        thread.model_ready.connect(self._model_ready)
        thread.model_failed.connect(self._model_failed)
        thread.results.connect(self._results)
        thread.progress.connect(self._progressed)
        thread.finished_job.connect(self._job_done)
        thread.notice.connect(lambda text: self.tell("info", text))

    @property
    def settings(self) -> Settings:
        return self.keeper.now

    @property
    def tally(self) -> dict[str, int]:
        """Number of photos by status."""
        return self._tally

    @property
    def model(self) -> ModelRef | None:
        return self.entry.ref if self.entry else None

    def tell(
        self, level: str, text: str, action: tuple[str, Callable[[], object]] | None = None
    ) -> None:
        """Show the user an inline banner."""
        log.log(logging.INFO if level == "info" else logging.WARNING, "%s", text)
        self.notice.emit(Notice(level, text, action))

    # Folders

    def open(self, folder: Path) -> None:
        """Open a folder in the background; the one opened last wins."""
        self.opening.emit(folder)
        self.background.run(
            work.open_folder,
            folder,
            self.settings.model_copy(deep=True),
            self.model,
            done=self._opened,
            failed=self._open_failed,
            dropped=work.close_opened,
            owner=self,
            key="open",
            priority=2,
        )

    def open_sample(self, name: str = "cuttings") -> None:
        """Open a sample project: the cuttings well, or the drawer of "specimens"."""
        self.background.run(
            work.sample, name, done=self.open, failed=self._open_failed, owner=self, key="sample"
        )

    def reload(self) -> None:
        """Look for new and changed photos in the open folder."""
        if self.project is not None:
            self.open(self.project.folder)

    def use_sheet(self, sheet: Path) -> None:
        """Read the depths of the open folder from a sheet, now and whenever it is opened."""
        if self.project is None:
            return
        folder = str(self.project.folder)

        def remember(_rows: object) -> None:
            self.settings.depth_sheets = {**self.settings.depth_sheets, folder: str(sheet)}
            self.keeper.changed()
            self.reload()

        self.background.run(
            work.check_sheet,
            sheet,
            done=remember,
            failed=lambda error: self._tell_failure("The sheet could not be read", error),
            owner=self,
            key="sheet",
        )

    def _opened(self, opened: Opened) -> None:
        self._abandon_job()
        previous, self.project = self.project, opened.project
        if previous is not None:
            self._close_project(previous)
        self.settings.remember_folder(opened.project.folder)
        self.keeper.changed()
        self.opened.emit(opened.project)
        self._replace(opened.results)
        if opened.project.notice:
            self.tell("info", opened.project.notice)
        self._load_model()

    def _open_failed(self, error: Exception) -> None:
        self.open_failed.emit()
        self._tell_failure("The folder could not be opened", error)

    def _close_project(self, project: Project) -> None:
        self.background.run(project.close, done=work.ignore, owner=self)

    def _replace(self, results: list[PhotoResult]) -> None:
        self._statuses = {result.photo.file: result.status for result in results}
        self._tally = tally_of(results)
        self.warned = {result.photo.file for result in results if result.evidence_warning}
        self.results_replaced.emit(results)
        self.tally_changed.emit()

    def _show_model_results(self) -> None:
        """The open folder as the chosen model sees it."""
        if self.project is None:
            return
        self.background.run(
            self.project.results,
            self.model,
            done=self._replace,
            failed=lambda error: self._tell_failure("The results could not be read", error),
            owner=self,
            key="results",
        )

    # Models

    def list_models(self) -> None:
        """Read the cards of all models at hand."""
        self.background.run(
            work.list_models,
            self.settings.model,
            done=self._models_listed,
            failed=lambda error: self._tell_failure("The models could not be listed", error),
            owner=self,
            key="models",
            priority=3,
        )

    def _models_listed(self, found: tuple[list[ModelEntry], Path | None]) -> None:
        self.entries, chosen = found
        self.models_listed.emit(self.entries)
        usable = [e for e in self.entries if e.card is not None]
        entry = next((e for e in usable if e.path == chosen), usable[0] if usable else None)
        if entry is None:
            self.tell("warn", _NO_MODEL)
        self._choose(entry)

    def use_model(self, entry: ModelEntry) -> None:
        """Choose another model; its earlier results are shown at once."""
        self.settings.model = str(entry.path)
        self.keeper.changed()
        self._choose(entry)

    def _choose(self, entry: ModelEntry | None) -> None:
        before, self.entry = self.model, entry
        self.model_chosen.emit(entry)
        if self.model != before:
            self._show_model_results()
        if self.project is not None:
            self._load_model()

    def add_model(self, source: Path) -> None:
        """Check a model file and copy it among the user's models."""
        self.background.run(
            work.add_model,
            source,
            done=self._model_added,
            failed=lambda error: self._tell_failure("The model could not be added", error),
            owner=self,
        )

    def _model_added(self, path: Path) -> None:
        self.settings.model = str(path)
        self.keeper.changed()
        self.list_models()

    def device_changed(self) -> None:
        """Start the model anew where the settings now say."""
        if self.inference.isRunning():
            self._load_model()

    def _load_model(self) -> None:
        if self.entry is None:
            return
        wanted = (self.entry.path, self.settings.device, self.settings.precision)
        if wanted == self._asked:
            return
        self._asked, self.ready = wanted, None
        self.evidence.set_ready(False)
        self.inference.load(wanted[0], device=wanted[1], precision=wanted[2])

    def _model_ready(self, ready: ModelReady) -> None:
        self.ready = ready
        self.model_ready.emit(ready)
        self.evidence.set_ready(True)

    def _model_failed(self, text: str) -> None:
        self._asked = self.ready = None
        self.model_ready.emit(None)
        self.tell("error", text, ("Try again", self._load_model))

    # Jobs

    def analyse(self, *, again: bool = False) -> None:
        """Analyse what is pending, or everything ``again``."""
        if self.project is not None:
            total = len(self._statuses)
            done = total - (total if again else self._tally["new"])
            self._start(self.project, Progress(done, total), again=again)

    def retry(self, files: Sequence[str]) -> None:
        """Analyse these photos again as they are now, after a file was mended or replaced."""
        if self.project is not None:
            self._start(Selection(self.project, tuple(files)), Progress(0, len(files)))

    def check_evidence(self) -> None:
        """Audit where the evidence lies, for what was analysed and not audited yet."""
        if self.project is not None:
            check = EvidenceCheck(self.project, self.settings.model_copy(deep=True))
            self._start(check, Progress(0, self._tally["done"]), doing=CHECKING)

    def _start(
        self, photos: Any, progress: Progress, *, again: bool = False, doing: str = "Analysing"
    ) -> None:
        if self.running:
            return
        if self.entry is None:
            self.tell("warn", _NO_MODEL)
            return
        self._load_model()
        self.running, self.paused, self.progress = True, False, progress
        self.doing = doing
        self.job_started.emit()
        self.inference.analyse(photos, again=again)

    def pause(self, *, paused: bool) -> None:
        self.paused = paused and self.running
        self.inference.pause(paused=self.paused)
        self.job_progress.emit(self.progress)

    def cancel(self) -> None:
        if self.running:
            self.inference.cancel()

    def _abandon_job(self) -> None:
        """Another folder is shown from now on: what still comes of the old job is ignored."""
        if self.running:
            self.inference.cancel()
            self.running = self.paused = False
            self._abandoned += 1

    def _results(self, results: list[PhotoResult]) -> None:
        if self._abandoned:
            return
        known = [r for r in results if r.photo.file in self._statuses]
        for result in known:
            self._tally[self._statuses[result.photo.file]] -= 1
            self._tally[result.status] += 1
            self._statuses[result.photo.file] = result.status
            note = self.warned.add if result.evidence_warning else self.warned.discard
            note(result.photo.file)
        self.results_changed.emit(known)
        self.tally_changed.emit()

    def _progressed(self, progress: Progress) -> None:
        if self._abandoned:
            return
        self.progress = progress
        self.job_progress.emit(progress)

    def _job_done(self, done: JobDone) -> None:
        if self._abandoned:
            self._abandoned -= 1
            return
        self.running = self.paused = False
        self.job_done.emit(done)
        again = self.check_evidence if self.doing == CHECKING else self.analyse
        if done.error:
            self.tell("error", done.error, ("Continue", again))

    # Files

    def export_csv(self, path: Path, *, tiles: bool = False) -> None:
        """Write the chosen model's results of the open folder."""
        if self.project is None or self.model is None or self.entry is None:
            return
        self.background.run(
            work.export,
            self.project,
            path,
            self.entry,
            tiles,
            done=self.exported.emit,
            failed=lambda error: self._tell_failure("The results could not be exported", error),
            owner=self,
        )

    def shutdown(self) -> None:
        """Stop and join everything; the catalogue keeps what was done."""
        self.inference.stop()
        self.background.shutdown()
        if self.project is not None:
            self.project.close()
            self.project = None
        self.keeper.save_now()

    def _tell_failure(self, what: str, error: Exception) -> None:
        if isinstance(error, GeoViewError):
            self.tell("error", str(error))
            return
        log.error("%s", what, exc_info=error)
        self.tell("error", f"{what}: {error}. The log has the details.")
