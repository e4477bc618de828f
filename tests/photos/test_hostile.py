"""Files that are no good photos: a plain reason each, no crash, no hang, no huge memory."""

from __future__ import annotations

import os
import socket
import struct
import sys
import tracemalloc
import zlib
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from geoview.errors import PhotoError
from geoview.photos import reading
from geoview.photos.decode import decode, decode_bytes
from tests.photos import zoo

Put = Callable[[str, bytes], Path]
PIXELS = zoo.colours()
NOISE = np.random.default_rng(0).integers(0, 256, (64, 96, 3), np.uint8)
JPEG = zoo.encoded(NOISE, "JPEG", quality=95)


def reason(path: Path) -> str:
    with pytest.raises(PhotoError) as caught:
        decode(path)
    text = str(caught.value)
    assert "\n" not in text
    assert "Error" not in text
    return text


def test_empty_file(put: Put) -> None:
    assert "empty" in reason(put("photo.jpg", b""))


@pytest.mark.parametrize("kept", [0.3, 0.6, 0.95])
@pytest.mark.parametrize("progressive", [False, True])
def test_truncated_jpeg_is_cut_off(put: Put, kept: float, progressive: bool) -> None:
    content = zoo.encoded(NOISE, "JPEG", quality=95, progressive=progressive)
    path = put("photo.jpg", content[: int(len(content) * kept)])
    assert "cut off" in reason(path)
    with pytest.raises(PhotoError, match="cut off"):
        decode(path, at_least_px=8)


def test_jpeg_whose_end_is_zeros_is_cut_off(put: Put) -> None:
    half = len(JPEG) // 2
    assert "cut off" in reason(put("photo.jpg", JPEG[:half] + bytes(half)))


