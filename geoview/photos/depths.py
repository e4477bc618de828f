"""Depths in the cells of a sheet: one column, or the top and the base of an interval."""

from __future__ import annotations

import re
from collections.abc import Mapping

from geoview.errors import DataError
from geoview.photos import names
from geoview.photos.cells import says_nothing
from geoview.photos.patterns import ALONG_HOLE, DATUM

# Depth (m), Depth [ft MD], MD_ft: along the hole, for many wells are not vertical.
_UNIT = (
    rf"(?:_{ALONG_HOLE})?(?:_(?:in_)?(?:(?P<m>m|met(?:er|re)s?)|(?P<ft>ft|feet|foot)))?"
    rf"(?:_?{ALONG_HOLE})?"
)
_TITLES = {
    "depth": re.compile(rf"(?:depth|md|measured_depth){_UNIT}", re.IGNORECASE),
    "from": re.compile(rf"(?:depth_)?(?:from|top)(?:_depth)?{_UNIT}", re.IGNORECASE),
    "to": re.compile(rf"(?:depth_)?(?:to|base|bottom)(?:_depth)?{_UNIT}", re.IGNORECASE),
}
_OTHER_LENGTHS = frozenset("mm cm dm km in inch inches yd yard yards mi mile miles fathoms".split())


def column(words: str) -> str | None:
    """What the title of a column of depths says: ``depth``, ``from`` or ``to``, perhaps with its
    unit, as in ``depth_m`` and ``to_ft``; None for other titles. ``words`` are joined by ``_``."""
    for name, pattern in _TITLES.items():
        if found := pattern.fullmatch(words):
            return f"{name}_m" if found["m"] else f"{name}_ft" if found["ft"] else name
    return None


def of_row(cells: Mapping[str, str], where: str) -> float | None:
    """The depth in metres of a row whose cells go by ``column``: of an interval its middle.

    Raises DataError, beginning with ``where``, for a depth that is no number, or in another unit.
    """
    units = (("_m", "m"), ("_ft", "ft"), ("", cells.get("unit", "")))
    for suffix, unit in units:
        if not says_nothing(cell := cells.get(f"depth{suffix}", "")):
            return _depth_m(cell, unit, where)
    for suffix, unit in units:
        top, base = cells.get(f"from{suffix}", ""), cells.get(f"to{suffix}", "")
        if not says_nothing(top) and not says_nothing(base):
            try:
                return _middle_m(top, base, unit, where)
            except DataError:
                if suffix:
                    raise
                # From and to where something else? Without a unit the titles do not tell.
    return None


def _depth_m(cell: str, unit: str, where: str) -> float:
    """A cell such as ``1250``, ``1250,5``, ``4100 ft MD`` or ``1250-1255 m``."""
    interval = re.fullmatch(r"(.*\d.*?)\s*(?:[-–—]|\bto\b)\s*(.+)", cell)
    if interval is None:
        return _point_m(cell, unit, where)
    return _middle_m(interval[1], interval[2], unit, where)


def _middle_m(top: str, base: str, unit: str, where: str) -> float:
    top_m = _point_m(top, _parted(base)[1] or unit, where)
    base_m = _point_m(base, unit, where)
    if base_m < top_m:
        raise DataError(
            f"{where}: the depth “{base}” lies above “{top}”, where its interval begins; correct "
            "the sheet."
        )
    return (top_m + base_m) / 2


def _point_m(cell: str, unit: str, where: str) -> float:
    number, own = _parted(cell)
    common = _unit(unit)
    if not own and (_is_taken(common) or common.lower() in _OTHER_LENGTHS):
        own = common  # else the column tells a unit of rock
    try:
        depth_m = names.to_metres(number, unit=own)
    except ValueError as error:
        raise DataError(
            f"{where}: the depth “{cell}” is not a number; correct the sheet."
        ) from error
    if own and not _is_taken(own):
        raise DataError(
            f"{where}: the unit “{own}” of a depth is neither metres nor feet; write m or ft, or "
            "call the column of depths depth_m or depth_ft."
        )
    return depth_m


def _parted(cell: str) -> tuple[str, str]:
    """``4100 ft MD`` → its number and its unit, empty where it has none."""
    number = cell.rstrip("abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ'′. ")
    return number, _unit(cell[len(number) :])


def _is_taken(unit: str) -> bool:
    return names.is_feet(unit) or names.is_metres(unit)


def _unit(text: str) -> str:
    """A unit as written; empty where there is none, or only what the depth is measured from."""
    text = text.strip()
    none = says_nothing(text) or re.fullmatch(DATUM, text, re.IGNORECASE)
    return "" if none else text
