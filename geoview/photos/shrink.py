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
    return np.asarray(cv2.resize(pixels, size, interpolation=how), np.uint8)
