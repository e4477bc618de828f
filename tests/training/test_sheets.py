"""Sheets of labels as geologists keep them: their depths, specimens, tiles, areas, and slips."""

from __future__ import annotations

from pathlib import Path

import openpyxl
import pytest
from PIL import Image

from geoview.errors import DataError
from geoview.training import data
from geoview.training.data import Dataset
from geoview.training.recipe import SplitPart
from geoview.training.split import dealt, grouped, leaks


def photos(folder: Path, *names: str) -> None:
    for name in names:
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        Image.new("RGB", (8, 8)).save(folder / name)


def load(folder: Path, text: str) -> Dataset:
    """A sheet beside the photos a.png to f.png."""
    photos(folder, *(f"{letter}.png" for letter in "abcdef"))
    (folder / "labels.csv").write_text(text, encoding="utf-8")
    return data.load(folder / "labels.csv")


def labels(dataset: Dataset) -> dict[str, tuple[int, ...]]:
    return {item.file: item.states for item in dataset.items}


def groups(dataset: Dataset) -> list[set[str]]:
    found: dict[str, set[str]] = {}
    for item in grouped(dataset.items, SplitPart(), hashes={}):
        found.setdefault(item.group, set()).add(item.file)
    return list(found.values())


@pytest.mark.parametrize(
    ("there", "absent"),
    [("True", "False"), ("yes", "No"), ("x", ""), ("X", "-"), ("TRUE", ""), ("yes", "0")],
)
def test_words_and_ticks_are_labels(tmp_path: Path, there: str, absent: str) -> None:
    text = f"file,quartz,pyrite\na.png,{there},0\nb.png,{absent},1\nc.png,{there},1\n"
    dataset = load(tmp_path, text)
    assert dataset.classes == ("quartz", "pyrite")
    assert labels(dataset) == {"a.png": (1, 0), "b.png": (0, 1), "c.png": (1, 1)}


def test_a_blank_among_yes_and_no_is_refused(tmp_path: Path) -> None:
    with pytest.raises(DataError, match=r"empty cell in column quartz for b\.png"):
        load(tmp_path, "file,quartz,pyrite\na.png,yes,0\nb.png,,1\nc.png,no,1\n")


@pytest.mark.parametrize("column", ["present_quartz", "state_quartz"])
def test_words_in_prefixed_columns(tmp_path: Path, column: str) -> None:
    dataset = load(tmp_path, f"file,{column},present_pyrite\na.png,x,1\nb.png,,0\n")
    assert labels(dataset) == {"a.png": (1, 1), "b.png": (0, 0)}


def test_columns_that_say_one_of_two_things_are_named(tmp_path: Path) -> None:
    text = (
        "file,quartz,pyrite,mica,gypsum,place\n"
        "a.png,0,1,pos,,A\nb.png,1,0,neg,,B\nc.png,1,1,pos,,C\nd.png,0,0,neg,,D\n"
    )
    dataset = load(tmp_path, text)
    assert dataset.classes == ("quartz", "pyrite")
    mica, gypsum = dataset.warnings
    assert "Column mica" in mica
    assert "“pos”" in mica
    assert "Column gypsum" in gypsum
    assert "empty" in gypsum


def test_classes_called_like_other_columns_are_named(tmp_path: Path) -> None:
    text = (
        "file,quartz,pyrite,sample,layer,status,p_type,tile_row,tile_col\n"
        "a.png,0,1,0,1,1,0,0,0\nb.png,1,0,1,1,0,1,0,0\n"
    )
    dataset = load(tmp_path, text)
    assert dataset.classes == ("quartz", "pyrite")
    named = [w.split()[1] for w in dataset.warnings if "because of its name" in w]
    assert named == ["sample", "layer", "status", "p_type"]


def test_states_and_presences_of_different_labels(tmp_path: Path) -> None:
    text = (
        "file,state_quartz,present_Quartz,present_mica,state_pyrite\na.png,2,1,1,0\nb.png,0,0,0,1\n"
    )
    dataset = load(tmp_path, text)
    assert set(dataset.classes) == {"quartz", "pyrite", "mica"}
    by_name = dict(zip(dataset.classes, dataset.items[0].states, strict=True))
    assert by_name == {"quartz": 2, "pyrite": 0, "mica": 1}


def test_a_plain_column_beside_prefixed_ones_is_named(tmp_path: Path) -> None:
    dataset = load(tmp_path, "file,state_quartz,mica,spp\na.png,2,1,1\nb.png,0,0,2\n")
    assert dataset.classes == ("quartz",)
    (warning,) = dataset.warnings
    assert "call it present_mica" in warning


