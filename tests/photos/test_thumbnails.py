"""The thumbnail cache."""

from __future__ import annotations

import logging
import os
import subprocess
import sys
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np
import pytest

from geoview import paths
from geoview.errors import PhotoError
from geoview.photos import thumbnails as module
from geoview.photos.scan import scan
from geoview.photos.thumbnails import ThumbnailCache, shrink
from geoview.records import Photo
from tests.photos import zoo

Put = Callable[[str, bytes], Path]
LARGE = np.kron(zoo.colours(), np.ones((10, 10, 1), np.uint8))


def photo_of(path: Path) -> Photo:
    (photo,) = scan(path).photos
    return photo


@pytest.fixture
def photo(put: Put) -> Photo:
    return photo_of(put("photos/photo.jpg", zoo.encoded(LARGE, "JPEG", exif=zoo.exif(6))))


@pytest.fixture
def decoded(monkeypatch: pytest.MonkeyPatch) -> list[Path]:
    """Which photos were really decoded."""
    paths_decoded: list[Path] = []
    real = module.decode

    def counting(path: Path, *, at_least_px: int | None = None) -> object:
        paths_decoded.append(path)
        return real(path, at_least_px=at_least_px)

    monkeypatch.setattr(module, "decode", counting)
    return paths_decoded


def kept(folder: Path) -> list[Path]:
    return [path for path in folder.rglob("*") if path.is_file()]


def test_made_upright_once_and_kept_over_restarts(
    tmp_path: Path, photo: Photo, decoded: list[Path]
) -> None:
    folder = tmp_path / "cache"
    first = ThumbnailCache(folder, side_px=128)
    assert first.cached(photo) is None
    made = first.get(photo)
    assert made.shape == (128, 85, 3)
    again = ThumbnailCache(folder, side_px=128)
    for found in (first.get(photo), again.get(photo), again.cached(photo)):
        assert found is not None
        np.testing.assert_allclose(
            found.astype(int)[::20, ::20], made.astype(int)[::20, ::20], atol=12
        )
    assert decoded == [photo.path]


def test_another_process_uses_the_same_thumbnails(tmp_path: Path, photo: Photo) -> None:
    folder = tmp_path / "cache"
    ThumbnailCache(folder).get(photo)
    script = (
        "import sys; from pathlib import Path; from geoview.photos.scan import scan;"
        "from geoview.photos.thumbnails import ThumbnailCache;"
        "photo, = scan(Path(sys.argv[1])).photos;"
        "sys.exit(ThumbnailCache(Path(sys.argv[2])).cached(photo) is None)"
    )
    arguments = [sys.executable, "-c", script, str(photo.path), str(folder)]
    assert subprocess.run(arguments, check=False).returncode == 0


def test_a_changed_photo_gets_a_new_thumbnail(tmp_path: Path, photo: Photo) -> None:
    cache = ThumbnailCache(tmp_path / "cache")
    before = cache.get(photo)
    photo.path.write_bytes(zoo.encoded(255 - LARGE, "JPEG", exif=zoo.exif(6)))
    os.utime(photo.path, ns=(photo.mtime_ns, photo.mtime_ns + 1_000_000_000))
    after = cache.get(photo_of(photo.path))
    assert np.abs(before.astype(int) + after - 255).mean() < 6


def test_sides_are_kept_apart(tmp_path: Path, photo: Photo) -> None:
    assert ThumbnailCache(tmp_path / "c", side_px=256).get(photo).shape[0] == 256
    assert ThumbnailCache(tmp_path / "c", side_px=64).get(photo).shape[0] == 64


