"""Heatmaps as images: smoothed, coloured on a scale shared by all classes, placed by their box."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache

import numpy as np
from numpy.typing import NDArray
from PIL import Image
from PySide6.QtCore import QPointF, QRectF
from PySide6.QtGui import QColor, QImage, QPolygonF

from geoview.app.thumbs import image_of
from geoview.records import Heatmap

COLORMAPS = ("viridis", "inferno", "cividis")
# Under this part of the strongest evidence seen in the photo, a map is noise and is not drawn.
NO_EVIDENCE = 0.02
_SMOOTH_PX = 512


@dataclass(frozen=True, slots=True)
class Look:
    """How evidence is drawn: blended over the photo, or as lines of equal evidence."""

    opacity: float = 0.45
    colormap: str = "viridis"
    contours: bool = False


@dataclass(frozen=True, slots=True)
class Line:
    """A closed line over the photo, in oriented original pixels."""

    polygon: QPolygonF
    colour: QColor


class Evidence:
    """The heatmaps known of one photo; they share one scale, so that classes can be compared."""

    def __init__(self) -> None:
        self._maps: dict[tuple[str, str], Heatmap] = {}

    def add(self, heatmap: Heatmap) -> None:
        self._maps[heatmap.class_name, heatmap.method] = heatmap

    def find(self, class_name: str, method: str) -> Heatmap | None:
        """The map of a class; method "auto" takes whichever came last."""
        if method != "auto":
            return self._maps.get((class_name, method))
        found = [hm for (name, _), hm in self._maps.items() if name == class_name]
        return found[-1] if found else None

    def peak(self, method: str) -> float:
        """The strongest evidence of any class by one method: the top of the shared scale."""
        return max((m.peak for m in self._maps.values() if m.method == method), default=0.0)

    def of_method(self, method: str) -> list[Heatmap]:
        """The maps of every class by one method."""
        return [m for m in self._maps.values() if m.method == method]

    def clear(self) -> None:
        self._maps.clear()


def shows_evidence(heatmap: Heatmap, *, peak: float) -> bool:
    """Whether there is anything to draw; stretching a near-empty map would show noise."""
    return heatmap.peak > 0 and heatmap.peak >= NO_EVIDENCE * peak


def scaled(heatmap: Heatmap, *, peak: float) -> NDArray[np.float32]:
    """Values on the shared scale, 0 to 1; ``heatmap.peak`` is what its largest value stands for."""
    largest = float(heatmap.values.max(initial=0.0))
    if largest <= 0 or peak <= 0:
        return np.zeros_like(heatmap.values, dtype=np.float32)
    factor = heatmap.peak / largest / peak
    return np.clip(heatmap.values * factor, 0, 1).astype(np.float32)


def heat_image(heatmap: Heatmap, *, peak: float, colormap: str) -> QImage:
    """The coloured map; it covers ``box(heatmap)`` of the photo, whatever its own size."""
    values = _smooth(scaled(heatmap, peak=peak))
    return image_of(_lut(colormap)[np.rint(values * 255).astype(np.uint8)])


def cells_image(heatmap: Heatmap, *, peak: float, colormap: str) -> QImage:
    """The coloured map, one pixel per cell: for pictures too small to show more."""
    values = scaled(heatmap, peak=peak)
    return image_of(_lut(colormap)[np.rint(values * 255).astype(np.uint8)])


def lines(heatmap: Heatmap, *, peak: float, colormap: str) -> list[Line]:
    """Lines of equal evidence, in the colours of their level."""
    from geoview.explain.contours import contours

    largest = float(heatmap.values.max(initial=0.0))
    top = peak * largest / heatmap.peak if heatmap.peak > 0 else 0.0
    colours = _lut(colormap)
    made = []
    for contour in contours(heatmap, top=top):
        points = [QPointF(float(x), float(y)) for x, y in contour.points_px]
        # The weaker half of a colormap is too dark to be seen on a dark photo.
        red, green, blue = colours[round((0.4 + 0.6 * contour.level) * 255)]
        made.append(Line(QPolygonF(points), QColor(int(red), int(green), int(blue))))
    return made


def gradient(colormap: str) -> QImage:
    """256 × 1 pixels from "no evidence" to the strongest."""
    return image_of(_lut(colormap)[np.arange(256, dtype=np.uint8)][np.newaxis])


def box(heatmap: Heatmap) -> QRectF:
    """The part of the photo that a map covers, in oriented original pixels."""
    x0, y0, x1, y1 = heatmap.box_xyxy
    return QRectF(x0, y0, x1 - x0, y1 - y0)


def _smooth(values: NDArray[np.float32]) -> NDArray[np.float32]:
    """Values are interpolated before they are coloured: mixing colours invents values."""
    rows, cols = values.shape
    factor = max(1, _SMOOTH_PX // max(rows, cols))
    if factor == 1:
        return values
    size = (cols * factor, rows * factor)
    return np.asarray(Image.fromarray(values).resize(size, Image.Resampling.BILINEAR))


@cache
def _lut(name: str) -> NDArray[np.uint8]:
    from geoview.explain.render import lut

    return np.ascontiguousarray(lut(name)[:, :3])
