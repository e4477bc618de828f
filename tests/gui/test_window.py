"""The real window, from opening a folder to bars and a heatmap; and what can go wrong."""

from __future__ import annotations

import json
import logging
import os
import subprocess
import sys
import threading
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from gui.fakes import FakeBackend, write_photos
from PySide6.QtCore import QMimeData, QPointF, Qt, QUrl
from PySide6.QtGui import QDropEvent
from PySide6.QtWidgets import (
    QAbstractButton,
    QAbstractItemView,
    QAbstractSlider,
    QAbstractSpinBox,
    QApplication,
    QComboBox,
    QLineEdit,
    QPlainTextEdit,
    QScrollBar,
    QToolButton,
    QWidget,
)

from geoview import settings
from geoview.app import main, theme
from geoview.app.window import MainWindow
from geoview.errors import ModelError

Make = Callable[..., MainWindow]


def plain(text: str) -> str:
    return text.replace("\u202f", " ")


def opened(qtbot: Any, window: MainWindow, folder: Path) -> None:
    with qtbot.waitSignal(window.session.results_replaced, timeout=20_000):
        window.session.open(folder)


def analysed(qtbot: Any, window: MainWindow) -> None:
    with qtbot.waitSignal(window.session.job_done, timeout=20_000):
        qtbot.mouseClick(window.toolbar.analyse_button, Qt.MouseButton.LeftButton)


def said(window: MainWindow) -> list[str]:
    return [banner.notice.text for banner in window.banners.banners()]


def test_from_a_folder_to_bars_and_a_heatmap(
    qtbot: Any, make_window: Make, photos: Path, backend: FakeBackend
) -> None:
    window = make_window()
    assert window.start.isVisible()
    opened(qtbot, window, photos)
    page = window.photos_page()
    assert page.isVisible()
    assert page.browser.model.rowCount() == 8
    assert plain(window.toolbar.analyse.text()) == "Analyse 8"
    analysed(qtbot, window)
    assert plain(window.jobs.text.text()) == "8 of 8 analysed"
    page.browser.select_row(2)
    current = page.browser.current()
    assert current is not None
    assert current.status == "done"
    assert page.predictions.findings.isVisible()
    with qtbot.waitSignal(page.viewer.loader.loaded, timeout=10_000):
        page.browser.select_row(3)
    bare = page.viewer.canvas.grab().toImage()
    with qtbot.waitSignal(window.session.evidence.answered, timeout=10_000):
        page.predictions.class_chosen.emit("shale")
    assert backend.explained is not None
    assert backend.explained[-1].class_names[0] == "shale"
    qtbot.waitUntil(lambda: page.viewer.canvas.grab().toImage() != bare)


def test_reopening_shows_everything_at_once_without_computing(
    qtbot: Any, make_window: Make, photos: Path
) -> None:
    first = make_window()
    opened(qtbot, first, photos)
    analysed(qtbot, first)
    before = {r.photo.file: r.prediction for r in first.photos_page().browser.model.results()}
    first.close()
    backend = FakeBackend()
    second = make_window(backend=backend)
    opened(qtbot, second, photos)
    after = {r.photo.file: r.prediction for r in second.photos_page().browser.model.results()}
    assert after == before
    assert plain(second.jobs.text.text()) == "8 of 8 analysed"
    assert not second.toolbar.analyse.isEnabled()
    assert all(not engine.seen for engine in backend.engines or [])


def test_closing_in_the_middle_keeps_what_is_done_and_the_next_run_continues(
    qtbot: Any, make_window: Make, tmp_path: Path
) -> None:
    folder = write_photos(tmp_path / "well", 40)
    slow = make_window(backend=FakeBackend(seconds_per_photo=0.02))
    opened(qtbot, slow, folder)
    slow.session.analyse()
    qtbot.waitUntil(lambda: slow.session.tally["done"] > 3, timeout=20_000)
    slow.close()
    assert slow.session.inference.isFinished()
    backend = FakeBackend()
    window = make_window(backend=backend)
    opened(qtbot, window, folder)
    kept = window.session.tally["done"]
    assert 3 < kept < 40
    analysed(qtbot, window)
    assert window.session.tally == {"new": 0, "done": 40, "failed": 0}
    assert backend.engines is not None
    assert len(backend.engines[-1].seen) == 40 - kept


