"""What cleaning a folder again takes over from earlier runs, and what it looks at anew."""

from __future__ import annotations

import io
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from geoview.errors import PhotoError
from geoview.photos import decode, reading
from geoview.photos.clean import Finder, clean
from geoview.photos.clean_list import kept


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
