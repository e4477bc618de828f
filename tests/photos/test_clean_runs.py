"""What cleaning a folder again takes over from earlier runs, and what it looks at anew."""

from __future__ import annotations

import io
import time
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from geoview.errors import Cancelled, PhotoError
from geoview.photos import clean as cleaning
from geoview.photos import decode, phash, reading
from geoview.photos.clean import Finder, clean
from geoview.photos.clean_list import CleanList, kept
from geoview.records import Progress


def jpeg(seed: int) -> bytes:
    small = Image.fromarray(np.random.default_rng(seed).integers(0, 256, (8, 8, 3), dtype=np.uint8))
    stream = io.BytesIO()
    small.resize((200, 150), Image.Resampling.BICUBIC).save(stream, "JPEG", quality=92)
    return stream.getvalue()


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    for seed, name in enumerate(("a/1.jpg", "a/2.jpg", "b/10.jpg", "b/9.jpg")):
        path = tmp_path / "rocks" / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(jpeg(seed))
    return tmp_path / "rocks"


@pytest.mark.parametrize("reason", reading.PASSING)
@pytest.mark.parametrize("in_step", ["hash", "text"])
def test_what_could_not_be_read_for_a_passing_reason_is_read_again(
    folder: Path, monkeypatch: pytest.MonkeyPatch, reason: str, in_step: str
) -> None:
    real, asked = decode.decode, list[str]()

    def away(path: Path) -> decode.Decoded:
        asked.append(path.name)
        if path.name == "2.jpg" and asked.count("2.jpg") > (in_step == "text"):
            raise PhotoError(reason)
        return real(path)

    text = Finder("t", lambda pixels: ())
    with monkeypatch.context() as patch:
        patch.setattr(decode, "decode", away)
        first = clean(folder, find_text=text)
    assert [(one.file, one.reason) for one in first.decisions] == [("a/2.jpg", reason)]
    again = clean(folder, before=first, find_text=text)
    assert again.decisions == ()
    assert len(kept(again)) == 4
    assert again == clean(folder, find_text=text)


def test_a_stop_while_photos_are_hashed_keeps_what_was_found(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    done, saved = list[Progress](), list[CleanList]()
    with pytest.raises(Cancelled):
        clean(folder, keep=saved.append, progress=done.append, cancelled=lambda: len(done) == 2)
    assert [photo.file for photo in saved[-1].photos] == ["a/1.jpg", "a/2.jpg", "b/9.jpg"]
    real, read = decode.decode, list[str]()
    monkeypatch.setattr(decode, "decode", lambda path: read.append(path.name) or real(path))
    again = clean(folder, before=saved[-1])
    assert read == ["10.jpg"]
    assert again == clean(folder)


def test_a_long_run_keeps_its_list_now_and_then(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(cleaning, "_KEEP_EVERY_S", 0.0)
    saved = list[CleanList]()
    clean(folder, keep=saved.append)
    assert [len(one.photos) for one in saved] == [1, 2, 3, 4, 4]


def test_ctrl_c_pressed_again_keeps_what_was_found_and_begins_no_more(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    begun, saved = list[str](), list[CleanList]()

    def slow(path: Path) -> decode.Decoded:
        begun.append(path.name)
        if len(begun) > 1:
            time.sleep(0.5)
        return decode.Decoded(np.zeros((9, 9, 3), np.uint8), 9, 9)

    def press(_: Progress) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr(phash, "_cores", lambda: 1)
    monkeypatch.setattr(decode, "decode", slow)
    with pytest.raises(KeyboardInterrupt):
        clean(folder, keep=saved.append, progress=press)
    assert len(begun) < 4
    assert len(saved[-1].photos) == 1
