"""One line of the predictions panel: swatch, name, bar with its threshold, numbers."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from PySide6.QtCore import QRect, QRectF, QSize, Qt, Signal
from PySide6.QtGui import QBrush, QColor, QFont, QFontMetrics, QPainter, QPaintEvent, QPen
from PySide6.QtWidgets import QAbstractButton, QSizePolicy, QVBoxLayout, QWidget

from geoview.app import words
from geoview.app.bars import Standing, paint_bar, paint_swatch, standing
from geoview.app.theme import GAP, SMALL, Tokens, colours, figures, lithology_brush

_SWATCH = QSize(20, 12)
_BAR_PX = 10
_LEFT = Qt.AlignmentFlag.AlignLeft | Qt.AlignmentFlag.AlignVCenter
_RIGHT = Qt.AlignmentFlag.AlignRight | Qt.AlignmentFlag.AlignVCenter


@dataclass(frozen=True, slots=True)
class Line:
    """What a row shows. ``lithology`` gives swatch and fill; layers have none."""

    name: str
    probability: float
    threshold: float | None = None
    area_pct: float | None = None
    lithology: bool = True
    strong: bool = False

    @property
    def standing(self) -> Standing:
        if self.threshold is None:
            return Standing.ABOVE
        return standing(self.probability, self.threshold)

    def describe(self) -> str:
        """The row in words, for screen readers and tooltips."""
        said = f"{words.sentence(self.name)}: probability {self.probability:.2f}"
        if self.threshold is not None:
            said += f", {self.standing.value} of {self.threshold:.2f}"
        if self.area_pct is not None:
            said += f", {words.percent(self.area_pct)} of the area"
        return said


class BarRow(QAbstractButton):
    """A line; rows of classes can be clicked to ask for their evidence."""

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._line = Line("", 0.0)
        self._name_width = 0
        self._with_area = False
        self.setSizePolicy(QSizePolicy.Policy.Expanding, QSizePolicy.Policy.Fixed)
        self.setMouseTracking(True)
        self.setAttribute(Qt.WidgetAttribute.WA_Hover)

    @property
    def line(self) -> Line:
        return self._line

    def show_line(self, line: Line, *, name_width: int, with_area: bool, clickable: bool) -> None:
        """``name_width`` and ``with_area`` are the same for all rows, so that columns line up."""
        self._line, self._name_width, self._with_area = line, name_width, with_area
        self.setCheckable(clickable)
        self.setFocusPolicy(Qt.FocusPolicy.StrongFocus if clickable else Qt.FocusPolicy.NoFocus)
        self.setAttribute(Qt.WidgetAttribute.WA_TransparentForMouseEvents, not clickable)
        self.setCursor(
            Qt.CursorShape.PointingHandCursor if clickable else Qt.CursorShape.ArrowCursor
        )
        self.setAccessibleName(line.describe())
        self.setAccessibleDescription("Press to see the evidence in the photo" if clickable else "")
        self.setToolTip(line.describe() + ("\nClick to see where" if clickable else ""))
        self.update()

    def sizeHint(self) -> QSize:
        return QSize(240, QFontMetrics(self.font()).height() + 3 * SMALL)

    def minimumSizeHint(self) -> QSize:
        return QSize(160, self.sizeHint().height())

    def paintEvent(self, event: QPaintEvent) -> None:
        painter = QPainter(self)
        tokens = colours(self.palette())
        self._ground(painter, tokens)
        font = figures(self.font())
        font.setBold(self._line.strong)
        painter.setFont(font)
        below = self._line.standing is Standing.BELOW
        painter.setPen(QColor(tokens.muted if below else tokens.text))
        rest = self._name(painter, self.rect().adjusted(GAP, 0, -GAP, 0))
        rest = self._numbers(painter, rest)
        bar = QRectF(rest.x(), rest.center().y() - _BAR_PX / 2 + 1, rest.width(), _BAR_PX)
        paint_bar(
            painter,
            bar,
            value=self._line.probability,
            fill=self._fill(tokens),
            tokens=tokens,
            state=self._line.standing,
            threshold=self._line.threshold,
        )
        painter.end()

    def _ground(self, painter: QPainter, tokens: Tokens) -> None:
        area = QRectF(self.rect()).adjusted(2, 1, -2, -1)
        painter.setRenderHint(QPainter.RenderHint.Antialiasing)
        if self.isChecked() or self.underMouse():
            painter.setPen(Qt.PenStyle.NoPen)
            painter.setBrush(QColor(tokens.accent_soft if self.isChecked() else tokens.hover))
            painter.drawRoundedRect(area, 4, 4)
        if self.hasFocus():
            painter.setBrush(Qt.BrushStyle.NoBrush)
            painter.setPen(QPen(QColor(tokens.accent), 1.5))
            painter.drawRoundedRect(area, 4, 4)

    def _name(self, painter: QPainter, rest: QRect) -> QRect:
        """Swatch and name; returns what is left of the row."""
        left = rest.x()
        if self._line.lithology:
            top = rest.center().y() - _SWATCH.height() / 2 + 1
            swatch = QRectF(left, top, _SWATCH.width(), _SWATCH.height())
            paint_swatch(painter, swatch, self._line.name, self.palette())
            left += _SWATCH.width() + GAP
        width = min(self._name_width, round(rest.width() * 0.45))
        room = QRect(left, rest.y(), width, rest.height())
        name = words.sentence(self._line.name)
        mode = Qt.TextElideMode.ElideRight
        painter.drawText(room, _LEFT, painter.fontMetrics().elidedText(name, mode, width))
        return rest.adjusted(left + width + GAP - rest.x(), 0, 0, 0)

    def _numbers(self, painter: QPainter, rest: QRect) -> QRect:
        # Widths of bold text for all rows, so that bars of strong and plain rows line up.
        metrics = QFontMetrics(_bold(painter.font()))
        if self._with_area:
            width = metrics.horizontalAdvance(words.percent(100)) + SMALL
            area = self._line.area_pct
            painter.drawText(rest, _RIGHT, "" if area is None else words.percent(area))
            rest = rest.adjusted(0, 0, -width - SMALL, 0)
        width = metrics.horizontalAdvance("1.00")
        painter.drawText(rest, _RIGHT, words.probability(self._line.probability))
        return rest.adjusted(0, 0, -width - GAP, 0)

    def _fill(self, tokens: Tokens) -> QBrush:
        if self._line.lithology:
            return lithology_brush(self._line.name, palette=self.palette())
        return QBrush(QColor(tokens.accent if self._line.strong else tokens.muted))


class BarList(QWidget):
    """Rows that are kept and refilled from photo to photo. ``chosen(name)`` is a click."""

    chosen = Signal(str)

    def __init__(self, *, clickable: bool, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._clickable = clickable
        self._rows: list[BarRow] = []
        self._marked = ""
        self._column = QVBoxLayout(self)
        self._column.setContentsMargins(0, 0, 0, 0)
        self._column.setSpacing(0)

    def show_lines(self, lines: Sequence[Line]) -> None:
        while len(self._rows) < len(lines):
            self._add_row()
        metrics = QFontMetrics(_bold(self.font()))
        widths = (metrics.horizontalAdvance(words.sentence(line.name)) for line in lines)
        name_width = max(widths, default=0) + SMALL
        with_area = any(line.area_pct is not None for line in lines)
        for row, line in zip(self._rows, lines, strict=False):
            row.show_line(
                line, name_width=name_width, with_area=with_area, clickable=self._clickable
            )
        for i, row in enumerate(self._rows):
            row.setVisible(i < len(lines))
        self.mark(self._marked)

    def rows(self) -> list[BarRow]:
        """The rows in use, from top to bottom."""
        return [row for row in self._rows if not row.isHidden()]

    def mark(self, name: str) -> None:
        """Show which class the heatmap is of; an empty name marks none."""
        self._marked = name
        for row in self._rows:
            row.setChecked(row.isCheckable() and row.line.name == name)

    def _add_row(self) -> None:
        row = BarRow(self)
        row.clicked.connect(lambda: self._clicked(row))
        self._rows.append(row)
        self._column.addWidget(row)

    def _clicked(self, row: BarRow) -> None:
        self.mark(row.line.name)
        self.chosen.emit(row.line.name)


def _bold(font: QFont) -> QFont:
    bold = figures(font)
    bold.setBold(True)
    return bold
