"""Thumbnails for the cells in sight: asked for in the background, kept within a memory limit."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Sequence
from functools import partial
from typing import Protocol

import numpy as np
from numpy.typing import NDArray
from PySide6.QtCore import QObject, Signal
from PySide6.QtGui import QImage, QPixmap

from geoview.app.background import Background
from geoview.errors import GeoViewError
from geoview.records import Photo

Key = tuple[str, int, int]


class ThumbnailSource(Protocol):
    """What ``geoview.photos.thumbnails.ThumbnailCache`` offers."""

    def get(self, photo: Photo) -> NDArray[np.uint8]: ...


class Thumbnails(QObject):
    """Pixmaps by photo; ``ready(file)`` tells that one has arrived or turned out unreadable.

    ``want`` replaces all earlier wishes, so what has been scrolled out of sight is never
    decoded. Few requests are under way at a time: the newest wish never waits behind many.
    """

    ready = Signal(str)

    def __init__(
        self,
        background: Background,
        source: ThumbnailSource,
        *,
        limit_mib: int = 64,
        at_once: int = 4,
        parent: QObject | None = None,
    ) -> None:
        super().__init__(parent)
        self._background = background
        self._source = source
        self._limit = limit_mib * 2**20
        self._at_once = at_once
        self._bytes = 0
        self._pixmaps: OrderedDict[Key, QPixmap] = OrderedDict()
        self._failures: dict[Key, str] = {}
        self._waiting: list[Photo] = []
        self._under_way: set[Key] = set()

    @property
    def memory_bytes(self) -> int:
        return self._bytes

    def pixmap(self, photo: Photo) -> QPixmap | None:
        """The thumbnail if it is here already."""
        key = _key(photo)
        found = self._pixmaps.get(key)
        if found is not None:
            self._pixmaps.move_to_end(key)
        return found

    def failure(self, photo: Photo) -> str:
        """Why a photo has no thumbnail; empty as long as it may still come."""
        return self._failures.get(_key(photo), "")

    def want(self, photos: Sequence[Photo]) -> None:
        """Load these, first ones first, and forget about all others."""
        self._waiting = [photo for photo in reversed(photos) if not self._known(_key(photo))]
        self._start()

    def forget_failures(self) -> None:
        """Give unreadable photos another chance, after the folder was refreshed."""
        self._failures.clear()

    def _known(self, key: Key) -> bool:
        return key in self._pixmaps or key in self._failures or key in self._under_way

    def _start(self) -> None:
        while self._waiting and len(self._under_way) < self._at_once:
            photo = self._waiting.pop()
            key = _key(photo)
            if self._known(key):
                continue
            self._under_way.add(key)
            self._background.run(
                _load,
                self._source,
                photo,
                done=partial(self._arrived, photo),
                failed=partial(self._failed, photo),
                owner=self,
                priority=1,
            )

    def _arrived(self, photo: Photo, image: QImage) -> None:
        key = _key(photo)
        self._under_way.discard(key)
        self._keep(key, QPixmap.fromImage(image))
        self.ready.emit(photo.file)
        self._start()

    def _failed(self, photo: Photo, error: Exception) -> None:
        key = _key(photo)
        self._under_way.discard(key)
        plain = isinstance(error, GeoViewError | OSError)
        self._failures[key] = str(error) if plain else f"{type(error).__name__}: {error}"
        self.ready.emit(photo.file)
        self._start()

    def _keep(self, key: Key, pixmap: QPixmap) -> None:
        self._pixmaps[key] = pixmap
        self._bytes += _size(pixmap)
        while self._bytes > self._limit and len(self._pixmaps) > 1:
            _, oldest = self._pixmaps.popitem(last=False)
            self._bytes -= _size(oldest)


def _load(source: ThumbnailSource, photo: Photo) -> QImage:
    """Worker thread: the pixels as an image that owns its memory."""
    return image_of(source.get(photo))


def image_of(pixels: NDArray[np.uint8]) -> QImage:
    """RGB pixels (h, w, 3) as a 32-bit image, which Qt paints fastest; owns its memory."""
    height, width = pixels.shape[:2]
    image = QImage(width, height, QImage.Format.Format_RGB32)
    bgra = np.frombuffer(image.bits(), np.uint8).reshape(height, width, 4)
    bgra[..., :3] = pixels[..., ::-1]
    bgra[..., 3] = 255
    return image


def _key(photo: Photo) -> Key:
    return str(photo.path), photo.size_bytes, photo.mtime_ns


def _size(pixmap: QPixmap) -> int:
    return pixmap.width() * pixmap.height() * 4
