"""One photo file to upright 8-bit RGB pixels, or a plain reason why not.

The kind of file is told from its content. Nothing global is changed in Pillow, whose own limit
on picture size only applies to ``Image.open``: the plug-ins are used directly and the size is
checked from the header instead (``limits``). Every function may be called from any thread.
"""

from __future__ import annotations

import io
import logging
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from PIL import (
    AvifImagePlugin,
    BmpImagePlugin,
    GifImagePlugin,
    Image,
    ImageFile,
    PngImagePlugin,
    WebPImagePlugin,
)

from geoview.errors import PhotoError
from geoview.photos import colour, formats, jpeg, orientation, raw, reading, tiff
from geoview.photos.limits import check_size

log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True, eq=False)
class Decoded:
    """A decoded photo.

    ``pixels``: uint8 (h, w, 3), RGB, upright, C-contiguous; perhaps reduced. ``width_px`` and
    ``height_px`` are the size of the upright original.
    """

    pixels: NDArray[np.uint8]
    width_px: int
    height_px: int


Read = tuple[colour.Rgb, tuple[int, int], int]


def decode(path: Path, *, at_least_px: int | None = None) -> Decoded:
    """Read a photo.

    With ``at_least_px``, ``pixels`` may be a quicker, reduced decode whose shorter side is still
    at least that long (when the original's is). Raises PhotoError with a plain reason.
    """
    head = reading.read_head(path)
    if not head:
        raise PhotoError("the file is empty: copy it again from the camera")
    kind = formats.sniff(head)
    if kind is None:
        raise PhotoError(formats.not_a_photo(head))
    return decode_bytes(reading.read_bytes(path), at_least_px=at_least_px)


def decode_bytes(data: bytes, *, at_least_px: int | None = None) -> Decoded:
    """As ``decode``, for a file's content."""
    kind = formats.sniff(data[: reading.HEAD_BYTES])
    if kind is None:
        raise PhotoError(formats.not_a_photo(data[: reading.HEAD_BYTES]))
    try:
        pixels, (width, height), turn = _READERS[kind](data, at_least_px)
        pixels = orientation.upright(pixels, turn)
    except PhotoError:
        raise
    except MemoryError as error:
        raise PhotoError(reading.OUT_OF_MEMORY) from error
    except Exception as error:  # the libraries raise anything on damaged files
        log.debug("A %s photo could not be decoded", kind, exc_info=True)
        raise PhotoError(_reason(error)) from error
    if orientation.swaps_sides(turn):
        width, height = height, width
    return Decoded(pixels=pixels, width_px=width, height_px=height)


def _reason(error: Exception) -> str:
    if isinstance(error, Image.DecompressionBombError):
        return "the photo is too large: save a smaller copy"
    text = str(error).lower()
    if isinstance(error, EOFError) or any(word in text for word in _CUT_OFF):
        return "the file is cut off: copy it again from the camera"
    return "the file is damaged or cut off: copy it again from the camera"


_CUT_OFF = ("truncated", "end of file", "unexpected end", "eof", "not enough", "too short")


def _read_jpeg(data: bytes, at_least_px: int | None) -> Read:
    return jpeg.read(data, at_least_px=at_least_px)


def _plug_in(opener: Callable[[io.BytesIO], ImageFile.ImageFile]) -> Callable[..., Read]:
    def read(data: bytes, at_least_px: int | None) -> Read:
        image = opener(io.BytesIO(data))
        check_size(*image.size)
        pixels = colour.image_to_rgb(image)
        return pixels, image.size, orientation.of_image(image)

    return read


def _read_png(data: bytes, at_least_px: int | None) -> Read:
    image = PngImagePlugin.PngImageFile(io.BytesIO(data))
    check_size(*image.size)
    deep = data[24] == 16 and data[12:16] == b"IHDR"
    pixels = _deep_png(data, image) if deep else None
    if pixels is None:
        pixels = colour.image_to_rgb(image)
    return pixels, image.size, orientation.of_image(image)


def _deep_png(data: bytes, image: ImageFile.ImageFile) -> colour.Rgb | None:
    """16-bit colour, which Pillow would cut to the upper 8 bits."""
    import cv2

    image.load()  # says what is wrong with a damaged file, which OpenCV may accept
    samples = cv2.imdecode(
        np.frombuffer(data, np.uint8), cv2.IMREAD_UNCHANGED | cv2.IMREAD_IGNORE_ORIENTATION
    )
    if samples is None:
        return None
    if samples.ndim == 3:
        code = cv2.COLOR_BGR2RGB if samples.shape[2] == 3 else cv2.COLOR_BGRA2RGBA
        samples = cv2.cvtColor(samples, code)
    pixels = colour.samples_to_rgb(samples, alpha=True)
    return colour.with_profile(pixels, image.info.get("icc_profile"))


def _read_webp(data: bytes, at_least_px: int | None) -> Read:
    # The decoder reserves the whole canvas on opening: its size is read here first.
    if data[12:16] == b"VP8X":
        check_size(
            int.from_bytes(data[24:27], "little") + 1, int.from_bytes(data[27:30], "little") + 1
        )
    return _plug_in(WebPImagePlugin.WebPImageFile)(data, at_least_px)


def _read_heic(data: bytes, at_least_px: int | None) -> Read:
    import pillow_heif

    heif = pillow_heif.open_heif(io.BytesIO(data), convert_hdr_to_8bit=True)
    check_size(*heif.size)
    image = heif.to_pillow()
    # The decoder has turned the picture already; its EXIF orientation must not turn it again.
    return colour.image_to_rgb(image), image.size, 1


def _read_tiff(data: bytes, at_least_px: int | None) -> Read:
    page = tiff.first_page(data)
    if tiff.is_camera_raw(page):
        return _read_raw(data, at_least_px)
    pixels, turn = tiff.read(data, page)
    return pixels, (pixels.shape[1], pixels.shape[0]), turn


def _read_raw(data: bytes, at_least_px: int | None) -> Read:
    pixels, size = raw.read(data, at_least_px=at_least_px)
    return pixels, size, 1


_READERS: dict[formats.Kind, Callable[[bytes, int | None], Read]] = {
    "jpeg": _read_jpeg,
    "png": _read_png,
    "webp": _read_webp,
    "bmp": _plug_in(BmpImagePlugin.BmpImageFile),
    "gif": _plug_in(GifImagePlugin.GifImageFile),
    "tiff": _read_tiff,
    "heic": _read_heic,
    "avif": _plug_in(AvifImagePlugin.AvifImageFile),
    "raw": _read_raw,
}
