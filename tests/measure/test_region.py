"""Two specimens that touch are told from one of any shape."""

from __future__ import annotations

import cv2
import numpy as np
import pytest
from numpy.typing import NDArray

from geoview.measure.region import waisted

Labels = NDArray[np.uint8]


def disc(labels: Labels, at: tuple[int, int], radius: int) -> None:
    cv2.circle(labels, at, radius, 1, -1)


def two(distance: int, radius: int) -> Labels:
    labels = np.zeros((300, 400), np.uint8)
    disc(labels, (120, 150), 60)
    disc(labels, (120 + distance, 150), radius)
    return labels


def star() -> Labels:
    """Crystals on a matrix."""
    labels = np.zeros((300, 400), np.uint8)
    disc(labels, (200, 150), 50)
    for angle in np.arange(0, 2 * np.pi, np.pi / 5):
        tip = np.array([np.cos(angle), np.sin(angle)])
        side = 14 * np.array([-tip[1], tip[0]])
        start, end = np.array([200, 150]) + 40 * tip, np.array([200, 150]) + 120 * tip
        corners = np.array([start - side, start + side, end + side, end - side])
        cv2.fillPoly(labels, [np.round(corners).astype(np.int32)], 1)
    return labels


def prism() -> Labels:
    labels = np.zeros((300, 400), np.uint8)
    cv2.fillPoly(labels, [np.array([[30, 140], [350, 120], [380, 150], [350, 180], [30, 160]])], 1)
    return labels


@pytest.mark.parametrize("other", [60, 45, 30])
def test_two_that_touch(other: int) -> None:
    assert waisted(two(60 + other - 3, other))


@pytest.mark.parametrize(
    "labels",
    [two(40, 50), two(80, 60), star(), prism(), np.zeros((300, 400), np.uint8)],
    ids=["round", "waist of two thirds", "star", "prism", "nothing"],
)
def test_one(labels: Labels) -> None:
    assert not waisted(labels)


def test_others_are_no_matter() -> None:
    labels = two(40, 50)
    disc(labels, (330, 60), 20)
    cv2.rectangle(labels, (0, 250), (399, 299), 2, -1)
    assert not waisted(labels)
