"""What the inference thread does, without Qt: one model, one device, one request at a time.

Heatmaps go before analysis: one that is asked for during a run is served between two batches.
Only the newest heatmap and the newest model are wanted; older requests are dropped.
"""

from __future__ import annotations

import logging
import threading
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal, Protocol

from geoview.errors import Cancelled, GeoViewError, ModelError
from geoview.records import Heatmap, ModelRef, Photo, Progress

if TYPE_CHECKING:
    from geoview.models.card import ModelCard

log = logging.getLogger(__name__)

Tell = Callable[[str, Any], None]
Place = Literal["main", "beside"]


@dataclass(frozen=True, slots=True)
class LoadRequest:
    path: Path
    device: str
    precision: str


@dataclass(frozen=True, slots=True)
class AnalyseRequest:
    """``project`` is whatever has the ``analyse`` of ``geoview.project.Project``."""

    project: Any
    again: bool = False


@dataclass(slots=True)
class _Analysis:
    request: AnalyseRequest
    cancelled: bool = False


@dataclass(frozen=True, slots=True)
class ExplainRequest:
    """Heatmaps of classes of a photo, for one of the two places where they are shown.

    ``model`` is another model's file, to compare with the one that is loaded.
    """

    id: int
    photo: Photo
    class_names: tuple[str, ...]
    method: str
    model: Path | None = None
    place: Place = "main"


@dataclass(frozen=True, slots=True)
class ModelReady:
    """The model that is loaded now, and where it runs."""

    path: Path
    card: ModelCard
    ref: ModelRef
    device_label: str
    methods: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class JobDone:
    """How an analysis ended; ``error`` is empty unless it broke off."""

    progress: Progress
    stopped: bool
    error: str = ""


@dataclass(frozen=True, slots=True)
class HeatmapAnswer:
    """The answer to one request; without ``heatmaps``, ``error`` says why."""

    request: ExplainRequest
    heatmaps: tuple[Heatmap, ...]
    error: str = ""


class Backend(Protocol):
    """The models' side; the default one imports torch when it is first used."""

    def load(
        self, request: LoadRequest, *, cancelled: Callable[[], bool]
    ) -> tuple[Any, ModelReady]:
        """An engine, warmed up, and what there is to say about it. May raise Cancelled."""

    def explain(
        self, engine: Any, request: ExplainRequest, *, cancelled: Callable[[], bool]
    ) -> tuple[Heatmap, ...]:
        """One heatmap for every class of the request that the model knows."""

    def device_label(self, engine: Any) -> str:
        """Where the engine runs now; it moves when memory runs out."""


class TorchBackend:
    """Loads models and explains photos with the real engine; keeps one model to compare with."""

    def __init__(self) -> None:
        self._other: tuple[Path, Any] | None = None

    def load(
        self, request: LoadRequest, *, cancelled: Callable[[], bool]
    ) -> tuple[Any, ModelReady]:
        from geoview.explain import cam
        from geoview.models import bundle, device
        from geoview.models.engine import Engine

        _unless(cancelled)
        model = bundle.load(request.path)
        _unless(cancelled)
        choice = device.choose(request.device, precision=request.precision)
        _unless(cancelled)
        engine = Engine(model, choice=choice)
        ready = ModelReady(
            path=request.path,
            card=model.card,
            ref=model.ref,
            device_label=engine.choice.label,
            methods=tuple(cam.methods(model)),
        )
        return engine, ready

    def explain(
        self, engine: Any, request: ExplainRequest, *, cancelled: Callable[[], bool]
    ) -> tuple[Heatmap, ...]:
        from geoview.explain import cam

        source = self._source(engine, request)
        card = (source.model if source is engine else source).card
        known = [name for name in request.class_names if name in card.classes]
        if not known:
            raise ModelError(f"{card.title} does not know {', '.join(request.class_names[:3])}.")
        return tuple(
            cam.explain_classes(
                source,
                request.photo,
                class_names=known,
                method=request.method if request.method in cam.methods(source) else "auto",
                cancelled=cancelled,
            )
        )

    def _source(self, engine: Any, request: ExplainRequest) -> Any:
        """The engine, or the model to compare with, which works on the CPU."""
        from geoview.models import bundle

        if request.model is None:
            return engine
        if self._other is None or self._other[0] != request.model:
            self._other = (request.model, bundle.load(request.model))
        return self._other[1]

    def device_label(self, engine: Any) -> str:
        label: str = engine.choice.label
        return label


