"""Events of a worker on a disk that is full for a while, and after one that was killed."""

from __future__ import annotations

import errno
import os
from pathlib import Path
from typing import NoReturn

import pytest

from geoview.training import events
from geoview.training.events import EventWriter, read_from


def kinds(folder: Path) -> list[str]:
    return [event["event"] for event in read_from(folder)[0]]


def test_the_line_of_a_killed_worker_does_not_swallow_the_next(tmp_path: Path) -> None:
    (tmp_path / events.FILE).write_bytes(b'{"event": "step"}\n{"event": "st')
    tell = EventWriter(tmp_path)
    tell("resumed")
    tell("done")
    tell.close()
    assert kinds(tmp_path) == ["step", "resumed", "done"]


def test_what_a_full_disk_does_not_take_is_dropped_and_the_rest_is_whole(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(file: int, data: bytes) -> NoReturn:
        raise OSError(errno.ENOSPC, "No space left on device")

    write = os.write
    tell = EventWriter(tmp_path)
    tell("resumed")
    # First a part of a line still fits, then nothing.
    for full in (lambda file, data: write(file, data[:9]), refuse):
        with monkeypatch.context() as patch:
            patch.setattr(events.os, "write", full)
            tell("step")
        assert tell.full
    tell("epoch")
    assert not tell.full
    tell.close()
    assert kinds(tmp_path) == ["resumed", "epoch"]
