"""The magnifier follows the handle that the keys move, and only as long as they do."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

from gui.measure_fakes import CUBE, SPECIMEN, FakeTool
from gui.test_measure_window import chosen, drag, measured, saved
from PySide6.QtCore import QPoint, Qt
from PySide6.QtGui import QColor

from geoview.app import theme
from geoview.app.measure_loupe import SIDE_PX
from geoview.app.measure_page import MeasurePage
from geoview.app.window import MainWindow

Make = Callable[..., MainWindow]


def filled(page: MeasurePage) -> list[tuple[str, int]]:
    """The handles that are painted as the chosen one."""
    canvas, drawing = page.editor.canvas, page.editor.drawing
    picture = canvas.grab().toImage()
    found = []
    for kind, which in drawing.places():
        place = canvas.to_widget(drawing.spot(kind, which)) * picture.devicePixelRatio()
        colour = {"box": theme.DARK.accent, "cube": theme.DARK.warn}[kind]
        if picture.pixelColor(place.toPoint()) == QColor(colour):
            found.append((kind, which))
    return found


def test_the_magnifier_leaves_with_the_keys_and_comes_back_with_them(
    qtbot: Any, make_window: Make, drawer: Path, tool: FakeTool
) -> None:
    window = make_window()
    page = measured(qtbot, window, drawer)
    chosen(qtbot, page, "QM-001.jpg")
    canvas, loupe = page.editor.canvas, page.editor.stage.loupe
    canvas.setFocus()
    qtbot.keyClick(canvas, Qt.Key.Key_Tab)
    assert loupe.isVisible()
    page.result.number.setFocus()
    assert not loupe.isVisible()
    page.result.number.setText("NHM 7")
    qtbot.keyClick(page.result.number, Qt.Key.Key_Return)  # draws everything anew
    saved(qtbot, page)
    assert not loupe.isVisible()
    canvas.setFocus()
    assert loupe.isVisible()


def test_only_the_handle_that_the_keys_move_looks_chosen(
    qtbot: Any, make_window: Make, drawer: Path, tool: FakeTool
) -> None:
    window = make_window()
    page = measured(qtbot, window, drawer)
    chosen(qtbot, page, "QM-001.jpg")
    drag(qtbot, page, SPECIMEN[2], (20, 0))  # the pointer stays over this corner
    saved(qtbot, page)
    assert filled(page) == [("box", 2)]
    qtbot.keyClick(page.editor.canvas, Qt.Key.Key_Tab)
    assert filled(page) == [("box", 3)]


def test_the_magnifier_has_the_handles_colour(
    qtbot: Any, make_window: Make, drawer: Path, tool: FakeTool
) -> None:
    window = make_window()
    page = measured(qtbot, window, drawer)
    chosen(qtbot, page, "QM-001.jpg")
    drag(qtbot, page, CUBE[0], (-4, -4))
    saved(qtbot, page)
    picture = page.editor.stage.loupe.grab().toImage()
    middle = SIDE_PX // 2
    cross = [picture.pixelColor(QPoint(middle + by, middle)) for by in range(-23, -9)]
    assert any(one.red() > one.blue() + 60 for one in cross)  # amber, as the cube's handles
    assert not any(one.green() > one.red() + 30 for one in cross)  # teal is the specimen's
