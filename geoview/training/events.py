"""The worker's JSON-line events, and reading them while they are being written. Light."""

from __future__ import annotations

import json
import os
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

FILE = "events.jsonl"


def now_utc() -> str:
    return datetime.now(UTC).isoformat(timespec="seconds")


class EventWriter:
    """Appends one JSON object a line; each line reaches the disk whole."""

    def __init__(self, job: Path) -> None:
        self._file = os.open(job / FILE, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o644)

    def __call__(self, kind: str, **fields: Any) -> None:
        line = json.dumps({"event": kind, "utc": now_utc(), **fields}) + "\n"
        os.write(self._file, line.encode())

    def close(self) -> None:
        os.close(self._file)


def read_from(job: Path, offset: int = 0) -> tuple[list[dict[str, Any]], int]:
    """Events after byte ``offset`` and the offset to go on from; a half-written line waits."""
    try:
        with (job / FILE).open("rb") as stream:
            stream.seek(offset)
            data = stream.read()
    except FileNotFoundError:
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
