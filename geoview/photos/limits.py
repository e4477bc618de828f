"""How large a photo may be. Checked from its header, before any pixel is decoded."""

from __future__ import annotations

from geoview.errors import PhotoError

MAX_PIXELS = 300_000_000


def check_size(width_px: int, height_px: int) -> None:
    """Raise PhotoError for a picture without pixels or above the limit."""
    if width_px < 1 or height_px < 1:
        raise PhotoError("the photo has no pixels: copy it again from the camera")
    if width_px * height_px > MAX_PIXELS:
        raise PhotoError(
            f"the photo is too large ({width_px} × {height_px} pixels; at most "
            f"{MAX_PIXELS // 1_000_000} megapixels): save a smaller copy"
        )
