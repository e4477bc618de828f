"""Sorting, filtering and updating the list of photos."""

from __future__ import annotations

import random
from dataclasses import replace
from pathlib import Path

import pytest
from PySide6.QtCore import QPersistentModelIndex, Qt
from PySide6.QtTest import QAbstractItemModelTester

from geoview.app import words
from geoview.app.photo_model import PhotoModel, ResultRole
from geoview.app.photo_order import Filter, Sort, arrange, natural_key
from geoview.records import (
    CANNOT_TELL,
    LayerAssignment,
    ModelRef,
    Photo,
    PhotoResult,
    Prediction,
)

CLASSES = ("sandstone", "limestone", "shale")
MODEL = ModelRef("cuttings", "ab" * 32)


def photo(name: str, depth_m: float | None = None) -> Photo:
    return Photo(Path("/photos") / name, name, 100, 1, depth_m=depth_m)


def predicted(photo: Photo, *probabilities: float, layer: str = "Upper") -> PhotoResult:
    best = max(probabilities)
    dominant = CLASSES[probabilities.index(best)] if best >= 0.5 else None
    other = "Lower" if layer == "Upper" else "Upper"
    prediction = Prediction(
        CLASSES,
        probabilities,
        (0.5, 0.5, 0.5),
        dominant,
        400,
        300,
        MODEL,
        "0.1",
        "2026-01-01T00:00:00+00:00",
        "cpu",
        "fp32",
        layer=LayerAssignment((layer, other), (0.9, 0.1)),
    )
    return PhotoResult(photo, prediction)


@pytest.fixture
def results() -> list[PhotoResult]:
    return [
        predicted(photo("well 10.jpg", 30.0), 0.9, 0.1, 0.1),
        predicted(photo("well 9.jpg", 10.0), 0.2, 0.8, 0.6, layer="Lower"),
        predicted(photo("Well 2.jpg"), 0.1, 0.45, 0.1),
        PhotoResult(photo("broken.jpg", 20.0), None, "the file is empty"),
        PhotoResult(photo("fresh.jpg", 5.0), None),
    ]


@pytest.fixture
def model(qapp: object, results: list[PhotoResult]) -> PhotoModel:
    model = PhotoModel()
    QAbstractItemModelTester(model, QAbstractItemModelTester.FailureReportingMode.Fatal, model)
    model.set_results(results)
    return model


def files(model: PhotoModel) -> list[str]:
    return [result.photo.file for result in model.results()]


@pytest.mark.parametrize(
    ("sort", "expected"),
    [
        (Sort("depth"), ["fresh.jpg", "well 9.jpg", "broken.jpg", "well 10.jpg", "Well 2.jpg"]),
        (
            Sort("depth", descending=True),
            ["well 10.jpg", "broken.jpg", "well 9.jpg", "fresh.jpg", "Well 2.jpg"],
        ),
        (Sort("name"), ["broken.jpg", "fresh.jpg", "Well 2.jpg", "well 9.jpg", "well 10.jpg"]),
        (
            Sort("probability", "limestone", descending=True),
            ["well 9.jpg", "Well 2.jpg", "well 10.jpg", "broken.jpg", "fresh.jpg"],
        ),
        (
            Sort("uncertainty", descending=True),
            ["Well 2.jpg", "well 9.jpg", "well 10.jpg", "broken.jpg", "fresh.jpg"],
        ),
    ],
)
def test_sorts_and_puts_photos_without_the_value_last(
    model: PhotoModel, sort: Sort, expected: list[str]
) -> None:
    model.set_sort(sort)
    assert files(model) == expected


@pytest.mark.parametrize(
    ("keep", "expected"),
    [
        (Filter(text="WELL 30"), {"well 10.jpg"}),
        (Filter(text="10.0"), {"well 9.jpg"}),
        (Filter(lithology="shale"), {"well 9.jpg"}),
        (Filter(lithology="sandstone"), {"well 10.jpg"}),
        (Filter(lithology=CANNOT_TELL), {"Well 2.jpg"}),
        (Filter(layer="Lower"), {"well 9.jpg"}),
        (Filter(status="failed"), {"broken.jpg"}),
        (Filter(status="new"), {"fresh.jpg"}),
        (Filter(text="well", status="done", layer="Upper"), {"well 10.jpg", "Well 2.jpg"}),
    ],
)
def test_filters(model: PhotoModel, keep: Filter, expected: set[str]) -> None:
    model.set_filter(keep)
    assert set(files(model)) == expected
    model.set_filter(Filter())
    assert model.rowCount() == model.total == 5


