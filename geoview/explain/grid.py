"""All classes of a photo in one picture: the photo, and a small map per class on one scale."""

from __future__ import annotations

import io
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
from PIL import Image, ImageDraw, ImageFont

import geoview
from geoview.explain.colormaps import lut
from geoview.explain.render import overlay
from geoview.records import Heatmap

if TYPE_CHECKING:
    from numpy.typing import NDArray

    Font = ImageFont.FreeTypeFont | ImageFont.ImageFont

_CELL_PX = 320
_GAP = 10
_INK = (32, 32, 32)
_PAPER = (255, 255, 255)
_WIDEST = 5


@dataclass(frozen=True, slots=True)
class Look:
    """How the maps are drawn over the photo."""

    opacity: float = 0.45
    colormap: str = "viridis"


def grid_png(
    pixels: NDArray[np.uint8],
    rows: Sequence[Sequence[Heatmap]],
    *,
    width_px: int,
    height_px: int,
    captions: Sequence[Sequence[str]],
    title: str,
    look: Look,
) -> bytes:
    """PNG of the photo and its maps, with their scale and where they come from.

    ``pixels`` is the photo, perhaps reduced; ``width_px`` and ``height_px`` are the size of the
    oriented original. Each of ``rows`` holds the maps of one method, which share one scale: the
    values of two methods cannot be compared. ``captions`` stand below the maps.
    """
    small = _reduced(pixels)
    font = ImageFont.load_default(size=14)
    bands = []
    for heatmaps, words in zip(rows, captions, strict=True):
        top = max(heatmap.peak for heatmap in heatmaps)
        cells = [_cell(small, "the photo", font)]
        for heatmap, caption in zip(heatmaps, words, strict=True):
            blended = overlay(
                small, heatmap, width_px=width_px, height_px=height_px,
                opacity=look.opacity, colormap=look.colormap, top=top,
            )  # fmt: skip
            cells.append(_cell(blended, caption, font))
        bands.append(_wrapped(cells))
        bands.append(_scale(heatmaps[0], top=top, width=bands[-1].width, look=look, font=font))
    bands.insert(0, _line(title, width=bands[0].width, font=font))
    return _png(_stacked(bands))


def _reduced(pixels: NDArray[np.uint8]) -> NDArray[np.uint8]:
    image = Image.fromarray(pixels)
    image.thumbnail((_CELL_PX, _CELL_PX), Image.Resampling.BILINEAR, reducing_gap=2.0)
    return np.asarray(image)


def _cell(pixels: NDArray[np.uint8], caption: str, font: Font) -> Image.Image:
    height, width = pixels.shape[:2]
    cell = Image.new("RGB", (max(width, _CELL_PX // 2), height + 24), _PAPER)
    cell.paste(Image.fromarray(pixels), (0, 0))
    ImageDraw.Draw(cell).text((2, height + 4), caption, fill=_INK, font=font)
    return cell


def _wrapped(cells: Sequence[Image.Image]) -> Image.Image:
    columns = min(len(cells), _WIDEST)
    width, height = (max(size) for size in zip(*(cell.size for cell in cells), strict=True))
    lines = -(-len(cells) // columns)
    size = (columns * (width + _GAP) + _GAP, lines * (height + _GAP))
    sheet = Image.new("RGB", size, _PAPER)
    for i, cell in enumerate(cells):
        row, column = divmod(i, columns)
        sheet.paste(cell, (_GAP + column * (width + _GAP), row * (height + _GAP)))
    return sheet


def _scale(heatmap: Heatmap, *, top: float, width: int, look: Look, font: Font) -> Image.Image:
    """The colour bar of a row of maps, their method and model."""
    model = f"{heatmap.model.name} {heatmap.model.sha256[:12]}"
    words = f"{top:.3g}   {heatmap.method} · {model} · GeoView {geoview.__version__}"
    strip = Image.new("RGB", (width, 30), _PAPER)
    bar = Image.fromarray(np.repeat(lut(look.colormap)[None], 14, axis=0)).resize((160, 14))
    strip.paste(bar, (_GAP + 14, 6))
    draw = ImageDraw.Draw(strip)
    draw.text((_GAP, 4), "0", fill=_INK, font=font)
    draw.text((_GAP + 180, 4), words, fill=_INK, font=font)
    return strip


def _line(text: str, *, width: int, font: Font) -> Image.Image:
    strip = Image.new("RGB", (width, 30), _PAPER)
    ImageDraw.Draw(strip).text((_GAP, 6), text, fill=_INK, font=font)
    return strip


def _stacked(bands: Sequence[Image.Image]) -> Image.Image:
    width = max(band.width for band in bands)
    sheet = Image.new("RGB", (width, sum(band.height for band in bands)), _PAPER)
    y = 0
    for band in bands:
        sheet.paste(band, (0, y))
        y += band.height
    return sheet


def _png(image: Image.Image) -> bytes:
    buffer = io.BytesIO()
    image.save(buffer, "PNG")
    return buffer.getvalue()
