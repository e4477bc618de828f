"""Decoded pixels kept in files and read memory-mapped: limited in size, wary of damage."""

from __future__ import annotations

import contextlib
import mmap
import os
import shutil
import struct
import threading
import time
import uuid
import zlib
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

Pixels = NDArray[np.uint8]

MOST_BYTES = 20_000_000_000
# Room for checkpoints and for everybody else is never filled with copies of photos.
SPARED_BYTES = 1_000_000_000

_SUFFIX = ".pixels"
_HEADER = struct.Struct("<4sIII")  # magic, height, width, CRC-32 of the pixels
_MAGIC = b"GVP1"


class _File(NamedTuple):
    used_s: float
    size: int
    path: str


class PixelStore:
    """Pixels by key: one file each, spread over 256 folders, at most ``limit_bytes`` together.

    By default that is 20 GB, and no more than a fifth of the free disk. A file's date of change
    is when a training last began to use it: those not used for the longest time go first.
    Several processes may share the folder. ``notice`` is told once why nothing is stored any
    more.
    """

    def __init__(
        self, folder: Path, *, limit_bytes: int | None, notice: Callable[[str], None]
    ) -> None:
        self._folder, self._limit, self._notice = folder, limit_bytes, notice
        self._began_s = time.time()
        self._known: set[str] = set()
        self._room = 0
        self._ended = False
        self._lock = threading.RLock()

    def get(self, key: str) -> Pixels | None:
        """The pixels, memory-mapped; None when they are not there or damaged."""
        path = self._path(key)
        try:
            with open(path, "rb") as stream:
                data = mmap.mmap(stream.fileno(), 0, access=mmap.ACCESS_READ)
            pixels = _unpacked(data, check=key not in self._known)
        except (OSError, ValueError):
            return None
        if key not in self._known:
            self._known.add(key)
            now = time.time()
            with contextlib.suppress(OSError):  # a folder that may only be read still serves
                os.utime(path, (now, now))
        return pixels

    def put(self, key: str, pixels: Pixels) -> None:
        """Store pixels if there is room; never raises for what is wrong with the disk."""
        size = _HEADER.size + pixels.nbytes
        path = self._path(key)
        try:
            if self._has_room(size):
                _write(path, pixels)
                self._known.add(key)
        except OSError as error:
            if not os.path.exists(path):  # else another process has just stored the same
                why = error.strerror or error
                self._end(f"Prepared photos cannot be stored in {self._folder} ({why}).")

    def _path(self, key: str) -> str:
        return os.path.join(self._folder, key[:2], key[2:] + _SUFFIX)

    def _has_room(self, size: int) -> bool:
        with self._lock:
            if self._ended:
                return False
            if size > self._room:
                self._room = self._make_room(size)
            if size > self._room:
                self._end(f"There is no more room for prepared photos in {self._folder}.")
                return False
            self._room -= size
            return True

    def _make_room(self, size: int) -> int:
        """How many bytes may be written before looking again at what other processes did.

        What any training has begun to use since this one began stays: in every epoch each photo
        is wanted once, and to throw out one for another would help neither.
        """
        self._folder.mkdir(parents=True, exist_ok=True)
        files = sorted(self._files())
        used = sum(one.size for one in files)
        limit = self._limit_of(used)
        share = max(size, limit // 20)
        for one in files:
            if used + share <= limit or one.used_s >= self._began_s:
                break
            with contextlib.suppress(OSError):  # gone already, or in use on Windows
                os.unlink(one.path)
                used -= one.size
        return min(limit - used, share)

    def _limit_of(self, used: int) -> int:
        free = shutil.disk_usage(self._folder).free
        wanted = min(MOST_BYTES, (free + used) // 5) if self._limit is None else self._limit
        return min(wanted, free + used - SPARED_BYTES)

    def _files(self) -> Iterator[_File]:
        for part in os.scandir(self._folder):
            if not part.is_dir(follow_symlinks=False):
                continue
            for entry in os.scandir(part):
                with contextlib.suppress(FileNotFoundError):
                    if entry.name.endswith(_SUFFIX):
                        info = entry.stat(follow_symlinks=False)
                        yield _File(info.st_mtime, info.st_size, entry.path)

    def _end(self, why: str) -> None:
        with self._lock:
            first, self._ended = not self._ended, True
        if first:
            self._notice(f"{why} The training goes on, slower: it decodes the rest every epoch.")


def _unpacked(data: mmap.mmap, *, check: bool) -> Pixels:
    """The pixels of a file; ValueError when it is cut off or its content has changed."""
    if len(data) < _HEADER.size:
        raise ValueError("cut off")
    magic, height, width, crc = _HEADER.unpack_from(data)
    if magic != _MAGIC or len(data) != _HEADER.size + height * width * 3:
        raise ValueError("cut off")
    pixels: Pixels = np.ndarray((height, width, 3), np.uint8, buffer=data, offset=_HEADER.size)
    if check and zlib.crc32(pixels.data) != crc:
        raise ValueError("changed")
    return pixels


def _write(path: str, pixels: Pixels) -> None:
    """All or nothing. Not forced to the disk, which would take longer than decoding: what a
    power cut spoils is found by its checksum."""
    pixels = np.ascontiguousarray(pixels)
    folder = os.path.dirname(path)
    temporary = os.path.join(folder, uuid.uuid4().hex + _SUFFIX)
    os.makedirs(folder, exist_ok=True)
    try:
        with open(temporary, "xb") as stream:
            height, width = pixels.shape[:2]
            stream.write(_HEADER.pack(_MAGIC, height, width, zlib.crc32(pixels.data)))
            stream.write(pixels.data)
        os.replace(temporary, path)
    finally:
        with contextlib.suppress(FileNotFoundError):
            os.unlink(temporary)
