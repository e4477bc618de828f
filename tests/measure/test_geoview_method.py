"""When a photo is looked at longer, and what comes of it."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from numpy.typing import NDArray
from scenes import Scene

from geoview.measure import other_scale
from geoview.measure.checks import may_be_misseen
from geoview.measure.geoview_method import measure_found
from geoview.measure.labelled import objects_of_labels
from geoview.measure.methods import Picture
from geoview.measure.objects import Objects
from geoview.measure.options import MeasureOptions
from geoview.measured import Measurement

Labels = NDArray[np.uint8]
SPECIMEN, CUBE, OTHER = 1, 2, 4


class Eyes:
    """Finds ``quickly`` at first and ``slowly`` by a longer look; remembers how it looked."""

    def __init__(self, quickly: Labels, slowly: Labels) -> None:
        self._labels = {False: quickly, True: slowly}
        self.looks: list[bool] = []

    def __call__(self, longer: bool) -> Objects:
        self.looks.append(longer)
        return objects_of_labels(self._labels[longer], width_px=1024, height_px=768)


def measured(pixels: NDArray[np.uint8], eyes: Eyes) -> Measurement:
    found = measure_found(Picture("a.jpg", pixels, 1024, 768), eyes, options=MeasureOptions())
    return replace(found, created_utc="")  # two seconds would not be equal


@pytest.fixture
def drawn() -> tuple[NDArray[np.uint8], Labels]:
    return Scene(tilt_deg=4.0).draw()


def touched(labels: Labels) -> Labels:
    """As though something lay across the specimen."""
    wrong = labels.copy()
    rows, cols = np.nonzero(labels == SPECIMEN)
    middle = int(rows.mean())
    wrong[middle - 12 : middle + 12, cols.min() : cols.min() + np.ptp(cols) // 3] = OTHER
    return wrong


def test_a_good_photo_is_looked_at_once(drawn: tuple[NDArray[np.uint8], Labels]) -> None:
    pixels, labels = drawn
    eyes = Eyes(labels, labels)
    assert measured(pixels, eyes).status == "accepted"
    assert eyes.looks == [False]


def test_a_longer_look_mends_what_was_misseen(drawn: tuple[NDArray[np.uint8], Labels]) -> None:
    pixels, labels = drawn
    eyes = Eyes(touched(labels), labels)
    mended = measured(pixels, eyes)
    assert eyes.looks == [False, True]
    assert mended == measured(pixels, Eyes(labels, labels))


def test_what_stays_doubtful_is_told_as_first_seen(
    drawn: tuple[NDArray[np.uint8], Labels],
) -> None:
    pixels, labels = drawn
    worse = touched(labels)
    worse[worse == CUBE] = 0
    found = measured(pixels, Eyes(touched(labels), worse))
    assert found == measured(pixels, Eyes(touched(labels), touched(labels)))
    assert found.status == "review"


def test_without_a_cube_no_longer_look_is_taken(
    drawn: tuple[NDArray[np.uint8], Labels],
) -> None:
    pixels, labels = drawn
    bare = np.where(labels == CUBE, 0, labels).astype(np.uint8)
    eyes = Eyes(bare, labels)
    found = measured(pixels, eyes)
    assert (found.status, eyes.looks) == ("rejected", [False])


def test_only_a_single_doubt_about_outlines_is_worth_a_longer_look() -> None:
    assert not may_be_misseen(())
    assert may_be_misseen(("the specimen hides a part of the cube",))
    assert not may_be_misseen(("the photo is blurred",))
    assert not may_be_misseen((other_scale._LOOK.format("coin"),))
    assert not may_be_misseen(
        ("the specimen hides a part of the cube", "the cube may hide a part of the specimen")
    )
