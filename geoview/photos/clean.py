"""The cleaning chain of P2, section 3: unreadable → extreme aspect ratio → near-duplicates →
longest side 1024 → text plates masked → crop to the objects.

Nothing on disk is changed: the chain makes a list of decisions to review (``clean_list``), which
``clean_apply`` can carry out on a copy. The detectors are passed in as plain functions.
"""

from __future__ import annotations

import dataclasses
import time
from collections.abc import Callable, Sequence
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from geoview.callbacks import never
from geoview.errors import Cancelled, DataError, PhotoError
from geoview.photos import clean_picture, decode, phash, reading
from geoview.photos.clean_decide import decide
from geoview.photos.clean_list import CleanList, Options, Seen
from geoview.photos.scan import ScanResult, scan
from geoview.rate import Rate
from geoview.records import BoxXYXY, Photo, Progress, Skipped

_KEEP_EVERY_S = 20.0


@dataclass(frozen=True, slots=True)
class Finder:
    """A detector: RGB pixels, uint8 (h, w, 3) → boxes xyxy in these pixels.

    ``name`` says which one and how it is set: what another one found is looked for again.
    """

    name: str
    find: Callable[[NDArray[np.uint8]], Sequence[BoxXYXY]]


def clean(
    folder: Path,
    *,
    options: Options | None = None,
    before: CleanList | None = None,
    find_text: Finder | None = None,
    find_objects: Finder | None = None,
    keep: Callable[[CleanList], None] = lambda _: None,
    left_out: Callable[[Skipped], None] = lambda _: None,
    progress: Callable[[Progress], None] = lambda _: None,
    cancelled: Callable[[], bool] = never,
) -> CleanList:
    """Decide on every photo below ``folder``; the same photos and options, the same list.

    ``before`` is an earlier list of the folder: what it saw of unchanged photos is not looked at
    again, unless they could not be read for a reason that may have passed, and what was accepted
    or undone stays so. ``keep`` gets the unfinished list now and
    then and when the run ends early, to go on from; ``left_out`` gets what is not looked at, at
    the beginning. ``find_text`` and ``find_objects``: without
    one its step makes no new findings. Raises Cancelled, and DataError for a bad folder and for
    one that is empty though ``before`` has photos of it; ``keep`` is not called then.
    """
    found = scan(folder)
    left_out(found.skipped)
    if before is not None and before.photos and not found.photos:
        # An unmounted disk, more often than not; what was found and decided took long.
        raise DataError(
            f"{folder} holds none of the {len(before.photos)} photos of its list of decisions, "
            "which is kept as it is: connect the disk or bring the photos back."
        )
    run = _Run(found, options or Options(), before or CleanList(), keep, progress, cancelled)
    try:
        run.hash()
        run.detect(text=find_text, objects=find_objects)
    finally:
        keep(run.result)
    return run.result


