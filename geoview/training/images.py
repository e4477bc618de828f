"""Training images: photos brought to working size once, then read memory-mapped."""

from __future__ import annotations

import contextlib
import hashlib
import logging
import os
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace
from functools import partial
from itertools import islice
from pathlib import Path
from typing import TypeVar

import cv2
import numpy as np
from numpy.typing import NDArray

from geoview.errors import PhotoError
from geoview.models.card import ModelCard, Preprocess
from geoview.models.preprocess import Plan, needed_px, plan, resized, tiles
from geoview.photos import reading
from geoview.photos.decode import Decoded, decode
from geoview.training.data import Item
from geoview.training.pixel_store import PixelStore

Pixels = NDArray[np.uint8]
T = TypeVar("T")
R = TypeVar("R")

log = logging.getLogger(__name__)


class ImageCache:
    """uint8 photos at working size in ``folder``; epochs after the first never decode.

    Without tiling the working size is ``margin`` times the network's input, so that crops of
    less than the whole photo stay sharp. The folder holds at most ``limit_bytes`` (by default
    20 GB, and no more than a fifth of the free disk); photos that no training has used for the
    longest time go first. Several processes may share a folder. ``notice`` is told once when
    photos can no longer be stored; the training goes on, only slower.
    """

    def __init__(
        self,
        folder: Path,
        preprocess: Preprocess,
        *,
        margin: float = 1.0,
        limit_bytes: int | None = None,
        notice: Callable[[str], None] = log.warning,
    ) -> None:
        self.folder = folder
        self.preprocess = preprocess
        self._store = PixelStore(folder, limit_bytes=limit_bytes, notice=notice)
        self._input = _as_input(preprocess)
        self._work = _work(preprocess, margin=margin)

    def photo(self, path: Path) -> Pixels:
        """The whole photo at working size, uint8 [h, w, 3], read-only once it is stored.

        With ``fit = "pad"`` it is square, with the borders that the network sees. Raises
        PhotoError with a plain reason when it cannot be read.
        """
        return self._stored(path, self._work)

    def item(self, item: Item) -> Pixels:
        """The item's own pixels: its tile, or its whole photo, before the final resize.

        A tile of the grid that prediction cuts is cut alike. Raises PhotoError that names the
        file.
        """
        with _naming(item):
            pixels = self.photo(item.path)
        if item.tile is None:
            return pixels
        row, col, rows, cols = item.tile
        height, width = pixels.shape[:2]
        if self.preprocess.tiling is not None:
            cut = plan(_card(self.preprocess), width_px=width, height_px=height)
            if _grid(cut) == (rows, cols):
                x, y = cut.origins[row * cols + col]
                return pixels[y : y + cut.tile_px, x : x + cut.tile_px]
        return pixels[
            height * row // rows : height * (row + 1) // rows,
            width * col // cols : width * (col + 1) // cols,
        ]

    def plain(self, item: Item) -> Pixels:
        """The item as the network sees it unchanged, uint8 [S, S, 3], the same as in prediction.

        Raises PhotoError that names the file.
        """
        if item.tile is not None or self.preprocess.tiling is not None:
            return fitted(self.item(item), self.preprocess.input_px)
        with _naming(item):
            return self._stored(item.path, self._input)

    def cut(self, items: Sequence[Item]) -> list[Item]:
        """Under a tiling, every whole photo as the tiles that prediction cuts, each with the
        photo's labels but not its areas, which are no tile's own; other items as they are.

        A photo that cannot be read stays whole, so that whoever reads it says why.
        """
        if self.preprocess.tiling is None:
            return list(items)
        work = partial(_pieces, preprocess=self.preprocess)
        pieces = prefetched(work, items, workers=os.cpu_count() or 1, ahead=32)
        return [piece for some in pieces for piece in some]

    def _stored(self, path: Path, form: _Form) -> Pixels:
        key = _key(path, form.name)
        found = self._store.get(key)
        if found is None:
            found = form.make(path, form.card)
            self._store.put(key, found)
        return found


def teach_area(items: Sequence[Item], preprocess: Preprocess) -> bool:
    """Whether any item has areas of what the network sees at a time: its tile, or all of it."""
    given = [item for item in items if item.area is not None]
    work = partial(_pieces, preprocess=preprocess)
    pieces = prefetched(work, given, workers=os.cpu_count() or 1, ahead=32)
    return any(piece.area is not None for some in pieces for piece in some)


