"""Photos that a sheet names without suffix, in other capitals, or with accents stored otherwise."""

from __future__ import annotations

import unicodedata
from pathlib import Path

import pytest
from PIL import Image

from geoview.errors import DataError
from geoview.training import data
from geoview.training.data import Dataset


def load(folder: Path, photos: tuple[str, ...], rows: str) -> Dataset:
    for name in photos:
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        Image.new("RGB", (8, 8)).save(folder / name, format="PNG")
    (folder / "labels.csv").write_text(f"file,label\n{rows}", encoding="utf-8")
    return data.load(folder / "labels.csv")


def files(dataset: Dataset) -> list[str]:
    return [item.file for item in dataset.items]


def test_names_without_suffix_and_in_other_capitals(tmp_path: Path) -> None:
    photos = ("IMG_1.JPG", "img_2.png", "B/Tray 3.5m.jpg", "d.png")
    dataset = load(tmp_path, photos, "IMG_1,x\nIMG_2.PNG,y\nB\\tray 3.5m,x\nd.png,y\n")
    assert files(dataset) == ["IMG_1.JPG", "img_2.png", "B/Tray 3.5m.jpg", "d.png"]
    assert dataset.missing == ()
    assert dataset.warnings == ()
    assert all(item.path.is_file() for item in dataset.items)


def test_accents_stored_in_two_ways(tmp_path: Path) -> None:
    stored, written = (unicodedata.normalize(form, "grès.png") for form in ("NFD", "NFC"))
    assert files(load(tmp_path, (stored, "b.png"), f"{written},x\nb.png,y\n")) == [stored, "b.png"]


def test_the_whole_name_comes_first(tmp_path: Path) -> None:
    photos = ("a.png", "A.PNG", "a.jpg", "b.png")
    dataset = load(tmp_path, photos, "A.PNG,x\na.jpg,y\nb,x\n")
    assert files(dataset) == ["A.PNG", "a.jpg", "b.png"]


def test_a_name_that_fits_two_photos_is_told_and_left_out(tmp_path: Path) -> None:
    dataset = load(tmp_path, ("a.cr2", "a.jpg", "b.png", "c.png"), "a,x\nb,x\nc,y\n")
    assert files(dataset) == ["b.png", "c.png"]
    assert dataset.missing == ("a",)
    assert "the first is a (a.cr2, a.jpg); write the whole name." in dataset.warnings[-1]


def test_names_that_all_fit_two_photos_are_told_as_such(tmp_path: Path) -> None:
    """A camera that keeps both a raw and a JPEG file of every photo."""
    with pytest.raises(DataError, match=r"2 names in labels\.csv may mean more than one photo"):
        load(tmp_path, ("a.cr2", "a.jpg", "b.cr2", "b.jpg"), "a,x\nb,y\n")


def test_numbers_whose_zeros_excel_took_away(tmp_path: Path) -> None:
    photos = ("0001.png", "0002.png", "2.png", "010.png")
    assert files(load(tmp_path, photos, "1,x\n2,y\n10,x\n")) == ["0001.png", "2.png", "010.png"]


def test_a_number_that_fits_two_photos_is_told_and_left_out(tmp_path: Path) -> None:
    dataset = load(tmp_path, ("01.png", "001.png", "b.png", "c.png"), "1,x\nb,x\nc,y\n")
    assert files(dataset) == ["b.png", "c.png"]
    assert "(001.png, 01.png); write the whole name." in dataset.warnings[-1]


def test_another_suffix_or_a_text_file_is_no_photo_of_that_name(tmp_path: Path) -> None:
    (tmp_path / "a.txt").write_text("notes", encoding="utf-8")
    with pytest.raises(DataError, match="None of the 2 photos"):
        load(tmp_path, ("b.png",), "a,x\nb.jpg,y\n")


def test_one_photo_named_in_two_ways_counts_once(tmp_path: Path) -> None:
    dataset = load(tmp_path, ("a.png", "b.png"), "a,x\nA.png,x\nb,y\n")
    assert files(dataset) == ["a.png", "b.png"]
