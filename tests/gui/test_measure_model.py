"""The Measure page's table: filters, order, words; and a folder of ten thousand."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from gui.measure_fakes import measurement
from PySide6.QtCore import QAbstractItemModel, Qt
from PySide6.QtTest import QAbstractItemModelTester
from PySide6.QtWidgets import QApplication

from geoview.app import measure_words as words
from geoview.app.measure_boxes import BoxModel
from geoview.app.measure_model import MeasureModel
from geoview.app.measure_rows import Row, Wanted, arrange, counts
from geoview.measured import Measurement
from geoview.records import Photo


def plain(text: str) -> str:
    return text.replace("\u202f", " ")


def photo(number: int) -> Photo:
    name = f"QM-{number:05d}.jpg"
    return Photo(Path(name), name, 100, 1)


def sized(number: int, mm: float, **changes: Any) -> Row:
    """A measured photo of a given length."""
    found = measurement(photo(number))
    assert found.size_mm is not None
    size = replace(found.size_mm, length=mm)
    return Row(photo(number), replace(found, size_mm=size, **changes))


@pytest.fixture
def rows() -> list[Row]:
    return [
        sized(1, 30.0),
        sized(2, 10.0, status="review", reasons=("two cubes were found",)),
        Row(photo(3)),
        Row(photo(4), measurement(photo(4), status="rejected", with_scale=False)),
        sized(5, 20.0, catalogue_no="NHM 7"),
    ]


@pytest.fixture
def model(qtbot: Any, rows: list[Row]) -> MeasureModel:
    made = MeasureModel()
    tester = QAbstractItemModelTester(made, QAbstractItemModelTester.FailureReportingMode.Fatal)
    made.tester = tester  # type: ignore[attr-defined]
    made.set_rows(rows)
    return made


def files(model: QAbstractItemModel) -> list[str]:
    return [model.index(i, 0).data() for i in range(model.rowCount())]


def test_filters_show_what_they_count(model: MeasureModel) -> None:
    found = model.counts()
    assert found == {"all": 5, "review": 1, "accepted": 2, "rejected": 1}
    for show, number in found.items():
        model.want(show=show)
        assert model.rowCount() == number


def test_words_find_file_and_number(model: MeasureModel) -> None:
    model.want(text="nhm")
    assert files(model) == ["NHM 7"]
    model.want(text="qm 00002")
    assert files(model) == ["QM-00002"]


def test_sorting_by_size_puts_what_has_none_last(model: MeasureModel) -> None:
    model.sort(2, Qt.SortOrder.AscendingOrder)
    assert files(model) == ["QM-00002", "NHM 7", "QM-00001", "QM-00003.jpg", "QM-00004"]
    model.sort(2, Qt.SortOrder.DescendingOrder)
    assert files(model) == ["QM-00001", "NHM 7", "QM-00002", "QM-00003.jpg", "QM-00004"]
    model.sort(1, Qt.SortOrder.AscendingOrder)
    assert files(model)[:2] == ["QM-00002", "QM-00004"]


def test_an_update_refreshes_its_cells_and_leaves_the_filter_when_it_must(
    model: MeasureModel, rows: list[Row]
) -> None:
    model.want(show="review")
    accepted = replace(rows[1].measurement or measurement(photo(2)), status="accepted")
    model.update_rows([replace(rows[1], measurement=accepted)])
    assert model.rowCount() == 1  # it does not vanish under the pointer
    assert model.index(0, 1).data() == "Accepted"
    model.rearrange()
    assert model.rowCount() == 0
    model.want(show="accepted")
    assert model.rowCount() == 3


def test_a_persistent_place_follows_its_photo_when_the_order_changes(model: MeasureModel) -> None:
    from PySide6.QtCore import QPersistentModelIndex

    kept = QPersistentModelIndex(model.index(0, 2))
    model.sort(2, Qt.SortOrder.AscendingOrder)
    assert kept.row() == 2
    assert kept.column() == 2
    assert plain(kept.data()).startswith("30.0 ×")


def test_without_a_scale_no_cell_holds_millimetres(model: MeasureModel) -> None:
    place = model.place_of("QM-00004.jpg")
    assert model.index(place, 2).data() == "No scale"
    for role in (Qt.ItemDataRole.ToolTipRole, Qt.ItemDataRole.AccessibleTextRole):
        assert " mm" not in plain(model.index(place, 0).data(role))


def test_ten_thousand_photos_are_arranged_in_one_pass(qapp: QApplication) -> None:
    """Every row is looked at a bounded number of times, however it is sorted and filtered."""
    looked = 0

    class Counted(Row):
        __slots__ = ()

        def __getattribute__(self, name: str) -> Any:
            nonlocal looked
            looked += name == "measurement"
            return super().__getattribute__(name)

    one = measurement(photo(1))
    many = [Counted(photo(i), one) for i in range(10_000)]
    for wanted in (Wanted(), Wanted(show="accepted", key="size", descending=True)):
        looked = 0
        assert len(arrange(many, wanted)) == 10_000
        assert looked <= 8 * 10_000
    looked = 0
    counts(many)
    assert looked <= 3 * 10_000


@pytest.mark.parametrize(
    ("unit", "said"), [("mm", "41.3 ± 0.4 mm"), ("cm", "4.13 ± 0.04 cm"), ("in", "1.63 ± 0.02 in")]
)
def test_lengths_are_rounded_for_the_eye_only(unit: words.Unit, said: str) -> None:
    assert plain(words.length(41.327, unit, pm_mm=0.42)) == said


def test_what_changed_is_named() -> None:
    one = measurement(photo(1))
    assert one.scale is not None
    assert one.size_px is not None
    changes: list[tuple[Measurement, str]] = [
        (replace(one, scale=replace(one.scale, reference_px=())), "cube corners"),
        (replace(one, scale=replace(one.scale, source="line")), "line"),
        (replace(one, size_px=replace(one.size_px, length=1.0)), "outline"),
        (
            replace(
                one,
                size_px=replace(one.size_px, length=1.0),
                scale=replace(one.scale, mm_per_px=0.6),
            ),
            "outline",
        ),
        (replace(one, catalogue_no="x"), "catalogue number"),
        (replace(one, status="rejected"), "status (rejected)"),
    ]
    assert [words.change(one, changed) for changed, _ in changes] == [said for _, said in changes]


def test_the_box_list_takes_what_can_be_and_nothing_else(qtbot: Any) -> None:
    model = BoxModel()
    QAbstractItemModelTester(model, QAbstractItemModelTester.FailureReportingMode.Fatal, model)
    model.set_lines([("A", 60.0, 40.0, 20.0, None), ("B", 90.0, 60.0, None, 3)])
    edited: list[int] = []
    model.edited.connect(lambda: edited.append(1))
    assert model.setData(model.index(0, 1), "65,5")
    assert model.setData(model.index(0, 3), "12")
    assert model.setData(model.index(1, 3), "")
    for column, text in (
        (0, ""),
        (0, "B"),
        (1, "wide"),
        (1, "0"),
        (2, "-3"),
        (2, "nan"),
        (3, "-1"),
    ):
        assert not model.setData(model.index(0, column), text), (column, text)
    assert model.lines() == [("A", 65.5, 40.0, 20.0, 12), ("B", 90.0, 60.0, None, None)]
    assert len(edited) == 3
    model.add()
    model.remove(0)
    assert [line[0] for line in model.lines()] == ["B", "New box"]
