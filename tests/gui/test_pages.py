"""The small pages: start, models, help, banners."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from gui.fakes import REF, card
from PySide6.QtCore import Qt
from PySide6.QtTest import QAbstractItemModelTester
from PySide6.QtWidgets import QLabel, QPushButton, QWidget

from geoview import paths
from geoview.app.banner import Banners
from geoview.app.help_page import _TOPICS, HelpPage
from geoview.app.models_page import ModelsPage
from geoview.app.notice import Notice
from geoview.app.start_page import StartPage
from geoview.models.store import ModelEntry

GOOD = ModelEntry(Path("/models/good.safetensors"), card(), REF)
OTHER = ModelEntry(Path("/models/other.safetensors"), card(), REF)
BAD = ModelEntry(Path("/models/bad.safetensors"), error="bad.safetensors is damaged.")


def texts(widget: QWidget) -> str:
    return "\n".join(label.text() for label in widget.findChildren(QLabel))


def test_the_model_card_says_what_the_model_is_and_where_its_limits_lie(qtbot: Any) -> None:
    page = ModelsPage()
    qtbot.addWidget(page)
    page.set_entries([GOOD, OTHER, BAD])
    page.set_chosen(GOOD)
    page.show()
    shown = texts(page)
    for part in (
        "Fake cuttings model",
        "Knows nothing.",
        "In use",
        "Limestone",
        ".90  (.71–.97)",
        "1.00",
    ):
        assert part in shown
    assert REF.sha256 in shown.replace("\u200b", "")
    assert not page.use.isVisible()
    QAbstractItemModelTester(page.list.model())


def test_another_model_can_be_used_and_a_refused_one_only_explained(qtbot: Any) -> None:
    page = ModelsPage()
    qtbot.addWidget(page)
    page.set_entries([GOOD, OTHER, BAD])
    page.set_chosen(GOOD)
    page.show()
    page.list.setCurrentRow(1)
    with qtbot.waitSignal(page.use_wanted) as answer:
        qtbot.mouseClick(page.use, Qt.MouseButton.LeftButton)
    assert answer.args == [OTHER]
    page.list.setCurrentRow(2)
    assert not page.use.isVisible()
    assert "is damaged" in texts(page)


def test_the_start_page_offers_recent_folders(qtbot: Any, tmp_path: Path) -> None:
    page = StartPage()
    qtbot.addWidget(page)
    page.show_recent([str(tmp_path / "one"), str(tmp_path / "two")])
    page.show()
    button = next(b for b in page.findChildren(QPushButton) if b.accessibleName() == "Open two")
    with qtbot.waitSignal(page.folder_chosen) as answer:
        qtbot.mouseClick(button, Qt.MouseButton.LeftButton)
    assert answer.args == [tmp_path / "two"]
    assert "stays on this machine" in texts(page)


def test_a_banner_is_shown_once_and_its_button_acts_and_clears(qtbot: Any) -> None:
    banners = Banners()
    qtbot.addWidget(banners)
    acted: list[int] = []
    notice = Notice("error", "The card is full.", ("Try again", lambda: acted.append(1)))
    banners.show_notice(notice)
    banners.show_notice(notice)
    assert len(banners.banners()) == 1
    banners.banners()[0].action_button.click()
    assert acted == [1]
    assert not banners.banners()
    for number in range(5):
        banners.show_notice(Notice("info", f"{number}"))
    assert [b.notice.text for b in banners.banners()] == ["4", "3", "2"]


@pytest.mark.parametrize("name", _TOPICS)
def test_every_help_text_is_there_and_short(qtbot: Any, name: str) -> None:
    page = HelpPage()
    qtbot.addWidget(page)
    page.show_topic(name)
    text = page.text.toPlainText()
    assert text.startswith(_TOPICS[name])
    assert 20 < len(text.split()) < (250 if name != "reproduction" else 2500)
    assert "!" not in text


def test_no_help_text_is_out_of_reach() -> None:
    files = {file.stem for file in (paths.resources() / "help").glob("*.md")}
    assert files == set(_TOPICS)
