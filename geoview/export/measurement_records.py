"""Photos to records of a collection: which photo speaks for a number, and what is amiss."""

from __future__ import annotations

import unicodedata
from collections import defaultdict
from collections.abc import Iterable, Sequence
from pathlib import PurePosixPath

from geoview.export.measurements import MeasurementRow, MeasurementTable
from geoview.measured import Measurement, at_odds, relative_pm

_SHOWN = 3
IS, HAS = ("is", "are"), ("has", "have")
NUMBER = "catalogue number"


def by_number(rows: Iterable[MeasurementRow]) -> dict[str, list[MeasurementRow]]:
    """The photos of every catalogue number, in their order; those without one are left out."""
    found: dict[str, list[MeasurementRow]] = defaultdict(list)
    for row in rows:
        if row.number:
            found[row.number].append(row)
    return dict(found)


def trusted(rows: Iterable[MeasurementRow]) -> Measurement | None:
    """The accepted measurement in mm with the smallest interval among photos of one record; None
    when they disagree beyond their ±: views of one specimen differ, and none is the right one."""
    sizes = _sizes(rows)
    return None if at_odds(sizes) else min(sizes, key=relative_pm, default=None)


def _sizes(rows: Iterable[MeasurementRow]) -> list[Measurement]:
    return [one for one in map(trusted_size, rows) if one is not None]


def trusted_size(row: MeasurementRow) -> Measurement | None:
    """The row's measurement if it is accepted and has sizes in mm."""
    one = row.measurement
    return one if one is not None and row.accepted and one.size_mm is not None else None


def method_words(one: Measurement) -> str:
    """How a size was found, in one line."""
    words = f"minimum-area rectangle of the outline in a photo, GeoView {one.app_version}"
    scale = "" if one.scale is None else f", scale: {scale_words(one)}"
    model = f", model {one.model[:12]}" if one.model else ""
    return f"{words}, method {one.method}{model}{scale}"


def scale_words(one: Measurement) -> str:
    """``cube 25.4 mm`` or ``inherited from tray.jpg``; empty without a scale."""
    if one.scale is None:
        return ""
    if one.scale.source == "inherited":
        return f"inherited from {one.scale.inherited_from or 'the set-up'}"
    return f"{one.scale.source} {one.scale.reference_mm:g} mm"


def determined_by(one: Measurement) -> str:
    return one.user or f"GeoView {one.app_version}"


def check_records(table: MeasurementTable, *, one_size: bool = True) -> tuple[str, ...]:
    """What any collection's program would miss, one sentence each; empty when all is well.

    ``one_size``: the format has one size for each number, not one for each photo.
    """
    rows = table.rows
    numbered = by_number(rows)
    doubles = [number for number, photos in numbered.items() if len(photos) > 1]
    nameless = [row.file for row in rows if not row.number]
    doubtful = [r.file for r in rows if r.measurement is not None and not r.accepted]
    no_scale = [r.file for r in rows if r.measurement is not None and r.measurement.scale is None]
    unmeasured = [row.file for row in rows if row.measurement is None]
    apart = _named([number for number, photos in numbered.items() if at_odds(_sizes(photos))])
    so = ", so no size is written" if one_size else ""
    found = (
        sentence(nameless, "{} without a catalogue number"),
        sentence(doubles, "{} more than one photo", unit=NUMBER, verb=HAS),
        f"The photos of {apart} give different sizes{so}." if apart else "",
        sentence(doubtful, "{} not accepted, so no size is written"),
        sentence(no_scale, "{} without a scale, so no size is written"),
        sentence(unmeasured, "{} not measured yet"),
    )
    return told(*found)


def same_names(table: MeasurementTable) -> list[str]:
    """Photos with a number whose file's name is also that of one in another folder."""
    found: dict[str, list[str]] = defaultdict(list)
    for row in table.rows:
        if row.number:
            found[PurePosixPath(row.file).name.casefold()].append(row.file)
    return [file for files in found.values() if len(files) > 1 for file in files]


def nearly_alike(table: MeasurementTable) -> list[str]:
    """Numbers that differ only in capitals or in how an accent is stored."""
    found: dict[str, list[str]] = defaultdict(list)
    for number in by_number(table.rows):
        found[unicodedata.normalize("NFC", number).casefold()].append(number)
    return [number for numbers in found.values() if len(numbers) > 1 for number in numbers]


def told(*sentences: str) -> tuple[str, ...]:
    """The sentences that there is a reason for."""
    return tuple(one for one in sentences if one)


def sentence(
    names: Sequence[str],
    words: str,
    *,
    unit: str = "photo",
    verb: tuple[str, str] = IS,
) -> str:
    """``3 photos are without a catalogue number: a.jpg, b.jpg, c.jpg.``"""
    if not names:
        return ""
    one = len(names) == 1
    subject = f"{len(names)} {unit}{'' if one else 's'} {verb[0] if one else verb[1]}"
    return f"{words.format(subject)}: {_named(names)}."


def _named(names: Sequence[str]) -> str:
    more = f" and {len(names) - _SHOWN} more" if len(names) > _SHOWN else ""
    return f"{', '.join(names[:_SHOWN])}{more}"
