"""Measured against recorded: P2's eq. 2, and wrong records found among right ones."""

from __future__ import annotations

import random

import pytest
from fake_measuring import measurement

from geoview.measure.comparison import Comparison, compare
from geoview.measure.register import Record, Recorded
from geoview.measure.suspicion import SUSPICION_COLUMNS, Suspicion, judge, suspicion_cells


def record(
    length: str | None, width: str | None, *, unit: str = "mm", number: str = "GM-1", row: int = 2
) -> Record:
    sides = [None if text is None else Recorded(text, unit) for text in (length, width)]
    return Record(number, sides[0], sides[1], row)


def judged(
    length: str | None, width: str | None, measured: tuple[float, float], unit: str = "mm"
) -> Suspicion | None:
    one = measurement(length_mm=measured[0], width_mm=measured[1], number="GM-1", pm_mm=0.5)
    return judge(record(length, width, unit=unit), one)


@pytest.mark.parametrize(
    ("length", "width", "unit", "measured", "kind", "suggested"),
    [
        ("453", "301", "mm", (45.2, 30.3), "unit slip", (45.3, 30.1)),
        ("4.5", "3.0", "mm", (45.2, 30.3), "unit slip", (45, 30)),
        ("115.1", "76.5", "mm", (45.2, 30.3), "unit slip", (45.3, 30.1)),
        ("1.8", "1.2", "cm", (45.2, 30.3), "unit slip", (45.7, 30.5)),
        ("1.78", None, "mm", (45.2, 30.3), "unit slip", (45.2, None)),
        ("30", "45", "mm", (45.2, 30.3), "swapped sides", (45, 30)),
        ("453", "30.1", "mm", (45.2, 30.3), "decimal slip", (45.3, 30.1)),
        ("45.3", "3.01", "mm", (45.2, 30.3), "decimal slip", (45.3, 30.1)),
        ("74", "30", "mm", (47.2, 30.3), "transposed digits", (47, 30)),
        ("80", "77", "mm", (45.2, 30.3), "outlier", (45.2, 30.3)),
    ],
)
def test_what_is_wrong_and_what_it_should_be(
    length: str,
    width: str | None,
    unit: str,
    measured: tuple[float, float],
    kind: str,
    suggested: tuple[float, float | None],
) -> None:
    found = judged(length, width, measured, unit)
    assert found is not None
    assert found.kind == kind
    assert found.evidence > 0.5
    assert found.suggested_length_mm == pytest.approx(suggested[0], rel=0.02)
    assert found.suggested_width_mm == (
        None if suggested[1] is None else pytest.approx(suggested[1], rel=0.02)
    )
    assert f"Recorded {length} {unit}" in found.words
    assert f"measured {measured[0]} × 30.3 mm" in found.words
    assert found.words.endswith(" times more credible than the record).")


@pytest.mark.parametrize(
    ("length", "width"),
    [("45", "30"), ("46.8", "29"), ("43", "31.5"), ("45", None), (None, "30"), ("0", "0")],
)
def test_a_record_that_agrees_is_left_alone(length: str | None, width: str | None) -> None:
    assert judged(length, width, (45.2, 30.3)) is None


def test_a_coarse_record_is_not_blamed_for_its_rounding() -> None:
    assert judged("5", "3", (45.2, 30.3), "cm") is None
    assert judged("50.0", "20.0", (45.2, 30.3)) is not None


def test_a_cube_is_not_called_swapped() -> None:
    assert judged("30", "30.5", (30.4, 30.1)) is None


