"""The boxes tab: the box list, the room around a specimen, and how many of each to buy."""

from __future__ import annotations

from typing import Any

from PySide6.QtCore import (
    QAbstractTableModel,
    QModelIndex,
    QPersistentModelIndex,
    QRectF,
    QSize,
    Qt,
    Signal,
)
from PySide6.QtGui import QColor, QPainter, QPaintEvent
from PySide6.QtWidgets import (
    QAbstractItemView,
    QHBoxLayout,
    QHeaderView,
    QSizePolicy,
    QTableView,
    QVBoxLayout,
    QWidget,
)

from geoview.app import words
from geoview.app.measure_work import BoxesFound, BoxLine
from geoview.app.parts import MillimetreBox, button, describe, label, line
from geoview.app.theme import GAP, SMALL, colours, figures, set_role

_TITLES = ("Box", "Length", "Width", "Stock")
_ROW_PX = 24
_BAR_PX = 12
_NEW: BoxLine = ("New box", 100.0, 80.0, None, None)
Index = QModelIndex | QPersistentModelIndex


class BoxModel(QAbstractTableModel):
    """The box list; cells can be typed into. ``edited()`` after each change by a person."""

    edited = Signal()

    def __init__(self, parent: Any = None) -> None:
        super().__init__(parent)
        self._lines: list[BoxLine] = []

    def lines(self) -> list[BoxLine]:
        return list(self._lines)

    def set_lines(self, lines: list[BoxLine]) -> None:
        if lines != self._lines:
            self.beginResetModel()
            self._lines = list(lines)
            self.endResetModel()

    def rowCount(self, parent: Index = QModelIndex()) -> int:  # noqa: B008
        return 0 if parent.isValid() else len(self._lines)

    def columnCount(self, parent: Index = QModelIndex()) -> int:  # noqa: B008
        return 0 if parent.isValid() else len(_TITLES)

    def headerData(
        self, section: int, orientation: Qt.Orientation, role: int = Qt.ItemDataRole.DisplayRole
    ) -> Any:
        if orientation != Qt.Orientation.Horizontal:
            return None
        if role == Qt.ItemDataRole.DisplayRole:
            return _TITLES[section]
        if role == Qt.ItemDataRole.TextAlignmentRole:
            side = Qt.AlignmentFlag.AlignRight if section else Qt.AlignmentFlag.AlignLeft
            return side | Qt.AlignmentFlag.AlignVCenter
        return None

    def data(self, index: Index, role: int = Qt.ItemDataRole.DisplayRole) -> Any:
        if not index.isValid():
            return None
        name, length, width, _, stock = self._lines[index.row()]
        values = (name, f"{length:g}", f"{width:g}", "" if stock is None else str(stock))
        if role in (Qt.ItemDataRole.DisplayRole, Qt.ItemDataRole.EditRole):
            return values[index.column()]
        if role == Qt.ItemDataRole.TextAlignmentRole and index.column():
            return Qt.AlignmentFlag.AlignRight | Qt.AlignmentFlag.AlignVCenter
        if role == Qt.ItemDataRole.ToolTipRole:
            return f"{name}: inside {length:g} × {width:g} mm"
        return None

    def flags(self, index: Index) -> Qt.ItemFlag:
        flags = super().flags(index)
        return flags | Qt.ItemFlag.ItemIsEditable if index.isValid() else flags

    def setData(self, index: Index, value: Any, role: int = Qt.ItemDataRole.EditRole) -> bool:
        if not index.isValid() or role != Qt.ItemDataRole.EditRole:
            return False
        changed = _with(self._lines[index.row()], index.column(), str(value).strip())
        others = [line[0] for i, line in enumerate(self._lines) if i != index.row()]
        if changed is None or changed[0] in others:
            return False
        self._lines[index.row()] = changed
        self.dataChanged.emit(index, index)
        self.edited.emit()
        return True

    def add(self) -> int:
        names = {line[0] for line in self._lines}
        name, number = _NEW[0], 2
        while name in names:
            name, number = f"{_NEW[0]} {number}", number + 1
        row = len(self._lines)
        self.beginInsertRows(QModelIndex(), row, row)
        self._lines.append((name, *_NEW[1:]))
        self.endInsertRows()
        self.edited.emit()
        return row

    def remove(self, row: int) -> None:
        if len(self._lines) > 1 and 0 <= row < len(self._lines):
            self.beginRemoveRows(QModelIndex(), row, row)
            del self._lines[row]
            self.endRemoveRows()
            self.edited.emit()


