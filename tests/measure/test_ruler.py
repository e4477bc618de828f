"""Rulers drawn with known ticks: metric and in inches, turned, in perspective, blurred."""

from __future__ import annotations

from typing import Any

import cv2
import numpy as np
import pytest
from numpy.typing import NDArray

from geoview.measure.ruler import from_ruler

FINE = 3
INCH_LENGTHS = {16: 100, 8: 80, 4: 60, 2: 45, 1: 30}


def tick_length(number: int, kind: str) -> int:
    if kind == "mm":
        return 100 if number % 10 == 0 else 70 if number % 5 == 0 else 40
    if kind == "inch":
        return next(length for every, length in INCH_LENGTHS.items() if number % every == 0)
    return 60  # all alike


def drawn(
    *, kind: str = "mm", tick_px: float = 6.4, count: int = 110, angle: float = 0,
    far: float = 0, blur: float = 0.8,
) -> tuple[NDArray[np.uint8], NDArray[np.float64]]:  # fmt: skip
    """White on brown, in the middle of 1000 × 800; ``far``: how much narrower its end is.

    The second is the homography from the flat ruler to the picture.
    """
    flat = np.full((260, int(count * tick_px * FINE) + 120, 3), (228, 226, 220), np.uint8)
    for number in range(count):
        x = 60 + number * tick_px * FINE
        left = round(x - FINE / 2)
        flat[: tick_length(number, kind), left : left + FINE] = (35, 35, 40)
    height, width = flat.shape[:2]
    u, v = np.cos(np.radians(angle)), np.sin(np.radians(angle))
    corners = np.array([[0, 0], [width, 0], [width, height], [0, height]], np.float32)
    x, y = (corners - (width / 2, height / 2)).T / FINE
    away = 1 / (1 + far * (x / (width / FINE) + 0.5))
    target = np.stack([x * u - y * v, x * v + y * u], 1) * away[:, None] + (500, 400)
    turn = cv2.getPerspectiveTransform(corners, target.astype(np.float32))
    table = np.full((800, 1000, 3), (120, 95, 70), np.uint8)
    picture = cv2.warpPerspective(flat, turn, (1000, 800), dst=table, flags=cv2.INTER_AREA,
                                  borderMode=cv2.BORDER_TRANSPARENT)  # fmt: skip
    noise = np.random.default_rng(0).normal(0, 3, picture.shape)
    picture = (cv2.GaussianBlur(picture, (0, 0), blur) + noise).clip(0, 255).astype(np.uint8)
    return picture, turn


def ruler(**kinds: Any) -> NDArray[np.uint8]:
    return drawn(**kinds)[0]


@pytest.mark.parametrize(("tick_px", "angle"), [(4.3, 0.0), (6.4, 12.0), (6.4, 75.0), (6.4, 160.0)])
def test_a_metric_ruler_is_found_and_told_from_its_ticks(tick_px: float, angle: float) -> None:
    scale = from_ruler(ruler(tick_px=tick_px, angle=angle), plane_pm=0)
    assert scale is not None
    assert scale.source == "ruler"
    assert scale.mm_per_px == pytest.approx(1 / tick_px, rel=0.002)
    assert abs(scale.mm_per_px - 1 / tick_px) < scale.pm_mm_per_px < 0.02 * scale.mm_per_px
    (x0, y0), (x1, y1) = scale.reference_px
    assert np.hypot(x1 - x0, y1 - y0) * scale.mm_per_px == pytest.approx(scale.reference_mm)


def test_sixteenths_of_an_inch_are_told_from_millimetres() -> None:
    scale = from_ruler(ruler(kind="inch", tick_px=8, count=90, angle=5), plane_pm=0)
    assert scale is not None
    assert scale.mm_per_px == pytest.approx(25.4 / 16 / 8, rel=0.002)


def test_ticks_that_are_all_alike_need_to_be_told() -> None:
    pixels = ruler(kind="alike")
    assert from_ruler(pixels) is None
    scale = from_ruler(pixels, tick_mm=2, plane_pm=0)
    assert scale is not None
    assert scale.mm_per_px == pytest.approx(2 / 6.4, rel=0.002)


@pytest.mark.parametrize("far", [0.15, 0.3])
def test_perspective_is_followed_and_widens_the_interval(far: float) -> None:
    flat = from_ruler(ruler(angle=8), plane_pm=0)
    pixels, turn = drawn(angle=8, far=far)
    scale = from_ruler(pixels, plane_pm=0)
    assert flat is not None
    assert scale is not None
    ends = np.array([scale.reference_px], np.float64)
    first, last = cv2.perspectiveTransform(ends, np.linalg.inv(turn))[0]
    assert abs(last[0] - first[0]) / FINE / 6.4 == pytest.approx(scale.reference_mm, abs=0.15)
    assert scale.reference_mm > 30
    assert scale.pm_mm_per_px / scale.mm_per_px > 0.03
    assert flat.pm_mm_per_px / flat.mm_per_px < 0.01


def test_a_drawn_line_and_a_reduced_decode_are_in_original_pixels() -> None:
    pixels = ruler()
    line = ((320.0, 730.0), (1680.0, 740.0))  # original pixels, two to one of the decode
    scale = from_ruler(pixels, line_px=line, px_per_cell=2, plane_pm=0)
    assert scale is not None
    assert scale.mm_per_px == pytest.approx(1 / 12.8, rel=0.002)
    xs = [x for x, _ in scale.reference_px]
    assert min(xs) > 290
    assert max(xs) < 1720


def test_a_ruler_on_the_table_is_in_another_plane_than_the_specimens_middle() -> None:
    scale = from_ruler(ruler())
    assert scale is not None
    assert scale.pm_mm_per_px > 0.09 * scale.mm_per_px


def nothing_of(kind: str) -> NDArray[np.uint8]:
    rng = np.random.default_rng(5)
    pixels = np.full((500, 700, 3), 215, np.uint8)
    if kind == "noise":
        return rng.integers(0, 256, pixels.shape, dtype=np.uint8)
    if kind == "box":
        cv2.rectangle(pixels, (80, 90), (600, 400), (40, 40, 40), 3)
    elif kind == "text":
        for y in range(60, 480, 40):
            words = "".join(rng.choice(list("quartz Illinois 1897"), 30))
            cv2.putText(pixels, words, (20, y), cv2.FONT_HERSHEY_SIMPLEX, 0.9, (20, 20, 20), 2)
    elif kind == "uneven ticks":
        for x in np.cumsum(rng.uniform(4, 12, 70)).astype(int):
            pixels[200:230, 20 + x] = 30
        pixels[195:198, 10:690] = 30
    elif kind == "one pixel":
        return pixels[:1, :1]
    elif kind == "thin":
        return pixels[:1]
    return pixels


@pytest.mark.parametrize(
    "kind", ["plain", "noise", "box", "text", "uneven ticks", "one pixel", "thin"]
)
def test_what_is_no_ruler_gives_no_scale(kind: str) -> None:
    pixels = nothing_of(kind)
    assert from_ruler(pixels) is None
    assert from_ruler(pixels, line_px=((20, 205), (680, 205))) is None
