"""Painting shared by the panels: probability bars, swatches, status dots."""

from __future__ import annotations

from enum import Enum

from PySide6.QtCore import QPointF, QRectF, Qt
from PySide6.QtGui import QBrush, QColor, QPainter, QPainterPath, QPalette, QPen

from geoview.app.photo_order import DOUBT, nearness
from geoview.app.theme import Tokens, colours, lithology_brush
from geoview.records import CANNOT_TELL, Status


class Standing(Enum):
    """Where a probability stands against its threshold."""

    BELOW = "below its threshold"
    UNCERTAIN = "close to its threshold"
    ABOVE = "above its threshold"


def standing(probability: float, threshold: float) -> Standing:
    if nearness(probability, threshold) > DOUBT:
        return Standing.UNCERTAIN
    return Standing.ABOVE if probability >= threshold else Standing.BELOW


def paint_bar(
    painter: QPainter,
    rect: QRectF,
    *,
    value: float,
    fill: QBrush,
    tokens: Tokens,
    state: Standing = Standing.ABOVE,
    threshold: float | None = None,
) -> None:
    """A track from 0 to 1 with its filled part, and a tick where the threshold lies."""
    painter.save()
    painter.setRenderHint(QPainter.RenderHint.Antialiasing)
    painter.setPen(Qt.PenStyle.NoPen)
    shape = QPainterPath()
    shape.addRoundedRect(rect, 2, 2)
    painter.fillPath(shape, QColor(tokens.sunken))
    painter.setClipPath(shape)
    part = QRectF(rect.x(), rect.y(), rect.width() * min(max(value, 0.0), 1.0), rect.height())
    if state is Standing.BELOW:
        painter.setOpacity(0.4)
    painter.setBrushOrigin(rect.topLeft())
    painter.fillRect(part, fill)
    painter.setOpacity(1.0)
    if state is Standing.UNCERTAIN:
        _hatch(painter, part, QColor(tokens.surface))
    painter.setClipping(False)
    if threshold is not None and 0 < threshold < 1:
        _tick(painter, rect, threshold, tokens)
    painter.restore()


def _hatch(painter: QPainter, rect: QRectF, colour: QColor) -> None:
    painter.setPen(QPen(colour, 2.5))
    height = rect.height()
    x = rect.left() - height
    painter.setClipRect(rect, Qt.ClipOperation.IntersectClip)
    while x < rect.right():
        painter.drawLine(QPointF(x, rect.bottom()), QPointF(x + height, rect.top()))
        x += 7


def _tick(painter: QPainter, rect: QRectF, threshold: float, tokens: Tokens) -> None:
    x = round(rect.x() + rect.width() * threshold)
    tick = QRectF(x - 1, rect.y() - 3, 2, rect.height() + 6)
    # A light seam on both sides keeps the tick visible on bars of any colour.
    painter.fillRect(tick.adjusted(-1, 0, 1, 0), QColor(tokens.surface))
    painter.fillRect(tick, QColor(tokens.text))


def paint_swatch(painter: QPainter, rect: QRectF, name: str | None, palette: QPalette) -> None:
    """A lithology's colour and pattern; None paints the "cannot tell" hatching."""
    tokens = colours(palette)
    painter.save()
    painter.setRenderHint(QPainter.RenderHint.Antialiasing)
    painter.setBrushOrigin(rect.topLeft())
    if name is None or name == CANNOT_TELL:
        painter.setBrush(QColor(tokens.sunken))
        painter.setPen(QPen(QColor(tokens.muted), 1, Qt.PenStyle.DashLine))
    else:
        painter.setBrush(lithology_brush(name, palette=palette))
        painter.setPen(QPen(QColor(tokens.border), 1))
    painter.drawRoundedRect(rect.adjusted(0.5, 0.5, -0.5, -0.5), 2, 2)
    painter.restore()


def paint_status(painter: QPainter, rect: QRectF, status: Status, tokens: Tokens) -> None:
    """A ring (new), a full dot (analysed) or a cross (could not be read): shape, then colour."""
    painter.save()
    painter.setRenderHint(QPainter.RenderHint.Antialiasing)
    if status == "failed":
        painter.setPen(
            QPen(QColor(tokens.error), 2, Qt.PenStyle.SolidLine, Qt.PenCapStyle.RoundCap)
        )
        inner = rect.adjusted(1, 1, -1, -1)
        painter.drawLine(inner.topLeft(), inner.bottomRight())
        painter.drawLine(inner.topRight(), inner.bottomLeft())
    elif status == "done":
        painter.setPen(Qt.PenStyle.NoPen)
        painter.setBrush(QColor(tokens.ok))
        painter.drawEllipse(rect)
    else:
        painter.setPen(QPen(QColor(tokens.muted), 1.5))
        painter.setBrush(Qt.BrushStyle.NoBrush)
        painter.drawEllipse(rect.adjusted(1, 1, -1, -1))
    painter.restore()


def paint_doubt(painter: QPainter, rect: QRectF, tokens: Tokens) -> None:
    """The uncertainty mark: a question mark in a ring."""
    painter.save()
    painter.setRenderHint(QPainter.RenderHint.Antialiasing)
    painter.setPen(QPen(QColor(tokens.warn), 1.2))
    painter.setBrush(QColor(tokens.warn_soft))
    painter.drawEllipse(rect.adjusted(0.5, 0.5, -0.5, -0.5))
    font = painter.font()
    font.setPixelSize(round(rect.height() * 0.75))
    font.setBold(True)
    painter.setFont(font)
    painter.drawText(rect, Qt.AlignmentFlag.AlignCenter, "?")
    painter.restore()
