"""A photo with its heatmap over it and a legend below, as a picture for reports."""

from __future__ import annotations

import io
from typing import TYPE_CHECKING

import numpy as np
from PIL import Image, ImageDraw, ImageFont

import geoview
from geoview.explain.colormaps import NAMES, lut
from geoview.records import Heatmap

if TYPE_CHECKING:
    from numpy.typing import NDArray

__all__ = ["NAMES", "coloured", "lut", "overlay", "overlay_png"]

_MARGIN = 12
_INK = (32, 32, 32)
_PAPER = (255, 255, 255)


def coloured(
    heatmap: Heatmap, *, colormap: str = "viridis", top: float | None = None
) -> NDArray[np.uint8]:
    """The map's cells as uint8 (rows, cols, 3).

    ``top`` is the value of the brightest colour, the map's own peak by default; give the same to
    the maps of several classes to compare them. A map without any evidence is dark all over.
    """
    ceiling = heatmap.peak if top is None else top
    scaled = heatmap.values / ceiling if ceiling > 0 else np.zeros_like(heatmap.values)
    return np.asarray(lut(colormap)[np.round(np.clip(scaled, 0, 1) * 255).astype(np.uint8)])


def overlay(
    pixels: NDArray[np.uint8],
    heatmap: Heatmap,
    *,
    width_px: int,
    height_px: int,
    opacity: float = 0.45,
    colormap: str = "viridis",
    top: float | None = None,
) -> NDArray[np.uint8]:
    """Blend a heatmap over a photo's ``pixels`` (h, w, 3), which may be a reduced decode.

    ``width_px`` and ``height_px`` are the size of the oriented original, the frame of the
    heatmap's box.
    """
    height, width = pixels.shape[:2]
    x0, y0, x1, y1 = heatmap.box_xyxy
    left, right = (round(x * width / width_px) for x in (x0, x1))
    upper, lower = (round(y * height / height_px) for y in (y0, y1))
    out = pixels.copy()
    size = (max(1, right - left), max(1, lower - upper))
    colours = Image.fromarray(coloured(heatmap, colormap=colormap, top=top))
    layer = np.asarray(colours.resize(size, Image.Resampling.BICUBIC), np.float32)
    under = out[upper:lower, left:right]
    over = layer[: under.shape[0], : under.shape[1]]
    out[upper:lower, left:right] = np.round((1 - opacity) * under + opacity * over)
    return out


def outlined(
    pixels: NDArray[np.uint8], heatmap: Heatmap, *, width_px: int, colormap: str, top: float
) -> NDArray[np.uint8]:
    """Draw lines of equal evidence over a photo's ``pixels``, a decode of any size."""
    from geoview.explain.contours import contours

    factor = pixels.shape[1] / width_px
    thin = max(2, round(min(pixels.shape[:2]) / 400))
    image = Image.fromarray(pixels)
    draw = ImageDraw.Draw(image)
    for contour in contours(heatmap, top=top):
        points = [(float(x * factor), float(y * factor)) for x, y in contour.points_px]
        # The weaker half of a colormap is too dark to be seen on a dark photo.
        colour = tuple(int(c) for c in lut(colormap)[round((0.4 + 0.6 * contour.level) * 255)])
        for ink, width in (((0, 0, 0), 2 * thin), (colour, thin)):
            draw.line([*points, points[0]], fill=ink, width=width, joint="curve")
    return np.asarray(image)


def overlay_png(
    pixels: NDArray[np.uint8],
    heatmap: Heatmap,
    *,
    width_px: int,
    height_px: int,
    opacity: float = 0.45,
    colormap: str = "viridis",
    top: float | None = None,
    title: str = "",
    as_lines: bool = False,
) -> bytes:
    """PNG of the overlay, with the class, the colour bar, the method and the model below it.

    ``as_lines`` draws lines of equal evidence instead of blending the colours over the photo.
    """
    ceiling = heatmap.peak if top is None else top
    blended = (
        outlined(pixels, heatmap, width_px=width_px, colormap=colormap, top=ceiling)
        if as_lines
        else overlay(
            pixels,
            heatmap,
            width_px=width_px,
            height_px=height_px,
            opacity=opacity,
            colormap=colormap,
            top=top,
        )
    )
    legend = _legend(heatmap, width=blended.shape[1], colormap=colormap, top=ceiling, title=title)
    sheet = Image.new("RGB", (blended.shape[1], blended.shape[0] + legend.height), _PAPER)
    sheet.paste(Image.fromarray(blended), (0, 0))
    sheet.paste(legend, (0, blended.shape[0]))
    buffer = io.BytesIO()
    sheet.save(buffer, "PNG")
    return buffer.getvalue()


def _legend(heatmap: Heatmap, *, width: int, colormap: str, top: float, title: str) -> Image.Image:
    text = max(11, min(28, width // 50))
    font = ImageFont.load_default(size=text)
    made = f"GeoView {geoview.__version__}"
    model = f"{heatmap.model.name} {heatmap.model.sha256[:12]} · {made}"
    evidence = "no evidence" if heatmap.peak <= 0 else f"peak {heatmap.peak:.3g}"
    lines = [
        " · ".join(part for part in (title, heatmap.class_name, evidence) if part),
        f"{heatmap.method} · {model}",
    ]
    step = round(1.5 * text)
    image = Image.new("RGB", (width, step * 3 + 2 * _MARGIN), _PAPER)
    draw = ImageDraw.Draw(image)
    for i, line in enumerate(lines):
        draw.text((_MARGIN, _MARGIN + i * step), line, fill=_INK, font=font)
    y = _MARGIN + 2 * step
    low, high = "0", f"{top:.3g}"
    left = _MARGIN + round(draw.textlength(low, font=font)) + 6
    right = max(left + 1, min(width, left + 18 * text) - _MARGIN)
    draw.text((_MARGIN, y), low, fill=_INK, font=font)
    draw.text((right + 6, y), high, fill=_INK, font=font)
    bar = Image.fromarray(np.repeat(lut(colormap)[None], text, axis=0))
    image.paste(bar.resize((right - left, text)), (left, y))
    return image
