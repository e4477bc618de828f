"""Catalogue sheets: numbers and sizes however a museum writes them, and never a guessed unit."""

from __future__ import annotations

from pathlib import Path

import openpyxl
import pytest

from geoview.errors import DataError
from geoview.measure.register import Record, Recorded, read_register, same_number


def read(tmp_path: Path, text: str) -> tuple[Record, ...]:
    path = tmp_path / "sheet.csv"
    path.write_text(text, "utf-8")
    return read_register(path)


def sides_mm(record: Record) -> tuple[float | None, float | None]:
    return (
        None if record.length is None else record.length.mm,
        None if record.width is None else record.width.mm,
    )


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("number,length_mm,width_mm\nGM-1,45,30\n", (45, 30)),
        ("Catalogue No.;Length (cm);Width (cm)\nGM-1;4,5;3\n", (45, 30)),
        ("idno\tlength [in]\twidth [in]\nGM-1\t2\t1.5\n", (50.8, pytest.approx(38.1))),
        ("number,length,width,unit\nGM-1,4.5,3,cm\n", (45, 30)),
        ("number,length,width\nGM-1,4.5 cm,30mm\n", (45, 30)),
        ('number,length,width\nGM-1,"2""",2 in\n', (50.8, 50.8)),
        ("id,inventory number,width_mm\n7,GM-1,30\n", (None, 30)),
        ("number,length_cm,width_cm\nGM-1,,n/a\n", (None, None)),
        ("number,length_mm,width_mm\nGM-1,ca. 45,~30\n", (45, 30)),
        ("number,length_mm,width_mm\nGM-1,1 234.5,1\u202f034\n", (1234.5, 1034)),
        ('number,length_mm,width_mm\nGM-1,"1,234.5","1.034,5"\n', (1234.5, 1034.5)),
        ("number,length,width\nGM-1,2 ft,1 foot\n", (609.6, 304.8)),
        ("number,size\nGM-1,45 x 30 mm\n", (45, 30)),
        ("number,Length × width (cm)\nGM-1,4.5×3\n", (45, 30)),
        ("number,dimensions\nGM-1,4.5 cm x 30 mm\n", (45, 30)),
        ("number,Length in mm,Width in mm\nGM-1,45,30\n", (45, 30)),
        ("Inventarnummer;Länge (cm);Breite (cm)\nGM-1;4,5;3\n", (45, 30)),
        ("Nr.;Länge in Zentimeter;Breite in Zentimeter\nGM-1;4,5;3\n", (45, 30)),
        ("Numéro;Longueur;Largeur;Unité\nGM-1;4,5;3;cm\n", (45, 30)),
        ("Número de catálogo;Largo (mm);Ancho (mm)\nGM-1;45;30\n", (45, 30)),
        ("number,size,length_mm,width_mm\nGM-1,large,45,30\n", (45, 30)),
    ],
)
def test_ways_to_write_a_size(
    tmp_path: Path, text: str, expected: tuple[float | None, float | None]
) -> None:
    (record,) = read(tmp_path, text)
    assert (record.number, record.row) == ("GM-1", 2)
    assert sides_mm(record) == expected


def test_a_sheet_without_numbers_names_the_photos(tmp_path: Path) -> None:
    (record,) = read(tmp_path, "photo,length_mm\na.jpg,45\n")
    assert (record.number, record.file, record.keys) == ("a.jpg", "a.jpg", ("file a.jpg",))


@pytest.mark.parametrize(
    "title",
    ["Minerals of the museum\n", "Minerals;;\n", "Minerals\n\nas of 2024\n"],
)
def test_a_title_above_the_header(tmp_path: Path, title: str) -> None:
    (record,) = read(tmp_path, f'{title}Nummer;Länge (cm);"Breite (cm)"\n"GM-1";"4,5";3\n')
    assert (record.number, record.row) == ("GM-1", title.count("\n") + 2)
    assert sides_mm(record) == (45, 30)


@pytest.mark.parametrize(
    ("cell", "unread"),
    [
        ("13-14", "“13-14” is not a length"),
        ("-13", "“-13” is not a length"),
        ("13 x 11", "“13 x 11” is not a length"),
        ("1 1/2 in", "“1 1/2 in” is not a length"),
        ("27 ell", "the unit “ell” is not known (“27 ell”)"),
        ("27", "the unit is missing (“27”)"),
        ('"1,250 mm"', "“1,250” may be 1.250 or a thousand times that"),
    ],
)
def test_an_odd_cell_costs_its_row_alone(tmp_path: Path, cell: str, unread: str) -> None:
    odd, good = read(tmp_path, f"number,length,width\nGM-1,{cell},9 mm\nGM-2,45 mm,30 mm\n")
    assert (odd.row, odd.unread, sides_mm(odd)) == (2, unread, (None, None))
    assert (good.unread, sides_mm(good)) == ("", (45, 30))