def test_all_slips_of_a_register_come_first_and_few_right_records_are_named() -> None:
    chance = random.Random(1)
    photos, records, wrong = [], [], set()
    for at in range(300):
        length = chance.uniform(20, 150)
        width = length * chance.uniform(0.45, 0.85)
        photos.append(
            measurement(
                f"{at}.jpg",
                length_mm=length * chance.gauss(1, 0.01),
                width_mm=width * chance.gauss(1, 0.01),
                pm_mm=0.02 * length,
                number=f"GM-{at}",
            )
        )
        factor = chance.choice((10, 0.1, 2.54, 1 / 2.54)) if at % 10 == 0 else 1.0
        sides = [s * factor * chance.gauss(1, 0.02) for s in (length, width)]
        if at % 10 == 5:
            sides.reverse()
        if at % 5 == 0:
            wrong.add(f"GM-{at}")
        records.append(record(f"{sides[0]:.1f}", f"{sides[1]:.1f}", number=f"gm {at:04d}", row=at))
    found = compare(photos, records)
    assert len(found.pairs) == 300
    named = [f"GM-{int(s.number.split()[1])}" for s in found.suspicions]
    assert wrong <= set(named)
    assert set(named[: len(wrong)]) == wrong
    assert len(named) <= len(wrong) + 5
    assert [s.evidence for s in found.suspicions] == sorted(
        (s.evidence for s in found.suspicions), reverse=True
    )


def errors(found: Comparison) -> dict[str, tuple[int, float | None, float | None]]:
    return {g.name: (g.count, g.mape_length, g.mape_width) for g in found.groups}


def test_the_error_by_size_group_is_eq_2() -> None:
    sizes = ((10.0, 5.0, 8.0, 5.0), (19.0, 10.0, 19.0, 11.0), (130.0, 100.0, 117.0, 100.0))
    records = [record(str(rec), str(w), number=str(at)) for at, (rec, w, _, _) in enumerate(sizes)]
    photos = [
        measurement(f"{at}.jpg", length_mm=length, width_mm=width, number=str(at))
        for at, (_, _, length, width) in enumerate(sizes)
    ]
    found = errors(compare(photos, records))
    assert list(found) == ["below 20 mm", "120 mm and more", "all"]
    assert found["below 20 mm"] == (2, pytest.approx((2 / 10 + 0) / 2), pytest.approx(0.1 / 2))
    assert found["120 mm and more"] == (1, pytest.approx(0.1), 0)
    assert found["all"] == (3, pytest.approx((0.2 + 0 + 0.1) / 3), pytest.approx(0.1 / 3))


def test_only_accepted_photos_judge_and_the_rest_is_told() -> None:
    records = [
        record("45", "30", number="1"),
        record("450", "300", number="2"),
        record("45", "30", number="3"),
        record("45", "30", number="3"),
        record(None, "0", number="4"),
        record("45", "30", number="5"),
    ]
    photos = [
        measurement("1.jpg", length_mm=47, width_mm=31, pm_mm=5, number="1"),
        measurement("1b.jpg", length_mm=45, width_mm=30, pm_mm=1, number="1"),
        measurement("2.jpg", length_mm=45, width_mm=30, number="2", status="review"),
        measurement("3.jpg", length_mm=45, width_mm=30, number="3"),
        measurement("none.jpg"),
        None,
    ]
    found = compare(photos, records)
    assert [(p.record.number, p.measurement.file) for p in found.pairs] == [("1", "1b.jpg")]
    assert found.suspicions == ()
    assert found.not_judged == {
        "no photo of it is accepted": 1,
        "the number is in the register more than once": 2,
        "no size is recorded": 1,
        "no photo has the number": 1,
    }
    assert found.words == (
        "1 record compared, 0 suspicious; 5 could not be judged (no photo of it is accepted: "
        "2 (row 2); the number is in the register more than once: 3 (row 2), 3 (row 2); no size "
        "is recorded: 4 (row 2); no photo has the number: 5 (row 2))."
    )
    empty = compare([], [])
    assert errors(empty) == {"all": (0, None, None)}
    assert empty.words == "0 records compared, 0 suspicious."


def test_a_record_is_not_blamed_for_the_photo_of_another_number() -> None:
    records = [
        record("45", "30", number="M-59432/9"), record("90", "80", number="M-594329", row=3)
    ]  # fmt: skip
    found = compare([measurement(length_mm=45, width_mm=30, number="M-59432/9")], records)
    assert [pair.record.row for pair in found.pairs] == [2]
    assert found.suspicions == ()