def test_pause_resume_and_cancel(qtbot: Any, make_window: Make, tmp_path: Path) -> None:
    folder = write_photos(tmp_path / "well", 60)
    window = make_window(backend=FakeBackend(seconds_per_photo=0.02))
    opened(qtbot, window, folder)
    window.session.analyse()
    qtbot.waitUntil(lambda: window.session.tally["done"] > 0, timeout=20_000)
    qtbot.mouseClick(window.jobs.pause, Qt.MouseButton.LeftButton)
    assert plain(window.jobs.text.text()).startswith("Paused at")
    qtbot.wait(400)
    done = window.session.tally["done"]
    qtbot.wait(300)
    assert window.session.tally["done"] == done
    assert window.jobs.pause.text() == "Resume"
    qtbot.mouseClick(window.jobs.pause, Qt.MouseButton.LeftButton)
    qtbot.waitUntil(lambda: window.session.tally["done"] > done, timeout=20_000)
    with qtbot.waitSignal(window.session.job_done, timeout=20_000):
        qtbot.mouseClick(window.jobs.cancel, Qt.MouseButton.LeftButton)
    assert window.jobs.resume.isVisible()
    with qtbot.waitSignal(window.session.job_done, timeout=20_000):
        qtbot.mouseClick(window.jobs.resume, Qt.MouseButton.LeftButton)
    assert window.session.tally["done"] == 60
    assert not window.jobs.resume.isVisible()


def test_photos_that_cannot_be_read_are_told_and_shown(
    qtbot: Any, make_window: Make, photos: Path
) -> None:
    (photos / "WELL-A_0500.0m.jpg").write_bytes(b"\xff\xd8\xff" + b"broken" * 50)
    (photos / "WELL-A_0510.0m.jpg").write_bytes(b"")
    (photos / "notes.txt").write_text("no photo")
    window = make_window()
    opened(qtbot, window, photos)
    analysed(qtbot, window)
    text = plain(window.jobs.text.text())
    assert text == "8 of 10 analysed, 2 could not be read · 1 other file left out"
    qtbot.mouseClick(window.jobs.failed, Qt.MouseButton.LeftButton)
    browser = window.photos_page().browser
    assert browser.model.rowCount() == 2
    browser.select_row(0)
    current = browser.current()
    assert current is not None
    assert current.reason


def test_a_mended_photo_can_be_tried_again(qtbot: Any, make_window: Make, photos: Path) -> None:
    broken = photos / "WELL-A_0500.0m.jpg"
    broken.write_bytes(b"\xff\xd8\xff" + b"broken" * 50)
    window = make_window()
    opened(qtbot, window, photos)
    analysed(qtbot, window)
    page = window.photos_page()
    assert page.browser.select_file(broken.name)
    broken.write_bytes((photos / "WELL-A_0010.0m.jpg").read_bytes())
    with qtbot.waitSignal(window.session.job_done, timeout=10_000):
        qtbot.mouseClick(page.predictions.notice.retry, Qt.MouseButton.LeftButton)
    assert window.session.tally == {"new": 0, "done": 9, "failed": 0}
    assert page.predictions.findings.isVisible()


def test_an_empty_folder_teaches(qtbot: Any, make_window: Make, tmp_path: Path) -> None:
    window = make_window()
    opened(qtbot, window, tmp_path)
    page = window.photos_page()
    assert page.browser.empty.isVisible()
    assert not window.toolbar.analyse.isEnabled()


def test_a_folder_that_is_gone_is_told_and_the_open_one_stays(
    qtbot: Any, make_window: Make, photos: Path, tmp_path: Path
) -> None:
    window = make_window()
    opened(qtbot, window, photos)
    window.session.open(tmp_path / "gone")
    qtbot.waitUntil(lambda: bool(said(window)), timeout=10_000)
    assert "gone" in said(window)[0]
    assert window.session.project is not None
    assert window.session.project.folder == photos
    assert plain(window.jobs.text.text()) == "0 of 8 analysed"


