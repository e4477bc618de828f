"""Barcodes in a photo: QR, EAN and UPC by OpenCV, Code 128 by ``code128``.

Code 39 and Data Matrix, which some museums use, are not read.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from geoview.measure.code128 import read_code128
from geoview.photos.shrink import at_most

# A code on a plate that is cut out fills more of it than of a whole photo.
WHOLE_PX, PLATE_PX = 1280, 1000


def read_codes(pixels: NDArray[np.uint8], *, longest_px: int = WHOLE_PX) -> list[str]:
    """What the codes in RGB pixels (uint8 (h, w, 3)) say, QR first; turned codes as well.

    They are looked for with the longest side reduced to ``longest_px``.
    """
    import cv2

    grey = cv2.cvtColor(at_most(pixels, longest_px), cv2.COLOR_RGB2GRAY)
    if min(grey.shape) < 32:
        return []
    try:
        return _qr(grey) or _barcodes(grey)
    except cv2.error:  # its readers fail on some pictures without a code
        return []


def _qr(grey: NDArray[np.uint8]) -> list[str]:
    import cv2

    _, texts, _, _ = cv2.QRCodeDetectorAruco().detectAndDecodeMulti(grey)
    return [text for text in texts if text]


def _barcodes(grey: NDArray[np.uint8]) -> list[str]:
    """Code 128, EAN and UPC, where anything looks like a barcode: most photos have none."""
    import cv2

    found, corners = cv2.barcode.BarcodeDetector().detectMulti(grey)
    if not found:
        return []
    return read_code128(grey, np.asarray(corners, np.float64).reshape(-1, 4, 2)) or _bars(grey)


def _bars(grey: NDArray[np.uint8]) -> list[str]:
    """EAN and UPC, read twice alike: OpenCV now and then takes another kind of code for one.

    At some angles it reads nothing, so that the picture is turned too.
    """
    import cv2

    for turns in (0, 1):
        once = _eans(np.rot90(grey, turns))
        if once:
            smaller = cv2.resize(grey, None, fx=0.8, fy=0.8, interpolation=cv2.INTER_AREA)
            again = _eans(np.rot90(smaller, turns + 2))
            return [text for text in once if text in again]
    return []


def _eans(grey: NDArray[np.uint8]) -> list[str]:
    import cv2

    detector = cv2.barcode.BarcodeDetector()
    _, texts, _, _ = detector.detectAndDecodeWithType(np.ascontiguousarray(grey))
    return [text for text in texts if text]
