"""Smaller copies keep shape and brightness, and small pictures are left alone."""

from __future__ import annotations

import numpy as np
import pytest

from geoview.photos.shrink import at_most


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
