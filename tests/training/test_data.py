"""Labelled data as users bring them: sheets of several kinds, folders per class, mistakes."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable
from pathlib import Path

import pytest
from PIL import Image

from geoview.errors import DataError
from geoview.training import data
from geoview.training.recipe import SplitPart
from geoview.training.split import split

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
        ("file,label\nmissing.jpg,x\n", r"missing\.jpg"),
    ],
)
def test_wrong_sheets_say_what_is_wrong(tmp_path: Path, text: str, words: str) -> None:
    path = sheet(tmp_path, text)
    with pytest.raises(DataError, match=words):
        data.load(path)


def test_wells_with_other_classes_do_not_mix(tmp_path: Path) -> None:
    one = sheet(tmp_path / "1", "file,label\na.png,x\nb.png,y\n")
    two = sheet(tmp_path / "2", "file,label\na.png,x\nb.png,z\n")
    with pytest.raises(DataError, match="other classes"):
        data.load([one, two])


def test_split_never_parts_a_tray_and_keeps_the_shares(well: Path) -> None:
    items = data.load(well).items
    parts = split(items, SplitPart(train=0.6, val=0.2, test=0.2), seed=1)
    sides: dict[str, set[str]] = defaultdict(set)
    for name, indices in parts.items():
        for index in indices:
            sides[items[index].file].add(name)
    assert all(len(found) == 1 for found in sides.values())
    assert len(sides) == 20
    assert {name: len(v) / 4 for name, v in parts.items()} == pytest.approx(
        {"train": 12, "val": 4, "test": 4}, abs=1
    )
    assert parts == split(items, SplitPart(train=0.6, val=0.2, test=0.2), seed=1)
    assert parts != split(items, SplitPart(train=0.6, val=0.2, test=0.2), seed=2)


def test_adding_a_well_moves_no_photo_of_another(
    tmp_path: Path, make_well: Callable[..., Path]
) -> None:
    first = make_well(tmp_path / "a", photos=15, well="A")
    second = make_well(tmp_path / "b", photos=15, seed=3, well="B")
    alone, both = data.load(first).items, data.load([first, second]).items
    part = SplitPart()
    kept = {name: {alone[i].file for i in idx} for name, idx in split(alone, part, seed=0).items()}
    mixed = split(both, part, seed=0)
    for name, indices in mixed.items():
        assert {both[i].file for i in indices if both[i].well == "A"} == kept[name]
    held = split(both, SplitPart(test_wells=["B"]), seed=0)
    assert {both[i].well for i in held["train"] + held["val"]} == {"A"}


def test_a_users_split_that_leaks_is_refused(tmp_path: Path) -> None:
    text = "file,label,specimen,split\na.png,x,S1,train\nb.png,x,S1,test\nc.png,y,S2,val\n"
    items = data.load(sheet(tmp_path, text)).items
    with pytest.raises(DataError, match="S1 is in both"):
        split(items, SplitPart(), seed=0)


@pytest.mark.skipif(not SHARED.is_dir(), reason="the rendered wells are not here")
def test_rendered_wells_load() -> None:
    dataset = data.load(SHARED)
    assert dataset.classes == ("mudstone", "sandstone", "shale", "limestone")
    assert len(dataset.items) == 4 * (132 + 96)
    assert {i.layer for i in dataset.items} == {0, 1, 2, 3}
