"""Code 128 (ISO/IEC 15417), the barcode of many collections, which OpenCV finds but cannot read.

Every symbol is three bars and three gaps of 1 to 4 modules that add up to 11; a check symbol
closes the message, so that a wrong reading is told from a right one.
"""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]

# Widths of bar, gap, bar, gap, bar, gap for the values 0 to 105; 103, 104, 105 start sets A, B, C.
PATTERNS = (
    "212222 222122 222221 121223 121322 131222 122213 122312 132212 221213 221312 231212 112232 "
    "122132 122231 113222 123122 123221 223211 221132 221231 213212 223112 312131 311222 321122 "
    "321221 312212 322112 322211 212123 212321 232121 111323 131123 131321 112313 132113 132311 "
    "211313 231113 231311 112133 112331 132131 113123 113321 133121 313121 211331 231131 213113 "
    "213311 213131 311123 311321 331121 312113 312311 332111 314111 221411 431111 111224 111422 "
    "121124 121421 141122 141221 112214 112412 122114 122411 142112 142211 241211 221114 413111 "
    "241112 134111 111242 121142 121241 114212 124112 124211 411212 421112 421211 212141 214121 "
    "412121 111143 111341 131141 114113 114311 411113 411311 113141 114131 311141 411131 211412 "
    "211214 211232"
).split()
_WIDTHS = np.array([[int(width) for width in pattern] for pattern in PATTERNS], np.float64)
_STOP = np.array([2, 3, 3, 1, 1, 1, 2], np.float64)
_STARTS = {103: "A", 104: "B", 105: "C"}
_TO_SET = {"A": {99: "C", 100: "B"}, "B": {99: "C", 101: "A"}, "C": {100: "B", 101: "A"}}
_SHIFT = 98
_TOLERANCE = 0.45  # modules, for the worst of a symbol's widths


def read_code128(grey: NDArray[np.uint8], quads: Floats) -> list[str]:
    """What the codes in a grey picture say; turned ones as well.

    ``quads`` (n, 4, 2): corners of what looks like a barcode.
    """
    found: dict[str, None] = {}
    for quad in quads:
        text = next((text for line in _scans(grey, quad) if (text := decode(line))), "")
        if text:
            found[text] = None
    return list(found)


def _scans(grey: NDArray[np.uint8], quad: Floats) -> Iterator[Floats]:
    """Brightness on lines across the bars, both ways and from either pair of sides."""
    import cv2

    for a, b, c, d in (quad, np.roll(quad, 1, axis=0)):
        for share in (0.5, 0.3, 0.7, 0.15, 0.85):
            start, end = a + share * (b - a), d + share * (c - d)
            beyond = 0.12 * (end - start)
            count = int(4 * np.hypot(*(end - start))) + 8
            line = np.linspace(start - beyond, end + beyond, count).astype(np.float32)
            values = cv2.remap(
                grey, line[None, :, 0], line[None, :, 1], cv2.INTER_CUBIC,
                borderMode=cv2.BORDER_REPLICATE,
            )[0].astype(np.float64)  # fmt: skip
            yield values
            yield values[::-1]


def decode(line: Floats) -> str:
    """The message on a line of brightness across a code; empty when there is none."""
    widths, first_dark = _runs(line)
    for at in range(first_dark, len(widths) - 18, 2):
        value = _symbol(widths[at : at + 6])
        if value in _STARTS and (values := _values(widths, at)):
            return _message(values)
    return ""


def _runs(line: Floats) -> tuple[Floats, int]:
    """Widths of dark and bright stretches to a part of a sample, and which is the first dark one.

    Dark is what lies below the middle of the brightest and the darkest nearby.
    """
    from scipy.ndimage import gaussian_filter1d, maximum_filter1d, minimum_filter1d

    size = max(len(line) // 6, 3)
    middle = (maximum_filter1d(line, size) + minimum_filter1d(line, size)) / 2
    above = line - gaussian_filter1d(middle, size / 4)
    at = np.flatnonzero(np.diff(np.signbit(above)))
    if len(at) < 20:
        return np.zeros(0), 0
    edges = at + above[at] / (above[at] - above[at + 1])
    return np.diff(edges), int(above[at[0]] < 0)


def _symbol(widths: Floats) -> int:
    """The value of six widths; -1 when they are none."""
    if len(widths) < 6:
        return -1
    away = np.abs(_WIDTHS - widths * (11 / widths.sum())).max(axis=1)
    best = int(np.argmin(away))
    return best if away[best] < _TOLERANCE else -1


def _values(widths: Floats, at: int) -> list[int]:
    """From the start to the check symbol; empty unless the stop follows and the check agrees."""
    values: list[int] = []
    while (value := _symbol(widths[at : at + 6])) >= 0:
        values.append(value)
        at += 6
    stop = widths[at : at + 7]
    if len(values) < 3 or len(stop) < 7:
        return []
    if np.abs(stop * (13 / stop.sum()) - _STOP).max() >= _TOLERANCE:
        return []
    total = values[0] + sum(place * value for place, value in enumerate(values[1:-1], start=1))
    return values if total % 103 == values[-1] else []


def _message(values: list[int]) -> str:
    """The text of checked values."""
    current, shifted, text = _STARTS[values[0]], "", ""
    for value in values[1:-1]:
        in_use, shifted = shifted or current, ""
        if value in _TO_SET[in_use]:
            current = _TO_SET[in_use][value]
        elif in_use != "C" and value == _SHIFT:
            shifted = "B" if in_use == "A" else "A"
        elif in_use == "C" and value < 100:
            text += f"{value:02d}"
        elif value < 96:
            text += chr(value + 32 if value < 64 or in_use == "B" else value - 64)
    return text
