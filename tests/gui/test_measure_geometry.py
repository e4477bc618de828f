"""What moves when a handle moves, against geometry done another way."""

from __future__ import annotations

import math

import cv2
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from geoview.app import measure_geometry as geometry
from geoview.measured import Point

place = st.tuples(st.floats(-500, 500), st.floats(-500, 500))


def rotated(width: float, height: float, degrees: float, middle: Point) -> tuple[Point, ...]:
    turn = np.exp(1j * math.radians(degrees))
    corners = turn * np.array([-1 - 1j, 1 - 1j, 1 + 1j, -1 + 1j]).real * width / 2
    corners = corners + turn * 1j * np.array([-1, -1, 1, 1]) * height / 2
    return tuple((middle[0] + float(z.real), middle[1] + float(z.imag)) for z in corners)


def is_rectangle(corners: tuple[Point, ...]) -> bool:
    """Both diagonals are as long and share their middle."""
    a, b, c, d = (np.array(corner) for corner in corners)
    size = max(1.0, float(np.linalg.norm(a - c)))
    same = abs(np.linalg.norm(a - c) - np.linalg.norm(b - d)) < 1e-6 * size
    return bool(same and np.allclose(a + c, b + d, atol=1e-6 * size))


@given(which=st.integers(0, 3), to=place, degrees=st.floats(0, 90), width=st.floats(5, 300))
def test_a_moved_corner_keeps_a_rectangle_and_its_opposite(
    which: int, to: Point, degrees: float, width: float
) -> None:
    corners = rotated(width, 40.0, degrees, (100.0, 80.0))
    moved = geometry.corner_moved(corners, which, to)
    assert moved[which] == to
    assert moved[(which + 2) % 4] == corners[(which + 2) % 4]
    assert is_rectangle(moved)


@given(towards=place, degrees=st.floats(0, 90))
def test_turning_keeps_the_sides_and_the_middle(towards: Point, degrees: float) -> None:
    middle = (30.0, 40.0)
    if math.dist(towards, middle) < 1:
        return
    corners = rotated(80.0, 50.0, degrees, middle)
    turned = geometry.turned(corners, towards=towards)
    for i in range(4):
        before = math.dist(corners[i], corners[(i + 1) % 4])
        assert math.dist(turned[i], turned[(i + 1) % 4]) == pytest.approx(before, rel=1e-6)
    assert geometry.centre(turned) == pytest.approx(middle, abs=1e-4)
    knob = np.array(geometry.knob(turned)) - middle
    wanted = np.array(towards) - middle
    cosine = knob @ wanted / np.linalg.norm(knob) / np.linalg.norm(wanted)
    assert cosine == pytest.approx(1.0, abs=1e-6)


def test_a_simplified_outline_has_few_points_and_nearly_the_same_area() -> None:
    angles = np.linspace(0, 2 * math.pi, 900, endpoint=False)
    radii = 100 + 12 * np.sin(5 * angles)
    outline = tuple(
        (float(r * math.cos(a)), float(r * math.sin(a))) for r, a in zip(radii, angles, strict=True)
    )
    few = geometry.simplified(outline)
    assert 8 <= len(few) <= 32
    assert set(few) <= {(float(np.float32(x)), float(np.float32(y))) for x, y in outline}
    full = cv2.contourArea(np.array(outline, np.float32))
    assert cv2.contourArea(np.array(few, np.float32)) == pytest.approx(full, rel=0.03)


def test_the_nearest_edge_of_a_square() -> None:
    square = geometry.rectangle((50.0, 50.0), 100.0, 100.0)
    assert geometry.nearest_edge(square, (50.0, -3.0)) == (0, pytest.approx(3.0))
    assert geometry.nearest_edge(square, (98.0, 50.0)) == (1, pytest.approx(2.0))
    assert geometry.nearest_edge(square, (-4.0, 103.0))[1] == pytest.approx(5.0)
