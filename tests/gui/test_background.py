"""Work off the GUI thread and back."""

from __future__ import annotations

import itertools
import threading
import time
from collections.abc import Iterator
from typing import Any

import pytest
from PySide6.QtCore import QObject

from geoview.app.background import Background, Bridge


@pytest.fixture
def background() -> Iterator[Background]:
    made = Background()
    yield made
    made.shutdown()


def test_answers_arrive_on_the_gui_thread(qtbot: Any, background: Background) -> None:
    seen: list[Any] = []
    owner = QObject()
    background.run(
        threading.get_ident,
        done=lambda worker: seen.append((worker, threading.get_ident())),
        owner=owner,
    )
    qtbot.waitUntil(lambda: bool(seen))
    worker, gui = seen[0]
    assert gui == threading.get_ident()
    assert worker != gui


def test_errors_reach_failed_and_the_next_job_still_runs(
    qtbot: Any, background: Background
) -> None:
    seen: list[Any] = []
    owner = QObject()

    def fail() -> None:
        raise ValueError("broken")

    background.run(fail, done=seen.append, failed=lambda e: seen.append(str(e)), owner=owner)
    background.run(lambda: "fine", done=seen.append, owner=owner)
    qtbot.waitUntil(lambda: len(seen) == 2)
    assert sorted(seen) == ["broken", "fine"]


def test_answers_for_a_destroyed_owner_or_an_older_key_are_dropped(
    qtbot: Any, background: Background
) -> None:
    seen: list[str] = []
    dropped: list[str] = []
    gate = threading.Event()
    gone, owner = QObject(), QObject()

    def slow(text: str) -> str:
        gate.wait(5)
        return text

    for name, receiver, key in (("gone", gone, None), ("old", owner, "k"), ("new", owner, "k")):
        background.run(
            slow, name, done=seen.append, dropped=dropped.append, owner=receiver, key=key
        )
    time.sleep(0.05)
    gone.deleteLater()
    qtbot.wait(20)
    gate.set()
    qtbot.waitUntil(lambda: seen == ["new"])
    qtbot.waitUntil(lambda: "gone" in dropped)
    assert "new" not in dropped


def test_higher_priority_goes_first(qtbot: Any) -> None:
    background = Background(threads=1)
    seen: list[int] = []
    gate = threading.Event()
    owner = QObject()
    background.run(gate.wait, 5, done=lambda _: None, owner=owner)
    for priority in (0, 0, 2, 1):
        background.run(lambda p=priority: p, done=seen.append, owner=owner, priority=priority)
    gate.set()
    qtbot.waitUntil(lambda: len(seen) == 4)
    background.shutdown()
    assert seen == [2, 1, 0, 0]


def test_shutdown_hands_back_results_that_nobody_will_take(qtbot: Any) -> None:
    background = Background()
    seen: list[str] = []
    dropped: list[str] = []
    owner = QObject()
    started = threading.Event()

    def open_something() -> str:
        started.set()
        time.sleep(0.05)
        return "opened"

    background.run(open_something, done=seen.append, dropped=dropped.append, owner=owner)
    assert started.wait(5)
    background.shutdown()
    assert (seen, dropped) == ([], ["opened"])


def test_a_flood_of_answers_comes_in_few_batches(qtbot: Any) -> None:
    bridge = Bridge()
    turns: list[float] = []

    def work() -> None:
        for _ in range(2000):
            bridge.post(lambda: turns.append(time.monotonic()))

    thread = threading.Thread(target=work)
    thread.start()
    thread.join()
    qtbot.waitUntil(lambda: len(turns) == 2000)
    batches = 1 + sum(b - a > 0.02 for a, b in itertools.pairwise(turns))
    bridge.close()
    assert batches <= 5


def test_one_failing_callback_does_not_hold_up_the_others(qtbot: Any) -> None:
    bridge = Bridge()
    seen: list[int] = []
    with qtbot.captureExceptions() as errors:
        bridge.post(lambda: seen.append(1 // 0))
        bridge.post(lambda: seen.append(2))
        qtbot.waitUntil(lambda: seen == [2])
    bridge.close()
    assert [kind for kind, *_ in errors] == [ZeroDivisionError]
