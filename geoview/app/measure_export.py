"""Writing measurements: what another program would miss is said first, then where it goes."""

from __future__ import annotations

from collections.abc import Sequence

from PySide6.QtWidgets import QFrame, QHBoxLayout, QVBoxLayout, QWidget

from geoview.app import dialogs
from geoview.app.measure_desk import MeasureDesk
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
        self.cancel = button("Cancel", self.hide)
        words = QVBoxLayout()
        words.setSpacing(SMALL)
        words.addWidget(self.title)
        words.addWidget(self.text)
        row = QHBoxLayout(self)
        row.setContentsMargins(2 * GAP, GAP, GAP, GAP)
        row.setSpacing(GAP)
        row.addLayout(words, 1)
        row.addWidget(self.write)
        row.addWidget(self.cancel)
        self.hide()

    def set_formats(self, formats: Sequence[tuple[str, str, str]]) -> None:
        """Name, title and suffix of every format."""
        self._formats = {name: (title, suffix) for name, title, suffix in formats}

    def ask(self, name: str) -> None:
        """Say what a format would miss, if anything; then ask where it goes."""
        self._desk.check(name, done=lambda sentences: self._checked(name, sentences))

    def _checked(self, name: str, sentences: tuple[str, ...]) -> None:
        if not sentences:
            self.ask_where(name)
            return
        self._name = name
        self.title.setText(f"{self._formats[name][0]}: nothing is written yet")
        shown = list(sentences[:_MOST])
        if len(sentences) > _MOST:
            shown.append(f"and {len(sentences) - _MOST} more.")
        self.text.setText("\n".join(shown))
        self.show()
        self.write.setFocus()

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
