"""Labelled data as users bring them: sheets of several kinds, folders per class, mistakes."""

from __future__ import annotations

import contextlib
import tempfile
from pathlib import Path

import openpyxl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image

from geoview.errors import DataError
from geoview.training import data
from geoview.training.recipe import SplitPart
from geoview.training.seen import content
from geoview.training.split import dealt, grouped, leaks

SHARED = Path(__file__).resolve().parents[3] / "shared" / "data" / "cuttings"


def photo(path: Path) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    Image.new("RGB", (8, 8)).save(path)
    return path


def sheet(folder: Path, text: str, *, encoding: str = "utf-8", name: str = "labels.csv") -> Path:
    for word in text.replace(";", ",").replace("\n", ",").split(","):
        if word.strip().endswith(".png"):
            photo(folder / word.strip())
    path = folder / name
    path.write_bytes(text.encode(encoding))
    return path


def test_states_and_areas(well: Path) -> None:
    dataset = data.load(well)
    assert dataset.classes == ("mudstone", "limestone")
    assert dataset.layers == ("Layer1", "Layer2")
    assert len(dataset.items) == 80
    for item in dataset.items:
        assert item.area is not None
        assert sum(item.area) == pytest.approx(1)
        assert item.tile is not None
        assert item.tile[2:] == (2, 2)
        assert [float(s > 0) for s in item.states] == list(item.labels)


def test_labels_column_with_separators_and_windows_encoding(tmp_path: Path) -> None:
    sheet(tmp_path, "file;labels\na.png;grès|marne\nb.png;marne\n", encoding="cp1252")
    dataset = data.load(tmp_path)
    assert dataset.task == "multi-label"
    assert dataset.classes == ("grès", "marne")
    assert [i.labels for i in dataset.items] == [(1, 1), (0, 1)]
    assert dataset.items[0].states == (2, 1)


@pytest.mark.parametrize("encoding", ["utf-8-sig", "utf-16"])
def test_single_label_sheet_in_other_encodings(tmp_path: Path, encoding: str) -> None:
    path = sheet(tmp_path, "file,label\na.png,pyrite\nb.png,quartz\n", encoding=encoding)
    dataset = data.load(path)
    assert dataset.task == "single-label"
    assert dataset.classes == ("pyrite", "quartz")


def test_folder_per_class(tmp_path: Path) -> None:
    for name in ("pyrite/1.png", "pyrite/2.png", "quartz/1.png", "empty/readme.txt"):
        if name.endswith(".png"):
            photo(tmp_path / name)
        else:
            (tmp_path / "empty").mkdir()
    dataset = data.load(tmp_path)
    assert dataset.classes == ("pyrite", "quartz")
    assert len(dataset.items) == 3


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("name,label\na.png,x\n", "column “file”"),
        ("file,colour\na.png,red\n", "no labels"),
        ("file,label\n", "no rows"),
        ("file,present_a,present_b\na.png,1,often\n", "“often”"),
        ("file,present_a,present_b\na.png,1,nan\n", "not a number"),
        ("file,label\nmissing.jpg,x\n", r"None of the 1 photos .* missing\.jpg"),
        ("file,present_a,present_b\na.png,1,\n", r"labels\.csv: an empty cell in column present_b"),
        ("file,present_a,present_b\na.png,1,3\n", r"“3” in column present_b for a\.png"),
        ("file,quartz,pyrite\na.png,1,0\nb.png,NaN,1\n", r"“NaN” in column quartz for b\.png"),
        ("file,label\na.png,x\nb.png,\n", r"labels\.csv: column label is empty for b\.png"),
        ("file,labels\na.png,nan\n", r"column labels says “nan” for a\.png"),
        ("file,present_a,present_A\na.png,1,0\n", "two columns for the label a"),
        ("file,a,tile_row,tile_col\na.png,1,x,0\n", r"“x” in column tile_row"),
    ],
)
def test_wrong_sheets_say_what_is_wrong(tmp_path: Path, text: str, words: str) -> None:
    path = sheet(tmp_path, text)
    with pytest.raises(DataError, match=words):
        data.load(path)


