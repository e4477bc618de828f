"""Photos to records of a collection: which photo speaks for a number, and what is amiss."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Sequence

from geoview.export.measurements import MeasurementRow, MeasurementTable
from geoview.measured import Measurement

_SHOWN = 3


def by_number(rows: Iterable[MeasurementRow]) -> dict[str, list[MeasurementRow]]:
    """The photos of every catalogue number, in their order; those without one are left out."""
    found: dict[str, list[MeasurementRow]] = defaultdict(list)
    for row in rows:
        if row.number:
            found[row.number].append(row)
    return dict(found)


def trusted(rows: Iterable[MeasurementRow]) -> Measurement | None:
    """The accepted measurement in mm with the smallest interval among photos of one record."""
    sizes = [m for m in (trusted_size(row) for row in rows) if m is not None]
    return min(sizes, key=_relative_pm, default=None)


def trusted_size(row: MeasurementRow) -> Measurement | None:
    """The row's measurement if it is accepted and has sizes in mm."""
    one = row.measurement
    return one if one is not None and row.accepted and one.size_mm is not None else None


def _relative_pm(one: Measurement) -> float:
    if one.size_mm is None or one.length_pm_mm is None:
        return float("inf")
    return one.length_pm_mm / one.size_mm.length


def method_words(one: Measurement) -> str:
    """How a size was found, in one line."""
    words = f"minimum-area rectangle of the outline in a photo, GeoView {one.app_version}"
    scale = "" if one.scale is None else f", scale: {scale_words(one)}"
    return f"{words}, method {one.method}{scale}"


def scale_words(one: Measurement) -> str:
    """``cube 25.4 mm`` or ``inherited from tray.jpg``; empty without a scale."""
    if one.scale is None:
        return ""
    if one.scale.source == "inherited":
        return f"inherited from {one.scale.inherited_from or 'the set-up'}"
    return f"{one.scale.source} {one.scale.reference_mm:g} mm"


def determined_by(one: Measurement) -> str:
    return one.user or f"GeoView {one.app_version}"


def check_records(table: MeasurementTable) -> tuple[str, ...]:
    """What a collection's program would miss, one sentence each; empty when all is well."""
    rows = table.rows
    numbered = by_number(rows)
    doubles = [number for number, photos in numbered.items() if len(photos) > 1]
    nameless = [row.file for row in rows if not row.number]
    doubtful = [r.file for r in rows if r.measurement is not None and not r.accepted]
    no_scale = [r.file for r in rows if r.measurement is not None and r.measurement.scale is None]
    unmeasured = [row.file for row in rows if row.measurement is None]
    found = (
        _sentence(nameless, "{} without a catalogue number"),
        _sentence(doubles, "{} more than one photo", unit="catalogue number", verb=("has", "have")),
        _sentence(doubtful, "{} not accepted, so no size is written"),
        _sentence(no_scale, "{} without a scale, so no size is written"),
        _sentence(unmeasured, "{} not measured yet"),
    )
    return tuple(sentence for sentence in found if sentence)


def _sentence(
    names: Sequence[str],
    words: str,
    *,
    unit: str = "photo",
    verb: tuple[str, str] = ("is", "are"),
) -> str:
    """``3 photos are without a catalogue number: a.jpg, b.jpg, c.jpg.``"""
    if not names:
        return ""
    one = len(names) == 1
    subject = f"{len(names)} {unit}{'' if one else 's'} {verb[0] if one else verb[1]}"
    more = f" and {len(names) - _SHOWN} more" if len(names) > _SHOWN else ""
    return f"{words.format(subject)}: {', '.join(names[:_SHOWN])}{more}."
