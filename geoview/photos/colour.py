"""Any samples to 8-bit RGB: bit depths, transparency, colour profiles."""

from __future__ import annotations

import functools
import io
import logging
from typing import Any

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageCms

from geoview.errors import PhotoError

log = logging.getLogger(__name__)

Rgb = NDArray[np.uint8]

# Cameras and scanners store 10, 12 or 14 bits in 16-bit samples without saying so.
_FULL_SCALES = (255.0, 1023.0, 4095.0, 16383.0, 65535.0)


def to_uint8(samples: NDArray[Any]) -> NDArray[np.uint8]:
    """Scale samples of any number type to 0..255.

    16-bit integers are taken for 10, 12, 14 or 16 bits by the smallest of these ranges that
    holds their maximum; a maximum below 256 is 8-bit data in a wider type. Fractions are taken
    for 0..1, else as integers, else stretched between their minimum and maximum; what is not a
    number becomes 0.
    """
    kind, size = samples.dtype.kind, samples.dtype.itemsize
    if kind == "b":
        return samples.astype(np.uint8) * np.uint8(255)
    if kind not in "uif":
        raise PhotoError("the photo's pixels are of an unknown kind: save it as JPEG or PNG")
    if kind == "u" and size == 1:
        return samples
    if kind == "u" and size == 2:
        return _uint16_to_uint8(samples)
    values = samples.astype(np.float32)
    np.nan_to_num(values, copy=False, nan=0.0, posinf=0.0, neginf=0.0)
    low, high = _range(values, fractions=kind == "f")
    values -= low
    values *= 255.0 / max(high - low, float(np.finfo(np.float32).tiny))
    values += 0.5
    return np.clip(values, 0, 255, out=values).astype(np.uint8)


def _uint16_to_uint8(samples: NDArray[Any]) -> NDArray[np.uint8]:
    full = _full_scale(float(samples.max()))
    table = np.minimum(np.arange(65536) * (255.0 / full) + 0.5, 255).astype(np.uint8)
    scaled: NDArray[np.uint8] = table[samples]
    return scaled


def _full_scale(highest: float) -> float:
    return next((full for full in _FULL_SCALES if highest <= full), highest)


def _range(values: NDArray[np.float32], *, fractions: bool) -> tuple[float, float]:
    """The sample values that become black and white."""
    low, high = float(values.min()), float(values.max())
    if fractions and 0 <= low and high <= 1:
        return 0.0, 1.0
    if fractions and (low < 0 or high > 65535):
        return low, high
    return 0.0, _full_scale(high)


def samples_to_rgb(samples: NDArray[Any], *, alpha: bool) -> Rgb:
    """(h, w), (h, w, 1..n) samples to RGB. ``alpha``: the last channel is opacity."""
    if samples.ndim == 2:
        samples = samples[..., None]
    opacity = None
    if alpha and samples.shape[2] in (2, 4):
        opacity, samples = to_uint8(samples[..., -1:]), samples[..., :-1]
    pixels = to_uint8(samples)
    pixels = np.repeat(pixels[..., :1], 3, axis=2) if pixels.shape[2] < 3 else pixels[..., :3]
    return pixels if opacity is None else _on_white(pixels, opacity)


def _on_white(pixels: Rgb, opacity: NDArray[np.uint8]) -> Rgb:
    share = opacity.astype(np.float32) / 255.0
    blended: Rgb = (pixels * share + (255.5 - 255.0 * share)).astype(np.uint8)
    return blended


def image_to_rgb(image: Image.Image) -> Rgb:
    """Decode what Pillow opened to RGB: palettes, grey, CMYK, transparency, colour profile."""
    image.load()
    profile = image.info.get("icc_profile")
    if image.mode in ("I", "F") or image.mode.startswith("I;16"):
        return samples_to_rgb(np.asarray(image), alpha=False)
    if image.mode in ("RGBA", "LA", "PA", "La", "RGBa") or "transparency" in image.info:
        image = _flattened(image.convert("RGBA"))
    if image.mode == "CMYK":
        converted = _profiled(image, profile)
        return np.asarray(converted if converted is not None else image.convert("RGB"))
    return with_profile(np.asarray(image.convert("RGB")), profile)


def _flattened(image: Image.Image) -> Image.Image:
    white = Image.new("RGBA", image.size, (255, 255, 255, 255))
    white.alpha_composite(image)
    return white.convert("RGB")


def with_profile(pixels: Rgb, profile: bytes | None) -> Rgb:
    """Convert RGB pixels from their embedded colour profile to sRGB."""
    if not profile or not _needs_conversion(profile):
        return pixels
    converted = _profiled(Image.fromarray(pixels), profile)
    return pixels if converted is None else np.asarray(converted)


def _needs_conversion(profile: bytes) -> bool:
    """Whether a profile is for RGB and another space than sRGB."""
    is_srgb = b"sRGB" in profile or "sRGB".encode("utf-16-be") in profile
    return profile[16:20] == b"RGB " and not is_srgb


def _profiled(image: Image.Image, profile: bytes | None) -> Image.Image | None:
    """``image`` in sRGB, or None when its profile is missing or cannot be used."""
    if not profile:
        return None
    try:
        return ImageCms.applyTransform(image, _transform(profile, image.mode))
    except (ImageCms.PyCMSError, OSError, ValueError) as error:
        log.info("A colour profile could not be used: %s", error)
        return None


@functools.lru_cache(maxsize=16)
def _transform(profile: bytes, mode: str) -> ImageCms.ImageCmsTransform:
    return ImageCms.buildTransform(
        ImageCms.ImageCmsProfile(io.BytesIO(profile)),
        ImageCms.createProfile("sRGB"),
        mode,
        "RGB",
        ImageCms.Intent.RELATIVE_COLORIMETRIC,
    )
