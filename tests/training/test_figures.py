"""What the answers of a model are held against, made up by hand: tiles, merged classes, areas."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import fakes
import pytest

from geoview.models.card import ModelCard, Preprocess
from geoview.records import Prediction, TilePrediction
from geoview.training import figures
from geoview.training.data import Dataset, Item
from geoview.training.matching import match
from geoview.training.truths import truths

Tile = tuple[int, int, int, int]
Answers = dict[tuple[int, int], tuple[float, ...]]


def card(**thresholds: float) -> ModelCard:
    return ModelCard(
        name="m", title="M", architecture="geolayer", backbone="b", task="multi-label",
        classes=list(thresholds), thresholds=list(thresholds.values()),
        preprocess=Preprocess(input_px=64),
    )  # fmt: skip


def item(file: str, labels: tuple[float, ...], tile: Tile | None = None) -> Item:
    states = tuple(int(label) for label in labels)
    return Item(Path(file), file, labels, states, file, tile=tile, area=labels)


def dataset(*classes: str, items: list[Item]) -> Dataset:
    return Dataset(tuple(items), classes, (), "multi-label", ("sheet",))


def says(*p: float, tiles: Answers | None = None, area: tuple[float, ...] | None = None
         ) -> Prediction:  # fmt: skip
    cut = tuple(
        TilePrediction(row, col, (0, 0, 1, 1), answers)
        for (row, col), answers in (tiles or {}).items()
    )
    return replace(
        fakes.prediction(), probabilities=p, thresholds=(0.5,) * len(p), tiles=cut, area_pct=area
    )


MUDSTONE, LIMESTONE = (0.9, 0.1), (0.1, 0.9)
PERFECT = says(0.9, 0.9, area=(50, 50), tiles={
    (0, 0): MUDSTONE, (0, 1): LIMESTONE, (1, 0): LIMESTONE, (1, 1): MUDSTONE,
})  # fmt: skip
ROCKS = card(mudstone=0.5, limestone=0.5)


def test_tiles_without_labels_are_not_held_against_a_model() -> None:
    """Its limestone lies in a tile that nobody labelled, and is no mistake."""
    data = dataset("mudstone", "limestone", items=[
        item("part.png", (1, 0), (0, 0, 2, 2)),
        item("part.png", (0, 1), (1, 0, 2, 2)),
        *(item("all.png", (float(r == c), float(r != c)), (r, c, 2, 2))
          for r in (0, 1) for c in (0, 1)),
    ])  # fmt: skip
    matched = match(ROCKS.classes, data.classes)
    known = truths(data, matched)
    found = {Path("part.png"): PERFECT, Path("all.png"): PERFECT}
    assert all(figures.measurable(truth, PERFECT) for truth in known)
    rows = figures.rows_of(ROCKS, matched, known, found, task="multi-label", restrict=False)
    measured = figures.presence(rows, with_curves=False)
    assert (measured["n"], measured["op"], measured["cp"], measured["or"]) == (6, 1, 1, 1)
    areas = figures.per_photo(ROCKS, matched, known[:1], found, restrict=False)
    assert "area_mae_points" not in areas


def test_merged_classes_are_said_where_the_model_says_any_of_them() -> None:
    """Each by its own threshold, so that a class that is said often gives none to another."""
    model = card(anthracite=0.8, lignite=0.1, limestone=0.5)
    answers = {
        "none.png": (0.4, 0.05, 0.9), "anthracite.png": (0.8, 0.01, 0.1),
        "lignite.png": (0.1, 0.1, 0.1), "neither.png": (0.79, 0.09, 0.7),
    }  # fmt: skip
    said = [file in ("anthracite.png", "lignite.png") for file in answers]
    data = dataset("coal", "limestone", items=[
        item(file, (float(coal), float(not coal)))
        for file, coal in zip(answers, said, strict=True)
    ])  # fmt: skip
    matched = match(model.classes, data.classes)
    found = {Path(file): says(*p) for file, p in answers.items()}
    rows = figures.rows_of(
        model, matched, truths(data, matched), found, task="multi-label", restrict=False
    )
    assert (rows.p[:, 0] >= rows.thresholds[0]).tolist() == said
    assert rows.p[:, 1].tolist() == [p[2] for p in answers.values()]
    measured = figures.presence(rows, with_curves=False)
    assert measured["precision"] == {"coal": 1, "limestone": 1}
    assert measured["ap"]["coal"] == 1


def test_labels_of_a_part_are_none_of_the_whole_photo() -> None:
    whole = says(0.9, 0.9)
    data = dataset("mudstone", "limestone", items=[
        item("part.png", (1, 0), (0, 0, 1, 2)),
        *(item("all.png", (1, 0), (0, c, 1, 2)) for c in (0, 1)),
        item("plain.png", (1, 0)),
    ])  # fmt: skip
    known = truths(data, match(ROCKS.classes, data.classes))
    for answer in (whole, PERFECT):
        assert [figures.measurable(truth, answer) for truth in known] == [False, True, True]


@pytest.mark.parametrize("restrict", [False, True])
def test_a_photo_without_any_rock_has_no_dominant_one_and_no_area_error(restrict: bool) -> None:
    data = dataset("mudstone", "limestone", items=[
        item("mud.png", (1, 0)), item("lime.png", (0, 1)), item("empty.png", (0, 0)),
    ])  # fmt: skip
    matched = match(ROCKS.classes, data.classes)
    found = {
        Path("mud.png"): says(0.9, 0.1, area=(80, 20)),
        Path("lime.png"): says(0.9, 0.1, area=(70, 30)),
        Path("empty.png"): says(0.1, 0.1, area=(60, 40)),
    }
    known = truths(data, matched)
    measured = figures.per_photo(ROCKS, matched, known, found, restrict=restrict)
    assert measured["dominant_accuracy"] == 0.5
    assert measured["area_mae_points"] == {"mudstone": 45, "limestone": 45}
    assert measured["area_mae_points_mean"] == 45
    blank = figures.per_photo(ROCKS, matched, known[2:], found, restrict=restrict)
    assert blank == {"ci95": {}}


def test_a_rock_the_model_does_not_know_is_still_no_area_of_those_it_does() -> None:
    """But where it may answer shared classes only, there is nothing to share out."""
    traces = replace(item("coal.png", (1, 0, 1)), area=(0, 0, 1))
    data = dataset("mudstone", "limestone", "coal", items=[traces])
    matched = match(ROCKS.classes, data.classes)
    known, found = truths(data, matched), {Path("coal.png"): says(0.9, 0.1, area=(80, 20))}
    open_ = figures.per_photo(ROCKS, matched, known, found, restrict=False)
    assert open_["area_mae_points"] == {"mudstone": 80, "limestone": 20}
    assert figures.per_photo(ROCKS, matched, known, found, restrict=True) == {"ci95": {}}