class Worker:
    """Serves requests until stopped. ``tell(what, value)`` is called in the worker's thread.

    Told: "loading" (LoadRequest), "ready" (ModelReady), "unusable" (str), "results"
    (list of PhotoResult), "progress" (Progress), "job" (JobDone, always, once per analysis),
    "device" (str, where the analysis ended up), "heatmap" (HeatmapAnswer), "notice" (str).
    """

    def __init__(self, tell: Tell, *, backend: Backend | None = None) -> None:
        self._tell = tell
        self._backend: Backend = backend or TorchBackend()
        self._changed = threading.Condition()
        self._load: LoadRequest | None = None
        self._analyses: deque[_Analysis] = deque()
        self._running: _Analysis | None = None
        self._explain: dict[Place, ExplainRequest] = {}
        self._stop = False
        self._paused = False
        self._engine: Any = None

    # Called from the GUI thread.

    def ask(self, request: LoadRequest | AnalyseRequest | ExplainRequest) -> None:
        with self._changed:
            if isinstance(request, LoadRequest):
                self._load = request
            elif isinstance(request, AnalyseRequest):
                self._analyses.append(_Analysis(request))
            else:
                self._explain[request.place] = request
            self._changed.notify_all()

    def forget_heatmap(self) -> None:
        with self._changed:
            self._explain.clear()

    def pause(self, *, paused: bool) -> None:
        with self._changed:
            self._paused = paused
            self._changed.notify_all()

    def cancel(self) -> None:
        """Stop the analysis that runs and those that wait; each is still told as done."""
        with self._changed:
            for analysis in (*self._analyses, self._running):
                if analysis is not None:
                    analysis.cancelled = True
            self._changed.notify_all()

    def stop(self) -> None:
        with self._changed:
            self._stop = True
            self._changed.notify_all()

    # The worker's thread.

    def serve(self) -> None:
        """Serve requests until ``stop()``; everything that was opened is closed."""
        try:
            while (request := self._next()) is not None:
                if isinstance(request, LoadRequest):
                    self._do_load(request)
                elif isinstance(request, ExplainRequest):
                    self._do_explain(request)
                else:
                    self._do_analyse(request)
        finally:
            self._close_engine()

    def _next(self) -> LoadRequest | ExplainRequest | _Analysis | None:
        with self._changed:
            while not (self._stop or self._load or self._explain or self._analyses):
                self._changed.wait()
            if self._stop:
                return None
            if self._load is not None:
                request, self._load = self._load, None
                return request
            return self._take_heatmap() or self._take_analysis()

    def _take_heatmap(self) -> ExplainRequest | None:
        """What is over the photo itself goes before what is beside it."""
        place = min(self._explain, key=("main", "beside").index, default=None)
        return None if place is None else self._explain.pop(place)

    def _take_analysis(self) -> _Analysis:
        self._running, self._paused = self._analyses.popleft(), False
        return self._running

    def _do_load(self, request: LoadRequest) -> None:
        self._tell("loading", request)
        self._close_engine()
        try:
            self._engine, ready = self._backend.load(request, cancelled=self._load_stale)
        except Cancelled:
            log.info("Loading %s was given up", request.path.name)
        except Exception as error:
            self._tell("unusable", _plain(error, f"The model {request.path.name} cannot be used"))
        else:
            self._tell("ready", ready)

    def _do_explain(self, request: ExplainRequest) -> None:
        if self._engine is None:
            self._tell("heatmap", HeatmapAnswer(request, (), "No model is loaded."))
            return

        def stale() -> bool:
            return self._stop or request.place in self._explain

        try:
            heatmaps = self._backend.explain(self._engine, request, cancelled=stale)
        except Exception as error:
            if not stale():
                text = _plain(error, f"No heatmap for {request.photo.file}")
                self._tell("heatmap", HeatmapAnswer(request, (), text))
        else:
            self._tell("heatmap", HeatmapAnswer(request, heatmaps))

    def _do_analyse(self, analysis: _Analysis) -> None:
        progress, error = Progress(0, 0), ""
        try:
            if self._engine is None:
                raise GeoViewError("No model is loaded; choose one on the Models page.")
            if not analysis.cancelled:
                progress = self._run(analysis.request)
        except Exception as failure:
            error = _plain(failure, "The analysis broke off")
        if self._engine is not None:
            self._tell("device", self._backend.device_label(self._engine))
        stopped = self._interrupted()
        with self._changed:
            self._running = None
        self._tell("job", JobDone(progress, stopped=stopped, error=error))

    def _run(self, request: AnalyseRequest) -> Progress:
        progress = Progress(0, 0)
        stream = request.project.analyse(
            self._engine,
            again=request.again,
            cancelled=self._interrupted,
            notify=lambda text: self._tell("notice", text),
        )
        try:
            for results, progress in stream:
                self._tell("results", results)
                self._tell("progress", progress)
                self._between_batches()
        finally:
            stream.close()
        return progress

    def _between_batches(self) -> None:
        """Serve a heatmap if one is wanted, and wait while paused."""
        while True:
            with self._changed:
                while self._paused and not (self._explain or self._interrupted()):
                    self._changed.wait()
                heatmap = None if self._interrupted() else self._take_heatmap()
            if heatmap is None:
                return
            self._do_explain(heatmap)

    def _interrupted(self) -> bool:
        """Whether the running analysis should end; plain reads, so it needs no lock."""
        running = self._running
        return self._stop or self._load is not None or (running is not None and running.cancelled)

    def _load_stale(self) -> bool:
        return self._stop or self._load is not None

    def _close_engine(self) -> None:
        engine, self._engine = self._engine, None
        if engine is not None:
            engine.close()


def _unless(cancelled: Callable[[], bool]) -> None:
    if cancelled():
        raise Cancelled("Loading the model was given up.")


def _plain(error: Exception, what: str) -> str:
    """One sentence for the user; anything unforeseen goes to the log in full."""
    if isinstance(error, GeoViewError):
        return str(error)
    log.error("%s", what, exc_info=error)
    return f"{what}: {error or type(error).__name__}. The log has the details."
