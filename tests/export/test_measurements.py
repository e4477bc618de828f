"""Sizes for other programs: exact columns, full numbers, and no mm without a scale."""

from __future__ import annotations

import csv
import io
import json
from dataclasses import replace
from pathlib import Path

import numpy as np
import openpyxl
import pytest
from fake_measuring import MM_PER_PX, SCALE, measurement, rectangle
from numpy.typing import NDArray
from PIL import Image
from PIL.PdfParser import PdfParser

from geoview.errors import Cancelled
from geoview.export import MEASUREMENT_EXPORTERS, MeasurementRow, MeasurementTable, drawing
from geoview.export.annotated import annotated, size_words
from geoview.export.measurements_csv import COLUMNS
from geoview.measured import Measurement, Scale
from geoview.photos.decode import decode

HEADER = (
    "file,catalogue_no,status,reasons,length_mm,width_mm,length_pm_mm,width_pm_mm,mm_per_px,"
    "scale_source,cube_quad_px,outline_box_px,box,app_version"
)
BROKEN = Measurement("bad.jpg", "rejected", ("the photo cannot be read",), 0, 0, "geoview", "1", "")


def table(*found: Measurement | None, box: str = "", folder: Path = Path("/p")) -> MeasurementTable:
    rows = tuple(
        MeasurementRow(m.file, folder / m.file, m, box)
        if m is not None
        else MeasurementRow("new.jpg", folder / "new.jpg", None)
        for m in found
    )
    return MeasurementTable(rows, decode=decode)


def write(name: str, path: Path, written: MeasurementTable) -> list[dict[str, str]]:
    MEASUREMENT_EXPORTERS[name].write(path, written)
    with path.open(encoding="utf-8", newline="") as stream:
        return list(csv.DictReader(stream))


def test_the_columns_and_numbers_of_the_contract(tmp_path: Path) -> None:
    one = measurement("deep/Größe, [1].jpg", number="GM-1", reasons=("blurred", "cut off"))
    (row,) = write("csv", tmp_path / "out.csv", table(one, box="Tray 30 × 30"))
    text = (tmp_path / "out.csv").read_text("utf-8")
    assert text.splitlines()[0] == HEADER == ",".join(COLUMNS)
    assert "\r" not in text
    assert (row["file"], row["catalogue_no"], row["status"]) == (one.file, "GM-1", "accepted")
    assert row["reasons"] == "blurred; cut off"
    assert one.size_mm is not None
    sizes = (one.size_mm.length, one.size_mm.width, one.length_pm_mm, one.width_pm_mm)
    assert tuple(float(row[name]) for name in COLUMNS[4:8]) == sizes
    assert row["length_mm"] == repr(100 / 7)
    assert float(row["mm_per_px"]) == MM_PER_PX
    assert row["scale_source"] == "cube"
    assert json.loads(row["cube_quad_px"]) == [list(point) for point in SCALE.reference_px]
    assert row["cube_quad_px"].startswith("[[1.5,2.0],[")
    assert json.loads(row["outline_box_px"]) == [list(point) for point in one.outline_box_px]
    assert (row["box"], row["app_version"]) == ("Tray 30 × 30", "0.0.9")


def test_without_a_scale_nothing_holds_mm(tmp_path: Path) -> None:
    bare = measurement(scale=None, status="rejected", reasons=("no cube found",))
    rows = write("csv", tmp_path / "out.csv", table(bare, BROKEN, None))
    assert [row["file"] for row in rows] == ["a.jpg", "bad.jpg", "new.jpg"]
    for row in rows:
        assert [row[name] for name in COLUMNS if "mm" in name] == [""] * 5
        assert row["scale_source"] == row["cube_quad_px"] == ""
    assert rows[0]["outline_box_px"]
    assert (rows[1]["status"], rows[1]["reasons"]) == ("rejected", "the photo cannot be read")
    assert rows[2]["status"] == ""


def test_mm_are_not_written_even_if_a_record_holds_them_by_mistake(tmp_path: Path) -> None:
    wrong = replace(measurement(), scale=None)
    (row,) = write("csv", tmp_path / "out.csv", table(wrong))
    assert [row[name] for name in COLUMNS if "mm" in name] == [""] * 5
    assert size_words(wrong) == ""


