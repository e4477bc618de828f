"""Random changes of training images: geometry, light, optics. The hue only when asked.

Rock colours are evidence; the light's colour is not. White balance scales the channels a
little as a lamp or camera would, and leaves the hue circle alone.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from functools import lru_cache

import cv2
import numpy as np
from numpy.typing import NDArray

from geoview.models.preprocess import resized
from geoview.training.randaugment import randaugment
from geoview.training.recipe import AugmentPart

Pixels = NDArray[np.uint8]

CROP_RATIO = (3 / 4, 4 / 3)
CROP_TRIES = 10
ERASED_AREA = (0.02, 0.2)
ERASED_RATIO = (0.3, 1 / 0.3)
# Below this scale the image is averaged down before it is turned, lest fine grain flicker.
AVERAGED_BELOW = 0.8
NOISE_STARTS = 1 << 16


def augment(
    pixels: Pixels, options: AugmentPart, *, side_px: int, rng: np.random.Generator
) -> Pixels:
    """uint8 [h, w, 3] changed at random, as uint8 [side_px, side_px, 3]; the input stays."""
    out = _geometry(pixels, options, side_px, rng)
    count, magnitude = options.randaugment
    out = randaugment(
        out, count=count, magnitude=magnitude, colour=options.randaugment_colour, rng=rng
    )
    out = _light(out, options, rng)
    out = _optics(out, options, rng)
    return _erased(_other_hue(out, options, rng), options, rng)


@dataclass(frozen=True, slots=True)
class _View:
    """``box`` of the photo (x, y, width, height) that fills a square of ``inner_px`` at
    ``left``, ``top`` of the output, turned counter-clockwise about the output's centre."""

    box: tuple[int, int, int, int]
    inner_px: int
    left: int
    top: int
    degrees: float


def _geometry(
    pixels: Pixels, options: AugmentPart, side_px: int, rng: np.random.Generator
) -> Pixels:
    """Crop, zoom and turn in one resampling, then flips and quarter turns, which need none.

    Zooming out keeps every fragment, so presence labels stay true; zooming in is kept small.
    """
    view = _view(pixels, options, side_px, rng)
    out = _turned(pixels, view, side_px) if view.degrees else _upright(pixels, view, side_px)
    if (options.flips or options.horizontal_flip) and rng.random() < 0.5:
        out = cv2.flip(out, 1)
    if not options.quarter_turns:  # with quarter turns one flip makes all eight
        return np.asarray(cv2.flip(out, 0) if options.flips and rng.random() < 0.5 else out)
    quarters = int(rng.integers(4))
    return np.asarray(cv2.rotate(out, 3 - quarters) if quarters else out, np.uint8)


def _view(pixels: Pixels, options: AugmentPart, side_px: int, rng: np.random.Generator) -> _View:
    zoom = float(np.exp(rng.uniform(*np.log(options.zoom))))
    at_x, at_y = rng.uniform(0, 1, 2)
    x, y, width, height = _crop(pixels, options.crop, rng)
    if zoom > 1:
        inside_w, inside_h = max(1, round(width / zoom)), max(1, round(height / zoom))
        x, y = x + round((width - inside_w) * at_x), y + round((height - inside_h) * at_y)
        width, height = inside_w, inside_h
    inner_px = max(1, round(side_px * min(zoom, 1)))
    slack = side_px - inner_px
    degrees = rng.uniform(-1, 1) * options.rotate_deg if options.rotate_deg else 0.0
    return _View((x, y, width, height), inner_px, round(slack * at_x), round(slack * at_y), degrees)


def _crop(
    pixels: Pixels, area: tuple[float, float], rng: np.random.Generator
) -> tuple[int, int, int, int]:
    """A box (x, y, width, height) as torchvision's RandomResizedCrop draws it."""
    height, width = pixels.shape[:2]
    if min(area) >= 1:
        return 0, 0, width, height
    for _ in range(CROP_TRIES):
        size = rng.uniform(*area) * width * height
        ratio = math.exp(rng.uniform(*np.log(CROP_RATIO)))
        w, h = round(math.sqrt(size * ratio)), round(math.sqrt(size / ratio))
        if 0 < w <= width and 0 < h <= height:
            x, y = rng.integers(width - w + 1), rng.integers(height - h + 1)
            return int(x), int(y), w, h
    ratio = min(max(width / height, CROP_RATIO[0]), CROP_RATIO[1])
    w, h = min(width, round(height * ratio)), min(height, round(width / ratio))
    return (width - w) // 2, (height - h) // 2, w, h


def _upright(pixels: Pixels, view: _View, side_px: int) -> Pixels:
    """The view without a turn: one resize, and a mirrored border where it is smaller."""
    x, y, width, height = view.box
    source = np.ascontiguousarray(pixels[y : y + height, x : x + width])
    out = resized(source, width_px=view.inner_px, height_px=view.inner_px)
    rest = side_px - view.inner_px
    if rest:
        borders = (view.top, rest - view.top, view.left, rest - view.left)
        out = np.asarray(cv2.copyMakeBorder(out, *borders, cv2.BORDER_REFLECT_101), np.uint8)
    return out


