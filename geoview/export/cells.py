"""Cells of sheets: full numbers, points as JSON, text that no spreadsheet takes for a formula."""

from __future__ import annotations

import csv
import json
from collections.abc import Iterable, Sequence
from pathlib import Path

from geoview import files

_COMMANDS = ("=", "+", "-", "@", "\t", "\r")


def number(value: float | None) -> str:
    """In full, never rounded; empty for what is not known."""
    return "" if value is None else repr(float(value))


def points(polygon: Iterable[tuple[float, float]]) -> str:
    """``[[x,y],…]`` with every digit; empty without points."""
    pairs = [[float(x), float(y)] for x, y in polygon]
    return json.dumps(pairs, separators=(",", ":")) if pairs else ""


def file_name(file: str) -> str:
    """A path that a spreadsheet cannot take for a formula and that still names the same file.

    Only a name that starts with = + - or @ changes: it gets ``./`` in front.
    """
    return f"./{file}" if file.startswith(_COMMANDS) else file


def text(value: str) -> str:
    """Text for a CSV cell; what a spreadsheet would run as a formula gets an apostrophe.

    A catalogue number can come from a bar code that somebody else printed. Plain numbers such as
    ``-12.5`` stay as they are.
    """
    return f"'{value}" if value.startswith(_COMMANDS) and not _is_number(value) else value


def _is_number(value: str) -> bool:
    try:
        float(value)
    except ValueError:
        return False
    return True


def write_rows(path: Path, rows: Iterable[Sequence[str]]) -> None:
    """A CSV file: UTF-8, comma, newline; replaced in one step. OSError when that cannot be done.

    A name whose bytes are no UTF-8 is written with its odd bytes as ``\\udcXX``.
    """
    with (
        files.replacing(path) as temporary,
        temporary.open("w", encoding="utf-8", errors="backslashreplace", newline="") as stream,
    ):
        csv.writer(stream, lineterminator="\n").writerows(rows)
