"""Which photos are shown and in which order. Plain Python, quick for tens of thousands.

Sort keys are computed once per photo and whole lists are sorted in one go: comparing rows one
pair at a time from Qt costs seconds for a large folder.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Literal

from geoview.records import CANNOT_TELL, PhotoResult, Status

SortKind = Literal["depth", "name", "probability", "uncertainty"]
DOUBT = 0.8  # a probability nearer to its threshold than this is called uncertain
UNSURE = 0.5  # the same for single-label models: the best class has less than half
_DIGITS = re.compile(r"(\d+)")


@dataclass(frozen=True, slots=True)
class Sort:
    """``class_name`` is used by "probability" alone."""

    kind: SortKind = "depth"
    class_name: str = ""
    descending: bool = False

    @property
    def follows_results(self) -> bool:
        return self.kind in ("probability", "uncertainty")


@dataclass(frozen=True, slots=True)
class Filter:
    """Empty fields let everything pass.

    ``lithology`` keeps the photos in which that class reaches its threshold or is dominant;
    "cannot tell" keeps those in which none does. Status "warned" keeps those whose evidence does
    not lie on the specimen.
    """

    text: str = ""
    lithology: str = ""
    layer: str = ""
    status: Status | Literal["warned", ""] = ""

    @property
    def follows_results(self) -> bool:
        return bool(self.lithology or self.layer or self.status)

    @property
    def active(self) -> bool:
        return bool(self.text.strip()) or self.follows_results


def arrange(
    results: Sequence[PhotoResult],
    *,
    sort: Sort,
    keep: Filter,
    known: dict[int, object] | None = None,
) -> list[int]:
    """Positions in ``results`` that pass the filter, sorted.

    Photos without the sorted value (no depth, no prediction) come last in both directions; ties
    keep their order by file name. ``known`` keeps the sorted values by position from call to
    call; whoever passes it drops what has changed.
    """
    passes = _test(keep)
    known = {} if known is None else known
    rows = [i for i, result in enumerate(results) if passes(result)]
    key = _key(sort)
    valued: list[tuple[object, int]] = []
    without: list[int] = []
    for i in rows:
        if i not in known:
            known[i] = key(results[i])
        value = known[i]
        if value is None:
            without.append(i)
        else:
            valued.append((value, i))
    valued.sort(key=lambda pair: pair[0], reverse=sort.descending)  # type: ignore[arg-type, return-value]
    return [i for _, i in valued] + without


def present(result: PhotoResult, class_name: str) -> bool:
    """Whether a class reaches its threshold in a photo, or is dominant there."""
    prediction = result.prediction
    if prediction is None:
        return False
    if class_name == CANNOT_TELL:
        return prediction.dominant is None
    if prediction.dominant == class_name:
        return True
    if not prediction.multi_label or class_name not in prediction.classes:
        return False
    i = prediction.classes.index(class_name)
    return prediction.probabilities[i] >= prediction.thresholds[i]


def nearness(probability: float, threshold: float) -> float:
    """0 (far from the threshold) to 1 (on it), on a scale that reaches 0 at probability 0 and 1."""
    room = 1.0 - threshold if probability >= threshold else threshold
    return 1.0 - abs(probability - threshold) / room if room > 0 else 0.0


def is_uncertain(result: PhotoResult) -> bool:
    """Whether a photo deserves a second look by a person."""
    prediction = result.prediction
    if prediction is None:
        return False
    if result.evidence_warning:
        return True
    return prediction.uncertainty > (DOUBT if prediction.multi_label else UNSURE)


def natural_key(name: str) -> tuple[tuple[int, int, str], ...]:
    """Sorts "photo 9" before "photo 10", whatever the case."""
    return tuple(
        (0, int(part), "") if part.isdecimal() else (1, 0, part)
        for part in _DIGITS.split(name.casefold())
        if part
    )


def _test(keep: Filter) -> Callable[[PhotoResult], bool]:
    tests: list[Callable[[PhotoResult], bool]] = []
    words = keep.text.casefold().split()
    if words:
        tests.append(lambda result: _has_words(result, words))
    if keep.lithology:
        tests.append(lambda result: present(result, keep.lithology))
    if keep.layer:
        tests.append(lambda result: _layer(result) == keep.layer)
    if keep.status == "warned":
        tests.append(lambda result: bool(result.evidence_warning))
    elif keep.status:
        tests.append(lambda result: result.status == keep.status)
    return lambda result: all(test(result) for test in tests)


def _has_words(result: PhotoResult, words: Sequence[str]) -> bool:
    photo = result.photo
    depth = "" if photo.depth_m is None else f"{photo.depth_m:.1f}"
    text = f"{photo.file} {photo.well or ''} {photo.sample or ''} {depth}".casefold()
    return all(word in text for word in words)


def _layer(result: PhotoResult) -> str | None:
    prediction = result.prediction
    return prediction.layer.best if prediction and prediction.layer else None


def _key(sort: Sort) -> Callable[[PhotoResult], object]:
    if sort.kind == "depth":
        return lambda result: result.photo.depth_m
    if sort.kind == "name":
        return lambda result: natural_key(result.photo.file)
    if sort.kind == "uncertainty":
        return lambda result: result.prediction and result.prediction.uncertainty
    return lambda result: _probability(result, sort.class_name)


def _probability(result: PhotoResult, class_name: str) -> float | None:
    prediction = result.prediction
    if prediction is None or class_name not in prediction.classes:
        return None
    return prediction.probabilities[prediction.classes.index(class_name)]