def test_a_scale_that_is_no_cube_has_no_quad(tmp_path: Path) -> None:
    line = Scale(0.5, 0.01, "line", 50.0, ((0, 0), (100, 0)))
    (row,) = write("csv", tmp_path / "out.csv", table(measurement(scale=line)))
    assert (row["scale_source"], row["cube_quad_px"], row["mm_per_px"]) == ("line", "", "0.5")


FORMULA = '=HYPERLINK("http://x","y")'


def test_no_text_is_taken_for_a_formula(tmp_path: Path) -> None:
    evil = measurement("=1+1.jpg", number=FORMULA)
    plain = measurement("-5 cm.jpg", number="-12.5")
    written = table(evil, plain, box="+box")
    rows = write("csv", tmp_path / "out.csv", written)
    assert [row["file"] for row in rows] == ["./=1+1.jpg", "./-5 cm.jpg"]
    assert [row["catalogue_no"] for row in rows] == [f"'{FORMULA}", "-12.5"]
    assert rows[0]["box"] == "'+box"
    MEASUREMENT_EXPORTERS["xlsx"].write(tmp_path / "out.xlsx", written)
    sheet = openpyxl.load_workbook(tmp_path / "out.xlsx")["Sizes"]
    assert [(sheet.cell(2, c).value, sheet.cell(2, c).data_type) for c in (1, 2)] == [
        ("=1+1.jpg", "s"), (FORMULA, "s"),
    ]  # fmt: skip
    assert sheet.cell(2, 1).quotePrefix
    for name in ("darwin-core", "specify", "collective-access"):
        MEASUREMENT_EXPORTERS[name].write(tmp_path / f"{name}.csv", written)
    for path in tmp_path.glob("*.csv"):
        for row in csv.reader(path.open(encoding="utf-8", newline="")):
            assert not [cell for cell in row if cell.startswith(("=", "+", "@"))], path.name


def test_a_workbook_has_the_same_numbers_as_numbers(tmp_path: Path) -> None:
    odd = b"\xff.jpg".decode("utf-8", "surrogateescape")
    written = table(measurement("a.jpg", number="0012"), BROKEN, measurement(odd, number="a\x07b"))
    MEASUREMENT_EXPORTERS["xlsx"].write(tmp_path / "out.xlsx", written)
    sheet = openpyxl.load_workbook(tmp_path / "out.xlsx")["Sizes"]
    rows = list(sheet.iter_rows(values_only=True))
    assert rows[0] == COLUMNS
    first = dict(zip(COLUMNS, rows[1], strict=True))
    assert first["length_mm"] == 100 / 7
    assert first["catalogue_no"] == "0012"
    assert dict(zip(COLUMNS, rows[2], strict=True))["length_mm"] is None
    assert rows[3][0] == "\\udcff.jpg"


def test_darwin_core_facts(tmp_path: Path) -> None:
    inherited = replace(SCALE, source="inherited", inherited_from="tray.jpg")
    found = table(
        measurement("a.jpg", number="GM-1", pm_mm=3),
        measurement("b.jpg", number="GM-1", pm_mm=0.3, user="ana", scale=inherited),
        measurement("c.jpg", number="GM-2", status="review"),
        measurement("d.jpg"),
        None,
    )
    rows = write("darwin-core", tmp_path / "dwc.csv", found)
    assert [(r["occurrenceID"], r["measurementType"], r["catalogNumber"]) for r in rows] == [
        ("GM-1", "length", "GM-1"), ("GM-1", "width", "GM-1"),
        ("d.jpg", "length", ""), ("d.jpg", "width", ""),
    ]  # fmt: skip
    length = rows[0]
    assert (length["measurementValue"], length["measurementUnit"]) == (repr(100 / 7), "mm")
    assert (length["measurementAccuracy"], length["measurementDeterminedBy"]) == ("0.3", "ana")
    assert length["measurementDeterminedDate"] == "2026-01-02T03:04:05+00:00"
    assert "scale: inherited from tray.jpg" in length["measurementMethod"]
    assert "0.0.9" in length["measurementMethod"]
    assert length["measurementRemarks"] == "photo b.jpg"
    assert len({row["measurementID"] for row in rows}) == 4


