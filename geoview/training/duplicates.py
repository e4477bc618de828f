"""Copies and near-duplicates among labelled photos, by path: content, and pHash from
``photos.phash``. Light: no torch.
"""

from __future__ import annotations

import hashlib
import os
from collections import defaultdict
from collections.abc import Callable, Hashable, Iterable, Mapping, Sequence
from contextlib import suppress
from pathlib import Path

import numpy as np

from geoview.callbacks import never
from geoview.photos import reading
from geoview.records import Progress

# As the recipes have it: smaller copies and other compressions of a photo differ in so many.
NEAR_BITS = 4

# What was hashed in this process by path, size and date: a training asks twice for the same.
_known: dict[tuple[Path, int, int], int] = {}


def hashes_of(
    photos: Sequence[Path],
    *,
    progress: Callable[[Progress], None] = lambda _: None,
    cancelled: Callable[[], bool] = never,
) -> dict[Path, int]:
    """The pHash of every photo that can be read, each once. Raises Cancelled."""
    from geoview.photos import phash

    keys = {path: _key(path) for path in photos}
    paths = [path for path, key in keys.items() if key not in _known]
    found = phash.hash_files(paths, progress=progress, cancelled=cancelled)
    for number, path in enumerate(paths):
        if number not in found.unreadable:
            _known[keys[path]] = int(found.hashes[number])
    return {path: _known[key] for path, key in keys.items() if key in _known}


def _key(path: Path) -> tuple[Path, int, int]:
    try:
        info = os.stat(reading.system_path(path))
    except OSError:
        return path, -1, -1
    return path, info.st_size, info.st_mtime_ns


def near_to(hashes: Mapping[Path, int], others: Sequence[int], *, max_bits: int) -> set[Path]:
    """The photos that differ in at most ``max_bits`` bits from any of the other hashes."""
    known = np.array(others, np.uint64)
    return {
        path
        for path, value in hashes.items()
        if len(known) and int(np.bitwise_count(known ^ np.uint64(value)).min()) <= max_bits
    }


def copies(photos: Iterable[Path]) -> list[list[Path]]:
    """Photos that are the same file under several names, two and more, in the order they came.

    Only files of one size are read; what cannot be read has no copies.
    """
    found = _alike(photos, lambda path: os.stat(reading.system_path(path)).st_size)
    return [same for alike in found for same in _alike(alike, _digest)]


def _digest(path: Path) -> bytes:
    with open(reading.system_path(path), "rb") as stream:
        return hashlib.file_digest(stream, "blake2b").digest()


def _alike(photos: Iterable[Path], key: Callable[[Path], Hashable]) -> list[list[Path]]:
    members: dict[Hashable, list[Path]] = defaultdict(list)
    for path in dict.fromkeys(photos):
        with suppress(OSError):
            members[key(path)].append(path)
    return [found for found in members.values() if len(found) > 1]


def clusters(hashes: Mapping[Path, int], *, max_bits: int) -> list[list[Path]]:
    """Photos that look alike, two and more, in the order they came."""
    from geoview.photos import phash

    paths = list(hashes)
    if not paths:
        return []
    labels = phash.clusters(np.array([hashes[p] for p in paths], np.uint64), max_bits=max_bits)
    members: dict[int, list[Path]] = defaultdict(list)
    for path, label in zip(paths, labels, strict=True):
        members[int(label)].append(path)
    return [found for found in members.values() if len(found) > 1]
