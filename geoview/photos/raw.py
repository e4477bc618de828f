"""Camera raw through rawpy, an optional extra."""

from __future__ import annotations

import io

import numpy as np

from geoview.errors import PhotoError
from geoview.photos import colour
from geoview.photos.limits import check_size

_QUARTER_TURNS = (5, 6)


def read(data: bytes, *, at_least_px: int | None) -> tuple[colour.Rgb, tuple[int, int]]:
    """Upright RGB pixels, perhaps of half size, and the upright original (width, height)."""
    try:
        import rawpy
    except ImportError as error:
        raise PhotoError(
            "this is a camera raw file: run `pip install geoview[raw]` or save it as JPEG"
        ) from error
    try:
        with rawpy.imread(io.BytesIO(data)) as raw:
            width, height = raw.sizes.iwidth, raw.sizes.iheight
            check_size(width, height)
            check_size(raw.sizes.raw_width, raw.sizes.raw_height)
            half = at_least_px is not None and min(width, height) // 2 >= at_least_px
            pixels = raw.postprocess(use_camera_wb=True, half_size=half, output_bps=8)
            turned = raw.sizes.flip in _QUARTER_TURNS
    except rawpy.LibRawError as error:
        raise PhotoError(
            "the camera raw file is damaged or of an unknown camera: save it as JPEG"
        ) from error
    size = (height, width) if turned else (width, height)
    return np.ascontiguousarray(pixels[..., :3]), size
