"""The models at hand, and the card of each."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from PySide6.QtCore import QSize, Qt, Signal
from PySide6.QtWidgets import (
    QHBoxLayout,
    QListWidget,
    QListWidgetItem,
    QVBoxLayout,
    QWidget,
)

from geoview.app import dialogs, icons
from geoview.app.model_card import ModelCardView
from geoview.app.parts import button, describe, label, page
from geoview.app.theme import GAP, set_role

if TYPE_CHECKING:
    from geoview.models.store import ModelEntry

_LIST_PX = 280


class ModelsPage(QWidget):
    """Models page; ``use_wanted(ModelEntry)`` and ``add_wanted(Path)``."""

    use_wanted = Signal(object)
    add_wanted = Signal(object)

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._entries: list[ModelEntry] = []
        self._chosen: Path | None = None
        self.list = QListWidget()
        describe(self.list, "Models", "")
        set_role(self.list, "rows")
        self.list.setIconSize(QSize(18, 18))
        self.title = label(role="title", wrap=True)
        self.subtitle = label(role="muted", wrap=True)
        self.use = button("Use this model", self._use, role="primary")
        self.add = button(
            "Add a model…", self._ask, icon="plus", about="A .safetensors file made by GeoView"
        )
        self.card = ModelCardView()
        self._lay_out()
        self.list.currentRowChanged.connect(self._show)
        self.list.itemActivated.connect(lambda _item: self._use())

    def _lay_out(self) -> None:
        side = QWidget()
        side.setFixedWidth(_LIST_PX)
        column = QVBoxLayout(side)
        column.setContentsMargins(2 * GAP, 2 * GAP, GAP, 2 * GAP)
        column.setSpacing(GAP)
        column.addWidget(label("Models", role="heading"))
        column.addWidget(self.list, 1)
        column.addWidget(self.add, 0, Qt.AlignmentFlag.AlignLeft)
        area, card = page()
        card.addWidget(self.title)
        card.addWidget(self.subtitle)
        card.addWidget(self.use, 0, Qt.AlignmentFlag.AlignLeft)
        card.addWidget(self.card, 1)
        row = QHBoxLayout(self)
        row.setContentsMargins(0, 0, 0, 0)
        row.setSpacing(0)
        row.addWidget(side)
        row.addWidget(area, 1)

    def set_entries(self, entries: Sequence[ModelEntry]) -> None:
        """Show these models; the one in use is selected."""
        self._entries = list(entries)
        self.list.clear()
        for entry in self._entries:
            item = QListWidgetItem(entry.card.title if entry.card else entry.path.name)
            item.setSizeHint(QSize(0, 36))
            item.setToolTip(str(entry.path))
            self.list.addItem(item)
        self._mark()

    def set_chosen(self, entry: ModelEntry | None) -> None:
        self._chosen = entry.path if entry else None
        self._mark()

    def _mark(self) -> None:
        row = -1
        for i, entry in enumerate(self._entries):
            name = "error" if entry.card is None else "models"
            if entry.path == self._chosen:
                name, row = "check", i
            self.list.item(i).setIcon(icons.icon(name, "muted" if name == "models" else "accent"))
        if self.list.currentRow() < 0 or row >= 0:
            self.list.setCurrentRow(max(row, 0) if self._entries else -1)
        self._show(self.list.currentRow())

    def _show(self, row: int) -> None:
        entry = self._entries[row] if 0 <= row < len(self._entries) else None
        card = entry.card if entry else None
        self.title.setText(card.title if card else (entry.path.name if entry else "No models"))
        in_use = entry is not None and entry.path == self._chosen
        self.subtitle.setText(("In use · " if in_use else "") + _subtitle(entry))
        self.use.setEnabled(card is not None and not in_use)
        self.use.setVisible(self.use.isEnabled())
        self.card.show_entry(entry)

    def _use(self) -> None:
        row = self.list.currentRow()
        if 0 <= row < len(self._entries) and self.use.isEnabled():
            self.use_wanted.emit(self._entries[row])

    def _ask(self) -> None:
        dialogs.ask_model(self, self.add_wanted.emit)


def _subtitle(entry: ModelEntry | None) -> str:
    if entry is None:
        return "Add a model file made by GeoView to analyse photos."
    if entry.card is None:
        return "This file cannot be used."
    several = "several lithologies per photo" if entry.card.task == "multi-label" else "one class"
    layers = f" · {len(entry.card.layers)} layers" if entry.card.layers else ""
    return f"{len(entry.card.classes)} classes, {several}{layers}"
