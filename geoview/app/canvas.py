"""A photo under a view that several canvases can share, so that they pan and zoom as one."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from PySide6.QtCore import QEvent, QObject, QPointF, QRectF, QSize, QSizeF, Qt, Signal
from PySide6.QtGui import (
    QColor,
    QImage,
    QKeyEvent,
    QMouseEvent,
    QNativeGestureEvent,
    QPainter,
    QPaintEvent,
    QPen,
    QResizeEvent,
    QTransform,
    QWheelEvent,
)
from PySide6.QtWidgets import QSizePolicy, QWidget

from geoview.app.overlay import Line
from geoview.app.theme import GAP, colours

_MOST_ZOOM = 32.0
_STEP = 1.25


@dataclass(frozen=True, slots=True)
class Level:
    """The photo at one resolution; ``scale`` is its pixels per original pixel."""

    image: QImage
    scale: float


class View(QObject):
    """Which part of the photo is seen: ``centre`` in photo pixels, ``scale`` in screen pixels
    (device independent) per photo pixel. ``fitted`` keeps the whole photo in sight."""

    changed = Signal()

    def __init__(self, parent: QObject | None = None) -> None:
        super().__init__(parent)
        self.photo = QSizeF()
        self.centre = QPointF()
        self.scale = 1.0
        self.fitted = True
        self._room = QSizeF(1, 1)

    def set_photo(self, width_px: float, height_px: float) -> None:
        """Begin with another photo, all of it in sight."""
        self.photo = QSizeF(width_px, height_px)
        self.fit()

    def set_room(self, room: QSizeF) -> None:
        """The size of the canvas; a fitted photo follows it."""
        self._room = room
        if self.fitted:
            self.fit()
        else:
            self._settle()

    def fit(self) -> None:
        self.fitted = True
        self.centre = QPointF(self.photo.width() / 2, self.photo.height() / 2)
        self.scale = self.fit_scale()
        self.changed.emit()

    def fit_scale(self) -> float:
        if self.photo.isEmpty():
            return 1.0
        across = (self._room.width() - 2 * GAP) / self.photo.width()
        down = (self._room.height() - 2 * GAP) / self.photo.height()
        return max(min(across, down), 1e-4)

    def zoom(self, factor: float, *, at: QPointF | None = None) -> None:
        """Zoom; the photo point under ``at`` (canvas coordinates) stays where it is."""
        self.zoom_to(self.scale * factor, at=at)

    def zoom_to(self, scale: float, *, at: QPointF | None = None) -> None:
        at = at if at is not None else QPointF(self._room.width() / 2, self._room.height() / 2)
        held = self.to_photo(at)
        self.scale = min(max(scale, self.fit_scale() * 0.5), _MOST_ZOOM)
        self.fitted = False
        self.centre += held - self.to_photo(at)
        self._settle()

    def pan(self, by: QPointF) -> None:
        """Move the photo by screen pixels."""
        self.fitted = False
        self.centre -= by / self.scale
        self._settle()

    def to_photo(self, point: QPointF) -> QPointF:
        middle = QPointF(self._room.width() / 2, self._room.height() / 2)
        return self.centre + (point - middle) / self.scale

    def to_screen(self, rect: QRectF) -> QRectF:
        """A rectangle of the photo in canvas coordinates."""
        middle = QPointF(self._room.width() / 2, self._room.height() / 2)
        corner = (rect.topLeft() - self.centre) * self.scale + middle
        return QRectF(corner, rect.size() * self.scale)

    def _settle(self) -> None:
        """Keep the photo in sight: the middle of the canvas never leaves it."""
        self.centre = QPointF(
            min(max(self.centre.x(), 0.0), self.photo.width()),
            min(max(self.centre.y(), 0.0), self.photo.height()),
        )
        self.changed.emit()


class Canvas(QWidget):
    """Paints the sharpest useful level of the photo and, if asked, a heatmap over it."""

    hovered = Signal(object)
    step_wanted = Signal(int)
    pixels_wanted = Signal(QPointF)

    def __init__(
        self, view: View, name: str, *, leads: bool = True, parent: QWidget | None = None
    ) -> None:
        """Of the canvases that share a view, the one that ``leads`` tells it the room there is."""
        super().__init__(parent)
        self._view = view
        self._leads = leads
        self._levels: tuple[Level, ...] = ()
        self._heat: QImage | None = None
        self._heat_box = QRectF()
        self._heat_opacity = 0.45
        self._lines: tuple[Line, ...] = ()
        self._message = ""
        self._grabbed: QPointF | None = None
        self.setAccessibleName(name)
        self.setAccessibleDescription(
            "Left and Right change the photo, plus and minus zoom, Shift with arrows pans"
        )
        self.setFocusPolicy(Qt.FocusPolicy.StrongFocus)
        self.setMouseTracking(True)
        self.setSizePolicy(QSizePolicy.Policy.Expanding, QSizePolicy.Policy.Expanding)
        self.setAttribute(Qt.WidgetAttribute.WA_OpaquePaintEvent)
        view.changed.connect(self.update)

    def sizeHint(self) -> QSize:
        return QSize(640, 480)

    def minimumSizeHint(self) -> QSize:
        return QSize(160, 120)

    def set_levels(self, levels: tuple[Level, ...]) -> None:
        """The photo, from any resolutions; none shows the message."""
        self._levels = tuple(sorted(levels, key=lambda level: level.scale))
        self.update()

    def set_heat(self, image: QImage, box: QRectF, *, opacity: float) -> None:
        """Lay a heatmap over ``box`` of the photo (original pixels)."""
        self._heat, self._heat_box, self._heat_opacity = image, box, opacity
        self._lines = ()
        self.update()

    def set_lines(self, lines: Sequence[Line]) -> None:
        """Draw lines of equal evidence over the photo instead of a heatmap."""
        self._heat, self._lines = None, tuple(lines)
        self.update()

    def clear_heat(self) -> None:
        self.set_lines(())

    def set_message(self, text: str) -> None:
        """What to say where there is no photo."""
        self._message = text
        self.update()

    def level_for(self, pixels_per_px: float) -> Level | None:
        """The smallest level that is sharp enough, or else the largest."""
        for level in self._levels:
            if level.scale >= pixels_per_px * 0.99:
                return level
        return self._levels[-1] if self._levels else None

    # Painting

    def paintEvent(self, event: QPaintEvent) -> None:
        tokens = colours(self.palette())
        painter = QPainter(self)
        painter.fillRect(self.rect(), QColor(tokens.viewer))
        density = self._view.scale * self.devicePixelRatioF()
        level = self.level_for(density)
        if level is None:
            painter.setPen(QColor(tokens.viewer_text))
            flags = Qt.AlignmentFlag.AlignCenter | Qt.TextFlag.TextWordWrap
            painter.drawText(self.rect().adjusted(32, 32, -32, -32), flags, self._message)
        else:
            # Beyond two screen pixels per photo pixel, the pixels themselves are the subject.
            hint = QPainter.RenderHint.SmoothPixmapTransform
            painter.setRenderHint(hint, density < 2 * level.scale or level.scale < 0.99)
            self._draw(painter, level.image, QRectF(QPointF(), self._view.photo))
            self._draw_heat(painter)
            self._draw_lines(painter)
        painter.end()

    def _draw_lines(self, painter: QPainter) -> None:
        """Each line twice, the dark one under it, so that it shows on any rock."""
        painter.setRenderHint(QPainter.RenderHint.Antialiasing, True)
        painter.setBrush(Qt.BrushStyle.NoBrush)
        placed = QTransform.fromTranslate(*self._view.to_screen(QRectF()).topLeft().toTuple())
        placed.scale(self._view.scale, self._view.scale)
        for line in self._lines:
            polygon = placed.map(line.polygon)
            for colour, width in ((QColor(0, 0, 0, 160), 3.5), (line.colour, 1.75)):
                painter.setPen(QPen(colour, width))
                painter.drawPolygon(polygon)

    def _draw_heat(self, painter: QPainter) -> None:
        if self._heat is None:
            return
        painter.setRenderHint(QPainter.RenderHint.SmoothPixmapTransform, True)
        painter.setOpacity(self._heat_opacity)
        self._draw(painter, self._heat, self._heat_box)

    def _draw(self, painter: QPainter, image: QImage, box: QRectF) -> None:
        """Draw an image that covers ``box`` of the photo, cut to what can be seen.

        Cut in whole image pixels: targets far beyond the canvas exceed what the painter's
        fixed-point coordinates can hold.
        """
        if box.isEmpty():
            return
        across, down = image.width() / box.width(), image.height() / box.height()
        seen = QRectF(self._view.to_photo(QPointF()), QSizeF(self.size()) / self._view.scale)
        part = seen.translated(-box.topLeft())
        source = QRectF(
            part.x() * across, part.y() * down, part.width() * across, part.height() * down
        ).toAlignedRect()
        source = source.adjusted(-1, -1, 1, 1) & image.rect()
        if source.isEmpty():
            return
        target = QRectF(
            box.x() + source.x() / across,
            box.y() + source.y() / down,
            source.width() / across,
            source.height() / down,
        )
        painter.drawImage(self._view.to_screen(target), image, QRectF(source))

    # Hands

    def resizeEvent(self, event: QResizeEvent) -> None:
        super().resizeEvent(event)
        if self._leads:
            self._view.set_room(QSizeF(self.size()))

    def wheelEvent(self, event: QWheelEvent) -> None:
        if event.phase() != Qt.ScrollPhase.NoScrollPhase and not event.pixelDelta().isNull():
            self._view.pan(QPointF(event.pixelDelta()))
        else:
            self._view.zoom(_STEP ** (event.angleDelta().y() / 120), at=event.position())
        event.accept()

    def event(self, event: QEvent) -> bool:
        if (
            isinstance(event, QNativeGestureEvent)
            and event.gestureType() == Qt.NativeGestureType.ZoomNativeGesture
        ):
            self._view.zoom(1 + event.value(), at=event.position())
            return True
        return super().event(event)

    def mousePressEvent(self, event: QMouseEvent) -> None:
        if event.button() in (Qt.MouseButton.LeftButton, Qt.MouseButton.MiddleButton):
            self._grabbed = event.position()
            self.setCursor(Qt.CursorShape.ClosedHandCursor)

    def mouseMoveEvent(self, event: QMouseEvent) -> None:
        if self._grabbed is not None:
            self._view.pan(event.position() - self._grabbed)
            self._grabbed = event.position()
        self.hovered.emit(self._view.to_photo(event.position()))

    def mouseReleaseEvent(self, event: QMouseEvent) -> None:
        self._grabbed = None
        self.unsetCursor()

    def mouseDoubleClickEvent(self, event: QMouseEvent) -> None:
        self.pixels_wanted.emit(event.position())

    def leaveEvent(self, event: QEvent) -> None:
        self.hovered.emit(None)
        super().leaveEvent(event)

    def keyPressEvent(self, event: QKeyEvent) -> None:
        key = event.key()
        if key in _PAN and event.modifiers() & Qt.KeyboardModifier.ShiftModifier:
            self._view.pan(_PAN[key])
        elif key in _PAN:
            self.step_wanted.emit(1 if key in (Qt.Key.Key_Right, Qt.Key.Key_Down) else -1)
        elif key in (Qt.Key.Key_Plus, Qt.Key.Key_Equal):
            self._view.zoom(_STEP)
        elif key == Qt.Key.Key_Minus:
            self._view.zoom(1 / _STEP)
        else:
            super().keyPressEvent(event)


_PAN: dict[int, QPointF] = {
    Qt.Key.Key_Left: QPointF(64, 0),
    Qt.Key.Key_Right: QPointF(-64, 0),
    Qt.Key.Key_Up: QPointF(0, 64),
    Qt.Key.Key_Down: QPointF(0, -64),
}
