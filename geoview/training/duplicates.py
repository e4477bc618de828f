"""Near-duplicates among labelled photos, by path: pHash from ``photos.phash``. Light: no torch."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

import numpy as np

from geoview.callbacks import never
from geoview.records import Progress


def hashes_of(
    photos: Sequence[Path],
    *,
    progress: Callable[[Progress], None] = lambda _: None,
    cancelled: Callable[[], bool] = never,
) -> dict[Path, int]:
    """The pHash of every photo that can be read, each once. Raises Cancelled."""
    from geoview.photos import phash

    paths = list(dict.fromkeys(photos))
    found = phash.hash_files(paths, progress=progress, cancelled=cancelled)
    readable = (i for i in range(len(paths)) if i not in found.unreadable)
    return {paths[i]: int(found.hashes[i]) for i in readable}


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
