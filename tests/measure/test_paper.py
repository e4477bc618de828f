"""P2's size rules on drawn scenes whose boxes and cubes are known."""

from __future__ import annotations

import dataclasses
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pytest
from models.test_owlvit import make
from numpy.typing import NDArray

from geoview.errors import ModelError
from geoview.measure import paper as paper_module
from geoview.measure.methods import METHODS, Picture
from geoview.measure.objects import Objects
from geoview.measure.options import MeasureOptions
from geoview.measure.paper import measure_as_published, measure_boxes
from geoview.measure.paper_boxes import (
    ANY_SIZE,
    PUBLISHED,
    Thing,
    has_parallel_pairs,
    is_square,
    squareness,
    thing_in,
    threshold_things,
    without,
)
from geoview.measured import Measurement

Pixels = NDArray[np.uint8]
OPTIONS = MeasureOptions(method="paper")


@pytest.fixture(autouse=True)
def no_plates(monkeypatch: pytest.MonkeyPatch) -> None:
    """Nothing is a plate here; GeoView's detector has tests of its own."""

    def find(pixels: Pixels, *, width_px: int, height_px: int, detector: str) -> Objects:
        return Objects((), np.zeros((1, 1), np.uint8), 1.0, width_px, height_px)

    monkeypatch.setattr(paper_module, "find", find)


