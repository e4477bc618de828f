"""How photos are measured: method, what gives the scale, text plates. Opens below its button."""

from __future__ import annotations

from collections.abc import Sequence

from PySide6.QtCore import QPoint, QSignalBlocker, Qt, Signal
from PySide6.QtGui import QKeyEvent
from PySide6.QtWidgets import (
    QCheckBox,
    QComboBox,
    QFrame,
    QGridLayout,
    QHBoxLayout,
    QLineEdit,
    QVBoxLayout,
    QWidget,
)

from geoview.app import dialogs
from geoview.app.measure_bar import LengthBox
from geoview.app.parts import button, describe, label
from geoview.app.theme import GAP, SMALL, set_role
from geoview.settings import OWLVIT, OWN_METHOD, Settings

_WIDTH_PX = 456
# The setting that keeps each length, and what the length is called.
_LENGTHS = {
    "cube": ("cube_mm", "Cube edge"),
    "coin": ("coin_mm", "Coin diameter"),
    "scale bar": ("bar_mm", "Bar length"),
}
_SOURCES = {"cube": "Cube", "ruler": "Ruler", "coin": "Coin", "scale bar": "Scale bar"}
_HINTS = {
    "cube": "A cube beside the specimen; 25.4 mm is one inch.",
    "ruler": "Any ruler with regular ticks, which tell their own distance.",
    "coin": "A coin beside the specimen: 23.25 mm for 1 euro, 24.26 mm for a quarter dollar.",
    "scale bar": "A printed bar on a card or label: the length of the whole bar.",
}
_LOOK = " It gives the scale of the table, so that every photo waits for your look."
_PLATES = "Where no bar code or file name gives a number; about a second a photo."


