"""The Measure page's part of the toolbar: measure, how, in which unit, undo, export."""

from __future__ import annotations

from collections.abc import Sequence

from PySide6.QtCore import QSignalBlocker, QSize, Qt, Signal
from PySide6.QtGui import QAction, QKeySequence
from PySide6.QtWidgets import QComboBox, QHBoxLayout, QMenu, QToolButton, QWidget

from geoview.app import icons
from geoview.app.job_words import photos
from geoview.app.measure_settings import MeasureSettings
from geoview.app.measure_words import UNITS
from geoview.app.parts import ICON_PX, describe
from geoview.app.theme import SMALL, set_role
from geoview.app.words import count
from geoview.settings import Settings

_GAP = "\u2009"


class MeasureTools(QWidget):
    """Emits ``export_wanted(name)``, ``unit_chosen(Unit)``; the actions are the page's keys, too.
    ``how`` are the settings that its button opens."""

    export_wanted = Signal(str)
    unit_chosen = Signal(str)

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.measure = self._action("measure", "Measure", "Ctrl+Return")
        self.again = self._action(
            "refresh", "Measure all again, except what was corrected by hand", ""
        )
        self.undo = self._action("undo", "Undo", "Ctrl+Z")
        self.redo = self._action("redo", "Redo", "Ctrl+Shift+Z")
        self.export = self._action("export", "Export…", "Ctrl+E")
        self.measure_button = self._button(self.measure)
        self._add_menu()
        self.export_menu = QMenu(self)
        self.export_button = self._button(self.export)
        self.export_button.setMenu(self.export_menu)
        self.export_button.setPopupMode(QToolButton.ToolButtonPopupMode.InstantPopup)
        self.export.triggered.connect(self.export_button.showMenu)
        self.undo_button = self._button(self.undo, text=False)
        self.redo_button = self._button(self.redo, text=False)
        self.how = MeasureSettings(self)
        self.how_action = self._action("settings", "How to measure", "")
        self.how_button = self._button(self.how_action)
        self.unit = QComboBox()
        for unit in UNITS:
            self.unit.addItem(unit, unit)
        describe(self.unit, "Unit", "The unit that sizes are shown in; nothing is rounded by it")
        self._lay_out()
        self._connect()
        self.show_pending(0, total=0, running=False)
        self.show_steps(can_undo=False, can_redo=False)

    def _action(self, icon: str, text: str, key: str) -> QAction:
        action = QAction(icons.icon(icon), text, self)
        action.setIconText(f"{_GAP}{text}")
        if key:
            action.setShortcut(QKeySequence(key))
            action.setShortcutContext(Qt.ShortcutContext.WidgetWithChildrenShortcut)
        shown = action.shortcut().toString(QKeySequence.SequenceFormat.NativeText)
        action.setToolTip("  ".join(part for part in (text.rstrip("…"), shown) if part))
        return action

    def _button(self, action: QAction, *, text: bool = True) -> QToolButton:
        made = QToolButton()
        made.setDefaultAction(action)
        made.setIconSize(QSize(ICON_PX, ICON_PX))
        beside = Qt.ToolButtonStyle.ToolButtonTextBesideIcon
        made.setToolButtonStyle(beside if text else Qt.ToolButtonStyle.ToolButtonIconOnly)
        made.setFocusPolicy(Qt.FocusPolicy.TabFocus)
        made.setFixedHeight(32)
        made.setAccessibleName(action.text().rstrip("…"))
        made.setAccessibleDescription(action.toolTip())
        return made

    def _add_menu(self) -> None:
        menu = QMenu(self.measure_button)
        menu.setToolTipsVisible(True)
        menu.addAction(self.measure)
        menu.addAction(self.again)
        self.measure_button.setMenu(menu)
        self.measure_button.setPopupMode(QToolButton.ToolButtonPopupMode.MenuButtonPopup)

    def _lay_out(self) -> None:
        row = QHBoxLayout(self)
        row.setContentsMargins(0, 0, 0, 0)
        row.setSpacing(SMALL)
        for widget in (
            self.measure_button,
            self.how_button,
            self.undo_button,
            self.redo_button,
            self.unit,
            self.export_button,
        ):
            row.addWidget(widget)

    def _connect(self) -> None:
        self.unit.activated.connect(lambda index: self.unit_chosen.emit(self.unit.itemData(index)))
        self.how_action.triggered.connect(lambda: self.how.open_below(self.how_button))
        self.how.changed.connect(lambda _name, _value: self._show_how())

    def actions_with_keys(self) -> list[QAction]:
        return [self.measure, self.undo, self.redo, self.export]

    # What the page calls

    def set_methods(self, methods: Sequence[tuple[str, str]], chosen: str) -> None:
        self.how.set_methods(methods, chosen)
        self._show_how()

    def _show_how(self) -> None:
        """The button says what gives the scale, its tool tip the rest."""
        text = self.how.summary()
        self.how_action.setText(text)
        self.how_action.setIconText(_GAP + text)
        about = f"{self.how.method.currentText()}. Change method, scale and text plates"
        self.how_action.setToolTip(about)
        describe(self.how_button, f"How to measure: {text}", about)

    def set_exporters(self, exporters: Sequence[tuple[str, str, str]]) -> None:
        self.export_menu.clear()
        for name, title, _suffix in exporters:
            action = self.export_menu.addAction(f"{title}…")
            action.triggered.connect(lambda _on=False, name=name: self.export_wanted.emit(name))

    def show_settings(self, settings: Settings) -> None:
        with QSignalBlocker(self.unit):
            self.unit.setCurrentIndex(UNITS.index(settings.measure_unit))
        self.how.show_settings(settings)
        self._show_how()

    def show_pending(self, pending: int, *, total: int, running: bool) -> None:
        """The button says how much there is to do, and stands out while there is."""
        primary = bool(pending) and not running
        text = f"Measure {count(pending)}" if primary else "Measure"
        self.measure.setText(text)
        self.measure.setIconText(_GAP + text)
        self.measure.setIcon(icons.icon("measure", "accent_text" if primary else "text"))
        self.measure.setEnabled(primary)
        self.again.setEnabled(bool(total) and not running)
        about = f"Measure {photos(pending)}" if pending else "Every photo has been measured"
        self.measure.setToolTip(f"{about}  Ctrl+Return")
        set_role(self.measure_button, "primary" if primary else "")
        self.measure_button.updateGeometry()
        # Its menu is of use when there is nothing new to measure.
        self.measure_button.setEnabled(bool(total) and not running)
        self.how_action.setEnabled(not running)
        self.export.setEnabled(bool(total) and not running)
        self.export_button.setEnabled(bool(total) and not running)

    def show_steps(self, *, can_undo: bool, can_redo: bool) -> None:
        self.undo.setEnabled(can_undo)
        self.redo.setEnabled(can_redo)
