"""The browser's controls: text filter, sorting, filters, grid or list, counts, empty states."""

from __future__ import annotations

from collections.abc import Iterable

from PySide6.QtCore import QSignalBlocker, Qt, Signal
from PySide6.QtGui import QKeyEvent
from PySide6.QtWidgets import (
    QComboBox,
    QHBoxLayout,
    QLabel,
    QLayout,
    QLineEdit,
    QPushButton,
    QToolButton,
    QVBoxLayout,
    QWidget,
)

from geoview.app import icons, words
from geoview.app.photo_order import Filter, Sort
from geoview.app.theme import GAP, SMALL, set_role
from geoview.records import CANNOT_TELL

_STATUS = {
    "": "Any status",
    "done": "Analysed",
    "new": "Not analysed",
    "failed": "Could not be read",
    "warned": "Evidence to check",
}
_SORTS = {
    "Depth": Sort("depth"),
    "Name": Sort("name"),
    "Uncertainty": Sort("uncertainty", descending=True),
}


class FilterEdit(QLineEdit):
    """Escape empties it, then hands the keyboard back to the photos, as Enter and Down do."""

    leave = Signal()

    def keyPressEvent(self, event: QKeyEvent) -> None:
        key = event.key()
        if key == Qt.Key.Key_Escape and self.text():
            self.clear()
        elif key in (Qt.Key.Key_Escape, Qt.Key.Key_Down, Qt.Key.Key_Return, Qt.Key.Key_Enter):
            self.leave.emit()
        else:
            super().keyPressEvent(event)


class BrowserBar(QWidget):
    """Emits ``sort_chosen(Sort)``, ``filter_chosen(Filter)`` and ``list_chosen(bool)``."""

    sort_chosen = Signal(object)
    filter_chosen = Signal(object)
    list_chosen = Signal(bool)
    leave = Signal()

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._names: object = None
        self.text = FilterEdit(self)
        self.text.setPlaceholderText("Filter by name, depth, sample")
        self.text.setClearButtonEnabled(True)
        self.text.setAccessibleName("Filter photos")
        self.text.setToolTip("Show photos whose name, depth, well or sample holds these words  /")
        self.sort = _combo("Sort by", "What the photos are sorted by", self)
        self.direction = _button("sort-up", "", self)
        self.as_list = _button("list", "List instead of grid", self)
        self.as_list.setCheckable(True)
        self.status = _combo("Status", "Show photos in this state", self)
        self.lithology = _combo("Lithology", "Show photos in which this was found", self)
        self.layer = _combo("Layer", "Show photos assigned to this layer", self)
        for value, text in _STATUS.items():
            self.status.addItem(text, value)
        self.set_names((), ())
        self._show_direction()
        self._lay_out()
        self._connect()

    def _lay_out(self) -> None:
        column = QVBoxLayout(self)
        column.setContentsMargins(GAP, GAP, GAP, GAP)
        column.setSpacing(SMALL)
        column.addLayout(_row(self.text, self.as_list))
        column.addLayout(_row(self.sort, self.direction, self.status))
        column.addLayout(_row(self.lithology, self.layer))

    def _connect(self) -> None:
        self.text.textChanged.connect(self._emit_filter)
        self.text.leave.connect(self.leave)
        self.sort.activated.connect(self._sort_picked)
        self.direction.clicked.connect(self._turn)
        self.as_list.toggled.connect(self.list_chosen)
        for combo in (self.lithology, self.layer, self.status):
            combo.currentIndexChanged.connect(self._emit_filter)

    def set_names(self, classes: tuple[str, ...], layers: tuple[str, ...]) -> None:
        """Offer the classes and layers that the results know; choices that remain are kept."""
        if (classes, layers) == self._names:
            return
        self._names = (classes, layers)
        before = self.filter()
        any_class = {"": "Any lithology"} | {name: words.sentence(name) for name in classes}
        if classes:
            any_class[CANNOT_TELL] = words.sentence(CANNOT_TELL)
        _refill(self.lithology, any_class)
        _refill(self.layer, {"": "Any layer"} | {name: words.sentence(name) for name in layers})
        self.layer.setVisible(bool(layers))
        self._refill_sorts(classes)
        if self.filter() != before:
            self._emit_filter()

    def _refill_sorts(self, classes: Iterable[str]) -> None:
        kept = self.sort.currentText()
        sorts = _SORTS | {
            f"Probability of {name}": Sort("probability", name, descending=True) for name in classes
        }
        with QSignalBlocker(self.sort):
            self.sort.clear()
            for text, sort in sorts.items():
                self.sort.addItem(text, sort)
            self.sort.setCurrentIndex(max(0, self.sort.findText(kept)))
        if kept and self.sort.currentText() != kept:
            self._sort_picked()

    # What is chosen

    def filter(self) -> Filter:
        return Filter(
            text=self.text.text().strip(),
            lithology=self.lithology.currentData() or "",
            layer=self.layer.currentData() or "",
            status=self.status.currentData() or "",
        )

    def set_filter(self, keep: Filter) -> None:
        """Choose a filter as if by hand; what is not offered counts as "any"."""
        with QSignalBlocker(self.text):
            self.text.setText(keep.text)
        for combo, value in (
            (self.lithology, keep.lithology),
            (self.layer, keep.layer),
            (self.status, keep.status),
        ):
            with QSignalBlocker(combo):
                combo.setCurrentIndex(max(0, combo.findData(value)))
        self._emit_filter()

    def clear_filters(self) -> None:
        self.set_filter(Filter())

    def sort_order(self) -> Sort:
        sort: Sort = self.sort.currentData()
        return Sort(sort.kind, sort.class_name, self._descending)

    def focus_filter(self) -> None:
        self.text.setFocus(Qt.FocusReason.ShortcutFocusReason)
        self.text.selectAll()

    _descending = False

    def _emit_filter(self) -> None:
        self.filter_chosen.emit(self.filter())

    def _sort_picked(self) -> None:
        """A newly chosen key starts in its own direction: the most uncertain photo first."""
        self._descending = self.sort.currentData().descending
        self._show_direction()
        self.sort_chosen.emit(self.sort_order())

    def _turn(self) -> None:
        self._descending = not self._descending
        self._show_direction()
        self.sort_chosen.emit(self.sort_order())

    def _show_direction(self) -> None:
        self.direction.setIcon(icons.icon("sort-down" if self._descending else "sort-up"))
        said = "Descending" if self._descending else "Ascending"
        self.direction.setToolTip(f"{said} order; click to turn it round")
        self.direction.setAccessibleName(f"{said} order")