def test_a_single_label_model_counts_only_its_best_class(results: list[PhotoResult]) -> None:
    first = results[1]
    assert first.prediction is not None
    single = replace(first, prediction=replace(first.prediction, multi_label=False))
    assert arrange([single], sort=Sort(), keep=Filter(lithology="shale")) == []
    assert arrange([single], sort=Sort(), keep=Filter(lithology="limestone")) == [0]


def test_an_update_repaints_only_what_changed(
    model: PhotoModel, results: list[PhotoResult]
) -> None:
    changed: list[tuple[int, int]] = []
    model.dataChanged.connect(lambda first, last, _roles: changed.append((first.row(), last.row())))
    fresh = predicted(results[4].photo, 0.9, 0.1, 0.1)
    broken = predicted(results[3].photo, 0.9, 0.1, 0.1)
    model.update_results([broken, fresh])
    assert changed == [(0, 0), (2, 2)]
    assert model.index(0).data(ResultRole) is fresh


def test_order_follows_results_after_a_moment(
    model: PhotoModel, results: list[PhotoResult], qtbot: object
) -> None:
    model.set_sort(Sort("probability", "sandstone", descending=True))
    fresh = predicted(results[4].photo, 0.99, 0.0, 0.0)
    model.update_results([fresh])
    assert files(model)[0] == "well 10.jpg", "photos must not jump while results stream in"
    with qtbot.waitSignal(model.arranged, timeout=2000):  # type: ignore[attr-defined]
        pass
    assert files(model)[0] == "fresh.jpg"


def test_a_photo_leaves_the_filter_that_it_no_longer_meets(
    model: PhotoModel, results: list[PhotoResult], qtbot: object
) -> None:
    model.set_filter(Filter(status="new"))
    with qtbot.waitSignal(model.arranged, timeout=2000):  # type: ignore[attr-defined]
        model.update_results([predicted(results[4].photo, 0.9, 0.1, 0.1)])
    assert files(model) == []


def test_selection_follows_its_photo_through_sorting(model: PhotoModel) -> None:
    held = QPersistentModelIndex(model.index(model.row_of("well 10.jpg")))
    model.set_sort(Sort("name"))
    assert held.data(ResultRole).photo.file == "well 10.jpg"
    assert held.row() == 4


def test_unknown_photos_are_added(model: PhotoModel) -> None:
    model.update_results([PhotoResult(photo("new arrival.jpg", 7.0), None)])
    assert files(model)[1] == "new arrival.jpg"
    assert model.total == 6


def test_class_and_layer_names_come_from_the_results(model: PhotoModel) -> None:
    assert model.classes == CLASSES
    assert set(model.layers) == {"Upper", "Lower"}
    model.set_results([])
    assert model.classes == model.layers == ()


def test_a_cell_is_described_in_words(model: PhotoModel) -> None:
    spoken = {
        file: model.index(model.row_of(file)).data(Qt.ItemDataRole.AccessibleTextRole)
        for file in files(model)
    }
    assert "Sandstone, probability 0.90" in spoken["well 10.jpg"]
    assert "the file is empty" in spoken["broken.jpg"]
    assert "Not analysed yet" in spoken["fresh.jpg"]
    assert "Cannot tell" in spoken["Well 2.jpg"]
    assert "uncertain" in spoken["Well 2.jpg"]
    assert "uncertain" not in spoken["well 10.jpg"]


def test_natural_order_matches_what_people_expect() -> None:
    names = ["a10b2", "A2", "a10b10", "a1", "b", "10", "9"]
    shuffled = random.Random(0).sample(names, len(names))
    assert sorted(shuffled, key=natural_key) == ["9", "10", "a1", "A2", "a10b2", "a10b10", "b"]


def test_numbers_read_as_in_the_field() -> None:
    thin = "\u202f"
    assert words.depth(1250.5) == f"1{thin}250.5{thin}m"
    assert words.count(3984) == f"3{thin}984"
    assert words.probability(0.978) == ".98"
    assert words.probability(0.999) == "1.00"
    assert words.percent(0.2) == f"<1{thin}%"
    assert words.percent(0.0) == f"0{thin}%"
