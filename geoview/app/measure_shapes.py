"""What can be moved over the photo: pyqtgraph regions whose points have handles."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import pyqtgraph as pg
from pyqtgraph.graphicsItems.ROI import Handle
from PySide6.QtCore import QPointF, QRectF, Qt, Signal
from PySide6.QtGui import QColor, QPainter, QPainterPath, QPen, QPolygonF

from geoview.app import theme
from geoview.app.measure_geometry import corner_moved, knob, nearest_edge, turned
from geoview.measured import Point

DOT_PX = 7
SMALL_DOT_PX = 5
_KNOB_PX = 32.0
_EDGE_PX = 8.0
_LINE_PX = 1.6
_SEAM_PX = 3.6
_FEWEST = 3


class Dot(Handle):  # type: ignore[misc]
    """A handle that can be seen on any photo; the chosen one is filled, the one below the pointer
    has a thicker ring."""

    def __init__(self, shape: Shape, colour: str, radius_px: int) -> None:
        self.chosen = False
        self._colour = colour
        super().__init__(radius_px, typ="r", parent=shape)
        self.setAcceptedMouseButtons(Qt.MouseButton.NoButton)

    def buildMenu(self) -> None:
        """No menu: each would be a window of its own."""

    def hoverEvent(self, event: Any) -> None:
        super().hoverEvent(event)
        if not event.isExit():
            event.acceptClicks(Qt.MouseButton.LeftButton)

    def mouseClickEvent(self, event: Any) -> None:
        super().mouseClickEvent(event)
        if event.button() == Qt.MouseButton.LeftButton:
            event.accept()
            self._choose()

    def mouseDragEvent(self, event: Any) -> None:
        if event.isStart() and event.button() == Qt.MouseButton.LeftButton:
            self._choose()
        if event.isFinish() and self.isMoving:
            # Moves are told at a limited rate; the last one is where the button went up.
            self.movePoint(event.scenePos() + self.cursorOffset, event.modifiers(), finish=False)
        super().mouseDragEvent(event)

    def _choose(self) -> None:
        for shape in self.rois:
            shape.chosen.emit(shape, shape.indexOfHandle(self))

    def paint(self, painter: QPainter, option: Any, widget: Any = None) -> None:
        painter.setRenderHint(QPainter.RenderHint.Antialiasing)
        fill = QColor(self._colour if self.chosen else theme.DARK.sunken)
        fill.setAlphaF(1.0 if self.chosen else 0.35)
        more = 1.0 if self.currentPen is self.hoverPen else 0.0
        for colour, width in ((theme.DARK.sunken, 3.5), (self._colour, 2.0)):
            pen = QPen(QColor(colour), width + more)
            pen.setCosmetic(True)
            painter.setPen(pen)
            painter.setBrush(fill)
            painter.drawPath(self.shape())


class Shape(pg.ROI):  # type: ignore[misc]
    """Points joined by lines. ``sigRegionChanged`` while a point moves, once
    ``sigRegionChangeFinished`` after it; ``chosen(shape, index)`` when a handle is taken."""

    chosen = Signal(object, int)
    dot_px = DOT_PX

    def __init__(
        self,
        points: Sequence[Point],
        *,
        colour: str,
        closed: bool = True,
        dashed: bool = False,
        handles: bool = True,
    ) -> None:
        self._points: tuple[Point, ...] = tuple(points)
        self._closed = closed
        self._colour = colour
        self._dashed = dashed
        self._with_handles = handles
        super().__init__((0, 0), size=(1, 1), movable=False, rotatable=False, resizable=False)
        if handles:
            self._make_dots()

    def points(self) -> tuple[Point, ...]:
        return self._points

    def set_points(self, points: Sequence[Point]) -> None:
        """Draw other points without telling anyone."""
        self.prepareGeometryChange()
        same = len(points) == len(self._points)
        self._points = tuple(points)
        if self._with_handles and not same:
            self._make_dots()
        self._place_dots()
        self.update()

    def spots(self) -> tuple[Point, ...]:
        """Where the handles sit."""
        return self._points

    def move_spot(self, which: int, to: Point, *, finish: bool) -> None:
        """Move one handle, as the mouse or the keyboard does."""
        self.prepareGeometryChange()
        self._points = self.moved(which, to)
        self._place_dots()
        self.update()
        self.sigRegionChanged.emit(self)
        if finish:
            self.stateChangeFinished()

    def moved(self, which: int, to: Point) -> tuple[Point, ...]:
        """The points after one of them moved; a rectangle moves its neighbours along."""
        return (*self._points[:which], to, *self._points[which + 1 :])

    def mark(self, which: int | None) -> None:
        """Show which handle is chosen."""
        for i, info in enumerate(self.handles):
            info["item"].chosen = i == which
            info["item"].update()

    def _make_dots(self) -> None:
        for info in list(self.handles):
            item = info["item"]
            self.handles.remove(info)
            item.disconnectROI(self)
            item.setParentItem(None)
            if item.scene() is not None:
                item.scene().removeItem(item)
        told = self.blockSignals(True)
        for x, y in self.spots():
            self.addFreeHandle((x, y), item=Dot(self, self._colour, self.dot_px))
        self.blockSignals(told)

    def _place_dots(self) -> None:
        for info, (x, y) in zip(self.handles, self.spots(), strict=False):
            info["pos"] = pg.Point(x, y)
            info["item"].setPos(x, y)

    # What pyqtgraph calls

    def movePoint(
        self,
        handle: Any,
        pos: Any,
        modifiers: Any = None,
        finish: bool = True,
        coords: str = "parent",
    ) -> None:
        place = QPointF(pos[0], pos[1])
        if coords == "scene":
            place = self.mapSceneToParent(place)
        self.move_spot(self.indexOfHandle(handle), (place.x(), place.y()), finish=finish)

    def boundingRect(self) -> QRectF:
        if not self._points:
            return QRectF()
        margin = self._px(_EDGE_PX)
        box = self._polygon().boundingRect()
        return box.adjusted(-margin, -margin, margin, margin)

    def shape(self) -> QPainterPath:
        """Nothing but the handles takes the mouse, so that the photo can be moved anywhere."""
        return QPainterPath()

    def paint(self, painter: QPainter, option: Any, widget: Any = None) -> None:
        painter.setRenderHint(QPainter.RenderHint.Antialiasing)
        painter.setBrush(Qt.BrushStyle.NoBrush)
        for colour, width in ((theme.DARK.sunken, _SEAM_PX), (self._colour, _LINE_PX)):
            pen = QPen(QColor(colour), width)
            pen.setCosmetic(True)
            if self._dashed and colour == self._colour:
                pen.setDashPattern([5, 3])
            painter.setPen(pen)
            self._draw(painter)

    def _draw(self, painter: QPainter) -> None:
        if self._closed:
            painter.drawPolygon(self._polygon())
        else:
            painter.drawPolyline(self._polygon())

    def _polygon(self) -> QPolygonF:
        return QPolygonF([QPointF(x, y) for x, y in self._points])

    def _px(self, screen_px: float) -> float:
        """Photo pixels that ``screen_px`` cover."""
        length = self.pixelLength(pg.Point(1, 0))
        return screen_px * (length or 1.0)


class Rectangle(Shape):
    """Four corners that stay a rectangle, and a knob that turns it."""

    def spots(self) -> tuple[Point, ...]:
        return (*self._points, self._knob())

    def viewTransformChanged(self) -> None:
        """The knob keeps its distance on the screen."""
        super().viewTransformChanged()
        self.prepareGeometryChange()
        self._place_dots()

    def _knob(self) -> Point:
        return knob(self._points, reach=self._px(_KNOB_PX))

    def moved(self, which: int, to: Point) -> tuple[Point, ...]:
        if which == len(self._points):
            return turned(self._points, towards=to)
        return corner_moved(self._points, which, to)

    def boundingRect(self) -> QRectF:
        x, y = self._knob()
        return super().boundingRect().united(QRectF(x - 1, y - 1, 2, 2))

    def _draw(self, painter: QPainter) -> None:
        super()._draw(painter)
        if not self._with_handles:
            return
        (ax, ay), (bx, by) = self._points[0], self._points[1]
        painter.drawLine(QPointF((ax + bx) / 2, (ay + by) / 2), QPointF(*self._knob()))


class Outline(Shape):
    """A closed outline whose points can be added and removed."""

    dot_px = SMALL_DOT_PX

    def insert(self, place: Point, *, within_px: float = _EDGE_PX) -> int | None:
        """Add a point on the edge near a place (``within_px`` on the screen); its index."""
        edge, distance = nearest_edge(self._points, place)
        if distance > self._px(within_px):
            return None
        self._change((*self._points[: edge + 1], place, *self._points[edge + 1 :]))
        return edge + 1

    def split(self, which: int) -> int:
        """Add a point half-way between a point and the next; its index."""
        (ax, ay), (bx, by) = self._points[which], self._points[(which + 1) % len(self._points)]
        middle = ((ax + bx) / 2, (ay + by) / 2)
        self._change((*self._points[: which + 1], middle, *self._points[which + 1 :]))
        return which + 1

    def remove(self, which: int) -> bool:
        """Take a point away; a triangle keeps its points."""
        if len(self._points) <= _FEWEST:
            return False
        self._change((*self._points[:which], *self._points[which + 1 :]))
        return True

    def _change(self, points: Sequence[Point]) -> None:
        self.set_points(points)
        self.sigRegionChanged.emit(self)
        self.stateChangeFinished()
