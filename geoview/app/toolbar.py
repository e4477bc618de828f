"""The one toolbar: open, analyse, export; the folder; filter, model and device."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from PySide6.QtCore import QSignalBlocker, QSize, Qt, Signal
from PySide6.QtGui import QAction, QKeySequence, QResizeEvent
from PySide6.QtWidgets import (
    QComboBox,
    QFrame,
    QHBoxLayout,
    QMenu,
    QSizePolicy,
    QToolButton,
    QWidget,
)

from geoview.app import icons
from geoview.app.job_words import photos
from geoview.app.parts import ICON_PX, describe, label
from geoview.app.theme import GAP, SMALL, figures, set_role
from geoview.app.words import count

if TYPE_CHECKING:
    from geoview.models.store import ModelEntry

_NARROW_PX = 1180
# Style sheets offer no gap between a button's icon and its text.
_GAP = "\u2009"


class Toolbar(QFrame):
    """Holds the actions of daily work, so that menus, keys and buttons agree."""

    model_chosen = Signal(object)

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.setObjectName("toolbar")
        self._folder = ""
        self._photos = 0
        self._tools: QWidget | None = None
        self._pending = (0, False, False)
        self._make_actions()
        self.open_button = self._open_button()
        self.analyse_button = self._analyse_button()
        self.export_button = self._export_button()
        self.filter_button = self._button(self.filter)
        self.device_button = self._button(self.device)
        self.place = label(role="muted")
        self.place.setFont(figures(self.place.font()))
        self.place.setSizePolicy(QSizePolicy.Policy.Ignored, QSizePolicy.Policy.Preferred)
        self.models = QComboBox()
        self.models.setMaximumWidth(260)
        self.models.setSizeAdjustPolicy(QComboBox.SizeAdjustPolicy.AdjustToContents)
        describe(self.models, "Model", "The model that analyses the photos")
        self.models.activated.connect(
            lambda index: self.model_chosen.emit(self.models.itemData(index))
        )
        self._lay_out()
        self.set_models(())
        self.set_folder(None, 0)
        self.show_pending(0, running=False, usable=False)

    def _make_actions(self) -> None:
        self.open = self._action("open", "Open…", "Ctrl+O", "Open a folder of photos")
        self.sheet = self._action(
            "depth", "Depths from a sheet…", "", "Read depths from a CSV or Excel sheet"
        )
        self.analyse = self._action("analyse", "Analyse", "Ctrl+Return", "")
        self.again = self._action("refresh", "Analyse all again", "", "")
        self.audit = self._action(
            "heatmap",
            "Check the evidence",
            "",
            "Find answers that rest on a label, a cube or a rim",
        )
        self.export = self._action("export", "Export…", "Ctrl+E", "Results per photo as CSV")
        self.export_tiles = self._action("grid", "Results per tile (CSV)…", "", "")
        self.filter = self._action("filter", "Filter", "/", "Filter the photos")
        self.device = self._action("device", "Device", "", "Where the model runs; opens Settings")

    def _action(self, icon: str, text: str, key: str, about: str) -> QAction:
        action = QAction(icons.icon(icon), text, self)
        action.setIconText(f"{_GAP}{text}")
        if key:
            action.setShortcut(QKeySequence(key))
        shown = action.shortcut().toString(QKeySequence.SequenceFormat.NativeText)
        action.setToolTip("  ".join(part for part in (about or text.rstrip("…"), shown) if part))
        return action

    def _button(self, action: QAction) -> QToolButton:
        made = QToolButton()
        made.setDefaultAction(action)
        made.setIconSize(QSize(ICON_PX, ICON_PX))
        made.setToolButtonStyle(Qt.ToolButtonStyle.ToolButtonTextBesideIcon)
        made.setFocusPolicy(Qt.FocusPolicy.TabFocus)
        made.setFixedHeight(32)
        made.setAccessibleName(action.text().rstrip("…"))
        made.setAccessibleDescription(action.toolTip())
        return made

    def _open_button(self) -> QToolButton:
        made = self._button(self.open)
        menu = QMenu(made)
        menu.addAction(self.open)
        menu.addAction(self.sheet)
        made.setMenu(menu)
        made.setPopupMode(QToolButton.ToolButtonPopupMode.MenuButtonPopup)
        return made

    def _analyse_button(self) -> QToolButton:
        made = self._button(self.analyse)
        menu = QMenu(made)
        for action in (self.analyse, self.again, self.audit):
            menu.addAction(action)
        made.setMenu(menu)
        made.setPopupMode(QToolButton.ToolButtonPopupMode.MenuButtonPopup)
        return made

    def _export_button(self) -> QToolButton:
        made = self._button(self.export)
        menu = QMenu(made)
        menu.addAction(icons.icon("list"), "Results per photo (CSV)…", self.export.trigger)
        menu.addAction(self.export_tiles)
        made.setMenu(menu)
        made.setPopupMode(QToolButton.ToolButtonPopupMode.InstantPopup)
        return made

    def _lay_out(self) -> None:
        row = QHBoxLayout(self)
        row.setContentsMargins(GAP, SMALL, GAP, SMALL)
        row.setSpacing(SMALL)
        for widget in (self.open_button, self.analyse_button, self.export_button):
            row.addWidget(widget)
        row.addSpacing(GAP)
        row.addWidget(self.place, 1)
        row.addWidget(self.filter_button)
        row.addWidget(self.models)
        row.addWidget(self.device_button)

    def set_folder(self, folder: Path | None, number: int) -> None:
        """Say which folder is open and how many photos it has."""
        self._folder, self._photos = (folder.name or str(folder)) if folder else "", number
        self.place.setToolTip(str(folder) if folder else "")
        self.sheet.setEnabled(folder is not None)
        self._fit()

    def show_tools(self, tools: QWidget | None) -> None:
        """A page's own tools in place of those of the Photos page, whose keys then rest, too."""
        if tools is self._tools:
            return
        if self._tools is not None:
            self._tools.hide()
        self._tools = tools
        row = self.layout()
        if tools is not None and row is not None:
            row.addWidget(tools)
            tools.show()
        for widget in (
            self.analyse_button,
            self.export_button,
            self.filter_button,
            self.models,
            self.device_button,
        ):
            widget.setVisible(tools is None)
        pending, running, usable = self._pending
        self.show_pending(pending, running=running, usable=usable)

    def show_pending(self, pending: int, *, running: bool, usable: bool) -> None:
        """The Analyse button says how much there is to do, and stands out while there is."""
        self._pending = (pending, running, usable)
        usable = usable and self._tools is None
        primary = bool(pending) and usable and not running
        text = f"Analyse {count(pending)}" if primary else "Analyse"
        self.analyse.setText(text)
        self.analyse.setIconText(_GAP + text)
        self.analyse.setIcon(icons.icon("analyse", "accent_text" if primary else "text"))
        self.analyse.setEnabled(primary)
        self.again.setEnabled(usable and not running)
        self.audit.setEnabled(usable and not running)
        about = f"Analyse {photos(pending)}" if pending else "Every photo has been analysed"
        self.analyse.setToolTip(f"{about}  Ctrl+Return")
        set_role(self.analyse_button, "primary" if primary else "")
        # Its menu is of use when there is nothing new to analyse.
        self.analyse_button.setEnabled(usable and not running)
        self.export.setEnabled(usable)
        self.export_tiles.setEnabled(usable)
        self.export_button.setEnabled(usable)

    def set_models(self, entries: Sequence[ModelEntry]) -> None:
        """Offer the models that can be used."""
        with QSignalBlocker(self.models):
            self.models.clear()
            for entry in entries:
                if entry.card is not None:
                    self.models.addItem(entry.card.title, entry)
            if not self.models.count():
                self.models.addItem("No model")
            self.models.setEnabled(self.models.itemData(0) is not None)

    def set_model(self, entry: ModelEntry | None) -> None:
        with QSignalBlocker(self.models):
            for i in range(self.models.count()):
                known = self.models.itemData(i)
                if known is not None and entry is not None and known.path == entry.path:
                    self.models.setCurrentIndex(i)

    def set_device(self, text: str) -> None:
        self.device.setText(text)
        self.device.setIconText(_GAP + text)
        self.device_button.setAccessibleName(f"Device: {text}")

    def resizeEvent(self, event: QResizeEvent) -> None:
        super().resizeEvent(event)
        narrow = self.width() < _NARROW_PX
        beside = Qt.ToolButtonStyle.ToolButtonTextBesideIcon
        only = Qt.ToolButtonStyle.ToolButtonIconOnly
        self.filter_button.setToolButtonStyle(only if narrow else beside)
        self._fit()

    def _fit(self) -> None:
        text = f"{self._folder} · {photos(self._photos)}" if self._folder else ""
        width = max(0, self.place.width() - SMALL)
        self.place.setText(
            self.place.fontMetrics().elidedText(text, Qt.TextElideMode.ElideMiddle, width)
        )
