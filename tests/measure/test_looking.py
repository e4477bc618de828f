"""The longer look: what is seen in a picture and in its mirror images, put together."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from geoview.measure.looking import mirrored

Floats = NDArray[np.float32]


def brightness(pixels: NDArray[np.uint8]) -> Floats:
    """A network of two classes that sees the same whichever way the picture lies."""
    bright = pixels[..., :1].astype(np.float32) / 255
    return np.concatenate([bright, 1 - bright], axis=2)


def left_is_brighter(pixels: NDArray[np.uint8]) -> Floats:
    """One that makes its mistakes at the left edge and in the upper half."""
    seen = brightness(pixels)
    seen[:, 0, 0] += 0.4
    seen[: len(seen) // 2, :, 0] += 0.2
    return seen


def picture() -> NDArray[np.uint8]:
    return np.random.default_rng(3).integers(0, 255, (6, 9, 3), dtype=np.uint8)


def test_what_is_seen_stays_in_its_place() -> None:
    np.testing.assert_allclose(mirrored(brightness)(picture()), brightness(picture()), atol=1e-6)


def test_a_mistake_of_one_side_counts_for_a_part_only() -> None:
    off = mirrored(left_is_brighter)(picture())[..., 0] - brightness(picture())[..., 0]
    np.testing.assert_allclose(off[:, 0], 0.2 + 0.1, atol=1e-6)
    np.testing.assert_allclose(off[:, -1], off[:, 0], atol=1e-6)
    np.testing.assert_allclose(off[:, 1:-1], 0.1, atol=1e-6)


def test_a_mirrored_picture_gives_the_mirrored_answer() -> None:
    turned = np.ascontiguousarray(picture()[:, ::-1])
    seen = mirrored(left_is_brighter)
    np.testing.assert_allclose(seen(turned), seen(picture())[:, ::-1], atol=1e-6)