def _pieces(item: Item, *, preprocess: Preprocess) -> list[Item]:
    if item.tile is not None or preprocess.tiling is None:
        return [item]
    try:
        photo = decode(item.path, at_least_px=1)
        cut = plan(_card(preprocess), width_px=photo.width_px, height_px=photo.height_px)
    except PhotoError:
        return [replace(item, area=None)]  # teaches nothing, and is left out when it is read
    if len(cut.tiles) == 1:
        return [item]
    grid = _grid(cut)
    return [replace(item, tile=(t.row, t.col, *grid), area=None) for t in cut.tiles]


def fitted(pixels: Pixels, side_px: int) -> Pixels:
    """Squash to the network's square input."""
    return resized(pixels, width_px=side_px, height_px=side_px)


def prefetched(
    work: Callable[[T], R], todo: Sequence[T], *, workers: int, ahead: int
) -> Iterator[R]:
    """``map(work, todo)`` in order, on threads, never more than ``ahead`` results waiting."""
    # Whole photos already run side by side; a pool inside every resize only adds waiting.
    cv2.setNumThreads(1)
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


@dataclass(frozen=True, slots=True)
class _Form:
    """A size and shape in which photos are stored; its name goes into their keys."""

    name: str
    card: ModelCard
    make: Callable[[Path, ModelCard], Pixels]


def _as_input(preprocess: Preprocess, *, margin: float = 1.0) -> _Form:
    """The whole photo just as the network gets it, or ``margin`` times as large."""
    side, fit = round(preprocess.input_px * margin), preprocess.fit
    border = preprocess.mean if fit == "pad" else ""
    whole = preprocess.model_copy(update={"input_px": side, "tiling": None})
    return _Form(f"{fit} {side} {border}", _card(whole), _input_pixels)


def _work(preprocess: Preprocess, *, margin: float) -> _Form:
    """The tray before it is cut, the padded photo, or the photo in its own shape."""
    if preprocess.tiling is not None:
        card = _card(preprocess)
        return _Form(f"tray {needed_px(card)}", card, _tray_pixels)
    square = _as_input(preprocess, margin=margin)
    if preprocess.fit == "pad":
        return square
    return _Form(f"photo {needed_px(square.card)}", square.card, _photo_pixels)


def _grid(cut: Plan) -> tuple[int, int]:
    return 1 + max(tile.row for tile in cut.tiles), 1 + max(tile.col for tile in cut.tiles)


def _card(preprocess: Preprocess) -> ModelCard:
    """A card with nothing but the preprocessing, which is all that the geometry looks at."""
    return ModelCard.model_construct(preprocess=preprocess)


def _input_pixels(path: Path, card: ModelCard) -> Pixels:
    return np.asarray(tiles(_decoded(path, card), card=card)[0][0], np.uint8)


def _tray_pixels(path: Path, card: ModelCard) -> Pixels:
    decoded = _decoded(path, card)
    width, height = plan(card, width_px=decoded.width_px, height_px=decoded.height_px).work_px
    return resized(decoded.pixels, width_px=width, height_px=height)


def _photo_pixels(path: Path, card: ModelCard) -> Pixels:
    """In its own shape, the shorter side reduced; enlarging is left to the final resize."""
    decoded = _decoded(path, card)
    plan(card, width_px=decoded.width_px, height_px=decoded.height_px)  # refuses what is no photo
    height, width = decoded.pixels.shape[:2]
    scale = min(1.0, needed_px(card) / min(height, width))
    return resized(decoded.pixels, width_px=round(width * scale), height_px=round(height * scale))


def _decoded(path: Path, card: ModelCard) -> Decoded:
    return decode(path, at_least_px=needed_px(card))


def _key(path: Path, kind: str) -> str:
    try:
        info = os.stat(reading.system_path(path))
    except OSError as error:
        raise PhotoError(reading.plain_reason(error, path)) from error
    text = f"{os.path.abspath(path)}|{info.st_size}|{info.st_mtime_ns}|{kind}"
    return hashlib.blake2b(text.encode("utf-8", "surrogatepass"), digest_size=16).hexdigest()


@contextlib.contextmanager
def _naming(item: Item) -> Iterator[None]:
    try:
        yield
    except PhotoError as error:
        raise PhotoError(f"The photo {item.file} cannot be read: {error}.") from error