class _Run:
    """One run over a folder; ``result`` is right at any time for what is seen so far."""

    def __init__(
        self,
        found: ScanResult,
        options: Options,
        before: CleanList,
        keep: Callable[[CleanList], None],
        progress: Callable[[Progress], None],
        cancelled: Callable[[], bool],
    ) -> None:
        self._photos, self._options, self._before = found.photos, options, before
        self._keep, self._progress, self._cancelled = keep, progress, cancelled
        self._known = {photo.file: photo for photo in (*before.photos, *before.away)}
        here = {photo.file for photo in found.photos}
        self._away = tuple(
            seen
            for file, seen in self._known.items()
            if file not in here and file.startswith(found.locked)
        )
        self._seen = dict[str, Seen]()
        self._kept_at = time.monotonic()

    @property
    def result(self) -> CleanList:
        photos = tuple(self._seen[p.file] for p in self._photos if p.file in self._seen)
        options, reviews = self._options, self._before.reviews
        decisions = decide(photos, options=options, reviews=reviews)
        return CleanList(photos, decisions, reviews, options, self._away)

    def hash(self) -> None:
        """Sizes and hashes of all photos; only new and changed ones are read."""
        held = [photo for photo in self._photos if _holds(self._known.get(photo.file), photo)]
        self._seen = {photo.file: self._known[photo.file] for photo in held}
        new = [photo for photo in self._photos if photo.file not in self._seen]
        rate, failed = Rate(), 0
        with closing(phash.each_file([photo.path for photo in new])) as hashed:
            for done, (photo, found) in enumerate(zip(new, hashed, strict=True), start=1):
                self._seen[photo.file] = Seen(
                    file=photo.file,
                    size_bytes=photo.size_bytes,
                    mtime_ns=photo.mtime_ns,
                    width_px=found.size_px[0],
                    height_px=found.size_px[1],
                    phash=found.hash,
                    reason=found.reason,
                )
                failed += bool(found.reason)
                self._stop_if_asked()
                self._one_done(Progress(done, len(new), rate.after(1), failed))

    def detect(self, *, text: Finder | None, objects: Finder | None) -> None:
        """Text and objects of the photos that no earlier step removes."""
        text = text if "text" in self._options.steps else None
        objects = objects if "crop" in self._options.steps else None
        removed = {d.file for d in self.result.decisions if d.action == "remove" and d.accepted}
        left = [
            photo
            for photo in self._photos
            if photo.file not in removed
            and not _looked(self._seen[photo.file], text=text, objects=objects)
        ]
        rate = Rate()
        for done, photo in enumerate(left, start=1):
            self._stop_if_asked()
            self._seen[photo.file] = self._looked_at(photo, text=text, objects=objects)
            self._one_done(Progress(done, len(left), rate.after(1)))

    def _looked_at(self, photo: Photo, *, text: Finder | None, objects: Finder | None) -> Seen:
        """Both detectors on the photo at the size the chain brings it to, text masked first."""
        seen = self._seen[photo.file]
        try:
            pixels = decode.decode(photo.path).pixels
        except PhotoError as error:
            return dataclasses.replace(seen, reason=str(error))
        width = pixels.shape[1]
        pixels = clean_picture.shrunk(pixels, longest_px=self._options.longest_px)
        scale = width / pixels.shape[1]
        if text is not None:
            boxes = _scaled(text.find(pixels), scale)
            seen = dataclasses.replace(seen, text=boxes, text_by=text.name)
        if objects is not None:
            if text is not None and seen.text:
                plate = clean_picture.union(_scaled(seen.text, 1 / scale))
                pixels = clean_picture.masked(pixels, box_xyxy=plate)
            boxes = _scaled(objects.find(pixels), scale)
            name = _objects_by(objects, text=text)
            seen = dataclasses.replace(seen, objects=boxes, objects_by=name)
        return seen

    def _stop_if_asked(self) -> None:
        if self._cancelled():
            raise Cancelled("Stopped; the same command goes on from here.")

    def _one_done(self, progress: Progress) -> None:
        self._progress(progress)
        if time.monotonic() - self._kept_at >= _KEEP_EVERY_S:
            self._keep(self.result)
            self._kept_at = time.monotonic()


def _holds(seen: Seen | None, photo: Photo) -> bool:
    """Whether what was seen holds of the photo as it is now."""
    return (
        seen is not None
        and (seen.size_bytes, seen.mtime_ns) == (photo.size_bytes, photo.mtime_ns)
        and seen.reason not in reading.PASSING
    )


def _looked(seen: Seen, *, text: Finder | None, objects: Finder | None) -> bool:
    """Whether these detectors have seen the photo already."""
    return (text is None or seen.text_by == text.name) and (
        objects is None or seen.objects_by == _objects_by(objects, text=text)
    )


def _objects_by(objects: Finder, *, text: Finder | None) -> str:
    return objects.name if text is None else f"{objects.name}, after {text.name}"


def _scaled(boxes: Sequence[BoxXYXY], scale: float) -> tuple[BoxXYXY, ...]:
    return tuple(
        (float(x0 * scale), float(y0 * scale), float(x1 * scale), float(y1 * scale))
        for x0, y0, x1, y1 in boxes
    )
