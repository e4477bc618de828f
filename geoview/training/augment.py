"""Random changes of training images: geometry, light, optics. Never the hue.

Rock colours are evidence; the light's colour is not. White balance scales the channels a
little as a lamp or camera would, and leaves the hue circle alone.
"""

from __future__ import annotations

import cv2
import numpy as np
from numpy.typing import NDArray

from geoview.training.recipe import AugmentPart

Pixels = NDArray[np.uint8]


def augment(
    pixels: Pixels, options: AugmentPart, *, side_px: int, rng: np.random.Generator
) -> Pixels:
    """A changed copy of uint8 [h, w, 3] as uint8 [side_px, side_px, 3]."""
    out = _geometry(pixels, options, side_px, rng)
    out = _light(out, options, rng)
    return _optics(out, options, rng)


def _geometry(
    pixels: Pixels, options: AugmentPart, side_px: int, rng: np.random.Generator
) -> Pixels:
    """Zoom about a random point, flips and quarter turns; beyond the edge the image mirrors.

    Zooming out keeps every fragment, so presence labels stay true; zooming in is kept small.
    """
    zoom = float(np.exp(rng.uniform(*np.log(options.zoom))))
    height, width = pixels.shape[:2]
    scale = np.array([side_px / width, side_px / height]) * zoom
    slack = np.array([side_px, side_px]) - scale * (width, height)
    shift = slack * rng.uniform(0, 1, 2)
    matrix = np.array([[scale[0], 0, shift[0]], [0, scale[1], shift[1]]])
    if zoom == 1 and (height, width) == (side_px, side_px):
        out = pixels
    else:
        how = cv2.INTER_AREA if scale.max() < 0.7 else cv2.INTER_CUBIC
        source = np.ascontiguousarray(pixels)
        out = cv2.warpAffine(
            source, matrix, (side_px, side_px), flags=how, borderMode=cv2.BORDER_REFLECT_101
        )
    if options.flips and rng.random() < 0.5:
        out = out[:, ::-1]
    if options.quarter_turns:
        out = np.rot90(out, int(rng.integers(4)))
    return np.ascontiguousarray(out)


def _light(pixels: Pixels, options: AugmentPart, rng: np.random.Generator) -> Pixels:
    """Exposure, white balance and contrast in linear light, through one table per channel."""
    gain = np.exp(rng.normal(0, options.exposure) if options.exposure else 0.0)
    balance = np.exp(rng.normal(0, options.white_balance or 0.0, 3))
    gamma = np.exp(rng.normal(0, options.contrast) if options.contrast else 0.0)
    linear = (np.arange(256) / 255.0) ** 2.2
    curves = np.clip(linear[:, None] * gain * balance, 0, 1) ** (gamma / 2.2)
    table = np.round(curves * 255).astype(np.uint8)
    return np.asarray(cv2.LUT(pixels, table[None]), np.uint8)


def _optics(pixels: Pixels, options: AugmentPart, rng: np.random.Generator) -> Pixels:
    sigma = rng.uniform(0, options.blur_px)
    if sigma > 0.3:
        pixels = np.asarray(cv2.GaussianBlur(pixels, (0, 0), sigma), np.uint8)
    level = rng.uniform(0, options.noise)
    if level > 0.004:
        noise = rng.standard_normal(pixels.shape, dtype=np.float32) * (255 * level)
        pixels = np.clip(pixels + noise, 0, 255).astype(np.uint8)
    return pixels
