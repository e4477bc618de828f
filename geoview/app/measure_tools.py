"""The Measure page's part of the toolbar: measure, how, in which unit, undo, export."""

from __future__ import annotations

from collections.abc import Sequence

from PySide6.QtCore import QSignalBlocker, QSize, Qt, Signal
from PySide6.QtGui import QAction, QKeySequence
from PySide6.QtWidgets import QComboBox, QHBoxLayout, QMenu, QToolButton, QWidget

from geoview.app import icons
from geoview.app.job_words import photos
from geoview.app.measure_bar import LengthBox
from geoview.app.measure_words import UNITS, Unit
from geoview.app.parts import ICON_PX, describe
from geoview.app.theme import SMALL, set_role
from geoview.app.words import THIN, count

_GAP = "\u2009"


class MeasureTools(QWidget):
    """Emits ``export_wanted(name)``, ``method_chosen(name)``, ``cube_changed(mm)``,
    ``unit_chosen(Unit)``; the actions are the page's keys, too."""

    export_wanted = Signal(str)
    method_chosen = Signal(str)
    cube_changed = Signal(float)
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
        self.method = QComboBox()
        describe(self.method, "Method", "How photos are measured")
        self.method.setMaximumWidth(136)
        self.cube = LengthBox(25.4)
        self.cube.setPrefix(f"Cube{THIN} ")
        self.cube.setMaximumWidth(136)
        describe(self.cube, "Edge of the cube", "The reference cube's edge; 25.4 mm is one inch")
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
            self.method,
            self.cube,
            self.undo_button,
            self.redo_button,
            self.unit,
            self.export_button,
        ):
            row.addWidget(widget)

    def _connect(self) -> None:
        self.method.activated.connect(
            lambda index: self.method_chosen.emit(self.method.itemData(index))
        )
        self.unit.activated.connect(lambda index: self.unit_chosen.emit(self.unit.itemData(index)))
        self.cube.valueChanged.connect(self.cube_changed)

    def actions_with_keys(self) -> list[QAction]:
        return [self.measure, self.undo, self.redo, self.export]

    # What the page calls

    def set_methods(self, methods: Sequence[tuple[str, str]], chosen: str) -> None:
        with QSignalBlocker(self.method):
            self.method.clear()
            for name, title in methods:
                self.method.addItem(title.partition(":")[0], name)
                self.method.setItemData(self.method.count() - 1, title, Qt.ItemDataRole.ToolTipRole)
            self.method.setCurrentIndex(max(0, self.method.findData(chosen)))

    def set_exporters(self, exporters: Sequence[tuple[str, str, str]]) -> None:
        self.export_menu.clear()
        for name, title, _suffix in exporters:
            action = self.export_menu.addAction(f"{title}…")
            action.triggered.connect(lambda _on=False, name=name: self.export_wanted.emit(name))

    def show_options(self, *, cube_mm: float, unit: Unit) -> None:
        with QSignalBlocker(self.cube), QSignalBlocker(self.unit):
            self.cube.setValue(cube_mm)
            self.unit.setCurrentIndex(UNITS.index(unit))

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
        for widget in (self.method, self.cube):
            widget.setEnabled(not running)
        self.export.setEnabled(bool(total) and not running)
        self.export_button.setEnabled(bool(total) and not running)

    def show_steps(self, *, can_undo: bool, can_redo: bool) -> None:
        self.undo.setEnabled(can_undo)
        self.redo.setEnabled(can_redo)
