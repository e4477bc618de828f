"""Measured against recorded sizes: the error by size group (P2, eq. 2) and what is suspicious."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from geoview.measure.register import Record, photo_keys
from geoview.measure.suspicion import Suspicion, judge
from geoview.measured import Measurement

# Upper limits of the size groups by recorded length, in mm.
GROUPS_MM = (20.0, 40.0, 60.0, 80.0, 120.0, float("inf"))


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
class Comparison:
    """What the register and the measurements say of each other.

    ``groups`` ends with all records; ``suspicions`` are ranked by evidence; ``not_judged`` says
    why records had no part, with their numbers.
    """

    pairs: tuple[Pair, ...]
    groups: tuple[GroupError, ...]
    suspicions: tuple[Suspicion, ...]
    not_judged: dict[str, int]

    @property
    def words(self) -> str:
        """``50 records compared, 3 suspicious; 4 could not be judged (no accepted photo: 4).``"""
        words = f"{_records(len(self.pairs))} compared, {len(self.suspicions)} suspicious"
        if self.not_judged:
            reasons = ", ".join(f"{why}: {count}" for why, count in self.not_judged.items())
            words += f"; {sum(self.not_judged.values())} could not be judged ({reasons})"
        return f"{words}."


def compare(measurements: Iterable[Measurement | None], records: Sequence[Record]) -> Comparison:
    """Compare accepted measurements with a register; nothing else can judge a record.

    Of several accepted photos of one number the one with the smallest relative ± counts. A number
    that the register has twice is not judged.
    """
    seen: set[str] = set()
    best: dict[str, Measurement] = {}
    for one in (found for found in measurements if found is not None):
        for key in photo_keys(one.file, number=one.catalogue_no):
            seen.add(key)
            if one.status == "accepted" and one.size_mm is not None:
                best[key] = min(best.get(key, one), one, key=_relative_pm)
    pairs, not_judged = _paired(records, best, seen)
    found = [s for pair in pairs if (s := judge(pair.record, pair.measurement)) is not None]
    found.sort(key=lambda suspicion: -suspicion.evidence)
    return Comparison(tuple(pairs), _groups(pairs), tuple(found), not_judged)


def _paired(
    records: Sequence[Record], best: dict[str, Measurement], seen: set[str]
) -> tuple[list[Pair], dict[str, int]]:
    times = Counter(record.keys[0] for record in records)
    pairs: list[Pair] = []
    reasons: Counter[str] = Counter()
    for record in records:
        shown = next((best[key] for key in record.keys if key in best), None)
        if times[record.keys[0]] > 1:
            reasons["the number is in the register more than once"] += 1
        elif not (record.length and record.length.mm) and not (record.width and record.width.mm):
            reasons["no size is recorded"] += 1
        elif shown is not None:
            pairs.append(Pair(record, shown))
        elif seen.isdisjoint(record.keys):
            reasons["no photo has the number"] += 1
        else:
            reasons["no photo of it is accepted"] += 1
    return pairs, dict(reasons)


def _relative_pm(one: Measurement) -> float:
    if one.size_mm is None or one.length_pm_mm is None:
        return float("inf")
    return one.length_pm_mm / one.size_mm.length


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
