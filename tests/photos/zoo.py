"""A zoo of photo files of every kind, made on the fly."""

from __future__ import annotations

import io

import numpy as np
import pillow_heif
import tifffile
from numpy.typing import NDArray
from PIL import Image

WIDTH_PX, HEIGHT_PX = 96, 64


def colours() -> NDArray[np.uint8]:
    """Four flat quarters, so that lossy formats and reduced decodes keep their middles."""
    pixels = np.empty((HEIGHT_PX, WIDTH_PX, 3), np.uint8)
    h, w = HEIGHT_PX // 2, WIDTH_PX // 2
    pixels[:h, :w] = (200, 40, 40)
    pixels[:h, w:] = (40, 180, 60)
    pixels[h:, :w] = (50, 60, 190)
    pixels[h:, w:] = (220, 210, 120)
    return pixels


def encoded(pixels: NDArray[np.uint8], kind: str, **options: object) -> bytes:
    stream = io.BytesIO()
    Image.fromarray(pixels).save(stream, kind, **options)
    return stream.getvalue()


def tiff(samples: NDArray[np.generic], **options: object) -> bytes:
    stream = io.BytesIO()
    tifffile.imwrite(stream, samples, **options)
    return stream.getvalue()


def heic(pixels: NDArray[np.uint8], *, exif: bytes | None = None) -> bytes:
    stream = io.BytesIO()
    pillow_heif.from_pillow(Image.fromarray(pixels)).save(stream, quality=95, exif=exif)
    return stream.getvalue()


def exif(orientation: int) -> bytes:
    data = Image.Exif()
    data[0x0112] = orientation
    return data.tobytes()


def converted(mode: str, kind: str, **options: object) -> bytes:
    stream = io.BytesIO()
    Image.fromarray(colours()).convert(mode).save(stream, kind, **options)
    return stream.getvalue()


def with_opacity(opacity: int) -> NDArray[np.uint8]:
    pixels = colours()
    return np.dstack([pixels, np.full(pixels.shape[:2], opacity, np.uint8)])


def dng(samples: NDArray[np.uint16], *, orientation: int = 1) -> bytes:
    """The least that a raw converter takes for a photo."""
    identity = (1, 1, 0, 1, 0, 1, 0, 1, 1, 1, 0, 1, 0, 1, 0, 1, 1, 1)
    tags = [
        (50706, 1, 4, (1, 4, 0, 0), True),
        (50708, 2, 0, "Test Camera", True),
        (33421, 3, 2, (2, 2), True),
        (33422, 1, 4, (0, 1, 1, 2), True),
        (50717, 4, 1, 4095, True),
        (50714, 3, 1, 0, True),
        (50721, 10, 9, identity, True),
        (50728, 5, 3, (1, 1, 1, 1, 1, 1), True),
        (50778, 3, 1, 21, True),
        (271, 2, 0, "Test", True),
        (272, 2, 0, "Camera", True),
        (274, 3, 1, orientation, True),
    ]
    return tiff(samples, photometric=32803, extratags=tags, metadata=None)
