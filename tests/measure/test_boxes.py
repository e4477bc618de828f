"""Storage boxes: the smallest that fits, either way round, with ± and clearance; what to buy."""

from __future__ import annotations

import itertools
from pathlib import Path
from xml.etree import ElementTree

import pytest
from fake_measuring import measurement
from hypothesis import given
from hypothesis import strategies as st

from geoview.errors import DataError
from geoview.measure import boxes
from geoview.measure.box_chart import chart_svg
from geoview.measure.boxes import NONE_FITS, Box, box_name, default_boxes, fit, plan, read_boxes

LIST = (Box("S", 50, 40), Box("wide", 30, 80), Box("L", 100, 100, in_stock=1))


@pytest.mark.parametrize(
    ("length", "width", "pm", "clearance", "name"),
    [
        (40.0, 30.0, 0.0, 0.0, "S"),
        (50.0, 40.0, 0.0, 0.0, "S"),
        (44.0, 34.0, 0.0, 3.0, "S"),
        (44.0, 34.1, 0.0, 3.0, "L"),
        (43.9, 20.0, 0.3, 3.0, "wide"),
        (70.0, 28.0, 0.0, 0.0, "wide"),
        (101.0, 5.0, 0.0, 0.0, NONE_FITS),
    ],
)
def test_the_smallest_box_that_takes_size_interval_and_clearance(
    length: float, width: float, pm: float, clearance: float, name: str
) -> None:
    one = measurement(length_mm=length, width_mm=width, pm_mm=pm)
    assert box_name(one, boxes=LIST, clearance_mm=clearance) == name


def test_no_box_without_a_size_or_a_list() -> None:
    assert box_name(None, boxes=LIST, clearance_mm=0) == ""
    assert box_name(measurement(scale=None), boxes=LIST, clearance_mm=0) == ""
    assert box_name(measurement(status="rejected"), boxes=LIST, clearance_mm=0) == ""
    assert box_name(measurement(), boxes=(), clearance_mm=0) == ""


sides = st.floats(1, 200)


@given(st.lists(st.tuples(sides, sides), max_size=8), sides, sides)
def test_no_smaller_box_would_do(sizes: list[tuple[float, float]], a: float, b: float) -> None:
    shelf = [Box(str(at), length, width) for at, (length, width) in enumerate(sizes)]

    def takes(box: Box) -> bool:
        return any(
            p <= box.length_mm and q <= box.width_mm for p, q in itertools.permutations((a, b))
        )

    chosen = fit((max(a, b), min(a, b)), shelf)
    areas = [box.length_mm * box.width_mm for box in shelf if takes(box)]
    if chosen is None:
        assert areas == []
    else:
        assert takes(chosen)
        assert chosen.length_mm * chosen.width_mm == min(areas)


def test_how_many_boxes_to_buy() -> None:
    photos = [
        *(measurement(length_mm=30, width_mm=20) for _ in range(3)),
        *(measurement(length_mm=90, width_mm=90) for _ in range(2)),
        measurement(length_mm=300),
        measurement(length_mm=30, status="review", reasons=("blurred",)),
        None,
    ]
    found = plan(photos, boxes=LIST, clearance_mm=1)
    assert [(n.name, n.needed, n.in_stock, n.to_buy) for n in found.needs] == [
        ("S", 3, None, 3), ("wide", 0, None, 0), ("L", 2, 1, 1),
    ]  # fmt: skip
    assert (found.none_fits, found.undecided) == (1, 2)
    assert found.words == (
        "6 specimens need 2 sizes of box, 1 fits none; 2 without an accepted size are not counted."
    )
    assert boxes.plan_rows(found) == [
        ["name", "needed", "in_stock", "to_buy"],
        ["S", "3", "", "3"], ["wide", "0", "", "0"], ["L", "2", "1", "1"],
        [NONE_FITS, "1", "", ""],
    ]  # fmt: skip


