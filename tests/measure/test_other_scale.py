"""What the user says lies beside the specimen gives the scale, and a look is asked for."""

from __future__ import annotations

import numpy as np
import pytest
from measure.test_coin import coin
from measure.test_ruler import ruler
from measure.test_scale_bar import bar
from numpy.typing import NDArray

from geoview.measure.methods import Picture
from geoview.measure.objects import FoundObject, Objects
from geoview.measure.options import MeasureOptions, Reference
from geoview.measure.other_scale import other_scale


def objects(*boxes: tuple[float, float, float, float]) -> Objects:
    found = tuple(FoundObject("other", (), box, 0.9, False, 100.0) for box in boxes)
    return Objects(found, np.zeros((1, 1), np.uint8), 1.0, 1, 1)


def picture(pixels: NDArray[np.uint8]) -> Picture:
    return Picture("a.jpg", pixels, 2 * pixels.shape[1], 2 * pixels.shape[0])


CASES: list[tuple[Reference, NDArray[np.uint8], float | None, float, tuple[float, ...]]] = [
    ("ruler", ruler(), None, 1 / 12.8, (0, 0, 1, 1)),
    ("coin", coin(long=180, short=180, angle=0), 23.25, 23.25 / 360, (212, 112, 590, 488)),
    ("scale bar", bar(fields=5, field_px=40), 50, 50 / 400, (260, 220, 700, 300)),
]


@pytest.mark.parametrize(("source", "pixels", "mm", "expected", "box"), CASES)
def test_it_is_found_in_original_pixels_and_asks_for_a_look(
    source: Reference,
    pixels: NDArray[np.uint8],
    mm: float | None,
    expected: float,
    box: tuple[float, float, float, float],
) -> None:
    options = MeasureOptions(scale_source=source, reference_mm=mm)
    long_thing = (0.0, 0.0, 900.0, 30.0)
    scale, objections = other_scale(picture(pixels), objects(long_thing, box), options=options)
    assert scale is not None
    assert scale.source == source
    assert scale.mm_per_px == pytest.approx(expected, rel=0.005)
    assert [o.fatal for o in objections] == [False]
    assert source in objections[0].reason


@pytest.mark.parametrize("source", ["ruler", "coin", "scale bar"])
def test_without_it_the_photo_is_rejected(source: Reference) -> None:
    plain = np.full((300, 400, 3), 200, np.uint8)
    options = MeasureOptions(scale_source=source, reference_mm=20)
    scale, (objection,) = other_scale(picture(plain), objects((20, 20, 300, 300)), options=options)
    assert scale is None
    assert objection.fatal
    assert objection.reason == f"no {source} was found"


def test_a_coin_without_its_diameter_is_refused_at_once() -> None:
    with pytest.raises(ValueError, match="how long the coin is"):
        MeasureOptions(scale_source="coin")
