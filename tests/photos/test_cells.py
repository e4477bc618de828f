"""Sheets as people lay them out, and files made to choke a reader."""

from __future__ import annotations

import io
import zipfile
from collections.abc import Sequence
from pathlib import Path

import openpyxl
import pytest

from geoview.errors import DataError
from geoview.photos import cells
from geoview.photos.names import NameFields
from geoview.photos.sheet import names_photos, read_sheet


def has_size(titles: Sequence[str]) -> bool:
    return "size" in titles


@pytest.mark.parametrize(
    ("rows", "titles", "first"),
    [
        ("size;what;;depth\n;quartz;mica;m\n1;0;1;2", ["size", "quartz", "mica", "depth m"], 3),
        ("size;depth\n;[ft MD]\n1;1250", ["size", "depth [ft MD]"], 3),
        ("size;depth;\n;m;note\n1;1250;wet", ["size", "depth m", "note"], 3),
        ("size;label\n;quartz\n1;mica", ["size", "label"], 2),
        ("size;label;depth\n;quartz;12\n1;mica;13", ["size", "label", "depth"], 2),
        ("size;unit\n1;m\n2;ft", ["size", "unit"], 2),
        ("no;size\n;m\n1;2", ["no", "size"], 2),
    ],
)
def test_a_second_row_of_titles(tmp_path: Path, rows: str, titles: list[str], first: int) -> None:
    path = tmp_path / "s.csv"
    path.write_text(rows)
    found = cells.read(path, is_header=has_size)
    assert found.titles == titles
    assert min(found.rows) == first


@pytest.mark.parametrize("separator", [",", ";", "\t", "|"])
def test_lines_above_the_titles_do_not_tell_how_cells_are_parted(
    tmp_path: Path, separator: str
) -> None:
    path = tmp_path / "s.csv"
    rows = [["name", "size"], [], ["a", "1"]]
    heading = 'Drawer 7; shelf 2, "upper"\tor|so,,,\n'
    path.write_text(heading + "\n".join(separator.join(row) for row in rows))
    found = cells.read(path, is_header=has_size)
    assert (found.titles, found.rows) == (["name", "size"], {4: ["a", "1"]})
    assert found.has_header
    assert not found.shifted


def test_rows_longer_than_the_titles_are_told(tmp_path: Path) -> None:
    path = tmp_path / "s.csv"
    path.write_text("name,size,\na,1,,\nb,1,5\nc,1,,x\n")
    assert cells.read(path, is_header=has_size).shifted == {4}


def test_a_sheet_without_a_header_gives_its_first_row(tmp_path: Path) -> None:
    path = tmp_path / "s.csv"
    path.write_text("a;b\nc;d;e\n")
    found = cells.read(path, is_header=has_size)
    assert (found.titles, found.rows, found.has_header) == (["a", "b"], {2: ["c", "d", "e"]}, False)
    assert not found.shifted


def test_the_worksheet_with_the_titles_is_read(tmp_path: Path) -> None:
    book = openpyxl.Workbook()
    book.active.append(["About this list"])
    for name in ("Depths", "Older"):
        page = book.create_sheet(name)
        for row in (["Well A"], [], ["file", "depth (ft MD)", "well"], ["a.jpg", 1250, "A"]):
            page.append(row)
        page.append(["b.jpg"])
        page.merge_cells("C4:C5")
    book.save(tmp_path / "s.xlsx")
    assert read_sheet(tmp_path / "s.xlsx") == {
        "a.jpg": NameFields("A", 381.0),
        "b.jpg": NameFields("A", None),
    }
    (told,) = cells.read(tmp_path / "s.xlsx", is_header=names_photos).warnings
    assert "worksheet Older of s.xlsx was not read beside Depths" in told


def test_a_workbook_that_merges_without_end_is_refused(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(cells, "_MAX_MERGED", 50)
    book = openpyxl.Workbook()
    for row in (["file", "well"], ["a.png", "x"], *(["a.png"] for _ in range(60))):
        book.active.append(row)
    book.active.merge_cells("B2:B1048576")
    book.save(tmp_path / "s.xlsx")
    with pytest.raises(DataError, match=r"s\.xlsx cannot be read; save it as CSV"):
        read_sheet(tmp_path / "s.xlsx")


def test_a_workbook_that_unpacks_to_gigabytes_is_refused(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(cells, "_MAX_UNPACKED_BYTES", 1 << 20)
    stream = io.BytesIO()
    with zipfile.ZipFile(stream, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("xl/sharedStrings.xml", bytes(2 << 20))
    (tmp_path / "s.xlsx").write_bytes(stream.getvalue())
    with pytest.raises(DataError, match="too large unpacked"):
        read_sheet(tmp_path / "s.xlsx")


def test_a_damaged_workbook_is_told(tmp_path: Path) -> None:
    book = openpyxl.Workbook()
    for number in range(200):
        book.active.append([f"{number}.jpg", number])
    stream = io.BytesIO()
    book.save(stream)
    whole = stream.getvalue()
    refused = []
    for place in range(30, len(whole), len(whole) // 40):
        damaged = bytearray(whole)
        damaged[place : place + 8] = bytes(byte ^ 0x55 for byte in damaged[place : place + 8])
        (tmp_path / "s.xlsx").write_bytes(damaged)
        try:
            read_sheet(tmp_path / "s.xlsx")
        except DataError as error:
            refused.append(str(error))
    assert len(refused) > 20
    assert all("s.xlsx" in words for words in refused)
