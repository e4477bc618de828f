"""Storage boxes: the smallest that a specimen fits, and how many of each size to buy."""

from __future__ import annotations

import math
import os
import re
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from geoview import paths
from geoview.errors import DataError
from geoview.measured import Measurement
from geoview.photos import cells, sheet
from geoview.photos.cells import Titles

CLEARANCE_MM = 3.0
NONE_FITS = "none fits"
_NEEDED = ("name", "length_mm", "width_mm")
_NUMBERS = ("length_mm", "width_mm", "height_mm", "in_stock")
_SAME = {"box": "name", "stock": "in_stock", "count": "in_stock", "count_in_stock": "in_stock"}


@dataclass(frozen=True, slots=True)
class Box:
    """Inner size of a box or tray. ``in_stock`` is None where nobody counted."""

    name: str
    length_mm: float
    width_mm: float
    height_mm: float | None = None
    in_stock: int | None = None

    @property
    def sides_mm(self) -> tuple[float, float]:
        """The longer and the shorter side: a specimen may lie either way."""
        return max(self.length_mm, self.width_mm), min(self.length_mm, self.width_mm)


@dataclass(frozen=True, slots=True)
class BoxNeed:
    """How many specimens need boxes of one size, how many there are, how many to buy."""

    name: str
    needed: int
    in_stock: int | None
    to_buy: int


@dataclass(frozen=True, slots=True)
class BoxPlan:
    """Boxes for a collection: a line for every box of the list, in its order.

    ``none_fits`` specimens are larger than every box; ``undecided`` have no accepted size.
    """

    needs: tuple[BoxNeed, ...]
    none_fits: int
    undecided: int

    @property
    def words(self) -> str:
        """``52 specimens need 4 sizes of box, 1 fits none; 8 without an accepted size are not
        counted.``"""
        used = [need for need in self.needs if need.needed]
        specimens = sum(need.needed for need in used) + self.none_fits
        words = f"{_count(specimens, 'specimen')} {'needs' if specimens == 1 else 'need'} "
        words += f"{_count(len(used), 'size')} of box"
        if self.none_fits:
            words += f", {self.none_fits} {'fits' if self.none_fits == 1 else 'fit'} none"
        if self.undecided:
            verb = "is" if self.undecided == 1 else "are"
            words += f"; {self.undecided} without an accepted size {verb} not counted"
        return f"{words}."


def default_boxes() -> tuple[Box, ...]:
    """The box list that ships with the program: usual card trays of museums."""
    return read_boxes(paths.resources() / "boxes.csv")


def read_boxes(path: Path) -> tuple[Box, ...]:
    """A box list from CSV or Excel: name, length_mm, width_mm, perhaps height_mm and in_stock.

    Raises DataError that names the row and what is wrong with it.
    """
    if not os.path.lexists(path):
        raise DataError(f"There is no file {path}; check where the box list is (--boxes).")
    found = cells.read(path, _TITLES)
    titles = [_name(cell) for cell in found.titles]
    if lacking := [name for name in _NEEDED if name not in titles]:
        raise DataError(
            f"The box list {path} needs a column “{lacking[0]}”; its first row should read "
            "name, length_mm, width_mm, height_mm, in_stock."
        )
    rows = {at: row for at, row in found.rows.items() if any(row[: len(titles)])}
    if shifted := found.shifted & rows.keys():
        raise DataError(f"{path}, row {min(shifted)} has {cells.SHIFTED}.")
    boxes = [
        _box(dict(zip(titles, row, strict=False)), f"{path}, row {at}") for at, row in rows.items()
    ]
    if not boxes:
        raise DataError(f"The box list {path} has no boxes; add a row for each size.")
    twice = [name for name, times in Counter(box.name for box in boxes).items() if times > 1]
    if twice:
        raise DataError(f"The box list {path} has two boxes named {twice[0]}; name each once.")
    return tuple(boxes)


def _name(cell: str) -> str:
    name = sheet.title(cell)
    return _SAME.get(name, name)


def _meaning(cell: str) -> str | None:
    name = _name(cell)
    return name if name in ("name", *_NUMBERS) else None


_TITLES = Titles(_meaning, lambda said: said >= set(_NEEDED), frozenset(("name",)))