def test_specify_pairs_and_sizes(tmp_path: Path) -> None:
    found = table(
        measurement("a.jpg", number="GM-1"),
        measurement("deep/b.jpg", number="GM-2", status="review"),
        measurement("c.jpg"),
    )
    pairs = write("specify", tmp_path / "pairs.csv", found)
    assert [tuple(row.values()) for row in pairs] == [("a.jpg", "GM-1"), ("b.jpg", "GM-2")]
    with (tmp_path / "pairs-sizes.csv").open(encoding="utf-8", newline="") as stream:
        (size,) = csv.DictReader(stream)
    assert (size["Catalog number"], size["Length (mm)"]) == ("GM-1", repr(100 / 7))


def test_collective_access_has_one_row_per_record(tmp_path: Path) -> None:
    found = table(
        measurement("a.jpg", number="GM-1"),
        measurement("b.jpg", number="GM-2", status="rejected"),
        measurement("c.jpg", number="GM-1", status="review"),
    )
    rows = write("collective-access", tmp_path / "ca.csv", found)
    assert [(r["idno"], r["media"]) for r in rows] == [("GM-1", "a.jpg;c.jpg"), ("GM-2", "b.jpg")]
    assert [r["length_mm"] for r in rows] == [repr(100 / 7), ""]


def test_what_a_collection_would_miss_is_told_before() -> None:
    found = table(
        measurement("a.jpg", number="GM-1"),
        measurement("b.jpg", number="GM-1", status="review"),
        measurement("c.jpg", scale=None, status="rejected"),
        None,
    )
    for name in ("darwin-core", "specify", "collective-access", "emu"):
        assert MEASUREMENT_EXPORTERS[name].check(found) == (
            "2 photos are without a catalogue number: c.jpg, new.jpg.",
            "1 catalogue number has more than one photo: GM-1.",
            "2 photos are not accepted, so no size is written: b.jpg, c.jpg.",
            "1 photo is without a scale, so no size is written: c.jpg.",
            "1 photo is not measured yet: new.jpg.",
        )
    assert MEASUREMENT_EXPORTERS["specify"].check(table(measurement(number="GM-1"))) == ()
    many = table(*(measurement(f"{n}.jpg") for n in range(9)))
    (sentence,) = MEASUREMENT_EXPORTERS["emu"].check(many)
    assert sentence == ("9 photos are without a catalogue number: 0.jpg, 1.jpg, 2.jpg and 6 more.")
    assert MEASUREMENT_EXPORTERS["csv"].check(many) == ()


def checked(name: str, *found: Measurement) -> str:
    return " ".join(MEASUREMENT_EXPORTERS[name].check(table(*found)))


def test_a_number_whose_photos_disagree_gets_no_size(tmp_path: Path) -> None:
    found = table(
        measurement("a.jpg", number="N1", length_mm=50, width_mm=30, pm_mm=1),
        measurement("b.jpg", number="N1", length_mm=150, width_mm=30, pm_mm=1),
        measurement("c.jpg", number="N2", length_mm=50, width_mm=30, pm_mm=1),
        measurement("d.jpg", number="N2", length_mm=51.5, width_mm=30, pm_mm=1),
    )
    facts = write("darwin-core", tmp_path / "dwc.csv", found)
    assert {row["catalogNumber"] for row in facts} == {"N2"}
    records = write("collective-access", tmp_path / "ca.csv", found)
    assert [(row["idno"], row["length_mm"], row["media"]) for row in records] == [
        ("N1", "", "a.jpg;b.jpg"), ("N2", "51.5", "c.jpg;d.jpg"),
    ]  # fmt: skip
    write("specify", tmp_path / "pairs.csv", found)
    assert "N1" not in (tmp_path / "pairs-sizes.csv").read_text("utf-8")
    for name in ("darwin-core", "specify", "collective-access"):
        words = "The photos of N1 give different sizes, so no size is written."
        assert words in MEASUREMENT_EXPORTERS[name].check(found)
    assert "The photos of N1 give different sizes." in MEASUREMENT_EXPORTERS["emu"].check(found)


