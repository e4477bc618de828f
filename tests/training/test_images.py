"""The cache of training images: decoded once, as in prediction, limited, wary of damage."""

from __future__ import annotations

import errno
import os
import shutil
import subprocess
import sys
import time
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

from geoview.errors import PhotoError
from geoview.models.card import ModelCard, Preprocess
from geoview.models.preprocess import needed_px, tiles
from geoview.photos.decode import decode
from geoview.training import images, pixel_store
from geoview.training.data import Item
from geoview.training.images import ImageCache, fitted, prefetched

ROOT = Path(images.__file__).parents[2]
TRAY = {"working_short_side_px": 128, "tile_px": 64}


def item(path: Path, *, tile: tuple[int, int, int, int] | None = None) -> Item:
    return Item(path=path, file=path.name, labels=(1.0,), states=(2,), group=path.name, tile=tile)


def photo(path: Path, *, size: tuple[int, int] = (150, 100), seed: int = 0) -> Path:
    """A photo with structure at every scale, width × height."""
    rng = np.random.default_rng(seed)
    total = np.zeros((size[1], size[0], 3))
    for cells in (4, 16, 64):
        coarse = rng.integers(0, 80, (cells, cells, 3), dtype=np.uint8)
        total += np.asarray(Image.fromarray(coarse).resize(size, Image.Resampling.BICUBIC))
    Image.fromarray(total.clip(0, 255).astype(np.uint8)).save(path)
    return path


def preprocess(**parts: Any) -> Preprocess:
    return Preprocess.model_validate({"input_px": 64, **parts})


def as_predicted(path: Path, part: Preprocess) -> np.ndarray[Any, Any]:
    card = ModelCard(
        name="m", title="m", architecture="timm-classifier", backbone="b", task="multi-label",
        classes=["a"], thresholds=[0.5], preprocess=part,
    )  # fmt: skip
    return tiles(decode(path, at_least_px=needed_px(card)), card=card)[0]


def stored(folder: Path) -> list[Path]:
    return sorted(folder.rglob("*.pixels"))


SIZES = [(150, 100), (100, 150), (64, 64), (40, 30), (700, 500), (900, 64)]


@pytest.mark.parametrize("fit", ["squash", "pad"])
@pytest.mark.parametrize("size", SIZES)
def test_plain_items_are_what_prediction_sees(
    tmp_path: Path, fit: str, size: tuple[int, int]
) -> None:
    part = preprocess(fit=fit)
    path = photo(tmp_path / "a.jpg", size=size)
    cache = ImageCache(tmp_path / "cache", part)
    wanted = as_predicted(path, part)[0]
    for _ in range(2):  # decoded, then from the cache
        assert np.array_equal(cache.plain(item(path)), wanted)
        reduced = fitted(cache.item(item(path)), 64).astype(int)
        assert np.abs(reduced - wanted).mean() < 2