def _with(line: BoxLine, column: int, text: str) -> BoxLine | None:
    """The line with another cell; None where the text cannot be."""
    name, length, width, height, stock = line
    if column == 0:
        return (text, length, width, height, stock) if text else None
    if column == 3 and not text:
        return (name, length, width, height, None)
    try:
        value = float(text.replace(",", ".").removesuffix("mm"))
    except ValueError:
        return None
    if column == 3:
        return (name, length, width, height, int(value)) if 0 <= value < 1e6 else None
    if not 0 < value <= 10_000:
        return None
    return (
        (name, value, width, height, stock) if column == 1 else (name, length, value, height, stock)
    )


class BoxChart(QWidget):
    """Bars for every size that is needed: pale what is needed, full what is to be bought."""

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._bars: list[tuple[str, int, int]] = []
        self.setSizePolicy(QSizePolicy.Policy.Expanding, QSizePolicy.Policy.Fixed)
        self.setFont(figures(self.font()))
        describe(self, "Boxes needed and to buy")

    def bars(self) -> list[tuple[str, int, int]]:
        """Name, needed and to buy of each bar, from top to bottom."""
        return list(self._bars)

    def show_plan(self, found: BoxesFound | None) -> None:
        needs = found.plan.needs if found else ()
        self._bars = [(n.name, n.needed, n.to_buy) for n in needs if n.needed]
        if found is not None and found.plan.none_fits:
            self._bars.append(("None fits", found.plan.none_fits, 0))
        said = "; ".join(
            f"{name}: {needed} needed, {buy} to buy" for name, needed, buy in self._bars
        )
        self.setAccessibleDescription(said or "No box is needed yet")
        self.setToolTip(said.replace("; ", "\n"))
        self.setVisible(bool(self._bars))
        self.updateGeometry()
        self.update()

    def sizeHint(self) -> QSize:
        return QSize(200, _ROW_PX * len(self._bars))

    def minimumSizeHint(self) -> QSize:
        return QSize(120, _ROW_PX * len(self._bars))

    def paintEvent(self, event: QPaintEvent) -> None:
        tokens, painter = colours(self.palette()), QPainter(self)
        painter.setRenderHint(QPainter.RenderHint.Antialiasing)
        metrics = painter.fontMetrics()
        widest = max(map(metrics.horizontalAdvance, self._names())) + GAP
        name_px = min(self.width() * 3 // 5, widest)
        number_px = metrics.horizontalAdvance("00 000")
        most = max((needed for _, needed, _ in self._bars), default=1)
        room = self.width() - name_px - number_px - 2 * GAP
        for i, (name, needed, buy) in enumerate(self._bars):
            top, middle = i * _ROW_PX, i * _ROW_PX + (_ROW_PX - _BAR_PX) / 2
            painter.setPen(QColor(tokens.text))
            shown = metrics.elidedText(name, Qt.TextElideMode.ElideRight, name_px)
            left = Qt.AlignmentFlag.AlignLeft | Qt.AlignmentFlag.AlignVCenter
            painter.drawText(QRectF(0, top, name_px, _ROW_PX), left, shown)
            painter.setPen(Qt.PenStyle.NoPen)
            for number, colour in ((needed, tokens.accent_soft), (buy, tokens.accent)):
                painter.setBrush(QColor(colour))
                bar = QRectF(name_px + GAP, middle, room * number / most, _BAR_PX)
                painter.drawRoundedRect(bar, 2, 2)
            painter.setPen(QColor(tokens.text))
            place = QRectF(self.width() - number_px, top, number_px, _ROW_PX)
            right = Qt.AlignmentFlag.AlignRight | Qt.AlignmentFlag.AlignVCenter
            painter.drawText(place, right, words.count(buy))
        painter.end()

    def _names(self) -> list[str]:
        return [name for name, _, _ in self._bars] or [""]


class BoxesPanel(QWidget):
    """Emits ``boxes_changed(list[BoxLine])`` (empty for the standard list),
    ``clearance_changed(mm)``, ``file_wanted()``, ``save_wanted()``."""

    boxes_changed = Signal(object)
    clearance_changed = Signal(float)
    file_wanted = Signal()
    save_wanted = Signal()

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.summary = label(wrap=True)
        self.chart = BoxChart()
        self.chart_title = label("To buy, of those needed", role="muted")
        self.clearance = MillimetreBox(0, 100, decimals=1)
        describe(self.clearance, "Clearance", "Room left free on every side of a specimen")
        self.model = BoxModel(self)
        self.table = QTableView()
        self._set_table()
        self.add = button("Add", self._add, icon="plus", about="Add a box to the list")
        self.remove = button("Remove", self._remove, about="Take the chosen box from the list")
        self.from_file = button("From a sheet…", self.file_wanted.emit, about="CSV or Excel")
        self.standard = button("Standard list", self._reset, role="link")
        self.save = button(
            "Save…", self.save_wanted.emit, icon="export", about="The table or the chart of boxes"
        )
        self._lay_out()
        self.clearance.valueChanged.connect(self.clearance_changed)
        self.model.edited.connect(lambda: self.boxes_changed.emit(self.model.lines()))
        self.show_found(None)

    def _set_table(self) -> None:
        table = self.table
        table.setModel(self.model)
        table.setFont(figures(table.font()))
        table.verticalHeader().hide()
        table.verticalHeader().setDefaultSectionSize(28)
        table.setShowGrid(False)
        table.setWordWrap(False)
        table.setTabKeyNavigation(False)
        table.setSelectionMode(QAbstractItemView.SelectionMode.SingleSelection)
        header = table.horizontalHeader()
        header.setSectionResizeMode(0, QHeaderView.ResizeMode.Stretch)
        for column in (1, 2, 3):
            header.setSectionResizeMode(column, QHeaderView.ResizeMode.Fixed)
            table.setColumnWidth(column, 56)
        describe(table, "Box list")
        header.setAccessibleName("Columns of the box list")
        table.verticalHeader().setAccessibleName("Rows of the box list")
        table.setAccessibleDescription("Inner sizes in millimetres; type to change a cell")

    def _lay_out(self) -> None:
        column = QVBoxLayout(self)
        column.setContentsMargins(2 * GAP, 2 * GAP, 2 * GAP, GAP)
        column.setSpacing(GAP)
        column.addWidget(self.summary)
        column.addWidget(self.chart_title)
        column.addWidget(self.chart)
        column.addWidget(self.save, 0, Qt.AlignmentFlag.AlignLeft)
        column.addWidget(line())
        row = QHBoxLayout()
        title = label("Room on every side")
        title.setBuddy(self.clearance)
        row.addWidget(title, 1)
        row.addWidget(self.clearance)
        column.addLayout(row)
        column.addWidget(label("Boxes, inside in mm", role="heading"))
        column.addWidget(self.table, 1)
        for pair in ((self.add, self.remove), (self.from_file, self.standard)):
            row = QHBoxLayout()
            row.setSpacing(SMALL)
            for widget in pair:
                row.addWidget(widget, 1)
            column.addLayout(row)
        set_role(self, "panel")

    def show_clearance(self, mm: float) -> None:
        if self.clearance.value() != mm:
            self.clearance.blockSignals(True)
            self.clearance.setValue(mm)
            self.clearance.blockSignals(False)

    def show_found(self, found: BoxesFound | None) -> None:
        """The box list in use, and what there is to buy."""
        if found is not None:
            self.model.set_lines(
                [(b.name, b.length_mm, b.width_mm, b.height_mm, b.in_stock) for b in found.boxes]
            )
        counted = found is not None and (
            found.plan.none_fits or any(n.needed for n in found.plan.needs)
        )
        self.summary.setText(
            found.plan.words
            if found is not None and counted
            else "Accepted specimens are counted here by the smallest box that they fit."
        )
        self.chart_title.setVisible(bool(counted))
        self.save.setVisible(bool(counted))
        self.chart.show_plan(found)

    def _add(self) -> None:
        index = self.model.index(self.model.add(), 0)
        self.table.setCurrentIndex(index)
        self.table.edit(index)

    def _remove(self) -> None:
        self.model.remove(self.table.currentIndex().row())

    def _reset(self) -> None:
        self.boxes_changed.emit([])
