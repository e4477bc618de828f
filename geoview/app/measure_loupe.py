"""The magnifier: the photo around the moved handle, eight screen pixels to each of its own."""

from __future__ import annotations

from collections.abc import Sequence

from PySide6.QtCore import QPoint, QPointF, QRectF, QSize, QSizeF, Qt
from PySide6.QtGui import QColor, QPainter, QPaintEvent, QPen
from PySide6.QtWidgets import QWidget

from geoview.app import theme
from geoview.app.canvas import Level
from geoview.app.measure_canvas import draw_part
from geoview.app.theme import GAP, SMALL, colours
from geoview.measured import Point

SIDE_PX = 168
ZOOM = 8
ColouredLine = tuple[str, Point, Point]


class Loupe(QWidget):
    """Lies in the corner of the canvas that is farther from the handle; takes no mouse."""

    def __init__(self, canvas: QWidget) -> None:
        super().__init__(canvas)
        self._canvas = canvas
        self._level: Level | None = None
        self._size = QSizeF()
        self._place: Point = (0.0, 0.0)
        self._colour = theme.DARK.accent
        self._lines: tuple[ColouredLine, ...] = ()
        self.setFixedSize(QSize(SIDE_PX, SIDE_PX))
        self.setAttribute(Qt.WidgetAttribute.WA_TransparentForMouseEvents)
        self.setFocusPolicy(Qt.FocusPolicy.NoFocus)
        self.setAccessibleName("Magnifier")
        self.hide()

    def show_at(
        self,
        place: Point,
        *,
        level: Level | None,
        size: QSizeF,
        colour: str,
        lines: Sequence[ColouredLine],
        on_screen: QPointF,
    ) -> None:
        """Magnify around ``place`` of a photo of ``size``, with a cross in the handle's
        ``colour``; ``lines`` are drawn over it."""
        self._place, self._level, self._size = place, level, size
        self._colour, self._lines = colour, tuple(lines)
        room = self._canvas.rect()
        left = on_screen.x() > room.width() / 2
        x = GAP if left else room.width() - SIDE_PX - GAP
        self.move(QPoint(x, GAP))
        self.setVisible(level is not None)
        self.raise_()
        self.update()

    def paintEvent(self, event: QPaintEvent) -> None:
        tokens = colours(self.palette())
        painter = QPainter(self)
        painter.fillRect(self.rect(), QColor(tokens.viewer))
        if self._level is not None:
            self._draw_photo(painter, self._level)
        painter.resetTransform()
        painter.setPen(QPen(QColor(tokens.border), 2))
        painter.drawRect(self.rect().adjusted(1, 1, -1, -1))
        painter.end()

    def _draw_photo(self, painter: QPainter, level: Level) -> None:
        half = SIDE_PX / ZOOM / 2
        x, y = self._place
        painter.translate(SIDE_PX / 2, SIDE_PX / 2)
        painter.scale(ZOOM, ZOOM)
        painter.translate(-x, -y)
        painter.setRenderHint(QPainter.RenderHint.SmoothPixmapTransform, level.scale < 0.99)
        seen = QRectF(x - half, y - half, 2 * half, 2 * half)
        draw_part(painter, level.image, QRectF(QPointF(), self._size), seen)
        painter.setRenderHint(QPainter.RenderHint.Antialiasing)
        gap = 2 * SMALL / ZOOM
        cross: list[ColouredLine] = [
            (self._colour, (x + dx * gap, y + dy * gap), (x + dx * 3, y + dy * 3))
            for dx, dy in ((1, 0), (-1, 0), (0, 1), (0, -1))
        ]
        for width in (3.0, 1.4):
            for own, start, end in (*self._lines, *cross):
                pen = QPen(QColor(theme.DARK.sunken if width > 2 else own), width)
                pen.setCosmetic(True)
                painter.setPen(pen)
                painter.drawLine(QPointF(*start), QPointF(*end))
