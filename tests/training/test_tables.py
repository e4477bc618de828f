"""Workbooks of labels as people lay them out."""

from __future__ import annotations

from pathlib import Path

import openpyxl
from PIL import Image

from geoview.training import data


def photos(folder: Path, letters: str) -> None:
    for letter in letters:
        Image.new("RGB", (8, 8)).save(folder / f"{letter}.png")


def test_merged_cells_count_for_all_their_rows(tmp_path: Path) -> None:
    photos(tmp_path, "abcde")
    book = openpyxl.Workbook()
    page = book.active
    for row in (
        ["Labels of drawer 7"], [], ["file", "depth_m", "label", "specimen"],
        ["a.png", 10, "x", "S1"], ["b.png", None, "y"], [], ["c.png", None, "x"],
        ["d.png", 20, "y", "S2"], ["e.png"],
    ):  # fmt: skip
        page.append(row)
    for cells in ("A1:D1", "B4:B7", "D4:D5", "C8:C9", "D8:D9"):
        page.merge_cells(cells)
    book.save(tmp_path / "labels.xlsx")
    dataset = data.load(tmp_path)
    assert [(i.file, i.depth_m, i.specimen) for i in dataset.items] == [
        ("a.png", 10, "S1"), ("b.png", 10, "S1"), ("c.png", 10, ""),
        ("d.png", 20, "S2"), ("e.png", None, "S2"),
    ]  # fmt: skip
    assert [dataset.classes[item.labels.index(1)] for item in dataset.items] == list("xyxyy")
    assert dataset.warnings == ()
