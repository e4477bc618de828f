"""What gives the scale, text plates and OWL-ViT's folder are set on the Measure page and kept."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from gui.measure_fakes import FakeTool
from gui.test_measure_window import plain, shown
from PySide6.QtCore import Qt
from PySide6.QtWidgets import QComboBox

from geoview import settings
from geoview.app import measure_work
from geoview.app.measure_page import MeasurePage
from geoview.app.measure_settings import MeasureSettings
from geoview.app.window import MainWindow
from geoview.measure.options import MeasureOptions

Make = Callable[..., MainWindow]


NO_PLATES = 'rapidocr not installed: pip install "geoview[text]"'


@pytest.fixture
def page(
    qtbot: Any, make_window: Make, drawer: Path, tool: FakeTool, monkeypatch: pytest.MonkeyPatch
) -> MeasurePage:
    """The page with its settings opened, where no text plates can be read."""
    monkeypatch.setattr(measure_work, "why_no_plates", lambda: NO_PLATES)
    page = shown(qtbot, make_window(), drawer)
    qtbot.waitUntil(lambda: page.tools.how.method.count() > 1, timeout=10_000)
    qtbot.mouseClick(page.tools.how_button, Qt.MouseButton.LeftButton)
    assert page.tools.how.isVisible()
    return page


def choose(box: QComboBox, name: str) -> None:
    box.setCurrentIndex(box.findData(name))
    box.activated.emit(box.currentIndex())


def options(page: MeasurePage) -> MeasureOptions:
    assert page.desk.measuring is not None
    return page.desk.measuring.options


def type_in(qtbot: Any, how: MeasureSettings, text: str) -> None:
    how.length.setFocus()
    how.length.selectAll()
    qtbot.keyClicks(how.length, text)
    qtbot.keyClick(how.length, Qt.Key.Key_Tab)


@pytest.mark.parametrize(
    ("source", "title", "mm"),
    [("coin", "Coin diameter", 23.25), ("scale bar", "Bar length", 50.0), ("ruler", "", None)],
)
def test_the_scale_is_taken_from_what_is_chosen(
    page: MeasurePage, source: str, title: str, mm: float | None
) -> None:
    how = page.tools.how
    assert how.length_title.text() == "Cube edge"
    choose(how.source, source)
    assert how.length.isVisible() == bool(title)
    if title:
        assert how.length_title.text() == title
    assert (options(page).scale_source, options(page).reference_mm) == (source, mm)


def test_every_length_is_kept_by_itself_across_windows(
    qtbot: Any, page: MeasurePage, make_window: Make, drawer: Path
) -> None:
    how = page.tools.how
    choose(how.source, "coin")
    type_in(qtbot, how, "24.26")
    assert options(page).reference_mm == 24.26
    assert options(page).cube_mm == 25.4
    assert plain(page.tools.how_button.text()).strip() == "Coin 24.26 mm"
    how.close()
    page.window().close()
    qtbot.waitUntil(lambda: settings.load().coin_mm == 24.26)
    again = shown(qtbot, make_window(), drawer).tools.how
    assert (again.source.currentData(), again.length.value()) == ("coin", 24.26)
    choose(again.source, "cube")
    assert again.length.value() == 25.4


@pytest.mark.parametrize("typed", ["0", "5000"])
def test_a_length_that_cannot_be_is_answered_in_a_sentence(
    qtbot: Any, page: MeasurePage, typed: str
) -> None:
    how = page.tools.how
    type_in(qtbot, how, typed)
    assert how.problem.text() == "A length lies between 0.1 and 1000 mm; nothing was changed."
    assert how.problem.isVisible()
    assert how.length.value() == options(page).cube_mm == 25.4
    type_in(qtbot, how, "20")
    assert not how.problem.isVisible()
    assert options(page).cube_mm == 20


def test_other_methods_know_cubes_only(page: MeasurePage) -> None:
    how = page.tools.how
    choose(how.source, "coin")
    choose(how.method, "paper")
    assert not how.source.isEnabled()
    assert how.source.currentText() == "Cube"
    assert how.length_title.text() == "Cube edge"
    assert options(page).scale_source == "cube"
    choose(how.method, "geoview")
    assert options(page).scale_source == "coin"


def test_owlvits_folder_is_asked_for_with_its_method_only(
    qtbot: Any, page: MeasurePage, tmp_path: Path
) -> None:
    how = page.tools.how
    assert not how.folder.isVisible()
    choose(how.method, "owl-vit")
    assert how.folder.isVisible()
    qtbot.waitUntil(lambda: "needs the folder" in how.problem.text())
    for folder, said in (
        (tmp_path / "none", "There is no folder"),
        (tmp_path, "lacks config.json"),
    ):
        how.folder.selectAll()
        qtbot.keyClicks(how.folder, str(folder))
        qtbot.keyClick(how.folder, Qt.Key.Key_Return)
        qtbot.waitUntil(lambda said=said: said in how.problem.text())
        assert options(page).owlvit == folder
    (tmp_path / "config.json").write_text("{}")
    (tmp_path / "model.safetensors").write_bytes(b"")
    assert measure_work.why_no_owlvit(str(tmp_path)) == ""
    choose(how.method, "geoview")
    assert options(page).owlvit is None  # it would keep the run to one process


def test_text_plates_are_read_when_asked_and_possible(qtbot: Any, page: MeasurePage) -> None:
    how = page.tools.how
    qtbot.waitUntil(lambda: not how.plates.isEnabled())
    assert how.plates.toolTip() == NO_PLATES
    assert NO_PLATES in how.plates_hint.text()
    how.show_plates("")
    qtbot.keyClick(how.plates, Qt.Key.Key_Space)
    assert options(page).read_plates
    assert page.window().keeper.now.read_plates


def test_escape_and_the_button_close_the_settings(qtbot: Any, page: MeasurePage) -> None:
    how = page.tools.how
    qtbot.keyClick(how.method, Qt.Key.Key_Escape)
    assert not how.isVisible()
