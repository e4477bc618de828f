"""The worker's JSON-line events, and reading them while they are being written. Light."""

from __future__ import annotations

import errno
import json
import os
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

FILE = "events.jsonl"


def now_utc() -> str:
    return datetime.now(UTC).isoformat(timespec="seconds")


def is_full(error: OSError) -> bool:
    """Whether an error says that there is no room left, on the disk or for this user."""
    return error.errno in (errno.ENOSPC, errno.EDQUOT)


class EventWriter:
    """Appends one JSON object a line.

    A line that the disk does not take is dropped, for progress is not worth a training; ``full``
    says whether the last one was, for want of room. One of which a part was written, now or by a
    killed worker, is ended before the next.
    """

    def __init__(self, job: Path) -> None:
        self.full = False
        self._torn = not _ends_whole(job / FILE)
        self._file = os.open(job / FILE, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o644)

    def __call__(self, kind: str, **fields: Any) -> None:
        line = json.dumps({"event": kind, "utc": now_utc(), **fields}) + "\n"
        data = ("\n" * self._torn + line).encode()
        try:
            self._torn = self.full = os.write(self._file, data) < len(data)
        except OSError as error:
            self.full = is_full(error)

    def close(self) -> None:
        os.close(self._file)


def _ends_whole(file: Path) -> bool:
    """Whether a file, if there is one, ends with a whole line."""
    if not file.exists() or not file.stat().st_size:
        return True
    with file.open("rb") as stream:
        stream.seek(-1, os.SEEK_END)
        return stream.read() == b"\n"


def read_from(job: Path, offset: int = 0) -> tuple[list[dict[str, Any]], int]:
    """Events after byte ``offset`` and the offset to go on from; a half-written line waits."""
    try:
        with (job / FILE).open("rb") as stream:
            stream.seek(offset)
            data = stream.read()
    except (FileNotFoundError, NotADirectoryError):
        return [], offset
    whole = data[: data.rfind(b"\n") + 1]
    return list(_parsed(whole)), offset + len(whole)


def _parsed(data: bytes) -> Iterator[dict[str, Any]]:
    for line in data.splitlines():
        try:
            event = json.loads(line)
        except ValueError:
            continue  # a line torn by a killed worker
        if isinstance(event, dict):
            yield event