def test_plain_columns_of_zeros_and_ones_are_labels(tmp_path: Path) -> None:
    text = (
        "Image;Quartz;Iron Ore;weight_g;depth;id;area_quartz;area_iron ore\n"
        "a.png;1;0;12,5;1250,5;1;0,75;0,25\nb.png;2;1;3;;0;;0,5\n"
    )
    dataset = data.load(sheet(tmp_path, text))
    assert (dataset.classes, dataset.task) == (("Quartz", "Iron Ore"), "multi-label")
    first, second = dataset.items
    assert (first.states, second.states) == ((1, 0), (2, 1))
    assert (first.depth_m, second.depth_m) == (1250.5, None)
    assert (first.area, second.area) == ((0.75, 0.25), None)


def test_a_nearly_plain_column_is_named(tmp_path: Path) -> None:
    text = "file,a,b,c\n1.png,1,0,1\n2.png,0,1,0\n3.png,1,1,often\n"
    dataset = data.load(sheet(tmp_path, text))
    assert dataset.classes == ("a", "b")
    assert any("Column c" in w and "“often”" in w for w in dataset.warnings)


def test_optional_columns(tmp_path: Path) -> None:
    text = (
        "file,class,specimen_id,layer,well,depth_m,split\n"
        "a.png,x,S1,Top,W,10,Train\nb.png,y,nan,,,,\n"
    )
    dataset = data.load(sheet(tmp_path, text))
    first, second = dataset.items
    assert (first.specimen, first.layer, first.well, first.depth_m) == ("S1", 0, "W", 10)
    assert first.split == "train"
    assert second.group.endswith("/b.png")
    assert (second.layer, second.well, second.depth_m, second.split) == (None, "", None, "")


def workbook(path: Path, *sheets: list[list[object]]) -> Path:
    book = openpyxl.Workbook()
    book.remove(book.active)
    for rows in sheets:
        page = book.create_sheet()
        for row in rows:
            page.append(row)
    book.save(path)
    return path


def test_the_first_sheet_of_a_workbook_with_a_file_column(tmp_path: Path) -> None:
    photo(tmp_path / "a.png")
    photo(tmp_path / "b.png")
    rows: list[list[object]] = [["file", "Quartz", "Pyrite"], ["a.png", 1, 0], ["b.png", True, 2.0]]
    workbook(tmp_path / "labels.xlsx", [["notes"], ["made in May"]], [[], *rows])
    dataset = data.load(tmp_path)
    assert dataset.classes == ("Quartz", "Pyrite")
    assert [i.states for i in dataset.items] == [(1, 0), (1, 2)]


def test_a_broken_workbook_says_so(tmp_path: Path) -> None:
    path = tmp_path / "labels.xlsx"
    path.write_bytes(b"PK\x03\x04 no zip at all")
    with pytest.raises(DataError, match="cannot be read; save it as CSV"):
        data.load(path)


def test_a_sheet_in_two_encodings_is_read_line_by_line(tmp_path: Path) -> None:
    photo(tmp_path / "a.png")
    photo(tmp_path / "b.png")
    lines = [b"file,label", "a.png,grès".encode(), "b.png,Löß".encode("cp1252")]
    path = tmp_path / "labels.csv"
    path.write_bytes(b"\r\n".join(lines))
    dataset = data.load(path)
    assert set(dataset.classes) == {"grès", "Löß"}
    assert [w for w in dataset.warnings if "mixes encodings: 1 of its 3 lines" in w]


def test_spellings_of_one_label_are_one_class(tmp_path: Path) -> None:
    text = "file,label\na.png,Quartz\nb.png, quartz\nc.png,QUARTZ\nd.png,Quartz \ne.png,pyrite\n"
    dataset = data.load(sheet(tmp_path, text))
    assert dataset.classes == ("Quartz", "pyrite")
    assert [i.labels for i in dataset.items] == [(1, 0)] * 4 + [(0, 1)]
    (warning,) = dataset.warnings
    assert "“Quartz” 2×" in warning
    assert "“QUARTZ” 1×" in warning


def test_spellings_of_class_folders_and_empty_ones(tmp_path: Path) -> None:
    for name in ("Quartz/1.png", "quartz /2.png", "quartz /3.png", "pyrite/1.png", "gold/.x.png"):
        photo(tmp_path / name)
    dataset = data.load(tmp_path)
    assert dataset.classes == ("pyrite", "quartz")
    assert len(dataset.items) == 4
    assert any("Quartz" in w and "one class" in w for w in dataset.warnings)
    assert any("Without photos" in w and "gold" in w for w in dataset.warnings)


