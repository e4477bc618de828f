"""Sheets as people save them."""

from __future__ import annotations

import io
from collections.abc import Callable
from pathlib import Path

import openpyxl
import pytest

from geoview.errors import DataError
from geoview.photos.names import NameFields
from geoview.photos.sheet import read_sheet

Put = Callable[[str, bytes], Path]


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "utf-16", "utf-16-le", "cp1252"])
@pytest.mark.parametrize("separator", [",", ";", "\t", "|"])
def test_encodings_and_separators(put: Put, encoding: str, separator: str) -> None:
    rows = [["Filename", "Depth [m]", "Well"], ["ø 1.jpg", '"1250,5"', "Ørn-3"], ["b.jpg", "", "-"]]
    text = "\r\n".join(separator.join(row) for row in rows)
    found = read_sheet(put("sheet.csv", text.encode(encoding)))
    assert found == {"ø 1.jpg": NameFields("Ørn-3", 1250.5), "b.jpg": NameFields()}


@pytest.mark.parametrize(
    ("header", "row", "wanted"),
    [
        ("file,depth_ft", "a.jpg,1250", NameFields(None, 381.0)),
        ("photo,depth,unit", "a.jpg,1250,ft", NameFields(None, 381.0)),
        ("image,depth", "a.jpg,1250 ft", NameFields(None, 381.0)),
        ("file,depth", "a.jpg,12.5", NameFields(None, 12.5)),
        ("file,depth", "a.jpg,4100 ft MD", NameFields(None, 1249.68)),
        ("file,depth", "a.jpg,4100ft. RKB", NameFields(None, 1249.68)),
        ("file,depth", "a.jpg,1250 m TVDSS", NameFields(None, 1250.0)),
        ("file,depth,unit", "a.jpg,4100,ft MD", NameFields(None, 1249.68)),
        ("file,depth,unit", "a.jpg,4100,Feet (KB)", NameFields(None, 1249.68)),
        ("file,depth,unit", "a.jpg,4100 MD,ft", NameFields(None, 1249.68)),
        ("file,depth_ft", "a.jpg,4100 TVD", NameFields(None, 1249.68)),
        ("file,depth,unit", "a.jpg,1250,mMD", NameFields(None, 1250.0)),
        ("file,depth,unit", "a.jpg,1250,mbsf", NameFields(None, 1250.0)),
        ("file,depth,unit", "a.jpg,1250,MD", NameFields(None, 1250.0)),
        ("file,depth", "a.jpg,1250 KB", NameFields(None, 1250.0)),
        ("file,depth,unit", "a.jpg,1250,м", NameFields(None, 1250.0)),
        ("file,depth,unit", "a.jpg,1250,Footwall", NameFields(None, 1250.0)),
        ("file,depth,unit", "a.jpg,1250,Ft. Union Fm", NameFields(None, 1250.0)),
        ("file,depth,unit", "a.jpg,1250,Upper Shale", NameFields(None, 1250.0)),
        ("file,depth,unit", "a.jpg,1250,n/a", NameFields(None, 1250.0)),
        ("file,depth_m,unit", "a.jpg,1250,Hugin Fm", NameFields(None, 1250.0)),
        ("file,Catalogue Number", "a.jpg,MGM 7", NameFields(None, None, "MGM 7")),
        ("x,file,y,well", "1,a.jpg,2,A", NameFields("A")),
        ("file,depth_m,well", "a.jpg,5", NameFields(None, 5.0)),
        ("file,Depth (ft MD)", "a.jpg,1250", NameFields(None, 381.0)),
        ("file,depth_m,well\n,m,", "a.jpg,1250,A", NameFields("A", 1250.0)),
        ("file,depth,unit\n,,ft", "a.jpg,1250,ft", NameFields(None, 381.0)),
        ("file,depth_m\n,,,by X", "a.jpg,5", NameFields(None, 5.0)),
        ("file,depth_m", "a.jpg,1250-1255", NameFields(None, 1252.5)),
        ("file,depth,unit", "a.jpg,1250 to 1255 ft,m", NameFields(None, 381.762)),
        ("file,depth", "a.jpg,1250 ft – 1255 ft", NameFields(None, 381.762)),
        ("file,from,to", 'a.jpg,1250,"1250,5"', NameFields(None, 1250.25)),
        ("file,Top (ft MD),Base (ft MD)", "a.jpg,1250,1255", NameFields(None, 381.762)),
        ("file,from_depth,to_depth,unit", "a.jpg,1250,1255,ft", NameFields(None, 381.762)),
        ("file,from,to,depth_m", "a.jpg,1250,1255,1251", NameFields(None, 1251.0)),
        ("file,from,to,well", "a.jpg,Bergen,Oslo,A", NameFields("A")),
        ("file,from_m,to_m,well", "a.jpg,1250,,A", NameFields("A")),
        ("file;Depth (m);;well\n;from;to;", "a.jpg;1250;1251;A", NameFields("A", 1250.5)),
        ("file;Interval;;well\n;from (ft);to (ft);", "a.jpg;1250;1255;A", NameFields("A", 381.762)),
        ("file,Depth (in),well", "a.jpg,1250,A", NameFields("A")),
        ("file,depth\n,ft", "a.jpg,1250", NameFields(None, 381.0)),
        ("file,MD [ft]", "a.jpg,1250", NameFields(None, 381.0)),
        ("file,Depth MD (m)", "a.jpg,1250", NameFields(None, 1250.0)),
        ("file,measured depth in feet RKB", "a.jpg,1250", NameFields(None, 381.0)),
        ("file,depth_mMD", "a.jpg,1250", NameFields(None, 1250.0)),
        ("file,Depth TVD (m),Depth MD (m)", "a.jpg,1100,1250", NameFields(None, 1250.0)),
        ("file,depth_m", "a.jpg,381.00000000000000", NameFields(None, 381.0)),
        ("file,specimen_id,well", "a.jpg,S 7,#N/A", NameFields(None, None, "S 7")),
    ],
)
def test_columns(put: Put, header: str, row: str, wanted: NameFields) -> None:
    assert read_sheet(put("s.csv", f"{header}\n{row}\n".encode())) == {"a.jpg": wanted}


