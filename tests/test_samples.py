"""The sample project is the user's own copy, made once and mended when a photo is missing."""

from __future__ import annotations

from pathlib import Path

import pytest

from geoview import paths
from geoview.errors import DataError
from geoview.samples import sample_folder


@pytest.fixture
def shipped(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    folder = tmp_path / "samples" / "cuttings"
    (folder / "more").mkdir(parents=True)
    for name in ("a.jpg", "more/b.jpg"):
        (folder / name).write_bytes(b"photo of " + name.encode())
        (folder / name).chmod(0o444)
    monkeypatch.setattr(paths, "resources", lambda: tmp_path)
    return folder


def test_the_copy_is_the_users_own(shipped: Path) -> None:
    mine = sample_folder()
    assert mine.is_relative_to(paths.data_dir())
    assert {p.relative_to(mine).as_posix() for p in mine.rglob("*.jpg")} == {"a.jpg", "more/b.jpg"}
    assert (mine / "a.jpg").stat().st_mtime_ns == (shipped / "a.jpg").stat().st_mtime_ns
    assert (mine / "a.jpg").stat().st_mode & 0o200


def test_a_second_time_only_what_is_missing_or_changed_is_copied(shipped: Path) -> None:
    mine = sample_folder()
    kept = (mine / "a.jpg").stat()
    (mine / "more" / "b.jpg").unlink()
    (mine / "own.jpg").write_bytes(b"mine")
    sample_folder()
    assert (mine / "more" / "b.jpg").read_bytes() == b"photo of more/b.jpg"
    assert (mine / "a.jpg").stat().st_ino == kept.st_ino
    assert (mine / "own.jpg").exists()


def test_missing_samples_are_one_clear_error(shipped: Path) -> None:
    with pytest.raises(DataError, match="missing"):
        sample_folder("drawer")
