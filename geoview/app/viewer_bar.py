"""The quiet bars under the photo: overlay controls with their legend, zoom and read-out."""

from __future__ import annotations

from collections.abc import Sequence

from PySide6.QtCore import QPointF, QRectF, QSignalBlocker, QSize, Qt, Signal
from PySide6.QtGui import QAction, QColor, QIcon, QPainter, QPaintEvent, QPixmap, QTextLayout
from PySide6.QtWidgets import (
    QComboBox,
    QFrame,
    QHBoxLayout,
    QLabel,
    QSizePolicy,
    QSlider,
    QStackedWidget,
    QStyleOptionComboBox,
    QToolButton,
    QVBoxLayout,
    QWidget,
)

from geoview.app import overlay, words
from geoview.app.theme import GAP, SMALL, colours, figures, set_role
from geoview.explain.names import TITLES

METHODS = {"auto": "Best method", **TITLES}
DOMINANT = ""


class Legend(QWidget):
    """The colormap from no evidence to the strongest, with its numbers."""

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._top = 1.0
        self._colormap = "viridis"
        self.setMinimumWidth(48)
        self.setMaximumWidth(240)
        self.setSizePolicy(QSizePolicy.Policy.Expanding, QSizePolicy.Policy.Fixed)
        self.setFixedHeight(24)

    def show_scale(self, top: float, colormap: str) -> None:
        self._top, self._colormap = top, colormap
        said = f"Colour scale from 0 to {_figure(top)}, the strongest evidence in this photo"
        self.setAccessibleName(said)
        self.setToolTip(said)
        self.update()

    def paintEvent(self, event: QPaintEvent) -> None:
        painter = QPainter(self)
        painter.setFont(figures(self.font()))
        painter.setPen(QColor(colours(self.palette()).muted))
        metrics = painter.fontMetrics()
        low, high = "0", _figure(self._top)
        left = metrics.horizontalAdvance(low) + SMALL
        right = metrics.horizontalAdvance(high) + SMALL
        bar = QRectF(left, self.height() / 2 - 4, self.width() - left - right, 8)
        middle = Qt.AlignmentFlag.AlignVCenter
        painter.drawText(self.rect(), middle | Qt.AlignmentFlag.AlignLeft, low)
        painter.drawText(self.rect(), middle | Qt.AlignmentFlag.AlignRight, high)
        painter.drawImage(bar, overlay.gradient(self._colormap))
        painter.end()


class Note(QLabel):
    """A line of text, or two where it is long and the bar has room for them; what does not fit
    gives way."""

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.setSizePolicy(QSizePolicy.Policy.Ignored, QSizePolicy.Policy.Preferred)

    def paintEvent(self, event: QPaintEvent) -> None:
        painter = QPainter(self)
        painter.setPen(QColor(colours(self.palette()).muted))
        painter.drawText(self.rect(), self.alignment(), "\n".join(self.lines()))
        painter.end()

    def lines(self) -> list[str]:
        """The text as it is drawn."""
        metrics, first = self.fontMetrics(), self.text()
        rest = ""
        if metrics.horizontalAdvance(first) > self.width() and (
            self.height() >= 2 * metrics.lineSpacing()
        ):
            layout = QTextLayout(first, self.font())
            layout.beginLayout()
            line = layout.createLine()
            line.setLineWidth(self.width())
            layout.endLayout()
            first, rest = first[: line.textLength()].rstrip(), first[line.textLength() :]
        parts = [first, rest] if rest else [first]
        return [metrics.elidedText(p, Qt.TextElideMode.ElideRight, self.width()) for p in parts]

    def setText(self, text: str) -> None:
        super().setText(text)
        self.setToolTip(text)


class Swatches(QComboBox):
    """The colormaps: closed it shows the colours only, the list names them."""

    def __init__(self, parent: QWidget) -> None:
        super().__init__(parent)
        self.setAccessibleName("Colours")
        self.setAccessibleDescription("Colours of the heatmap")
        self.setToolTip("Colours of the heatmap")
        self.setFixedWidth(76)
        self.view().setMinimumWidth(140)

    def initStyleOption(self, option: QStyleOptionComboBox) -> None:
        super().initStyleOption(option)
        option.currentText = ""


