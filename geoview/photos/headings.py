"""Titles of two rows: units below the titles, or single columns below a common title."""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence, Set

Meaning = Callable[[str], str | None]

_UNITS = frozenset("m mm cm ft in metres meters feet inches md mmd ftmd rkb kb".split())


def joined(
    titles: Sequence[str], row: Sequence[str], *, meaning: Meaning, names: Set[str]
) -> list[str] | None:
    """The titles together with the row below them; None where that is no row of titles.

    ``meaning`` is what a title says, None if nothing; a row with a cell below one of the
    meanings ``names`` is that of a photo or specimen.

    ``depth`` above ``m`` is ``depth m``, and of a title above several columns their own titles
    count, with it if that means something (``to depth m``). But a title that is known is kept
    where the row below would make it unknown: a wrong guess must not cost a column.
    """
    width = max(len(titles), len(row))
    # One more: the last column has no neighbour.
    above, below = (list(cells) + [""] * (width + 1 - len(cells)) for cells in (titles, row))
    below = [cell if re.search(r"\w", cell) else "" for cell in below]
    filled = [place for place, cell in enumerate(below) if cell]
    has_digits = any(c.isdigit() for cell in below for c in cell)
    if not filled or has_digits or any(meaning(above[place]) in names for place in filled):
        return None
    common = [place for place in filled if _is_common(place, above, below)]
    if not common and any(above[place] and not _is_unit(below[place]) for place in filled):
        return None
    over, both = "", []
    for place in range(width):
        over = above[place] if place in common else "" if above[place] else over
        both.append(_title(above[place], below[place], over=over, meaning=meaning))
    return both


def _is_common(place: int, above: Sequence[str], below: Sequence[str]) -> bool:
    """Whether a title spans its column and the next, which have titles of their own."""
    has_own = bool(below[place + 1]) and not _is_unit(below[place])
    return bool(above[place]) and not above[place + 1] and has_own


def _title(above: str, below: str, *, over: str, meaning: Meaning) -> str:
    """``over`` is the title that spans the column, if any."""
    if not below:
        return above
    if over and meaning(f"{below} {over}"):
        return f"{below} {over}"
    if above and _is_unit(below):
        return f"{above} {below}" if meaning(f"{above} {below}") else above
    return below if not above or (over and not meaning(above)) else above


def _is_unit(cell: str) -> bool:
    return _UNITS.issuperset(re.findall(r"\w+", cell.casefold()))
