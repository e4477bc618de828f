"""The inference worker: order, pauses, cancelling, failures; no Qt and no torch needed."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from gui.fakes import FakeBackend, prediction
from PySide6.QtCore import QThread

from geoview.app.background import Background
from geoview.app.inference import InferenceThread
from geoview.app.worker import AnalyseRequest, ExplainRequest, HeatmapAnswer, LoadRequest, Worker
from geoview.errors import Cancelled, ModelError
from geoview.records import Photo, PhotoResult, Progress


def photo(number: int) -> Photo:
    return Photo(Path(f"/photos/{number}.jpg"), f"{number}.jpg", 1, 1)


class FakeProject:
    """Hands out one result at a time, each when ``step`` is released."""

    def __init__(self, number: int, *, error: Exception | None = None) -> None:
        self.number = number
        self.error = error
        self.step = threading.Semaphore(0)
        self.closed = False

    def analyse(
        self,
        engine: Any,
        *,
        again: bool,
        cancelled: Callable[[], bool],
        notify: Callable[[str], None],
    ) -> Iterator[tuple[list[PhotoResult], Progress]]:
        try:
            for i in range(self.number):
                while not self.step.acquire(timeout=0.005):
                    if cancelled():
                        return
                if self.error is not None and i == 1:
                    raise self.error
                result = PhotoResult(photo(i), prediction(photo(i)))
                yield [result], Progress(i + 1, self.number, 1.0)
        finally:
            self.closed = True


class Served:
    """A worker in a thread of its own, and what it told."""

    def __init__(self, backend: FakeBackend) -> None:
        self.told: list[tuple[str, Any]] = []
        self.worker = Worker(lambda what, value: self.told.append((what, value)), backend=backend)
        self.thread = threading.Thread(target=self.worker.serve)
        self.thread.start()

    def names(self) -> list[str]:
        return [what for what, _ in self.told]

    def last(self, what: str) -> Any:
        return next(value for name, value in reversed(self.told) if name == what)

    def until(self, condition: Callable[[], bool]) -> None:
        deadline = time.monotonic() + 10
        while not condition():
            assert time.monotonic() < deadline, f"told so far: {self.names()}"
            time.sleep(0.002)


@pytest.fixture
def backend() -> FakeBackend:
    return FakeBackend()


@pytest.fixture
def served(backend: FakeBackend) -> Iterator[Served]:
    made = Served(backend)
    made.worker.ask(LoadRequest(Path("m.safetensors"), "auto", "auto"))
    made.until(lambda: "ready" in made.names())
    yield made
    made.worker.stop()
    made.thread.join(10)
    assert not made.thread.is_alive()


def explain(number: int, class_name: str = "shale") -> ExplainRequest:
    return ExplainRequest(number, photo(number), (class_name,), "auto")


def test_a_heatmap_is_served_between_two_batches(served: Served) -> None:
    project = FakeProject(3)
    served.worker.ask(AnalyseRequest(project))
    project.step.release()
    served.until(lambda: "results" in served.names())
    served.worker.ask(explain(7))
    project.step.release()
    served.until(lambda: "heatmap" in served.names())
    assert "job" not in served.names()
    project.step.release()
    served.until(lambda: "job" in served.names())
    assert not served.last("job").stopped


def test_only_the_newest_heatmap_is_computed(served: Served, backend: FakeBackend) -> None:
    project = FakeProject(1)
    served.worker.ask(AnalyseRequest(project))
    time.sleep(0.02)
    for number in (1, 2, 3):
        served.worker.ask(explain(number))
    project.step.release()
    served.until(lambda: "heatmap" in served.names())
    assert backend.explained is not None
    assert [request.id for request in backend.explained] == [3]


def test_a_paused_analysis_waits_and_still_serves_heatmaps(served: Served) -> None:
    project = FakeProject(3)
    served.worker.ask(AnalyseRequest(project))
    project.step.release()
    served.until(lambda: "results" in served.names())
    served.worker.pause(paused=True)
    project.step.release(2)
    served.until(lambda: served.names().count("results") == 2)
    served.worker.ask(explain(1))
    served.until(lambda: "heatmap" in served.names())
    assert served.names().count("results") == 2
    served.worker.pause(paused=False)
    served.until(lambda: "job" in served.names())
    assert served.last("job").progress.done == 3


def test_cancelling_also_ends_a_paused_analysis_and_closes_it(served: Served) -> None:
    project = FakeProject(9)
    served.worker.ask(AnalyseRequest(project))
    served.worker.pause(paused=True)
    project.step.release()
    served.until(lambda: "results" in served.names())
    served.worker.pause(paused=True)
    served.worker.cancel()
    served.until(lambda: "job" in served.names())
    assert served.last("job").stopped
    assert project.closed


def test_a_new_analysis_is_not_hit_by_the_cancelling_of_the_old_one(served: Served) -> None:
    old, new = FakeProject(5), FakeProject(1)
    served.worker.ask(AnalyseRequest(old))
    served.worker.cancel()
    served.worker.ask(AnalyseRequest(new))
    new.step.release()
    served.until(lambda: served.names().count("job") == 2)
    stopped = [value.stopped for what, value in served.told if what == "job"]
    assert stopped == [True, False]


def test_another_model_interrupts_the_analysis_and_closes_the_old_one(
    served: Served, backend: FakeBackend
) -> None:
    project = FakeProject(5)
    served.worker.ask(AnalyseRequest(project))
    time.sleep(0.02)
    served.worker.ask(LoadRequest(Path("other.safetensors"), "cpu", "fp32"))
    served.until(lambda: served.names().count("ready") == 2)
    assert served.last("job").stopped
    assert backend.engines is not None
    assert [engine.closed for engine in backend.engines] == [True, False]


@pytest.mark.parametrize(
    ("error", "said"),
    [
        (ModelError("The catalogue is locked; close the other window."), "close the other window"),
        (RuntimeError("cuDNN"), "The analysis broke off: cuDNN"),
    ],
)
def test_a_failing_analysis_still_ends_and_says_why(
    served: Served, error: Exception, said: str
) -> None:
    project = FakeProject(3, error=error)
    served.worker.ask(AnalyseRequest(project))
    project.step.release(3)
    served.until(lambda: "job" in served.names())
    assert said in served.last("job").error
    served.worker.ask(explain(1))
    served.until(lambda: "heatmap" in served.names())


def test_a_model_that_is_no_longer_wanted_is_not_finished() -> None:
    class Slow(FakeBackend):
        def load(self, request: LoadRequest, *, cancelled: Callable[[], bool]) -> Any:
            while request.path.name == "old" and not cancelled():
                time.sleep(0.002)
            if cancelled():
                raise Cancelled("given up")
            return super().load(request, cancelled=cancelled)

    served = Served(Slow())
    served.worker.ask(LoadRequest(Path("old"), "auto", "auto"))
    served.until(lambda: "loading" in served.names())
    served.worker.ask(LoadRequest(Path("new"), "auto", "auto"))
    served.until(lambda: "ready" in served.names())
    served.worker.stop()
    served.thread.join(10)
    assert served.names() == ["loading", "loading", "ready"]
    assert served.last("ready").path == Path("new")


def test_without_a_model_an_analysis_says_so() -> None:
    served = Served(FakeBackend(failure=ModelError("m.safetensors is damaged.")))
    served.worker.ask(LoadRequest(Path("m.safetensors"), "auto", "auto"))
    served.worker.ask(AnalyseRequest(FakeProject(1)))
    served.until(lambda: "job" in served.names())
    served.worker.stop()
    served.thread.join(10)
    assert served.last("unusable") == "m.safetensors is damaged."
    assert "No model is loaded" in served.last("job").error


def test_the_thread_tells_on_the_gui_thread_and_in_order(qtbot: Any, backend: FakeBackend) -> None:
    background = Background()
    thread = InferenceThread(bridge=background.bridge, backend=backend)
    told: list[tuple[str, Any, bool]] = []
    gui = QThread.currentThread()

    def note(what: str) -> Callable[[object], None]:
        return lambda value: told.append((what, value, QThread.currentThread() is gui))

    thread.results.connect(note("results"))
    thread.finished_job.connect(note("job"))
    thread.heatmap_ready.connect(note("heatmap"))
    project = FakeProject(200)
    project.step.release(200)
    thread.load(Path("m.safetensors"))
    thread.analyse(project)
    qtbot.waitUntil(lambda: any(what == "job" for what, *_ in told), timeout=10_000)
    files = [r.photo.file for what, value, _ in told if what == "results" for r in value]
    assert files == [f"{i}.jpg" for i in range(200)]
    assert told[-1][0] == "job"
    assert sum(what == "results" for what, *_ in told) < 60
    number = thread.explain(photo(1), class_names=["shale"])
    qtbot.waitUntil(lambda: told[-1][0] == "heatmap", timeout=5_000)
    answer = told[-1][1]
    assert isinstance(answer, HeatmapAnswer)
    assert answer.request.id == number
    assert all(on_gui for *_, on_gui in told)
    thread.stop()
    background.shutdown()
    assert thread.isFinished()
