"""A fingerprint follows what is in the file, whatever its date, and says nothing of the rest."""

from __future__ import annotations

import os
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from geoview.photos.fingerprint import fingerprint, fingerprinted
from geoview.records import Photo

MIB = 1 << 20


def scanned(path: Path) -> Photo:
    status = path.stat()
    return Photo(path, path.name, status.st_size, status.st_mtime_ns)


def print_of(path: Path) -> str:
    return fingerprint(scanned(path))


def written(path: Path, data: bytes) -> str:
    path.write_bytes(data)
    return print_of(path)


def test_the_same_bytes_have_the_same_print_under_any_name_and_date(tmp_path: Path) -> None:
    data = os.urandom(5 * MIB)
    first = written(tmp_path / "a.jpg", data)
    assert len(first) == 64
    assert written(tmp_path / "b.jpg", data) == first
    os.utime(tmp_path / "b.jpg", ns=(1, 1))
    assert print_of(tmp_path / "b.jpg") == first


@pytest.mark.parametrize("size", [1, 1000, 4 * MIB])
def test_up_to_4_mib_every_byte_counts(tmp_path: Path, size: int) -> None:
    data = bytearray(size)
    first = written(tmp_path / "a.jpg", data)
    for place in (0, size // 2, size // 3, size - 1):
        changed = data.copy()
        changed[place] ^= 1
        assert written(tmp_path / "a.jpg", changed) != first


@pytest.mark.parametrize("size", [4 * MIB + 1, 7 * MIB + 13])
def test_beyond_that_head_tail_and_length_count(tmp_path: Path, size: int) -> None:
    data = bytearray(size)
    first = written(tmp_path / "a.jpg", data)
    for place in (0, size - 1):
        changed = data.copy()
        changed[place] ^= 1
        assert written(tmp_path / "a.jpg", changed) != first
    assert written(tmp_path / "a.jpg", data + b"\0") != first


@pytest.mark.parametrize("name", ["photo.tif", "photo.bmp"])
@pytest.mark.parametrize("top", [0, 333, 700, 1509])
def test_an_edit_of_an_uncompressed_photo_is_seen(tmp_path: Path, name: str, top: int) -> None:
    pixels = np.full((1548, 2000, 3), 120, np.uint8)
    path = tmp_path / name
    Image.fromarray(pixels).save(path)
    before, size = print_of(path), path.stat().st_size
    pixels[top : top + 39, 1990:1995] = 121  # a 40th of the height, and five pixels wide
    Image.fromarray(pixels).save(path)
    assert path.stat().st_size == size > 9_000_000
    assert print_of(path) != before


def test_what_cannot_be_read_or_is_not_as_scanned_has_none(tmp_path: Path) -> None:
    good, gone, folder = (tmp_path / name for name in ("good.jpg", "gone.jpg", "folder.jpg"))
    for path in (good, gone):
        path.write_bytes(b"photo")
    folder.mkdir()
    photos = [scanned(path) for path in (gone, folder, good)]
    gone.unlink()
    assert [photo.file for photo, _ in fingerprinted(photos)] == ["good.jpg"]
    good.write_bytes(b"other")
    os.utime(good, ns=(1, 1))
    assert fingerprinted(photos) == []
    assert fingerprinted([]) == []
