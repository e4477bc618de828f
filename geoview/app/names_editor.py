"""Editing the patterns that read depth and sample from file names, with a live preview."""

from __future__ import annotations

from PySide6.QtCore import QTimer, Signal
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
_REST_MS = 400


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
        self.examples = QPlainTextEdit("\n".join(EXAMPLES))
        self.examples.setFont(fixed)
        self.examples.setFixedHeight(112)
        self.examples.setTabChangesFocus(True)
        describe(self.examples, "Example names", "File names to try the patterns on")
        self.preview = _table()
        self.reset = button("Use the default patterns", self._reset, role="quiet", icon="reset")
        self._rest = QTimer(self)
        self._rest.setSingleShot(True)
        self._rest.setInterval(_REST_MS)
        self._lay_out()
        self._rest.timeout.connect(self._keep)
        self.patterns.textChanged.connect(self._edited)
        self.examples.textChanged.connect(self._show)
        self._show()

    def _lay_out(self) -> None:
        column = QVBoxLayout(self)
        column.setContentsMargins(0, 0, 0, 0)
        column.setSpacing(GAP)
        about = "One pattern per line; the first that fits a name counts."
        column.addWidget(label(about, role="muted", wrap=True))
        column.addWidget(self.patterns)
        column.addWidget(self.error)
        column.addWidget(label("Try them on these names", role="muted"))
        row = QHBoxLayout()
        row.setSpacing(GAP)
        row.addWidget(self.examples, 2)
        row.addWidget(self.preview, 3)
        column.addLayout(row)
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

    def _show(self) -> None:
        patterns = self.current() or list(names.DEFAULT_PATTERNS)
        files = [line for line in self.examples.toPlainText().splitlines() if line.strip()]
        self.preview.setRowCount(len(files))
        problem = ""
        for row, file in enumerate(files):
            try:
                found = names.parse_name(file, patterns=patterns)
            except GeoViewError as error:
                problem = str(error)
                cells = [file, "", "", ""]
            else:
                depth = words.depth(found.depth_m) if found.depth_m is not None else ""
                cells = [file, found.well or "", depth, found.sample or ""]
            for position, text in enumerate(cells):
                self.preview.setItem(row, position, QTableWidgetItem(text))
        self.error.setText(problem)
        self.error.setVisible(bool(problem))


def _table() -> QTableWidget:
    table = QTableWidget(0, 4)
    table.setHorizontalHeaderLabels(["Name", "Well", "Depth", "Sample"])
    table.verticalHeader().hide()
    table.horizontalHeader().setSectionResizeMode(QHeaderView.ResizeMode.Stretch)
    table.setEditTriggers(QAbstractItemView.EditTrigger.NoEditTriggers)
    table.setSelectionMode(QAbstractItemView.SelectionMode.NoSelection)
    table.setShowGrid(False)
    table.setFixedHeight(148)
    table.setTabKeyNavigation(False)
    describe(table, "What the patterns read", "")
    return table
