"""How the jobs bar words progress and outcomes."""

from __future__ import annotations

from collections.abc import Sequence

from geoview.app.words import THIN, count
from geoview.records import PhotoResult, Progress, Skipped


def duration(seconds: float) -> str:
    """Rounded as people say it: "40 s", "3 min", "2 h 10 min"."""
    if seconds < 60:
        return f"{max(1, round(seconds))}{THIN}s"
    minutes = round(seconds / 60)
    if minutes < 60:
        return f"{minutes}{THIN}min"
    hours, minutes = divmod(minutes, 60)
    return f"{hours}{THIN}h {minutes}{THIN}min" if minutes else f"{hours}{THIN}h"


def rate(photos_per_s: float) -> str:
    """ "18 photos/s"; slow rates per minute, so that no decimals are needed."""
    if photos_per_s >= 9.5:
        return f"{photos_per_s:.0f} photos/s"
    if photos_per_s >= 1:
        return f"{photos_per_s:.1f} photos/s"
    return f"{photos_per_s * 60:.0f} photos/min"


def running(progress: Progress, *, paused: bool = False, doing: str = "Analysing") -> str:
    """ "Analysing 412 of 3 984 · 18 photos/s · 3 min left"."""
    of = f"{count(progress.done)} of {count(progress.total)}"
    if paused:
        return f"Paused at {of}"
    parts = [f"{doing} {of}"]
    if progress.rate_per_s > 0:
        parts.append(rate(progress.rate_per_s))
    if progress.seconds_left:
        parts.append(f"{duration(progress.seconds_left)} left")
    return " · ".join(parts)


def photos(number: int) -> str:
    return "1 photo" if number == 1 else f"{count(number)} photos"


def summary(results: Sequence[PhotoResult] | dict[str, int], *, total: int | None = None) -> str:
    """ "412 of 3 984 analysed, 3 could not be read"."""
    tally = results if isinstance(results, dict) else tally_of(results)
    whole = sum(tally.values()) if total is None else total
    text = f"{count(tally.get('done', 0))} of {count(whole)} analysed"
    failed = tally.get("failed", 0)
    return f"{text}, {count(failed)} could not be read" if failed else text


def checked(warned: int, progress: Progress) -> str:
    """What the check of the evidence found."""
    of = f"The evidence of {photos(progress.done)} was checked"
    if not warned:
        return f"{of}; it lies where it should."
    need = "1 needs a look" if warned == 1 else f"{count(warned)} need a look"
    return f"{of}; {need}."


def tally_of(results: Sequence[PhotoResult]) -> dict[str, int]:
    """Number of photos by status."""
    tally = {"new": 0, "done": 0, "failed": 0}
    for result in results:
        tally[result.status] += 1
    return tally


def left_out(skipped: Skipped) -> str:
    """Files of the folder that are no photos, or nothing."""
    number = sum(skipped.counts.values())
    if not number:
        return ""
    return "1 other file left out" if number == 1 else f"{count(number)} other files left out"
