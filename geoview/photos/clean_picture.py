"""What cleaning does to one picture: make it smaller, mask a box, crop to a box."""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from geoview.photos.clean_list import Decision
from geoview.records import BoxXYXY

Rgb = NDArray[np.uint8]


def union(boxes: Sequence[BoxXYXY]) -> BoxXYXY:
    """The smallest box around all ``boxes``; there must be at least one."""
    lows = [min(box[i] for box in boxes) for i in (0, 1)]
    highs = [max(box[i] for box in boxes) for i in (2, 3)]
    return lows[0], lows[1], highs[0], highs[1]


def shrunk(pixels: Rgb, *, longest_px: int) -> Rgb:
    """The picture with its longest side brought down to ``longest_px``, never up."""
    import cv2

    height, width = pixels.shape[:2]
    scale = longest_px / max(height, width)
    if scale >= 1:
        return pixels
    size = (max(1, round(width * scale)), max(1, round(height * scale)))
    return np.ascontiguousarray(cv2.resize(pixels, size, interpolation=cv2.INTER_AREA))


def masked(pixels: Rgb, *, box_xyxy: BoxXYXY) -> Rgb:
    """A copy with the box in one colour, the median of the picture, so that it hardly shows."""
    rows, columns = _slices(box_xyxy)
    result = pixels.copy()
    result[rows, columns] = np.median(pixels[::4, ::4], axis=(0, 1)).astype(np.uint8)
    return result


def cleaned(pixels: Rgb, decisions: Sequence[Decision]) -> Rgb:
    """One photo (oriented original pixels) after all its accepted decisions, in their order."""
    width = pixels.shape[1]
    for decision in decisions:
        if decision.accepted and decision.longest_px is not None:
            pixels = shrunk(pixels, longest_px=decision.longest_px)
        elif decision.accepted and decision.box_xyxy is not None:
            scale = pixels.shape[1] / width
            x0, y0, x1, y1 = (value * scale for value in decision.box_xyxy)
            if decision.action == "mask":
                pixels = masked(pixels, box_xyxy=(x0, y0, x1, y1))
            else:
                rows, columns = _slices((x0, y0, x1, y1))
                pixels = pixels[rows, columns] if pixels[rows, columns].size else pixels
    return np.ascontiguousarray(pixels)


def _slices(box_xyxy: BoxXYXY) -> tuple[slice, slice]:
    """Every pixel that the box touches."""
    x0, y0, x1, y1 = box_xyxy
    return (
        slice(max(0, math.floor(y0)), max(0, math.ceil(y1))),
        slice(max(0, math.floor(x0)), max(0, math.ceil(x1))),
    )