def test_a_sheet_may_name_the_photos() -> None:
    sides = (Recorded("45", "mm"), Recorded("30", "mm"))
    records = [
        Record("7", *sides, 2, "TRAY\\A.jpg"),
        Record("b", *sides, 3, "b"),
        Record("c.jpg", *sides, 4, "c.jpg"),
    ]
    photos = [
        measurement("tray/a.jpg", length_mm=45, width_mm=30),
        measurement("deep/b.jpg", length_mm=45, width_mm=30, number="b-1"),
        measurement("other.jpg", number="c.jpg"),
    ]
    found = compare(photos, records)
    assert [(p.record.row, p.measurement.file) for p in found.pairs] == [
        (2, "tray/a.jpg"), (3, "deep/b.jpg"),
    ]  # fmt: skip
    assert found.not_judged == {"no photo has the number": 1}


def test_photos_that_give_different_sizes_judge_nothing() -> None:
    photos = [
        measurement("1.jpg", length_mm=50, width_mm=30, pm_mm=1, number="N1"),
        measurement("2.jpg", length_mm=150, width_mm=30, pm_mm=2, number="n 1"),
        measurement("3.jpg", length_mm=50, width_mm=30, pm_mm=1, number="N2"),
        measurement("4.jpg", length_mm=50, width_mm=32, pm_mm=1, number="N2"),
        measurement("5.jpg", length_mm=50, width_mm=30, pm_mm=1, number="N3"),
        measurement("6.jpg", length_mm=90, width_mm=30, pm_mm=1, number="N3", status="review"),
    ]
    found = compare(photos, [record("50", "30", number=f"N{n}", row=n) for n in (1, 2, 3)])
    assert [pair.record.row for pair in found.pairs] == [3]
    assert found.not_judged == {"its photos give different sizes": 2}
    assert "N1 (row 1), N2 (row 2)" in found.words


def test_a_name_that_fits_photos_of_several_folders_judges_nothing() -> None:
    sides = (Recorded("45", "mm"), Recorded("30", "mm"))
    names = ("a.jpg", "a", "left/a.jpg", "b.jpg")
    records = [Record(name, *sides, row, name) for row, name in enumerate(names, start=2)]
    photos = [
        measurement("left/a.jpg", length_mm=45, width_mm=30, pm_mm=1),
        measurement("right/a.jpg", length_mm=99, width_mm=66, pm_mm=0.1),
        measurement("b.jpg", length_mm=45, width_mm=30),
    ]
    found = compare(photos, records)
    assert [(pair.record.row, pair.measurement.file) for pair in found.pairs] == [
        (4, "left/a.jpg"), (5, "b.jpg"),
    ]  # fmt: skip
    assert found.not_judged == {"the name fits several photos": 2}
    assert found.suspicions == ()


def test_the_first_of_many_that_cannot_be_judged_are_named() -> None:
    odd = Record("GM-9", None, None, 9, unread="“13-14” is not a length")
    found = compare([], [*(record("45", None, number=f"GM-{n}", row=n) for n in range(1, 6)), odd])
    assert found.words == (
        "0 records compared, 0 suspicious; 6 could not be judged (no photo has the number: "
        "GM-1 (row 1), GM-2 (row 2), GM-3 (row 3) and 2 more; the size cannot be understood: "
        "GM-9 (row 9, “13-14” is not a length))."
    )
    assert [one.record.row for one in found.left_out] == [1, 2, 3, 4, 5, 9]


def test_an_approximate_record_is_not_blamed_for_being_one() -> None:
    one = measurement(length_mm=30, width_mm=20, number="GM-1", pm_mm=0.3)
    fine = [judge(Record("GM-1", Recorded("27", "mm", about), None, 2), one)
            for about in (False, True)]  # fmt: skip
    assert fine[1] is None
    wrong = judge(Record("GM-1", Recorded("270", "mm", about=True), None, 2), one)
    assert wrong is not None
    assert "Recorded ca. 270 mm" in wrong.words


def test_a_suspicion_as_a_row() -> None:
    found = judged("453", None, (45.25, 30.3))
    assert found is not None
    row = dict(zip(SUSPICION_COLUMNS, suspicion_cells(found), strict=True))
    assert (row["number"], row["kind"], row["recorded_width_mm"]) == ("GM-1", "unit slip", "")
    assert float(row["length_mm"]) == 45.25
    assert float(row["evidence"]) == found.evidence
