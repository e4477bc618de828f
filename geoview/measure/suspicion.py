"""Why a recorded size may be wrong, weighed against "as recorded" by what was measured.

Each explanation says which sizes the specimen would really have. How far the measured ones lie
from those, in logarithms, is compared with a Student t (4 degrees of freedom) of the spread that
the ±, the last digit written and two people's idea of "length" allow. The evidence is the
common logarithm of (prior × likelihood) of the explanation over that of the record as it stands:
2 means a hundred times more credible.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from itertools import pairwise
from typing import Literal

from geoview.measure.register import Record, Recorded
from geoview.measured import Measurement

Kind = Literal["unit slip", "decimal slip", "swapped sides", "transposed digits", "outlier"]
Sides = Mapping[str, float]

SUSPICIOUS = 0.5
# Two people who lay a calliper on the same irregular stone differ by about so much.
_PEOPLE_SD = 0.03
_T_NU = 4.0
# When nothing explains a record, the true size may be anything near: a factor e in 95 of 100.
_OUTLIER_SD = 0.5
_PRIOR: dict[Kind, float] = {
    "unit slip": 0.01,
    "decimal slip": 0.003,
    "swapped sides": 0.01,
    "transposed digits": 0.001,
    "outlier": 0.01,
}
_UNIT_FACTORS = {
    10.0: "10 times too small, as if cm had been entered as mm",
    0.1: "10 times too large, as if mm had been entered as cm",
    2.54: "2.54 times too small, as if inches had been entered as cm",
    1 / 2.54: "2.54 times too large, as if cm had been entered as inches",
    25.4: "25.4 times too small, as if inches had been entered as mm",
    1 / 25.4: "25.4 times too large, as if mm had been entered as inches",
}


@dataclass(frozen=True, slots=True)
class Suspicion:
    """A record that is probably wrong, how, and what it should probably say, in mm.

    ``evidence`` is a common logarithm (see the module); ``words`` explain it in one sentence.
    A side that is not recorded is None.
    """

    number: str
    row: int
    file: str
    kind: Kind
    evidence: float
    words: str
    recorded_length_mm: float | None
    recorded_width_mm: float | None
    length_mm: float
    width_mm: float
    suggested_length_mm: float | None
    suggested_width_mm: float | None


@dataclass(frozen=True, slots=True)
class _Explanation:
    kind: Kind
    words: str
    true_mm: Sides


def judge(record: Record, measurement: Measurement) -> Suspicion | None:
    """The best explanation of a record that an accepted measurement speaks against, or None."""
    size = measurement.size_mm
    recorded = {
        name: side
        for name, side in (("length", record.length), ("width", record.width))
        if side is not None and side.mm > 0
    }
    if size is None or not recorded:
        return None
    measured = {"length": size.length, "width": size.width}
    pm = {"length": measurement.length_pm_mm or 0.0, "width": measurement.width_pm_mm or 0.0}
    spread = {n: _spread(side, pm[n] / measured[n]) for n, side in recorded.items()}
    stands = _log_likelihood({n: side.mm for n, side in recorded.items()}, measured, spread)
    scored = [(_evidence(e, measured, spread, stands), e) for e in _explanations(recorded)]
    scored.append((_outlier_evidence(spread, stands), _outlier(recorded, measured)))
    evidence, best = max(scored, key=lambda pair: pair[0])
    if evidence < SUSPICIOUS:
        return None
    return _suspicion(record, measurement.file, measured, best=best, evidence=evidence)


def _evidence(one: _Explanation, measured: Sides, spread: Sides, stands: float) -> float:
    explained = _log_likelihood(one.true_mm, measured, spread)
    return (math.log(_PRIOR[one.kind]) + explained - stands) / math.log(10)


def _outlier_evidence(spread: Sides, stands: float) -> float:
    """Against a size that could be anything near, whatever was measured."""
    anything = -sum(math.log(_OUTLIER_SD / sd) for sd in spread.values())
    return (math.log(_PRIOR["outlier"]) + anything - stands) / math.log(10)


def _log_likelihood(true_mm: Sides, measured: Sides, spread: Sides) -> float:
    """Up to a constant that every explanation shares."""
    total = 0.0
    for name, sd in spread.items():
        z = math.log(measured[name] / true_mm[name]) / sd
        total -= (_T_NU + 1) / 2 * math.log1p(z * z / _T_NU)
    return total


def _spread(side: Recorded, pm: float) -> float:
    """Relative standard deviation of measured against recorded when both are right; ``pm`` is
    the relative half-width of the measurement's 95 % interval."""
    rounding = min(1.0, side.step_mm / math.sqrt(12) / side.mm)
    return math.sqrt((pm / 1.96) ** 2 + rounding**2 + _PEOPLE_SD**2)