def _turned(pixels: Pixels, view: _View, side_px: int) -> Pixels:
    """The view with a turn: one affine warp; what the photo has beyond the box is shown, and
    beyond the photo its mirror image."""
    x, y, width, height = view.box
    scale = np.array([view.inner_px / width, view.inner_px / height])
    turn = cv2.getRotationMatrix2D((side_px / 2, side_px / 2), view.degrees, 1.0)
    linear = turn[:, :2] * scale
    offset = turn[:, :2] @ (np.array([view.left, view.top]) - scale * (x, y)) + turn[:, 2]

    x0, y0, x1, y1 = _seen(linear, offset, side_px=side_px, photo=pixels)
    source = np.ascontiguousarray(pixels[y0:y1, x0:x1])
    offset += linear @ (x0, y0)
    factor = np.where(scale < AVERAGED_BELOW, scale, 1.0)
    w, h = (max(1, round(n * f)) for n, f in zip((x1 - x0, y1 - y0), factor, strict=True))
    linear *= ((x1 - x0) / w, (y1 - y0) / h)
    source = resized(source, width_px=w, height_px=h)

    # The matrix is for edges of pixels, OpenCV's for their middles.
    offset += linear @ (0.5, 0.5) - 0.5
    matrix = np.column_stack((linear, offset))
    out = cv2.warpAffine(
        source, matrix, (side_px, side_px), flags=cv2.INTER_CUBIC, borderMode=cv2.BORDER_REFLECT_101
    )
    return np.asarray(out, np.uint8)


def _seen(
    linear: NDArray[np.float64], offset: NDArray[np.float64], *, side_px: int, photo: Pixels
) -> tuple[int, int, int, int]:
    """The part (x0, y0, x1, y1) of the photo under the output, so that no more is resized."""
    corners = np.array([[0, 0, side_px, side_px], [0, side_px, 0, side_px]], np.float64)
    under = np.linalg.solve(linear, corners - offset[:, None])
    x0, y0 = np.floor(under.min(1)).astype(int) - 3
    x1, y1 = np.ceil(under.max(1)).astype(int) + 3
    height, width = photo.shape[:2]
    return max(int(x0), 0), max(int(y0), 0), min(int(x1), width), min(int(y1), height)


def _light(pixels: Pixels, options: AugmentPart, rng: np.random.Generator) -> Pixels:
    """Exposure, white balance and contrast in linear light, through one table per channel."""
    if not (options.exposure or options.white_balance or options.contrast):
        return pixels
    gain = np.exp(rng.normal(0, options.exposure) if options.exposure else 0.0)
    balance = np.exp(rng.normal(0, options.white_balance, 3))
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
        start = int(rng.integers(NOISE_STARTS))
        noise = _noise(pixels.size)[start : start + pixels.size].reshape(pixels.shape)
        noisy = cv2.addWeighted(pixels, 1.0, noise, 255 * level, 0.0, dtype=cv2.CV_8U)
        pixels = np.asarray(noisy, np.uint8)
    return pixels


@lru_cache(maxsize=2)
def _noise(count: int) -> NDArray[np.float32]:
    """Gaussian noise for ``count`` values from any of NOISE_STARTS starts.

    Drawing it afresh for every image takes longer than all the rest together.
    """
    return np.random.default_rng(0).standard_normal(count + NOISE_STARTS, dtype=np.float32)


def _other_hue(pixels: Pixels, options: AugmentPart, rng: np.random.Generator) -> Pixels:
    """Every hue turned by the same share of the circle, at most ``options.hue`` either way."""
    if not options.hue:
        return pixels
    turn = round(rng.uniform(-options.hue, options.hue) * 256) % 256
    hsv = cv2.cvtColor(pixels, cv2.COLOR_RGB2HSV_FULL)
    hsv[..., 0] += np.uint8(turn)  # wraps round, as hues do
    return np.asarray(cv2.cvtColor(hsv, cv2.COLOR_HSV2RGB_FULL), np.uint8)


def _erased(pixels: Pixels, options: AugmentPart, rng: np.random.Generator) -> Pixels:
    """Random erasing (Zhong et al. 2020): a box filled with the mean colour or with noise."""
    if not options.erase or rng.random() >= options.erase:
        return pixels
    side = pixels.shape[0]
    area = rng.uniform(*ERASED_AREA) * side * side
    ratio = math.exp(rng.uniform(*np.log(ERASED_RATIO)))
    w, h = (min(side, max(1, round(math.sqrt(area * r)))) for r in (ratio, 1 / ratio))
    x, y = int(rng.integers(side - w + 1)), int(rng.integers(side - h + 1))
    out = pixels.copy()
    if rng.random() < 0.5:
        out[y : y + h, x : x + w] = np.round(pixels.mean((0, 1)))
    else:
        out[y : y + h, x : x + w] = rng.integers(0, 256, (h, w, 3), dtype=np.uint8)
    return out
