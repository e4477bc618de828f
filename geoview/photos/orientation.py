"""The eight EXIF orientations."""

from __future__ import annotations

import logging

import numpy as np
from numpy.typing import NDArray
from PIL import Image

log = logging.getLogger(__name__)

_TAG = 0x0112


def of_image(image: Image.Image) -> int:
    """The orientation (1..8) that a picture's EXIF or XMP data asks for; 1 if there is none."""
    try:
        value = image.getexif().get(_TAG, 1)
    except Exception as error:  # damaged EXIF data must not cost the photo
        log.info("EXIF data could not be read: %s", error)
        return 1
    return value if value in range(1, 9) else 1


def swaps_sides(orientation: int) -> bool:
    return orientation >= 5


def upright(pixels: NDArray[np.uint8], orientation: int) -> NDArray[np.uint8]:
    """(h, w, 3) pixels as they are to be shown, C-contiguous."""
    import cv2

    if orientation in (5, 7):
        pixels = cv2.transpose(pixels)
    if orientation == 2:
        pixels = cv2.flip(pixels, 1)
    elif orientation in (3, 7):
        pixels = cv2.rotate(pixels, cv2.ROTATE_180)
    elif orientation == 4:
        pixels = cv2.flip(pixels, 0)
    elif orientation == 6:
        pixels = cv2.rotate(pixels, cv2.ROTATE_90_CLOCKWISE)
    elif orientation == 8:
        pixels = cv2.rotate(pixels, cv2.ROTATE_90_COUNTERCLOCKWISE)
    return np.ascontiguousarray(pixels)
