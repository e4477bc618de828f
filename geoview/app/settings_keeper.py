"""Keeps the settings on disk in step with those in memory, off the GUI thread."""

from __future__ import annotations

import logging

from PySide6.QtCore import QObject, Signal

from geoview import settings
from geoview.app.background import Background
from geoview.settings import Settings

log = logging.getLogger(__name__)


class SettingsKeeper(QObject):
    """Owns the settings of one window. Change ``now`` and call ``changed()``: they are written
    at once, one write after the other, each in one step, so that a crash loses nothing."""

    updated = Signal()

    def __init__(self, background: Background, parent: QObject | None = None) -> None:
        super().__init__(parent)
        self.now: Settings = settings.load()
        self._background = background
        self._writing = False
        self._again = False

    def changed(self) -> None:
        """Write the settings and tell everyone who shows them."""
        self._write()
        self.updated.emit()

    def save_now(self) -> None:
        """Write and wait; for the moment the window closes, after the background has ended."""
        try:
            settings.save(self.now)
        except OSError as error:
            log.warning("The settings could not be saved: %s", error)

    def _write(self) -> None:
        if self._writing:
            self._again = True
            return
        self._writing = True
        copy = self.now.model_copy(deep=True)
        self._background.run(
            settings.save, copy, done=self._written, failed=self._failed, owner=self
        )

    def _written(self, _nothing: object) -> None:
        self._writing = False
        if self._again:
            self._again = False
            self._write()

    def _failed(self, error: Exception) -> None:
        log.warning("The settings could not be saved: %s", error)
        self._written(None)
