"""The icon set: one 24 px stroke drawing per name, tinted by the palette when it is painted."""

from __future__ import annotations

from functools import cache
from typing import Literal

from PySide6.QtCore import QByteArray, QPoint, QRect, QRectF, QSize, Qt
from PySide6.QtGui import QColor, QGuiApplication, QIcon, QIconEngine, QPainter, QPixmap
from PySide6.QtSvg import QSvgRenderer

from geoview import paths

Tint = Literal["text", "muted", "accent", "accent_text", "warn", "error", "ok"]


@cache
def icon(name: str, tint: Tint = "text") -> QIcon:
    """The icon of that name; it follows a change of theme by itself."""
    return QIcon(_Engine(name, tint))


def pixmap(name: str, side_px: int, tint: Tint = "text") -> QPixmap:
    """The icon as a pixmap in the colours of now, sharp on the primary screen."""
    screen = QGuiApplication.primaryScreen()
    ratio = screen.devicePixelRatio() if screen else 1.0
    drawn = _draw(name, _colour(tint), round(side_px * ratio))
    drawn.setDevicePixelRatio(ratio)
    return drawn


class _Engine(QIconEngine):
    def __init__(self, name: str, tint: Tint) -> None:
        super().__init__()
        self._name = name
        self._tint: Tint = tint

    def clone(self) -> QIconEngine:
        return _Engine(self._name, self._tint)

    def pixmap(self, size: QSize, mode: QIcon.Mode, state: QIcon.State) -> QPixmap:
        return _draw(self._name, _mode_colour(self._tint, mode), min(size.width(), size.height()))

    def scaledPixmap(
        self, size: QSize, mode: QIcon.Mode, state: QIcon.State, scale: float
    ) -> QPixmap:
        return self.pixmap(size, mode, state)

    def paint(self, painter: QPainter, rect: QRect, mode: QIcon.Mode, state: QIcon.State) -> None:
        ratio = painter.device().devicePixelRatioF() if painter.device() else 1.0
        side = min(rect.width(), rect.height())
        drawn = _draw(self._name, _mode_colour(self._tint, mode), round(side * ratio))
        corner = rect.center() - QPoint((side - 1) // 2, (side - 1) // 2)
        painter.drawPixmap(QRect(corner, QSize(side, side)), drawn)


def _mode_colour(tint: Tint, mode: QIcon.Mode) -> str:
    return _colour("muted" if mode == QIcon.Mode.Disabled else tint)


def _colour(tint: Tint) -> str:
    from geoview.app.theme import colours

    return str(getattr(colours(QGuiApplication.palette()), tint))


@cache
def _source(name: str) -> str:
    return (paths.resources() / "icons" / f"{name}.svg").read_text(encoding="utf-8")


@cache
def _draw(name: str, colour: str, side_px: int) -> QPixmap:
    drawn = QPixmap(QSize(side_px, side_px))
    drawn.fill(QColor(Qt.GlobalColor.transparent))
    svg = _source(name).replace("currentColor", colour)
    painter = QPainter(drawn)
    painter.setRenderHint(QPainter.RenderHint.Antialiasing)
    QSvgRenderer(QByteArray(svg.encode())).render(painter, QRectF(0, 0, side_px, side_px))
    painter.end()
    return drawn
