"""Settings; every change is kept at once."""

from __future__ import annotations

from typing import TYPE_CHECKING

from PySide6.QtCore import QSignalBlocker, Qt, Signal
from PySide6.QtGui import QShowEvent
from PySide6.QtWidgets import QComboBox, QGridLayout, QSpinBox, QVBoxLayout, QWidget

from geoview.app.names_editor import NamesEditor
from geoview.app.parts import describe, label, line, page
from geoview.app.theme import GAP

if TYPE_CHECKING:
    from geoview.app.session import Session

_THEMES = {"system": "As the system", "light": "Light", "dark": "Dark"}
_PRECISIONS = {
    "auto": "Fastest that agrees with full precision",
    "fp32": "Full (fp32)",
    "bf16": "bf16",
    "fp16": "fp16",
}


class SettingsPage(QWidget):
    """Settings page; ``theme_changed`` and ``device_changed`` after they were kept."""

    theme_changed = Signal()
    device_changed = Signal()

    def __init__(self, session: Session, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._session = session
        self._listed = False
        settings = session.settings
        self.theme = _combo("Theme", _THEMES, settings.theme)
        self.device = _combo("Device", {"auto": "Fastest that works"}, settings.device)
        self.precision = _combo("Precision", _PRECISIONS, settings.precision)
        self.cache = QSpinBox()
        self.cache.setRange(16, 1_000_000)
        self.cache.setSingleStep(256)
        self.cache.setSuffix(" MiB")
        self.cache.setValue(settings.thumbnail_cache_mib)
        describe(self.cache, "Limit of the thumbnail cache", "Takes effect at the next start")
        self.names = NamesEditor(settings.name_patterns)
        self._lay_out()
        self._connect()

    def _lay_out(self) -> None:
        area, column = page()
        column.addWidget(label("Settings", role="title"))
        _section(column, "Appearance", (("Theme", self.theme, ""),))
        _section(
            column,
            "Analysis",
            (
                ("Device", self.device, "A device is tried with a real computation before use."),
                ("Precision", self.precision, ""),
            ),
        )
        column.addSpacing(GAP)
        column.addWidget(line())
        column.addWidget(label("File names", role="heading"))
        column.addWidget(self.names)
        _section(
            column,
            "Thumbnails",
            (
                (
                    "Cache on disk",
                    self.cache,
                    "The oldest go first. Takes effect at the next start.",
                ),
            ),
        )
        column.addStretch(1)
        outer = QVBoxLayout(self)
        outer.setContentsMargins(0, 0, 0, 0)
        outer.addWidget(area)

    def _connect(self) -> None:
        self.theme.currentIndexChanged.connect(lambda: self._keep("theme", self.theme))
        self.device.currentIndexChanged.connect(lambda: self._keep("device", self.device))
        self.precision.currentIndexChanged.connect(lambda: self._keep("precision", self.precision))
        self.cache.valueChanged.connect(self._keep_cache)
        self.names.changed.connect(self._keep_names)

    def showEvent(self, event: QShowEvent) -> None:
        """List the devices the first time someone looks; finding them takes a moment."""
        super().showEvent(event)
        if not self._listed:
            self._listed = True
            self._session.background.run(
                _devices, done=self._show_devices, failed=self._no_devices, owner=self
            )

    def _show_devices(self, devices: list[tuple[str, str]]) -> None:
        chosen = self._session.settings.device
        with QSignalBlocker(self.device):
            for name, title in devices:
                if self.device.findData(name) < 0:
                    self.device.addItem(title, name)
            if self.device.findData(chosen) < 0:
                self.device.addItem(f"{chosen} (not found)", chosen)
            self.device.setCurrentIndex(self.device.findData(chosen))

    def _no_devices(self, error: Exception) -> None:
        self._session.tell("warn", f"The devices could not be listed: {error}.")

    def _keep(self, name: str, combo: QComboBox) -> None:
        setattr(self._session.settings, name, combo.currentData())
        self._session.keeper.changed()
        (self.theme_changed if name == "theme" else self.device_changed).emit()

    def _keep_cache(self, value: int) -> None:
        self._session.settings.thumbnail_cache_mib = value
        self._session.keeper.changed()

    def _keep_names(self, patterns: list[str]) -> None:
        self._session.settings.name_patterns = patterns
        self._session.keeper.changed()


def _devices() -> list[tuple[str, str]]:
    """(name, title) of the devices at hand; imports torch, so never in the GUI thread."""
    from geoview.models.device import available_devices

    return [(found.device, found.label.partition(" · ")[0]) for found in available_devices()]


def _combo(name: str, choices: dict[str, str], chosen: str) -> QComboBox:
    made = QComboBox()
    describe(made, name, "")
    for value, text in choices.items():
        made.addItem(text, value)
    if made.findData(chosen) < 0:
        made.addItem(chosen, chosen)
    made.setCurrentIndex(made.findData(chosen))
    made.setMinimumWidth(280)
    return made


def _section(column: QVBoxLayout, title: str, rows: tuple[tuple[str, QWidget, str], ...]) -> None:
    column.addSpacing(GAP)
    column.addWidget(line())
    column.addWidget(label(title, role="heading"))
    grid = QGridLayout()
    grid.setHorizontalSpacing(2 * GAP)
    grid.setVerticalSpacing(GAP)
    grid.setColumnMinimumWidth(0, 120)
    grid.setColumnStretch(2, 1)
    for row, (text, widget, hint) in enumerate(rows):
        name = label(text)
        name.setBuddy(widget)
        grid.addWidget(name, row, 0)
        grid.addWidget(widget, row, 1, Qt.AlignmentFlag.AlignLeft)
        grid.addWidget(label(hint, role="muted", wrap=True), row, 2)
    column.addLayout(grid)
