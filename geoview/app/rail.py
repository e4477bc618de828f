"""The rail at the left edge: one button per page."""

from __future__ import annotations

from PySide6.QtCore import QSize, Qt, Signal
from PySide6.QtWidgets import QButtonGroup, QFrame, QToolButton, QVBoxLayout, QWidget

from geoview.app import icons
from geoview.app.parts import describe
from geoview.app.theme import GAP, SMALL

_WIDTH_PX = 72


class Rail(QFrame):
    """Emits ``page_wanted(name)``; pages of daily work above, the rest at the bottom."""

    page_wanted = Signal(str)

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.setObjectName("rail")
        self.setFixedWidth(_WIDTH_PX)
        self._group = QButtonGroup(self)
        self._group.setExclusive(True)
        self.buttons: dict[str, QToolButton] = {}
        column = QVBoxLayout(self)
        column.setContentsMargins(SMALL, GAP, SMALL, GAP)
        column.setSpacing(SMALL)
        for place, name in enumerate(("photos", "measure", "models", "settings", "help"), start=1):
            if name == "settings":
                column.addStretch(1)
            column.addWidget(self._button(name, f"Ctrl+{place}"))

    def _button(self, name: str, key: str) -> QToolButton:
        made = QToolButton()
        made.setText(name.capitalize())
        made.setIcon(icons.icon(name))
        made.setIconSize(QSize(24, 24))
        made.setToolButtonStyle(Qt.ToolButtonStyle.ToolButtonTextUnderIcon)
        made.setCheckable(True)
        made.setFixedSize(_WIDTH_PX - 2 * SMALL - 1, 56)
        made.setFocusPolicy(Qt.FocusPolicy.StrongFocus)
        describe(made, name.capitalize(), f"{name.capitalize()}  {key}")
        made.clicked.connect(lambda: self.page_wanted.emit(name))
        self._group.addButton(made)
        self.buttons[name] = made
        return made

    def set_current(self, name: str) -> None:
        self.buttons[name].setChecked(True)
