"""The register tab: measured against recorded sizes, and the records that look wrong."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from PySide6.QtCore import QSize, Qt, Signal
from PySide6.QtWidgets import (
    QGridLayout,
    QHBoxLayout,
    QListWidget,
    QListWidgetItem,
    QVBoxLayout,
    QWidget,
)

from geoview.app.parts import button, describe, label
from geoview.app.theme import GAP, SMALL, figures, set_role
from geoview.app.words import THIN, count

if TYPE_CHECKING:
    from geoview.measure.comparison import Comparison, GroupError

_TEACH = (
    "Compare the measured sizes with your catalogue: a CSV or Excel sheet with a column for the "
    "number and columns for length and width. Unit slips, swapped sides and outliers are listed "
    "here, the clearest first."
)
_FileRole = Qt.ItemDataRole.UserRole


class RegisterPanel(QWidget):
    """Emits ``sheet_wanted()``, ``save_wanted()`` and ``photo_wanted(file)``."""

    sheet_wanted = Signal()
    save_wanted = Signal()
    photo_wanted = Signal(str)

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.teach = label(_TEACH, role="muted", wrap=True)
        self.choose = button("Choose a sheet…", self.sheet_wanted.emit, icon="open")
        self.name = label(role="muted")
        self.summary = label(wrap=True)
        self.error = label(role="error", wrap=True)
        self.groups = QWidget()
        self._grid = QGridLayout(self.groups)
        self._grid.setContentsMargins(0, 0, 0, 0)
        self._grid.setHorizontalSpacing(2 * GAP)
        self._grid.setVerticalSpacing(SMALL)
        self._grid.setColumnStretch(0, 1)
        self.list_title = label("Suspicious records", role="heading")
        self.save = button(
            "Save…", self.save_wanted.emit, icon="export", about="The suspicious records as a sheet"
        )
        self.list = QListWidget()
        set_role(self.list, "rows")
        self.list.setWordWrap(True)
        self.list.setVerticalScrollMode(QListWidget.ScrollMode.ScrollPerPixel)
        self.list.setHorizontalScrollBarPolicy(Qt.ScrollBarPolicy.ScrollBarAlwaysOff)
        describe(self.list, "Suspicious records")
        self.list.setAccessibleDescription("The clearest first; Enter shows the photo")
        self.list.itemClicked.connect(self._follow)
        self.list.itemActivated.connect(self._follow)
        self._lay_out()
        self.show_comparison(None)

    def _lay_out(self) -> None:
        column = QVBoxLayout(self)
        column.setContentsMargins(2 * GAP, 2 * GAP, 2 * GAP, GAP)
        column.setSpacing(GAP)
        column.addWidget(self.teach)
        row = QHBoxLayout()
        row.addWidget(self.choose)
        row.addWidget(self.name, 1)
        column.addLayout(row)
        column.addWidget(self.error)
        column.addWidget(self.summary)
        column.addWidget(self.groups)
        row = QHBoxLayout()
        row.addWidget(self.list_title, 1)
        row.addWidget(self.save)
        column.addLayout(row)
        column.addWidget(self.list, 1)
        column.addStretch(0)
        set_role(self, "panel")

    def show_error(self, text: str) -> None:
        """Why a sheet could not be compared."""
        self.error.setText(text)
        self.error.setVisible(bool(text))

    def show_comparison(self, found: Comparison | None, *, sheet: Path | None = None) -> None:
        self.show_error("")
        self.teach.setVisible(found is None)
        for widget in (self.summary, self.groups, self.list_title, self.list):
            widget.setVisible(found is not None)
        self.name.setText(sheet.name if sheet else "")
        self.name.setToolTip(str(sheet) if sheet else "")
        self.save.setVisible(found is not None and bool(found.suspicions))
        self.choose.setText("Another sheet…" if found else "Choose a sheet…")
        if found is not None:
            self.summary.setText(found.words)
            self._show_groups(found.groups)
            self._show_suspicions(found)

    def _show_groups(self, groups: tuple[GroupError, ...]) -> None:
        while (item := self._grid.takeAt(0)) is not None:
            if (widget := item.widget()) is not None:
                widget.setParent(None)
                widget.deleteLater()
        for column, title in enumerate(("Mean error by size", "n", "Length", "Width")):
            self._put(0, column, title, role="muted")
        for row, group in enumerate(groups, start=1):
            values = (
                "All" if group.name == "all" else group.name,
                count(group.count),
                _percent(group.mape_length),
                _percent(group.mape_width),
            )
            for column, text in enumerate(values):
                self._put(row, column, text, role="heading" if group.name == "all" else "")

    def _put(self, row: int, column: int, text: str, *, role: str) -> None:
        made = label(text, role=role)
        made.setFont(figures(made.font()))
        side = Qt.AlignmentFlag.AlignRight if column else Qt.AlignmentFlag.AlignLeft
        self._grid.addWidget(made, row, column, side | Qt.AlignmentFlag.AlignVCenter)

    def _show_suspicions(self, found: Comparison) -> None:
        self.list.clear()
        for one in found.suspicions:
            item = QListWidgetItem(f"{one.number}: {one.words}")
            item.setData(_FileRole, one.file)
            item.setToolTip(f"Row {one.row} of the sheet. Click to see {one.file}.")
            self.list.addItem(item)
        self._fit_items()
        self.list_title.setText(
            "Suspicious records" if found.suspicions else "No record looks suspicious"
        )

    def _fit_items(self) -> None:
        """Wrapped lines need their height told."""
        width = max(120, self.list.viewport().width() - 2 * GAP)
        metrics = self.list.fontMetrics()
        for i in range(self.list.count()):
            item = self.list.item(i)
            box = metrics.boundingRect(
                0, 0, width, 10_000, int(Qt.TextFlag.TextWordWrap), item.text()
            )
            item.setSizeHint(QSize(width, box.height() + 2 * GAP))

    def resizeEvent(self, event: object) -> None:
        super().resizeEvent(event)  # type: ignore[arg-type]
        self._fit_items()

    def _follow(self, item: QListWidgetItem) -> None:
        self.photo_wanted.emit(item.data(_FileRole))


def _percent(share: float | None) -> str:
    return "" if share is None else f"{100 * share:.1f}{THIN}%"
