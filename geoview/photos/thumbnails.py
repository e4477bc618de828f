"""Thumbnails on disk: made once, kept over restarts, made anew when a photo has changed.

One small JPEG file per photo, named by a hash of path, size and time of change, in 256 folders;
a checksum behind the picture tells a damaged file, which is simply made again. Files appear by
renaming, so several threads and programs may share the folder.
"""

from __future__ import annotations

import contextlib
import hashlib
import logging
import os
import threading
import time
import zlib
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from geoview import paths
from geoview.photos.decode import decode
from geoview.records import Photo

log = logging.getLogger(__name__)

_QUALITY = 88
_CHECKSUM_BYTES = 4
_DAY_S = 86_400
# After clearing, the cache is this part of its limit, so that clearing is rare.
_AFTER_CLEARING = 0.9
_RECOUNT_EVERY = 4096


class ThumbnailCache:
    """Thumbnails whose longer side is ``side_px`` (smaller photos keep their size).

    ``folder``: where they are kept (default: the user's cache folder). Above ``limit_mib`` the
    ones not used for longest are removed. A folder that cannot be written only costs time.
    All methods may be called from any thread.
    """

    def __init__(
        self, folder: Path | None = None, *, side_px: int = 256, limit_mib: int = 2048
    ) -> None:
        self._folder = folder if folder is not None else _default_folder()
        self._side_px = side_px
        self._limit_bytes = limit_mib << 20
        self._lock = threading.Lock()
        self._bytes: int | None = None  # None: not counted yet
        self._stored = 0
        self._complained = False

    def get(self, photo: Photo) -> NDArray[np.uint8]:
        """The thumbnail, uint8 RGB (h, w, 3). Raises PhotoError when the photo is unreadable."""
        path = self._path(photo)
        kept = _read(path)
        if kept is not None:
            return kept
        pixels = shrink(decode(photo.path, at_least_px=self._side_px).pixels, side_px=self._side_px)
        if path is not None:
            self._store(path, pixels)
        return pixels

    def cached(self, photo: Photo) -> NDArray[np.uint8] | None:
        """The thumbnail if it is already there; None also for a damaged one."""
        return _read(self._path(photo))

    def _path(self, photo: Photo) -> Path | None:
        if self._folder is None:
            return None
        name = f"{photo.size_bytes}\0{photo.mtime_ns}\0{self._side_px}\0".encode()
        name += os.fsencode(os.path.abspath(photo.path))
        digest = hashlib.blake2b(name, digest_size=20).hexdigest()
        return self._folder / digest[:2] / f"{digest[2:]}.jpg"

    def _store(self, path: Path, pixels: NDArray[np.uint8]) -> None:
        content = _pack(pixels)
        temporary = path.with_name(f"{path.name}.{os.getpid()}-{threading.get_ident()}.tmp")
        try:
            try:
                temporary.write_bytes(content)
            except FileNotFoundError:
                path.parent.mkdir(parents=True, exist_ok=True)
                temporary.write_bytes(content)
            os.replace(temporary, path)
        except OSError as error:
            self._complain(error)
            with contextlib.suppress(OSError):
                temporary.unlink(missing_ok=True)
            return
        self._count(len(content))

    def _complain(self, error: OSError) -> None:
        """Once: the folder may be read-only or full, and every photo would repeat it."""
        if not self._complained:
            self._complained = True
            log.warning("Thumbnails cannot be kept in %s, only made anew: %s", self._folder, error)

    def _count(self, added_bytes: int) -> None:
        """Keep the total; above the limit, clear. Other programs' files count at the recount."""
        with self._lock:
            self._stored += 1
            if self._bytes is None or self._stored % _RECOUNT_EVERY == 0:
                self._bytes = sum(size for _, size, _ in self._files())
            else:
                self._bytes += added_bytes
            if self._bytes > self._limit_bytes:
                self._clear()

    def _clear(self) -> None:
        """Remove the files not used for longest."""
        files = sorted(self._files())
        total = sum(size for _, size, _ in files)
        for _, size, path in files:
            if total <= self._limit_bytes * _AFTER_CLEARING:
                break
            with contextlib.suppress(OSError):
                os.unlink(path)
                total -= size
        self._bytes = total

    def _files(self) -> list[tuple[float, int, str]]:
        """(time of last use, size, path) of everything kept, leftovers of crashes included."""
        found: list[tuple[float, int, str]] = []
        for shard in range(256):
            try:
                with os.scandir(f"{self._folder}{os.sep}{shard:02x}") as entries:
                    for entry in entries:
                        with contextlib.suppress(OSError):
                            status = entry.stat()
                            found.append((status.st_mtime, status.st_size, entry.path))
            except OSError:
                continue
        return found


def shrink(pixels: NDArray[np.uint8], *, side_px: int) -> NDArray[np.uint8]:
    """RGB pixels whose longer side is at most ``side_px``."""
    import cv2

    height, width = pixels.shape[:2]
    scale = side_px / max(height, width)
    if scale >= 1:
        return pixels
    size = (max(1, round(width * scale)), max(1, round(height * scale)))
    # Up to one half, four neighbours miss no pixel, and take a tenth of the time.
    method = cv2.INTER_LINEAR if scale >= 0.5 else cv2.INTER_AREA
    return np.ascontiguousarray(cv2.resize(pixels, size, interpolation=method))


def _default_folder() -> Path | None:
    try:
        return paths.cache_dir() / "thumbnails"
    except OSError as error:
        log.warning("The cache folder cannot be made; thumbnails are not kept: %s", error)
        return None


def _read(path: Path | None) -> NDArray[np.uint8] | None:
    """A kept thumbnail, marked as used today; None when it is missing or damaged."""
    if path is None:
        return None
    try:
        content = path.read_bytes()
        if time.time() - path.stat().st_mtime > _DAY_S:
            os.utime(path)  # recently used ones are removed last
    except OSError:
        return None
    return _unpack(content)


def _pack(pixels: NDArray[np.uint8]) -> bytes:
    import cv2

    bgr = cv2.cvtColor(pixels, cv2.COLOR_RGB2BGR)
    _, encoded = cv2.imencode(".jpg", bgr, [cv2.IMWRITE_JPEG_QUALITY, _QUALITY])
    content = encoded.tobytes()
    return content + zlib.crc32(content).to_bytes(_CHECKSUM_BYTES, "big")


def _unpack(content: bytes) -> NDArray[np.uint8] | None:
    import cv2

    picture, checksum = content[:-_CHECKSUM_BYTES], content[-_CHECKSUM_BYTES:]
    if not picture or zlib.crc32(picture).to_bytes(_CHECKSUM_BYTES, "big") != checksum:
        return None
    return cv2.imdecode(np.frombuffer(picture, np.uint8), cv2.IMREAD_COLOR_RGB)
