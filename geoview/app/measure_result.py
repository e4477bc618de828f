"""The result panel: size, status and why, scale, box, and where every number comes from."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Protocol

from PySide6.QtCore import QEvent, Qt, Signal
from PySide6.QtGui import QKeyEvent
from PySide6.QtWidgets import (
    QFrame,
    QGridLayout,
    QHBoxLayout,
    QLabel,
    QLineEdit,
    QScrollArea,
    QVBoxLayout,
    QWidget,
)

from geoview.app import icons
from geoview.app import measure_words as words
from geoview.app.measure_delegate import TINTS
from geoview.app.measure_rows import Row
from geoview.app.measure_words import Unit
from geoview.app.parts import button, describe, label, line
from geoview.app.theme import GAP, SMALL, figures, set_role
from geoview.measured import Measurement, MeasureStatus

_MARK_PX = 18
_MOST_STEPS = 8


class HistoryStep(Protocol):
    """What the panel reads of a step of a photo's history."""

    @property
    def measurement(self) -> Measurement: ...
    @property
    def state(self) -> str: ...
    @property
    def holds(self) -> bool: ...


class NumberEdit(QLineEdit):
    """A catalogue number; Enter or leaving the field tells ``changed(str)``, Escape takes back
    what was typed."""

    changed = Signal(str)

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._known = ""
        self.editingFinished.connect(self._finish)

    def show_number(self, number: str) -> None:
        if number != self._known or not self.hasFocus():
            self._known = number
            self.setText(number)

    def keyPressEvent(self, event: QKeyEvent) -> None:
        if event.key() == Qt.Key.Key_Escape:
            self.setText(self._known)
            return
        super().keyPressEvent(event)
        if event.key() in (Qt.Key.Key_Return, Qt.Key.Key_Enter):
            event.accept()

    def _finish(self) -> None:
        number = self.text().strip()
        if number != self._known:
            self._known = number
            self.changed.emit(number)


