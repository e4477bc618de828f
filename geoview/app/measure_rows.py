"""The photos of a folder with their measurements, filtered and sorted; no widgets here."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from types import MappingProxyType
from typing import Literal

from geoview.measured import Measurement
from geoview.records import Photo

Show = Literal["all", "review", "accepted", "rejected"]
SHOWS: dict[Show, str] = {
    "all": "All",
    "review": "To review",
    "accepted": "Accepted",
    "rejected": "Rejected",
}
SortKey = Literal["name", "status", "size", "box"]
_STATUS_ORDER = {"review": 0, "rejected": 1, "accepted": 2}


@dataclass(frozen=True, slots=True)
class Row:
    """One photo and what is known of its size: None before it was measured."""

    photo: Photo
    measurement: Measurement | None = None

    @property
    def name(self) -> str:
        """The catalogue number, or else the file's name."""
        number = self.measurement.catalogue_no if self.measurement else ""
        return number or self.file_name

    @property
    def file_name(self) -> str:
        return self.photo.file.rpartition("/")[2]


@dataclass(frozen=True, slots=True)
class Wanted:
    """Which rows are shown, and in which order."""

    show: Show = "all"
    text: str = ""
    key: SortKey = "name"
    descending: bool = False


def counts(rows: Iterable[Row]) -> dict[Show, int]:
    """Number of rows that each filter would show."""
    found: dict[Show, int] = dict.fromkeys(SHOWS, 0)
    for row in rows:
        found["all"] += 1
        if row.measurement is not None:
            found[row.measurement.status] += 1
    return found


_NO_BOXES: Mapping[str, str] = MappingProxyType({})


def arrange(rows: Sequence[Row], wanted: Wanted, boxes: Mapping[str, str] = _NO_BOXES) -> list[int]:
    """Positions of the wanted rows in their order; what has no value comes last.

    ``boxes`` are the storage boxes by file.
    """
    words = wanted.text.casefold().split()
    kept = [
        i for i, row in enumerate(rows) if _shown(row, wanted.show) and _holds(row, words, boxes)
    ]
    if wanted.key == "name" and not wanted.descending:
        return kept  # the scan has sorted them
    values = {i: _value(rows[i], wanted.key, i, boxes) for i in kept}
    known = [i for i in kept if values[i] is not None]
    known.sort(key=values.__getitem__, reverse=wanted.descending)  # type: ignore[arg-type]
    return known + [i for i in kept if values[i] is None]


def _shown(row: Row, show: Show) -> bool:
    return show == "all" or (row.measurement is not None and row.measurement.status == show)


def _holds(row: Row, words: Sequence[str], boxes: Mapping[str, str]) -> bool:
    if not words:
        return True
    number = row.measurement.catalogue_no if row.measurement else ""
    text = f"{row.photo.file} {number} {boxes.get(row.photo.file, '')}".casefold()
    return all(word in text for word in words)


def _value(row: Row, key: SortKey, place: int, boxes: Mapping[str, str]) -> float | int | None:
    """What a row is sorted by, or None. Boxes are sorted by the size of what lies in them."""
    if key == "name":
        return place
    measurement = row.measurement
    if measurement is None:
        return None
    if key == "status":
        return _STATUS_ORDER[measurement.status]
    if key == "box" and not boxes.get(row.photo.file):
        return None
    return measurement.size_mm.length if measurement.size_mm is not None else None
