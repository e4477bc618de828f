"""Every kind of photo becomes the same upright RGB pixels."""

from __future__ import annotations

import sys
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import cv2
import numpy as np
import pytest
from numpy.typing import NDArray
from PIL import Image, ImageCms

from geoview.errors import PhotoError
from geoview.photos.decode import decode
from tests.photos import zoo

Put = Callable[[str, bytes], Path]
PIXELS = zoo.colours()
WHITE = np.array([255, 255, 255])


def corners(pixels: NDArray[np.uint8]) -> NDArray[np.int64]:
    """The middles of the four quarters."""
    h, w = pixels.shape[0] // 4, pixels.shape[1] // 4
    return pixels[[h, h, -h, -h], [w, -w, w, -w]].astype(np.int64)


def assert_same(found: NDArray[np.uint8], wanted: NDArray[np.uint8], *, within: int) -> None:
    assert found.dtype == np.uint8
    assert found.flags.c_contiguous
    np.testing.assert_allclose(corners(found), corners(wanted), atol=within)


DEEP = PIXELS.astype(np.uint16) * 257
KINDS: dict[str, tuple[bytes, int]] = {
    "jpeg": (zoo.encoded(PIXELS, "JPEG", quality=95), 6),
    "progressive jpeg": (zoo.encoded(PIXELS, "JPEG", quality=95, progressive=True), 6),
    "png": (zoo.encoded(PIXELS, "PNG"), 0),
    "webp": (zoo.encoded(PIXELS, "WEBP", lossless=True), 0),
    "bmp": (zoo.encoded(PIXELS, "BMP"), 0),
    "gif": (zoo.encoded(PIXELS, "GIF"), 3),
    "avif": (zoo.encoded(PIXELS, "AVIF", quality=95), 8),
    "heic": (zoo.heic(PIXELS), 8),
    "palette png": (zoo.converted("P", "PNG"), 30),
    "tiff": (zoo.tiff(PIXELS, photometric="rgb"), 0),
    "lzw tiff": (zoo.encoded(PIXELS, "TIFF", compression="tiff_lzw"), 0),
    "jpeg tiff": (zoo.encoded(PIXELS, "TIFF", compression="jpeg", quality=95), 8),
    "palette tiff": (zoo.converted("P", "TIFF"), 30),
    "planar tiff": (
        zoo.tiff(PIXELS.transpose(2, 0, 1).copy(), photometric="rgb", planarconfig="separate"),
        0,
    ),
    "big-endian 16-bit tiff": (zoo.tiff(DEEP, photometric="rgb", byteorder=">"), 0),
    "12-bit data in a 16-bit tiff": (
        zoo.tiff((PIXELS.astype(np.uint32) * 4095 // 255).astype(np.uint16), photometric="rgb"),
        5,
    ),
    "deflated 16-bit tiff": (zoo.tiff(DEEP, photometric="rgb", compression="zlib"), 0),
    "planar 16-bit tiff": (
        zoo.tiff(DEEP.transpose(2, 0, 1).copy(), photometric="rgb", planarconfig="separate"),
        0,
    ),
    "lzw 16-bit tiff": (
        cv2.imencode(".tif", DEEP[..., ::-1], [cv2.IMWRITE_TIFF_COMPRESSION, 5])[1].tobytes(),
        0,
    ),
    "float tiff": (zoo.tiff(PIXELS.astype(np.float32) / 255, photometric="rgb"), 0),
    "16-bit png": (cv2.imencode(".png", DEEP[..., ::-1])[1].tobytes(), 0),
    "two-page tiff": (
        zoo.tiff(np.stack([PIXELS, 255 - PIXELS]), photometric="rgb"),
        0,
    ),
    "cmyk jpeg": (zoo.converted("CMYK", "JPEG", quality=95), 12),
    "cmyk tiff": (zoo.converted("CMYK", "TIFF"), 3),
}


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("suffix", [".jpg", ".tif", ""])
def test_content_not_suffix_decides(put: Put, kind: str, suffix: str) -> None:
    content, within = KINDS[kind]
    photo = decode(put(f"photo{suffix}", content))
    assert (photo.width_px, photo.height_px) == (96, 64)
    assert photo.pixels.shape == (64, 96, 3)
    assert_same(photo.pixels, PIXELS, within=within)


GREYS = PIXELS[..., 0]
GREY_KINDS: dict[str, bytes] = {
    "jpeg": zoo.encoded(GREYS, "JPEG", quality=95),
    "png": zoo.encoded(GREYS, "PNG"),
    "16-bit png": cv2.imencode(".png", GREYS.astype(np.uint16) * 257)[1].tobytes(),
    "tiff": zoo.tiff(GREYS, photometric="minisblack"),
    "white-is-zero tiff": zoo.tiff(255 - GREYS, photometric="miniswhite"),
    "16-bit tiff": zoo.tiff(GREYS.astype(np.uint16) * 257, photometric="minisblack"),
    "16-bit white-is-zero tiff": zoo.tiff(
        65535 - GREYS.astype(np.uint16) * 257, photometric="miniswhite"
    ),
    "float tiff": zoo.tiff(GREYS.astype(np.float64) / 255, photometric="minisblack"),
}


@pytest.mark.parametrize("kind", GREY_KINDS)
def test_grey_photos_get_three_equal_channels(put: Put, kind: str) -> None:
    pixels = decode(put("grey", GREY_KINDS[kind])).pixels
    assert (pixels[..., 0] == pixels[..., 1]).all()
    assert (pixels[..., 0] == pixels[..., 2]).all()
    assert_same(pixels, np.repeat(GREYS[..., None], 3, axis=2), within=3)


def test_a_two_colour_scan(put: Put) -> None:
    content = zoo.encoded(GREYS > 100, "TIFF", compression="group4")
    pixels = decode(put("scan.tif", content)).pixels
    np.testing.assert_array_equal(pixels[..., 0], np.where(GREYS > 100, 255, 0))


RGBA = zoo.with_opacity(102)  # 40 %
ALPHA_KINDS: dict[str, bytes] = {
    "png": zoo.encoded(RGBA, "PNG"),
    "webp": zoo.encoded(RGBA, "WEBP", lossless=True),
    "tiff": zoo.tiff(RGBA, photometric="rgb", extrasamples=["unassalpha"]),
    "16-bit tiff": zoo.tiff(
        RGBA.astype(np.uint16) * 257, photometric="rgb", extrasamples=["unassalpha"]
    ),
    "16-bit png": cv2.imencode(".png", RGBA[..., [2, 1, 0, 3]].astype(np.uint16) * 257)[
        1
    ].tobytes(),
}


@pytest.mark.parametrize("kind", ALPHA_KINDS)
def test_transparent_photos_lie_on_white(put: Put, kind: str) -> None:
    pixels = decode(put("photo", ALPHA_KINDS[kind])).pixels
    wanted = (0.4 * PIXELS + 0.6 * 255).round().astype(np.uint8)
    assert_same(pixels, wanted, within=1)


def test_fully_transparent_16_bit_tiff_is_white(put: Put) -> None:
    samples = RGBA.astype(np.uint16) * 257
    samples[..., 3] = 65535
    samples[: zoo.HEIGHT_PX // 2, :, 3] = 0
    content = zoo.tiff(samples, photometric="rgb", extrasamples=["unassalpha"])
    found = corners(decode(put("photo.tif", content)).pixels)
    np.testing.assert_array_equal(found[:2], [WHITE, WHITE])
    np.testing.assert_array_equal(found[2:], corners(PIXELS)[2:])


def turned(pixels: NDArray[np.uint8], orientation: int) -> NDArray[np.uint8]:
    """The EXIF standard's table: where the first row and column of the stored picture show."""
    return {
        1: pixels,
        2: pixels[:, ::-1],
        3: pixels[::-1, ::-1],
        4: pixels[::-1],
        5: pixels.transpose(1, 0, 2),
        6: np.rot90(pixels, -1),
        7: pixels[::-1, ::-1].transpose(1, 0, 2),
        8: np.rot90(pixels, 1),
    }[orientation]


def oriented(kind: str, orientation: int) -> bytes:
    tag = [(274, 3, 1, orientation, True)]
    if kind == "tiff":
        return zoo.tiff(PIXELS, photometric="rgb", extratags=tag)
    if kind == "16-bit tiff":
        return zoo.tiff(DEEP, photometric="rgb", extratags=tag)
    if kind == "lzw 16-bit tiff":
        lzw = bytearray(KINDS["lzw 16-bit tiff"][0])
        return _with_orientation(bytes(lzw), orientation)
    if kind == "heic":
        return zoo.heic(PIXELS, exif=zoo.exif(orientation))
    if kind == "16-bit png":
        eight = zoo.encoded(PIXELS, "PNG", exif=zoo.exif(orientation))
        start = eight.index(b"eXIf") - 4
        length = int.from_bytes(eight[start : start + 4], "big") + 12
        deep = KINDS["16-bit png"][0]
        return deep[:33] + eight[start : start + length] + deep[33:]
    options = {"WEBP": {"lossless": True}, "JPEG": {"quality": 95}}.get(kind, {})
    return zoo.encoded(PIXELS, kind, exif=zoo.exif(orientation), **options)


def _with_orientation(content: bytes, orientation: int) -> bytes:
    """Turn the tag of OpenCV's TIFF that says so least (resolution unit) into an orientation."""
    import struct

    at = struct.unpack_from("<I", content, 4)[0]
    entries = [
        list(struct.unpack_from("<HHII", content, at + 2 + 12 * i))
        for i in range(struct.unpack_from("<H", content, at)[0])
    ]
    entries = [entry for entry in entries if entry[0] not in (274, 282, 283, 296)]
    entries = sorted([*entries, [274, 3, 1, orientation]])
    body = b"".join(struct.pack("<HHII", *entry) for entry in entries)
    end = len(content)
    directory = struct.pack("<H", len(entries)) + body + b"\0\0\0\0"
    return content[:4] + struct.pack("<I", end) + content[8:] + directory


@pytest.mark.parametrize("orientation", range(1, 9))
@pytest.mark.parametrize(
    "kind",
    ["JPEG", "PNG", "WEBP", "AVIF", "heic", "tiff", "16-bit tiff", "lzw 16-bit tiff", "16-bit png"],
)
def test_all_orientations_show_upright(put: Put, kind: str, orientation: int) -> None:
    photo = decode(put("photo", oriented(kind, orientation)))
    wanted = turned(PIXELS, orientation)
    assert photo.pixels.shape == wanted.shape
    assert (photo.height_px, photo.width_px) == wanted.shape[:2]
    assert_same(photo.pixels, wanted, within=9)


@pytest.mark.parametrize("orientation", [1, 6])
@pytest.mark.parametrize(
    ("at_least_px", "shorter_px"), [(600, 600), (301, 600), (300, 300), (1, 75)]
)
def test_reduced_jpeg_keeps_at_least_the_size_asked_for(
    put: Put, at_least_px: int, shorter_px: int, orientation: int
) -> None:
    large = np.kron(PIXELS, np.ones((10, 10, 1), np.uint8))[:600, :900]
    path = put("large.jpg", zoo.encoded(large, "JPEG", exif=zoo.exif(orientation)))
    photo = decode(path, at_least_px=at_least_px)
    assert min(photo.pixels.shape[:2]) == shorter_px
    assert {photo.width_px, photo.height_px} == {600, 900}
    assert (photo.width_px > photo.height_px) == (orientation == 1)
    assert_same(photo.pixels, turned(large, orientation), within=9)


def test_the_same_photo_decodes_alike_in_many_threads(put: Put) -> None:
    paths = [put(f"{kind}", content) for kind, (content, _) in KINDS.items()] * 4
    alone = [decode(path).pixels for path in paths]
    with ThreadPoolExecutor(8) as pool:
        together = [photo.pixels for photo in pool.map(decode, paths)]
    for first, second in zip(alone, together, strict=True):
        np.testing.assert_array_equal(first, second)


def test_an_embedded_profile_of_other_colours_is_converted(put: Put) -> None:
    lab = ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes()
    # Swap the red and blue primaries of sRGB: a profile whose colours are plainly different.
    swapped = bytearray(lab.replace(b"sRGB", b"Test").replace("sRGB".encode("utf-16-be"), b"T" * 8))
    red, blue = swapped.index(b"rXYZ"), swapped.index(b"bXYZ")
    swapped[red : red + 4], swapped[blue : blue + 4] = b"bXYZ", b"rXYZ"
    path = put("photo.png", zoo.encoded(PIXELS, "PNG", icc_profile=bytes(swapped)))
    assert_same(decode(path).pixels, np.ascontiguousarray(PIXELS[..., ::-1]), within=6)


def test_a_broken_profile_or_exif_does_not_cost_the_photo(put: Put) -> None:
    content = zoo.encoded(
        PIXELS, "JPEG", icc_profile=b"nonsense" * 40, exif=b"Exif\0\0II*\0garbage"
    )
    assert_same(decode(put("photo.jpg", content)).pixels, PIXELS, within=9)


SENSOR = (np.arange(64 * 96).reshape(64, 96) % 4000).astype(np.uint16)


@pytest.mark.parametrize(("orientation", "shape"), [(1, (64, 96, 3)), (6, (96, 64, 3))])
def test_camera_raw(put: Put, orientation: int, shape: tuple[int, int, int]) -> None:
    pytest.importorskip("rawpy")
    path = put("photo.dng", zoo.dng(SENSOR, orientation=orientation))
    photo = decode(path)
    assert photo.pixels.shape == shape
    assert (photo.height_px, photo.width_px) == shape[:2]
    half = decode(path, at_least_px=32)
    assert min(half.pixels.shape[:2]) == 32
    assert (half.height_px, half.width_px) == shape[:2]


def test_camera_raw_without_the_extra_says_what_to_install(
    put: Put, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(sys.modules, "rawpy", None)
    with pytest.raises(PhotoError, match=r"pip install geoview\[raw\]"):
        decode(put("photo.dng", zoo.dng(SENSOR)))


@pytest.mark.parametrize("name", ["Бурение ø 岩屑 📷.jpg", "with  blanks .jpg", "%41&'\"#.jpg"])
def test_any_name(put: Put, name: str) -> None:
    assert decode(put(name, KINDS["jpeg"][0])).width_px == 96


def test_very_long_path(put: Put) -> None:
    name = "/".join(["ein sehr langer Ordnername " * 8] * 4) + "/photo.jpg"
    assert decode(put(name, KINDS["jpeg"][0])).width_px == 96


@pytest.mark.filterwarnings("error")
@pytest.mark.parametrize("kind", [kind for kind in KINDS if kind != "webp"])
def test_pillows_own_size_limit_is_neither_used_nor_changed(
    put: Put, kind: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(Image, "MAX_IMAGE_PIXELS", 100)
    assert decode(put("photo", KINDS[kind][0])).pixels.shape == (64, 96, 3)
    assert Image.MAX_IMAGE_PIXELS == 100