@pytest.mark.parametrize(
    ("columns", "depth", "metres"),
    [
        ("depth_ft", "4100", 1249.68),
        ("md", "4100", 4100),
        ("Depth (m)", "4100", 4100),
        ("depth,unit", "4100,ft", 1249.68),
        ("depth", "4100 m", 4100),
        ("depth", "4100 ft", 1249.68),
        ("depth_m", '"1,250"', 1250),
        ("depth_m", '"1250,5"', 1250.5),
        ("depth_m", "1249.6800000000001", 1249.68),
    ],
)
def test_depths_as_elsewhere_in_the_program(
    tmp_path: Path, columns: str, depth: str, metres: float
) -> None:
    rows = "".join(f"{letter}.png,{letter > 'c'},{depth}\n" for letter in "abcdef")
    dataset = load(tmp_path, f"file,label,{columns}\n{rows}")
    assert [item.depth_m for item in dataset.items] == pytest.approx([metres] * 6)
    assert len(groups(dataset)) == 1


def test_a_depth_that_is_none_is_named(tmp_path: Path) -> None:
    with pytest.raises(DataError, match=r"labels\.csv, b\.png: the depth “deep”"):
        load(tmp_path, "file,label,depth\na.png,x,10\nb.png,y,deep\n")


def test_depth_and_well_of_the_name_where_the_row_says_none(tmp_path: Path) -> None:
    names = ("WELL-A_0100.0m (1).png", "WELL-A_0100.0m (2).png", "WELL-B_0100.0m.png")
    photos(tmp_path, *names)
    rows = "".join(f"{name},quartz,\n" for name in names[:2]) + f"{names[2]},mica,55\n"
    dataset = load(tmp_path, f"file,label,depth_m\n{rows}")
    said = [(item.well, item.depth_m) for item in dataset.items]
    assert said == [("WELL-A", 100), ("WELL-A", 100), ("WELL-B", 55)]
    assert set(names[:2]) in groups(dataset)


@pytest.mark.parametrize("column", ["specimen", "sample", "Catalogue Number", "specimen_id"])
def test_photos_of_one_specimen_are_one_group(tmp_path: Path, column: str) -> None:
    dataset = load(tmp_path, f"file,label,{column}\na.png,x,S1\nb.png,y,S1\nc.png,y,S2\n")
    assert groups(dataset) == [{"a.png", "b.png"}, {"c.png"}]


def test_group_and_specimen_both_keep_photos_together(tmp_path: Path) -> None:
    text = "file,label,group,specimen\na.png,x,T1,S1\nb.png,y,T2,S1\nc.png,y,T2,S2\nd.png,x,T3,S3\n"
    assert groups(load(tmp_path, text)) == [{"a.png", "b.png", "c.png"}, {"d.png"}]


def test_samples_are_numbered_anew_in_every_well(tmp_path: Path) -> None:
    text = "file,label,well,sample\na.png,x,W1,1\nb.png,y,W1,1\nc.png,x,W2,1\n"
    assert groups(load(tmp_path, text)) == [{"a.png", "b.png"}, {"c.png"}]


def test_two_columns_for_the_specimen_are_told(tmp_path: Path) -> None:
    dataset = load(tmp_path, "file,label,sample,specimen_id\na.png,x,1,S1\nb.png,y,2,S1\n")
    (warning,) = dataset.warnings
    assert "sample and specimen_id" in warning


def test_spellings_of_layers_wells_and_specimens(tmp_path: Path) -> None:
    text = (
        "file,label,layer,well,specimen,depth_m\n"
        "a.png,x,Upper,WELL-A,s 1,5\nb.png,y,upper,Well-A,S 1,6\nc.png,y,Upper,WELL-A,S 1,5\n"
    )
    dataset = load(tmp_path, text)
    assert dataset.layers == ("Upper",)
    assert {item.layer for item in dataset.items} == {0}
    assert {item.well for item in dataset.items} == {"WELL-A"}
    assert len(groups(dataset)) == 1
    for what in ("layer", "well", "specimen"):
        assert [w for w in dataset.warnings if w.endswith(f"taken as one {what}.")]


def test_spellings_of_a_group_are_one_and_never_parted(tmp_path: Path) -> None:
    """Also across sheets; photos without a group keep one each, whatever their capitals."""
    one, two = tmp_path / "1", tmp_path / "2"
    photos(one, "A.png")
    load(one, "file,label,group,split\na.png,x,Tray 1,train\nA.png,y,,train\nc.png,y,,val\n")
    load(two, "file,label,group,split\na.png,x,tray  1,test\nb.png,y,Tray 1,train\n")
    dataset = data.load(tmp_path)
    assert [len(found) for found in groups(dataset)] == [3, 1, 1]
    (warning,) = dataset.warnings
    assert "The data spells Tray 1 in 2 ways" in warning
    assert warning.endswith("taken as one group.")
    (leak,) = leaks(dataset.items, dealt(dataset.items, SplitPart(), seed=0))
    assert "The split leaks: Tray 1 is in both train and test" in leak


