"""Scales of lines and of a set-up, worked out by hand."""

from __future__ import annotations

import pytest

from geoview.errors import DataError
from geoview.measure.scales import from_line, inherited
from geoview.measured import Scale


def test_a_line_gives_its_length_and_the_interval_of_both_ends() -> None:
    scale = from_line((10, 20), (310, 420), mm=100, pm_px=2)
    assert scale.mm_per_px == pytest.approx(0.2)
    assert scale.pm_mm_per_px == pytest.approx(0.2 * 2 * 2**0.5 / 500)
    assert (scale.source, scale.reference_mm) == ("line", 100)
    assert scale.reference_px == ((10, 20), (310, 420))


def test_another_plane_widens_a_lines_interval() -> None:
    scale = from_line((0, 0), (300, 400), mm=100, pm_px=0, plane_pm=0.1)
    assert scale.pm_mm_per_px == pytest.approx(0.02)


@pytest.mark.parametrize(
    ("q", "mm"), [((10, 20), 5), ((10.5, 20), 5), ((99, 20), 0), ((99, 20), -3)]
)
def test_a_line_without_length_is_refused(q: tuple[float, float], mm: float) -> None:
    with pytest.raises(DataError, match="too short"):
        from_line((10, 20), q, mm=mm)


def test_an_inherited_scale_is_as_wide_as_both_doubts_and_names_its_photo() -> None:
    own = Scale(0.1, 0.003, "cube", 25.4, ((0, 0), (254, 0), (254, 254), (0, 254)), tilt_deg=3)
    other = inherited(own, from_file="tray 1/first.jpg", pm=0.04)
    assert other.mm_per_px == 0.1
    assert other.pm_mm_per_px == pytest.approx(0.005)
    assert (other.source, other.inherited_from) == ("inherited", "tray 1/first.jpg")
    assert other.reference_px == ()
    assert (other.reference_mm, other.tilt_deg) == (25.4, 3)


def test_inheriting_again_names_the_photo_that_was_calibrated() -> None:
    once = inherited(from_line((0, 0), (100, 0), mm=10), from_file="first.jpg")
    again = inherited(once, from_file="second.jpg")
    assert again.inherited_from == "first.jpg"
    assert again.pm_mm_per_px > once.pm_mm_per_px