@pytest.mark.parametrize("damage", [b"", b"garbage", None])
def test_a_damaged_entry_is_made_again(
    tmp_path: Path, photo: Photo, decoded: list[Path], damage: bytes | None
) -> None:
    cache = ThumbnailCache(tmp_path / "cache")
    cache.get(photo)
    (entry,) = kept(tmp_path / "cache")
    content = entry.read_bytes()
    entry.write_bytes(content[: len(content) // 2] + bytes(9) if damage is None else damage)
    assert cache.cached(photo) is None
    assert cache.get(photo).shape == (256, 171, 3)
    assert entry.read_bytes() == content
    assert len(decoded) == 2


def test_an_unwritable_cache_only_costs_time(
    put: Put, photo: Photo, decoded: list[Path], caplog: pytest.LogCaptureFixture
) -> None:
    in_the_way = put("cache", b"a file where the folder should be")
    cache = ThumbnailCache(in_the_way)
    with caplog.at_level(logging.WARNING):
        for _ in range(3):
            assert cache.get(photo).shape == (256, 171, 3)
    assert len(decoded) == 3
    assert len(caplog.records) == 1
    assert in_the_way.read_bytes() == b"a file where the folder should be"


def test_no_cache_folder_at_all(monkeypatch: pytest.MonkeyPatch, photo: Photo) -> None:
    def refuse() -> Path:
        raise PermissionError(13, "Permission denied")

    monkeypatch.setattr(paths, "cache_dir", refuse)
    cache = ThumbnailCache()
    assert cache.get(photo).shape == (256, 171, 3)
    assert cache.cached(photo) is None


def test_default_folder(photo: Photo) -> None:
    ThumbnailCache().get(photo)
    assert len(kept(paths.cache_dir() / "thumbnails")) == 1


def test_unreadable_photo(tmp_path: Path, put: Put) -> None:
    cache = ThumbnailCache(tmp_path / "cache")
    with pytest.raises(PhotoError, match="empty"):
        cache.get(photo_of(put("photos/empty.jpg", b"")))
    assert kept(tmp_path / "cache") == []


def test_many_threads(tmp_path: Path, put: Put) -> None:
    for index in range(12):
        put(f"photos/{index}.jpg", zoo.encoded(LARGE[: 400 + index * 16], "JPEG"))
    photos = scan(tmp_path / "photos").photos * 5
    cache = ThumbnailCache(tmp_path / "cache")
    with ThreadPoolExecutor(8) as pool:
        shapes = [found.shape for found in pool.map(cache.get, photos)]
    assert shapes[:12] == shapes[-12:]
    assert len(set(shapes)) == 12
    assert len(kept(tmp_path / "cache")) == 12


def test_above_the_limit_the_longest_unused_go(
    tmp_path: Path, put: Put, monkeypatch: pytest.MonkeyPatch
) -> None:
    noise = np.random.default_rng(0).integers(0, 256, (256, 256, 3), np.uint8)
    for index in range(60):
        put(f"photos/{index}.png", zoo.encoded(np.roll(noise, index, 0), "PNG", compress_level=0))
    photos = scan(tmp_path / "photos").photos
    folder = tmp_path / "cache"
    cache = ThumbnailCache(folder, limit_mib=1)
    now = 1_000_000_000
    for index, photo in enumerate(photos):
        before = set(kept(folder))
        cache.get(photo)
        for new in set(kept(folder)) - before:
            os.utime(new, (now + index, now + index))
    total = sum(path.stat().st_size for path in kept(folder))
    assert 0.5 * 2**20 < total <= 2**20
    survivors = [cache.cached(photo) is not None for photo in photos]
    assert survivors == sorted(survivors)
    assert survivors[-1]
    assert not survivors[0]


@pytest.mark.parametrize(
    ("shape", "wanted"),
    [((300, 400), (192, 256)), ((3000, 200), (256, 17)), ((9000, 3), (256, 1)), ((9, 7), (9, 7))],
)
def test_shrink(shape: tuple[int, int], wanted: tuple[int, int]) -> None:
    pixels = np.full((*shape, 3), 77, np.uint8)
    small = shrink(pixels, side_px=256)
    assert small.shape == (*wanted, 3)
    assert (small == 77).all()
