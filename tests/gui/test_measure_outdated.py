"""Sizes that were measured with other settings say so, in the table and before an export."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from gui.measure_fakes import FakeTool, write_specimen
from gui.test_measure_window import chosen, measured, saved, shown
from PySide6.QtCore import Qt

from geoview.app.measure_page import MeasurePage
from geoview.app.window import MainWindow

Make = Callable[..., MainWindow]


def tip(page: MeasurePage, file: str) -> str:
    model = page.table.model
    return str(model.index(model.place_of(file), 0).data(Qt.ItemDataRole.ToolTipRole))


def choose_method(qtbot: Any, page: MeasurePage, name: str) -> None:
    box = page.tools.how.method
    qtbot.waitUntil(lambda: box.findData(name) >= 0)
    box.setCurrentIndex(box.findData(name))
    box.activated.emit(box.currentIndex())


def asked(page: MeasurePage, monkeypatch: pytest.MonkeyPatch) -> list[str]:
    found: list[str] = []
    monkeypatch.setattr(page.strip, "ask_where", found.append)
    return found


def test_an_export_of_sizes_from_other_settings_says_so_first(
    qtbot: Any, make_window: Make, drawer: Path, tool: FakeTool, monkeypatch: pytest.MonkeyPatch
) -> None:
    window = make_window()
    page = measured(qtbot, window, drawer)
    where = asked(page, monkeypatch)
    chosen(qtbot, page, "QM-001.jpg")
    page.set_status("review")  # what a person has judged is not measured again
    saved(qtbot, page)
    write_specimen(drawer / "QM-007.jpg")
    window.session.reload()
    qtbot.waitUntil(lambda: page.table.model.total == 7, timeout=10_000)
    choose_method(qtbot, page, "paper")
    page.ask_export("csv")
    qtbot.waitUntil(page.strip.isVisible)
    assert page.strip.text.text() == (
        "5 photos were measured with other settings than those chosen now.\n"
        "1 photo is not measured yet."
    )
    assert not where
    with qtbot.waitSignal(page.desk.job_done, timeout=20_000):
        qtbot.mouseClick(page.strip.measure, Qt.MouseButton.LeftButton)
    assert not page.strip.isVisible()
    page.ask_export("csv")
    qtbot.waitUntil(lambda: where == ["csv"])


def test_the_table_marks_what_was_measured_with_other_settings(
    qtbot: Any, make_window: Make, drawer: Path, tool: FakeTool
) -> None:
    window = make_window()
    page = measured(qtbot, window, drawer)
    qtbot.waitUntil(lambda: page.desk.pending == 0)
    before = page.table.view.grab().toImage()
    page.tools.how.length.setValue(20.0)
    qtbot.waitUntil(lambda: "other settings" in tip(page, "QM-002.jpg"))
    assert page.table.view.grab().toImage() != before
    page.tools.how.length.setValue(25.4)
    qtbot.waitUntil(lambda: "other settings" not in tip(page, "QM-002.jpg"))


def test_an_undone_correction_counts_as_measured_with_its_own_settings(
    qtbot: Any, make_window: Make, drawer: Path, tool: FakeTool
) -> None:
    window = make_window()
    page = measured(qtbot, window, drawer)
    choose_method(qtbot, page, "paper")
    qtbot.waitUntil(lambda: page.desk.pending == 6)
    chosen(qtbot, page, "QM-001.jpg")
    page.set_status("rejected")
    qtbot.waitUntil(lambda: page.desk.pending == 5)
    assert "other settings" not in tip(page, "QM-001.jpg")
    page.undo()
    qtbot.waitUntil(lambda: "other settings" in tip(page, "QM-001.jpg"))


def test_photos_that_are_not_measured_yet_are_not_called_outdated(
    qtbot: Any, make_window: Make, drawer: Path, tool: FakeTool
) -> None:
    window = make_window()
    page = shown(qtbot, window, drawer)
    qtbot.waitUntil(lambda: page.desk.pending == 6)
    assert tip(page, "QM-001.jpg").endswith("Not measured yet")
