"""Coins drawn as ellipses with known axes, with texture, shadow and cut by the frame."""

from __future__ import annotations

import numpy as np
import pytest
from numpy.typing import NDArray

from geoview.measure.coin import COINS_MM, from_coin


def coin(
    *, long: float, short: float, angle: float, size: tuple[int, int] = (300, 400),
    centre: tuple[float, float] = (200.3, 150.7), blur: float = 1.0,
) -> NDArray[np.uint8]:  # fmt: skip
    """An ellipse drawn by its equation on a grid four times as fine; grey relief inside."""
    fine = (np.indices((size[0] * 4, size[1] * 4)) + 0.5) / 4 - 0.5
    turn = np.radians(angle)
    x, y = fine[1] - centre[0], fine[0] - centre[1]
    u, v = x * np.cos(turn) + y * np.sin(turn), y * np.cos(turn) - x * np.sin(turn)
    radius = np.hypot(u / long, v / short) * 2
    rng = np.random.default_rng(3)
    relief = 150 + 25 * np.sin(radius * 23) + 15 * np.sin(u / 5)
    picture = np.where(radius < 1, relief, 225)
    picture = picture.reshape(size[0], 4, size[1], 4).mean((1, 3))
    from scipy.ndimage import gaussian_filter

    picture = gaussian_filter(picture, blur) + rng.normal(0, 2, size)
    return np.repeat(picture.clip(0, 255).astype(np.uint8)[..., None], 3, axis=2)


@pytest.mark.parametrize("short", [180.0, 150.0, 120.0])
@pytest.mark.parametrize("angle", [0.0, 33.0, 100.0])
def test_the_long_axis_is_the_diameter_to_half_a_pixel(short: float, angle: float) -> None:
    pixels = coin(long=180, short=short, angle=angle)
    turn = np.radians(angle)
    half_width = np.hypot(90 * np.cos(turn), short / 2 * np.sin(turn)) + 6
    half_height = np.hypot(90 * np.sin(turn), short / 2 * np.cos(turn)) + 3
    box = (202 - half_width, 152 - half_height, 202 + half_width, 152 + half_height)
    scale = from_coin(pixels, box_px=box, diameter_mm=23.25, plane_pm=0)
    assert scale is not None
    assert 23.25 / scale.mm_per_px == pytest.approx(180, abs=0.5)
    assert abs(scale.mm_per_px - 23.25 / 180) < scale.pm_mm_per_px < 0.02 * scale.mm_per_px
    assert scale.source == "coin"
    assert scale.reference_mm == 23.25
    ends = np.array(scale.reference_px)
    assert np.hypot(*(ends[0] - ends[2])) == pytest.approx(180, abs=0.5)
    assert np.hypot(*(ends[1] - ends[3])) == pytest.approx(short, abs=0.7)
    assert ends.mean(0) == pytest.approx((200.3, 150.7), abs=0.3)


def test_a_loose_box_and_a_reduced_decode_change_nothing() -> None:
    pixels = coin(long=180, short=160, angle=20)
    loose = (190.0, 80.0, 610.0, 520.0)  # twice the decode's pixels, 15 % too large
    scale = from_coin(pixels, box_px=loose, diameter_mm=25, px_per_cell=2, plane_pm=0)
    assert scale is not None
    assert scale.mm_per_px == pytest.approx(25 / 360, rel=0.004)


def test_a_coin_cut_by_the_frame_is_measured_with_a_wider_interval() -> None:
    whole = from_coin(coin(long=180, short=180, angle=0), box_px=(105, 55, 297, 245),
                      diameter_mm=20, plane_pm=0)  # fmt: skip
    cut = coin(long=180, short=180, angle=0, centre=(355.0, 150.0))
    scale = from_coin(cut, box_px=(263, 58, 447, 242), diameter_mm=20, plane_pm=0)
    assert whole is not None
    assert scale is not None
    assert abs(scale.mm_per_px - 20 / 180) < scale.pm_mm_per_px
    assert scale.pm_mm_per_px > whole.pm_mm_per_px


def test_the_table_is_not_the_specimens_plane() -> None:
    pixels = coin(long=180, short=180, angle=0)
    scale = from_coin(pixels, box_px=(105, 55, 297, 245), diameter_mm=20)
    assert scale is not None
    assert scale.pm_mm_per_px > 0.09 * scale.mm_per_px


@pytest.mark.parametrize("what", ["nothing", "noise", "square", "tiny box", "outside", "one pixel"])
def test_what_is_no_coin_gives_no_scale(what: str) -> None:
    pixels = np.full((300, 400, 3), 200, np.uint8)
    box = (105.0, 55.0, 297.0, 245.0)
    if what == "noise":
        pixels = np.random.default_rng(1).integers(0, 256, pixels.shape, dtype=np.uint8)
    elif what == "square":
        pixels[60:240, 110:290] = 40
    elif what == "tiny box":
        box = (100, 100, 104, 104)
    elif what == "outside":
        box = (900, 900, 1100, 1100)
    elif what == "one pixel":
        pixels = pixels[:1, :1]
    assert from_coin(pixels, box_px=box, diameter_mm=20) is None


def test_named_coins_have_the_sizes_of_coins() -> None:
    assert COINS_MM["1 euro"] == 23.25
    assert COINS_MM["US quarter"] == 24.26
    assert all(15 < diameter < 33 for diameter in COINS_MM.values())
