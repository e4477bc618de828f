"""The Measure page has room for the photo and for the table's names, at every window size."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

from gui.measure_fakes import FakeTool
from gui.test_measure_window import chosen, measured, shown
from PySide6.QtCore import QPointF

from geoview.app.measure_page import MeasurePage
from geoview.app.window import MainWindow

Make = Callable[..., MainWindow]


def resized(qtbot: Any, window: MainWindow, wide: int, high: int) -> None:
    window.resize(wide, high)
    qtbot.waitUntil(lambda: (window.width(), window.height()) == (wide, high))
    qtbot.wait(60)


def photo_is_largest(page: MeasurePage) -> bool:
    return page.editor.width() > max(page.table.width(), page.side.width())


def test_a_narrow_window_takes_room_from_the_panels_and_gives_it_back(
    qtbot: Any, make_window: Make, drawer: Path, tool: FakeTool
) -> None:
    window = make_window()
    page = shown(qtbot, window, drawer)
    resized(qtbot, window, 1600, 1000)
    wide = page.table.width()
    resized(qtbot, window, 1100, 700)
    assert page.table.width() < wide
    assert photo_is_largest(page)
    resized(qtbot, window, 1600, 1000)
    assert page.table.width() == wide


def test_a_window_that_was_closed_wide_opens_narrow_with_the_photo_largest(
    qtbot: Any, make_window: Make, drawer: Path, tool: FakeTool
) -> None:
    window = make_window()
    page = shown(qtbot, window, drawer)
    resized(qtbot, window, 1600, 1000)
    window.close()
    window = make_window()
    resized(qtbot, window, 1000, 700)
    page = shown(qtbot, window, drawer)
    qtbot.waitUntil(lambda: photo_is_largest(page))


def test_the_export_strip_leaves_the_table_its_room(
    qtbot: Any, make_window: Make, drawer: Path, tool: FakeTool
) -> None:
    window = make_window()
    page = measured(qtbot, window, drawer)
    resized(qtbot, window, 1100, 700)
    before = page.table.width()
    page.ask_export("darwin-core")
    qtbot.waitUntil(page.strip.isVisible)
    qtbot.wait(60)
    assert page.table.width() == before >= 288
    title = page.strip.title
    assert title.height() >= title.heightForWidth(title.width())


def test_hints_and_what_was_done_can_be_read_beside_a_narrow_photo(
    qtbot: Any, make_window: Make, drawer: Path, tool: FakeTool
) -> None:
    window = make_window()
    page = measured(qtbot, window, drawer)
    resized(qtbot, window, 1100, 700)
    chosen(qtbot, page, "QM-001.jpg")
    with qtbot.waitSignal(page.desk.job_done, timeout=20_000):
        page.share_scale()
    page.editor.canvas.hovered.emit(QPointF(100, 100))
    said, note = page.editor.stage.place.said, page.editor.bar.note
    assert " ".join(said.lines()) == "1 photo now uses the scale of QM-001."
    for mode in page.editor.bar.modes:
        page.editor.set_mode(mode)
        qtbot.wait(20)
        assert " ".join(note.lines()) == note.text() == note.toolTip() != ""
