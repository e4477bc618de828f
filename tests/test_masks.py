"""Masks: packed as COCO reads them, and outlined along the pixels' edges."""

from __future__ import annotations

import cv2
import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from geoview import masks

anything = arrays(bool, st.tuples(st.integers(1, 12), st.integers(1, 12)))


def decoded(counts: tuple[int, ...], width: int, height: int) -> np.ndarray:
    """COCO's definition, pixel by pixel: runs down the columns, outside first."""
    out = np.zeros((height, width), bool)
    at = 0
    for number, count in enumerate(counts):
        for pixel in range(at, at + count):
            out[pixel % height, pixel // height] = number % 2 == 1
        at += count
    assert at == width * height
    return out


def filled(pieces: tuple[masks.Outline, ...], shape: tuple[int, int]) -> np.ndarray:
    """Outlines drawn by the even-odd rule four times as fine, read at the pixels' centres."""
    rings = [ring for piece in pieces for ring in (piece.border, *piece.holes)]
    fine = np.zeros((shape[0] * 4, shape[1] * 4), np.uint8)
    for ring in rings:
        one = np.zeros_like(fine)
        cv2.fillPoly(one, [np.array(ring, np.int32) * 4], 1)
        fine ^= one
    return fine[2::4, 2::4].astype(bool)


@given(anything)
@settings(deadline=None)
def test_packing_is_cocos_own(inside: np.ndarray) -> None:
    mask = masks.pack(inside)
    height, width = inside.shape
    assert (mask.width_px, mask.height_px) == (width, height)
    assert np.array_equal(decoded(mask.counts, width, height), inside)
    assert all(count > 0 for count in mask.counts[1:])
    assert np.array_equal(masks.unpack(mask), inside)
    assert mask.area_px == inside.sum()
    assert mask.share == inside.mean()


@given(anything)
@settings(max_examples=200, deadline=None)
def test_outlines_enclose_exactly_the_pixels(inside: np.ndarray) -> None:
    mask = masks.pack(inside)
    pieces = masks.outlines(mask)
    assert np.array_equal(filled(pieces, inside.shape), inside)
    assert len(pieces) == cv2.connectedComponents(inside.astype(np.uint8), connectivity=4)[0] - 1
    areas = [area(p.border) - sum(area(hole) for hole in p.holes) for p in pieces]
    assert sum(areas) == inside.sum()
    assert areas == sorted(areas, reverse=True)
    for piece in pieces:
        for ring in (piece.border, *piece.holes):
            assert len(ring) >= 4
            assert corners_only(ring)


def area(ring: masks.Ring) -> float:
    return float(cv2.contourArea(np.array(ring, np.float32)))


def corners_only(ring: masks.Ring) -> bool:
    """Every point is a corner, so that a rectangle has four."""
    steps = np.diff(np.array([*ring, ring[0]]), axis=0)
    straight = (steps != 0).argmax(1)
    return bool((straight != np.roll(straight, 1)).all())


def test_the_box_covers_whole_pixels() -> None:
    inside = np.zeros((9, 7), bool)
    inside[2:5, 1] = True
    inside[4, 1:6] = True
    assert masks.pack(inside).box_xyxy == (1.0, 2.0, 6.0, 5.0)
    assert masks.empty(7, 9).box_xyxy == (0.0, 0.0, 0.0, 0.0)
    assert masks.outlines(masks.empty(7, 9)) == ()
    assert masks.empty(7, 9).share == 0


def test_simpler_outlines_stay_within_reach() -> None:
    y, x = np.mgrid[:200, :300]
    inside = ((x - 140) / 120) ** 2 + ((y - 100) / 70) ** 2 < 1
    (exact,), (simple,) = (
        masks.outlines(masks.pack(inside), within_px=reach) for reach in (0.0, 1.0)
    )
    assert len(simple.border) < len(exact.border) / 3
    line = np.array(simple.border, np.float32)
    assert max(abs(cv2.pointPolygonTest(line, p, True)) for p in exact.border) <= 1.01
