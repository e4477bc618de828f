"""The rim of a tray around drill cuttings, where the photo shows one."""

from __future__ import annotations

from typing import TYPE_CHECKING

import cv2
import numpy as np

if TYPE_CHECKING:
    from numpy.typing import NDArray

_LOOK_PX = 384
# Along a rim the picture changes far less from pixel to pixel than along the cuttings.
_CALM = 0.4
_WIDEST = 0.3
_NARROWEST = 0.02


def rim_px(
    pixels: NDArray[np.uint8], *, width_px: int, height_px: int
) -> tuple[float, float, float, float] | None:
    """Widths of the rim at the left, top, right and bottom in oriented original pixels.

    ``pixels`` uint8 (h, w, 3), perhaps reduced, of a photo of ``width_px`` × ``height_px``. A rim
    is a calm strip along a side, at least 2 % and at most 30 % of it wide; 0 for a side without
    one. None where the cuttings fill the frame.
    """
    grey = cv2.cvtColor(pixels, cv2.COLOR_RGB2GRAY)
    factor = _LOOK_PX / max(grey.shape)
    size = (max(8, round(grey.shape[1] * factor)), max(8, round(grey.shape[0] * factor)))
    small = cv2.resize(grey, size, interpolation=cv2.INTER_AREA).astype(np.float32)
    along_rows = np.abs(np.diff(small, axis=1)).mean(1)
    along_columns = np.abs(np.diff(small, axis=0)).mean(0)
    top, bottom = _calm(along_rows), _calm(along_rows[::-1])
    left, right = _calm(along_columns), _calm(along_columns[::-1])
    if not any((left, top, right, bottom)):
        return None
    return left * width_px, top * height_px, right * width_px, bottom * height_px


def _calm(lively: NDArray[np.float32]) -> float:
    """Share of a side that is rim: the lines up to the first as lively as the cuttings."""
    middle = float(np.median(lively[len(lively) // 4 : -(len(lively) // 4)]))
    busy = np.flatnonzero(lively > _CALM * middle)
    share = float(busy[0]) / len(lively) if len(busy) else 0.0
    return share if _NARROWEST <= share <= _WIDEST else 0.0
