"""TIFF: Pillow for ordinary 8-bit pictures, tifffile for deep ones, OpenCV for deep LZW."""

from __future__ import annotations

import io
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray
from PIL import TiffImagePlugin

from geoview.errors import PhotoError
from geoview.photos import colour
from geoview.photos.limits import check_size

_SENSOR = (32803, 34892)  # colour filter array, linear raw
_DNG_VERSION, _SUB_IFDS, _ORIENTATION, _EXTRA_SAMPLES = 50706, 330, 274, 338
_MIN_IS_WHITE, _CMYK = 0, 5


def first_page(data: bytes) -> Any:
    """tifffile's description of the first page. Raises PhotoError for a damaged file."""
    import tifffile

    try:
        return tifffile.TiffFile(io.BytesIO(data)).pages[0]
    except MemoryError:
        raise
    except Exception as error:  # tifffile raises anything on damaged files
        raise PhotoError("the TIFF file is damaged or cut off: copy it again") from error


def is_camera_raw(page: Any) -> bool:
    """Whether a TIFF is a camera's raw file (DNG, NEF, ARW, PEF …) rather than a picture."""
    if _DNG_VERSION in page.tags or _photometric(page) in _SENSOR:
        return True
    # Cameras put a small picture first and the sensor's data in a page below it.
    inside = page.pages if _SUB_IFDS in page.tags else None
    return any(_photometric(sub) in _SENSOR for sub in inside or ())


def _photometric(page: Any) -> int:
    return int(getattr(page, "photometric", None) or 0)


def read(data: bytes, page: Any) -> tuple[colour.Rgb, int]:
    """The first page's RGB pixels and the orientation (1..8) that is still to be applied."""
    check_size(page.imagewidth, page.imagelength)
    tifffile_, pillow, opencv = (
        lambda: _with_tifffile(page),
        lambda: _with_pillow(data),
        lambda: _with_opencv(data),
    )
    if page.dtype is None or page.dtype in (np.uint8, np.bool_):
        # OpenCV last: it takes packed pictures above Pillow's own size limit.
        return _first_that_works((pillow, tifffile_, opencv))
    return _first_that_works((tifffile_, opencv, pillow))


def _first_that_works(
    readers: Sequence[Callable[[], tuple[colour.Rgb, int]]],
) -> tuple[colour.Rgb, int]:
    errors: list[Exception] = []
    for reader in readers:
        try:
            return reader()
        except MemoryError:
            raise
        except Exception as error:  # the next library may know this kind of TIFF
            errors.append(error)
    if any("truncated" in str(error).lower() for error in errors):
        raise PhotoError("the TIFF file is cut off: copy it again from the camera") from errors[0]
    raise PhotoError(
        "the TIFF file is damaged or packed in an unknown way: save it as PNG or plain TIFF"
    ) from errors[0]


def _with_pillow(data: bytes) -> tuple[colour.Rgb, int]:
    # Pillow turns a TIFF upright by itself while loading.
    return colour.image_to_rgb(TiffImagePlugin.TiffImageFile(io.BytesIO(data))), 1


def _with_opencv(data: bytes) -> tuple[colour.Rgb, int]:
    """LZW-packed deep or very large pictures, turned upright by OpenCV itself."""
    import cv2

    samples = cv2.imdecode(np.frombuffer(data, np.uint8), cv2.IMREAD_UNCHANGED)
    if samples is None:
        raise ValueError("OpenCV cannot read this TIFF")
    if samples.ndim == 3:
        code = cv2.COLOR_BGR2RGB if samples.shape[2] == 3 else cv2.COLOR_BGRA2RGBA
        samples = cv2.cvtColor(samples, code)
    return colour.samples_to_rgb(samples, alpha=True), 1


def _with_tifffile(page: Any) -> tuple[colour.Rgb, int]:
    samples = _planar(page.asarray(), page.axes)
    alpha = bool(set(_tag(page, _EXTRA_SAMPLES, ())) & {1, 2})
    if _photometric(page) == _CMYK:
        return _cmyk_to_rgb(colour.to_uint8(samples)), _orientation(page)
    pixels = colour.samples_to_rgb(samples, alpha=alpha)
    if page.photometric == _MIN_IS_WHITE:
        pixels = np.uint8(255) - pixels
    return pixels, _orientation(page)


def _planar(samples: NDArray[Any], axes: str) -> NDArray[Any]:
    """One plane of a page, channels last."""
    while samples.ndim > 2 and axes[0] not in "YS":
        samples, axes = samples[0], axes[1:]
    return np.moveaxis(samples, 0, -1) if axes.startswith("S") and samples.ndim == 3 else samples


def _cmyk_to_rgb(inks: NDArray[np.uint8]) -> colour.Rgb:
    paper = 255.0 - inks[..., :4].astype(np.float32)
    return (paper[..., :3] * paper[..., 3:] / 255.0 + 0.5).astype(np.uint8)


def _orientation(page: Any) -> int:
    value = _tag(page, _ORIENTATION, (1,))[0]
    return int(value) if value in range(1, 9) else 1


def _tag(page: Any, code: int, default: tuple[int, ...]) -> tuple[Any, ...]:
    tag = page.tags.get(code)
    if tag is None:
        return default
    return tuple(tag.value) if isinstance(tag.value, tuple) else (tag.value,)