@pytest.mark.parametrize("size", [(256, 256), (300, 300), (90, 90), (300, 150)])
def test_tiles_of_a_tray_are_what_prediction_sees(tmp_path: Path, size: tuple[int, int]) -> None:
    part = preprocess(tiling=TRAY)
    path = photo(tmp_path / "tray.png", size=size)
    cache = ImageCache(tmp_path / "cache", part)
    wanted = as_predicted(path, part)
    columns = len(wanted) // 2
    for number, pixels in enumerate(wanted):
        tile = (number // columns, number % columns, 2, columns)
        assert np.array_equal(cache.plain(item(path, tile=tile)), pixels)
        assert np.array_equal(fitted(cache.item(item(path, tile=tile)), 64), pixels)


def test_padding_is_kept_in_training(tmp_path: Path) -> None:
    part = preprocess(fit="pad", mean=(0.5, 0.25, 0.75))
    path = photo(tmp_path / "wide.png", size=(200, 100))
    pixels = fitted(ImageCache(tmp_path / "cache", part).item(item(path)), 64)
    assert (pixels[:15] == np.round(np.multiply((0.5, 0.25, 0.75), 255))).all()
    assert (pixels[-15:] == pixels[0, 0]).all()


def test_the_margin_keeps_more_detail_and_never_enlarges(tmp_path: Path) -> None:
    path = photo(tmp_path / "a.png", size=(300, 200))
    cache = ImageCache(tmp_path / "cache", preprocess(), margin=2)
    assert cache.photo(path).shape == (128, 192, 3)
    assert cache.plain(item(path)).shape == (64, 64, 3)
    small = photo(tmp_path / "b.png", size=(100, 90))
    assert cache.photo(small).shape == (90, 100, 3)
    assert ImageCache(tmp_path / "c", preprocess(fit="pad"), margin=2).photo(path).shape == (
        128, 128, 3,
    )  # fmt: skip


def test_recipes_of_other_sizes_and_changed_photos_are_not_mixed_up(tmp_path: Path) -> None:
    folder = tmp_path / "cache"
    path = photo(tmp_path / "a.png", size=(400, 300))
    assert ImageCache(folder, preprocess()).photo(path).shape[0] == 64
    assert ImageCache(folder, preprocess(input_px=96)).photo(path).shape[0] == 96
    before = np.array(ImageCache(folder, preprocess()).photo(path))
    photo(path, size=(400, 300), seed=1)
    os.utime(path, (1, 1))
    assert not np.array_equal(ImageCache(folder, preprocess()).photo(path), before)


@pytest.mark.parametrize("damage", ["cut", "empty", "bit", "header", "gone"])
def test_a_damaged_file_is_made_anew(tmp_path: Path, damage: str) -> None:
    path = photo(tmp_path / "a.png")
    wanted = np.array(ImageCache(tmp_path / "cache", preprocess()).photo(path))
    (file,) = stored(tmp_path / "cache")
    whole = file.read_bytes()
    flipped = whole[:500] + bytes([whole[500] ^ 1]) + whole[501:]
    harmed = {"cut": whole[:-7], "empty": b"", "bit": flipped, "header": whole[:8], "gone": whole}
    file.write_bytes(harmed[damage])
    if damage == "gone":
        file.unlink()
    assert np.array_equal(ImageCache(tmp_path / "cache", preprocess()).photo(path), wanted)
    assert file.read_bytes() == whole


def test_the_longest_unused_go_first_and_the_size_stays_limited(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder = tmp_path / "cache"
    paths = [photo(tmp_path / f"{i}.png", seed=i) for i in range(8)]
    room = int(64 * 96 * 3 * 6.7)
    earlier = ImageCache(folder, preprocess(), limit_bytes=room)
    for number, path in enumerate(paths[:6]):
        before = set(stored(folder))
        earlier.photo(path)
        (file,) = set(stored(folder)) - before
        then = time.time() - 3600 * (10 - number)
        os.utime(file, (then, then))
    now = ImageCache(folder, preprocess(), limit_bytes=room)
    now.photo(paths[0])  # the oldest, but used again
    for path in paths[6:]:
        now.photo(path)
        assert sum(file.stat().st_size for file in stored(folder)) <= room
    assert len(stored(folder)) == 6
    monkeypatch.setattr(images, "decode", None)
    for number in (0, 3, 4, 5, 6, 7):
        ImageCache(folder, preprocess()).photo(paths[number])


def test_when_full_of_this_training_it_goes_on_with_one_notice(tmp_path: Path) -> None:
    told: list[str] = []
    folder = tmp_path / "cache"
    paths = [photo(tmp_path / f"{i}.png", seed=i) for i in range(6)]
    cache = ImageCache(folder, preprocess(), limit_bytes=int(64 * 96 * 3 * 3.5), notice=told.append)
    for _ in range(2):
        for path in paths:
            assert cache.photo(path).shape == (64, 96, 3)
    assert len(stored(folder)) == 3
    assert len(told) == 1
    assert str(folder) in told[0]


def test_a_full_disk_or_a_folder_that_cannot_be_made_stops_nothing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    told: list[str] = []
    path = photo(tmp_path / "a.png")
    (tmp_path / "file").write_text("in the way")
    blocked = ImageCache(tmp_path / "file" / "cache", preprocess(), notice=told.append)
    assert blocked.photo(path).shape == (64, 96, 3)
    assert len(told) == 1

    def full(*_: object) -> None:
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(os, "replace", full)
    cache = ImageCache(tmp_path / "cache", preprocess(), notice=told.append)
    for _ in range(3):
        assert cache.photo(path).shape == (64, 96, 3)
    assert len(told) == 2
    assert "No space left" in told[1]
    assert stored(tmp_path / "cache") == []  # nothing half written stays behind


def test_room_is_spared_on_a_disk_that_is_nearly_full(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    told: list[str] = []
    usage = type("Usage", (), {"free": pixel_store.SPARED_BYTES})
    monkeypatch.setattr(shutil, "disk_usage", lambda _: usage)
    cache = ImageCache(tmp_path / "cache", preprocess(), notice=told.append)
    cache.photo(photo(tmp_path / "a.png"))
    assert stored(tmp_path / "cache") == []
    assert len(told) == 1


SHARING = """
import random, sys
from dataclasses import replace
from pathlib import Path
import numpy as np
from geoview.training.pixel_store import PixelStore

for run in range(15):
    store = PixelStore(Path(sys.argv[1]), limit_bytes=64 * 64 * 3 * 5, notice=lambda why: None)
    for number in random.sample(range(12), 12):
        wanted = np.full((64, 64, 3), number, np.uint8)
        found = store.get(f"{number:032x}")
        if found is None:
            store.put(f"{number:032x}", wanted)
        else:
            assert np.array_equal(found, wanted)
"""


def test_several_processes_share_a_folder_that_is_too_small(tmp_path: Path) -> None:
    command = [sys.executable, "-W", "error", "-c", SHARING, str(tmp_path)]
    processes = [subprocess.Popen(command, cwd=ROOT) for _ in range(3)]
    assert [process.wait(timeout=60) for process in processes] == [0, 0, 0]
    assert 1 <= len(stored(tmp_path)) <= 5 + 3


def test_photos_lie_in_many_small_folders(tmp_path: Path) -> None:
    cache = ImageCache(tmp_path / "cache", preprocess(input_px=32))
    for number in range(30):
        cache.photo(photo(tmp_path / f"{number}.png", size=(32, 32), seed=number))
    folders = {file.parent for file in stored(tmp_path / "cache")}
    assert len(folders) > 15
    assert {folder.parent for folder in folders} == {tmp_path / "cache"}


def test_a_photo_that_breaks_is_named_with_its_reason(tmp_path: Path) -> None:
    path = photo(tmp_path / "a.jpg", size=(600, 400))
    cache = ImageCache(tmp_path / "cache", preprocess())
    cache.item(item(path))
    path.write_bytes(path.read_bytes()[:3000])
    for take in (cache.item, cache.plain):
        with pytest.raises(PhotoError, match=r"a\.jpg cannot be read: .*cut off"):
            take(item(path))
    path.unlink()
    for take in (cache.item, cache.plain):
        with pytest.raises(PhotoError, match=r"a\.jpg cannot be read: .*no longer there"):
            take(item(path))
    line = tmp_path / "line.png"
    Image.new("RGB", (4000, 5)).save(line)
    with pytest.raises(PhotoError, match="too narrow"):
        cache.item(item(line))


def test_prefetched_keeps_the_order_and_never_runs_far_ahead() -> None:
    begun: list[int] = []

    def slow(number: int) -> int:
        begun.append(number)
        time.sleep(0.002 * (number % 3))
        return number * number

    for taken, result in enumerate(prefetched(slow, range(30), workers=3, ahead=4), start=1):
        assert result == (taken - 1) ** 2
        assert len(begun) <= taken + 4


@pytest.mark.parametrize("size", [(300, 200), (200, 300), (150, 150)])
def test_a_photo_without_tiles_is_trained_on_as_it_is_predicted(
    tmp_path: Path, size: tuple[int, int]
) -> None:
    part = preprocess(tiling=TRAY)
    cache = ImageCache(tmp_path / "cache", part)
    path = photo(tmp_path / "tray.png", size=size)
    whole = replace(item(path), area=(0.3,))
    pieces = cache.cut([whole])
    assert {p.labels for p in pieces} == {whole.labels}
    assert {p.area for p in pieces} == {None}
    seen = np.stack([cache.plain(piece) for piece in pieces])
    assert np.array_equal(seen, as_predicted(path, part))


def test_tiles_of_a_sheet_and_broken_photos_stay_as_they_are(tmp_path: Path) -> None:
    cache = ImageCache(tmp_path / "cache", preprocess(tiling=TRAY))
    own = item(photo(tmp_path / "a.png"), tile=(0, 1, 1, 2))
    broken = item(tmp_path / "broken.jpg")
    broken.path.write_bytes(b"no photo")
    assert cache.cut([own, broken]) == [own, broken]
    untiled = ImageCache(tmp_path / "cache", preprocess())
    assert untiled.cut([item(own.path)]) == [item(own.path)]
