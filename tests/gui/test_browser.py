"""The browser as a user meets it: keys, filters, thumbnails that load only where one looks."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray
from PySide6.QtCore import QEvent, QPoint, Qt
from PySide6.QtGui import QColor, QHelpEvent
from PySide6.QtTest import QTest
from PySide6.QtWidgets import QApplication, QToolTip

from geoview.app.background import Background
from geoview.app.browser import Browser
from geoview.app.photo_order import Filter
from geoview.app.thumbs import Thumbnails
from geoview.errors import PhotoError
from geoview.records import Photo, PhotoResult
from tests.gui.fakes import CLASSES, prediction

RED = (200, 30, 40)


class Source:
    """Thumbnails of one colour; remembers who was asked for, and can be held up."""

    def __init__(self) -> None:
        self.asked: list[str] = []
        self.gate = threading.Event()
        self.gate.set()

    def get(self, photo: Photo) -> NDArray[np.uint8]:
        self.asked.append(photo.file)
        self.gate.wait(5)
        if "broken" in photo.file:
            raise PhotoError("the file is cut off")
        return np.full((192, 256, 3), RED, np.uint8)


def result(i: int, *, name: str = "", done: bool = True) -> PhotoResult:
    file = name or f"tray/photo_{i:05d}.jpg"
    photo = Photo(Path("/photos") / file, file, 1000 + i, 1, depth_m=float(i))
    return PhotoResult(photo, prediction(photo, seed=i) if done else None)


@pytest.fixture
def source() -> Source:
    return Source()


@pytest.fixture
def background(qapp: QApplication) -> Iterator[Background]:
    background = Background()
    yield background
    background.shutdown()


@pytest.fixture
def browser(qtbot: Any, background: Background, source: Source) -> Browser:
    browser = Browser(background, Thumbnails(background, source))
    qtbot.addWidget(browser)
    browser.resize(340, 900)
    browser.show()
    # Without a window manager nobody gives a new window the keyboard.
    browser.activateWindow()
    qtbot.waitUntil(browser.isActiveWindow)
    return browser


def current(browser: Browser) -> str:
    result = browser.current()
    return result.photo.file if result else ""


def test_the_first_photo_is_current_and_keys_walk_through_them(browser: Browser) -> None:
    seen: list[str] = []
    browser.current_changed.connect(lambda r: seen.append(r.photo.file if r else ""))
    browser.set_results([result(i) for i in range(100)])

    def press(key: Qt.Key) -> None:
        QTest.keyClick(browser.view, key)

    press(Qt.Key.Key_Right)
    press(Qt.Key.Key_Down)
    columns = browser.view.columns()
    assert columns == 2
    press(Qt.Key.Key_Left)
    press(Qt.Key.Key_End)
    press(Qt.Key.Key_Home)
    rows = [0, 1, 1 + columns, columns, 99, 0]
    assert seen == [f"tray/photo_{row:05d}.jpg" for row in rows]
    press(Qt.Key.Key_PageDown)
    page = browser.model.row_of(current(browser))
    assert 4 <= page < 20
    press(Qt.Key.Key_PageUp)
    assert current(browser) == "tray/photo_00000.jpg"


def test_enter_accepts_the_photo(browser: Browser, qtbot: Any) -> None:
    browser.set_results([result(0), result(1)])
    with qtbot.waitSignal(browser.accepted) as accepted:
        QTest.keyClick(browser.view, Qt.Key.Key_Return)
    assert accepted.args[0].photo.file == "tray/photo_00000.jpg"


def test_slash_filters_and_escape_gives_everything_back(browser: Browser) -> None:
    browser.set_results([result(i) for i in range(30)])
    QTest.keyClick(browser.view, Qt.Key.Key_Slash)
    assert browser.bar.text.hasFocus()
    QTest.keyClicks(browser.bar.text, "00012")
    assert [r.photo.file for r in browser.model.results()] == ["tray/photo_00012.jpg"]
    assert browser.counts.label.text() == "1 of 30 shown"
    QTest.keyClick(browser.bar.text, Qt.Key.Key_Escape)
    assert browser.model.rowCount() == 30
    QTest.keyClick(browser.bar.text, Qt.Key.Key_Escape)
    assert browser.view.hasFocus()


def test_filters_by_what_was_found(browser: Browser) -> None:
    browser.set_results([*(result(i) for i in range(20)), result(20, done=False)])
    combo = browser.bar.lithology
    combo.setCurrentIndex(combo.findData(CLASSES[0]))
    found = list(browser.model.results())
    assert 0 < len(found) < 20
    for r in found:
        assert r.prediction is not None
        assert r.prediction.probabilities[0] >= 0.5
    browser.clear_filters()
    browser.bar.status.setCurrentIndex(browser.bar.status.findData("new"))
    assert [r.photo.depth_m for r in browser.model.results()] == [20.0]


def test_sorting_by_the_probability_of_a_class(browser: Browser) -> None:
    browser.set_results([result(i) for i in range(20)])
    combo = browser.bar.sort
    combo.setCurrentIndex(combo.findText(f"Probability of {CLASSES[1]}"))
    combo.activated.emit(combo.currentIndex())
    values = [r.prediction.probabilities[1] for r in browser.model.results() if r.prediction]
    assert values == sorted(values, reverse=True), "the most probable first"
    browser.bar.direction.click()
    values = [r.prediction.probabilities[1] for r in browser.model.results() if r.prediction]
    assert values == sorted(values)


def test_the_current_photo_stays_current_through_sorting_and_filtering(browser: Browser) -> None:
    browser.set_results([result(i) for i in range(40)])
    browser.select_file("tray/photo_00031.jpg")
    seen: list[object] = []
    browser.current_changed.connect(seen.append)
    browser.bar.direction.click()
    browser.bar.set_filter(Filter(text="0003"))
    browser.clear_filters()
    assert current(browser) == "tray/photo_00031.jpg"
    assert seen == [], "nothing has changed for the viewer"
    browser.bar.set_filter(Filter(text="00001"))
    assert seen == [None]


def test_new_results_reach_the_current_photo(browser: Browser) -> None:
    browser.set_results([result(i, done=False) for i in range(10)])
    seen: list[PhotoResult] = []
    browser.current_changed.connect(seen.append)
    browser.update_results([result(3), result(0)])
    assert [r.photo.file for r in seen] == ["tray/photo_00000.jpg"]
    assert seen[0].prediction is not None


def test_another_models_results_reach_the_current_photo(browser: Browser) -> None:
    browser.set_results([result(i) for i in range(10)])
    browser.select_row(3)
    seen: list[PhotoResult] = []
    browser.current_changed.connect(seen.append)
    browser.set_results([result(i) for i in range(10)])
    assert seen == [], "the same results are no news"
    browser.set_results([result(i, done=i % 2 == 0) for i in range(10)])
    assert [(r.photo.file, r.status) for r in seen] == [("tray/photo_00003.jpg", "new")]


def test_empty_states_teach_and_offer_the_way_on(browser: Browser, qtbot: Any) -> None:
    assert browser.empty.isVisible()
    with qtbot.waitSignal(browser.open_wanted):
        browser.empty.open.click()
    browser.set_results([result(0)])
    assert not browser.empty.isVisible()
    browser.bar.text.setText("nothing like it")
    assert browser.empty.isVisible()
    assert not browser.empty.open.isVisible()
    browser.empty.clear.click()
    assert browser.view.isVisible()
    assert browser.model.rowCount() == 1


def test_thumbnails_are_painted(browser: Browser, qtbot: Any) -> None:
    browser.set_results([result(0)])
    index = browser.model.index(0)

    def painted() -> None:
        where = browser.view.visualRect(index)
        centre = where.center() - QPoint(0, where.height() // 8)
        seen = browser.view.viewport().grab().toImage().pixelColor(centre)
        assert seen == QColor(*RED)

    qtbot.waitUntil(painted, timeout=3000)


def test_only_cells_in_sight_are_loaded(browser: Browser, source: Source, qtbot: Any) -> None:
    browser.set_results([result(i) for i in range(20_000)])
    qtbot.waitUntil(lambda: len(source.asked) >= 8)
    source.gate.clear()
    bar = browser.view.verticalScrollBar()
    for part in range(1, 60):
        bar.setValue(bar.maximum() * part // 60)
        qtbot.wait(1)
    bar.setValue(bar.maximum())
    qtbot.wait(100)
    source.gate.set()
    qtbot.waitUntil(lambda: "tray/photo_19999.jpg" in source.asked, timeout=5000)
    qtbot.wait(100)
    assert len(set(source.asked)) < 200, "what was scrolled past must not be decoded"


def test_thumbnails_in_memory_are_bounded(
    background: Background, source: Source, qtbot: Any
) -> None:
    thumbnails = Thumbnails(background, source, limit_mib=1)
    photos = [result(i).photo for i in range(40)]
    thumbnails.want(photos)
    qtbot.waitUntil(lambda: len(set(source.asked)) == 40, timeout=5000)
    qtbot.wait(100)
    assert thumbnails.memory_bytes <= 2**20
    assert thumbnails.pixmap(photos[-1]) is not None
    assert thumbnails.pixmap(photos[0]) is None


def test_an_unreadable_photo_says_why(browser: Browser, qtbot: Any) -> None:
    broken = result(0, name="broken.jpg", done=False)
    browser.set_results([broken])
    qtbot.waitUntil(lambda: browser._thumbnails.failure(broken.photo) != "", timeout=3000)
    middle = browser.view.visualRect(browser.model.index(0)).center()
    on_screen = browser.view.viewport().mapToGlobal(middle)
    tip = QHelpEvent(QEvent.Type.ToolTip, middle, on_screen)
    QApplication.sendEvent(browser.view.viewport(), tip)
    assert "the file is cut off" in QToolTip.text()
    QToolTip.hideText()
    qtbot.waitUntil(lambda: not QToolTip.isVisible(), timeout=3000)


def test_a_list_shows_one_photo_a_line(browser: Browser, qtbot: Any) -> None:
    browser.set_results([result(i) for i in range(50)])
    browser.bar.as_list.setChecked(True)
    qtbot.wait(50)
    rects = [browser.view.visualRect(browser.model.index(i)) for i in range(3)]
    assert len({rect.x() for rect in rects}) == 1
    assert rects[0].bottom() < rects[1].top() + 1
    assert rects[0].width() > browser.view.viewport().width() - 8


def test_every_control_has_a_name_for_screen_readers(browser: Browser) -> None:
    bar = browser.bar
    for control in (bar.text, bar.sort, bar.direction, bar.as_list, bar.status, bar.lithology,
                    bar.layer, browser.view):  # fmt: skip
        assert control.accessibleName(), control
