"""Photos for the viewer, decoded in the background: first for the screen, later in full."""

from __future__ import annotations

from collections import OrderedDict
from dataclasses import dataclass
from functools import partial
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from PySide6.QtCore import QObject, Signal

from geoview.app.background import Background, Job
from geoview.app.canvas import Level
from geoview.app.thumbs import image_of
from geoview.records import Photo

Key = tuple[str, int, int]
_STEP_PX = 256


@dataclass(frozen=True, slots=True)
class Loaded:
    """A photo at one or more resolutions; the size is the oriented original's."""

    width_px: int
    height_px: int
    levels: tuple[Level, ...]

    @property
    def best_scale(self) -> float:
        return max(level.scale for level in self.levels)

    @property
    def size_bytes(self) -> int:
        return sum(level.image.sizeInBytes() for level in self.levels)


class PhotoLoader(QObject):
    """Loads one photo at a time; ``loaded(Loaded)`` and ``failed(str)`` are about the latest one.

    The last few photos stay in memory (screen resolution), so that going back is immediate.
    """

    loaded = Signal(object)
    failed = Signal(str)

    def __init__(
        self, background: Background, *, limit_mib: int = 192, parent: QObject | None = None
    ) -> None:
        super().__init__(parent)
        self._background = background
        self._limit = limit_mib * 2**20
        self._kept: OrderedDict[Key, Loaded] = OrderedDict()
        self._photo: Photo | None = None
        self._current: Loaded | None = None
        self._screen_job: Job | None = None
        self._full_job: Job | None = None

    def load(self, photo: Photo | None, *, screen_px: int) -> None:
        """Load for a canvas whose shorter side has ``screen_px`` pixels; None forgets the photo."""
        self._cancel()
        self._photo, self._current = photo, None
        if photo is None:
            return
        kept = self._kept.get(_key(photo))
        if kept is not None:
            self._kept.move_to_end(_key(photo))
            self._current = kept
            self.loaded.emit(kept)
            return
        at_least = -(-max(screen_px, _STEP_PX) // _STEP_PX) * _STEP_PX
        self._screen_job = self._background.run(
            _decode,
            photo.path,
            at_least,
            done=partial(self._screen_done, photo),
            failed=partial(self._broken, photo),
            owner=self,
            priority=3,
        )

    def want_scale(self, scale: float) -> None:
        """Decode the photo in full if ``scale`` (screen pixels per photo pixel) needs it."""
        photo, current = self._photo, self._current
        if photo is None or current is None or self._full_job is not None:
            return
        if current.best_scale >= min(1.0, scale * 0.99):
            return
        self._full_job = self._background.run(
            _decode,
            photo.path,
            None,
            done=partial(self._full_done, photo),
            owner=self,
            priority=2,
        )

    def _cancel(self) -> None:
        for job in (self._screen_job, self._full_job):
            if job is not None:
                job.cancel()
        self._screen_job = self._full_job = None

    def _screen_done(self, photo: Photo, loaded: Loaded) -> None:
        if photo != self._photo:
            return
        self._keep(_key(photo), loaded)
        self._current = loaded
        self.loaded.emit(loaded)

    def _full_done(self, photo: Photo, loaded: Loaded) -> None:
        """Full resolution is used while the photo is shown, and not kept after it."""
        self._full_job = None
        if photo == self._photo:
            self._current = loaded
            self.loaded.emit(loaded)

    def _broken(self, photo: Photo, error: Exception) -> None:
        if photo == self._photo:
            self.failed.emit(str(error))

    def _keep(self, key: Key, loaded: Loaded) -> None:
        self._kept[key] = loaded
        while len(self._kept) > 1 and sum(x.size_bytes for x in self._kept.values()) > self._limit:
            self._kept.popitem(last=False)


def _decode(path: Path, at_least_px: int | None) -> Loaded:
    """Worker thread: decode and halve until the smallest level suits a screen."""
    from geoview.photos.decode import decode

    decoded = decode(path, at_least_px=at_least_px)
    levels = pyramid(decoded.pixels, decoded.width_px, smallest_px=at_least_px or 1024)
    return Loaded(decoded.width_px, decoded.height_px, levels)


def pyramid(pixels: NDArray[np.uint8], width_px: int, *, smallest_px: int) -> tuple[Level, ...]:
    """The pixels and their halvings, down to a shorter side of ``smallest_px`` at least.

    Painting a large image small skips most of its pixels; halved ones are averaged.
    """
    import cv2  # Pillow would do, but keeps a copy's worth of memory

    levels = [_level(pixels, width_px)]
    while min(pixels.shape[:2]) >= 2 * smallest_px:
        half = (pixels.shape[1] // 2, pixels.shape[0] // 2)
        pixels = cv2.resize(pixels, half, interpolation=cv2.INTER_AREA)
        levels.append(_level(pixels, width_px))
    return tuple(levels)


def _level(pixels: NDArray[np.uint8], width_px: int) -> Level:
    return Level(image_of(pixels), pixels.shape[1] / width_px)


def _key(photo: Photo) -> Key:
    return str(photo.path), photo.size_bytes, photo.mtime_ns
