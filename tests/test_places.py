"""Results never replace a photo, what was read, or one another."""

from __future__ import annotations

from pathlib import Path

import pytest
from PIL import Image

from geoview import places
from geoview.errors import DataError


def test_a_photo_is_never_a_place_for_a_table(tmp_path: Path) -> None:
    odd = tmp_path / "photo.csv"
    Image.new("RGB", (8, 8)).save(odd, format="PNG")
    for path in (odd, tmp_path / "new.JPG", tmp_path / "raw.nef"):
        with pytest.raises(DataError, match="a photo; choose another name"):
            places.check_file(path)
    (tmp_path / "old.csv").write_text("a,b\n", encoding="utf-8")
    places.check_file(tmp_path / "old.csv")
    places.check_file(tmp_path / "none" / "new.csv")


def test_pictures_do_not_go_among_the_photos(tmp_path: Path) -> None:
    with pytest.raises(DataError, match="choose a folder outside"):
        places.check_folder(tmp_path / "crops", photos=tmp_path)
    places.check_folder(tmp_path / ".geoview" / "crops", photos=tmp_path)
    places.check_folder(tmp_path.parent / "crops", photos=tmp_path)


def test_each_place_is_written_once_and_what_is_read_is_left(tmp_path: Path) -> None:
    one, sheet = tmp_path / "one.csv", tmp_path / "sheet.csv"
    same = tmp_path / "deep" / ".." / "one.csv"
    places.check_apart([one, sheet])
    for written, read in (([one, same], []), ([one, sheet], [sheet])):
        with pytest.raises(DataError, match="give another name"):
            places.check_apart(written, read=read)
