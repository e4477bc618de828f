"""Small widgets: what is typed means the same on every desktop."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest
from PySide6.QtCore import QLocale, Qt

from geoview.app.measure_bar import LengthBox
from geoview.app.measure_boxes import BoxesPanel


@pytest.fixture(params=["de_DE", "fr_FR", "en_US"])
def desktop(request: pytest.FixtureRequest) -> Iterator[None]:
    before = QLocale()
    QLocale.setDefault(QLocale(request.param))
    yield
    QLocale.setDefault(before)


@pytest.mark.usefixtures("desktop")
@pytest.mark.parametrize(
    ("typed", "mm"), [("", 25.4), ("23.25", 23.25), ("23,25", 23.25), ("254", 254)]
)
def test_a_length_is_read_as_it_is_written(qtbot: Any, typed: str, mm: float) -> None:
    """Enter in the untouched field used to make 254 of 25.4 on a German desktop."""
    box = LengthBox(25.4)
    qtbot.addWidget(box)
    if typed:
        box.lineEdit().selectAll()
        qtbot.keyClicks(box.lineEdit(), typed)
    with qtbot.waitSignal(box.entered):
        qtbot.keyClick(box, Qt.Key.Key_Return)
    assert box.value() == mm


@pytest.mark.usefixtures("desktop")
@pytest.mark.parametrize("typed", ["2.5", "2,5"])
def test_the_room_around_a_specimen_too(qtbot: Any, typed: str) -> None:
    panel = BoxesPanel()
    qtbot.addWidget(panel)
    panel.clearance.lineEdit().selectAll()
    qtbot.keyClicks(panel.clearance.lineEdit(), typed)
    qtbot.keyClick(panel.clearance, Qt.Key.Key_Return)
    assert panel.clearance.value() == 2.5
