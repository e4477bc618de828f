"""Smaller copies of decoded photos."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray


def at_most(pixels: NDArray[np.uint8], longest_px: int) -> NDArray[np.uint8]:
    """uint8 (h, w, …) with its longest side reduced to ``longest_px``; smaller ones as they are."""
    import cv2

    height, width = pixels.shape[:2]
    scale = longest_px / max(height, width)
    if scale >= 1:
        return pixels
    # Averaging is slow, and needed only where pixels would be left out.
    how = cv2.INTER_LINEAR if scale >= 0.5 else cv2.INTER_AREA
    size = max(round(width * scale), 1), max(round(height * scale), 1)
    smaller = halved(pixels, least_px=2 * longest_px)
    return np.asarray(cv2.resize(smaller, size, interpolation=how), np.uint8)


def halved(pixels: NDArray[np.uint8], *, least_px: int) -> NDArray[np.uint8]:
    """uint8 (h, w, …) halved as often as its longest side stays at least ``least_px``.

    Averages of two by two pixels take a fraction of the time of others. An odd last row or column
    is left out.
    """
    import cv2

    while max(pixels.shape[:2]) >= 2 * least_px and min(pixels.shape[:2]) >= 2:
        height, width = (side // 2 for side in pixels.shape[:2])
        even = pixels[: 2 * height, : 2 * width]
        pixels = np.asarray(
            cv2.resize(even, (width, height), interpolation=cv2.INTER_AREA), np.uint8
        )
    return pixels
