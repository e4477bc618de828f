"""Codes drawn by their standards: EAN-13 by hand, QR by OpenCV's encoder."""

from __future__ import annotations

import cv2
import numpy as np
import pytest
from numpy.typing import NDArray

from geoview.measure.barcode import read_codes

LEFT = "0001101 0011001 0010011 0111101 0100011 0110001 0101111 0111011 0110111 0001011".split()
ORDER = "LLLLLL LLGLGG LLGGLG LLGGGL LGLLGG LGGLLG LGGGLL LGLGLG LGLGGL LGGLGL".split()


def ean13(number: str) -> str:
    """The bars (1) and gaps (0) of GS1's EAN-13."""
    right = [code.translate(str.maketrans("01", "10")) for code in LEFT]
    digits = [int(digit) for digit in number]
    sets = {"L": LEFT, "G": [code[::-1] for code in right]}
    first = "".join(sets[s][d] for s, d in zip(ORDER[digits[0]], digits[1:7], strict=True))
    return f"101{first}01010{''.join(right[digit] for digit in digits[7:])}101"


def photo(bars: str, *, angle: float = 0, module: int = 3) -> NDArray[np.uint8]:
    """White label on a grey table."""
    row = np.repeat(255 * (np.array(list(bars)) == "0"), module).astype(np.uint8)
    label = np.full((180, len(row) + 80), 255, np.uint8)
    label[30:150, 40:-40] = row
    table = np.full((640, 800), 150, np.uint8)
    y, x = (640 - label.shape[0]) // 2, (800 - label.shape[1]) // 2
    table[y : y + label.shape[0], x : x + label.shape[1]] = label
    turn = cv2.getRotationMatrix2D((400, 320), angle, 1)
    table = cv2.warpAffine(table, turn, (800, 640), flags=cv2.INTER_AREA, borderValue=(150,))
    return np.repeat(cv2.GaussianBlur(table, (0, 0), 0.7)[..., None], 3, axis=2)


@pytest.mark.parametrize("angle", [0, 7, 30, 90, 135, 180, 270])
def test_an_ean_is_read_at_any_angle(angle: float) -> None:
    assert read_codes(photo(ean13("4006381333931"), angle=angle)) == ["4006381333931"]


def test_a_wrong_check_digit_is_not_read() -> None:
    assert read_codes(photo(ean13("4006381333932"))) == []


@pytest.mark.parametrize("angle", [0, 20, 90, 180])
@pytest.mark.parametrize("times", [1, 5])
def test_a_qr_code_is_read_turned_and_in_large_photos(angle: float, times: int) -> None:
    code = cv2.QRCodeEncoder.create().encode("FMM_1_93240")
    code = cv2.resize(code, None, fx=6, fy=6, interpolation=cv2.INTER_NEAREST)
    picture = np.full((500, 600), 240, np.uint8)
    picture[150 : 150 + len(code), 200 : 200 + len(code)] = code
    turn = cv2.getRotationMatrix2D((300, 250), angle, 1)
    picture = cv2.warpAffine(picture, turn, (600, 500), borderValue=(240,))
    picture = cv2.resize(picture, None, fx=times, fy=times, interpolation=cv2.INTER_CUBIC)
    assert read_codes(np.repeat(picture[..., None], 3, axis=2)) == ["FMM_1_93240"]


@pytest.mark.parametrize("shape", [(1, 1), (1, 4000), (3000, 2), (300, 400)])
@pytest.mark.parametrize("kind", ["black", "white", "noise"])
def test_nothing_is_read_where_nothing_is(shape: tuple[int, int], kind: str) -> None:
    fill = {"black": 0, "white": 255}.get(kind, 128)
    pixels = np.full((*shape, 3), fill, np.uint8)
    if kind == "noise":
        pixels = np.random.default_rng(0).integers(0, 256, pixels.shape, dtype=np.uint8)
    assert read_codes(pixels) == []