def test_folders_of_train_and_test_are_a_split(tmp_path: Path) -> None:
    for name in ("train/a/1.png", "train/a/3.png", "train/b/1.png", "Val/A/1.png", "test/b/2.png"):
        photo(tmp_path / name)
    dataset = data.load(tmp_path)
    assert dataset.classes == ("a", "b")
    assert {i.file: i.split for i in dataset.items} == {
        "train/a/1.png": "train", "train/a/3.png": "train", "train/b/1.png": "train",
        "Val/A/1.png": "val", "test/b/2.png": "test",
    }  # fmt: skip


def test_photos_that_are_not_there_are_left_out(tmp_path: Path) -> None:
    path = sheet(tmp_path, "file,label\na.png,x\nb.png,y\n")
    path.write_text("file,label\na.png,x\ngone.jpg,z\nb.png,y\n,y\n", encoding="utf-8")
    dataset = data.load(path)
    assert [i.file for i in dataset.items] == ["a.png", "b.png"]
    assert dataset.classes == ("x", "y")
    assert "1 of the 3 photos" in dataset.warnings[0]
    assert "gone.jpg" in dataset.warnings[0]
    assert "1 rows" in dataset.warnings[1]


@pytest.mark.parametrize(
    "file",
    ["../a.png", "/etc/passwd", "x/../../a.png", "..\\a.png", "C:\\a.png", "\\\\host\\a.png"],
)
def test_photos_outside_the_sheets_folder_are_refused(tmp_path: Path, file: str) -> None:
    photo(tmp_path / "a.png")
    folder = tmp_path / "data"
    photo(folder / "b.png")
    path = folder / "labels.csv"
    path.write_text(f"file,label\nb.png,x\n{file},y\n", encoding="utf-8")
    with pytest.raises(DataError, match="outside its folder"):
        data.load(path)


@given(
    st.binary(max_size=60),
    st.sampled_from((b"file,label\n", b"file;a;b\n", b"\xff\xfe", b"PK", b"")),
)
@settings(max_examples=200, deadline=None)
def test_no_sheet_breaks_the_reader(rest: bytes, head: bytes) -> None:
    with tempfile.TemporaryDirectory() as folder:
        photo(Path(folder) / "a.png")
        path = Path(folder) / "labels.csv"
        path.write_bytes(head + b"a.png,0,1\n" + rest)
        with contextlib.suppress(DataError):
            assert len(data.load(path, fewest=1).items) >= 1


def test_a_name_longer_than_the_system_allows_is_not_there(tmp_path: Path) -> None:
    photo(tmp_path / "a.png")
    path = tmp_path / "labels.csv"
    path.write_text(f"file,label\na.png,x\n{'long' * 200}.png,y\n", encoding="utf-8")
    assert len(data.load(path, fewest=1).items) == 1


def test_two_sheets_as_good_in_one_folder(tmp_path: Path) -> None:
    sheet(tmp_path, "file,label\na.png,x\nb.png,y\n", name="one.csv")
    sheet(tmp_path, "file,label\nc.png,x\nd.png,y\n", name="two.csv")
    dataset = data.load(tmp_path)
    assert [i.file for i in dataset.items] == ["a.png", "b.png"]
    assert any("two.csv was not read" in w for w in dataset.warnings)
    both = data.load([tmp_path / "one.csv", tmp_path / "two.csv"])
    assert len(both.items) == 4


def test_sources_with_other_capitals_and_order_are_joined(tmp_path: Path) -> None:
    one = sheet(tmp_path / "1", "file,present_X,present_Y,area_x,area_y\na.png,1,0,0.9,0.1\n")
    two = sheet(tmp_path / "2", "file,present_y,present_x,area_x,area_y\nb.png,1,0,0.2,0.8\n")
    dataset = data.load([one, two])
    assert dataset.classes == ("X", "Y")
    assert [i.labels for i in dataset.items] == [(1, 0), (0, 1)]
    assert [i.area for i in dataset.items] == [(0.9, 0.1), (0.2, 0.8)]


