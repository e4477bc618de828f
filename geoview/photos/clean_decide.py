"""From what was seen of the photos to the decisions on them: the six steps, in their order."""

from __future__ import annotations

import dataclasses
from collections import defaultdict
from collections.abc import Iterator, Sequence

import numpy as np

from geoview.photos import phash
from geoview.photos.clean_list import STEPS, Decision, Options, Review, Seen
from geoview.photos.clean_picture import union
from geoview.records import BoxXYXY

# Text all over a photo is a watermark or a misreading: masking it would take the specimen.
_MAX_TEXT_SHARE = 0.5
_MAX_CROP_SHARE = 0.95
_TEXT_MARGIN = 0.01


def decide(
    photos: Sequence[Seen], *, options: Options, reviews: Sequence[Review]
) -> tuple[Decision, ...]:
    """All decisions, by step and then in the order of ``photos``.

    What an accepted decision removes is left alone by later steps. ``reviews`` tell which are
    accepted.
    """
    accepted = {(one.file, one.step): one.accepted for one in reviews}
    steps = {
        "unreadable": _unreadable, "aspect": _aspect, "duplicates": _duplicates,
        "resize": _resize, "text": _text, "crop": _crop,
    }  # fmt: skip
    decisions: list[Decision] = []
    left = list(photos)
    for step in STEPS:
        if step not in options.steps:
            continue
        made = [
            dataclasses.replace(d, accepted=accepted.get((d.file, d.step), d.accepted))
            for d in steps[step](left, options)
        ]
        removed = {d.file for d in made if d.action == "remove" and d.accepted}
        left = [photo for photo in left if photo.file not in removed]
        if step == "unreadable":  # nothing can be said of them, even where they stay
            left = [photo for photo in left if not photo.reason]
        decisions += made
    return tuple(decisions)


def _unreadable(photos: Sequence[Seen], options: Options) -> Iterator[Decision]:
    for photo in photos:
        if photo.reason:
            yield Decision(photo.file, "unreadable", "remove", photo.reason)


def _aspect(photos: Sequence[Seen], options: Options) -> Iterator[Decision]:
    for photo in photos:
        sides = sorted((photo.width_px, photo.height_px))
        if sides[1] > options.max_aspect * sides[0] > 0:
            size = f"{photo.width_px} × {photo.height_px} px"
            reason = f"{size}: one side is {sides[1] / sides[0]:.1f} times the other"
            yield Decision(photo.file, "aspect", "remove", reason)


def _duplicates(photos: Sequence[Seen], options: Options) -> Iterator[Decision]:
    """Of each cluster the photo with the most pixels stays, then the largest file, then the
    first."""
    readable = [photo for photo in photos if not photo.reason]
    hashes = np.array([photo.phash for photo in readable], np.uint64)
    groups: dict[int, list[Seen]] = defaultdict(list)
    labels = phash.clusters(hashes, max_bits=options.max_bits)
    for photo, label in zip(readable, labels, strict=True):
        groups[int(label)].append(photo)
    best = {
        photo.file: max(group, key=lambda p: (p.width_px * p.height_px, p.size_bytes))
        for group in groups.values()
        for photo in group
    }
    for photo in readable:
        if (stays := best[photo.file]) is not photo:
            reason = _duplicate_reason(photo, stays)
            yield Decision(photo.file, "duplicates", "remove", reason, of=stays.file)


def _duplicate_reason(photo: Seen, stays: Seen) -> str:
    bits = (photo.phash ^ stays.phash).bit_count()
    reason = f"looks like {stays.file}, which is kept ({bits} of {phash.BITS} bits differ)"
    here, there = _label(photo), _label(stays)
    if here.casefold() == there.casefold():
        return reason
    return f"{reason}; their labels disagree: {here} and {there}"


def _label(photo: Seen) -> str:
    """The folder that a photo lies in, which is its class in a folder of classes."""
    return "/".join(photo.file.split("/")[-2:-1])


def _resize(photos: Sequence[Seen], options: Options) -> Iterator[Decision]:
    for photo in photos:
        longest = max(photo.width_px, photo.height_px)
        if longest > options.longest_px:
            reason = f"the longest side of {longest} px becomes {options.longest_px} px"
            yield Decision(photo.file, "resize", "resize", reason, longest_px=options.longest_px)


def _text(photos: Sequence[Seen], options: Options) -> Iterator[Decision]:
    for photo in photos:
        if photo.text:
            margin = _TEXT_MARGIN * max(photo.width_px, photo.height_px)
            box = _within(union(photo.text), photo, margin=margin)
            share = _share(box, photo)
            reason = f"lines of text: {len(photo.text)}, in a box of {share:.0%} of the photo"
            small = share <= _MAX_TEXT_SHARE
            if not small:
                reason += "; so much is not masked unless you accept it"
            yield Decision(photo.file, "text", "mask", reason, box_xyxy=box, accepted=small)


def _crop(photos: Sequence[Seen], options: Options) -> Iterator[Decision]:
    for photo in photos:
        if photo.objects:
            box = _within(union(photo.objects), photo, margin=0)
            share = _share(box, photo)
            if 0 < share <= _MAX_CROP_SHARE:
                reason = f"objects found in {share:.0%} of the photo"
                yield Decision(photo.file, "crop", "crop", reason, box_xyxy=box)


def _within(box: BoxXYXY, photo: Seen, *, margin: float) -> BoxXYXY:
    x0, y0, x1, y1 = box
    width, height = photo.width_px, photo.height_px
    return (
        min(max(x0 - margin, 0.0), width), min(max(y0 - margin, 0.0), height),
        min(max(x1 + margin, 0.0), width), min(max(y1 + margin, 0.0), height),
    )  # fmt: skip


def _share(box: BoxXYXY, photo: Seen) -> float:
    x0, y0, x1, y1 = box
    return max(x1 - x0, 0.0) * max(y1 - y0, 0.0) / max(photo.width_px * photo.height_px, 1)
