"""The reviewable list that cleaning a folder makes: decisions with reasons, nothing more.

The list keeps apart what was seen (``Seen``: slow to find, true whatever is decided), what
follows from it (``Decision``) and what the user said to that (``Review``), so that a run that was
stopped goes on where it was, an undone decision costs nothing to take back, and a review outlives
runs whose steps have nothing to decide.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, ClassVar, Literal

from pydantic import ConfigDict, Field, TypeAdapter, ValidationError
from pydantic.dataclasses import dataclass as checked

from geoview import files
from geoview.errors import DataError
from geoview.records import BoxXYXY

Step = Literal["unreadable", "aspect", "duplicates", "resize", "text", "crop"]
Action = Literal["remove", "resize", "mask", "crop"]
STEPS: tuple[Step, ...] = ("unreadable", "aspect", "duplicates", "resize", "text", "crop")

_MAX_BYTES = 1 << 28
_STRICT = ConfigDict(extra="forbid", allow_inf_nan=False)
_Text = Annotated[str, Field(max_length=4096)]
_Side = Annotated[int, Field(ge=0, le=1 << 24)]
_Count = Annotated[int, Field(ge=0, lt=1 << 63)]


@checked(config=_STRICT, frozen=True, slots=True)
class Seen:
    """What is known of one photo; ``width_px`` and ``height_px`` as displayed.

    ``reason``: why it cannot be read. ``text`` and ``objects``: boxes that the detectors named
    in ``text_by`` and ``objects_by`` found, in oriented original pixels.
    """

    file: _Text
    size_bytes: _Count
    mtime_ns: int
    width_px: _Side = 0
    height_px: _Side = 0
    phash: Annotated[int, Field(ge=0, lt=1 << 64)] = 0
    reason: _Text = ""
    text: tuple[BoxXYXY, ...] = ()
    objects: tuple[BoxXYXY, ...] = ()
    text_by: _Text = ""
    objects_by: _Text = ""


@checked(config=_STRICT, frozen=True, slots=True)
class Decision:
    """What is to happen to one photo in one step, and why.

    ``box_xyxy`` (oriented original pixels): what is masked, or what is left by the crop.
    ``longest_px``: the longest side after resizing. ``of``: the photo it duplicates. A decision
    only counts while ``accepted``.
    """

    file: _Text
    step: Step
    action: Action
    reason: _Text
    box_xyxy: BoxXYXY | None = None
    longest_px: Annotated[int, Field(ge=1, le=1 << 24)] | None = None
    of: _Text | None = None
    accepted: bool = True


@checked(config=_STRICT, frozen=True, slots=True)
class Review:
    """Whether the user accepts what a step decides on a photo."""

    file: _Text
    step: Step
    accepted: bool


@dataclass(frozen=True, slots=True)
class Options:
    """How to clean. ``max_aspect``: longer over shorter side; ``max_bits``: of the 64 bits of a
    pHash, how many may differ between near-duplicates. Raises DataError for senseless values."""

    __pydantic_config__: ClassVar[ConfigDict] = ConfigDict(
        extra="forbid", ser_json_inf_nan="constants"
    )

    steps: frozenset[Step] = frozenset(STEPS)
    max_aspect: float = 3.0
    max_bits: int = 6
    longest_px: int = 1024

    def __post_init__(self) -> None:
        if not self.max_aspect >= 1:
            raise DataError("The largest aspect ratio must be at least 1, such as 3.")
        if not 0 <= self.max_bits <= 32:
            raise DataError("Near-duplicates may differ in 0 to 32 bits; more is chance.")
        if self.longest_px < 32:
            raise DataError("The longest side must be at least 32 pixels, such as 1024.")


@dataclass(frozen=True, slots=True)
class CleanList:
    """Photos in natural order, the decisions on them in the order of the steps, reviews, and the
    options that it was made with.

    ``away``: photos below folders that could not be opened, on which nothing is decided now.
    """

    photos: tuple[Seen, ...] = ()
    decisions: tuple[Decision, ...] = ()
    reviews: tuple[Review, ...] = ()
    options: Options = Options()
    away: tuple[Seen, ...] = ()

    def reviewed(
        self, accepted: bool, *, files: Iterable[str] = (), steps: Iterable[str] = ()
    ) -> CleanList:
        """The list with decisions accepted or undone: those of ``files``, of ``steps``, or of
        both where both are given. Raises DataError when no decision is meant."""
        wanted, where = frozenset(files), frozenset(steps)
        meant = [
            (not wanted or one.file in wanted) and (not where or one.step in where)
            for one in self.decisions
        ]
        if not any(meant):
            named = ", ".join(sorted(wanted | where))
            raise DataError(f"The list has no decision on {named}: check the name in the table.")
        decisions = tuple(
            dataclasses.replace(one, accepted=accepted) if is_meant else one
            for one, is_meant in zip(self.decisions, meant, strict=True)
        )
        reviews = {(one.file, one.step): one for one in self.reviews}
        for one, is_meant in zip(self.decisions, meant, strict=True):
            if is_meant:
                reviews[one.file, one.step] = Review(one.file, one.step, accepted)
        return dataclasses.replace(self, decisions=decisions, reviews=tuple(reviews.values()))


def kept(cleaned: CleanList) -> tuple[str, ...]:
    """The photos that no accepted decision removes, in natural order."""
    removed = {one.file for one in cleaned.decisions if one.action == "remove" and one.accepted}
    return tuple(photo.file for photo in cleaned.photos if photo.file not in removed)


def save(path: Path, cleaned: CleanList) -> None:
    """Replace the list at ``path`` in one step: a crash leaves the old one whole."""
    content = _Stored(
        2, cleaned.photos, cleaned.decisions, cleaned.reviews, cleaned.options, cleaned.away
    )
    try:
        with files.replacing(path) as temporary:
            temporary.write_bytes(_STORED.dump_json(content, indent=1))
    except OSError as error:
        raise DataError(
            f"The list of decisions cannot be written to {path} ({error.strerror}): choose "
            "another place for it."
        ) from error


def load(path: Path, *, otherwise: str = "choose another file") -> CleanList:
    """Read a list. Raises DataError for anything that is none; ``otherwise``: what to do then."""
    try:
        if path.stat().st_size > _MAX_BYTES:
            raise DataError(f"{path} is too large for a list of decisions: {otherwise}.")
        content = path.read_bytes()
    except OSError as error:
        raise DataError(f"{path} cannot be read ({error.strerror}): check the path.") from error
    try:
        stored = _STORED.validate_json(content)
    except (ValidationError, DataError) as error:
        raise DataError(f"{path} is no list of cleaning decisions: {otherwise}.") from error
    reviews = stored.reviews
    if stored.version == 1:  # which kept them in the decisions; only text is undone by itself
        reviews = tuple(
            Review(one.file, one.step, one.accepted)
            for one in stored.decisions
            if not one.accepted or one.step == "text"
        )
    return CleanList(stored.photos, stored.decisions, reviews, stored.options, stored.away)


@checked(config=_STRICT, frozen=True, slots=True)
class _Stored:
    version: Literal[1, 2]
    photos: tuple[Seen, ...]
    decisions: tuple[Decision, ...]
    reviews: tuple[Review, ...] = ()
    options: Options = Options()
    away: tuple[Seen, ...] = ()


_STORED = TypeAdapter(_Stored)
