"""Scanning folders."""

from __future__ import annotations

import os
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from geoview.errors import DataError
from geoview.photos import formats, reading
from geoview.photos import scan as module
from geoview.photos.scan import scan
from tests.photos import zoo

Put = Callable[[str, bytes], Path]
JPEG = zoo.encoded(zoo.colours(), "JPEG")
links = pytest.mark.skipif(sys.platform == "win32", reason="links need rights on Windows")


def files(folder: Path, **options: object) -> list[str]:
    return [photo.file for photo in scan(folder, **options).photos]


def test_photos_in_natural_order_with_depth_and_identity(tmp_path: Path, put: Put) -> None:
    for name in ("b/W_10m.jpg", "b/W_9m.JPG", "a 10.png", "a 2.tif", "b/deep/er/W_1m.heic"):
        put(name, b"12345")
    result = scan(tmp_path)
    assert [photo.file for photo in result.photos] == [
        "a 2.tif",
        "a 10.png",
        "b/deep/er/W_1m.heic",
        "b/W_9m.JPG",
        "b/W_10m.jpg",
    ]
    last = result.photos[-1]
    assert (last.well, last.depth_m, last.size_bytes) == ("W", 10.0, 5)
    assert last.path == tmp_path / "b" / "W_10m.jpg"
    assert last.mtime_ns == last.path.stat().st_mtime_ns
    assert result.skipped.counts == {}


def test_what_is_left_out_is_counted(tmp_path: Path, put: Put) -> None:
    for name in ("a.jpg", ".hidden.jpg", ".geoview/t.jpg", "Masks/a.png", "b/mask/a.png"):
        put(name, b"x")
    for name in ("truth.csv", "notes.TXT", "well.las"):
        put(name, b"file,depth\n")
    result = scan(tmp_path)
    assert [photo.file for photo in result.photos] == ["a.jpg"]
    assert result.skipped.counts == {
        module.HIDDEN: 1,
        "folders named Masks": 1,
        "folders named mask": 1,
        module.SIDECARS: 3,
    }


def test_only_the_named_folders_are_left_out(tmp_path: Path, put: Put) -> None:
    put("masks/a.jpg", b"x")
    put("old/b.jpg", b"x")
    assert files(tmp_path, skip_folders=["OLD"]) == ["masks/a.jpg"]
    assert files(tmp_path / "masks") == ["a.jpg"]


def test_unknown_files_are_rows_and_an_image_hides_behind_no_suffix(
    tmp_path: Path, put: Put
) -> None:
    put("photo", JPEG)
    put("photo.csv", JPEG)
    put("odd.xyz", b"what is this")
    put("table.csv", b"a,b")
    assert files(tmp_path) == ["odd.xyz", "photo", "photo.csv"]


def test_one_photo_instead_of_a_folder(put: Put) -> None:
    path = put("W_9m.jpg", JPEG)
    (photo,) = scan(path).photos
    assert (photo.file, photo.depth_m, photo.path) == ("W_9m.jpg", 9.0, path)
    assert files(put("nameless", JPEG)) == ["nameless"]
    with pytest.raises(DataError, match="not a photo"):
        scan(put("table.csv", b"a,b"))


def test_missing_folder(tmp_path: Path) -> None:
    with pytest.raises(DataError, match="gone"):
        scan(tmp_path / "gone")


def test_folder_without_permission(
    tmp_path: Path, put: Put, monkeypatch: pytest.MonkeyPatch
) -> None:
    put("a.jpg", b"x")
    put("closed/b.jpg", b"x")
    scandir = os.scandir

    def guarded(path: str) -> object:
        if str(path).endswith("closed"):
            raise PermissionError(13, "Permission denied")
        return scandir(path)

    monkeypatch.setattr(module.os, "scandir", guarded)
    result = scan(tmp_path)
    assert [photo.file for photo in result.photos] == ["a.jpg"]
    assert result.skipped.counts == {module.NO_PERMISSION: 1}
    assert result.locked == ("closed/",)
    with pytest.raises(DataError, match="permission"):
        scan(tmp_path / "closed")


