"""Code 128: messages with known symbols, drawn, turned and damaged."""

from __future__ import annotations

import numpy as np
import pytest
from measure.test_barcode import photo

from geoview.measure.barcode import read_codes
from geoview.measure.code128 import PATTERNS, decode

START_B, START_C, TO_C, TO_B = 104, 105, 99, 100


def bars(values: list[int]) -> str:
    """Bars (1) and gaps (0) of values, with their check symbol and the stop."""
    check = (values[0] + sum(i * v for i, v in enumerate(values[1:], start=1))) % 103
    widths = "".join(PATTERNS[value] for value in [*values, check]) + "2331112"
    return "".join("10"[i % 2] * int(width) for i, width in enumerate(widths))


def in_b(text: str) -> list[int]:
    return [START_B, *(ord(c) - 32 for c in text)]


def test_the_table_has_the_standards_properties() -> None:
    assert len(PATTERNS) == len(set(PATTERNS)) == 106
    for pattern in PATTERNS:
        widths = [int(width) for width in pattern]
        assert sum(widths) == 11
        assert sum(widths[::2]) % 2 == 0  # the bars' modules are even in number


def test_a_known_code() -> None:
    # "PJJ123C" in set A, the worked example of the symbology, has the check symbol 54.
    values = [103, 48, 42, 42, 17, 18, 19, 35]
    assert (values[0] + sum(i * v for i, v in enumerate(values[1:], start=1))) % 103 == 54
    line = np.repeat(255.0 * (np.array(list("000" + bars(values) + "000")) == "0"), 5)
    assert decode(line) == "PJJ123C"
    assert decode(line[::-1]) == ""


@pytest.mark.parametrize("angle", [0, 8, 90, 180, 205])
def test_it_is_read_in_a_photo_at_any_angle(angle: float) -> None:
    assert read_codes(photo(bars(in_b("NHM-1234/5")), angle=angle)) == ["NHM-1234/5"]


def test_sets_change_within_a_code() -> None:
    values = [START_C, 12, 34, TO_B, ord("A") - 32, ord("z") - 32, TO_C, 0, 99]
    assert read_codes(photo(bars(values))) == ["1234Az0099"]


def test_a_wrong_check_symbol_is_not_read() -> None:
    right = bars(in_b("K-22444"))
    at = 11 * 3
    wrong = right[:at] + bars(in_b("7"))[11:22] + right[at + 11 :]
    assert wrong != right
    assert read_codes(photo(wrong)) == []