class MeasureSettings(QFrame):
    """Emits ``changed(name, value)``, named as in ``Settings``; ``summary()`` is for the button
    that opens it."""

    changed = Signal(str, object)

    def __init__(self, parent: QWidget) -> None:
        super().__init__(parent, Qt.WindowType.Popup)
        # A click on the button that opened it closes it; without this it would open again at once.
        self.setAttribute(Qt.WidgetAttribute.WA_NoMouseReplay)
        set_role(self, "popup")
        self.setAccessibleName("How photos are measured")
        self._lengths = {name: 1.0 for name, _ in _LENGTHS.values()}
        self._chosen = "cube"
        self.method = QComboBox()
        describe(self.method, "Method", "How photos are measured")
        self.source = QComboBox()
        for source, text in _SOURCES.items():
            self.source.addItem(text, source)
        describe(self.source, "Scale from", "What of known size lies beside the specimens")
        self.length_title = label()
        self.length = LengthBox(25.4)
        self.length_title.setBuddy(self.length)
        self.hint = label(role="muted", wrap=True)
        self.plates = QCheckBox("Read text plates")
        self.plates_hint = label(_PLATES, role="muted", wrap=True)
        self.folder = QLineEdit()
        self.folder.setPlaceholderText("Folder of a downloaded model")
        describe(self.folder, "OWL-ViT folder", "Such as google/owlvit-base-patch32, downloaded")
        self.choose = button("Choose…", self._choose_folder, about="Choose the OWL-ViT's folder")
        self.problem = label(role="error", wrap=True)
        self._lay_out()
        self._connect()
        self.show_settings(Settings())

    def _lay_out(self) -> None:
        self.setFixedWidth(_WIDTH_PX)
        column = QVBoxLayout(self)
        column.setContentsMargins(2 * GAP, 2 * GAP, 2 * GAP, 2 * GAP)
        column.setSpacing(GAP)
        grid = QGridLayout()
        grid.setHorizontalSpacing(GAP)
        grid.setVerticalSpacing(GAP)
        grid.setColumnStretch(1, 1)
        for row, (text, widget) in enumerate(
            (("Method", self.method), ("Scale from", self.source))
        ):
            title = label(text)
            title.setBuddy(widget)
            grid.addWidget(title, row, 0)
            grid.addWidget(widget, row, 1)
        grid.addWidget(self.length_title, 2, 0)
        grid.addWidget(self.length, 2, 1)
        grid.addWidget(self.hint, 3, 1)
        self._folder_part = QWidget()
        row_of_folder = QHBoxLayout(self._folder_part)
        row_of_folder.setContentsMargins(0, 0, 0, 0)
        row_of_folder.setSpacing(SMALL)
        row_of_folder.addWidget(self.folder, 1)
        row_of_folder.addWidget(self.choose)
        self._folder_title = label("OWL-ViT")
        self._folder_title.setBuddy(self.folder)
        grid.addWidget(self._folder_title, 4, 0)
        grid.addWidget(self._folder_part, 4, 1)
        grid.addWidget(self.plates, 5, 1)
        grid.addWidget(self.plates_hint, 6, 1)
        column.addLayout(grid)
        column.addWidget(self.problem)

    def _connect(self) -> None:
        self.method.activated.connect(lambda _index: self._method_chosen())
        self.source.activated.connect(lambda _index: self._source_chosen())
        self.length.valueChanged.connect(self._length_changed)
        self.length.refused.connect(self.show_problem)
        self.length.entered.connect(self.close)
        self.plates.clicked.connect(lambda on: self.changed.emit("read_plates", on))
        self.folder.editingFinished.connect(self._folder_typed)

    # What the page calls

    def set_methods(self, methods: Sequence[tuple[str, str]], chosen: str) -> None:
        with QSignalBlocker(self.method):
            self.method.clear()
            for name, title in methods:
                self.method.addItem(title, name)
                self.method.setItemData(self.method.count() - 1, title, Qt.ItemDataRole.ToolTipRole)
            self.method.setCurrentIndex(max(0, self.method.findData(chosen)))
        self._follow()

    def show_settings(self, settings: Settings) -> None:
        self._chosen = settings.measure_scale
        with QSignalBlocker(self.method):
            self.method.setCurrentIndex(max(0, self.method.findData(settings.measure_method)))
        self._lengths = {name: getattr(settings, name) for name in self._lengths}
        self.plates.setChecked(settings.read_plates)
        self.folder.setText(settings.owlvit_folder)
        self._follow()

    def show_plates(self, why_not: str) -> None:
        """Whether text plates can be read here, and if not, what to install."""
        self.plates.setEnabled(not why_not)
        self.plates.setToolTip(why_not)
        self.plates.setAccessibleDescription(why_not or _PLATES)
        self.plates_hint.setText(f"{why_not}." if why_not else _PLATES)

    def show_problem(self, sentence: str) -> None:
        """What is wrong with a value; empty when nothing is."""
        self.problem.setText(sentence)
        self.problem.setVisible(bool(sentence))
        self._fit()

    def summary(self) -> str:
        """ "Cube 25.4 mm", "Ruler"."""
        source = self._source()
        return f"{_SOURCES[source]} {self.length.text() if source in _LENGTHS else ''}".rstrip()

    def open_below(self, widget: QWidget) -> None:
        """Show it below a button, inside the window."""
        self._fit()
        window = widget.window()
        right = window.mapToGlobal(QPoint(window.width() - self.width() - GAP, 0)).x()
        place = widget.mapToGlobal(QPoint(0, widget.height() + SMALL))
        self.move(min(place.x(), right), place.y())
        self.show()
        self.method.setFocus()

    # What is chosen

    def _source(self) -> str:
        """What gives the scale: for other methods it is always a cube."""
        return self._chosen if self._reads_all() else "cube"

    def _reads_all(self) -> bool:
        return self.method.currentData() in (None, OWN_METHOD)

    def _method_chosen(self) -> None:
        self._follow()
        self.changed.emit("measure_method", self.method.currentData())

    def _source_chosen(self) -> None:
        self._chosen = str(self.source.currentData())
        self._follow()
        self.changed.emit("measure_scale", self._chosen)

    def _length_changed(self, mm: float) -> None:
        name, _ = _LENGTHS[self._source()]
        self._lengths[name] = mm
        self.show_problem("")
        self.changed.emit(name, mm)

    def _follow(self) -> None:
        """Show what belongs to the method and the scale."""
        source = self._source()
        with QSignalBlocker(self.source):
            self.source.setCurrentIndex(self.source.findData(source))
            self.source.setEnabled(self._reads_all())
        about = "" if self._reads_all() else "This method knows cubes only. "
        self.hint.setText(about + _HINTS[source] + (_LOOK if source != "cube" else ""))
        for widget in (self.length_title, self.length):
            widget.setVisible(source in _LENGTHS)
        if source in _LENGTHS:
            name, title = _LENGTHS[source]
            self.length_title.setText(title)
            describe(self.length, title, _HINTS[source])
            with QSignalBlocker(self.length):
                self.length.setValue(self._lengths[name])
        for part in (self._folder_title, self._folder_part):
            part.setVisible(self.method.currentData() == OWLVIT)
        self.show_problem("")

    def _fit(self) -> None:
        """As high as what is shown needs at this width."""
        layout = self.layout()
        if layout is not None:
            layout.activate()
            self.setFixedHeight(layout.totalHeightForWidth(_WIDTH_PX))

    def _folder_typed(self) -> None:
        if self.folder.isModified():
            self.folder.setModified(False)
            self.changed.emit("owlvit_folder", self.folder.text().strip())

    def _choose_folder(self) -> None:
        """The dialog closes what opened it; that is shown again with the answer."""
        parent = self.parentWidget()
        if parent is not None:
            self.close()
            dialogs.ask_folder(parent, self._folder_chosen, title="The folder of OWL-ViT")

    def _folder_chosen(self, folder: object) -> None:
        self.folder.setText(str(folder))
        self.changed.emit("owlvit_folder", str(folder))
        self.show()

    def keyPressEvent(self, event: QKeyEvent) -> None:
        if event.key() == Qt.Key.Key_Escape:
            self.close()
            return
        super().keyPressEvent(event)