class ResultPanel(QWidget):
    """Emits ``status_wanted(MeasureStatus)``, ``number_changed(str)``, ``measure_wanted()``,
    ``share_wanted()``."""

    status_wanted = Signal(str)
    number_changed = Signal(str)
    measure_wanted = Signal()
    share_wanted = Signal()

    def __init__(self, parent: QWidget | None = None) -> None:
        self._row: Row | None = None
        self._measurement: Measurement | None = None
        super().__init__(parent)
        self._unit: Unit = "mm"
        self.number = NumberEdit()
        self.number.setPlaceholderText("No catalogue number")
        describe(self.number, "Catalogue number", "The specimen's number; kept with who and when")
        self.number.changed.connect(self.number_changed)
        self.file = label(role="muted", wrap=True, select=True)
        self.both = label(role="title", select=True)
        self.both.setFont(figures(self.both.font()))
        self.no_size = label(role="muted", wrap=True)
        self.mark = QLabel()
        self.status = label()
        bold = self.status.font()
        bold.setBold(True)
        self.status.setFont(bold)
        self.reasons = label(wrap=True, select=True)
        self.reasons.setTextFormat(Qt.TextFormat.PlainText)
        self.buttons = {
            "accepted": button("Accept", lambda: self._ask("accepted"), icon="check"),
            "review": button("Review", lambda: self._ask("review"), about="Needs review"),
            "rejected": button("Reject", lambda: self._ask("rejected"), about="Not to be used"),
        }
        describe(self.buttons["accepted"], "Accept", "Accept and go to the next photo  Enter")
        self.scale = label(wrap=True, select=True)
        self.scale_more = label(role="muted", wrap=True, select=True)
        self.scale_more.setFont(figures(self.scale_more.font()))
        self.share = button(
            "Use for photos without a scale", self.share_wanted.emit,
            about="Photos of the same set-up take over this scale  S",
        )  # fmt: skip
        self.box = label(wrap=True)
        self.history = label(role="muted", wrap=True, select=True)
        self.measure = button(
            "Measure all", self.measure_wanted.emit, role="primary", icon="measure"
        )
        self.teach = label(
            "Not measured yet. GeoView finds the specimen and the reference cube in every photo "
            "and gives length and width with their uncertainty; what is doubtful waits for you "
            "under To review.",
            role="muted",
            wrap=True,
        )
        self._sizes: dict[str, QLabel] = {}
        self._lay_out()
        self.show_row(None)

    def _lay_out(self) -> None:
        inner = QWidget()
        inner.setObjectName("page")
        column = QVBoxLayout(inner)
        column.setContentsMargins(2 * GAP, GAP, 2 * GAP, 2 * GAP)
        column.setSpacing(GAP)
        column.addWidget(self.number)
        column.addWidget(self.file)
        column.addWidget(self._result())
        column.addWidget(self.teach)
        column.addWidget(self.measure, 0, Qt.AlignmentFlag.AlignLeft)
        self._details = self._detail_part()
        column.addWidget(self._details)
        column.addStretch(1)
        area = QScrollArea()
        area.setWidgetResizable(True)
        area.setFrameShape(QFrame.Shape.NoFrame)
        area.setHorizontalScrollBarPolicy(Qt.ScrollBarPolicy.ScrollBarAlwaysOff)
        area.setFocusPolicy(Qt.FocusPolicy.NoFocus)
        area.setWidget(inner)
        outer = QVBoxLayout(self)
        outer.setContentsMargins(0, 0, 0, 0)
        outer.addWidget(area)

    def _result(self) -> QWidget:
        self._result_part = QWidget()
        column = QVBoxLayout(self._result_part)
        column.setContentsMargins(0, 0, 0, 0)
        column.setSpacing(SMALL)
        column.addWidget(self.both)
        column.addWidget(self.no_size)
        column.addLayout(self._grid(("Length", "Width")))
        column.addSpacing(SMALL)
        row = QHBoxLayout()
        row.setSpacing(GAP)
        row.addWidget(self.mark)
        row.addWidget(self.status, 1)
        column.addLayout(row)
        column.addWidget(self.reasons)
        column.addSpacing(SMALL)
        row = QHBoxLayout()
        row.setSpacing(SMALL)
        for made in self.buttons.values():
            row.addWidget(made, 1)
        column.addLayout(row)
        return self._result_part

    def _detail_part(self) -> QWidget:
        made = QWidget()
        column = QVBoxLayout(made)
        column.setContentsMargins(0, 0, 0, 0)
        column.setSpacing(SMALL)
        for title, widgets in (
            ("Scale", (self.scale, self.scale_more, self.share)),
            ("Smallest box", (self.box,)),
        ):
            _section(column, title)
            for widget in widgets:
                column.addWidget(widget)
        self._more = QWidget()
        more = QVBoxLayout(self._more)
        more.setContentsMargins(0, 0, 0, 0)
        more.setSpacing(SMALL)
        _section(more, "More sizes")
        more.addLayout(self._grid(("Upright box", "Longest across", "Shortest across", "Area")))
        column.addWidget(self._more)
        _section(column, "Where this comes from")
        column.addWidget(self.history)
        return made

    def _grid(self, names: Sequence[str]) -> QGridLayout:
        grid = QGridLayout()
        grid.setContentsMargins(0, 0, 0, 0)
        grid.setHorizontalSpacing(GAP)
        grid.setVerticalSpacing(SMALL)
        grid.setColumnStretch(1, 1)
        for i, name in enumerate(names):
            value = label(select=True)
            value.setFont(figures(value.font()))
            value.setAlignment(Qt.AlignmentFlag.AlignRight | Qt.AlignmentFlag.AlignVCenter)
            title = label(name, role="muted")
            grid.addWidget(title, i, 0)
            grid.addWidget(value, i, 1)
            self._sizes[name] = value
            value.setProperty("title", title)
        return grid

    # What the page calls

    def set_unit(self, unit: Unit) -> None:
        self._unit = unit
        self._refresh()

    def show_row(self, row: Row | None) -> None:
        """Show a photo; its history follows."""
        self._row = row
        self._measurement = row.measurement if row else None
        self.number.setVisible(self._measurement is not None)
        self.file.setText(row.photo.file if row else "")
        self.history.setText("")
        self.show_box("")
        self._refresh()

    def show_measurement(self, measurement: Measurement | None) -> None:
        """What is measured now, also while something is dragged."""
        self._measurement = measurement
        self._refresh()

    def show_box(self, box: str) -> None:
        self.box.setText(box or "Known once the size is accepted")

    def show_history(self, steps: Sequence[HistoryStep]) -> None:
        """Who made the numbers, when, how and what changed by it, newest first."""
        lines = []
        for place, step in list(enumerate(steps))[: -_MOST_STEPS - 1 : -1]:
            one = step.measurement
            state = "" if step.state == "live" else " (undone)"
            lines.append(
                f"{words.step(_before(steps, place), one)}{state}\n{words.when(one.created_utc)} · "
                f"method {one.method} · GeoView {one.app_version}{words.model(one)}"
            )
        self.history.setText("\n".join(lines))

    # Drawing

    def changeEvent(self, event: QEvent) -> None:
        super().changeEvent(event)
        if event.type() == QEvent.Type.PaletteChange and self._measurement is not None:
            self._show_status(self._measurement)

    def _refresh(self) -> None:
        found = self._measurement
        self._result_part.setVisible(found is not None)
        self._details.setVisible(found is not None and found.width_px > 0)
        for widget in (self.teach, self.measure):
            widget.setVisible(self._row is not None and found is None)
        if found is None:
            return
        self.number.setVisible(True)
        self.number.show_number(found.catalogue_no)
        self._show_size(found)
        self._show_status(found)
        self._show_scale(found)

    def _show_size(self, found: Measurement) -> None:
        unit, size = self._unit, found.size_mm
        self.both.setVisible(size is not None)
        self.no_size.setVisible(size is None)
        self._more.setVisible(size is not None)
        if size is None:
            self.no_size.setText(_without_size(found))
            for value in self._sizes.values():
                self._show_value(value, "")
            return
        self.both.setText(f"{words.pair(found, unit)} {unit}")
        values = {
            "Length": words.length(size.length, unit, pm_mm=found.length_pm_mm),
            "Width": words.length(size.width, unit, pm_mm=found.width_pm_mm),
            "Upright box": f"{words.number(size.box_width, unit)} × "
            f"{words.length(size.box_height, unit)}",
            "Longest across": words.length(size.feret_max, unit),
            "Shortest across": words.length(size.feret_min, unit),
            "Area": words.area(size.area, unit),
        }
        for name, value in self._sizes.items():
            self._show_value(value, values[name])

    def _show_value(self, value: QLabel, text: str) -> None:
        value.setText(text)
        value.setVisible(bool(text))
        value.property("title").setVisible(bool(text))

    def _show_status(self, found: Measurement) -> None:
        self.status.setText(words.STATUS_WORDS[found.status])
        set_role(self.status, TINTS[found.status])
        icon = icons.icon(words.STATUS_ICONS[found.status], TINTS[found.status])
        self.mark.setPixmap(icon.pixmap(_MARK_PX, _MARK_PX))
        self.reasons.setText("\n".join(words.sentence(reason) for reason in found.reasons))
        self.reasons.setVisible(bool(found.reasons))
        for status, made in self.buttons.items():
            made.setEnabled(status != found.status and found.width_px > 0)
        self.buttons["accepted"].setEnabled(
            found.status != "accepted" and found.size_mm is not None
        )

    def _show_scale(self, found: Measurement) -> None:
        scale = found.scale
        self.scale.setText(
            words.source(scale, self._unit)
            if scale is not None
            else "No scale. Mark the cube, or draw a line of known length in the photo."
        )
        more = ""
        if scale is not None:
            more = words.resolution(scale)
            if scale.tilt_deg is not None:
                more += f"\nCamera tilted by {scale.tilt_deg:.0f}°"
        self.scale_more.setText(more)
        self.scale_more.setVisible(bool(more))
        self.share.setVisible(scale is not None)

    def _ask(self, status: MeasureStatus) -> None:
        self.status_wanted.emit(status)


def _before(steps: Sequence[HistoryStep], place: int) -> Measurement | None:
    """What a step changed: what was live before it, or had been undone together with it."""
    states = ("live", steps[place].state)
    earlier = (step.measurement for step in reversed(steps[:place]) if step.state in states)
    return next(earlier, None)


def _without_size(found: Measurement) -> str:
    if not found.width_px:
        return "The photo cannot be read"
    if found.size_px is None:
        return "No specimen found. Mark it in the photo."
    sides = f"{words.pixels(found.size_px.length)} × {words.pixels(found.size_px.width)}"
    return f"{words.NO_SCALE}: the outline is {sides}"


def _section(column: QVBoxLayout, title: str) -> QLabel:
    column.addSpacing(GAP)
    column.addWidget(line())
    column.addSpacing(SMALL)
    made = label(title, role="heading")
    column.addWidget(made)
    return made
