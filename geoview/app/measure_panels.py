"""A page of panels that move and float, and are where the user left them."""

from __future__ import annotations

import base64
import logging

from PySide6.QtCore import QByteArray, Qt, QTimer
from PySide6.QtGui import QResizeEvent, QShowEvent
from PySide6.QtWidgets import QDockWidget, QMainWindow, QWidget

log = logging.getLogger(__name__)

_STATE_VERSION = 1
_WIDE_PX = 1240


class PanelsPage(QMainWindow):
    """A main window inside the main window, because only those have docks.

    ``widths`` and ``narrow_widths`` are those of the panels, from left to right. In a narrow
    window no panel is wider than its narrow width, so that the photo stays the largest thing; what
    it was before comes back with the room for it.
    """

    def __init__(
        self,
        widths: tuple[int, ...],
        narrow_widths: tuple[int, ...],
        parent: QWidget | None = None,
    ) -> None:
        super().__init__(parent, Qt.WindowType.Widget)
        self._widths = widths
        self._narrow_widths = narrow_widths
        self._wide = True
        self._docks: list[QDockWidget] = []
        self._placed = False
        self._layout: QByteArray | None = None
        self.setDockNestingEnabled(True)

    def add_panel(self, title: str, panel: QWidget, area: Qt.DockWidgetArea) -> None:
        dock = QDockWidget(title, self)
        dock.setObjectName(title.lower())
        dock.setFeatures(
            QDockWidget.DockWidgetFeature.DockWidgetMovable
            | QDockWidget.DockWidgetFeature.DockWidgetFloatable
        )
        dock.setWidget(panel)
        self.addDockWidget(area, dock)
        self._docks.append(dock)

    def showEvent(self, event: QShowEvent) -> None:
        """Panels have a size only once they are laid out; where the user put them is kept."""
        super().showEvent(event)
        if not self._placed:
            self._placed = True
            QTimer.singleShot(0, self, self.place_panels)

    def place_panels(self) -> None:
        self._wide = self.width() >= _WIDE_PX
        kept = self._layout is not None and self.restoreState(self._layout, _STATE_VERSION)
        if not kept:
            self._set_widths(self._widths if self._wide else self._narrow_widths)
        elif not self._wide:
            # One turn later: what was restored is laid out only then.
            QTimer.singleShot(0, self, self._limit)

    def resizeEvent(self, event: QResizeEvent) -> None:
        super().resizeEvent(event)
        wide = self.width() >= _WIDE_PX
        if not self._placed or wide == self._wide:
            return
        self._wide = wide
        if wide:
            self._set_widths(self._widths)
        else:
            self._widths = self._now()
            self._limit()

    def _now(self) -> tuple[int, ...]:
        return tuple(dock.width() for dock in self._docks)

    def _limit(self) -> None:
        """Take from the panels what a narrow window has no room for."""
        self._set_widths(tuple(map(min, self._now(), self._narrow_widths)))

    def _set_widths(self, widths: tuple[int, ...]) -> None:
        self.resizeDocks(self._docks, list(widths), Qt.Orientation.Horizontal)

    def save_layout(self) -> str:
        """Where the panels are, as text for the settings."""
        return base64.b64encode(self.saveState(_STATE_VERSION).data()).decode("ascii")

    def restore_layout(self, text: str) -> None:
        """Put the panels where they were as soon as the page is shown.

        Before it has its size they would be squeezed. What cannot be read is left out.
        """
        try:
            state = base64.b64decode(text.encode("ascii"), validate=True)
        except ValueError:
            log.warning("The remembered place of the panels could not be read")
            return
        self._layout = QByteArray(state)
