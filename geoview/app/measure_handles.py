"""The chosen handle of what is drawn over a photo: going through them, points, the magnifier."""

from __future__ import annotations

from PySide6.QtCore import QObject, QPointF, Qt
from PySide6.QtGui import QAction, QKeySequence

from geoview.app.measure_drawing import COLOURS, Drawing, Kind
from geoview.app.measure_stage import PhotoStage


class Handles(QObject):
    """Which handle of ``drawing`` is ``chosen``: its kind and number, or None."""

    def __init__(self, stage: PhotoStage, drawing: Drawing, parent: QObject | None = None) -> None:
        super().__init__(parent)
        self.chosen: tuple[Kind, int] | None = None
        self._stage, self._drawing, self._canvas = stage, drawing, stage.canvas
        drawing.chosen.connect(self.choose)
        drawing.moving.connect(lambda _kind: self.magnify())
        self._canvas.clicked.connect(self._double_clicked)
        self._canvas.focus_changed.connect(self.magnify)
        for text, key, call in (
            ("Remove the point", "Del", self.remove_point),
            ("Add a point", "Ins", self.insert_point),
        ):
            action = QAction(text, self)
            action.setShortcut(QKeySequence(key))
            action.setShortcutContext(Qt.ShortcutContext.WidgetShortcut)
            action.triggered.connect(call)
            self._canvas.addAction(action)

    def choose(self, kind: Kind, which: int) -> None:
        self.chosen = (kind, which)
        self._drawing.mark(kind, which)
        self.magnify()

    def choose_again(self) -> None:
        """After everything was drawn anew: the same handle, where there is still one."""
        if self.chosen is not None and self.chosen[1] < self._drawing.spots(self.chosen[0]):
            self.choose(*self.chosen)
        else:
            self.chosen = None
            self._stage.hold(None)

    def let_go(self) -> None:
        self.chosen = None
        self._drawing.mark(None, None)
        self._stage.hold(None)

    def go(self, by: int) -> bool:
        """Choose the next handle; False beyond the last one."""
        places = self._drawing.places()
        if self.chosen in places:
            at = places.index(self.chosen) + by
        else:
            at = 0 if by > 0 else len(places) - 1
        if not 0 <= at < len(places):
            return False
        self._canvas.holds_handle = True
        self.choose(*places[at])
        return True

    def magnify(self) -> None:
        """Magnify the chosen handle as long as the keys move it: elsewhere the magnifier would
        only cover the photo."""
        if self.chosen is None or not self._canvas.hasFocus():
            self._stage.hold(None)
            return
        kind, which = self.chosen
        self._stage.hold(
            self._drawing.spot(kind, which), colour=COLOURS[kind], lines=self._drawing.lines()
        )

    def remove_point(self) -> None:
        """Take the chosen point out of the outline."""
        if self.chosen is not None and (shape := self._drawing.outline()) is not None:
            which = self.chosen[1]
            if shape.remove(which):
                self.choose("outline", min(which, self._drawing.spots("outline") - 1))

    def insert_point(self) -> None:
        """Add a point half-way between the chosen one and the next."""
        if self.chosen is not None and (shape := self._drawing.outline()) is not None:
            self.choose("outline", shape.split(self.chosen[1]))

    def _double_clicked(self, point: QPointF) -> None:
        shape = self._drawing.outline()
        if shape is None:
            self._canvas.toggle_pixels(point)
        elif (added := shape.insert((point.x(), point.y()))) is not None:
            self.choose("outline", added)