def _box(said: Mapping[str, str], where: str) -> Box:
    values = {name: _positive(said.get(name, ""), f"{where}, {name}") for name in _NUMBERS}
    length, width, stock = values["length_mm"], values["width_mm"], values["in_stock"]
    if not said.get("name") or not length or not width:
        raise DataError(f"{where}: a box needs a name, a length and a width above 0 mm.")
    return Box(
        said["name"], length, width, values["height_mm"], None if stock is None else int(stock)
    )


def _positive(cell: str, where: str) -> float | None:
    if not cell:
        return None
    if re.fullmatch(r"[1-9]\d{0,2},\d{3}", cell):
        raise DataError(f"{where}: “{cell}” may be a thousand times that; leave the comma out.")
    try:
        value = float(cell.replace(",", "."))
    except ValueError as error:
        raise DataError(f"{where}: “{cell}” is not a number; correct the box list.") from error
    if not math.isfinite(value) or value < 0:
        raise DataError(f"{where}: “{cell}” cannot be; give a number of 0 or more.")
    return value


def required_mm(one: Measurement, *, clearance_mm: float) -> tuple[float, float] | None:
    """Inner length and width that a specimen needs: its size, its ±, ``clearance_mm`` on every
    side. None without a size in mm, and for a rejected photo."""
    if one.size_mm is None or one.scale is None or one.status == "rejected":
        return None
    length = one.size_mm.length + (one.length_pm_mm or 0.0) + 2 * clearance_mm
    width = one.size_mm.width + (one.width_pm_mm or 0.0) + 2 * clearance_mm
    return max(length, width), min(length, width)


def fit(required: tuple[float, float], boxes: Iterable[Box]) -> Box | None:
    """The box of the smallest area, then length, that takes the sides (longer, shorter) in mm."""
    fitting = [
        box for box in boxes if box.sides_mm[0] >= required[0] and box.sides_mm[1] >= required[1]
    ]
    return min(
        fitting, key=lambda box: (box.length_mm * box.width_mm, box.sides_mm[0]), default=None
    )


def box_name(one: Measurement | None, *, boxes: Sequence[Box], clearance_mm: float) -> str:
    """The box for a measurement, "none fits", or "" without a size or a box list."""
    required = None if one is None else required_mm(one, clearance_mm=clearance_mm)
    if required is None or not boxes:
        return ""
    best = fit(required, boxes)
    return NONE_FITS if best is None else best.name


def plan(
    measurements: Iterable[Measurement | None], *, boxes: Sequence[Box], clearance_mm: float
) -> BoxPlan:
    """How many boxes of each size the accepted measurements need.

    Photos with the same catalogue number show one specimen: the largest sides among them count.
    """
    sides: dict[str, tuple[float, float] | None] = {}
    for at, one in enumerate(measurements):
        key = f"number {one.catalogue_no}" if one and one.catalogue_no else f"photo {at}"
        accepted = one is not None and one.status == "accepted"
        needs = required_mm(one, clearance_mm=clearance_mm) if one and accepted else None
        sides[key] = _larger(sides.get(key), needs)
    chosen = [fit(needs, boxes) for needs in sides.values() if needs is not None]
    counts = Counter(box.name for box in chosen if box is not None)
    return BoxPlan(
        tuple(_need(box, counts[box.name]) for box in boxes),
        none_fits=sum(box is None for box in chosen),
        undecided=sum(needs is None for needs in sides.values()),
    )


def _larger(
    one: tuple[float, float] | None, other: tuple[float, float] | None
) -> tuple[float, float] | None:
    if one is None or other is None:
        return one or other
    return max(one[0], other[0]), max(one[1], other[1])


def _need(box: Box, needed: int) -> BoxNeed:
    return BoxNeed(box.name, needed, box.in_stock, max(0, needed - (box.in_stock or 0)))


def plan_rows(plan: BoxPlan) -> list[list[str]]:
    """The table to buy from: header and a row for every box of the list."""
    rows = [["name", "needed", "in_stock", "to_buy"]]
    for need in plan.needs:
        stock = "" if need.in_stock is None else str(need.in_stock)
        rows.append([need.name, str(need.needed), stock, str(need.to_buy)])
    rows.append([NONE_FITS, str(plan.none_fits), "", ""])
    return rows


def _count(number: int, what: str) -> str:
    return f"{number} {what}{'' if number == 1 else 's'}"
