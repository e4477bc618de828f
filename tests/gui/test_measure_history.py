"""Under every number the page says who changed what."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

from gui.measure_fakes import CUBE, SPECIMEN, FakeTool
from gui.test_measure_window import chosen, drag, measured, saved
from PySide6.QtCore import Qt

from geoview.app.measure_page import MeasurePage
from geoview.app.window import MainWindow

Make = Callable[..., MainWindow]


def steps(page: MeasurePage) -> list[str]:
    """The first line of every step, newest first."""
    return page.result.history.text().split("\n")[::2]


def test_every_step_says_what_it_changed(
    qtbot: Any, make_window: Make, drawer: Path, tool: FakeTool
) -> None:
    window = make_window()
    page = measured(qtbot, window, drawer)
    chosen(qtbot, page, "QM-001.jpg")
    drag(qtbot, page, SPECIMEN[2], (20, 0))
    saved(qtbot, page)
    drag(qtbot, page, CUBE[2], (5, 5))
    saved(qtbot, page)
    page.result.number.setText("NHM 7")
    page.result.number.setFocus()
    qtbot.keyClick(page.result.number, Qt.Key.Key_Return)
    saved(qtbot, page)
    page.set_status("rejected")
    saved(qtbot, page)
    known = [
        "Corrected by ada: status (rejected)",
        "Corrected by ada: catalogue number",
        "Corrected by ada: cube corners",
        "Corrected by ada: outline",
        "Automatic",
    ]
    qtbot.waitUntil(lambda: steps(page) == known)
    page.undo()
    page.undo()
    known[:2] = [f"{step} (undone)" for step in known[:2]]
    qtbot.waitUntil(lambda: steps(page) == known)
    # What follows an undone step is compared with what held, not with what was undone.
    page.set_status("review")
    saved(qtbot, page)
    qtbot.waitUntil(lambda: steps(page) == ["Corrected by ada: status (to review)", *known])


def test_measuring_all_again_says_that_corrections_stay(
    qtbot: Any, make_window: Make, drawer: Path, tool: FakeTool
) -> None:
    window = make_window()
    page = measured(qtbot, window, drawer)
    texts = [action.text() for action in page.tools.measure_button.menu().actions()]
    assert "Measure all again, except what was corrected by hand" in texts