class CountLine(QWidget):
    """ "412 of 3 984 shown", and the way back to all of them."""

    clear_wanted = Signal()

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.label = QLabel(self)
        set_role(self.label, "muted")
        self.clear = QPushButton("Clear filters", self)
        set_role(self.clear, "link")
        self.clear.clicked.connect(self.clear_wanted)
        row = QHBoxLayout(self)
        row.setContentsMargins(GAP, SMALL, GAP, SMALL)
        row.addWidget(self.label, 1)
        row.addWidget(self.clear)
        self.setFixedHeight(row.sizeHint().height())

    def show_counts(self, shown: int, total: int, *, filtered: bool) -> None:
        some = f"{words.count(shown)} of {words.count(total)} shown"
        everything = "1 photo" if total == 1 else f"{words.count(total)} photos"
        self.label.setText(some if filtered else everything)
        self.clear.setVisible(filtered)


class EmptyState(QWidget):
    """Why no photo is shown, and the button that changes it."""

    open_wanted = Signal()
    clear_wanted = Signal()

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.title = QLabel(self)
        set_role(self.title, "heading")
        self.text = QLabel(self)
        set_role(self.text, "muted")
        for label in (self.title, self.text):
            label.setWordWrap(True)
            label.setAlignment(Qt.AlignmentFlag.AlignCenter)
        self.open = QPushButton("Open folder…", self)
        self.open.clicked.connect(self.open_wanted)
        self.clear = QPushButton("Clear filters", self)
        self.clear.clicked.connect(self.clear_wanted)
        column = QVBoxLayout(self)
        column.setContentsMargins(2 * GAP, 2 * GAP, 2 * GAP, 2 * GAP)
        column.setSpacing(GAP)
        column.addStretch(1)
        column.addWidget(self.title)
        column.addWidget(self.text)
        for button in (self.open, self.clear):
            column.addWidget(button, 0, Qt.AlignmentFlag.AlignHCenter)
        column.addStretch(2)

    def show_reason(self, *, filtered: bool) -> None:
        if filtered:
            self.title.setText("No photo matches")
            self.text.setText("Every photo is hidden by the filters above.")
        else:
            self.title.setText("No photos here")
            self.text.setText(
                "Photos of the open folder and its subfolders appear here: JPEG, PNG, TIFF, "
                "WebP, BMP, HEIC and camera raw."
            )
        self.open.setVisible(not filtered)
        self.clear.setVisible(filtered)


def _combo(name: str, description: str, parent: QWidget) -> QComboBox:
    combo = QComboBox(parent)
    combo.setSizeAdjustPolicy(QComboBox.SizeAdjustPolicy.AdjustToMinimumContentsLengthWithIcon)
    combo.setMinimumContentsLength(6)
    combo.setMaxVisibleItems(20)
    combo.setAccessibleName(name)
    combo.setAccessibleDescription(description)
    combo.setToolTip(description)
    return combo


def _button(icon: str, tip: str, parent: QWidget) -> QToolButton:
    button = QToolButton(parent)
    button.setIcon(icons.icon(icon))
    button.setToolTip(tip)
    button.setAccessibleName(tip)
    return button


def _row(*widgets: QWidget) -> QLayout:
    row = QHBoxLayout()
    row.setSpacing(SMALL)
    for widget in widgets:
        row.addWidget(widget, 0 if isinstance(widget, QToolButton) else 1)
    return row


def _refill(combo: QComboBox, items: dict[str, str]) -> None:
    kept = combo.currentData()
    with QSignalBlocker(combo):
        combo.clear()
        for value, text in items.items():
            combo.addItem(text, value)
        combo.setCurrentIndex(max(0, combo.findData(kept)))
