"""Printed bars drawn at known lengths, turned and blurred."""

from __future__ import annotations

import cv2
import numpy as np
import pytest
from numpy.typing import NDArray

from geoview.measure.scale_bar import from_scale_bar


def bar(*, fields: int, field_px: float, angle: float = 0, blur: float = 1) -> NDArray[np.uint8]:
    """Black and white fields in turn on white paper, drawn four times as fine."""
    fine, size = 4, (260, 480)
    u, v = np.cos(np.radians(angle)), np.sin(np.radians(angle))
    grid = (np.indices((size[0] * fine, size[1] * fine)) + 0.5) / fine - 0.5
    x, y = grid[1] - 240.2, grid[0] - 130.4
    along, across = x * u + y * v + fields * field_px / 2, y * u - x * v
    black = (np.abs(across) < 9) & (along >= 0) & (along < fields * field_px)
    black &= np.floor(along / field_px) % 2 == 0
    picture = np.where(black, 30, 230).reshape(size[0], fine, size[1], fine).mean((1, 3))
    picture = cv2.GaussianBlur(picture, (0, 0), blur)
    picture += np.random.default_rng(0).normal(0, 2, size)
    return np.repeat(picture.clip(0, 255).astype(np.uint8)[..., None], 3, axis=2)


@pytest.mark.parametrize("fields", [1, 5])
@pytest.mark.parametrize("angle", [0.0, 17.0, 90.0])
def test_its_length_is_found_to_a_third_of_a_pixel(fields: int, angle: float) -> None:
    field_px = 210.6 / fields
    pixels = bar(fields=fields, field_px=field_px, angle=angle)
    scale = from_scale_bar(pixels, mm=50, plane_pm=0)
    assert scale is not None
    assert 50 / scale.mm_per_px == pytest.approx(210.6, abs=0.33)
    assert abs(scale.mm_per_px - 50 / 210.6) < scale.pm_mm_per_px < 0.01 * scale.mm_per_px
    (x0, y0), (x1, y1) = scale.reference_px
    assert ((x0 + x1) / 2, (y0 + y1) / 2) == pytest.approx((240.2, 130.4), abs=0.6)
    assert np.hypot(x1 - x0, y1 - y0) == pytest.approx(210.6, abs=0.33)
    assert scale.source == "scale bar"


def test_a_box_and_a_reduced_decode_are_in_original_pixels() -> None:
    pixels = bar(fields=3, field_px=50)
    scale = from_scale_bar(pixels, mm=30, box_px=(300, 200, 660, 320), px_per_cell=2)
    assert scale is not None
    assert scale.mm_per_px == pytest.approx(30 / 300, rel=0.004)
    assert scale.pm_mm_per_px > 0.09 * scale.mm_per_px  # it lies on the table
    assert 300 < scale.reference_px[0][0] < 660


@pytest.mark.parametrize(
    "what", ["white", "noise", "uneven", "disc", "cut", "one pixel", "outside"]
)
def test_what_is_no_bar_gives_no_scale(what: str) -> None:
    pixels = np.full((260, 480, 3), 230, np.uint8)
    box = None
    if what == "noise":
        pixels = np.random.default_rng(1).integers(0, 256, pixels.shape, dtype=np.uint8)
    elif what == "uneven":
        for start, end in ((40, 100), (160, 200), (300, 400)):
            pixels[120:140, start:end] = 20
    elif what == "disc":
        cv2.circle(pixels, (240, 130), 80, (20, 20, 20), -1)
    elif what == "cut":
        pixels[120:140, 300:] = 20
    elif what == "one pixel":
        pixels = pixels[:1, :1]
    elif what == "outside":
        box = (900.0, 900.0, 1000.0, 950.0)
    assert from_scale_bar(pixels, mm=50, box_px=box) is None
