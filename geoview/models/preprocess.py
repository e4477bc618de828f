"""From a decoded photo to the network's inputs, exactly as the model card prescribes.

A tray is brought to the card's working size, so that fragments appear at the scale of the
training photos whatever the camera's megapixels, and cut into tiles. The pixels stay uint8:
normalisation happens on the device, in the batch.
"""

from __future__ import annotations

import itertools
import math
from collections.abc import Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from geoview.errors import PhotoError
from geoview.models.card import ModelCard, Tiling
from geoview.photos.frame import Frame

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from geoview.photos.decode import Decoded

# A strip is sampled with at most this many tiles along it per tile across; longer ones leave gaps.
MAX_TILES_ALONG = 12
# Beyond this a file is a line, not a photo, and bringing it to the working size would only
# fill the memory.
MAX_ASPECT = 64


@dataclass(frozen=True, slots=True)
class Tile:
    """One input of a photo: its place in the grid, its frame, and the share it stands for.

    The weights of a photo's tiles add up to 1; where tiles overlap each counts up to the middle
    of the overlap, so that no part of the photo is counted twice.
    """

    row: int
    col: int
    frame: Frame
    weight: float


@dataclass(frozen=True, slots=True)
class Plan:
    """How a photo of a given size is cut; ``work_px`` is its (width, height) before cutting.

    ``gaps`` says that the photo is so long that its tiles leave parts of it out.
    """

    work_px: tuple[int, int]
    tile_px: int
    origins: tuple[tuple[int, int], ...]
    tiles: tuple[Tile, ...]
    gaps: bool = False


def needed_px(card: ModelCard) -> int:
    """How long the shorter side of a decoded photo must be for this card."""
    tiling = card.preprocess.tiling
    return _working_short(tiling) if tiling else card.preprocess.input_px


def plan(card: ModelCard, *, width_px: int, height_px: int) -> Plan:
    """The tiles of a photo of that (oriented, original) size: pure geometry.

    Raises PhotoError when the photo is so narrow that it cannot be analysed.
    """
    if min(width_px, height_px) < 1 or max(width_px, height_px) > MAX_ASPECT * min(
        width_px, height_px
    ):
        raise PhotoError(
            f"the picture is {width_px} × {height_px} px, too narrow to analyse: crop it first"
        )
    tiling = card.preprocess.tiling
    if tiling is None:
        return _whole(card, width_px, height_px)
    return _tiled(card.preprocess.input_px, tiling, width_px, height_px)


def tiles(decoded: Decoded, *, card: ModelCard) -> tuple[NDArray[np.uint8], Plan]:
    """The inputs of a photo, uint8 [T, S, S, 3] RGB in row-major tile order, and their plan."""
    cut = plan(card, width_px=decoded.width_px, height_px=decoded.height_px)
    size = card.preprocess.input_px
    if card.preprocess.tiling is None:
        return _framed(decoded.pixels, cut.tiles[0].frame, card)[None], cut
    work = resized(decoded.pixels, width_px=cut.work_px[0], height_px=cut.work_px[1])
    out = np.empty((len(cut.tiles), size, size, 3), np.uint8)
    for i, (x, y) in enumerate(cut.origins):
        tile = work[y : y + cut.tile_px, x : x + cut.tile_px]
        out[i] = resized(tile, width_px=size, height_px=size)
    return out, cut


def resized(pixels: NDArray[np.uint8], *, width_px: int, height_px: int) -> NDArray[np.uint8]:
    """Resize (h, w, 3) without aliasing: area average down, bicubic up."""
    import cv2

    height, width = pixels.shape[:2]
    if (width, height) == (width_px, height_px):
        return pixels
    down = width_px * height_px < width * height
    method = cv2.INTER_AREA if down else cv2.INTER_CUBIC
    return np.asarray(cv2.resize(pixels, (width_px, height_px), interpolation=method), np.uint8)


def _working_short(tiling: Tiling) -> int:
    return max(tiling.working_short_side_px, tiling.tile_px)


def _whole(card: ModelCard, width_px: int, height_px: int) -> Plan:
    size = card.preprocess.input_px
    content = (0.0, 0.0, float(size), float(size))
    if card.preprocess.fit == "pad":
        longer = max(width_px, height_px)
        w, h = (max(1, round(side * size / longer)) for side in (width_px, height_px))
        x, y = (size - w) // 2, (size - h) // 2
        content = (float(x), float(y), float(x + w), float(y + h))
    frame = Frame(size, (0.0, 0.0, float(width_px), float(height_px)), content)
    return Plan((size, size), size, ((0, 0),), (Tile(0, 0, frame, 1.0),))


def _tiled(input_px: int, tiling: Tiling, width_px: int, height_px: int) -> Plan:
    scale = _working_short(tiling) / min(width_px, height_px)
    work_w, work_h = round(width_px * scale), round(height_px * scale)
    tile = tiling.tile_px
    across = MAX_TILES_ALONG * math.ceil(min(work_w, work_h) / tile)
    columns, rows = _axis(work_w, tile, across), _axis(work_h, tile, across)
    content = (0.0, 0.0, float(input_px), float(input_px))
    to_x, to_y = width_px / work_w, height_px / work_h
    origins, out = [], []
    for (row, (y, share_y)), (col, (x, share_x)) in _grid(rows, columns):
        box = (x * to_x, y * to_y, (x + tile) * to_x, (y + tile) * to_y)
        origins.append((x, y))
        out.append(Tile(row, col, Frame(input_px, box, content), share_x * share_y))
    gaps = len(columns) * tile < work_w or len(rows) * tile < work_h
    return Plan((work_w, work_h), tile, tuple(origins), tuple(out), gaps)


_Cell = tuple[int, float]


def _grid(
    rows: list[_Cell], columns: list[_Cell]
) -> Iterator[tuple[tuple[int, _Cell], tuple[int, _Cell]]]:
    return ((r, c) for r in enumerate(rows) for c in enumerate(columns))


def _axis(side: int, tile: int, most: int) -> list[_Cell]:
    """Start of every tile along one axis, and the share of the axis it stands for."""
    n = min(math.ceil(side / tile), most)
    starts = [round(i * (side - tile) / (n - 1)) for i in range(n)] if n > 1 else [0]
    middles = [(a + tile + b) / 2 for a, b in itertools.pairwise(starts)]
    borders = [0.0, *middles, float(side)]
    return [(s, (borders[i + 1] - borders[i]) / side) for i, s in enumerate(starts)]


def _framed(pixels: NDArray[np.uint8], frame: Frame, card: ModelCard) -> NDArray[np.uint8]:
    """The whole photo in one input, squashed or with borders of the card's mean colour."""
    x0, y0, x1, y1 = (int(v) for v in frame.content_xyxy)
    inner = resized(pixels, width_px=x1 - x0, height_px=y1 - y0)
    if inner.shape[:2] == (frame.input_px, frame.input_px):
        return inner
    out = np.empty((frame.input_px, frame.input_px, 3), np.uint8)
    out[:] = np.round(np.multiply(card.preprocess.mean, 255)).astype(np.uint8)
    out[y0:y1, x0:x1] = inner
    return out
