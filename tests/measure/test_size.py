"""Lengths of outlines against OpenCV and brute force."""

from __future__ import annotations

from math import pi

import cv2
import numpy as np
import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from geoview.measure.size import (
    half_width_mm,
    otherwise_px,
    scaled,
    size_of,
    smallest_rectangle,
)
from geoview.measured import Polygon, Scale, Size

coordinates = st.floats(-500, 500)
polygons = st.lists(st.tuples(coordinates, coordinates), min_size=4, max_size=25)


def brute(points: np.ndarray) -> tuple[float, float, float, float]:
    """Smallest area, largest and smallest width over finely turned boxes, largest distance."""
    turn = np.linspace(0, pi, 1441)
    u, v = spans(points, turn)
    # The box around a needle grows by much within one such turn.
    best = turn[np.argsort(u * v)[:20]]
    finer = best[:, None] + np.linspace(-turn[1], turn[1], 401)
    far = np.linalg.norm(points[:, None] - points[None], axis=-1).max()
    return (
        float(np.prod(spans(points, finer.ravel()), axis=0).min()),
        float(u.max()),
        float(u.min()),
        float(far),
    )


def spans(points: np.ndarray, turn: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Both sides of the boxes around points turned by each angle."""
    u = points @ np.stack([np.cos(turn), np.sin(turn)])
    v = points @ np.stack([-np.sin(turn), np.cos(turn)])
    return np.ptp(u, axis=0), np.ptp(v, axis=0)


@given(polygons)
@settings(max_examples=30, deadline=None)
def test_rectangle_and_callipers_match_brute_force(polygon: list[tuple[float, float]]) -> None:
    points = np.array(polygon)
    area, widest, narrowest, far = brute(points)
    assume(area > 200)
    size = size_of(tuple(polygon))
    assert size.length * size.width <= area * (1 + 1e-9)
    assert size.length * size.width == pytest.approx(area, rel=0.05, abs=5)
    assert size.feret_max == pytest.approx(far)
    assert size.feret_max == pytest.approx(widest, rel=1e-2)
    assert size.feret_min <= narrowest + 1e-6
    assert size.feret_min == pytest.approx(narrowest, abs=3)
    assert size.length >= size.width > 0


@given(st.floats(5, 300), st.floats(5, 300), st.floats(0, 360))
def test_the_rectangle_is_opencvs(a: float, b: float, degrees: float) -> None:
    corners = cv2.boxPoints(((40.0, -20.0), (a, b), degrees)).astype(np.float64)
    rectangle = smallest_rectangle(corners)
    _, sides, _ = cv2.minAreaRect(corners.astype(np.float32))
    found = np.linalg.norm(rectangle[1:3] - rectangle[:2], axis=1)
    assert sorted(found) == pytest.approx(sorted(sides), rel=1e-4)
    apart = np.linalg.norm(rectangle[:, None] - corners[None], axis=-1).min(axis=1)
    assert apart.max() < 0.05


def test_every_length_of_a_turned_l() -> None:
    outline: Polygon = ((0, 0), (40, 0), (40, 10), (10, 10), (10, 30), (0, 30))
    assert size_of(outline) == Size(
        length=pytest.approx(40),
        width=pytest.approx(30),
        box_width=pytest.approx(40),
        box_height=pytest.approx(30),
        feret_max=pytest.approx(50),
        feret_min=pytest.approx(30),
        area=pytest.approx(600),
    )


def test_lengths_scale_and_areas_scale_twice() -> None:
    size = size_of(((0, 0), (8, 0), (8, 6), (0, 6)))
    mm = scaled(size, 0.5)
    assert (mm.length, mm.width, mm.feret_max, mm.area) == pytest.approx((4, 3, 5, 12))


@pytest.mark.parametrize("outline", [((0, 0), (1, 1)), ((0, 0), (1, 1), (2, 2)), ((3, 3),) * 5])
def test_an_outline_without_area_has_no_size(outline: Polygon) -> None:
    with pytest.raises(ValueError, match="three points"):
        size_of(outline)


def test_the_interval_joins_scale_and_edges() -> None:
    scale = Scale(mm_per_px=0.1, pm_mm_per_px=0.003, source="line", reference_mm=10)
    assert half_width_mm(1000, scale=scale, edge_pm_px=0) == pytest.approx(3)
    assert half_width_mm(0, scale=scale, edge_pm_px=5) == pytest.approx(0.5 * 2**0.5)
    assert half_width_mm(0, scale=scale, edge_pm_px=0, otherwise_px=40) == pytest.approx(4)


def test_two_rectangles_that_are_almost_equally_small() -> None:
    """A square without two of its corners: one lies along its sides, one along its diagonal."""
    cut = 71.5 / 2**0.5
    outline = ((0, 0), (cut, 0), (100, 100 - cut), (100, 100), (100 - cut, 100), (0, cut))
    assert size_of(outline).length == pytest.approx(100)
    assert otherwise_px(outline, edge_pm_px=0.1) == pytest.approx((0, 0))
    assert otherwise_px(outline, edge_pm_px=1) == pytest.approx((100 * 2**0.5 - 100, 28.5))


def test_a_long_thing_has_one_smallest_rectangle() -> None:
    points = np.array(cv2.ellipse2Poly((0, 0), (300, 100), 20, 0, 360, 5), dtype=np.float64)
    assert max(otherwise_px(tuple(map(tuple, points)), edge_pm_px=3)) < 8
