"""Smaller copies keep shape and brightness, and small pictures are left alone."""

from __future__ import annotations

import numpy as np
import pytest

from geoview.photos.shrink import at_most, halved


@pytest.mark.parametrize("longest_px", [300, 150, 40])
def test_the_longest_side_is_as_asked_and_the_mean_stays(longest_px: int) -> None:
    rng = np.random.default_rng(1)
    pixels = rng.integers(0, 256, (200, 400, 3), np.uint8)
    small = at_most(pixels, longest_px)
    assert small.shape == (longest_px // 2, longest_px, 3)
    assert small.mean() == pytest.approx(pixels.mean(), abs=2)


def test_a_small_picture_is_left_alone_and_a_line_keeps_a_pixel() -> None:
    pixels = np.zeros((20, 10), np.uint8)
    assert at_most(pixels, 20) is pixels
    assert at_most(np.zeros((2, 4000), np.uint8), 100).shape == (1, 100)


def test_halving_stops_before_the_least_size_and_drops_odd_lines() -> None:
    pixels = np.random.default_rng(2).integers(0, 256, (301, 403, 3), np.uint8)
    assert halved(pixels, least_px=202) is pixels
    half = halved(pixels, least_px=101)
    assert half.shape == (150, 201, 3)
    blocks = pixels[:300, :402].reshape(150, 2, 201, 2, 3).mean(axis=(1, 3))
    assert np.abs(half - blocks).max() <= 0.5
    assert halved(pixels, least_px=100).shape == (75, 100, 3)
