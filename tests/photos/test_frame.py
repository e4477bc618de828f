"""Input pixels ↔ photo pixels."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from geoview.photos.frame import Frame

coordinate = st.floats(-1e4, 1e4)
length = st.floats(1, 1e4)


@st.composite
def frames(draw: st.DrawFn) -> Frame:
    x, y, u, v = (draw(coordinate) for _ in range(4))
    box = (x, y, x + draw(length), y + draw(length))
    content = (u, v, u + draw(length), v + draw(length))
    return Frame(448, box, content)


@given(frame=frames(), x=coordinate, y=coordinate)
def test_a_point_comes_back_to_where_it_was(frame: Frame, x: float, y: float) -> None:
    back = frame.to_original(*frame.to_input(x, y))
    scale = max(1.0, *frame.original_px_per_input_px)
    assert back == pytest.approx((x, y), abs=1e-6 * scale)


@given(frame=frames())
def test_the_borders_of_the_content_are_those_of_the_box(frame: Frame) -> None:
    assert frame.box_to_original(frame.content_xyxy) == pytest.approx(frame.box_xyxy, abs=1e-6)
    assert frame.box_to_input(frame.box_xyxy) == pytest.approx(frame.content_xyxy, abs=1e-3)


def test_a_squashed_photo_has_two_scales() -> None:
    frame = Frame(100, (0, 0, 400, 300), (0, 0, 100, 100))
    assert frame.original_px_per_input_px == (4, 3)
    assert frame.to_original(50, 50) == (200, 150)
