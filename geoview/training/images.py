"""Training images: photos brought to working size once, then read memory-mapped."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from itertools import islice
from pathlib import Path
from typing import TypeVar

import cv2
import numpy as np
from numpy.typing import NDArray

from geoview import files
from geoview.models.card import Preprocess
from geoview.photos.decode import decode
from geoview.training.data import Item

Pixels = NDArray[np.uint8]
T = TypeVar("T")
R = TypeVar("R")


class ImageCache:
    """uint8 photos at working size in ``folder``; epochs after the first never decode."""

    def __init__(self, folder: Path, preprocess: Preprocess) -> None:
        self.folder = folder
        self.preprocess = preprocess
        folder.mkdir(parents=True, exist_ok=True)

    def photo(self, path: Path) -> Pixels:
        """The whole photo at working size, uint8 [h, w, 3]; PhotoError when unreadable."""
        stored = self.folder / f"{self._key(path)}.npy"
        try:
            return np.load(stored, mmap_mode="r", allow_pickle=False)  # type: ignore[no-any-return]
        except (OSError, ValueError):
            pixels = self._resized(path)
        with files.replacing(stored) as temporary, temporary.open("wb") as stream:
            np.save(stream, pixels, allow_pickle=False)
        return pixels

    def item(self, item: Item) -> Pixels:
        """The item's own pixels: its tile, or its whole photo, before the final resize."""
        pixels = self.photo(item.path)
        if item.tile is None:
            return pixels
        row, col, rows, cols = item.tile
        height, width = pixels.shape[:2]
        return pixels[
            height * row // rows : height * (row + 1) // rows,
            width * col // cols : width * (col + 1) // cols,
        ]

    def _key(self, path: Path) -> str:
        info = path.stat()
        text = f"{path.resolve()}|{info.st_size}|{info.st_mtime_ns}|{self.preprocess}"
        return hashlib.blake2b(text.encode("utf-8", "surrogatepass"), digest_size=16).hexdigest()

    def _resized(self, path: Path) -> Pixels:
        short = (
            self.preprocess.tiling.working_short_side_px
            if self.preprocess.tiling
            else self.preprocess.input_px
        )
        decoded = decode(path, at_least_px=short)
        height, width = decoded.pixels.shape[:2]
        scale = short / min(height, width)
        size = (max(1, round(width * scale)), max(1, round(height * scale)))
        if size == (width, height):
            return decoded.pixels
        how = cv2.INTER_AREA if scale < 1 else cv2.INTER_CUBIC
        return np.asarray(cv2.resize(decoded.pixels, size, interpolation=how), np.uint8)


def fitted(pixels: Pixels, side_px: int) -> Pixels:
    """Squash to the network's square input."""
    if pixels.shape[:2] == (side_px, side_px):
        return pixels
    smaller = pixels.shape[0] * pixels.shape[1] > side_px * side_px
    how = cv2.INTER_AREA if smaller else cv2.INTER_CUBIC
    return np.asarray(cv2.resize(pixels, (side_px, side_px), interpolation=how), np.uint8)


def prefetched(
    work: Callable[[T], R], todo: Sequence[T], *, workers: int, ahead: int
) -> Iterator[R]:
    """``map(work, todo)`` in order, on threads, never more than ``ahead`` results waiting."""
    with ThreadPoolExecutor(workers, thread_name_prefix="training-images") as pool:
        source = iter(todo)
        waiting = [pool.submit(work, one) for one in islice(source, ahead)]
        try:
            while waiting:
                result = waiting.pop(0).result()
                waiting += [pool.submit(work, one) for one in islice(source, 1)]
                yield result
        finally:
            for future in waiting:
                future.cancel()
