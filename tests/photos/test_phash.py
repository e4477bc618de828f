"""Hashes are imagehash's, bit by bit; near pairs and clusters are what comparing each with each
finds."""

from __future__ import annotations

import io
from collections.abc import Callable
from pathlib import Path

import imagehash
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray
from PIL import Image

from geoview.errors import Cancelled
from geoview.photos import lanczos, phash
from geoview.records import Progress

Put = Callable[[str, bytes], Path]
SIZES = (
    (640, 427), (427, 640), (33, 34), (32, 32), (1, 1), (7, 300), (300, 7), (100, 168), (100, 169),
    (1500, 40), (1031, 1033), (20000, 20), (2500, 90),
)  # fmt: skip


def texture(width: int, height: int, *, seed: int = 0) -> NDArray[np.uint8]:
    """Soft shapes, noise, and edges that overshoot: everything that rounding may trip over."""
    rng = np.random.default_rng(seed)
    small = Image.fromarray(rng.integers(0, 256, (7, 9, 3), dtype=np.uint8))
    soft = np.asarray(small.resize((width, height), Image.Resampling.BICUBIC)).astype(int)
    noisy = soft + rng.integers(-20, 21, soft.shape)
    noisy[: height // 3] = np.where(noisy[: height // 3] > 128, 255, 0)
    return np.clip(noisy, 0, 255).astype(np.uint8)


def hexadecimal(value: np.uint64) -> str:
    return f"{int(value):016x}"


def encoded(pixels: NDArray[np.uint8], kind: str, **options: object) -> bytes:
    stream = io.BytesIO()
    Image.fromarray(pixels).save(stream, kind, **options)
    return stream.getvalue()


@pytest.mark.parametrize(("width", "height"), SIZES)
def test_the_small_picture_is_pillows(width: int, height: int) -> None:
    pixels = texture(width, height)
    image = Image.fromarray(pixels)
    expected = image.convert("L").resize((32, 32), Image.Resampling.LANCZOS)
    np.testing.assert_array_equal(lanczos.shrink(pixels), np.asarray(expected))
    np.testing.assert_array_equal(lanczos.shrink(image), np.asarray(expected))


def test_grey_is_pillows_for_every_colour() -> None:
    green, blue = np.meshgrid(np.arange(256), np.arange(256))
    for red in range(0, 256, 5):
        pixels = np.dstack([np.full_like(green, red), green, blue]).astype(np.uint8)
        expected = np.asarray(Image.fromarray(pixels).convert("L")).astype(np.float32)
        np.testing.assert_array_equal(lanczos._grey(pixels), expected - 128)


@settings(max_examples=60, deadline=None)
@given(st.integers(1, 700), st.integers(1, 700), st.integers(0, 1 << 30))
def test_any_picture_gets_the_bits_of_imagehash(width: int, height: int, seed: int) -> None:
    pixels = texture(width, height, seed=seed)
    expected = str(imagehash.phash(Image.fromarray(pixels)))
    assert hexadecimal(phash.phash(pixels)) == expected


@pytest.mark.parametrize("value", [0, 1, 127, 128, 255])
def test_flat_pictures_and_stripes_too(value: int) -> None:
    flat = np.full((50, 70, 3), value, np.uint8)
    stripes = flat.copy()
    stripes[:, ::2] = 255 - value
    squares = flat.copy()
    squares[:25, :35] = squares[25:, 35:] = 255 - value
    for pixels in (flat, stripes, squares):
        expected = str(imagehash.phash(Image.fromarray(pixels)))
        assert hexadecimal(phash.phash(pixels)) == expected


@pytest.mark.parametrize("mode", ["1", "L", "P", "RGBA", "CMYK", "I;16", "YCbCr"])
def test_pillow_images_of_any_mode(mode: str) -> None:
    image = Image.fromarray(texture(90, 70))
    if mode == "I;16":
        image = Image.fromarray(np.asarray(image.convert("L")).astype(np.uint16) * 200)
    else:
        image = image.convert(mode)
    assert hexadecimal(phash.phash(image)) == str(imagehash.phash(image))


def test_many_pictures_at_once_give_what_each_gives_alone() -> None:
    pictures = [texture(60 + 9 * i, 90 - 5 * i, seed=i) for i in range(12)]
    expected = [phash.phash(picture) for picture in pictures]
    np.testing.assert_array_equal(phash.hashes(pictures, workers=3), expected)
    assert phash.hashes([]).shape == (0,)


def test_files_are_hashed_with_reasons_for_the_unreadable(put: Put) -> None:
    pixels = texture(320, 200)
    good = [
        put("a.jpg", encoded(pixels, "JPEG", quality=60)),
        put("b.png", encoded(pixels, "PNG")),
        put("c.jpg", encoded(texture(301, 411, seed=2), "JPEG", progressive=True, subsampling=2)),
    ]
    broken = put("d.jpg", encoded(pixels, "JPEG")[:900])
    said: list[Progress] = []
    found = phash.hash_files([*good, broken, broken.parent / "none.jpg"], progress=said.append)
    expected = [str(imagehash.phash(Image.open(path))) for path in good]
    assert [hexadecimal(value) for value in found.hashes[:3]] == expected
    assert found.sizes_px[:3].tolist() == [[320, 200], [320, 200], [301, 411]]
    assert sorted(found.unreadable) == [3, 4]
    assert "cut off" in found.unreadable[3]
    assert "no longer there" in found.unreadable[4]
    assert (said[-1].done, said[-1].total, said[-1].failed) == (5, 5, 2)


def test_a_photo_is_hashed_as_it_is_shown(put: Put) -> None:
    pixels = texture(320, 200)
    exif = Image.Exif()
    exif[0x0112] = 6
    turned = put("t.png", encoded(np.rot90(pixels).copy(), "PNG", exif=exif.tobytes()))
    found = phash.hash_files([turned])
    assert found.hashes[0] == phash.phash(pixels)
    assert found.sizes_px[0].tolist() == [320, 200]


def test_hashing_stops_when_asked(put: Put) -> None:
    path = put("a.png", encoded(texture(40, 40), "PNG"))
    with pytest.raises(Cancelled):
        phash.hash_files([path] * 50, cancelled=lambda: True)


def clustered(count: int, *, seed: int = 0) -> NDArray[np.uint64]:
    """Hashes of which many are near one another, some the same, some in chains."""
    rng = np.random.default_rng(seed)
    seeds = rng.integers(0, 1 << 63, count // 4, dtype=np.uint64)
    values = rng.choice(seeds, count)
    for _ in range(4):
        bit = np.uint64(1) << rng.integers(0, 64, count, dtype=np.uint64)
        values ^= np.where(rng.random(count) < 0.4, bit, np.uint64(0))
    return values


def brute_force(values: NDArray[np.uint64], max_bits: int) -> list[tuple[int, int]]:
    plain = [int(value) for value in values]
    return [
        (i, j)
        for i in range(len(plain))
        for j in range(i + 1, len(plain))
        if (plain[i] ^ plain[j]).bit_count() <= max_bits
    ]


@pytest.mark.parametrize("max_bits", [0, 2, 5])
def test_near_pairs_are_those_of_comparing_each_with_each(
    max_bits: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(phash, "_COLUMNS", 64)
    values = clustered(300)
    pairs = brute_force(values, max_bits)
    assert pairs
    assert [tuple(pair) for pair in phash.near_pairs(values, max_bits=max_bits)] == pairs


@pytest.mark.parametrize("count", [0, 1])
def test_few_hashes_have_no_pairs(count: int) -> None:
    values = np.zeros(count, np.uint64)
    assert phash.near_pairs(values, max_bits=3).shape == (0, 2)
    assert phash.clusters(values, max_bits=3).tolist() == [0] * count


@pytest.mark.parametrize("max_bits", [0, 2, 5, 64])
def test_clusters_are_connected_by_near_pairs(max_bits: int) -> None:
    values = clustered(300, seed=1)
    expected = list(range(len(values)))
    for i, j in brute_force(values, max_bits):
        low, high = sorted((expected[i], expected[j]))
        expected = [low if label == high else label for label in expected]
    first_seen = {label: n for n, label in enumerate(dict.fromkeys(expected))}
    labels = phash.clusters(values, max_bits=max_bits)
    assert labels.tolist() == [first_seen[label] for label in expected]
