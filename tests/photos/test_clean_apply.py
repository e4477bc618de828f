"""A cleaned copy is the user's too: what was put there or changed there by hand stays."""

from __future__ import annotations

import errno
import io
import json
import os
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from geoview.photos.clean import clean
from geoview.photos.clean_apply import MANIFEST, apply

Put = Callable[[str, bytes], Path]


def photo(width: int, height: int, *, seed: int) -> bytes:
    small = np.random.default_rng(seed).integers(0, 256, (8, 8, 3), dtype=np.uint8)
    stream = io.BytesIO()
    Image.fromarray(small).resize((width, height), Image.Resampling.BICUBIC).save(stream, "JPEG")
    return stream.getvalue()


@pytest.fixture
def folder(put: Put, tmp_path: Path) -> Path:
    """Two photos of one specimen, one that is to be shrunk and one that is as it should be."""
    put("rocks/basalt/large.jpg", photo(400, 300, seed=1))
    put("rocks/andesite/small.jpg", photo(200, 150, seed=1))
    put("rocks/basalt/huge.jpg", photo(2048, 1200, seed=2))
    put("rocks/andesite/fine.jpg", photo(200, 160, seed=3))
    return tmp_path / "rocks"


def test_the_users_own_files_are_never_replaced_or_removed(
    folder: Path, tmp_path: Path, put: Put
) -> None:
    target = tmp_path / "copy"
    apply(clean(folder).reviewed(False, steps=["duplicates"]), source=folder, target=target)
    own = put("copy/basalt/mine.jpg", b"my own")
    fine, small = (target / "andesite" / name for name in ("fine.jpg", "small.jpg"))
    for copy in (fine, small):
        copy.write_bytes(b"retouched")
    put("rocks/basalt/mine.jpg", photo(210, 160, seed=4))
    put("rocks/andesite/fine.jpg", photo(220, 160, seed=5))
    second = clean(folder)
    for _ in range(2):
        failed = apply(second, source=folder, target=target)
        assert set(failed) == {"basalt/mine.jpg", "andesite/fine.jpg", "andesite/small.jpg"}
        assert all("move it away and apply again" in reason for reason in failed.values())
        assert own.read_bytes() == b"my own"
        assert fine.read_bytes() == small.read_bytes() == b"retouched"
    for path in (own, fine, small):
        path.unlink()
    assert apply(second, source=folder, target=target) == {}
    assert fine.read_bytes() == (folder / "andesite" / "fine.jpg").read_bytes()
    assert not small.exists()


def test_copies_from_a_folder_that_may_not_be_opened_stay(
    folder: Path, tmp_path: Path, put: Put, monkeypatch: pytest.MonkeyPatch
) -> None:
    put("rocks/basalt/deep/one.jpg", photo(200, 150, seed=6))
    target, scandir = tmp_path / "copy", os.scandir
    apply(clean(folder), source=folder, target=target)
    before = sorted(target.rglob("*.jpg"))

    def guarded(path: str) -> object:
        if str(path).startswith(str(folder / "basalt")):
            raise PermissionError(13, "Permission denied")
        return scandir(path)

    monkeypatch.setattr(os, "scandir", guarded)
    failed = apply(clean(folder), source=folder, target=target)
    assert list(failed) == ["basalt/"]
    assert "may not be opened" in failed["basalt/"]
    assert {*before} < {*target.rglob("*.jpg")}
    monkeypatch.undo()
    assert apply(clean(folder), source=folder, target=target) == {}
    assert sorted(target.rglob("*.jpg")) == before


def test_why_a_copy_was_not_written_is_told_of_the_right_file(
    folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (folder / "broken.jpg").symlink_to(tmp_path / "gone.jpg")
    result, replace = clean(folder).reviewed(False, steps=["unreadable"]), os.replace

    def replaced(old: Path, new: Path) -> None:
        if new.name in reasons:
            raise OSError(reasons[new.name], os.strerror(reasons[new.name]), str(new))
        replace(old, new)

    reasons = {"fine.jpg": errno.ENAMETOOLONG, "huge.jpg": errno.ENOSPC}
    monkeypatch.setattr(os, "replace", replaced)
    assert apply(result, source=folder, target=tmp_path / "copy") == {
        "andesite/fine.jpg": "the name is too long for the copy: shorten the name of the photo",
        "basalt/huge.jpg": "the copy could not be written (No space left on device): check the "
        "disk",
        "broken.jpg": "the link points to a file that is not there: repair the link",
    }


def test_a_copy_that_a_killed_run_did_not_note_is_taken_on(folder: Path, tmp_path: Path) -> None:
    target, result = tmp_path / "copy", clean(folder)
    apply(result, source=folder, target=target)
    (target / MANIFEST).write_text("{}")
    assert apply(result, source=folder, target=target) == {}


def test_a_copy_of_an_earlier_version_goes_on_but_for_what_was_changed_since(
    folder: Path, tmp_path: Path
) -> None:
    target, first = tmp_path / "copy", clean(folder)
    apply(first.reviewed(False, steps=["duplicates"]), source=folder, target=target)
    manifest = target / MANIFEST
    made = json.loads(manifest.read_text())
    manifest.write_text(json.dumps({name: one["key"] for name, one in made.items()}))
    huge = target / "basalt" / "huge.jpg"
    huge.write_bytes(b"retouched")
    later_ns = manifest.stat().st_mtime_ns + 10**9
    os.utime(huge, ns=(later_ns, later_ns))
    second = first.reviewed(False, steps=["resize"])
    assert set(apply(second, source=folder, target=target)) == {"basalt/huge.jpg"}
    assert huge.read_bytes() == b"retouched"
    assert not (target / "andesite" / "small.jpg").exists()
