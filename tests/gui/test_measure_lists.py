"""The lists beside the photo are saved from where they are shown."""

from __future__ import annotations

import csv
from collections.abc import Callable
from pathlib import Path
from typing import Any

import openpyxl
import pytest
from gui.measure_fakes import FakeTool
from gui.test_measure_window import chosen, measured, saved
from PySide6.QtCore import Qt

from geoview.app import dialogs
from geoview.app.measure_page import MeasurePage
from geoview.app.window import MainWindow

Make = Callable[..., MainWindow]


def answer(monkeypatch: pytest.MonkeyPatch, path: Path) -> list[tuple[str, list[str]]]:
    """Choose ``path`` in the dialog; what it offered."""
    offered = []

    def ask(parent: Any, folder: Path, save: Any, *, title: str, kinds: Any) -> None:
        offered.append((title, [suffix for _, suffix in kinds]))
        save(path)

    monkeypatch.setattr(dialogs, "ask_list", ask)
    return offered


def compared(qtbot: Any, page: MeasurePage, sheet: Path, number: str = "QM-001") -> None:
    sheet.write_text(f"number,length_mm,width_mm\n{number},5.08,3.05\nQM-002,50.8,30.5\n")
    page.side.use_register(sheet)
    qtbot.waitUntil(lambda: page.side.register.list.count() == 1, timeout=10_000)


def click(qtbot: Any, page: MeasurePage, button: Any) -> None:
    with qtbot.waitSignal(page.desk.job_done, timeout=20_000):
        qtbot.mouseClick(button, Qt.MouseButton.LeftButton)


def test_suspicious_records_are_saved_as_csv_that_runs_nothing_and_as_a_workbook(
    qtbot: Any, make_window: Make, drawer: Path, tool: FakeTool, tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:  # fmt: skip
    window = make_window()
    page = measured(qtbot, window, drawer)
    chosen(qtbot, page, "QM-001.jpg")
    page.result.number_changed.emit("=1+1")
    saved(qtbot, page)
    compared(qtbot, page, tmp_path / "register.csv", "=1+1")
    offered = answer(monkeypatch, tmp_path / "odd.csv")
    click(qtbot, page, page.side.register.save)
    assert offered == [("Suspicious records", [".csv", ".xlsx"])]
    with (tmp_path / "odd.csv").open(encoding="utf-8", newline="") as stream:
        (row,) = csv.DictReader(stream)
    assert row["number"] == "'=1+1"
    assert float(row["suggested_length_mm"]) == pytest.approx(50.8)
    assert "odd.csv" in window.jobs.text.text()
    assert window.jobs.link.text() == "Open"

    answer(monkeypatch, tmp_path / "odd.xlsx")
    click(qtbot, page, page.side.register.save)
    sheet = openpyxl.load_workbook(tmp_path / "odd.xlsx").worksheets[0]
    titles = [cell.value for cell in sheet[1]]
    cells = dict(zip(titles, sheet[2], strict=True))
    assert (cells["number"].value, cells["number"].data_type) == ("=1+1", "s")
    assert cells["length_mm"].value == pytest.approx(50.8)


def test_boxes_to_buy_are_saved_as_a_table_and_as_a_chart(
    qtbot: Any, make_window: Make, drawer: Path, tool: FakeTool, tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:  # fmt: skip
    window = make_window()
    page = measured(qtbot, window, drawer)
    page.side.boxes.boxes_changed.emit([("Drawer", 200.0, 200.0, None, 1)])
    qtbot.waitUntil(lambda: page.side.boxes.chart.bars() == [("Drawer", 3, 2)], timeout=10_000)
    page.side.setCurrentWidget(page.side.boxes)
    answer(monkeypatch, tmp_path / "boxes.csv")
    click(qtbot, page, page.side.boxes.save)
    lines = (tmp_path / "boxes.csv").read_text().splitlines()
    assert lines[:2] == ["name,needed,in_stock,to_buy", "Drawer,3,1,2"]
    offered = answer(monkeypatch, tmp_path / "boxes.svg")
    click(qtbot, page, page.side.boxes.save)
    assert offered == [("Boxes to buy", [".csv", ".xlsx", ".svg"])]
    assert "3 needed, 2 to buy" in (tmp_path / "boxes.svg").read_text()


def test_a_list_never_replaces_the_register_and_says_so(
    qtbot: Any, make_window: Make, drawer: Path, tool: FakeTool, tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:  # fmt: skip
    window = make_window()
    page = measured(qtbot, window, drawer)
    register = tmp_path / "register.csv"
    compared(qtbot, page, register)
    before = register.read_text()
    for path in (register, drawer / "QM-001.jpg", tmp_path / "odd.docx"):
        answer(monkeypatch, path)
        click(qtbot, page, page.side.register.save)
    assert register.read_text() == before
    assert len(window.banners.banners()) == 3
    assert not (tmp_path / "odd.docx").exists()


def test_there_is_nothing_to_save_before_there_is_something_to_see(
    qtbot: Any, make_window: Make, drawer: Path, tool: FakeTool, tmp_path: Path
) -> None:
    window = make_window()
    page = measured(qtbot, window, drawer)
    page.side.setCurrentWidget(page.side.register)
    assert not page.side.register.save.isVisible()
    compared(qtbot, page, tmp_path / "register.csv")
    assert page.side.register.save.isVisible()
