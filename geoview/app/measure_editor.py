"""The viewer of the Measure page: the photo, what was measured, and handles to correct it."""

from __future__ import annotations

from PySide6.QtCore import QTimer, Signal
from PySide6.QtGui import QAction, QPixmap
from PySide6.QtWidgets import QVBoxLayout, QWidget

from geoview.app import measure_geometry as geometry
from geoview.app.background import Background
from geoview.app.measure_bar import EditBar, Mode
from geoview.app.measure_draft import Changes, Correct, Drafter
from geoview.app.measure_drawing import Drawing, Kind
from geoview.app.measure_handles import Handles
from geoview.app.measure_rows import Row
from geoview.app.measure_stage import PhotoStage
from geoview.measured import Measurement

_REST_MS = 600
_HINTS: dict[Mode, str] = {
    "corners": "Drag a corner, or Tab to it and use the arrow keys",
    "outline": "Drag a point; double-click an edge to add one; Delete removes one",
    "line": "Put the ends on a known length and type it",
}


class MeasureEditor(QWidget):
    """Shows one photo with its measurement.

    ``draft_changed(Measurement)`` while something moves; ``edited(Measurement)`` once it has:
    one signal, and so one step to undo, for each drag or run of key strokes. When the photo is
    left before a correction is computed, ``handed_over(Measurement, Changes)`` passes it on.
    """

    draft_changed = Signal(object)
    edited = Signal(object)
    handed_over = Signal(object, object)
    step_wanted = Signal(int)
    full_screen_wanted = Signal()

    def __init__(
        self, background: Background, *, correct: Correct, parent: QWidget | None = None
    ) -> None:
        super().__init__(parent)
        self._row: Row | None = None
        self._measurement: Measurement | None = None
        self._draft: Measurement | None = None
        self._pending: Kind | None = None
        self._dirty = False
        self._wrong = ""
        self._moving_kind: Kind = "box"
        self._commit_wanted = False
        self._zoomed_in = False
        self.stage = PhotoStage(background, self)
        self.canvas = self.stage.canvas
        self.drafter = Drafter(background, correct, self)
        self.drawing = Drawing(self.canvas.box, self)
        self.handles = Handles(self.stage, self.drawing, self)
        self.bar = EditBar(self)
        self._rest = QTimer(self)
        self._rest.setSingleShot(True)
        self._rest.setInterval(_REST_MS)
        self._lay_out()
        self._connect()
        self.show_row(None)

    def view_actions(self) -> list[QAction]:
        """Actions whose keys should also work in the table."""
        return [*self.stage.actions_of_view(), *self.bar.actions_by_mode.values()]

    def _lay_out(self) -> None:
        self.canvas.addActions(self.view_actions())
        column = QVBoxLayout(self)
        column.setContentsMargins(0, 0, 0, 0)
        column.setSpacing(0)
        column.addWidget(self.stage, 1)
        column.addWidget(self.bar)
        column.addWidget(self.stage.place)

    def _connect(self) -> None:
        canvas, bar = self.canvas, self.bar
        self.stage.full_screen_wanted.connect(self.full_screen_wanted)
        self.stage.ready.connect(lambda: self._draw(keep=True))
        canvas.nudged.connect(self._nudge)
        canvas.tabbed.connect(self._tab)
        self.drawing.moving.connect(self._moving)
        self.drawing.moved.connect(self._moved)
        bar.mode_chosen.connect(lambda _mode: self._mode_changed())
        bar.mark_wanted.connect(self.mark)
        bar.use_wanted.connect(self.use_pending)
        bar.discard_wanted.connect(self.discard)
        bar.line_changed.connect(lambda _mm: self._line_retyped())
        self.drafter.drafted.connect(self._drafted)
        self.drafter.refused.connect(self._refused)
        self._rest.timeout.connect(self.flush)

    # What the page calls

    def show_row(self, row: Row | None, *, preview: QPixmap | None = None) -> None:
        """Show a photo; ``preview`` (a thumbnail) stands in until it is decoded."""
        if row is not None and self._row is not None and row.photo == self._row.photo:
            self._row = row
            self.show_measurement(row.measurement)
            return
        self.settle()
        self._row = row
        self.handles.chosen = self._pending = None
        self._clean()
        self._measurement = self._draft = row.measurement if row else None
        self.stage.show_row(row, preview)
        self._draw()

    def show_measurement(self, measurement: Measurement | None) -> None:
        """What is now known of the photo shown; what is drawn already is left as it is."""
        if measurement == self._measurement and self._pending is None:
            return
        if self._dirty or self._pending is not None:
            return  # the person's own drawing goes first; it is saved in a moment
        self._measurement = self._draft = measurement
        self._draw()

    def measurement(self) -> Measurement | None:
        """What is drawn now, perhaps not saved yet."""
        return self._draft

    def file(self) -> str:
        return self._row.photo.file if self._row else ""

    def pending(self) -> bool:
        """Whether something has been drawn that is not used yet."""
        return self._pending is not None

    def set_mode(self, mode: Mode) -> None:
        self.bar.set_mode(mode)
        self._mode_changed()

    @property
    def busy(self) -> bool:
        """Whether something moved is still being computed."""
        return self.drafter.busy

    def flush(self) -> None:
        """What has been moved becomes the measurement, as soon as it is computed."""
        self._rest.stop()
        if not self._dirty or self._pending is not None:
            return
        if self.drafter.busy:
            self._commit_wanted = True
        elif self._wrong:
            self._take_back()
        elif self._draft is not None:
            self._commit(self._draft)

    def settle(self) -> None:
        """When this returns, whatever has been moved is on its way to the catalogue."""
        self.flush()
        wanted = self.drafter.wanted
        if self._commit_wanted and wanted is not None:
            self._clean()
            self.handed_over.emit(*wanted)

    def _clean(self) -> None:
        self.drafter.forget()
        self._dirty, self._wrong, self._commit_wanted = False, "", False

    def _take_back(self) -> None:
        """What cannot be measured is not kept: draw what is known, and say why."""
        self.say(self._wrong)
        self._clean()
        self._draft = self._measurement
        self._draw()
        if self._draft is not None:
            self.draft_changed.emit(self._draft)

    def say(self, text: str) -> None:
        self.stage.place.say(text)

    # Drawing

    def _draw(self, *, keep: bool = False) -> None:
        """Draw the measurement anew; ``keep`` leaves shapes that are there."""
        mode = self.bar.mode()
        if not keep or not self.drawing.shapes:
            self.drawing.show(self._draft, mode, pending=self._pending)
            if mode == "line" and self._draft is not None and self.stage.sized:
                self._begin_line()
            self.handles.choose_again()
        measured = self._draft is not None and self._draft.width_px > 0
        self.bar.set_enabled(measured)
        self._say_hint()

    def _begin_line(self) -> None:
        """Without a line of its own, a photo gets one to put in its place."""
        scale = self._draft.scale if self._draft else None
        if scale is not None and scale.source == "line":
            self.bar.set_line_mm(scale.reference_mm)
            return
        seen = self.stage.in_sight()
        half = seen.width() / 6
        middle = seen.center()
        ends = ((middle.x() - half, middle.y()), (middle.x() + half, middle.y()))
        self.drawing.add("line", ends)

    def _say_hint(self, note: str = "") -> None:
        draft, mode = self._draft, self.bar.mode()
        marks = []
        if draft is not None and draft.width_px and mode == "corners":
            if not draft.outline_box_px:
                marks.append("box")
            if draft.scale is None or draft.scale.source != "cube":
                marks.append("cube")
        hint = _HINTS[mode] if draft is not None and draft.width_px else ""
        self.bar.offer(mode=mode, marks=marks, pending=self._pending or "", note=note or hint)

    def _mode_changed(self) -> None:
        self.flush()
        self._drop_pending()
        self.handles.chosen = None
        self._draw()
        if self.bar.mode() == "outline" and "outline" in self.drawing.shapes:
            self._zoomed_in = self.canvas.fitted
            self.canvas.show_points(self.drawing.points("outline"))
        elif self._zoomed_in:
            self._zoomed_in = False
            self.canvas.fit()
        self.canvas.setFocus()

    # Moving

    def _moving(self, kind: Kind) -> None:
        self._dirty = True
        if kind == "line" and self._pending is None and not self._has_line():
            self._pending = "line"
            self._say_hint()
        self._recompute(kind)

    def _has_line(self) -> bool:
        scale = self._measurement.scale if self._measurement else None
        return scale is not None and scale.source == "line"

    def _moved(self, kind: Kind) -> None:
        """A drag has ended, or a point was added or removed."""
        if self._pending is None and not self._rest.isActive():
            self.flush()

    def _recompute(self, kind: Kind) -> None:
        if self._measurement is not None:
            self._moving_kind = kind
            self.drafter.ask(self._measurement, self._changes(kind))

    def _drafted(self, draft: Measurement) -> None:
        self._draft, self._wrong = draft, ""
        self._say_hint()
        if self._moving_kind == "outline":
            self.drawing.follow("box", draft.outline_box_px)
        elif self._moving_kind == "box":
            self.drawing.follow("outline", draft.outline_px)
        self.draft_changed.emit(draft)
        if self._commit_wanted and not self.drafter.busy:
            self._commit(draft)

    def _refused(self, why: str) -> None:
        self._wrong = why
        self._say_hint(why)
        if self._commit_wanted:
            self._take_back()

    def _changes(self, kind: Kind) -> Changes:
        points = self.drawing.points(kind)
        if kind == "line":
            return {"line_px": points, "line_mm": self.bar.line_mm.value()}
        name = {"box": "outline_box_px", "cube": "cube_quad_px", "outline": "outline_px"}[kind]
        return {name: points}

    def _line_retyped(self) -> None:
        if self.bar.mode() != "line" or self._measurement is None:
            return
        self._dirty = True
        self._pending = None if self._has_line() else "line"
        self._recompute("line")
        if self._pending is None:
            self.flush()

    def _commit(self, draft: Measurement) -> None:
        self._clean()
        if draft == self._measurement:
            return
        self._measurement = draft
        self.edited.emit(draft)

    # Drawing what was not found

    def mark(self, kind: Kind) -> None:
        """Put a rectangle or a cube's face in the middle of what is seen, to be moved."""
        if self._measurement is None:
            return
        self.flush()
        seen = self.stage.in_sight()
        share = 0.4 if kind == "box" else 0.12
        side = share * min(seen.width(), seen.height())
        width = side * (1.4 if kind == "box" else 1.0)
        middle = (seen.center().x(), seen.center().y())
        self._pending = kind
        self.drawing.add(kind, geometry.rectangle(middle, width, side))
        self._dirty = True
        self._recompute(kind)
        self.handles.choose(kind, 0)
        self.canvas.setFocus()

    def use_pending(self) -> None:
        """What was drawn becomes the measurement."""
        if self.bar.mode() == "line" and not (self._pending or self._has_line()):
            self._line_retyped()
        if self._wrong:
            self.say(self._wrong)
            return
        self._pending = None
        self._dirty = True
        self.flush()
        self._say_hint()
        self.canvas.setFocus()

    def discard(self) -> None:
        self._drop_pending()
        self._draw()
        self.canvas.setFocus()

    def _drop_pending(self) -> None:
        if self._pending is None:
            return
        self._pending = self.handles.chosen = None
        self._clean()
        self._draft = self._measurement
        if self._draft is not None:
            self.draft_changed.emit(self._draft)

    # Keys

    def _nudge(self, dx: float, dy: float) -> None:
        if self.handles.chosen is None:
            self.step_wanted.emit(1 if dx + dy > 0 else -1)
            return
        kind, which = self.handles.chosen
        x, y = self.drawing.spot(kind, which)
        self._rest.start()
        self.drawing.move(kind, which, (x + dx, y + dy))

    def _tab(self, by: int) -> None:
        """Go through the handles; beyond the last one Tab leaves the photo."""
        if not self.handles.go(by):
            self.unchoose()

    def unchoose(self) -> bool:
        """Let go of the chosen handle; False when there was none."""
        had = self.handles.chosen is not None
        self.flush()
        self.handles.let_go()
        return had