def _explanations(recorded: Mapping[str, Recorded]) -> Iterator[_Explanation]:
    sizes = {name: side.mm for name, side in recorded.items()}
    for factor, words in _UNIT_FACTORS.items():
        scaled = {name: mm * factor for name, mm in sizes.items()}
        which = "both sides are" if len(sizes) == 2 else f"the {next(iter(sizes), '')} is"
        yield _Explanation("unit slip", f"{which} {words}", scaled)
    if len(sizes) == 2:
        swapped = {"length": sizes["width"], "width": sizes["length"]}
        yield _Explanation("swapped sides", "length and width are swapped", swapped)
        for name in sizes:
            for factor, much in ((10.0, "small"), (0.1, "large")):
                words = f"the {name} alone is 10 times too {much}, as if its point had slipped"
                shifted = {**sizes, name: sizes[name] * factor}
                yield _Explanation("decimal slip", words, shifted)
    for name, side in recorded.items():
        for other in _transposed(side):
            words = f"the {name} {side.words} should read {other.words}"
            yield _Explanation("transposed digits", words, {**sizes, name: other.mm})


def _transposed(side: Recorded) -> Iterator[Recorded]:
    """The number with two neighbouring digits the other way round."""
    digits = [at for at, c in enumerate(side.written) if c.isdigit()]
    for left, right in pairwise(digits):
        letters = list(side.written)
        letters[left], letters[right] = letters[right], letters[left]
        other = replace(side, written="".join(letters))
        if other.mm > 0 and other.mm != side.mm:
            yield other


def _outlier(recorded: Mapping[str, Recorded], measured: Sides) -> _Explanation:
    words = "the sizes disagree beyond the ± and no simple slip explains it"
    return _Explanation("outlier", words, {name: measured[name] for name in recorded})


def _suspicion(
    record: Record, file: str, measured: Sides, *, best: _Explanation, evidence: float
) -> Suspicion:
    length, width = record.length, record.width
    return Suspicion(
        number=record.number,
        row=record.row,
        file=file,
        kind=best.kind,
        evidence=evidence,
        words=_sentence(record, measured, best=best, evidence=evidence),
        recorded_length_mm=None if length is None else length.mm,
        recorded_width_mm=None if width is None else width.mm,
        length_mm=measured["length"],
        width_mm=measured["width"],
        suggested_length_mm=best.true_mm.get("length"),
        suggested_width_mm=best.true_mm.get("width"),
    )


def _sentence(record: Record, measured: Sides, *, best: _Explanation, evidence: float) -> str:
    """``Recorded 455 mm × 302 mm, measured 45.3 × 30.1 mm: both sides are 10 times …``"""
    recorded = " × ".join(side.words for side in (record.length, record.width) if side)
    times = f"{10 ** min(evidence, 6.0):,.0f}".replace(",", " ")
    more = "more than " if evidence > 6 else ""
    return (
        f"Recorded {recorded}, measured {measured['length']:.1f} × {measured['width']:.1f} mm: "
        f"{best.words} ({more}{times} times more credible than the record)."
    )


SUSPICION_COLUMNS = (
    "number", "row", "file", "kind", "evidence", "recorded_length_mm", "recorded_width_mm",
    "length_mm", "width_mm", "suggested_length_mm", "suggested_width_mm", "explanation",
)  # fmt: skip


def suspicion_cells(one: Suspicion) -> list[str]:
    """A row of ``SUSPICION_COLUMNS``; numbers in full."""
    sizes = (
        one.evidence, one.recorded_length_mm, one.recorded_width_mm, one.length_mm, one.width_mm,
        one.suggested_length_mm, one.suggested_width_mm,
    )  # fmt: skip
    numbers = ["" if value is None else repr(value) for value in sizes]
    return [one.number, str(one.row), one.file, one.kind, *numbers, one.words]
