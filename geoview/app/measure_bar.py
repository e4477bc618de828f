"""The bars below the photo of the Measure page: what the handles move, and where one is."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Literal

from PySide6.QtCore import QPointF, QSignalBlocker, QSize, Qt, Signal
from PySide6.QtGui import QAction, QKeyEvent, QResizeEvent, QValidator
from PySide6.QtWidgets import (
    QButtonGroup,
    QFrame,
    QHBoxLayout,
    QToolButton,
    QWidget,
)

from geoview.app import icons, words
from geoview.app.parts import ICON_PX, MillimetreBox, button, describe, label
from geoview.app.theme import GAP, SMALL, figures, set_role
from geoview.app.viewer_bar import Note, action_button

Mode = Literal["corners", "outline", "line"]
_NARROW_PX = 560
_LENGTHS_MM = (0.1, 1000.0)
_MODES: dict[Mode, tuple[str, str, str]] = {
    "corners": ("Corners", "B", "Move the corners of the specimen's rectangle and of the cube"),
    "outline": ("Outline", "P", "Move, add and remove points of the specimen's outline"),
    "line": ("Line", "L", "Set the scale by a line of known length"),
}


class LengthBox(MillimetreBox):
    """A length in millimetres; Enter tells ``entered`` instead of accepting the photo, and
    ``refused`` says why a number that was typed cannot be."""

    entered = Signal()
    refused = Signal(str)

    def __init__(self, mm: float, parent: QWidget | None = None) -> None:
        super().__init__(*_LENGTHS_MM, decimals=2, parent=parent)
        self.setValue(mm)

    def textFromValue(self, value: float) -> str:
        return f"{value:.2f}".rstrip("0").rstrip(".")

    def validate(self, text: str, pos: int) -> tuple[QValidator.State, str, int]:
        """Let any number be typed to its end, so that it can be answered."""
        state, text, pos = super().validate(text, pos)
        plain = text.removesuffix(self.suffix())
        if state == QValidator.State.Invalid and _is_number(plain):
            state = QValidator.State.Intermediate
        return state, text, pos

    def fixup(self, text: str) -> str:
        """What was typed cannot be: Qt goes back to the length before."""
        least, most = _LENGTHS_MM
        self.refused.emit(f"A length lies between {least:g} and {most:g} mm; nothing was changed.")
        return super().fixup(text)

    def keyPressEvent(self, event: QKeyEvent) -> None:
        super().keyPressEvent(event)
        if event.key() in (Qt.Key.Key_Return, Qt.Key.Key_Enter):
            event.accept()
            self.entered.emit()


def _is_number(text: str) -> bool:
    try:
        float(text)
    except ValueError:
        return False
    return True


class EditBar(QFrame):
    """Chooses what is moved; offers to mark what was not found, and to use what was marked."""

    mode_chosen = Signal(str)
    mark_wanted = Signal(str)
    use_wanted = Signal()
    discard_wanted = Signal()
    line_changed = Signal(float)

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        set_role(self, "bar")
        self.actions_by_mode: dict[Mode, QAction] = {}
        self.modes: dict[Mode, QToolButton] = {}
        for mode in _MODES:
            self._add_mode(mode)
        self.modes["corners"].setChecked(True)
        self.line_mm = LengthBox(50.0)
        describe(self.line_mm, "Length of the line", "The true length between the line's ends")
        self.mark_box = button(
            "Mark specimen", lambda: self.mark_wanted.emit("box"), about="Draw its rectangle"
        )
        self.mark_cube = button(
            "Mark cube", lambda: self.mark_wanted.emit("cube"), about="Draw its upper face"
        )
        self.use = button("Use", self.use_wanted.emit, role="primary")
        self.discard = button("Discard", self.discard_wanted.emit, role="quiet")
        self.note = Note(self)
        set_role(self.note, "muted")
        self._lay_out()
        self.line_mm.valueChanged.connect(self.line_changed)
        self.line_mm.entered.connect(self.use_wanted)
        self.line_mm.refused.connect(self.note.setText)
        self.offer(mode="corners", marks=(), pending="")

    def _add_mode(self, mode: Mode) -> None:
        text, key, about = _MODES[mode]
        action = QAction(icons.icon(mode), text, self)
        action.setShortcut(key)
        action.setShortcutContext(Qt.ShortcutContext.WidgetWithChildrenShortcut)
        action.triggered.connect(lambda: self._choose(mode))
        self.actions_by_mode[mode] = action
        made = QToolButton()
        made.setText(f"\u2009{text}")
        made.setIcon(icons.icon(mode))
        made.setIconSize(QSize(ICON_PX, ICON_PX))
        made.setCheckable(True)
        made.setToolButtonStyle(Qt.ToolButtonStyle.ToolButtonTextBesideIcon)
        made.setFocusPolicy(Qt.FocusPolicy.StrongFocus)
        describe(made, text, f"{about}  {key}")
        made.clicked.connect(lambda: self._choose(mode))
        self.modes[mode] = made

    def _lay_out(self) -> None:
        group = QButtonGroup(self)
        row = QHBoxLayout(self)
        row.setContentsMargins(GAP, SMALL, GAP, SMALL)
        row.setSpacing(SMALL)
        for made in self.modes.values():
            group.addButton(made)
            row.addWidget(made)
        row.addSpacing(GAP)
        for widget in (self.line_mm, self.mark_box, self.mark_cube, self.use, self.discard):
            row.addWidget(widget)
        row.addWidget(self.note, 1)
        self.setMinimumHeight(32 + 2 * SMALL)

    def mode(self) -> Mode:
        return next(mode for mode, made in self.modes.items() if made.isChecked())

    def _choose(self, mode: Mode) -> None:
        self.modes[mode].setChecked(True)
        self.mode_chosen.emit(mode)

    def set_mode(self, mode: Mode) -> None:
        self.modes[mode].setChecked(True)

    def set_line_mm(self, mm: float) -> None:
        with QSignalBlocker(self.line_mm):
            self.line_mm.setValue(mm)

    def offer(self, *, mode: Mode, marks: Sequence[str], pending: str, note: str = "") -> None:
        """Show what can be done now: ``marks`` names what may be drawn, ``pending`` what was
        drawn and is not used yet."""
        self.line_mm.setVisible(mode == "line")
        self.mark_box.setVisible("box" in marks and not pending)
        self.mark_cube.setVisible("cube" in marks and not pending)
        self.use.setVisible(bool(pending))
        self.discard.setVisible(bool(pending))
        describe(self.use, "Use", {"line": "Use this line as the scale"}.get(pending, "Use it"))
        self.note.setText(note)
        self.note.setToolTip(note)

    def set_enabled(self, enabled: bool) -> None:
        for made in self.modes.values():
            made.setEnabled(enabled)
        for action in self.actions_by_mode.values():
            action.setEnabled(enabled)

    def resizeEvent(self, event: QResizeEvent) -> None:
        super().resizeEvent(event)
        narrow = self.width() < _NARROW_PX
        style = (
            Qt.ToolButtonStyle.ToolButtonIconOnly
            if narrow
            else Qt.ToolButtonStyle.ToolButtonTextBesideIcon
        )
        for made in self.modes.values():
            made.setToolButtonStyle(style)


class PlaceBar(QFrame):
    """What was done last, where the pointer is, how far the photo is zoomed; zoom buttons."""

    def __init__(self, actions: Sequence[QAction], parent: QWidget | None = None) -> None:
        super().__init__(parent)
        set_role(self, "bar")
        self.said = Note(self)
        self.where = label(role="muted")
        self.where.setFont(figures(self.where.font()))
        self.where.setAlignment(Qt.AlignmentFlag.AlignRight | Qt.AlignmentFlag.AlignVCenter)
        self.where.setMinimumWidth(self.where.fontMetrics().horizontalAdvance("1 000 %"))
        self.said.setAccessibleName("What was done")
        row = QHBoxLayout(self)
        row.setContentsMargins(GAP, 0, GAP, 0)
        row.setSpacing(GAP)
        row.addWidget(self.said, 1)
        row.addWidget(self.where)
        for action in actions:
            row.addWidget(action_button(action, self))
        # Two lines of what was done, where the photo is narrow.
        self.setMinimumHeight(2 * self.fontMetrics().lineSpacing() + SMALL)

    def say(self, text: str) -> None:
        self.said.setText(text)
        self.said.setToolTip(text)

    def show_place(self, point: QPointF | None, *, zoom: float) -> None:
        parts = []
        if point is not None:
            parts.append(f"x {words.count(int(point.x()))}  y {words.count(int(point.y()))} px")
        if zoom > 0:
            parts.append(words.percent(zoom * 100))
        self.where.setText("   ".join(parts))
