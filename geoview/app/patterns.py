"""Lithology colours with their standard ornaments, drawn once into small repeating tiles."""

from __future__ import annotations

from collections.abc import Callable
from functools import cache

from PySide6.QtCore import QPointF, QRectF, Qt
from PySide6.QtGui import QBrush, QColor, QGuiApplication, QPainter, QPalette, QPen, QPixmap

from geoview.taxonomy import lithology

_SIDE = 16


def lithology_colour(name: str, *, palette: QPalette | None = None) -> QColor:
    """The convention's colour for a lithology; near-black ones are lifted on a dark theme."""
    colour = QColor(lithology(name).colour)
    if _dark(palette) and colour.lightnessF() < 0.25:
        return QColor("#5a5f64")
    return colour


def lithology_ink(name: str, *, palette: QPalette | None = None) -> QColor:
    """Black or white, whichever reads better on the lithology's colour."""
    light = lithology_colour(name, palette=palette).lightnessF() < 0.4
    return QColor("#ffffff") if light else QColor("#101010")


def lithology_brush(name: str, *, palette: QPalette | None = None) -> QBrush:
    """Colour and standard ornament of a lithology, to fill badges and bars with.

    ``palette`` tells light from dark (default: the application's). The tile repeats from the
    painter's brush origin: ``painter.setBrushOrigin(rect.topLeft())`` keeps it steady.
    """
    screen = QGuiApplication.primaryScreen()
    ratio = screen.devicePixelRatio() if screen else 1.0
    return QBrush(_tile(name, _dark(palette), ratio))


def _dark(palette: QPalette | None) -> bool:
    palette = palette or QGuiApplication.palette()
    return palette.color(QPalette.ColorRole.Window).lightness() < 128


@cache
def _tile(name: str, dark: bool, ratio: float) -> QPixmap:
    base = QColor(lithology(name).colour)
    if dark and base.lightnessF() < 0.25:
        base = QColor("#5a5f64")
    ink = QColor("#ffffff") if base.lightnessF() < 0.4 else QColor("#101010")
    ink.setAlphaF(0.5)
    side = round(_SIDE * ratio)
    tile = QPixmap(side, side)
    tile.fill(base)
    painter = QPainter(tile)
    painter.setRenderHint(QPainter.RenderHint.Antialiasing)
    painter.scale(side / _SIDE, side / _SIDE)
    painter.setPen(QPen(ink, 1.0))
    _ORNAMENTS.get(lithology(name).pattern, _solid)(painter, ink)
    painter.end()
    tile.setDevicePixelRatio(ratio)
    return tile


def _lines(painter: QPainter, *lines: tuple[float, float, float, float]) -> None:
    for x1, y1, x2, y2 in lines:
        painter.drawLine(QPointF(x1, y1), QPointF(x2, y2))


def _solid(painter: QPainter, ink: QColor) -> None:
    """No ornament."""


def _dots(painter: QPainter, ink: QColor) -> None:
    painter.setPen(Qt.PenStyle.NoPen)
    painter.setBrush(ink)
    for x, y in ((4, 4), (12, 4), (0, 12), (8, 12), (16, 12)):
        painter.drawEllipse(QPointF(x, y), 1.1, 1.1)


def _dashes(painter: QPainter, ink: QColor) -> None:
    _lines(painter, (2, 3.5, 14, 3.5), (0, 11.5, 6, 11.5), (10, 11.5, 16, 11.5))


def _broken_dashes(painter: QPainter, ink: QColor) -> None:
    _lines(painter, (1, 3.5, 5, 3.5), (9, 3.5, 13, 3.5), (5, 11.5, 9, 11.5), (13, 11.5, 16, 11.5))
    _lines(painter, (0, 11.5, 1, 11.5))


def _dots_dashes(painter: QPainter, ink: QColor) -> None:
    _lines(painter, (1, 3.5, 7, 3.5), (9, 11.5, 15, 11.5))
    painter.setPen(Qt.PenStyle.NoPen)
    painter.setBrush(ink)
    painter.drawEllipse(QPointF(12, 3.5), 1.1, 1.1)
    painter.drawEllipse(QPointF(4, 11.5), 1.1, 1.1)


def _bricks(painter: QPainter, ink: QColor) -> None:
    _lines(painter, (0, 0.5, 16, 0.5), (0, 8.5, 16, 8.5), (4.5, 0.5, 4.5, 8.5))
    _lines(painter, (12.5, 8.5, 12.5, 16.5))


def _slanted_bricks(painter: QPainter, ink: QColor) -> None:
    _lines(painter, (0, 0.5, 16, 0.5), (0, 8.5, 16, 8.5), (7, 0.5, 4, 8.5), (14, 8.5, 11, 16.5))


def _dashes_bricks(painter: QPainter, ink: QColor) -> None:
    _lines(painter, (0, 0.5, 16, 0.5), (0, 8.5, 16, 8.5), (4.5, 0.5, 4.5, 8.5))
    _lines(painter, (12.5, 8.5, 12.5, 16.5), (8, 4.5, 13, 4.5), (2, 12.5, 7, 12.5))


def _circles(painter: QPainter, ink: QColor) -> None:
    for x, y, radius in ((4, 4.5, 2.6), (12, 12, 3.2)):
        painter.drawEllipse(QPointF(x, y), radius, radius)
    painter.setBrush(ink)
    painter.drawEllipse(QPointF(12, 4), 0.8, 0.8)
    painter.drawEllipse(QPointF(4, 12), 0.8, 0.8)


def _crosses(painter: QPainter, ink: QColor) -> None:
    _lines(painter, (4, 1.5, 4, 6.5), (1.5, 4, 6.5, 4), (12, 9.5, 12, 14.5), (9.5, 12, 14.5, 12))


def _crosses_diagonal(painter: QPainter, ink: QColor) -> None:
    _lines(painter, (2, 2, 6, 6), (6, 2, 2, 6), (10, 10, 14, 14), (14, 10, 10, 14))


def _triangles(painter: QPainter, ink: QColor) -> None:
    for x, y in ((4, 4), (12, 12)):
        _lines(painter, (x, y - 2.5, x + 2.5, y + 2), (x + 2.5, y + 2, x - 2.5, y + 2))
        _lines(painter, (x - 2.5, y + 2, x, y - 2.5))


def _waves(painter: QPainter, ink: QColor) -> None:
    for y in (4, 12):
        painter.drawArc(QRectF(0, y - 2, 8, 5), 0, 180 * 16)
        painter.drawArc(QRectF(8, y - 2, 8, 5), 180 * 16, 180 * 16)


_ORNAMENTS: dict[str, Callable[[QPainter, QColor], None]] = {
    "dots": _dots,
    "dashes": _dashes,
    "broken-dashes": _broken_dashes,
    "dots-dashes": _dots_dashes,
    "bricks": _bricks,
    "slanted-bricks": _slanted_bricks,
    "dashes-bricks": _dashes_bricks,
    "circles": _circles,
    "crosses": _crosses,
    "plus": _crosses,
    "crosses-diagonal": _crosses_diagonal,
    "triangles": _triangles,
    "waves": _waves,
}