def test_what_specify_cannot_take_is_told() -> None:
    long = "N" * 33
    assert "is longer than 32 characters: NNN" in checked("specify", measurement(number=long))
    assert "longer" not in checked("specify", measurement(number=long[:32]))
    words = checked(
        "specify", measurement("l/a.jpg", number="1"), measurement("r/A.jpg", number="2")
    )
    assert "2 photos are named like one in another folder" in words


def test_what_collective_access_would_mix_up_is_told() -> None:
    name = "collective-access"
    assert "semicolon, at which the list of media is cut: a;b.jpg." in checked(
        name, measurement("a;b.jpg", number="N1"), measurement("c.jpg", number="N1")
    )
    near = checked(
        name,
        measurement("a.jpg", number="N1"),
        measurement("b.jpg", number="n1"),
        measurement("c.jpg", number="\u00c9 7"),
        measurement("d.jpg", number="E\u0301 7"),
    )
    assert "4 catalogue numbers are written nearly like another" in near
    assert "named like one" in checked(
        name, measurement("l/a.jpg", number="1"), measurement("r/a.jpg", number="2")
    )


def test_what_darwin_core_could_not_tell_apart_is_told() -> None:
    words = checked("darwin-core", measurement("a.jpg"), measurement("b.jpg", number="a.jpg"))
    assert "1 photo is identified by the file name (occurrenceID)" in words
    assert "2 measurementIDs are not unique: a.jpg#length, a.jpg#width." in words


def test_crops_that_cannot_have_their_number_as_name_are_told() -> None:
    words = checked("emu", measurement(number="M-59432/9"), measurement(number="GM-1"))
    assert "1 crop is named otherwise than its number: M-59432/9 (M-59432_9.jpg)." in words


def test_every_file_that_a_format_writes_is_known_before(tmp_path: Path) -> None:
    found = table(measurement(number="GM-1"))
    for name, exporter in MEASUREMENT_EXPORTERS.items():
        folder = tmp_path / name
        path = folder / f"out{exporter.suffix}"
        exporter.write(path, found)
        assert set(folder.iterdir()) == set(exporter.targets(path))


# Pictures


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """One photo stored on its side: upright 640 × 480, grey, the specimen red."""
    pixels = np.full((480, 640, 3), 128, np.uint8)
    pixels[30:81, 40:141] = (200, 30, 30)
    photos = tmp_path / "photos"
    photos.mkdir()
    turned = Image.fromarray(np.ascontiguousarray(np.rot90(pixels)))
    exif = Image.Exif()
    exif[0x0112] = 6  # to be turned clockwise to be seen
    turned.save(photos / "a.jpg", quality=95, exif=exif)
    (photos / "bad.jpg").write_bytes(b"")
    return photos


def test_crops_of_turned_photos_and_their_sheet(folder: Path, tmp_path: Path) -> None:
    one = measurement("a.jpg", number="GM/1: é")
    again = measurement("a.jpg", number="GM/1: é", status="review")
    nothing = replace(measurement("a.jpg"), outline_px=(), outline_box_px=())
    out = tmp_path / "emu"
    written = table(one, again, nothing, BROKEN, None, folder=folder)
    MEASUREMENT_EXPORTERS["emu"].write(out, written)
    with (out / "emu.csv").open(encoding="utf-8", newline="") as stream:
        rows = list(csv.DictReader(stream))
    assert [row["Multimedia"] for row in rows] == ["GM_1_ é.jpg", "GM_1_ é_2.jpg"]
    assert [row["Length_mm"] for row in rows] == [repr(100 / 7), ""]
    assert {p.name for p in out.iterdir()} == {"emu.csv", "GM_1_ é.jpg", "GM_1_ é_2.jpg"}
    crop = np.asarray(Image.open(out / "GM_1_ é.jpg")).astype(int)
    # 100 × 50 px of red with a margin of 5 px.
    assert crop.shape[:2] == (61, 111)
    assert crop[30, 55, 0] - crop[30, 55, 1] > 100
    assert abs(crop[2, 2] - 128).max() < 20


