"""Small widgets that several pages are built from."""

from __future__ import annotations

from collections.abc import Callable

from PySide6.QtCore import QLocale, QSize, Qt
from PySide6.QtGui import QValidator
from PySide6.QtWidgets import (
    QDoubleSpinBox,
    QFrame,
    QLabel,
    QPushButton,
    QScrollArea,
    QSizePolicy,
    QToolButton,
    QVBoxLayout,
    QWidget,
)

from geoview.app import icons, words
from geoview.app.theme import GAP, figures, set_role

ICON_PX = 18
PAGE_WIDTH_PX = 760


class MillimetreBox(QDoubleSpinBox):
    """A number of millimetres, written with a point on every desktop; a comma that is typed counts
    as one. By the desktop's own signs Qt would read 25.4 as 254 where a point parts thousands."""

    def __init__(
        self, least: float, most: float, *, decimals: int, parent: QWidget | None = None
    ) -> None:
        super().__init__(parent)
        self.setLocale(QLocale.c())
        self.setRange(least, most)
        self.setDecimals(decimals)
        self.setSuffix(f"{words.THIN}mm")
        self.setKeyboardTracking(False)
        self.setFont(figures(self.font()))
        self.setAlignment(Qt.AlignmentFlag.AlignRight)

    def validate(self, text: str, pos: int) -> tuple[QValidator.State, str, int]:
        state, text, pos = super().validate(text.replace(",", "."), pos)
        return state, text, pos

    def valueFromText(self, text: str) -> float:
        return super().valueFromText(text.replace(",", "."))


def label(text: str = "", *, role: str = "", wrap: bool = False, select: bool = False) -> QLabel:
    """A text label; ``select`` lets the text be copied by mouse and keyboard."""
    made = QLabel(text)
    made.setTextFormat(Qt.TextFormat.PlainText)
    made.setWordWrap(wrap)
    if role:
        set_role(made, role)
    if select:
        made.setTextInteractionFlags(
            Qt.TextInteractionFlag.TextSelectableByMouse
            | Qt.TextInteractionFlag.TextSelectableByKeyboard
        )
        made.setFocusPolicy(Qt.FocusPolicy.ClickFocus)
    return made


def button(
    text: str, clicked: Callable[[], object], *, role: str = "", icon: str = "", about: str = ""
) -> QPushButton:
    """A push button; ``about`` is its tool tip and description for screen readers."""
    made = QPushButton(text)
    if icon:
        made.setIcon(icons.icon(icon, "accent_text" if role == "primary" else "text"))
        made.setIconSize(QSize(ICON_PX, ICON_PX))
    if role:
        set_role(made, role)
    describe(made, text, about)
    made.clicked.connect(lambda: clicked())
    return made


def tool(icon: str, name: str, clicked: Callable[[], object], *, about: str = "") -> QToolButton:
    """An icon-only button; its name is shown as tool tip and read to screen readers."""
    made = QToolButton()
    made.setIcon(icons.icon(icon))
    made.setIconSize(QSize(ICON_PX, ICON_PX))
    made.setFocusPolicy(Qt.FocusPolicy.StrongFocus)
    describe(made, name, about or name)
    made.clicked.connect(lambda: clicked())
    return made


def describe(widget: QWidget, name: str, about: str = "") -> None:
    widget.setAccessibleName(name)
    if about:
        widget.setAccessibleDescription(about)
        widget.setToolTip(about)


def line() -> QFrame:
    """A hairline between sections."""
    made = QFrame()
    set_role(made, "line")
    made.setSizePolicy(QSizePolicy.Policy.Expanding, QSizePolicy.Policy.Fixed)
    return made


def page(*, width_px: int = PAGE_WIDTH_PX) -> tuple[QScrollArea, QVBoxLayout]:
    """A scrolling page and the column, no wider than is good to read, to fill it with."""
    area = QScrollArea()
    area.setWidgetResizable(True)
    area.setFrameShape(QFrame.Shape.NoFrame)
    area.setFocusPolicy(Qt.FocusPolicy.NoFocus)
    inner = QWidget()
    inner.setObjectName("page")
    inner.setMaximumWidth(width_px)
    column = QVBoxLayout(inner)
    column.setContentsMargins(4 * GAP, 3 * GAP, 4 * GAP, 3 * GAP)
    column.setSpacing(GAP)
    area.setWidget(inner)
    return area, column