@pytest.mark.skipif(
    not hasattr(os, "geteuid") or os.geteuid() == 0, reason="nothing is read-only for root"
)
def test_a_read_only_folder_works(qtbot: Any, make_window: Make, photos: Path) -> None:
    photos.chmod(0o555)
    try:
        window = make_window()
        opened(qtbot, window, photos)
        analysed(qtbot, window)
        assert window.session.tally["done"] == 8
        assert said(window)
    finally:
        photos.chmod(0o755)


def test_a_catalogue_that_cannot_lie_beside_the_photos_is_kept_elsewhere(
    qtbot: Any, make_window: Make, photos: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A read-only share, also where the tests run as root."""
    mkdir = Path.mkdir

    def refused(self: Path, *args: Any, **kwargs: Any) -> None:
        if self.name == ".geoview":
            raise PermissionError(13, "Permission denied", str(self))
        mkdir(self, *args, **kwargs)

    monkeypatch.setattr(Path, "mkdir", refused)
    window = make_window()
    opened(qtbot, window, photos)
    analysed(qtbot, window)
    assert window.session.tally["done"] == 8
    assert not (photos / ".geoview").exists()
    assert said(window)


def test_a_model_that_cannot_be_loaded_is_told_and_can_be_tried_again(
    qtbot: Any, make_window: Make, photos: Path
) -> None:
    backend = FakeBackend(failure=ModelError("The model file fake.safetensors is damaged."))
    window = make_window(backend=backend)
    opened(qtbot, window, photos)
    qtbot.waitUntil(lambda: bool(said(window)), timeout=10_000)
    assert said(window) == ["The model file fake.safetensors is damaged."]
    backend.failure = None
    with qtbot.waitSignal(window.session.model_ready, timeout=10_000):
        window.banners.banners()[0].action_button.click()
    analysed(qtbot, window)
    assert window.session.tally["done"] == 8


def test_another_folder_during_an_analysis_gets_none_of_its_results(
    qtbot: Any, make_window: Make, tmp_path: Path
) -> None:
    one, two = write_photos(tmp_path / "one", 30), write_photos(tmp_path / "two", 6)
    window = make_window(backend=FakeBackend(seconds_per_photo=0.02))
    opened(qtbot, window, one)
    window.session.analyse()
    qtbot.waitUntil(lambda: window.session.tally["done"] > 0, timeout=20_000)
    opened(qtbot, window, two)
    qtbot.wait(300)
    assert window.session.tally == {"new": 6, "done": 0, "failed": 0}
    assert window.toolbar.analyse.isEnabled()
    with qtbot.waitSignal(window.session.job_done, timeout=20_000):
        window.session.analyse()
    assert window.session.tally["done"] == 6


def test_a_dropped_photo_opens_its_folder(qtbot: Any, make_window: Make, photos: Path) -> None:
    window = make_window()
    data = QMimeData()
    data.setUrls([QUrl.fromLocalFile(str(next(photos.glob("*.jpg"))))])
    event = QDropEvent(
        QPointF(50, 50),
        Qt.DropAction.CopyAction,
        data,
        Qt.MouseButton.LeftButton,
        Qt.KeyboardModifier.NoModifier,
    )
    with qtbot.waitSignal(window.session.results_replaced, timeout=10_000):
        window.dropEvent(event)
    assert window.session.project is not None
    assert window.session.project.folder == photos


def test_new_photos_are_found_with_f5(qtbot: Any, make_window: Make, photos: Path) -> None:
    window = make_window()
    opened(qtbot, window, photos)
    analysed(qtbot, window)
    write_photos(photos / "more", 2)
    with qtbot.waitSignal(window.session.results_replaced, timeout=10_000):
        qtbot.keyClick(window, Qt.Key.Key_F5)
    assert window.session.tally == {"new": 2, "done": 8, "failed": 0}


def test_results_are_exported(qtbot: Any, make_window: Make, photos: Path, tmp_path: Path) -> None:
    window = make_window()
    opened(qtbot, window, photos)
    analysed(qtbot, window)
    out = tmp_path / "out.csv"
    with qtbot.waitSignal(window.session.exported, timeout=10_000):
        window.session.export_csv(out)
    lines = out.read_text(encoding="utf-8").splitlines()
    assert len(lines) == 9
    assert lines[0].startswith("file,depth_m,status,reason,dominant,p_sandstone")
    assert str(out) in window.jobs.text.text()
    assert window.jobs.link.isVisible()
    window.session.export_csv(tmp_path / "no" / "folder\0.csv")
    qtbot.waitUntil(lambda: bool(said(window)), timeout=10_000)


def test_settings_are_kept_at_once_and_the_theme_changes_live(
    qtbot: Any, make_window: Make, qapp: QApplication
) -> None:
    window = make_window()
    qtbot.keyClick(window, Qt.Key.Key_4, Qt.KeyboardModifier.ControlModifier)
    page = window.pages.currentWidget()
    page.theme.setCurrentIndex(page.theme.findData("dark"))
    assert theme.is_dark(qapp.palette())
    qtbot.waitUntil(
        lambda: (
            settings.settings_file().exists()
            and json.loads(settings.settings_file().read_text())["theme"] == "dark"
        ),
        timeout=5_000,
    )
    page.theme.setCurrentIndex(page.theme.findData("light"))
    assert not theme.is_dark(qapp.palette())


def test_name_patterns_are_tried_live_and_wrong_ones_are_not_kept(
    qtbot: Any, make_window: Make
) -> None:
    window = make_window()
    window.show_page("settings")
    editor = window.pages.currentWidget().names
    editor.preview.item(0, 0).setText("hole7@33m.jpg")
    editor.patterns.setPlainText("{well}@{depth}m")
    assert plain(editor.preview.item(0, 1).text()) == "hole7"
    assert plain(editor.preview.item(0, 2).text()) == "33.0 m"
    qtbot.waitUntil(lambda: window.keeper.now.name_patterns == ["{well}@{depth}m"])
    editor.patterns.setPlainText("{wel}@{depth}m")
    assert editor.error.isVisible()
    qtbot.wait(600)
    assert window.keeper.now.name_patterns == ["{well}@{depth}m"]


def test_the_window_comes_back_where_it_was(qtbot: Any, make_window: Make, photos: Path) -> None:
    first = make_window()
    first.resize(1400, 777)
    opened(qtbot, first, photos)
    qtbot.wait(50)
    dock = first.photos_page().docks[0]
    first.photos_page().resizeDocks([dock], [400], Qt.Orientation.Horizontal)
    qtbot.wait(50)
    width = dock.width()
    first.close()
    second = make_window()
    screen = second.screen().availableSize()
    opened(qtbot, second, photos)
    qtbot.wait(50)
    assert str(photos) in second.keeper.now.recent_folders
    if screen.width() < 1400 or screen.height() < 777:
        pytest.skip("the screen is smaller than the window was")
    assert (second.width(), second.height()) == (1400, 777)
    assert abs(second.photos_page().docks[0].width() - width) <= 2


def test_keys_lead_everywhere(qtbot: Any, make_window: Make, photos: Path) -> None:
    window = make_window()
    opened(qtbot, window, photos)
    control = Qt.KeyboardModifier.ControlModifier
    for key, name in ((Qt.Key.Key_3, "models"), (Qt.Key.Key_5, "help"), (Qt.Key.Key_1, "photos")):
        qtbot.keyClick(window, key, control)
        assert window.rail.buttons[name].isChecked()
    qtbot.keyClick(window, Qt.Key.Key_L, control)
    assert window.log_pane.isVisible()
    qtbot.keyClicks(window, "?")
    assert "Keyboard" in window.pages.currentWidget().text.toPlainText()
    qtbot.keyClicks(window, "/")
    browser = window.photos_page().browser
    assert browser.bar.text.hasFocus() or browser.bar.text is window.focusWidget()


def test_the_log_pane_shows_what_is_logged(qtbot: Any, make_window: Make) -> None:
    window = make_window()
    threading.Thread(target=logging.getLogger("geoview.x").warning, args=("rock %s", 7)).start()
    qtbot.waitUntil(lambda: "rock 7" in window.log_pane.lines.toPlainText())


def test_an_unforeseen_error_becomes_a_banner(
    qtbot: Any, make_window: Make, monkeypatch: pytest.MonkeyPatch
) -> None:
    window = make_window()
    monkeypatch.setattr(sys, "excepthook", sys.excepthook)
    monkeypatch.setattr(threading, "excepthook", threading.excepthook)
    main._catch_errors(window)
    thread = threading.Thread(target=lambda: 1 // 0)
    thread.start()
    thread.join()
    qtbot.waitUntil(lambda: bool(said(window)))
    assert "ZeroDivisionError" in said(window)[0]


def test_every_control_has_a_name_for_screen_readers(
    qtbot: Any, make_window: Make, photos: Path
) -> None:
    window = make_window()
    opened(qtbot, window, photos)
    for name in window.rail.buttons:
        window.show_page(name)
    kinds = (
        QAbstractButton, QComboBox, QLineEdit, QPlainTextEdit, QAbstractSpinBox,
        QAbstractSlider, QAbstractItemView,
    )  # fmt: skip
    nameless = [
        f"{type(child).__name__} in {type(child.parent()).__name__}"
        for child in window.findChildren(QWidget)
        if isinstance(child, kinds) and not _part_of_a_control(child) and not _name(child)
    ]
    assert not nameless


def _part_of_a_control(child: QWidget) -> bool:
    parent = child.parent()
    inner = isinstance(child, QScrollBar) or child.objectName().startswith("qt_")
    compound = isinstance(parent, QComboBox | QAbstractSpinBox | QLineEdit)
    popup = child.window() is not None and child.window().windowType() == Qt.WindowType.Popup
    return inner or compound or popup or type(parent).__name__ in ("QTableWidget",)


def _name(child: QWidget) -> str:
    text = child.text() if isinstance(child, QAbstractButton) else ""
    action = child.defaultAction() if isinstance(child, QToolButton) else None
    return child.accessibleName() or text or (action.text() if action else "")


_COLD = """
import sys
from PySide6.QtCore import QTimer
from geoview.app import main
from geoview.app.window import MainWindow
app = main.application()
window = MainWindow()
window.show()
QTimer.singleShot(50, window.close)
app.exec()
heavy = {"torch", "timm", "transformers", "torchvision", "sqlalchemy", "cv2"}
print("imported:", *sorted(heavy & set(sys.modules)))
"""


def test_nothing_heavy_is_imported_before_the_first_paint() -> None:
    done = subprocess.run(
        [sys.executable, "-c", _COLD], capture_output=True, text=True, check=True, timeout=60
    )
    assert done.stdout.splitlines()[-1] == "imported:"


def test_depths_from_a_sheet(qtbot: Any, make_window: Make, photos: Path) -> None:
    window = make_window()
    assert not window.toolbar.sheet.isEnabled()
    opened(qtbot, window, photos)
    names = sorted(p.name for p in photos.iterdir() if p.suffix != ".db" and p.is_file())
    sheet = photos.parent / "depths.csv"
    sheet.write_text(f"file;depth_m\n{names[0]};777,5\n", encoding="utf-8")
    with qtbot.waitSignal(window.session.results_replaced, timeout=20_000):
        window.session.use_sheet(sheet)
    assert window.session.project is not None
    depths = {p.file: p.depth_m for p in window.session.project.photos}
    assert depths[names[0]] == 777.5
    assert window.session.settings.depth_sheets == {str(photos): str(sheet)}
    sheet.write_text("colour,size\nred,3\n", encoding="utf-8")
    window.session.use_sheet(sheet)
    qtbot.waitUntil(lambda: any("depths.csv" in text for text in said(window)))
