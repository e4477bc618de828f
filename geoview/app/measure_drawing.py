"""The shapes over the photo: outline, rectangle, cube and line, with handles where they can
be moved now."""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial
from typing import Literal

import pyqtgraph as pg
from PySide6.QtCore import QObject, Signal

from geoview.app import measure_geometry as geometry
from geoview.app import theme
from geoview.app.measure_bar import Mode
from geoview.app.measure_loupe import ColouredLine
from geoview.app.measure_shapes import Outline, Rectangle, Shape
from geoview.measured import Measurement, Point

Kind = Literal["outline", "box", "cube", "line"]
COLOURS: dict[Kind, str] = {
    "outline": theme.DARK.ok,
    "box": theme.DARK.accent,
    "cube": theme.DARK.warn,
    "line": theme.DARK.text,
}
_MOVED_IN: dict[Mode, tuple[Kind, ...]] = {
    "corners": ("box", "cube"),
    "outline": ("outline",),
    "line": ("line",),
}


class Drawing(QObject):
    """Holds the shapes of one photo. ``moving(kind)`` while a point moves, ``moved(kind)``
    once after it, ``chosen(kind, index)`` when a handle is taken."""

    chosen = Signal(str, int)
    moving = Signal(str)
    moved = Signal(str)

    def __init__(self, box: pg.ViewBox, parent: QObject | None = None) -> None:
        super().__init__(parent)
        self._box = box
        self.shapes: dict[Kind, Shape] = {}
        self._moved_in: tuple[Kind, ...] = ()

    def show(self, found: Measurement | None, mode: Mode, *, pending: Kind | None) -> None:
        """Draw a measurement with handles for what ``mode`` moves."""
        kept = self.points(pending) if pending in self.shapes and pending is not None else ()
        self.clear()
        self._moved_in = _MOVED_IN[mode]
        if found is None:
            return
        if found.outline_px:
            self.add("outline", found.outline_px)
        if len(found.outline_box_px) == 4:
            self.add("box", found.outline_box_px)
        scale = found.scale
        if scale is not None and len(scale.reference_px) > 1:
            self.add("line" if scale.source == "line" else "cube", scale.reference_px)
        if pending is not None and kept:
            self.add(pending, kept)

    def clear(self) -> None:
        for kind in list(self.shapes):
            self._remove(kind)

    def add(self, kind: Kind, points: Sequence[Point]) -> None:
        """Draw a shape, in place of the one of its kind."""
        self._remove(kind)
        shape = self._make(kind, points)
        shape.sigRegionChanged.connect(partial(self._tell_moving, kind))
        shape.sigRegionChangeFinished.connect(partial(self._tell_moved, kind))
        shape.chosen.connect(lambda _shape, which: self.chosen.emit(kind, which))
        self.shapes[kind] = shape
        self._box.addItem(shape, ignoreBounds=True)

    def _make(self, kind: Kind, points: Sequence[Point]) -> Shape:
        colour, active = COLOURS[kind], kind in self._moved_in
        if kind == "outline":
            made = geometry.simplified(points) if active else points
            return Outline(made, colour=colour, handles=active)
        if kind == "box":
            return Rectangle(points, colour=colour, handles=active)
        # A coin's or a ruler's marks are shown as they are; only a face of four can be moved.
        handles = active and (kind == "line" or len(points) == 4)
        return Shape(points, colour=colour, closed=kind == "cube", dashed=True, handles=handles)

    def _remove(self, kind: Kind) -> None:
        shape = self.shapes.pop(kind, None)
        if shape is not None:
            shape.blockSignals(True)
            self._box.removeItem(shape)

    # Points

    def points(self, kind: Kind) -> tuple[Point, ...]:
        return self.shapes[kind].points()

    def outline(self) -> Outline | None:
        """The outline, while its points can be moved."""
        shape = self.shapes.get("outline")
        return shape if isinstance(shape, Outline) and "outline" in self._moved_in else None

    def follow(self, kind: Kind, points: Sequence[Point]) -> None:
        """Draw other points of a shape without telling anyone."""
        if kind in self.shapes and points:
            self.shapes[kind].set_points(points)

    def spots(self, kind: Kind) -> int:
        """Number of handles that a kind of shape has now."""
        shape = self.shapes.get(kind)
        return len(shape.handles) if shape is not None else 0

    def spot(self, kind: Kind, which: int) -> Point:
        return self.shapes[kind].spots()[which]

    def places(self) -> list[tuple[Kind, int]]:
        """Every handle, in the order in which Tab goes through them."""
        return [(kind, i) for kind in self._moved_in for i in range(self.spots(kind))]

    def move(self, kind: Kind, which: int, to: Point) -> None:
        self.shapes[kind].move_spot(which, to, finish=False)

    def mark(self, kind: Kind | None, which: int | None) -> None:
        """Show which handle is chosen."""
        for name, shape in self.shapes.items():
            shape.mark(which if name == kind else None)

    def lines(self) -> list[ColouredLine]:
        """Every line that is drawn, for the magnifier."""
        found: list[ColouredLine] = []
        for kind in self._moved_in:
            if kind in self.shapes:
                points = self.shapes[kind].points()
                ends = points[1:] if kind == "line" else (*points[1:], points[0])
                pairs = zip(points, ends, strict=False)
                found.extend((COLOURS[kind], start, end) for start, end in pairs)
        return found

    def _tell_moving(self, kind: Kind, *_: object) -> None:
        self.moving.emit(kind)

    def _tell_moved(self, kind: Kind, *_: object) -> None:
        self.moved.emit(kind)