def test_excel_sheet_with_its_separator_line(put: Put) -> None:
    assert read_sheet(put("s.csv", b"sep=;\r\nfile;depth_m\r\na.jpg;7,5\r\n")) == {
        "a.jpg": NameFields(None, 7.5)
    }


def test_workbook(put: Put) -> None:
    book = openpyxl.Workbook()
    for row in (["file", "depth_m", "sample"], ["a.jpg", 12.5, 7.0], [None, None, None]):
        book.active.append(row)
    stream = io.BytesIO()
    book.save(stream)
    path = put("sheet.xlsx", stream.getvalue())
    assert read_sheet(path) == {"a.jpg": NameFields(None, 12.5, "7")}


@pytest.mark.parametrize(
    ("content", "words"),
    [
        (b"", "empty"),
        (b"name,colour\na,b\n", "needs a column"),
        (b"file\na.jpg\n", "depth_ft"),
        (b"file,depth_m\na.jpg,deep\n", "row 2: the depth “deep” is not a number"),
        (b"file,depth,unit\na.jpg,9,m\nb.jpg,9,mm\n", "row 3: the unit “mm” of a depth is neither"),
        (b"file,from_m,to_m\na.jpg,9,8\n", "row 2: the depth “8” lies above “9”"),
        (b"file,from_m,to_m\na.jpg,9,deep\n", "row 2: the depth “deep” is not a number"),
        (b"file,depth_m\na.jpg,9-8\n", "row 2: the depth “8” lies above “9”"),
        (b"file,depth_m,well\na.jpg,9,A\nb.jpg,1250,5,A\n", "row 3 has more cells than there are"),
        (b"file,depth\na.jpg,9 miles\n", "row 2: the unit “miles” of a depth is neither"),
        (b"PK\x03\x04nonsense", "save it as CSV"),
        (b"\xd0\xcf\x11\xe0" + bytes(50), "old Excel"),
        (bytes(range(256)) * 8, "s.csv"),
    ],
)
def test_a_wrong_sheet_is_named_with_what_it_needs(put: Put, content: bytes, words: str) -> None:
    path = put("s.csv", content)
    with pytest.raises(DataError) as caught:
        read_sheet(path)
    assert words in str(caught.value)
    assert str(path) in str(caught.value)


def test_missing_sheet(tmp_path: Path) -> None:
    with pytest.raises(DataError, match="gone"):
        read_sheet(tmp_path / "gone.csv")
