"""How the Measure page words sizes, scales and what was changed; units are display only."""

from __future__ import annotations

from datetime import datetime
from typing import Literal

from geoview.app.job_words import photos
from geoview.app.words import THIN
from geoview.measured import Measurement, MeasureStatus, Scale

Unit = Literal["mm", "cm", "in"]
UNITS: tuple[Unit, ...] = ("mm", "cm", "in")
NO_SCALE = "No scale"
UNMEASURED = "not measured yet"
OUTDATED = "Measured with other settings than those chosen now"

_MM: dict[Unit, float] = {"mm": 1.0, "cm": 10.0, "in": 25.4}
_DECIMALS: dict[Unit, int] = {"mm": 1, "cm": 2, "in": 2}
STATUS_WORDS: dict[MeasureStatus, str] = {
    "accepted": "Accepted",
    "review": "To review",
    "rejected": "Rejected",
}
STATUS_ICONS: dict[MeasureStatus, str] = {
    "accepted": "check",
    "review": "eye",
    "rejected": "close",
}
_SOURCES = {
    "cube": "Cube with an edge of {length}",
    "ruler": "Ruler, {length}",
    "scale bar": "Scale bar of {length}",
    "coin": "Coin of {length}",
    "line": "Line of {length}",
    "inherited": "Scale of {photo}",
}


def number(mm: float, unit: Unit) -> str:
    """A length without its unit: 41.327 as "41.3" (mm) or "4.13" (cm)."""
    return f"{mm / _MM[unit]:.{_DECIMALS[unit]}f}"


def length(mm: float, unit: Unit, *, pm_mm: float | None = None) -> str:
    """ "41.3 ± 0.4 mm"."""
    pm = f" ± {number(pm_mm, unit)}" if pm_mm is not None else ""
    return f"{number(mm, unit)}{pm}{THIN}{unit}"


def pair(measurement: Measurement, unit: Unit) -> str:
    """Length × width without the unit, or that there is no scale; empty without an outline."""
    size = measurement.size_mm
    if size is not None:
        return f"{number(size.length, unit)} × {number(size.width, unit)}"
    return NO_SCALE if measurement.size_px is not None else ""


def spread(measurement: Measurement, unit: Unit) -> str:
    """The larger of the two half-widths with the unit: "± 0.4 mm"."""
    pms = [pm for pm in (measurement.length_pm_mm, measurement.width_pm_mm) if pm is not None]
    if measurement.size_mm is None or not pms:
        return ""
    return f"± {number(max(pms), unit)}{THIN}{unit}"


def area(mm2: float, unit: Unit) -> str:
    """An area in the square of the unit: "812 mm²"."""
    value = mm2 / _MM[unit] ** 2
    text = f"{value:,.0f}" if value >= 100 else f"{value:.3g}"
    return f"{text}".replace(",", THIN) + f"{THIN}{unit}²"


def sentence(text: str) -> str:
    """A reason as it begins a line; the rest of it may hold names, which stay."""
    return text[:1].upper() + text[1:]


def pixels(length_px: float) -> str:
    return f"{length_px:,.0f}".replace(",", THIN) + f"{THIN}px"


def source(scale: Scale, unit: Unit) -> str:
    """Where a scale comes from: "Cube with an edge of 25.4 mm"."""
    text = _SOURCES[scale.source]
    photo = scale.inherited_from.rpartition("/")[2] or "another photo"
    return text.format(length=length(scale.reference_mm, unit), photo=photo)


def resolution(scale: Scale) -> str:
    """ "0.0821 mm/px ± 0.6 %": four significant figures, as many as a length may need."""
    share = 100 * scale.pm_mm_per_px / scale.mm_per_px
    return f"{scale.mm_per_px:.4g}{THIN}mm/px ± {share:.1f}{THIN}%"


def when(created_utc: str) -> str:
    """A moment in the local time of this machine: "28 Nov 2026, 01:15"."""
    try:
        moment = datetime.fromisoformat(created_utc).astimezone()
    except ValueError:
        return created_utc
    return f"{moment.day} {moment:%b %Y, %H:%M}"


def pending_words(outdated: int, unmeasured: int) -> tuple[str, ...]:
    """What an export should say of photos that are still to be measured."""
    found = []
    if outdated:
        were = "was" if outdated == 1 else "were"
        found.append(f"{photos(outdated)} {were} {OUTDATED[:1].lower()}{OUTDATED[1:]}.")
    if unmeasured:
        found.append(f"{photos(unmeasured)} {'is' if unmeasured == 1 else 'are'} {UNMEASURED}.")
    return tuple(found)


def shared(number: int, file: str) -> str:
    """That so many photos took over the scale of another."""
    what = f"{photos(number)} now use" if number != 1 else "1 photo now uses"
    return f"{what} the scale of {file}."


def who(measurement: Measurement) -> str:
    """Who or what this number comes from: "Corrected by ada", "Automatic"."""
    return f"Corrected by {measurement.user}" if measurement.user else "Automatic"


def step(before: Measurement | None, after: Measurement) -> str:
    """A step of a photo's history in a few words: "Corrected by ada: outline"."""
    return f"{who(after)}: {change(before, after)}" if after.user else who(after)


def change(before: Measurement | None, after: Measurement | None) -> str:
    """What differs between two measurements of a photo, for "Undone: …"."""
    if before is None or after is None:
        return "measurement"
    if _reference(before.scale) != _reference(after.scale):
        return _scale_change(before, after)
    if before.size_px != after.size_px or before.outline_box_px != after.outline_box_px:
        return "outline"
    if before.catalogue_no != after.catalogue_no:
        return "catalogue number"
    if before.status != after.status:
        return f"status ({STATUS_WORDS[after.status].lower()})"
    return "correction"


def _reference(scale: Scale | None) -> object:
    """What a scale was read from; where the outline lies changes the rest of it, too."""
    return scale and (scale.source, scale.reference_px, scale.reference_mm, scale.inherited_from)


def _scale_change(before: Measurement, after: Measurement) -> str:
    sources = {m.scale.source for m in (before, after) if m.scale is not None}
    for known, words in (("inherited", "shared scale"), ("line", "line"), ("cube", "cube corners")):
        if known in sources:
            return words
    return "scale"


def model(one: Measurement) -> str:
    """ " · model 1a2b3c4d", or nothing where no network found the objects."""
    return f" · model {one.model[:8]}" if one.model else ""