def test_layers_of_two_sheets_are_one_whatever_their_capitals(tmp_path: Path) -> None:
    one, two = tmp_path / "1", tmp_path / "2"
    load(one, "file,label,layer,well\na.png,x,Upper,A\nb.png,y,Lower,A\n")
    load(two, "file,label,layer,well\na.png,x,LOWER,a\nb.png,y,Middle,a\nc.png,x,LOWER,a\n")
    dataset = data.load(tmp_path)
    assert dataset.layers == ("LOWER", "Middle", "Upper")
    named = [dataset.layers[item.layer or 0] for item in dataset.items]
    assert named == ["Upper", "LOWER", "LOWER", "Middle", "LOWER"]
    assert len({item.well for item in dataset.items}) == 1


@pytest.mark.parametrize(
    ("areas", "words"),
    [
        ("40,60", r"“40” in column area_quartz for a\.png .*percent"),
        ("0.9,-0.1", r"“-0\.1” in column area_pyrite for a\.png"),
        ("0.9,0.3", r"areas of a\.png .* add up to 1\.2"),
    ],
)
def test_areas_that_are_no_shares_are_refused(tmp_path: Path, areas: str, words: str) -> None:
    with pytest.raises(DataError, match=words):
        load(
            tmp_path,
            f"file,state_quartz,state_pyrite,area_quartz,area_pyrite\na.png,1,2,{areas}\n",
        )


def test_areas_that_are_not_used_or_doubtful_are_told(tmp_path: Path) -> None:
    text = (
        "file,state_quartz,state_pyrite,area_quartz,area_pyrite\n"
        'a.png,1,2,"0,4","0,6"\nb.png,1,2,0.4,\nc.png,0,2,0.4,0.6\nd.png,0,2,0.004,0.9\n'
    )
    dataset = load(tmp_path, text)
    assert [i.area for i in dataset.items] == [(0.4, 0.6), None, (0.4, 0.6), (0.004, 0.9)]
    half, absent = dataset.warnings
    assert "b.png without area_pyrite" in half
    assert "quartz in c.png" in absent
    assert "1×" in absent


def tiles(*rows: str) -> str:
    return "file,present_x,present_y,tile_row,tile_col\n" + "\n".join(rows)


@pytest.mark.parametrize("place", ["-1", "0.5", "100", "1000000000"])
def test_places_of_tiles_that_cannot_be(tmp_path: Path, place: str) -> None:
    with pytest.raises(DataError, match=r"column tile_col for a\.png is no place of a tile"):
        load(tmp_path, tiles(f"a.png,1,0,0,{place}"))


def test_a_photo_that_lists_one_tile_is_cut_like_the_others(tmp_path: Path) -> None:
    whole = [f"a.png,1,0,{r},{c}" for r in range(2) for c in range(3)]
    tall = [f"b.png,1,0,{r},{c}" for r in range(3) for c in range(2)]
    dataset = load(tmp_path, tiles(*whole, *tall, "c.png,1,1,0,0", "d.png,1,1,2,0"))
    grids = {item.file: (item.tile or ())[2:] for item in dataset.items}
    assert grids == {"a.png": (2, 3), "b.png": (3, 2), "c.png": (2, 3), "d.png": (3, 2)}
    (warning,) = dataset.warnings
    assert "2 photos" in warning
    assert "c.png" in warning


@pytest.mark.parametrize("nothing", ["none", "NA", "-", "?", "n/a"])
def test_what_says_nothing_is_no_label(tmp_path: Path, nothing: str) -> None:
    with pytest.raises(DataError, match=r"says “.*” for b"):
        load(tmp_path, f"file,labels\na.png,quartz;pyrite\nb.png,{nothing}\n")


def test_what_says_nothing_among_labels_is_none(tmp_path: Path) -> None:
    dataset = load(tmp_path, "file,labels\na.png,quartz;pyrite\nb.png,quartz;none\n")
    assert dataset.classes == ("pyrite", "quartz")


def test_labels_that_are_the_same_number_are_told(tmp_path: Path) -> None:
    dataset = load(tmp_path, "file,label\na.png,1\nb.png,1.0\nc.png,2\n")
    (warning,) = dataset.warnings
    assert "labels 1 and 1.0" in warning