def test_an_excel_sheet(tmp_path: Path) -> None:
    book = openpyxl.Workbook()
    book.worksheets[0].append(["Number", "Length (cm)", "Width (cm)"])
    book.worksheets[0].append([1023, 4.5, 3.0])
    book.save(tmp_path / "sheet.xlsx")
    (record,) = read_register(tmp_path / "sheet.xlsx")
    assert record.number == "1023"
    assert sides_mm(record) == (45, 30)


def test_the_last_digit_tells_how_finely_it_was_read() -> None:
    assert Recorded("4.5", "cm").step_mm == pytest.approx(1)
    assert Recorded("45", "mm").step_mm == 1
    assert Recorded("2", "in").step_mm == pytest.approx(25.4)
    assert Recorded("45", "mm", about=True).step_mm > 1


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("GM-0012", "gm 12"),
        ("00123", "123"),
        ("GM_1.20", "GM 1.20"),
        ("ＧＭ１", "GM1"),
        ("M-59432/9", "M 59432 _ 9"),
        ("FMM_1_93240", "FMM1 93240"),
        ("QM-001-002", "qm 1/2"),
        ("S. M. 7", "S-M-007"),
    ],
)
def test_the_same_number_written_otherwise(one: str, other: str) -> None:
    assert same_number(one) == same_number(other)


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("GM-12", "GM-120"),
        ("1.02", "1.2"),
        ("A1", "B1"),
        ("*", "#"),
        ("M-59432/9", "M-594329"),
        ("FMM_1_93240", "FMM_19_3240"),
        ("12-3", "123"),
        ("QM-001-002", "QM-1002"),
        ("1.20", "1-20"),
    ],
)
def test_other_numbers_stay_apart(one: str, other: str) -> None:
    assert same_number(one) != same_number(other)


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("number,length_mm\n", "no records"),
        ("name,length_mm\nx,3\n", "column with the numbers"),
        ("number,weight\nGM-1,3\n", "recorded sizes"),
        ("number,length\nGM-1,3\n", "row 2: the unit is missing"),
        ("number,length,unit\nGM-1,3,ell\n", "the unit “ell” is not known"),
        ("number,length_mm\nGM-1,large\n", "row 2: “large” is not a length"),
        ("number,length_mm\nGM-1,-3\n", "“-3” is not a length"),
        ("number,length_mm\n,3\n", "no catalogue number"),
        ("number,size_mm\nGM-1,13 x 11 x 8\n", "“13 x 11 x 8” is not length x width"),
    ],
)
def test_a_wrong_sheet_is_one_clear_error(tmp_path: Path, text: str, words: str) -> None:
    with pytest.raises(DataError) as caught:
        read(tmp_path, text)
    assert words in str(caught.value)
    assert "sheet.csv" in str(caught.value)


def test_a_sheet_that_is_not_there_is_told_as_such(tmp_path: Path) -> None:
    with pytest.raises(DataError, match=r"There is no file .*gone\.csv; check .*--catalogue"):
        read_register(tmp_path / "gone.csv")


def test_a_comma_for_a_decimal_point_is_no_other_side(tmp_path: Path) -> None:
    path = tmp_path / "register.csv"
    path.write_text("number,length_mm,width_mm\n1,45,30\n2,45,5,30\n")
    good, odd = read_register(path)
    assert sides_mm(good) == (45, 30)
    assert (odd.row, odd.unread, sides_mm(odd)) == (
        3, "more cells than titles, perhaps a comma in a cell", (None, None),
    )  # fmt: skip


def test_a_number_merged_over_rows_is_one_record(tmp_path: Path) -> None:
    book = openpyxl.Workbook()
    for row in (["number", "length_mm", "remark"], ["GM 1", 45, "chipped"], [None, None, "glued"]):
        book.active.append(row)
    book.active.merge_cells("A2:A3")
    book.save(tmp_path / "register.xlsx")
    (record,) = read_register(tmp_path / "register.xlsx")
    assert sides_mm(record) == (45, None)
