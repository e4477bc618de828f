"""Inline banners: what happened, and the button that does something about it; never modal."""

from __future__ import annotations

from PySide6.QtCore import QSize, Qt
from PySide6.QtWidgets import QFrame, QHBoxLayout, QLabel, QSizePolicy, QVBoxLayout, QWidget

from geoview.app import icons
from geoview.app.icons import Tint
from geoview.app.notice import Notice
from geoview.app.parts import ICON_PX, button, label, tool
from geoview.app.theme import GAP, SMALL

_LOOK: dict[str, tuple[str, Tint]] = {
    "info": ("info", "text"),
    "warn": ("warn", "warn"),
    "error": ("error", "error"),
}
_AT_MOST = 3


class Banner(QFrame):
    """One notice; it stays until it is dismissed or replaced."""

    def __init__(self, notice: Notice, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.notice = notice
        name, tint = _LOOK.get(notice.level, _LOOK["info"])
        self.setProperty("banner", notice.level)
        self.setAccessibleName(notice.text)
        row = QHBoxLayout(self)
        row.setContentsMargins(2 * GAP, SMALL, GAP, SMALL)
        row.setSpacing(GAP)
        mark = QLabel()
        mark.setPixmap(icons.icon(name, tint).pixmap(QSize(ICON_PX, ICON_PX)))
        row.addWidget(mark, 0, Qt.AlignmentFlag.AlignVCenter)
        text = label(notice.text, wrap=True, select=True)
        text.setSizePolicy(QSizePolicy.Policy.Expanding, QSizePolicy.Policy.Preferred)
        row.addWidget(text, 1)
        if notice.action is not None:
            title, call = notice.action
            self.action_button = button(title, lambda: self._act(call))
            row.addWidget(self.action_button)
        row.addWidget(tool("close", "Dismiss", self.dismiss))

    def _act(self, call: object) -> None:
        self.dismiss()
        call()  # type: ignore[operator]

    def dismiss(self) -> None:
        self.hide()
        self.setParent(None)
        self.deleteLater()


class Banners(QWidget):
    """The newest few notices, one above the other; the same text is shown once."""

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._column = QVBoxLayout(self)
        self._column.setContentsMargins(0, 0, 0, 0)
        self._column.setSpacing(0)

    def show_notice(self, notice: Notice) -> None:
        for banner in self.banners():
            if banner.notice.text == notice.text:
                banner.dismiss()
        self._column.insertWidget(0, Banner(notice))
        for banner in self.banners()[_AT_MOST:]:
            banner.dismiss()

    def banners(self) -> list[Banner]:
        items = (self._column.itemAt(i) for i in range(self._column.count()))
        widgets = (item.widget() for item in items if item is not None)
        return [widget for widget in widgets if isinstance(widget, Banner)]

    def clear(self) -> None:
        for banner in self.banners():
            banner.dismiss()