def test_several_labels_in_a_column_for_one_are_told(tmp_path: Path) -> None:
    dataset = load(tmp_path, "file,label\na.png,quartz\nb.png,quartz;pyrite\nc.png,Clay/silt\n")
    (warning,) = dataset.warnings
    assert "“quartz;pyrite”" in warning
    assert "“labels”" in warning


def test_rows_that_repeat_and_rows_that_contradict(tmp_path: Path) -> None:
    text = "file,label\na.png,x\nb.png,y\na.png,x\na.png,x\nb.png,x\n"
    dataset = load(tmp_path, text)
    assert [item.file for item in dataset.items] == ["a.png", "b.png", "b.png"]
    repeated, different = dataset.warnings
    assert "2 rows" in repeated
    assert "1 photo," in different
    assert "b.png (y / x)" in different


def test_blanks_and_other_words_in_the_split(tmp_path: Path) -> None:
    text = "file,label,split\na.png,x,Testing\nb.png,y,\nc.png,y,validation\nd.png,x,\n"
    dataset = load(tmp_path, text)
    assert [item.split for item in dataset.items] == ["test", "", "val", ""]
    (warning,) = dataset.warnings
    assert warning.startswith("The split says nothing of 2 photos, taken for training")


def test_all_photos_that_are_not_there_are_listed(tmp_path: Path) -> None:
    dataset = load(tmp_path, "file,label\na.png,x\ngone.png,y\nb.png,y\nlost.png,y\n")
    assert dataset.missing == ("gone.png", "lost.png")


def test_rows_that_a_comma_has_shifted_are_left_out(tmp_path: Path) -> None:
    text = 'file,label,depth_m\na.png,x,1250,5\nb.png,y,"1251,5"\nc.png,x,1252,,\nd.png,x,1253,5\n'
    dataset = load(tmp_path, text)
    assert {item.file: item.depth_m for item in dataset.items} == {"b.png": 1251.5, "c.png": 1252}
    (warning,) = dataset.warnings
    assert warning.startswith("Left out of labels.csv: 2 rows with more cells than titles")
    assert "the first is a.png; put cells" in warning


def test_a_sheet_whose_rows_are_all_shifted_is_refused(tmp_path: Path) -> None:
    text = "file,labels,specimen\na.png,quartz, malachite,S1\n\nb.png,quartz, mica,S2\n"
    with pytest.raises(DataError, match=r"All rows of labels\.csv have more cells than titles"):
        load(tmp_path, text)


def test_a_heading_above_the_titles_and_bars_between_cells(tmp_path: Path) -> None:
    dataset = load(tmp_path, "Drawer 7, hall 3\n\nFile name|label\na.png|x\nb.png|y\n")
    assert [item.file for item in dataset.items] == ["a.png", "b.png"]


def test_a_heading_in_a_workbook_and_a_second_worksheet(tmp_path: Path) -> None:
    photos(tmp_path, "a.png", "b.png")
    book = openpyxl.Workbook()
    for row in (["Labels of drawer 7"], ["file", "label"], ["a.png", "x"], ["b.png", "y"]):
        book.active.append(row)
    book.create_sheet("WellB").append(["file", "label"])
    book.save(tmp_path / "labels.xlsx")
    dataset = data.load(tmp_path)
    assert dataset.classes == ("x", "y")
    (warning,) = dataset.warnings
    assert "worksheet WellB of labels.xlsx was not read" in warning


@pytest.mark.parametrize(
    ("name", "content", "words"),
    [
        ("labels.xlsx", b"PK no zip", "labels.xlsx cannot be read; save it as CSV"),
        ("labels.xls", b"\xd0\xcf\x11\xe0" + bytes(60), "old Excel workbook"),
        ("labels.csv", b"", "the file is empty"),
        ("labels.csv", b"file,label\n", "has no rows"),
        ("labels.csv", b"file,x\na.png,1\n", "only one column of 0 and 1"),
    ],
)
def test_what_is_wrong_with_the_only_sheet_of_a_folder(
    tmp_path: Path, name: str, content: bytes, words: str
) -> None:
    photos(tmp_path, "a.png")
    (tmp_path / name).write_bytes(content)
    with pytest.raises(DataError, match=f"neither a sheet of labels .*{words}"):
        data.load(tmp_path)


def test_a_sheet_that_cannot_be_read_beside_one_that_can(tmp_path: Path) -> None:
    load(tmp_path, "file,label\na.png,x\nb.png,y\n")
    (tmp_path / "more.xlsx").write_bytes(b"PK no zip")
    (warning,) = data.load(tmp_path).warnings
    assert "more.xlsx cannot be read" in warning
