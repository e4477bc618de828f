"""Columns of labels as people fill them in: ticks of many kinds, and wider scales."""

from __future__ import annotations

from pathlib import Path

import pytest
from PIL import Image

from geoview.training import data
from geoview.training.data import Dataset


def load(folder: Path, text: str) -> Dataset:
    for letter in "abcd":
        Image.new("RGB", (8, 8)).save(folder / f"{letter}.png")
    (folder / "labels.csv").write_text(text, encoding="utf-8")
    return data.load(folder)


@pytest.mark.parametrize(
    ("there", "absent"),
    [("✓", ""), ("✔", "-"), ("✔\ufe0f", ""), ("Y", "N"), ("ja", "nein"), ("Oui", "non"),
     ("sí", "no"), ("si\u0301", "no"), ("si", "no")],
)  # fmt: skip
def test_ticks_and_words_of_other_languages(tmp_path: Path, there: str, absent: str) -> None:
    text = f"file,quartz,pyrite,mica\na.png,{there},0,1\nb.png,{absent},1,0\nc.png,{there},1,1\n"
    dataset = load(tmp_path, text)
    assert dataset.classes == ("quartz", "pyrite", "mica")
    assert [item.states[0] for item in dataset.items] == [1, 0, 1]
    assert dataset.warnings == ()


def test_a_column_of_nothing_but_n_is_no_label(tmp_path: Path) -> None:
    dataset = load(tmp_path, "file,quartz,pyrite,side\na.png,1,0,N\nb.png,0,1,N\n")
    assert dataset.classes == ("quartz", "pyrite")
    (warning,) = dataset.warnings
    assert warning.startswith("Column side of labels.csv was not taken for a label")


@pytest.mark.parametrize(
    ("cells", "first"),
    [(("3", "0", "5", "4"), "3"), (("80", "0", "100", "20"), "80"), (("4", "", "3", "4"), "4"),
     (("3", "4", "3", "5"), "3")],
)  # fmt: skip
def test_a_wider_scale_is_named(tmp_path: Path, cells: tuple[str, ...], first: str) -> None:
    rows = "".join(f"{'abcd'[i]}.png,1,{i % 2},{cell}\n" for i, cell in enumerate(cells))
    dataset = load(tmp_path, f"file,quartz,pyrite,mica\n{rows}")
    assert dataset.classes == ("quartz", "pyrite")
    (warning,) = dataset.warnings
    assert warning == (
        f"Column mica of labels.csv was not taken for a label, because it holds “{first}”; write "
        "0, 1 or 2 if it is one."
    )


@pytest.mark.parametrize(
    ("column", "cells"),
    [("No of boxes", "0345"), ("x", "0957"), ("year", ("1998", "0", "2001", "2003")),
     ("drawer", "3454"), ("weight_g", ("12", "30", "45", "61")), ("age", "0943")],
)  # fmt: skip
def test_other_numbers_are_no_scale(tmp_path: Path, column: str, cells: tuple[str, ...]) -> None:
    rows = "".join(f"{'abcd'[i]}.png,1,{i % 2},{cell}\n" for i, cell in enumerate(cells))
    dataset = load(tmp_path, f"file,quartz,pyrite,{column}\n{rows}")
    assert dataset.classes == ("quartz", "pyrite")
    assert dataset.warnings == ()
