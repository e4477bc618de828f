"""Perceptual hashes (pHash): 64 bits that stay nearly the same for photos that look the same.

The bits are those of ``imagehash.phash`` with its usual options: grey, 32 × 32 by Lanczos, the
8 × 8 lowest frequencies of the cosine transform, each above their median or not (P2, section 3).
"""

from __future__ import annotations

import os
from collections.abc import Callable, Generator, Iterable, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from dataclasses import dataclass, field
from itertools import islice
from pathlib import Path
from typing import TypeVar

import numpy as np
from numpy.typing import NDArray
from PIL import Image
from scipy.fft import dct
from scipy.sparse import coo_array
from scipy.sparse.csgraph import connected_components

from geoview.callbacks import never
from geoview.errors import Cancelled, PhotoError
from geoview.photos import decode, lanczos
from geoview.rate import Rate
from geoview.records import Progress

BITS = 64
_LOW = 8
# One block of comparisons stays in a core's cache.
_ROWS, _COLUMNS = 32, 4096

Picture = Image.Image | NDArray[np.uint8]
Hashes = NDArray[np.uint64]
T = TypeVar("T")
R = TypeVar("R")


@dataclass(frozen=True, slots=True, eq=False)
class FileHashes:
    """What ``hash_files`` found, parallel to its paths.

    ``hashes``: uint64 (n,), 0 where the file cannot be read; ``sizes_px``: (n, 2), width and
    height of the upright original; ``unreadable``: the plain reason by position.
    """

    hashes: Hashes
    sizes_px: NDArray[np.int64]
    unreadable: dict[int, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class FileHash:
    """Of one photo; ``size_px``: width and height of the upright original, ``reason``: why it
    cannot be read."""

    hash: int = 0
    size_px: tuple[int, int] = (0, 0)
    reason: str = ""


def phash(picture: Picture) -> np.uint64:
    """The hash of a Pillow image or of RGB pixels, uint8 (h, w, 3).

    ``f"{phash(p):016x}" == str(imagehash.phash(p))``.
    """
    return np.uint64(_of_small(lanczos.shrink(picture)[None])[0])


def hashes(pictures: Iterable[Picture], *, workers: int | None = None) -> Hashes:
    """The hashes of many pictures, uint64 (n,), on ``workers`` threads (else one a core)."""
    small = list(_ordered(lanczos.shrink, pictures, workers=workers or _cores()))
    return _of_small(np.array(small, np.uint8).reshape(-1, lanczos.SIDE, lanczos.SIDE))


def hash_files(
    paths: Sequence[Path],
    *,
    workers: int | None = None,
    progress: Callable[[Progress], None] = lambda _: None,
    cancelled: Callable[[], bool] = never,
) -> FileHashes:
    """The hashes of photo files as they are shown: upright, in sRGB, on white where clear.

    The bits need every pixel and its colours: a reduced decode changes them, and so may the
    luma plane of a JPEG, which is not Pillow's grey where a colour was clipped. Raises Cancelled.
    """
    found = FileHashes(np.zeros(len(paths), np.uint64), np.zeros((len(paths), 2), np.int64))
    rate = Rate()
    with closing(each_file(paths, workers=workers)) as looked:
        for place, one in enumerate(looked):
            if cancelled():
                raise Cancelled("Stopped while the photos were compared.")
            found.hashes[place], found.sizes_px[place] = one.hash, one.size_px
            if one.reason:
                found.unreadable[place] = one.reason
            progress(Progress(place + 1, len(paths), rate.after(1), len(found.unreadable)))
    return found


def each_file(paths: Sequence[Path], *, workers: int | None = None) -> Generator[FileHash]:
    """As ``hash_files``, one by one in the order of ``paths``; close it to stop early."""
    return _ordered(_look, paths, workers=workers or _cores())


def _look(path: Path) -> FileHash:
    try:
        photo = decode.decode(path)
    except PhotoError as error:
        return FileHash(reason=str(error))
    return FileHash(int(phash(photo.pixels)), (photo.width_px, photo.height_px))


def _ordered(work: Callable[[T], R], items: Iterable[T], *, workers: int) -> Generator[R]:
    """``pool.map`` that never runs far ahead, so that stopping is quick."""
    pool = ThreadPoolExecutor(workers)
    try:
        waiting = iter(items)
        running = [pool.submit(work, item) for item in islice(waiting, 4 * workers)]
        while running:
            yield running.pop(0).result()
            running += [pool.submit(work, item) for item in islice(waiting, 1)]
    finally:
        pool.shutdown(cancel_futures=True)


def _of_small(small: NDArray[np.uint8]) -> Hashes:
    """(n, 32, 32) grey → (n,) hashes."""
    columns = dct(small.astype(np.float64), axis=1)[:, :_LOW]
    low = dct(columns, axis=2)[:, :, :_LOW].reshape(-1, BITS)
    bits = low > np.median(low, axis=1, keepdims=True)
    return np.packbits(bits, axis=1).view(">u8").ravel().astype(np.uint64)


def near_pairs(hashes: Hashes, *, max_bits: int) -> NDArray[np.int64]:
    """All pairs (i < j) of hashes that differ in at most ``max_bits`` bits: (k, 2), sorted."""
    blocks = list(_near(hashes, max_bits=max_bits))
    pairs = np.concatenate([np.empty((0, 2), np.int64), *blocks])
    return pairs[np.lexsort((pairs[:, 1], pairs[:, 0]))]


def clusters(hashes: Hashes, *, max_bits: int) -> NDArray[np.int64]:
    """A label per hash, 0 … in order of first appearance: connected by near pairs or not.

    Memory stays bounded however many pairs there are.
    """
    distinct, of = np.unique(hashes, return_inverse=True)
    labels = np.arange(len(distinct))
    with closing(_near(distinct, max_bits=max_bits)) as blocks:
        for pairs in blocks:
            labels = _joined(labels, labels[pairs])
    _, first, same = np.unique(labels[of], return_index=True, return_inverse=True)
    return np.argsort(np.argsort(first))[same].astype(np.int64)


def _joined(labels: NDArray[np.int64], pairs: NDArray[np.int64]) -> NDArray[np.int64]:
    """Labels after the clusters named in ``pairs`` (k, 2) are joined."""
    one, other = pairs[pairs[:, 0] != pairs[:, 1]].T
    if not len(one):
        return labels
    size = len(labels)
    graph = coo_array((np.ones(len(one), bool), (one, other)), shape=(size, size))
    merged = connected_components(graph, directed=False)[1].astype(np.int64)
    return np.asarray(merged[labels])


def _near(hashes: Hashes, *, max_bits: int) -> Generator[NDArray[np.int64]]:
    """Near pairs (k, 2) row block by row block; the blocks are compared on all cores."""
    starts = range(0, len(hashes), _ROWS)
    return _ordered(
        lambda start: _near_rows(hashes, start, max_bits=max_bits), starts, workers=_cores()
    )


def _near_rows(hashes: Hashes, start: int, *, max_bits: int) -> NDArray[np.int64]:
    rows = hashes[start : start + _ROWS, None]
    differing = np.empty((len(rows), _COLUMNS), np.uint64)
    counts = np.empty(differing.shape, np.uint8)
    found = []
    for left in range(start, len(hashes), _COLUMNS):
        columns = hashes[None, left : left + _COLUMNS]
        width = columns.shape[1]
        np.bitwise_xor(rows, columns, out=differing[:, :width])
        np.bitwise_count(differing[:, :width], out=counts[:, :width])
        i, j = np.nonzero(counts[:, :width] <= max_bits)
        found.append(np.stack([i + start, j + left], axis=1))
    pairs = np.concatenate(found)
    return pairs[pairs[:, 0] < pairs[:, 1]]


def _cores() -> int:
    if hasattr(os, "sched_getaffinity"):
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1
