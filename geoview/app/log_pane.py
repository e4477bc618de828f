"""The log, as it is written, in the window."""

from __future__ import annotations

import logging
from functools import partial

from PySide6.QtGui import QFontDatabase
from PySide6.QtWidgets import QHBoxLayout, QPlainTextEdit, QVBoxLayout, QWidget

from geoview.app.background import Bridge
from geoview.app.parts import button, describe, label
from geoview.app.theme import GAP

_LINES = 2000
_HEIGHT_PX = 180


class _Handler(logging.Handler):
    def __init__(self, pane: LogPane, bridge: Bridge) -> None:
        super().__init__(logging.INFO)
        self.setFormatter(logging.Formatter("%(asctime)s  %(levelname)s  %(message)s", "%H:%M:%S"))
        self._pane = pane
        self._bridge = bridge

    def emit(self, record: logging.LogRecord) -> None:
        self._bridge.post(partial(self._pane.append, self.format(record)))


class LogPane(QWidget):
    """The last lines of the log; ``detach()`` before the bridge is closed."""

    def __init__(self, bridge: Bridge, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.lines = QPlainTextEdit()
        self.lines.setReadOnly(True)
        self.lines.setMaximumBlockCount(_LINES)
        self.lines.setFont(QFontDatabase.systemFont(QFontDatabase.SystemFont.FixedFont))
        self.lines.setLineWrapMode(QPlainTextEdit.LineWrapMode.NoWrap)
        describe(self.lines, "Log", "")
        self.setFixedHeight(_HEIGHT_PX)
        self._lay_out()
        self._handler = _Handler(self, bridge)
        logging.getLogger().addHandler(self._handler)

    def _lay_out(self) -> None:
        head = QHBoxLayout()
        head.addWidget(label("Log", role="heading"))
        head.addStretch(1)
        head.addWidget(
            button("Open the folder", open_log_folder, role="quiet", about="The full log files")
        )
        column = QVBoxLayout(self)
        column.setContentsMargins(2 * GAP, GAP, GAP, GAP)
        column.setSpacing(4)
        column.addLayout(head)
        column.addWidget(self.lines, 1)

    def append(self, text: str) -> None:
        self.lines.appendPlainText(text)

    def detach(self) -> None:
        logging.getLogger().removeHandler(self._handler)
        self._handler.close()


def open_log_folder() -> None:
    """Show the log files in the desktop's file manager."""
    from PySide6.QtCore import QUrl
    from PySide6.QtGui import QDesktopServices

    from geoview import paths

    QDesktopServices.openUrl(QUrl.fromLocalFile(str(paths.log_dir())))