def test_wells_with_other_classes_do_not_mix(tmp_path: Path) -> None:
    one = sheet(tmp_path / "1", "file,label\na.png,x\nb.png,y\n")
    two = sheet(tmp_path / "2", "file,label\na.png,x\nb.png,z\n")
    with pytest.raises(DataError, match="other classes"):
        data.load([one, two])


@pytest.mark.skipif(not SHARED.is_dir(), reason="the rendered wells are not here")
def test_rendered_wells_load() -> None:
    dataset = data.load(SHARED)
    assert dataset.classes == ("mudstone", "sandstone", "shale", "limestone")
    assert len(dataset.items) == 4 * (132 + 96)
    assert {i.layer for i in dataset.items} == {0, 1, 2, 3}


def test_a_folder_of_one_class_is_for_measuring_not_for_training(tmp_path: Path) -> None:
    (tmp_path / "quartz").mkdir()
    (tmp_path / "pyrite").mkdir()
    with pytest.raises(DataError, match="neither a sheet of labels nor"):
        data.load(tmp_path, fewest=1)
    Image.new("RGB", (8, 8)).save(tmp_path / "quartz" / "a.png")
    with pytest.raises(DataError, match=r"only quartz holds photos.* at least two"):
        data.load(tmp_path)
    assert data.load(tmp_path, fewest=1).classes == ("quartz",)


def test_a_sheet_of_one_class_is_for_measuring_not_for_training(tmp_path: Path) -> None:
    path = sheet(tmp_path, "file,label\n1.png,quartz\n2.png,quartz\n")
    with pytest.raises(DataError, match=r"All photos of .*labels\.csv are quartz; .* two classes"):
        data.load(path)
    assert data.load(path, fewest=1).classes == ("quartz",)
    # Of several labels one alone can be learnt: it is there or not.
    assert data.load(sheet(tmp_path, "file,quartz\n1.png,1\n2.png,0\n")).classes == ("quartz",)


def test_photos_of_one_name_in_two_folders_are_two_photos(tmp_path: Path) -> None:
    """Each part of a split in a folder of its own, and photos counted anew in each."""
    for part in ("train", "val", "test"):
        text = f"file,label,split\n1.png,x,{part}\n2.png,y,{part}\n"
        sheet(tmp_path / part / "images", text)
    dataset = data.load(tmp_path)
    assert len({item.group for item in dataset.items}) == 6
    assert [item.file for item in dataset.items][:2] == ["test/images/1.png", "test/images/2.png"]
    assert dataset.sources[0] == "test/images/labels.csv"
    joined = grouped(dataset.items, SplitPart(), hashes={})  # they all look alike here
    parts = dealt(joined, SplitPart(), seed=0)
    assert {name: len(found) for name, found in parts.items()} == {"train": 2, "val": 2, "test": 2}
    assert leaks(joined, parts) == ()


def test_sources_with_the_same_folders_are_told_apart(tmp_path: Path) -> None:
    """By the part of their paths that differs; the group of a photo is nobody else's."""
    for year, files in (("2023", "ab"), ("2024", "bc")):
        for name in (f"{year}/photos/{label}/{file}.png" for label in "xy" for file in files):
            photo(tmp_path / name)
    alone = data.load(tmp_path / "2024/photos")
    assert [item.file for item in alone.items] == ["x/b.png", "x/c.png", "y/b.png", "y/c.png"]
    both = data.load([tmp_path / "2023/photos", tmp_path / "2024/photos"])
    assert both.sources == ("2023/photos", "2024/photos")
    assert len({item.group for item in both.items}) == 8
    assert [item.file for item in both.items] == [
        "x/a.png", "2023/photos/x/b.png", "y/a.png", "2023/photos/y/b.png",
        "2024/photos/x/b.png", "x/c.png", "2024/photos/y/b.png", "y/c.png",
    ]  # fmt: skip


def test_photos_that_cannot_be_read_are_like_no_other(tmp_path: Path) -> None:
    one, two = photo(tmp_path / "1/a.png"), photo(tmp_path / "2/a.png")
    assert data.photo_key(one) == data.photo_key(two)
    for path in (one, two):
        path.unlink()
        path.symlink_to("nowhere")
    gone, other = data.photo_key(one), data.photo_key(two)
    assert gone.startswith("a.png#")
    assert content(gone) != content(other)
    assert gone == data.photo_key(one)