class OverlayBar(QFrame):
    """Class, method, opacity and colormap of the heatmap. ``changed`` follows class and method,
    ``look_changed(opacity, colormap)`` the rest."""

    changed = Signal()
    look_changed = Signal(float, str)

    def __init__(self, toggle: QAction, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        set_role(self, "bar")
        self.toggle = action_button(toggle, self)
        self.classes = _combo("Heatmap of", "Whose evidence the heatmap shows", self)
        self.methods = _combo("Method", "How the heatmap is made", self)
        self.colormaps = Swatches(self)
        self.opacity = QSlider(Qt.Orientation.Horizontal, self)
        self.opacity.setRange(0, 100)
        self.opacity.setValue(45)
        self.opacity.setMinimumWidth(48)
        self.opacity.setMaximumWidth(72)
        self.opacity.setAccessibleName("Opacity of the heatmap")
        self.legend = Legend(self)
        self.note = Note(self)
        self._end = QStackedWidget(self)
        self._end.addWidget(self.note)
        self._end.addWidget(self.legend)
        self._end.setFixedHeight(24)
        self.set_classes(())
        self.set_methods(())
        self._fill_colormaps()
        self._lay_out()
        self._connect()

    def _lay_out(self) -> None:
        row = QHBoxLayout(self)
        row.setContentsMargins(GAP, SMALL, GAP, SMALL)
        row.setSpacing(GAP)
        row.addWidget(self.toggle)
        for widget, share in ((self.classes, 3), (self.methods, 3), (self.opacity, 0)):
            row.addWidget(widget, share)
        row.addWidget(self.colormaps)
        row.addWidget(self._end, 2)

    def _connect(self) -> None:
        self.classes.currentIndexChanged.connect(self.changed)
        self.methods.currentIndexChanged.connect(self.changed)
        self.opacity.valueChanged.connect(self._emit_look)
        self.opacity.valueChanged.connect(self._describe_opacity)
        self.colormaps.currentIndexChanged.connect(self._emit_look)
        self._describe_opacity(self.opacity.value())

    def _fill_colormaps(self) -> None:
        self.colormaps.setIconSize(QSize(32, 10))
        for name in overlay.COLORMAPS:
            strip = QPixmap.fromImage(overlay.gradient(name).scaled(32, 10))
            self.colormaps.addItem(QIcon(strip), words.sentence(name), name)

    def set_classes(self, classes: Sequence[str]) -> None:
        items = {DOMINANT: "Dominant"} | {c: words.sentence(c) for c in classes}
        _refill(self.classes, items)

    def set_methods(self, methods: Sequence[str]) -> None:
        """One method or none leaves nothing to choose, so the control hides."""
        items = {name: METHODS.get(name, words.sentence(name)) for name in methods}
        _refill(self.methods, items or {"auto": METHODS["auto"]})
        self.methods.setVisible(len(items) > 1)

    def class_name(self) -> str:
        return self.classes.currentData()

    def choose_class(self, name: str) -> None:
        with QSignalBlocker(self.classes):
            self.classes.setCurrentIndex(max(0, self.classes.findData(name)))

    def method(self) -> str:
        return self.methods.currentData()

    def look(self) -> tuple[float, str]:
        return self.opacity.value() / 100, self.colormaps.currentData()

    def set_look(self, opacity: float, colormap: str) -> None:
        with QSignalBlocker(self.opacity), QSignalBlocker(self.colormaps):
            self.opacity.setValue(round(opacity * 100))
            self.colormaps.setCurrentIndex(max(0, self.colormaps.findData(colormap)))
        self._describe_opacity(self.opacity.value())

    def show_note(self, text: str) -> None:
        """A short line in place of the legend."""
        self.note.setText(text)
        self._end.setCurrentWidget(self.note)

    def show_legend(self, top: float) -> None:
        self.legend.show_scale(top, self.look()[1])
        self._end.setCurrentWidget(self.legend)

    def _emit_look(self) -> None:
        self.look_changed.emit(*self.look())

    def _describe_opacity(self, value: int) -> None:
        self.opacity.setToolTip(f"Opacity {words.percent(value)}")


class ReadOut(QFrame):
    """Where the pointer is, how far the photo is zoomed, how large it is; and zoom buttons."""

    def __init__(
        self, compare: QToolButton, actions: Sequence[QAction], parent: QWidget | None = None
    ) -> None:
        super().__init__(parent)
        set_role(self, "bar")
        self.where = Note(self)
        self.size_label = QLabel(self)
        row = QHBoxLayout(self)
        row.setContentsMargins(GAP, 0, GAP, 0)
        row.setSpacing(SMALL)
        for label in (self.where, self.size_label):
            set_role(label, "muted")
            label.setFont(figures(label.font()))
        row.addWidget(self.where, 1)
        row.addWidget(self.size_label)
        row.addWidget(compare)
        for action in actions:
            row.addWidget(action_button(action, self))

    def show_place(self, point: QPointF | None, *, evidence: float | None = None) -> None:
        if point is None:
            self.where.clear()
            return
        said = f"x {words.count(int(point.x()))}  y {words.count(int(point.y()))} px"
        if evidence is not None:
            said += f"   evidence {_figure(evidence)}"
        self.where.setText(said)

    def show_photo(self, width_px: int, height_px: int, *, zoom: float) -> None:
        """``zoom`` is screen pixels per photo pixel; no photo is a width of 0."""
        if width_px <= 0:
            self.size_label.clear()
            return
        size = f"{words.count(width_px)} × {words.count(height_px)} px"
        self.size_label.setText(f"{size}   {words.percent(zoom * 100)}")


class ControlBars(QWidget):
    """Both bars, one above the other."""

    def __init__(self, overlay_bar: OverlayBar, read_out: ReadOut, parent: QWidget) -> None:
        super().__init__(parent)
        column = QVBoxLayout(self)
        column.setContentsMargins(0, 0, 0, 0)
        column.setSpacing(0)
        column.addWidget(overlay_bar)
        column.addWidget(read_out)


def caption(parent: QWidget) -> Note:
    """A quiet line over one half of a comparison."""
    made = Note(parent)
    made.setContentsMargins(GAP, SMALL, GAP, SMALL)
    made.setFixedHeight(24)
    made.setAlignment(Qt.AlignmentFlag.AlignCenter)
    made.hide()
    return made


def action_button(action: QAction, parent: QWidget) -> QToolButton:
    """An icon button; its tooltip tells the key."""
    button = QToolButton(parent)
    button.setDefaultAction(action)
    button.setToolButtonStyle(Qt.ToolButtonStyle.ToolButtonIconOnly)
    button.setAccessibleName(action.text())
    button.setAccessibleDescription(action.toolTip())
    return button


def _figure(value: float) -> str:
    """Three significant figures at most, without an exponent where one can be avoided."""
    return f"{value:.3g}".removeprefix("0") if 0 < value < 1 else f"{value:.3g}"


def _combo(name: str, description: str, parent: QWidget) -> QComboBox:
    combo = QComboBox(parent)
    combo.setAccessibleName(name)
    combo.setAccessibleDescription(description)
    combo.setToolTip(description)
    # Narrow when it must be: these bars never force the photo to give up width.
    combo.setSizeAdjustPolicy(QComboBox.SizeAdjustPolicy.AdjustToMinimumContentsLengthWithIcon)
    combo.setMinimumContentsLength(4)
    combo.setMaximumWidth(184)
    return combo


def _refill(combo: QComboBox, items: dict[str, str]) -> None:
    kept = combo.currentData()
    with QSignalBlocker(combo):
        combo.clear()
        for value, text in items.items():
            combo.addItem(text, value)
        combo.setCurrentIndex(max(0, combo.findData(kept)))
