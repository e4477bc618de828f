"""The real window, offscreen; a test that leaks a thread, a timer or a window fails."""

from __future__ import annotations

import os
import sys
import threading
import weakref
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

if sys.platform == "linux" and not os.environ.get("DISPLAY"):
    os.environ.setdefault("QT_QPA_PLATFORM", "offscreen")

import shiboken6
from gui.fakes import REF, FakeBackend, card, write_photos
from gui.measure_fakes import FakeTool, corrected, maker, write_specimens
from PySide6.QtCore import QCoreApplication, QEvent, QObject, QThread, QTimer
from PySide6.QtWidgets import QApplication

from geoview.app import measure_page, measure_work, session_work, theme
from geoview.app.window import MainWindow
from geoview.models.store import ModelEntry


@pytest.fixture(autouse=True)
def _no_leaks(qapp: QApplication, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """Fail a test that leaves a thread, an active timer or a top-level widget behind."""
    started: list[weakref.ref[QObject]] = []
    for kind in (QTimer, QThread):
        _record_starts(kind, started, monkeypatch)
    threads = set(threading.enumerate())
    widgets = set(QApplication.topLevelWidgets())
    yield
    _settle()
    left = [
        *(f"widget {w!r}" for w in QApplication.topLevelWidgets() if w not in widgets),
        *(f"thread {t.name}" for t in threading.enumerate() if t not in threads and ours(t)),
        *(f"{one!r}" for one in (ref() for ref in started) if one is not None and _alive(one)),
    ]
    assert not left, f"left behind: {', '.join(left)}"


def ours(thread: threading.Thread) -> bool:
    """Threads that libraries keep for good (OpenMP, tqdm) are not ours to end."""
    return thread.is_alive() and not isinstance(thread, threading._DummyThread)


def _record_starts(kind: Any, started: list[Any], monkeypatch: pytest.MonkeyPatch) -> None:
    start = kind.start

    def recorded(self: QObject, *args: Any) -> None:
        started.append(weakref.ref(self))
        start(self, *args)

    monkeypatch.setattr(kind, "start", recorded)


def _alive(one: QObject) -> bool:
    if not shiboken6.isValid(one):
        return False
    return one.isActive() if isinstance(one, QTimer) else one.isRunning()  # type: ignore[union-attr]


def _settle() -> None:
    """Let widgets that were told to go, go."""
    for _ in range(3):
        QCoreApplication.sendPostedEvents(None, QEvent.Type.DeferredDelete)
        QCoreApplication.processEvents()


@pytest.fixture
def photos(tmp_path: Path) -> Path:
    """A folder of eight small photos with depths in their names."""
    return write_photos(tmp_path / "well", 8)


@pytest.fixture
def backend() -> FakeBackend:
    return FakeBackend()


@pytest.fixture
def fake_model(monkeypatch: pytest.MonkeyPatch) -> ModelEntry:
    """The only model at hand is one that needs no torch."""
    entry = ModelEntry(Path("fake.safetensors"), card(), REF)
    monkeypatch.setattr(session_work, "list_models", lambda wanted: ([entry], entry.path))
    return entry


@pytest.fixture
def tool(monkeypatch: pytest.MonkeyPatch) -> FakeTool:
    """The size tool of new Measure pages, without a detector."""
    made = FakeTool()
    monkeypatch.setattr(measure_work, "make_measuring", maker(made))
    # The real one fits a camera to the corners; its mathematics are tested in tests/measure.
    monkeypatch.setattr(measure_page, "corrected", corrected)
    return made


@pytest.fixture
def drawer(tmp_path: Path) -> Path:
    """A folder of six specimens."""
    return write_specimens(tmp_path / "drawer", 6)


@pytest.fixture
def make_window(
    qtbot: Any, qapp: QApplication, backend: FakeBackend, fake_model: ModelEntry
) -> Iterator[Callable[..., MainWindow]]:
    """Makes real windows; they are closed as the user would close them."""
    made: list[MainWindow] = []

    def make(*, backend: Any = backend, folder: Path | None = None) -> MainWindow:
        theme.apply(qapp, "light")
        window = MainWindow(backend=backend)
        made.append(window)
        window.show()
        # Keys only work in an active window, and a bare X server activates none by itself.
        window.activateWindow()
        with qtbot.waitActive(window, timeout=5_000):
            pass
        with qtbot.waitSignal(window.settled, timeout=20_000):
            window.begin(folder)
        return window

    yield make
    for window in made:
        if shiboken6.isValid(window):
            window.close()
