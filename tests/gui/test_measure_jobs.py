"""Jobs of the Measure page that were stopped or failed, and folders that others work on too."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

from gui.measure_fakes import FakeTool, maker, write_specimens
from gui.test_measure_window import Make, in_table, measured

from geoview.errors import Cancelled, DataError
from geoview.project import Project
from geoview.settings import Settings


def test_an_export_that_was_stopped_is_offered_again(
    qtbot: Any, make_window: Make, drawer: Path, tool: FakeTool
) -> None:
    window = make_window()
    page = measured(qtbot, window, drawer)
    begun: list[int] = []

    def task(*, cancelled: Callable[[], bool], **_: Any) -> None:
        begun.append(len(tool.seen))
        while not cancelled():
            time.sleep(0.01)
        raise Cancelled("Stopped; the export is not complete.")

    for _ in range(2):
        with qtbot.waitSignal(page.desk.job_done, timeout=20_000):
            page.desk.write(task) if not begun else window.jobs.link.click()
            page.desk.cancel()
        assert window.jobs.link.text() == "Export again"
    assert begun == [len(tool.seen)] * 2  # nothing was measured instead


def test_measuring_all_again_continues_with_what_was_left(
    qtbot: Any, make_window: Make, tmp_path: Path, tool: FakeTool
) -> None:
    window = make_window()
    page = measured(qtbot, window, write_specimens(tmp_path / "many", 40))
    before = len(tool.seen)
    tool.seconds_per_photo = 0.3
    page.desk.measure(again=True)
    qtbot.waitUntil(lambda: len(tool.seen) > before)
    with qtbot.waitSignal(page.desk.job_done, timeout=20_000):
        page.desk.cancel()
    tool.seconds_per_photo = 0.0
    with qtbot.waitSignal(page.desk.job_done, timeout=20_000):
        window.jobs.link.click()
    again = tool.seen[before:]
    assert sorted(again) == sorted(set(tool.seen[:before]))


def test_sharing_a_scale_that_failed_is_tried_again(
    qtbot: Any, make_window: Make, drawer: Path, tool: FakeTool
) -> None:
    window = make_window()
    page = measured(qtbot, window, drawer)
    measuring = page.desk.measuring
    assert measuring is not None
    shared = measuring.inherit

    def locked(file: str, **_: Any) -> Iterator[Any]:
        measuring.inherit = shared  # type: ignore[method-assign]
        raise DataError("The catalogue cannot be used now.")
        yield

    measuring.inherit = locked  # type: ignore[method-assign,assignment]
    with qtbot.waitSignal(page.desk.job_done, timeout=20_000):
        page.desk.share_scale("QM-001.jpg")
    with qtbot.waitSignal(page.desk.job_done, timeout=20_000):
        page.desk.go_on()
    assert in_table(page, "QM-005.jpg").scale is not None


def test_the_table_follows_what_another_program_measured(
    qtbot: Any, make_window: Make, drawer: Path, tool: FakeTool
) -> None:
    window = make_window()
    page = measured(qtbot, window, drawer)
    with Project.open(drawer, settings=Settings()) as project:
        elsewhere = maker(tool)(project, Settings(cube_mm=10.0))
        list(elsewhere.run())
        now = elsewhere.one("QM-002.jpg")
    assert now is not None
    assert in_table(page, "QM-002.jpg").size_mm != now.size_mm
    page.go_to("QM-002.jpg")
    qtbot.waitUntil(lambda: in_table(page, "QM-002.jpg").size_mm == now.size_mm)
