"""The one inference thread: it owns the model and the device; the window only sends requests."""

from __future__ import annotations

import itertools
import threading
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from PySide6.QtCore import QObject, QThread, Signal

from geoview.app.background import Bridge
from geoview.app.worker import (
    AnalyseRequest,
    Backend,
    ExplainRequest,
    LoadRequest,
    Place,
    Worker,
)
from geoview.records import Photo, PhotoResult, Progress


class InferenceThread(QThread):
    """Loads, warms up and runs models in one thread of its own.

    All signals are emitted on the GUI thread, results and progress at most 30 times a second.
    ``model_ready(ModelReady)``, ``model_failed(str)``, ``model_loading(Path)``,
    ``results(list[PhotoResult])``, ``progress(Progress)``, ``finished_job(JobDone)``,
    ``heatmap_ready(HeatmapAnswer)``, ``device(str)``, ``notice(str)``.
    """

    model_loading = Signal(object)
    model_ready = Signal(object)
    model_failed = Signal(str)
    results = Signal(object)
    progress = Signal(object)
    finished_job = Signal(object)
    heatmap_ready = Signal(object)
    device = Signal(str)
    notice = Signal(str)

    def __init__(
        self, parent: QObject | None = None, *, bridge: Bridge, backend: Backend | None = None
    ) -> None:
        super().__init__(parent)
        self.setObjectName("inference")
        self._bridge = bridge
        self._worker = Worker(self._tell, backend=backend)
        self._ids = itertools.count(1)
        self._lock = threading.Lock()
        self._fresh: list[PhotoResult] = []
        self._latest: Progress | None = None
        self._news: list[tuple[str, Any]] = []
        self._posted = False

    def load(self, path: Path, *, device: str = "auto", precision: str = "auto") -> None:
        """Use another model or device; a running analysis stops and keeps what it has."""
        self._worker.ask(LoadRequest(path, device, precision))
        self._ensure_running()

    def analyse(self, project: Any, *, again: bool = False) -> None:
        """Analyse what is pending in a project, or everything ``again``."""
        self._worker.ask(AnalyseRequest(project, again))
        self._ensure_running()

    def explain(
        self,
        photo: Photo,
        *,
        class_names: Sequence[str],
        method: str = "auto",
        model: Path | None = None,
        place: Place = "main",
    ) -> int:
        """Ask for heatmaps; returns the request's id. The newest request for a place replaces
        older ones."""
        request = ExplainRequest(
            next(self._ids), photo, tuple(class_names), method, model=model, place=place
        )
        self._worker.ask(request)
        self._ensure_running()
        return request.id

    def forget_heatmap(self) -> None:
        """Drop the heatmaps that nobody waits for any more."""
        self._worker.forget_heatmap()

    def pause(self, *, paused: bool = True) -> None:
        """Hold the analysis between two batches, or let it go on; heatmaps are still served."""
        self._worker.pause(paused=paused)

    def cancel(self) -> None:
        """Stop the analysis within one batch; results so far are kept."""
        self._worker.cancel()

    def stop(self) -> None:
        """Stop everything and wait for the thread to end."""
        self._worker.stop()
        self.wait()

    def run(self) -> None:
        """Thread body; Qt calls it."""
        self._worker.serve()

    def _ensure_running(self) -> None:
        if not self.isRunning():
            self.start()

    def _tell(self, what: str, value: Any) -> None:
        with self._lock:
            if what == "results":
                self._fresh.extend(value)
            elif what == "progress":
                self._latest = value
            else:
                self._news.append((what, value))
            post, self._posted = not self._posted, True
        if post:
            self._bridge.post(self._flush)

    def _flush(self) -> None:
        """GUI thread: everything told since the last time, results before the job's end."""
        with self._lock:
            fresh, self._fresh = self._fresh, []
            latest, self._latest = self._latest, None
            news, self._news = self._news, []
            self._posted = False
        if fresh:
            self.results.emit(fresh)
        if latest is not None:
            self.progress.emit(latest)
        for what, value in news:
            self._signal(what).emit(value)

    def _signal(self, what: str) -> Any:
        return {
            "loading": self.model_loading,
            "ready": self.model_ready,
            "unusable": self.model_failed,
            "job": self.finished_job,
            "device": self.device,
            "heatmap": self.heatmap_ready,
            "notice": self.notice,
        }[what]