@links
@pytest.mark.timeout(20)
def test_links_do_not_lead_in_circles_or_bring_photos_twice(tmp_path: Path, put: Put) -> None:
    folder = tmp_path / "well"
    put("well/z/a.jpg", b"x")
    put("elsewhere/b.jpg", b"x")
    (folder / "z" / "back").symlink_to(folder)
    (folder / "a link").symlink_to(folder / "z")
    (folder / "up").symlink_to(tmp_path)
    (folder / "other").symlink_to(tmp_path / "elsewhere")
    result = scan(folder)
    assert [photo.file for photo in result.photos] == ["other/b.jpg", "z/a.jpg"]
    assert result.skipped.counts == {module.CIRCLES: 3}


@links
def test_a_broken_link_is_a_row_and_a_pipe_is_not(tmp_path: Path) -> None:
    (tmp_path / "broken.jpg").symlink_to(tmp_path / "gone.jpg")
    (tmp_path / "circle.jpg").symlink_to(tmp_path / "circle.jpg")
    os.mkfifo(tmp_path / "pipe.jpg")
    result = scan(tmp_path)
    assert [photo.file for photo in result.photos] == ["broken.jpg", "circle.jpg"]
    assert result.skipped.counts == {module.SPECIAL: 1}


@pytest.mark.skipif(sys.platform != "linux", reason="only Linux has names of any bytes")
def test_a_name_that_is_no_text_can_be_stored(tmp_path: Path) -> None:
    path = os.path.join(os.fsencode(tmp_path), b"caf\xe9_10m.jpg")
    with open(path, "wb") as stream:
        stream.write(JPEG)
    (photo,) = scan(tmp_path).photos
    assert photo.file.encode() == b"caf\\xe9_10m.jpg"
    assert photo.depth_m == 10.0
    assert photo.path.read_bytes() == JPEG


def test_sheet_goes_before_the_name_and_its_spare_rows_are_counted(
    tmp_path: Path, put: Put
) -> None:
    for name in ("W_9m.jpg", "b/IMG_1.jpg", "IMG_2.jpg", "IMG_3.jpg"):
        put(name, b"x")
    sheet = put(
        "depths.csv",
        b"file,depth_m,sample\nw_9M.JPG,7,\nb\\IMG_1.jpg,8,S1\nIMG_2,9,\ngone.jpg,1,\n",
    )
    result = scan(tmp_path, sheet=sheet)
    found = {photo.file: (photo.well, photo.depth_m, photo.sample) for photo in result.photos}
    assert found == {
        "W_9m.jpg": ("W", 7.0, None),
        "b/IMG_1.jpg": (None, 8.0, "S1"),
        "IMG_2.jpg": (None, 9.0, None),
        "IMG_3.jpg": (None, None, None),
    }
    assert result.skipped.counts == {module.SIDECARS: 1, module.UNUSED_ROWS: 1}


def test_a_wrong_pattern_is_refused_even_for_an_empty_folder(tmp_path: Path) -> None:
    with pytest.raises(DataError, match="foo"):
        scan(tmp_path, patterns=["{foo}"])


def test_twenty_thousand_files_are_not_opened(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for folder in range(20):
        (tmp_path / f"{folder}").mkdir()
        for index in range(1000):
            os.close(os.open(tmp_path / f"{folder}" / f"W_{index}m.jpg", os.O_CREAT | os.O_WRONLY))
    opened: list[object] = []
    monkeypatch.setattr(reading, "opened", opened.append)
    result = scan(tmp_path)
    assert len(result.photos) == 20_000
    assert result.photos[-1].file == "19/W_999m.jpg"
    assert opened == []


def test_suffixes_are_either_photos_or_side_cars() -> None:
    assert not formats.IMAGE_SUFFIXES & formats.SIDECAR_SUFFIXES


def test_the_sample_well_has_a_depth_for_every_photo(samples: Path) -> None:
    if not samples.is_dir():
        pytest.skip("no samples yet")
    photos = scan(samples).photos
    assert photos
    assert all(photo.depth_m is not None and photo.well for photo in photos)
