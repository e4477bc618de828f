"""The first thing one sees: three choices, the recent folders, and what stays on this machine."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path

from PySide6.QtCore import QSize, Qt, Signal
from PySide6.QtWidgets import (
    QHBoxLayout,
    QLabel,
    QPushButton,
    QSizePolicy,
    QVBoxLayout,
    QWidget,
)

from geoview.app import icons
from geoview.app.parts import describe, label, line
from geoview.app.theme import GAP, SMALL, set_role

_WIDTH_PX = 920
_MOST_RECENT = 6
_PROMISE = "Everything stays on this machine: photos, results and models are never sent anywhere."


class Choice(QPushButton):
    """A big button: drawing, title, and a line on what happens."""

    def __init__(self, icon: str, title: str, about: str, clicked: Callable[[], object]) -> None:
        super().__init__()
        set_role(self, "choice")
        describe(self, title, about)
        self.setToolTip("")
        self.setSizePolicy(QSizePolicy.Policy.Expanding, QSizePolicy.Policy.Fixed)
        self._icon = icon
        self._mark = QLabel()
        self._row = row = QHBoxLayout(self)
        row.setContentsMargins(2 * GAP, 2 * GAP, 2 * GAP, 2 * GAP)
        row.setSpacing(2 * GAP)
        words = QVBoxLayout()
        words.setSpacing(SMALL)
        words.addWidget(label(title, role="heading"))
        words.addWidget(label(about, role="muted", wrap=True), 1)
        row.addWidget(self._mark, 0, Qt.AlignmentFlag.AlignTop)
        row.addLayout(words, 1)
        for child in self.findChildren(QLabel):
            child.setAttribute(Qt.WidgetAttribute.WA_TransparentForMouseEvents)
        self.clicked.connect(lambda: clicked())
        self.tint()

    def tint(self) -> None:
        self._mark.setPixmap(icons.icon(self._icon, "accent").pixmap(QSize(32, 32)))

    def sizeHint(self) -> QSize:
        return self._row.sizeHint().expandedTo(QSize(256, 112))


class StartPage(QWidget):
    """Start page; ``open_wanted``, ``sample_wanted``, ``drawer_wanted`` and
    ``folder_chosen(Path)``."""

    open_wanted = Signal()
    sample_wanted = Signal()
    drawer_wanted = Signal()
    folder_chosen = Signal(object)

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._recent = QVBoxLayout()
        self._recent.setSpacing(0)
        self.choices = (
            Choice(
                "open",
                "Open a folder",
                "Photos of drill cuttings or specimens, with folders or not. Or drop it here.",
                self.open_wanted.emit,
            ),
            Choice(
                "sample",
                "Try the sample well",
                "Rendered cuttings photos from a few depths, to see how it works.",
                self.sample_wanted.emit,
            ),
            Choice(
                "drawer",
                "Try the sample drawer",
                "Rendered museum specimens beside a one-inch cube, ready to be measured.",
                self.drawer_wanted.emit,
            ),
        )
        self._lay_out()

    def _lay_out(self) -> None:
        inner = QWidget()
        inner.setMaximumWidth(_WIDTH_PX)
        column = QVBoxLayout(inner)
        column.setContentsMargins(3 * GAP, 3 * GAP, 3 * GAP, 3 * GAP)
        column.setSpacing(GAP)
        column.addWidget(label("GeoView", role="title"))
        column.addWidget(
            label(
                "Lithologies, layers and the evidence for them from photos of drill cuttings; "
                "sizes of museum specimens from photos with a reference cube.",
                role="muted",
                wrap=True,
            )
        )
        column.addSpacing(2 * GAP)
        row = QHBoxLayout()
        row.setSpacing(2 * GAP)
        for choice in self.choices:
            row.addWidget(choice)
        column.addLayout(row)
        column.addSpacing(2 * GAP)
        column.addLayout(self._recent)
        column.addSpacing(GAP)
        column.addWidget(line())
        column.addWidget(label(_PROMISE, role="muted", wrap=True))
        outer = QHBoxLayout(self)
        outer.addStretch(1)
        outer.addWidget(inner, 8, Qt.AlignmentFlag.AlignVCenter)
        outer.addStretch(1)

    def show_recent(self, folders: Sequence[str]) -> None:
        """List the folders opened last; those that are gone are told by their tool tip."""
        while (item := self._recent.takeAt(0)) is not None:
            if (widget := item.widget()) is not None:
                widget.setParent(None)
                widget.deleteLater()
        if not folders:
            return
        self._recent.addWidget(label("Recent folders", role="heading"))
        for name in folders[:_MOST_RECENT]:
            self._recent.addWidget(self._recent_button(Path(name)))

    def _recent_button(self, folder: Path) -> QPushButton:
        made = QPushButton()
        set_role(made, "row")
        describe(made, f"Open {folder.name}", str(folder))
        row = QHBoxLayout(made)
        row.setContentsMargins(GAP, 0, GAP, 0)
        row.setSpacing(GAP)
        mark = QLabel()
        mark.setPixmap(icons.icon("folder", "muted").pixmap(QSize(18, 18)))
        where = label(role="muted")
        where.setText(
            where.fontMetrics().elidedText(
                str(folder.parent), Qt.TextElideMode.ElideMiddle, _WIDTH_PX // 2
            )
        )
        for part in (mark, label(folder.name or str(folder)), where):
            part.setAttribute(Qt.WidgetAttribute.WA_TransparentForMouseEvents)
            row.addWidget(part)
        row.addStretch(1)
        made.setMinimumHeight(32)
        made.clicked.connect(lambda: self.folder_chosen.emit(folder))
        return made

    def tint(self) -> None:
        for choice in self.choices:
            choice.tint()