@pytest.mark.parametrize(
    "content",
    [
        zoo.encoded(NOISE, "PNG"),
        zoo.encoded(NOISE, "WEBP"),
        zoo.encoded(NOISE, "BMP"),
        zoo.encoded(NOISE, "GIF"),
        zoo.encoded(NOISE, "AVIF"),
        zoo.heic(NOISE),
        zoo.tiff(NOISE, photometric="rgb"),
        zoo.tiff(NOISE.astype(np.uint16) * 257, photometric="rgb", compression="zlib"),
    ],
    ids=["png", "webp", "bmp", "gif", "avif", "heic", "tiff", "deep tiff"],
)
def test_other_truncated_photos_have_a_reason(put: Put, content: bytes) -> None:
    assert "copy it again" in reason(put("photo", content[: len(content) * 6 // 10]))


def png_of(width: int, height: int) -> bytes:
    def chunk(name: bytes, data: bytes) -> bytes:
        checksum = zlib.crc32(name + data)
        return struct.pack(">I", len(data)) + name + data + struct.pack(">I", checksum)

    header = struct.pack(">IIBBBBB", width, height, 8, 2, 0, 0, 0)
    rows = zlib.compress(bytes(1_000_000), 9)
    return (
        b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", header) + chunk(b"IDAT", rows) + chunk(b"IEND", b"")
    )


def jpeg_of(width: int, height: int) -> bytes:
    at = JPEG.index(b"\xff\xc0") + 5
    return JPEG[:at] + struct.pack(">HH", height, width) + JPEG[at + 4 :]


def tiff_of(width: int, height: int) -> bytes:
    content = bytearray(zoo.tiff(NOISE.astype(np.uint16), photometric="rgb", metadata=None))
    at = struct.unpack_from("<I", content, 4)[0]
    for i in range(struct.unpack_from("<H", content, at)[0]):
        entry = at + 2 + 12 * i
        tag = struct.unpack_from("<H", content, entry)[0]
        if tag in (256, 257):
            struct.pack_into("<HII", content, entry + 2, 4, 1, width if tag == 256 else height)
    return bytes(content)


def webp_of(width: int, height: int) -> bytes:
    alpha = zoo.encoded(zoo.with_opacity(100), "WEBP", lossless=True, exif=zoo.exif(1))
    assert alpha[12:16] == b"VP8X"
    size = (width - 1).to_bytes(3, "little") + (height - 1).to_bytes(3, "little")
    return alpha[:24] + size + alpha[30:]


def bmp_of(width: int, height: int) -> bytes:
    content = zoo.encoded(NOISE, "BMP")
    return content[:18] + struct.pack("<ii", width, height) + content[26:]


def gif_of(width: int, height: int) -> bytes:
    content = zoo.encoded(NOISE, "GIF")
    return content[:6] + struct.pack("<HH", width, height) + content[10:]


@pytest.mark.parametrize("maker", [png_of, jpeg_of, tiff_of, webp_of, bmp_of, gif_of])
def test_absurdly_large_photos_are_refused_from_the_header(
    put: Put, maker: Callable[[int, int], bytes]
) -> None:
    path = put("photo", maker(60_000, 60_000))
    tracemalloc.start()
    try:
        text = reason(path)
        _, peak = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert "too large (60000 × 60000" in text
    assert peak < 64 << 20


@pytest.mark.parametrize(
    ("content", "words"),
    [
        (b"%PDF-1.7\n" + b"x" * 99, "PDF"),
        (b"PK\x03\x04" + bytes(99), "ZIP"),
        (b"depth;well\n1250;A\n", "text"),
        (bytes(5000), "zeros"),
        (b"\0\0\0\x18ftypmp42" + bytes(99), "video"),
        (b"BMW is not a bitmap" + b"." * 40, "text"),
        (bytes(range(256)), "not a photo"),
        (b"\xff\xd8\xff", "damaged or cut off"),
        (b"II*\0" + bytes(30), "TIFF"),
        (b"II*\0\x08\0\0\0\xff\xff", "TIFF"),
        (b"IIU\0" + bytes(300), "raw"),
    ],
)
def test_what_is_no_photo_is_told_so(put: Put, content: bytes, words: str) -> None:
    assert words in reason(put("photo.jpg", content))


@given(data=st.data())
@settings(max_examples=120, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@pytest.mark.filterwarnings("ignore")
def test_damaged_bytes_never_raise_anything_else(data: st.DataObject) -> None:
    content = bytearray(data.draw(st.sampled_from(DAMAGEABLE)))
    for at in data.draw(st.lists(st.integers(0, len(content) - 1), max_size=8)):
        content[at] = data.draw(st.integers(0, 255))
    cut = data.draw(st.integers(1, len(content)))
    try:
        photo = decode_bytes(bytes(content[:cut]))
    except PhotoError:
        return
    assert photo.pixels.dtype == np.uint8
    assert photo.pixels.shape[2] == 3


SMALL = np.ascontiguousarray(PIXELS[::4, ::4])
DAMAGEABLE = [
    zoo.encoded(SMALL, "JPEG"),
    zoo.encoded(SMALL, "PNG"),
    zoo.encoded(SMALL, "WEBP"),
    zoo.encoded(SMALL, "BMP"),
    zoo.encoded(SMALL, "GIF"),
    zoo.tiff(SMALL, photometric="rgb"),
    zoo.tiff(SMALL.astype(np.uint16), photometric="rgb"),
    zoo.heic(PIXELS),
]


def test_folder_named_like_a_photo(tmp_path: Path) -> None:
    folder = tmp_path / "x.jpg"
    folder.mkdir()
    assert "folder" in reason(folder)


def test_vanished_file(tmp_path: Path) -> None:
    assert "no longer there" in reason(tmp_path / "gone.jpg")


@pytest.mark.skipif(sys.platform == "win32", reason="links need rights on Windows")
def test_links_that_lead_nowhere_or_in_a_circle(tmp_path: Path) -> None:
    broken, circle = tmp_path / "broken.jpg", tmp_path / "circle.jpg"
    broken.symlink_to(tmp_path / "gone.jpg")
    circle.symlink_to(circle)
    assert "repair the link" in reason(broken)
    assert "repair the link" in reason(circle)


@pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="no named pipes here")
@pytest.mark.timeout(20)
def test_pipes_and_sockets_do_not_hang(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    os.mkfifo(tmp_path / "pipe.jpg")
    assert "pipe" in reason(tmp_path / "pipe.jpg")
    monkeypatch.chdir(tmp_path)  # a socket's path must be short
    with socket.socket(socket.AF_UNIX) as server:
        server.bind("socket.jpg")
        assert "pipe" in reason(tmp_path / "socket.jpg")


def test_no_permission(put: Put, monkeypatch: pytest.MonkeyPatch) -> None:
    path = put("photo.jpg", JPEG)

    def refuse(*args: object) -> int:
        raise PermissionError(13, "Permission denied")

    monkeypatch.setattr(reading.os, "open", refuse)
    assert "permission" in reason(path)


def test_a_disk_that_fails(put: Put, monkeypatch: pytest.MonkeyPatch) -> None:
    path = put("photo.jpg", JPEG)

    def fail(*args: object) -> int:
        raise OSError(5, "Input/output error")

    monkeypatch.setattr(reading.os, "open", fail)
    assert "check the disk" in reason(path)


@pytest.mark.parametrize(
    ("path", "wanted"),
    [
        ("C:\\short.jpg", "C:\\short.jpg"),
        ("C:\\" + "a" * 300 + "\\b.jpg", "\\\\?\\C:\\" + "a" * 300 + "\\b.jpg"),
        ("C:/" + "a" * 300, "\\\\?\\C:\\" + "a" * 300),
        ("\\\\server\\share\\" + "a" * 300, "\\\\?\\UNC\\server\\share\\" + "a" * 300),
        ("\\\\?\\C:\\" + "a" * 300, "\\\\?\\C:\\" + "a" * 300),
    ],
)
def test_long_windows_paths(path: str, wanted: str) -> None:
    assert reading.extended_path(path) == wanted
