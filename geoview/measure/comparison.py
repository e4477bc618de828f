"""Measured against recorded sizes: the error by size group (P2, eq. 2) and what is suspicious."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

from geoview.measure.register import FILE_KEY, Record, photo_keys
from geoview.measure.suspicion import Suspicion, judge
from geoview.measured import Measurement, at_odds, relative_pm

# Upper limits of the size groups by recorded length, in mm.
GROUPS_MM = (20.0, 40.0, 60.0, 80.0, 120.0, float("inf"))
_SHOWN = 3


@dataclass(frozen=True, slots=True)
class Pair:
    """A record and the accepted measurement of the same number."""

    record: Record
    measurement: Measurement


@dataclass(frozen=True, slots=True)
class GroupError:
    """MAPE of a size group: mean of |recorded - measured| / recorded (P2, eq. 2), a share.

    None where no record of the group has that side.
    """

    name: str
    count: int
    mape_length: float | None
    mape_width: float | None


@dataclass(frozen=True, slots=True)
class LeftOut:
    """A record that could not be judged, and why."""

    record: Record
    why: str

    @property
    def words(self) -> str:
        """``GM-12 (row 7)``, for a cell that could not be understood with that cell."""
        what = f", {self.record.unread}" if self.record.unread else ""
        return f"{self.record.number} (row {self.record.row}{what})"


@dataclass(frozen=True, slots=True)
class Comparison:
    """What the register and the measurements say of each other.

    ``groups`` ends with all records; ``suspicions`` are ranked by evidence; ``left_out`` are the
    records that had no part, in the order of the register.
    """

    pairs: tuple[Pair, ...]
    groups: tuple[GroupError, ...]
    suspicions: tuple[Suspicion, ...]
    left_out: tuple[LeftOut, ...]

    @property
    def not_judged(self) -> dict[str, int]:
        """How many records had no part, by reason."""
        return dict(Counter(one.why for one in self.left_out))

    @property
    def words(self) -> str:
        """``50 records compared, 3 suspicious; 1 could not be judged (no photo has the number:
        GM-12 (row 7)).``"""
        words = f"{_records(len(self.pairs))} compared, {len(self.suspicions)} suspicious"
        if self.left_out:
            reasons = "; ".join(f"{why}: {self._named(why)}" for why in self.not_judged)
            words += f"; {len(self.left_out)} could not be judged ({reasons})"
        return f"{words}."

    def _named(self, why: str) -> str:
        names = [one.words for one in self.left_out if one.why == why]
        more = f" and {len(names) - _SHOWN} more" if len(names) > _SHOWN else ""
        return ", ".join(names[:_SHOWN]) + more


def compare(measurements: Iterable[Measurement | None], records: Sequence[Record]) -> Comparison:
    """Compare accepted measurements with a register; nothing else can judge a record.

    Of several accepted photos of one number the one with the smallest relative ± counts, unless
    they disagree: then none does. Neither is a record judged whose number the register has twice,
    or whose photo is named without its folder while several folders have one of that name.
    """
    named: dict[str, list[Measurement]] = defaultdict(list)
    for one in (found for found in measurements if found is not None):
        for key in dict.fromkeys(photo_keys(one.file, number=one.catalogue_no)):
            named[key].append(one)
    pairs, left_out = _paired(records, named)
    found = [s for pair in pairs if (s := judge(pair.record, pair.measurement)) is not None]
    found.sort(key=lambda suspicion: -suspicion.evidence)
    return Comparison(tuple(pairs), _groups(pairs), tuple(found), tuple(left_out))


def _paired(
    records: Sequence[Record], named: Mapping[str, Sequence[Measurement]]
) -> tuple[list[Pair], list[LeftOut]]:
    times = Counter(record.keys[0] for record in records)
    pairs: list[Pair] = []
    left_out: list[LeftOut] = []
    for record in records:
        shown: Measurement | str
        if times[record.keys[0]] > 1:
            shown = "the number is in the register more than once"
        elif record.unread:
            shown = "the size cannot be understood"
        elif not (record.length and record.length.mm) and not (record.width and record.width.mm):
            shown = "no size is recorded"
        else:
            shown = _photo_of(record, named)
        if isinstance(shown, str):
            left_out.append(LeftOut(record, shown))
        else:
            pairs.append(Pair(record, shown))
    return pairs, left_out


def _photo_of(record: Record, named: Mapping[str, Sequence[Measurement]]) -> Measurement | str:
    """The measurement that a record is compared with, or why there is none."""
    why = "no photo has the number"
    for key in record.keys:
        photos = named.get(key, ())
        if key.startswith(FILE_KEY) and len(photos) > 1:
            return "the name fits several photos"
        accepted = [one for one in photos if one.status == "accepted" and one.size_mm is not None]
        if accepted:
            if at_odds(accepted):
                return "its photos give different sizes"
            return min(accepted, key=relative_pm)
        if photos:
            why = "no photo of it is accepted"
    return why


def _groups(pairs: Sequence[Pair]) -> tuple[GroupError, ...]:
    grouped: dict[float, list[Pair]] = defaultdict(list)
    for pair in pairs:
        side = pair.record.length or pair.record.width
        if side is not None:
            grouped[next(limit for limit in GROUPS_MM if side.mm < limit)].append(pair)
    parts = [_error(_name(limit), grouped[limit]) for limit in sorted(grouped)]
    return (*parts, _error("all", pairs))


def _name(limit: float) -> str:
    at = GROUPS_MM.index(limit)
    if at == 0:
        return f"below {limit:g} mm"
    below = GROUPS_MM[at - 1]
    return f"{below:g} mm and more" if limit == float("inf") else f"{below:g} – {limit:g} mm"


def _error(name: str, pairs: Sequence[Pair]) -> GroupError:
    lengths, widths = [], []
    for pair in pairs:
        record, size = pair.record, pair.measurement.size_mm
        if size is not None and record.length is not None and record.length.mm:
            lengths.append(abs(record.length.mm - size.length) / record.length.mm)
        if size is not None and record.width is not None and record.width.mm:
            widths.append(abs(record.width.mm - size.width) / record.width.mm)
    return GroupError(name, len(pairs), _mean(lengths), _mean(widths))


def _mean(values: Sequence[float]) -> float | None:
    return sum(values) / len(values) if values else None


def _records(count: int) -> str:
    return f"{count} record{'' if count == 1 else 's'}"