def test_two_photos_of_one_number_are_one_specimen() -> None:
    found = plan(
        [
            measurement("a.jpg", length_mm=30, width_mm=20, number="GM-1"),
            measurement("b.jpg", length_mm=60, width_mm=20, number="GM-1"),
            measurement("c.jpg", status="rejected", number="GM-1"),
        ],
        boxes=LIST,
        clearance_mm=1,
    )
    assert [n.needed for n in found.needs] == [0, 1, 0]
    assert found.undecided == 0


def test_the_chart_shows_what_the_table_says() -> None:
    shelf = (Box("<S> & co", 50, 40), *LIST[1:])
    found = plan(
        [measurement(length_mm=30, width_mm=20)] * 3 + [measurement(length_mm=300)],
        boxes=shelf,
        clearance_mm=1,
    )
    root = ElementTree.fromstring(chart_svg(found))
    texts = [node.text for node in root.iter("{http://www.w3.org/2000/svg}text")]
    assert "<S> & co" in texts
    assert "3 needed, 3 to buy" in texts
    assert NONE_FITS in texts
    assert "wide" not in texts
    bars = [node for node in root.iter("{http://www.w3.org/2000/svg}rect")][1:]
    lengths = [float(bar.get("width", "")) for bar in bars]
    assert lengths[:2] == pytest.approx([3 * lengths[2]] * 2, rel=0.01)
    assert ElementTree.fromstring(chart_svg(plan([], boxes=LIST, clearance_mm=1))) is not None


def test_the_list_that_is_shipped_grows() -> None:
    shelf = default_boxes()
    assert len(shelf) > 8
    assert all(box.length_mm >= box.width_mm > 0 for box in shelf)
    areas = [box.length_mm * box.width_mm for box in shelf]
    assert areas == sorted(areas)


def test_reading_a_list(tmp_path: Path) -> None:
    path = tmp_path / "Schachteln.csv"
    path.write_text("Name;Length [mm];Width mm;Stock\nKlein;50,5;40;7\n\nGroß;100;80;\n", "utf-8")
    assert read_boxes(path) == (Box("Klein", 50.5, 40, None, 7), Box("Groß", 100, 80))


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("size\n3\n", "needs a column “name”"),
        ("name,length\nS,5\n", "length_mm"),
        ("name,length_mm,width_mm\n", "no boxes"),
        ("name,length_mm,width_mm\nS,five,3\n", "row 2, length_mm: “five”"),
        ("name,length_mm,width_mm\nS,5,\n", "row 2: a box needs"),
        ("name,length_mm,width_mm\nS,5,-3\n", "“-3” cannot be"),
        ('name,length_mm,width_mm\nS,"1,200",3\n', "may be a thousand times that"),
        ("name,length_mm,width_mm\nS,5,nan\n", "“nan” cannot be"),
        ("name,length_mm,width_mm\n,5,3\n", "row 2: a box needs"),
        ("name,length_mm,width_mm\nS,5,3\nS,6,3\n", "two boxes named S"),
    ],
)
def test_a_wrong_list_is_one_clear_error(tmp_path: Path, text: str, words: str) -> None:
    path = tmp_path / "boxes.csv"
    path.write_text(text)
    with pytest.raises(DataError) as caught:
        read_boxes(path)
    assert words in str(caught.value)
    assert str(path) in str(caught.value)


def test_a_list_below_a_heading(tmp_path: Path) -> None:
    path = tmp_path / "boxes.csv"
    path.write_text("Trays of 2024, all\n\nname;length_mm;width_mm\nA;100;80\n;;;note\n")
    assert [(box.name, box.width_mm) for box in read_boxes(path)] == [("A", 80.0)]


def test_a_comma_for_a_decimal_point_is_no_other_side(tmp_path: Path) -> None:
    path = tmp_path / "boxes.csv"
    path.write_text("name,length_mm,width_mm\nA,100,80\nB,45,5,30\n")
    with pytest.raises(DataError, match="row 3 has more cells than there are titles"):
        read_boxes(path)
