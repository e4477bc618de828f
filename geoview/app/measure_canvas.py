"""The photo of the Measure page in a pyqtgraph view: pan, zoom, and room for shapes over it."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import pyqtgraph as pg
from PySide6.QtCore import QEvent, QPointF, QRectF, QSize, QSizeF, Qt, Signal
from PySide6.QtGui import (
    QColor,
    QFocusEvent,
    QImage,
    QKeyEvent,
    QMouseEvent,
    QPainter,
    QPaintEvent,
    QPen,
    QPolygonF,
    QResizeEvent,
    QTransform,
)
from PySide6.QtWidgets import QWidget

from geoview.app.canvas import Level
from geoview.app.parts import describe, label
from geoview.app.theme import GAP, colours
from geoview.measured import Point

_MOST_ZOOM = 48.0
_MARGIN_PX = 2 * GAP
_STEPS: dict[int, Point] = {
    Qt.Key.Key_Left: (-1.0, 0.0),
    Qt.Key.Key_Right: (1.0, 0.0),
    Qt.Key.Key_Up: (0.0, -1.0),
    Qt.Key.Key_Down: (0.0, 1.0),
}


class PhotoItem(pg.GraphicsObject):  # type: ignore[misc]
    """The photo over (0, 0) to (width, height) of the view, from the sharpest useful level."""

    def __init__(self) -> None:
        super().__init__()
        self._size = QSizeF()
        self._levels: tuple[Level, ...] = ()

    def set_photo(self, size: QSizeF, levels: tuple[Level, ...]) -> None:
        self.prepareGeometryChange()
        self._size = size
        self._levels = tuple(sorted(levels, key=lambda level: level.scale))
        self.update()

    def best(self) -> Level | None:
        """The sharpest level there is."""
        return self._levels[-1] if self._levels else None

    def boundingRect(self) -> QRectF:
        return QRectF(QPointF(), self._size)

    def paint(self, painter: QPainter, option: Any, widget: Any = None) -> None:
        transform = painter.worldTransform()
        density = abs(transform.m11()) * painter.device().devicePixelRatioF()
        level = self._level_for(density)
        if level is None:
            return
        seen = self._seen(painter, transform)
        smooth = density < 2 * level.scale or level.scale < 0.99
        painter.setRenderHint(QPainter.RenderHint.SmoothPixmapTransform, smooth)
        draw_part(painter, level.image, QRectF(QPointF(), self._size), seen)

    def _seen(self, painter: QPainter, transform: QTransform) -> QRectF:
        back, possible = transform.inverted()
        window = QRectF(painter.viewport())
        return back.mapRect(window) if possible else QRectF(QPointF(), self._size)

    def _level_for(self, density: float) -> Level | None:
        for level in self._levels:
            if level.scale >= density * 0.99:
                return level
        return self.best()


def draw_part(painter: QPainter, image: QImage, box: QRectF, seen: QRectF) -> None:
    """Draw an image that covers ``box``, cut in whole image pixels to what is ``seen``.

    Targets far beyond the window exceed what the painter's fixed-point coordinates can hold.
    """
    if box.isEmpty():
        return
    across, down = image.width() / box.width(), image.height() / box.height()
    part = seen.translated(-box.topLeft())
    source = QRectF(
        part.x() * across, part.y() * down, part.width() * across, part.height() * down
    ).toAlignedRect()
    source = source.adjusted(-1, -1, 1, 1) & image.rect()
    if source.isEmpty():
        return
    corner = QPointF(box.x() + source.x() / across, box.y() + source.y() / down)
    target = QRectF(corner, QSizeF(source.width() / across, source.height() / down))
    painter.drawImage(target, image, QRectF(source))


class PhotoBox(pg.ViewBox):  # type: ignore[misc]
    """Square pixels, y down; the left button moves the photo and the wheel zooms it."""

    def __init__(self) -> None:
        super().__init__(lockAspect=True, invertY=True, enableMenu=False, defaultPadding=0)
        self.disableAutoRange()

    def mouseDragEvent(self, ev: Any, axis: Any = None) -> None:
        if ev.button() == Qt.MouseButton.RightButton:
            ev.ignore()
            return
        super().mouseDragEvent(ev, axis)


class MeasureCanvas(pg.GraphicsView):  # type: ignore[misc]
    """Shows a photo in oriented original pixels. Keys are told by signals; the editor knows
    what they do: ``nudged(dx, dy)`` in steps, ``step_wanted(±1)`` when no handle is chosen."""

    nudged = Signal(float, float)
    tabbed = Signal(int)
    clicked = Signal(QPointF)
    hovered = Signal(object)
    focus_changed = Signal()
    view_changed = Signal()
    pixels_wanted = Signal(object)

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent, background=None)
        self.holds_handle = False
        self._fitted = True
        self._size = QSizeF()
        self.box = PhotoBox()
        self.photo = PhotoItem()
        self.setCentralItem(self.box)
        self.box.addItem(self.photo, ignoreBounds=True)
        self.scene().setMoveDistance(2)
        self.message = label(wrap=True)
        self.message.setParent(self)
        self.message.setAlignment(Qt.AlignmentFlag.AlignCenter)
        self.message.setAttribute(Qt.WidgetAttribute.WA_TransparentForMouseEvents)
        describe(self, "Photo with outline and scale")
        self.setAccessibleDescription(
            "Tab chooses a handle, arrow keys move it by one pixel, Shift by ten, Alt by a tenth"
        )
        self.setFocusPolicy(Qt.FocusPolicy.StrongFocus)
        self.setMouseTracking(True)
        self.box.sigResized.connect(self._resized)
        self.box.sigRangeChangedManually.connect(self._moved_by_hand)
        self.box.sigRangeChanged.connect(lambda *_: self.view_changed.emit())
        self.tint()

    def sizeHint(self) -> QSize:
        return QSize(640, 480)

    def minimumSizeHint(self) -> QSize:
        return QSize(160, 120)

    # The photo

    @property
    def photo_size(self) -> QSizeF:
        return self._size

    def set_photo(self, size: QSizeF, levels: tuple[Level, ...]) -> None:
        """Show levels of a photo of ``size`` original pixels; another size is fitted anew."""
        again = size != self._size
        self._size = size
        self.photo.set_photo(size, levels)
        if again:
            self.fit()

    def say(self, text: str) -> None:
        """What to read where there is no photo."""
        self.message.setText(text)
        self.message.setVisible(bool(text))

    # The view

    @property
    def scale_px(self) -> float:
        """Screen pixels (device independent) per photo pixel."""
        across = self.box.viewPixelSize()[0]
        return 1.0 / across if across > 0 else 1.0

    @property
    def fitted(self) -> bool:
        return self._fitted

    def fit(self) -> None:
        self._fitted = True
        if self._size.isEmpty() or self.box.width() <= 0:
            return
        room = QSizeF(
            max(1.0, self.box.width() - 2 * _MARGIN_PX),
            max(1.0, self.box.height() - 2 * _MARGIN_PX),
        )
        across = max(self._size.width() / room.width(), self._size.height() / room.height())
        self._look_at(QPointF(self._size.width() / 2, self._size.height() / 2), 1 / across)

    def toggle_pixels(self, at: QPointF | None = None) -> None:
        """One screen pixel per photo pixel around a place, or back to the whole photo."""
        pixels = 1 / self.devicePixelRatioF()
        if not self._fitted and abs(self.scale_px - pixels) < 1e-3 * pixels:
            self.fit()
            return
        self._fitted = False
        self._look_at(at or self.box.viewRect().center(), pixels)

    def zoom(self, factor: float) -> None:
        self._fitted = False
        self._look_at(self.box.viewRect().center(), min(self.scale_px * factor, _MOST_ZOOM))

    def show_points(self, points: Sequence[Point]) -> None:
        """Zoom so that the points fill the view, unless they do so already."""
        part = QPolygonF([QPointF(x, y) for x, y in points]).boundingRect()
        across, down = 0.2 * part.width() + 1, 0.2 * part.height() + 1
        part.adjust(-across, -down, across, down)
        room = min(self.box.width() / part.width(), self.box.height() / part.height())
        if room > 1.5 * self.scale_px or not self.box.viewRect().contains(part):
            self._fitted = False
            self._look_at(part.center(), min(room, _MOST_ZOOM))

    def _look_at(self, centre: QPointF, scale: float) -> None:
        size = QSizeF(self.box.width() / scale, self.box.height() / scale)
        corner = QPointF(centre.x() - size.width() / 2, centre.y() - size.height() / 2)
        self.box.setRange(QRectF(corner, size), padding=0, disableAutoRange=True)

    def to_widget(self, point: Point) -> QPointF:
        """A place of the photo in this widget."""
        return QPointF(self.mapFromScene(self.box.mapViewToScene(QPointF(*point))))

    def to_photo(self, at: QPointF) -> QPointF:
        return self.box.mapSceneToView(self.mapToScene(at.toPoint()))

    def _resized(self, *_: object) -> None:
        if self._fitted:
            self.fit()

    def _moved_by_hand(self, *_: object) -> None:
        self._fitted = False
        if self.scale_px > _MOST_ZOOM:
            self.zoom(1.0)

    # Hands

    def mousePressEvent(self, event: QMouseEvent) -> None:
        self.setFocus(Qt.FocusReason.MouseFocusReason)
        super().mousePressEvent(event)

    def mouseMoveEvent(self, event: QMouseEvent) -> None:
        super().mouseMoveEvent(event)
        self.hovered.emit(self.to_photo(event.position()))

    def mouseDoubleClickEvent(self, event: QMouseEvent) -> None:
        super().mouseDoubleClickEvent(event)
        self.clicked.emit(self.to_photo(event.position()))

    def leaveEvent(self, event: QEvent) -> None:
        super().leaveEvent(event)
        self.hovered.emit(None)

    def keyPressEvent(self, event: QKeyEvent) -> None:
        key, modifiers = event.key(), event.modifiers()
        if key in _STEPS:
            by = 1.0
            if modifiers & Qt.KeyboardModifier.ShiftModifier:
                by = 10.0
            elif modifiers & Qt.KeyboardModifier.AltModifier:
                by = 0.1
            dx, dy = _STEPS[key]
            self.nudged.emit(dx * by, dy * by)
        elif key in (Qt.Key.Key_Plus, Qt.Key.Key_Equal):
            self.zoom(1.25)
        elif key == Qt.Key.Key_Minus:
            self.zoom(1 / 1.25)
        else:
            event.ignore()

    def focusNextPrevChild(self, forward: bool) -> bool:
        """Tab goes through the handles first, and then on to the next control."""
        self.holds_handle = False
        self.tabbed.emit(1 if forward else -1)
        return self.holds_handle or super().focusNextPrevChild(forward)

    # Looks

    def tint(self) -> None:
        """Take the colours of the theme."""
        tokens = colours(self.palette())
        self.setBackground(QColor(tokens.viewer))
        palette = self.message.palette()
        palette.setColor(self.message.foregroundRole(), QColor(tokens.viewer_text))
        self.message.setPalette(palette)

    def changeEvent(self, event: QEvent) -> None:
        super().changeEvent(event)
        if event.type() == QEvent.Type.PaletteChange and hasattr(self, "message"):
            self.tint()

    def focusInEvent(self, event: QFocusEvent) -> None:
        super().focusInEvent(event)
        self.viewport().update()
        self.focus_changed.emit()

    def focusOutEvent(self, event: QFocusEvent) -> None:
        super().focusOutEvent(event)
        self.viewport().update()
        self.focus_changed.emit()

    def paintEvent(self, event: QPaintEvent) -> None:
        super().paintEvent(event)
        if self.hasFocus():
            painter = QPainter(self.viewport())
            painter.setPen(QPen(QColor(colours(self.palette()).accent), 2))
            painter.drawRect(self.viewport().rect().adjusted(1, 1, -1, -1))
            painter.end()

    def resizeEvent(self, event: QResizeEvent) -> None:
        super().resizeEvent(event)
        if hasattr(self, "message"):
            self.message.setGeometry(self.rect().adjusted(32, 32, -32, -32))
