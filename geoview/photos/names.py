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
import unicodedata
from collections.abc import Sequence
from dataclasses import dataclass
from decimal import Decimal

from geoview.photos import formats
from geoview.photos.patterns import DATUM, NamePattern, compile_pattern

_METRES_PER_FOOT = Decimal("0.3048")
_DEEPEST_M = 15_000
_LONGEST_INTERVAL = 100
_LONGEST_NAME = 128


@dataclass(frozen=True, slots=True)
class NameFields:
    """What a name or a row of a sheet says of a photo; None where it says nothing."""

    well: str | None = None
    depth_m: float | None = None
    sample: str | None = None


DEFAULT_PATTERNS: tuple[str, ...] = (
    "{well} depth {depth}*",
    "{well} depth{depth}*",
    "depth {depth}*",
    "depth{depth}*",
    "{depth}{unit} ({sample})",
    "{depth}{unit}*",
    "{well} {depth}{unit} ({sample})",
    "{well} {depth}{unit}*",
    # A catalogue number, but not a name that a camera, phone or scanner gives by itself.
    r"re:^(?!(?:IMG|DSC|DSCN|DSCF|PXL|DJI|GOPR|SAM|MVI|PIC|PICT|VID|WP|IMAGE|PHOTO|SCAN|FRAME|TILE"
    r"|PAGE|FILE|CAM|SCREENSHOT)[ _-]?\d)(?P<sample>[A-Z]{2,8}[ _-]?\d{3,9}(?:\.\d{1,4})?)(?!\d)",
)


def parse_name(file: str, *, patterns: Sequence[str] = DEFAULT_PATTERNS) -> NameFields:
    """What the first pattern that fits says of ``file`` (a name, or a path with slashes).

    No pattern at all means the default ones. Raises DataError for a wrong pattern, naming it.
    """
    text = file if file.isascii() else unicodedata.normalize("NFC", file)
    path = _without_suffix(text.replace("\\", "/"))
    name = _short(path.rpartition("/")[2])
    folded = path.lower()
    for pattern in compiled(tuple(patterns) or DEFAULT_PATTERNS):
        if pattern.needs in folded:
            fields = _fields(pattern, _short(path) if pattern.whole_path else name)
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
    """Whether a unit is feet; what a depth is measured from may follow, as in ``ft RKB``."""
    return unit is not None and _length(r"ft|feet|foot|['′]", unit)


def is_metres(unit: str) -> bool:
    return _length(r"m(?:[eè]t(?:er|re)s?)?|м|米", unit)


def _length(words: str, unit: str) -> bool:
    pattern = rf"[\s._(\[]*(?:{words})[\s._(\[]*{DATUM}?[\s.)\]]*"
    return re.fullmatch(pattern, unit, re.IGNORECASE) is not None


def _in_metres(depth: Decimal, unit: str | None) -> Decimal:
    return depth * _METRES_PER_FOOT if is_feet(unit) else depth


def _number(text: str) -> Decimal:
    """Decimals by point or comma; a comma before exactly three digits parts thousands."""
    text = text.strip()
    if re.fullmatch(r"[1-9]\d{0,2}(,\d{3})+(\.\d+)?", text):
        text = text.replace(",", "")
    # A workbook holds 381 m as 381.00000000000006 where it was computed from feet.
    if not re.fullmatch(r"[+-]?\d{1,12}([.,]\d{1,20})?", text):
        raise ValueError(f"not a number: {text!r}")
    return Decimal(text.replace(",", "."))


def _short(text: str) -> str:
    """Bounds what a pattern can cost; the end of a long path says more than its beginning."""
    return text[-_LONGEST_NAME:].strip()


def _without_suffix(file: str) -> str:
    """Only an image's suffix is one: the ``.0m`` of ``WELL-A_0020.0m`` belongs to the depth."""
    stem, dot, suffix = file.rpartition(".")
    return stem if dot and f".{suffix.lower()}" in formats.IMAGE_SUFFIXES else file


def _fields(pattern: NamePattern, text: str) -> NameFields | None:
    """What a pattern reads in ``text``; None when it does not fit or the depth is impossible."""
    match = pattern.find(text)
    if match is None:
        return None
    fields = _read(match, pattern)
    if fields is None and pattern.without_interval is not None:
        # In "W-12-1250m" the 12 belongs to the well: no interval is 1238 m long.
        match = pattern.without_interval.fullmatch(text)
        fields = None if match is None else _read(match, pattern)
    return fields


def _read(match: re.Match[str], pattern: NamePattern) -> NameFields | None:
    found = {name: value for name, value in match.groupdict().items() if value}
    unit = found.get("unit") or found.get("unit_before") or pattern.unit
    depth_m: float | None = None
    try:
        for group, unit_here in (("depth", unit), ("depth_m", "m"), ("depth_ft", "ft")):
            if group in found:
                depth_m = _depth_m(found[group], found.get("until"), unit_here)
    except ValueError:
        return None
    return NameFields(
        well=_tidy(found.get("well")), depth_m=depth_m, sample=_tidy(found.get("sample"))
    )


def _depth_m(number: str, until: str | None, unit: str | None) -> float:
    """The depth, or the middle of the interval. Raises ValueError for an impossible one."""
    depth = _number(number)
    if until is not None:
        length = _number(until) - depth
        if not 0 < length <= _LONGEST_INTERVAL:
            raise ValueError("not an interval")
        depth += length / 2
    depth_m = float(_in_metres(depth, unit))
    if depth_m > _DEEPEST_M:
        raise ValueError("deeper than any well")
    return depth_m


def _tidy(text: str | None) -> str | None:
    return (text or "").strip(" _-.,") or None
