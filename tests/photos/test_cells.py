"""Sheets as people lay them out, and files made to choke a reader."""

from __future__ import annotations

import io
import zipfile
from pathlib import Path

import openpyxl
import pytest

from geoview.errors import DataError
from geoview.photos import cells
from geoview.photos.cells import Titles
from geoview.photos.names import NameFields
from geoview.photos.sheet import PHOTO_TITLES, read_sheet


def meaning(cell: str) -> str | None:
    return cell if cell in ("name", "size", "depth m", "depth [ft MD]") else None


SIZED = Titles(meaning, lambda said: "size" in said, frozenset(("name",)))


@pytest.mark.parametrize(
    ("rows", "titles", "first"),
    [
        ("size;what;;depth\n;quartz;mica;m\n1;0;1;2", ["size", "quartz", "mica", "depth m"], 3),
        ("size;depth\n;[ft MD]\n1;1250", ["size", "depth [ft MD]"], 3),
        ("size;depth;\n;m;note\n1;1250;wet", ["size", "depth m", "note"], 3),
        ("size;label\n;quartz\n1;mica", ["size", "label"], 2),
        ("size;label;depth\n;quartz;12\n1;mica;13", ["size", "label", "depth"], 2),
        ("size;unit\n1;m\n2;ft", ["size", "unit"], 2),
        ("size;unit\n;ft\n2;ft", ["size", "unit"], 3),
        ("size;depth m;mica\n;[m];[-]\n1;2;0", ["size", "depth m", "mica"], 3),
        ("size;depth m;\n;from;to\n1;2;3", ["size", "depth m", "to"], 3),
        ("name;size;\na.jpg;quartz;dark\nb;1;2", ["name", "size", ""], 2),
        ("no;size\n;m\n1;2", ["no", "size"], 3),
    ],
)
def test_a_second_row_of_titles(tmp_path: Path, rows: str, titles: list[str], first: int) -> None:
    path = tmp_path / "s.csv"
    path.write_text(rows)
    found = cells.read(path, SIZED)
    assert found.titles == titles
    assert min(found.rows) == first


def test_a_cell_that_looks_like_a_title_does_not_part_the_sheet(tmp_path: Path) -> None:
    path = tmp_path / "s.csv"
    path.write_text("name;size\na;wet, size, dark\n")
    assert cells.read(path, SIZED).titles == ["name", "size"]


def test_blank_rows_are_no_lines_above(tmp_path: Path) -> None:
    path = tmp_path / "s.csv"
    path.write_text("Heading\n" + "\n" * 50 + "name;size\na;1\n")
    assert cells.read(path, SIZED).rows == {53: ["a", "1"]}


@pytest.mark.parametrize("separator", [",", ";", "\t", "|"])
def test_lines_above_the_titles_do_not_tell_how_cells_are_parted(
    tmp_path: Path, separator: str
) -> None:
    path = tmp_path / "s.csv"
    rows = [["name", "size"], [], ["a", "1"]]
    heading = 'Drawer 7; shelf 2, "upper"\tor|so,,,\n'
    path.write_text(heading + "\n".join(separator.join(row) for row in rows))
    found = cells.read(path, SIZED)
    assert (found.titles, found.rows) == (["name", "size"], {4: ["a", "1"]})
    assert found.has_header
    assert not found.shifted


def test_rows_longer_than_the_titles_are_told(tmp_path: Path) -> None:
    path = tmp_path / "s.csv"
    path.write_text("name,size,\na,1,,\nb,1,5\nc,1,,x\n")
    assert cells.read(path, SIZED).shifted == {4}


def test_a_sheet_without_a_header_gives_its_first_row(tmp_path: Path) -> None:
    path = tmp_path / "s.csv"
    path.write_text("a;b\nc;d;e\n")
    found = cells.read(path, SIZED)
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
    (told,) = cells.read(tmp_path / "s.xlsx", PHOTO_TITLES).warnings
    assert "worksheet Older of s.xlsx was not read beside Depths" in told


def test_a_name_merged_over_rows_that_say_more_keeps_its_depth(tmp_path: Path) -> None:
    book = openpyxl.Workbook()
    for row in (["file", "depth_m", "remark"], ["a.jpg", 1250, "dark"], [None, None, "wet"]):
        book.active.append(row)
    book.active.merge_cells("A2:A3")
    book.save(tmp_path / "s.xlsx")
    assert read_sheet(tmp_path / "s.xlsx") == {"a.jpg": NameFields(None, 1250.0)}


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