def test_crops_that_were_stopped_or_renamed_leave_a_folder_that_is_ours(
    folder: Path, tmp_path: Path
) -> None:
    def stop(done: int, total: int) -> None:
        raise Cancelled("Stopped.")

    emu, out = MEASUREMENT_EXPORTERS["emu"], tmp_path / "emu"
    found = table(measurement("a.jpg", number="GM-1"), folder=folder)
    with pytest.raises(Cancelled):
        emu.write(out, replace(found, progress=stop))
    emu.write(out, found)
    assert {p.name for p in out.iterdir()} == {"emu.csv", "GM-1.jpg"}
    (out / "mine.jpg").write_bytes(b"not in the sheet")
    emu.write(out, table(measurement("a.jpg", number="GM-2"), folder=folder))
    assert {p.name for p in out.iterdir()} == {"emu.csv", "GM-2.jpg", "mine.jpg"}
    (tmp_path / "kept.jpg").write_bytes(b"outside")
    (out / "emu.csv").write_text("CatNumber,Multimedia\nx,../kept.jpg\n", encoding="utf-8")
    emu.write(out, found)
    assert (tmp_path / "kept.jpg").exists()


def test_an_annotated_picture_shows_the_outline_where_it_is(folder: Path, tmp_path: Path) -> None:
    one = replace(measurement("a.jpg", number="GM-1"), outline_px=rectangle(100, 50, x=400, y=300))
    MEASUREMENT_EXPORTERS["annotated"].write(tmp_path / "out", table(one, BROKEN, folder=folder))
    (path,) = (tmp_path / "out").rglob("*.jpg")
    assert path.name == "a.jpg.measured.jpg"
    picture = np.asarray(Image.open(path)).astype(int)
    assert picture.shape[1] == 640
    assert picture.shape[0] > 480  # words are below the photo
    green = picture[300, 410:490, 1] - picture[300, 410:490, 0]
    assert (green > 60).mean() > 0.8
    assert abs(picture[200:280, 300:600] - 128).max() < 30


def test_long_and_equal_names_still_get_their_picture(folder: Path, tmp_path: Path) -> None:
    names = [f"{'石' * 80}{n}.jpg" for n in (1, 2)] + [f"{'x' * 240}.jpg", "Q.jpg", "q.jpg"]
    photo = (folder / "a.jpg").read_bytes()
    for name in names:
        (folder / name).write_bytes(photo)
    found = table(*(measurement(name, number="石" * 99) for name in names), folder=folder)
    for format_name in ("annotated", "emu"):
        out = tmp_path / format_name
        MEASUREMENT_EXPORTERS[format_name].write(out, found)
        made = [path.name for path in out.iterdir() if path.suffix == ".jpg"]
        assert len(made) == len({name.casefold() for name in made}) == len(names)
        assert all(name.endswith(".measured.jpg") for name in made) == (format_name == "annotated")
    assert (tmp_path / "annotated" / "Q.jpg.measured.jpg").is_file()


def test_a_picture_that_cannot_be_written_is_named(folder: Path, tmp_path: Path) -> None:
    (tmp_path / "out" / "a.jpg.measured.jpg").mkdir(parents=True)
    found = table(measurement("a.jpg"), folder=folder)
    with pytest.raises(OSError, match=r"a\.jpg\.measured\.jpg: ") as caught:
        MEASUREMENT_EXPORTERS["annotated"].write(tmp_path / "out", found)
    assert "a.jpg.measured.jpg" in caught.value.strerror


def test_the_scale_bar_is_as_long_as_it_says(folder: Path) -> None:
    one = measurement("a.jpg")
    shown = annotated(MeasurementRow("a.jpg", folder / "a.jpg", one), table(one))
    assert shown is not None
    strip = np.asarray(shown.convert("L"))[480:]
    black = (strip < 60).sum(axis=1).max()
    # 7 px to the mm: 20 mm are the longest round length below a third of 640 px.
    assert black == pytest.approx(140, abs=2)