def scene(*, side: int = 75, turned: float = 0, length: int = 150, width: int = 90) -> Pixels:
    """A grey square and a dark ellipse on white, 1024 × 768: the published working size."""
    pixels = np.full((768, 1024, 3), 235, np.uint8)
    box = cv2.boxPoints(((250.0, 300.0), (side - 1.0, side - 1.0), turned))
    cv2.fillPoly(pixels, [box.round().astype(np.int32)], (70, 70, 75))
    axes = (length // 2, width // 2)
    cv2.ellipse(pixels, (650, 420), axes, 0, 0, 360, (90, 60, 50), -1)
    return pixels


def picture(pixels: Pixels, *, times: int = 1) -> Picture:
    height, width = pixels.shape[:2]
    return Picture("a.jpg", pixels, width * times, height * times)


def measured(pixels: Pixels, **options: Any) -> Measurement:
    return METHODS["paper"].measure(
        picture(pixels), options=dataclasses.replace(OPTIONS, **options)
    )


def test_boxes_against_the_cubes_width_in_full_precision() -> None:
    found = measured(scene())
    assert (found.status, found.reasons, found.method) == ("accepted", (), "paper")
    assert found.scale is not None
    assert found.size_mm is not None
    assert found.size_px is not None
    assert found.scale.mm_per_px == pytest.approx(25.4 / 75, rel=0.03)
    assert found.size_mm.length == pytest.approx(151 * 25.4 / 75, rel=0.04)
    assert found.size_mm.width == pytest.approx(91 * 25.4 / 75, rel=0.05)
    assert found.size_mm.length != round(found.size_mm.length)
    assert found.size_mm.box_width == found.size_px.box_width * found.scale.mm_per_px
    xs = [x for x, _ in found.outline_box_px]
    assert (min(xs), max(xs)) == pytest.approx((575, 726), abs=3)


def test_another_edge_and_a_larger_original_scale_the_result() -> None:
    small = measured(scene())
    large = METHODS["paper"].measure(
        picture(scene(), times=3), options=dataclasses.replace(OPTIONS, cube_mm=50.8)
    )
    assert small.size_mm is not None
    assert large.size_mm is not None
    assert large.size_px is not None
    assert small.size_px is not None
    assert large.size_mm.length == pytest.approx(2 * small.size_mm.length)
    assert large.size_px.length == pytest.approx(3 * small.size_px.length)
    assert (large.width_px, large.height_px) == (3072, 2304)


def test_a_turned_cube_makes_the_specimen_too_small_as_published() -> None:
    straight, turned = measured(scene(side=60)), measured(scene(side=60, turned=45))
    assert straight.size_mm is not None
    assert turned.size_mm is not None
    ratio = straight.size_mm.length / turned.size_mm.length
    # opening the mask takes the sharp corners off
    assert ratio == pytest.approx(2**0.5, rel=0.08)
    assert turned.length_pm_mm is not None
    assert straight.size_mm.length - turned.size_mm.length < turned.length_pm_mm * 1.05


@pytest.mark.parametrize(
    ("what", "reason"),
    [
        ("nothing", "nothing was found"),
        ("alone", "only one object"),
        ("three", "more than two objects"),
        ("no cube", "no cube"),
        ("tiny", "out of the size window"),
        ("huge", "out of the size window"),
    ],
)
def test_what_the_paper_leaves_out_is_rejected_with_the_reason(what: str, reason: str) -> None:
    pixels = scene()
    if what == "nothing":
        pixels[:] = 235
    elif what == "alone":
        pixels[:, :450] = 235
    elif what == "three":
        cv2.ellipse(pixels, (400, 600), (40, 60), 20, 0, 360, (60, 60, 60), -1)
    elif what == "no cube":
        pixels[:, :450] = 235
        cv2.ellipse(pixels, (250, 300), (80, 30), 30, 0, 360, (60, 60, 60), -1)
    elif what == "tiny":
        pixels = scene(side=80, length=34, width=30)
    elif what == "huge":
        rules = dataclasses.replace(PUBLISHED, times=(0.5, 1.9))
        found = measure_as_published(picture(pixels), options=OPTIONS, rules=rules)
        assert (found.status, found.reasons[0][:22]) == ("rejected", reason)
        return
    found = measured(pixels)
    assert found.status == "rejected"
    assert found.reasons[0].startswith(reason)
    if what not in ("tiny", "huge"):
        assert found.scale is None
        assert found.size_mm is None


def outline(points: Any) -> Thing:
    contour = np.array(points, np.int32).reshape(-1, 1, 2)
    x, y, width, height = cv2.boundingRect(contour)
    return Thing((x, y, width, height), contour)


def square(side: int) -> Thing:
    return outline([(0, 0), (side, 0), (side, side), (0, side)])


def test_eq_1_is_16_for_a_square_and_passes_a_disc_as_published() -> None:
    assert squareness(square(80).contour) == pytest.approx(16)
    assert squareness(outline([(0, 0), (120, 0), (120, 40), (0, 40)]).contour) > 17
    grey = np.full((120, 120), 230, np.uint8)
    cv2.circle(grey, (60, 60), 40, (50,), -1)
    disc = thing_in(grey, box=(5, 5, 115, 115))
    assert disc is not None
    assert 4 * np.pi <= squareness(disc.contour) < 15.5
    assert is_square(disc, rules=ANY_SIZE)
    assert squareness(outline([(0, 0), (9, 0)]).contour) == float("inf")


@pytest.mark.parametrize(("side", "passes"), [(37, False), (60, True), (87, True), (99, False)])
def test_the_first_test_has_the_published_limits(side: int, passes: bool) -> None:
    assert is_square(square(side)) is passes
    assert is_square(square(side), rules=ANY_SIZE)


def test_the_second_test_wants_exactly_two_pairs_of_parallels() -> None:
    grey = np.full((300, 300), 230, np.uint8)
    box = (50, 50, 200, 200)
    assert not has_parallel_pairs(grey, box=box)
    cube = grey.copy()
    corners = cv2.boxPoints(((150.0, 150.0), (110.0, 110.0), 20.0))
    cv2.fillPoly(cube, [corners.round().astype(np.int32)], (60,))
    assert has_parallel_pairs(cube, box=box)
    triangle = grey.copy()
    cv2.fillPoly(triangle, [np.array([(80, 220), (150, 70), (230, 210)])], (60,))
    assert not has_parallel_pairs(triangle, box=box)
    barred = cube.copy()
    cv2.line(barred, (96, 130), (200, 168), (230,), 6)
    assert not has_parallel_pairs(barred, box=box)


def test_a_covered_plate_is_no_object() -> None:
    grey = np.full((400, 600), 200, np.uint8)
    grey[100:180, 150:330] = 245
    for x in (170, 220, 270):  # three letters
        grey[115:165, x : x + 28] = 20
    assert threshold_things(grey)
    covered = without(grey, boxes=[(150.0, 100.0, 330.0, 180.0)])
    assert threshold_things(covered) == []
    assert (covered == 200).all()
    everything = without(grey, boxes=[(-5.0, -5.0, 700.0, 500.0)])
    assert len(np.unique(everything)) == 1


def test_the_rules_on_given_boxes() -> None:
    boxes = [(213.0, 263.0, 288.0, 338.0), (575.0, 375.0, 725.0, 465.0)]
    found = measure_boxes(picture(scene()), boxes=boxes, options=OPTIONS, rules=ANY_SIZE)
    assert found.size_mm is not None
    assert found.status == "accepted"
    assert found.size_mm.length == pytest.approx(150 * 25.4 / 75)
    swapped = measure_boxes(picture(scene()), boxes=boxes[::-1], options=OPTIONS, rules=ANY_SIZE)
    assert swapped.size_mm == found.size_mm


def test_a_box_outside_the_picture_holds_nothing() -> None:
    grey = np.full((40, 60), 200, np.uint8)
    assert thing_in(grey, box=(100, 10, 140, 30)) is None
    assert thing_in(grey, box=(-30, -30, -3, -3)) is None


def test_owl_vit_needs_its_weights() -> None:
    with pytest.raises(ModelError, match="weights"):
        METHODS["owl-vit"].measure(picture(scene()), options=MeasureOptions(method="owl-vit"))


def test_owl_vit_feeds_the_same_rules(
    tmp_path: Path, one_core: None, monkeypatch: pytest.MonkeyPatch
) -> None:
    options = MeasureOptions(method="owl-vit", owlvit=make(tmp_path / "owl"))
    found = METHODS["owl-vit"].measure(picture(scene()), options=options)
    assert (found.method, found.status) == ("owl-vit", "rejected")  # its weights are random
    detector = paper_module._detector(options.owlvit)
    boxes = [
        ((213.0, 263.0, 288.0, 338.0), 0.9, "a rock"),
        ((575.0, 375.0, 725.0, 465.0), 0.8, "a gem"),
    ]
    monkeypatch.setattr(detector, "detect", lambda pixels: boxes)
    found = METHODS["owl-vit"].measure(picture(scene(), times=2), options=options)
    assert found.status == "accepted"
    assert found.size_px is not None
    assert found.size_mm is not None
    assert found.size_px.length == pytest.approx(300)
    assert found.size_mm.length == pytest.approx(150 * 25.4 / 75)


@pytest.mark.parametrize("shape", [(1, 1), (1, 500), (900, 2)])
@pytest.mark.parametrize("value", [0, 255])
def test_odd_pictures_are_rejected(shape: tuple[int, int], value: int) -> None:
    for name in ("paper", "paper-boxes"):
        pixels = np.full((*shape, 3), value, np.uint8)
        assert METHODS[name].measure(picture(pixels), options=OPTIONS).status == "rejected"
