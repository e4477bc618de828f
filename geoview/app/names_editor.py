"""Editing the patterns that read depth and sample from file names, with a live preview."""

from __future__ import annotations

from PySide6.QtCore import QSignalBlocker, Qt, QTimer, Signal
from PySide6.QtGui import QFontDatabase, QHideEvent
from PySide6.QtWidgets import (
    QAbstractItemView,
    QHBoxLayout,
    QHeaderView,
    QPlainTextEdit,
    QTableWidget,
    QTableWidgetItem,
    QVBoxLayout,
    QWidget,
)

from geoview.app import words
from geoview.app.parts import button, describe, label
from geoview.app.theme import GAP
from geoview.errors import GeoViewError
from geoview.photos import names

EXAMPLES = (
    "WELL-A_0020.0m.jpg",
    "3-12H 1250 ft (2).JPG",
    "B-7_1315-1320m.png",
    "IMG_2041.jpg",
)
_SPARE_ROWS = 2
_REST_MS = 400
_ROW_PX = 28
_ABOUT = (
    "One pattern per line; the first that fits a name counts. {well}, {depth}, {unit} and {sample} "
    "stand for what is to be read, * for anything."
)


class NamesEditor(QWidget):
    """One pattern per line; ``changed(list[str])`` once they are valid and typing has paused."""

    changed = Signal(object)

    def __init__(self, patterns: list[str], parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._kept = list(patterns)
        fixed = QFontDatabase.systemFont(QFontDatabase.SystemFont.FixedFont)
        self.patterns = QPlainTextEdit()
        self.patterns.setFont(fixed)
        self.patterns.setFixedHeight(112)
        self.patterns.setLineWrapMode(QPlainTextEdit.LineWrapMode.NoWrap)
        self.patterns.setTabChangesFocus(True)
        describe(self.patterns, "Name patterns", "One pattern per line; the first that fits counts")
        self.patterns.setPlainText("\n".join(patterns or names.DEFAULT_PATTERNS))
        self.error = label(role="error", wrap=True)
        self.preview = _table(EXAMPLES)
        self.reset = button("Use the default patterns", self._reset, role="quiet", icon="reset")
        self._rest = QTimer(self)
        self._rest.setSingleShot(True)
        self._rest.setInterval(_REST_MS)
        self._lay_out()
        self._rest.timeout.connect(self._keep)
        self.patterns.textChanged.connect(self._edited)
        self.preview.cellChanged.connect(self._cell_edited)
        self._show()

    def _lay_out(self) -> None:
        column = QVBoxLayout(self)
        column.setContentsMargins(0, 0, 0, 0)
        column.setSpacing(GAP)
        column.addWidget(label(_ABOUT, role="muted", wrap=True))
        column.addWidget(self.patterns)
        column.addWidget(self.error)
        column.addWidget(label("What they read; type names of your own", role="muted"))
        column.addWidget(self.preview)
        foot = QHBoxLayout()
        foot.addWidget(self.reset)
        foot.addStretch(1)
        column.addLayout(foot)

    def current(self) -> list[str]:
        """The patterns as they stand; the defaults are an empty list."""
        lines = [line.strip() for line in self.patterns.toPlainText().splitlines()]
        found = [line for line in lines if line]
        return [] if found == list(names.DEFAULT_PATTERNS) else found

    def hideEvent(self, event: QHideEvent) -> None:
        """Leaving the page does not lose what was typed last."""
        if self._rest.isActive():
            self._rest.stop()
            self._keep()
        super().hideEvent(event)

    def _edited(self) -> None:
        self._show()
        self._rest.start()

    def _keep(self) -> None:
        patterns = self.current()
        if not self.error.text() and patterns != self._kept:
            self._kept = patterns
            self.changed.emit(patterns)

    def _reset(self) -> None:
        self.patterns.setPlainText("\n".join(names.DEFAULT_PATTERNS))

    def _cell_edited(self, row: int, position: int) -> None:
        if position == 0:
            self._show()

    def _show(self) -> None:
        patterns = self.current() or list(names.DEFAULT_PATTERNS)
        problem = ""
        with QSignalBlocker(self.preview):
            for row in range(self.preview.rowCount()):
                try:
                    cells = _read(_cell(self.preview, row, 0).text(), patterns)
                except GeoViewError as error:
                    problem, cells = str(error), ("", "", "")
                for position, text in enumerate(cells, start=1):
                    _cell(self.preview, row, position).setText(text)
        self.error.setText(problem)
        self.error.setVisible(bool(problem))


def _cell(table: QTableWidget, row: int, position: int) -> QTableWidgetItem:
    item = table.item(row, position)
    assert item is not None, "every cell of the table was filled when it was made"
    return item


def _read(file: str, patterns: list[str]) -> tuple[str, str, str]:
    """Well, depth and sample as the table shows them."""
    found = names.parse_name(file.strip() or "-", patterns=patterns)
    depth = words.depth(found.depth_m) if found.depth_m is not None else ""
    return found.well or "", depth, found.sample or ""


def _table(files: tuple[str, ...]) -> QTableWidget:
    table = QTableWidget(len(files) + _SPARE_ROWS, 4)
    table.setHorizontalHeaderLabels(["Name", "Well", "Depth", "Sample"])
    table.horizontalHeader().setDefaultAlignment(Qt.AlignmentFlag.AlignLeft)
    table.horizontalHeader().setSectionResizeMode(QHeaderView.ResizeMode.Stretch)
    table.horizontalHeader().setHighlightSections(False)
    table.verticalHeader().hide()
    table.verticalHeader().setDefaultSectionSize(_ROW_PX)
    table.setSelectionMode(QAbstractItemView.SelectionMode.NoSelection)
    table.setFixedHeight(_ROW_PX * (len(files) + _SPARE_ROWS + 1) + 8)
    table.setTabKeyNavigation(False)
    for row in range(table.rowCount()):
        table.setItem(row, 0, QTableWidgetItem(files[row] if row < len(files) else ""))
        for position in (1, 2, 3):
            item = QTableWidgetItem()
            item.setFlags(Qt.ItemFlag.ItemIsEnabled)
            table.setItem(row, position, item)
    describe(table, "What the patterns read", "")
    return table
