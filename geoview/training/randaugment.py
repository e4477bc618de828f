"""RandAugment: a few operations drawn at random, all at one magnitude (Cubuk et al. 2020; P1).

The operations and their largest values are torchvision's. Beyond the edge the image mirrors
instead of turning black: a black wedge is nothing that a rock shows.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageEnhance, ImageOps

Pixels = NDArray[np.uint8]
Picture = Image.Image

LARGEST_MAGNITUDE = 10.0


@dataclass(frozen=True, slots=True)
class Operation:
    """``apply`` changes uint8 [h, w, 3] by a value between 0 and ``most``, or −``most`` when
    ``signed``; ``colour`` says that rocks of one colour may come out in another."""

    apply: Callable[[Pixels, float], Pixels]
    most: float = 0.0
    signed: bool = False
    colour: bool = False


def randaugment(
    pixels: Pixels, *, count: int, magnitude: float, colour: bool, rng: np.random.Generator
) -> Pixels:
    """``count`` operations one after another on uint8 [h, w, 3], ``magnitude`` 0…10 each.

    Operations that change colours are drawn only when ``colour``.
    """
    choices = [one for one in OPERATIONS.values() if colour or not one.colour]
    for _ in range(count):
        chosen = choices[int(rng.integers(len(choices)))]
        value = chosen.most * magnitude / LARGEST_MAGNITUDE
        if chosen.signed and rng.random() < 0.5:
            value = -value
        pixels = chosen.apply(pixels, value)
    return pixels


def _warped(pixels: Pixels, *, output_to_input: NDArray[np.float64]) -> Pixels:
    how = cv2.INTER_LINEAR | cv2.WARP_INVERSE_MAP
    size = (pixels.shape[1], pixels.shape[0])
    out = cv2.warpAffine(
        pixels, output_to_input, size, flags=how, borderMode=cv2.BORDER_REFLECT_101
    )
    return np.asarray(out, np.uint8)


def _rotate(pixels: Pixels, degrees: float) -> Pixels:
    """Counter-clockwise about the centre."""
    height, width = pixels.shape[:2]
    matrix = cv2.getRotationMatrix2D(((width - 1) / 2, (height - 1) / 2), -degrees, 1.0)
    return _warped(pixels, output_to_input=np.asarray(matrix, np.float64))


def _shear_x(pixels: Pixels, share: float) -> Pixels:
    return _warped(pixels, output_to_input=np.array([[1, share, 0], [0, 1, 0]], np.float64))


def _shear_y(pixels: Pixels, share: float) -> Pixels:
    return _warped(pixels, output_to_input=np.array([[1, 0, 0], [share, 1, 0]], np.float64))


def _translate_x(pixels: Pixels, share: float) -> Pixels:
    """To the right by a share of the width, whole pixels."""
    shift = int(share * pixels.shape[1])
    return _warped(pixels, output_to_input=np.array([[1, 0, -shift], [0, 1, 0]], np.float64))


def _translate_y(pixels: Pixels, share: float) -> Pixels:
    """Down by a share of the height, whole pixels."""
    shift = int(share * pixels.shape[0])
    return _warped(pixels, output_to_input=np.array([[1, 0, 0], [0, 1, -shift]], np.float64))


def _pillow(change: Callable[[Picture, float], Picture]) -> Callable[[Pixels, float], Pixels]:
    return lambda pixels, value: np.array(change(Image.fromarray(pixels), value), np.uint8)


_brightness = _pillow(lambda image, by: ImageEnhance.Brightness(image).enhance(1 + by))
_contrast = _pillow(lambda image, by: ImageEnhance.Contrast(image).enhance(1 + by))
_sharpness = _pillow(lambda image, by: ImageEnhance.Sharpness(image).enhance(1 + by))
_saturation = _pillow(lambda image, by: ImageEnhance.Color(image).enhance(1 + by))
_posterize = _pillow(lambda image, lost_bits: ImageOps.posterize(image, 8 - round(lost_bits)))
_solarize = _pillow(lambda image, by: ImageOps.solarize(image, round(255 - by)))
_autocontrast = _pillow(lambda image, _: ImageOps.autocontrast(image))
_equalize = _pillow(lambda image, _: ImageOps.equalize(image))


OPERATIONS: dict[str, Operation] = {
    "identity": Operation(lambda pixels, _: pixels),
    "shear-x": Operation(_shear_x, most=0.3, signed=True),
    "shear-y": Operation(_shear_y, most=0.3, signed=True),
    "translate-x": Operation(_translate_x, most=150 / 331, signed=True),
    "translate-y": Operation(_translate_y, most=150 / 331, signed=True),
    "rotate": Operation(_rotate, most=30, signed=True),
    "brightness": Operation(_brightness, most=0.9, signed=True),
    "contrast": Operation(_contrast, most=0.9, signed=True),
    "sharpness": Operation(_sharpness, most=0.9, signed=True),
    "saturation": Operation(_saturation, most=0.9, signed=True, colour=True),
    "posterize": Operation(_posterize, most=4, colour=True),
    "solarize": Operation(_solarize, most=255, colour=True),
    "autocontrast": Operation(_autocontrast, colour=True),
    "equalize": Operation(_equalize, colour=True),
}
