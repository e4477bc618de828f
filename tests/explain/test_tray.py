"""The rim of a tray is found where there is one, and only there."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from geoview.explain.tray import rim_px
from geoview.photos.decode import decode


@pytest.fixture(scope="module")
def trays() -> list[np.ndarray]:
    folder = Path(__file__).resolve().parents[2] / "resources" / "samples" / "cuttings"
    return [decode(path).pixels for path in sorted(folder.glob("*.jpg"))]


def test_cuttings_that_fill_the_frame_have_no_rim(trays: list[np.ndarray]) -> None:
    for pixels in trays:
        assert rim_px(pixels, width_px=pixels.shape[1], height_px=pixels.shape[0]) is None


def test_a_rim_is_measured_in_original_pixels(trays: list[np.ndarray]) -> None:
    noise = np.random.default_rng(0)
    for pixels in trays:
        height, width = pixels.shape[:2]
        framed = np.full((height + 150, width + 200, 3), 190.0)
        framed += noise.normal(0, 1.5, framed.shape)
        framed[150:, 80 : 80 + width] = pixels
        found = rim_px(
            np.clip(framed, 0, 255).astype(np.uint8),
            width_px=4 * (width + 200),
            height_px=4 * (height + 150),
        )
        assert found is not None
        assert found == pytest.approx((320, 600, 480, 0), abs=40)