def test_a_contact_sheet_has_numbered_pages(folder: Path, tmp_path: Path) -> None:
    found = [measurement("a.jpg", number=f"GM-{n}") for n in range(43)]
    steps: list[tuple[int, int]] = []
    written = replace(
        table(*found, BROKEN, None, folder=folder), progress=lambda *step: steps.append(step)
    )
    MEASUREMENT_EXPORTERS["contact-sheet"].write(tmp_path / "sheet.pdf", written)
    data = (tmp_path / "sheet.pdf").read_bytes()
    with PdfParser(str(tmp_path / "sheet.pdf")) as read:
        assert len(set(read.pages)) == 3
    assert steps[-1] == (45, 45)
    width, height = (float(v) for v in data.split(b"/MediaBox")[1].split(b"]")[0].split()[-2:])
    assert (round(width * 25.4 / 72), round(height * 25.4 / 72)) == (210, 297)
    MEASUREMENT_EXPORTERS["contact-sheet"].write(tmp_path / "none.pdf", table())
    assert b"/Count 1" in (tmp_path / "none.pdf").read_bytes()


def first_page(path: Path) -> NDArray[np.int_]:
    """The picture that the only page of a contact sheet is."""
    data = path.read_bytes()
    start = data.index(b"\xff\xd8\xff")
    return np.asarray(Image.open(io.BytesIO(data[start:])).convert("RGB")).astype(int)


def test_a_contact_sheet_stays_within_its_thumbnails_and_says_its_folder(
    folder: Path, tmp_path: Path
) -> None:
    large = replace(measurement("a.jpg"), outline_box_px=rectangle(900, 700, x=-100, y=-100))
    inside = replace(large, outline_box_px=rectangle(500, 400, x=50, y=40))
    pages = []
    for name, one in (
        ("large", large),
        ("inside", inside),
        ("none", replace(large, outline_box_px=())),
    ):
        MEASUREMENT_EXPORTERS["contact-sheet"].write(
            tmp_path / f"{name}.pdf", table(one, folder=folder)
        )
        pages.append(first_page(tmp_path / f"{name}.pdf"))
    drawn = [np.abs(page - pages[-1]).max() > 60 for page in pages[:2]]
    assert drawn == [False, True]
    foot = pages[0][1690:] < 128
    width = foot.shape[1]
    assert foot[:, : width // 4].any()  # the folder
    assert foot[:, -width // 4 :].any()  # the day


def test_letters_that_no_font_has_are_spelled_out(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(drawing, "_more_fonts", lambda _size: ())
    assert drawing.lettering("Größe ± 3 × 4 é.jpg", 15)[0] == "Größe ± 3 × 4 é.jpg"
    one, other = (drawing.lettering(text, 15)[0] for text in ("\U000f0001.jpg", "\U000f0002.jpg"))
    assert (one, other) == ("\\U000f0001.jpg", "\\U000f0002.jpg")
    assert drawing.lettering("\udcff\n", 15)[0] == "\\udcff "


def test_hundreds_of_pages_are_put_together_in_parts(tmp_path: Path) -> None:
    rows = tuple(MeasurementRow(f"{n}.jpg", tmp_path / "x", None) for n in range(20 * 17 + 1))
    MEASUREMENT_EXPORTERS["contact-sheet"].write(tmp_path / "sheet.pdf", MeasurementTable(rows))
    with PdfParser(str(tmp_path / "sheet.pdf")) as read:
        assert len(set(read.pages)) == 18


def test_a_stopped_export_leaves_the_old_file(folder: Path, tmp_path: Path) -> None:
    target = tmp_path / "sheet.pdf"
    target.write_text("precious")

    def stop(_done: int, _total: int) -> None:
        raise Cancelled("stopped")

    with pytest.raises(Cancelled):
        MEASUREMENT_EXPORTERS["contact-sheet"].write(
            target, replace(table(measurement("a.jpg"), folder=folder), progress=stop)
        )
    assert target.read_text() == "precious"


def test_sizes_in_words() -> None:
    assert size_words(measurement(length_mm=45.26, width_mm=30.1)) == "45.3 ± 0.3 × 30.1 ± 0.1 mm"
    assert size_words(measurement(scale=None)) == ""
