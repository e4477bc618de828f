"""Writing measurements: what another program would miss is said first, then where it goes."""

from __future__ import annotations

from collections.abc import Sequence

from PySide6.QtWidgets import QFrame, QHBoxLayout, QVBoxLayout, QWidget

from geoview.app import dialogs
from geoview.app.measure_desk import MeasureDesk
from geoview.app.measure_work import Checked
from geoview.app.parts import button, label
from geoview.app.session import Session
from geoview.app.theme import GAP, SMALL

_MOST = 6


class ExportStrip(QFrame):
    """Lies above the photo while an export waits for a word; hidden otherwise."""

    def __init__(self, session: Session, desk: MeasureDesk, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._session = session
        self._desk = desk
        self._formats: dict[str, tuple[str, str]] = {}
        self._name = ""
        self.setProperty("banner", "info")
        self.setAccessibleName("Before the export")
        self.title = label(role="heading", wrap=True)
        self.text = label(wrap=True, select=True)
        self.write = button("Write…", self._write, role="primary")
        self.measure = button("Measure first", self._measure, about="Write nothing yet")
        self.cancel = button("Cancel", self.hide)
        column = QVBoxLayout(self)
        column.setContentsMargins(2 * GAP, GAP, 2 * GAP, GAP)
        column.setSpacing(SMALL)
        column.addWidget(self.title)
        column.addWidget(self.text)
        row = QHBoxLayout()
        row.setSpacing(GAP)
        for widget in (self.write, self.measure, self.cancel):
            row.addWidget(widget)
        row.addStretch(1)
        column.addLayout(row)
        self.hide()

    def set_formats(self, formats: Sequence[tuple[str, str, str]]) -> None:
        """Name, title and suffix of every format."""
        self._formats = {name: (title, suffix) for name, title, suffix in formats}

    def ask(self, name: str) -> None:
        """Say what speaks against the export, if anything does; then ask where it goes."""
        self._desk.check(name, done=lambda checked: self._checked(name, checked))

    def _checked(self, name: str, checked: Checked) -> None:
        sentences = checked.sentences
        if not sentences:
            self.ask_where(name)
            return
        self._name = name
        self.title.setText(f"{self._formats[name][0]}: nothing is written yet")
        shown = list(sentences[:_MOST])
        if len(sentences) > _MOST:
            shown.append(f"and {len(sentences) - _MOST} more.")
        self.text.setText("\n".join(shown))
        self.measure.setVisible(bool(checked.pending))
        self.show()
        self.write.setFocus()

    def _measure(self) -> None:
        self.hide()
        self._desk.measure()

    def _write(self) -> None:
        self.hide()
        self.ask_where(self._name)

    def ask_where(self, name: str) -> None:
        """Let the user choose a file or folder, and write it."""
        project = self._session.project
        if project is not None:
            title, suffix = self._formats[name]
            dialogs.ask_measurements(
                self,
                project.folder,
                lambda path: self._desk.export(name, path),
                title=title,
                suffix=suffix,
            )
