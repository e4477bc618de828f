"""The Measure page's table as a Qt model that filters and sorts itself."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from typing import Any

from PySide6.QtCore import (
    QAbstractItemModel,
    QAbstractTableModel,
    QModelIndex,
    QPersistentModelIndex,
    Qt,
    QTimer,
    Signal,
)

from geoview.app import measure_words as words
from geoview.app.measure_rows import Row, Show, SortKey, Wanted, arrange, counts
from geoview.app.measure_words import Unit

RowRole = Qt.ItemDataRole.UserRole
Index = QModelIndex | QPersistentModelIndex
COLUMNS: tuple[tuple[SortKey, str], ...] = (
    ("name", "Photo"),
    ("status", "Status"),
    ("size", "Size"),
    ("box", "Box"),
)
_SETTLE_MS = 400


class MeasureModel(QAbstractTableModel):
    """Rows that pass the filter, in order; ``arranged`` tells that counts or order changed.

    While measurements stream in, cells are refreshed at once and the order follows a little
    later, so that photos do not jump about under the pointer.
    """

    arranged = Signal()

    def __init__(self, parent: Any = None) -> None:
        super().__init__(parent)
        self._rows: list[Row] = []
        self._counts: dict[Show, int] = counts(())
        self._boxes: Mapping[str, str] = {}
        self._outdated: set[str] = set()
        self._by_file: dict[str, int] = {}
        self._shown: list[int] = []
        self._row_of: list[int] = []
        self._wanted = Wanted()
        self.unit: Unit = "mm"
        self._settle = QTimer(self)
        self._settle.setSingleShot(True)
        self._settle.setInterval(_SETTLE_MS)
        self._settle.timeout.connect(self.rearrange)

    # What Qt asks for

    def rowCount(self, parent: Index = QModelIndex()) -> int:  # noqa: B008
        return 0 if parent.isValid() else len(self._shown)

    def columnCount(self, parent: Index = QModelIndex()) -> int:  # noqa: B008
        return 0 if parent.isValid() else len(COLUMNS)

    def headerData(
        self,
        section: int,
        orientation: Qt.Orientation,
        role: int = Qt.ItemDataRole.DisplayRole,
    ) -> Any:
        if orientation != Qt.Orientation.Horizontal or not 0 <= section < len(COLUMNS):
            return None
        if role == Qt.ItemDataRole.DisplayRole:
            return COLUMNS[section][1]
        if role == Qt.ItemDataRole.TextAlignmentRole:
            side = Qt.AlignmentFlag.AlignRight if section == 2 else Qt.AlignmentFlag.AlignLeft
            return side | Qt.AlignmentFlag.AlignVCenter
        return None

    def data(self, index: Index, role: int = Qt.ItemDataRole.DisplayRole) -> Any:
        if not self.checkIndex(index, QAbstractItemModel.CheckIndexOption.IndexIsValid):
            return None
        row = self._rows[self._shown[index.row()]]
        if role == RowRole:
            return row
        if role == Qt.ItemDataRole.DisplayRole:
            return self._text(row, index.column())
        if role == Qt.ItemDataRole.ToolTipRole:
            return self._describe(row, separator="\n")
        if role == Qt.ItemDataRole.AccessibleTextRole:
            if index.column() == 0:
                return self._describe(row, separator=", ")
            return self._text(row, index.column())
        return None

    def _describe(self, row: Row, *, separator: str) -> str:
        box = self.box_of(row.photo.file)
        outdated = self.is_outdated(row)
        return describe(row, self.unit, box=box, outdated=outdated, separator=separator)

    def _text(self, row: Row, column: int) -> str:
        if column == 0:
            return row.name
        if column == 3:
            return self.box_of(row.photo.file)
        measurement = row.measurement
        if measurement is None:
            return "Not measured" if column == 1 else ""
        if column == 1:
            return words.STATUS_WORDS[measurement.status]
        parts = (words.pair(measurement, self.unit), words.spread(measurement, self.unit))
        return " ".join(part for part in parts if part)

    # Content

    @property
    def total(self) -> int:
        return len(self._rows)

    def counts(self) -> dict[Show, int]:
        """Number of photos that each filter shows."""
        return dict(self._counts)

    def rows(self) -> Sequence[Row]:
        """Every row of the folder, shown or not."""
        return self._rows

    def row(self, place: int) -> Row:
        return self._rows[self._shown[place]]

    def place_of(self, file: str) -> int:
        """The place of a photo in the table, or -1 when it is unknown or filtered out."""
        position = self._by_file.get(file)
        return -1 if position is None else self._row_of[position]

    def find(self, file: str) -> Row | None:
        """A photo, shown or not."""
        position = self._by_file.get(file)
        return None if position is None else self._rows[position]

    def set_rows(self, rows: Iterable[Row]) -> None:
        """Show another folder."""
        self._settle.stop()
        self.beginResetModel()
        self._rows, self._boxes, self._outdated = list(rows), {}, set()
        self._counts = counts(self._rows)
        self._by_file = {row.photo.file: i for i, row in enumerate(self._rows)}
        self._place(arrange(self._rows, self._wanted, self._boxes))
        self.endResetModel()
        self.arranged.emit()

    def update_rows(self, rows: Iterable[Row], *, at_once: bool = False) -> None:
        """Take in what has changed; ``at_once`` also puts it in order now."""
        places = []
        for row in rows:
            position = self._by_file.get(row.photo.file)
            if position is not None:
                self._count(self._rows[position], row)
                self._rows[position] = row
                self._outdated.discard(row.photo.file)
                places.append(self._row_of[position])
        self._refresh(places)
        if at_once:
            self.rearrange()
        elif places and not self._settle.isActive():
            self._settle.start()
        self.arranged.emit()

    def _count(self, before: Row, after: Row) -> None:
        for row, by in ((before, -1), (after, 1)):
            if row.measurement is not None:
                self._counts[row.measurement.status] += by

    def set_boxes(self, boxes: Mapping[str, str]) -> None:
        """The storage box of each photo, by file."""
        if boxes == self._boxes:
            return
        self._boxes = boxes
        self._refresh([0, len(self._shown) - 1] if self._shown else [])
        self.rearrange()

    def set_outdated(self, files: Iterable[str]) -> None:
        """Photos that were, or will be, measured with other settings than those chosen now."""
        before, self._outdated = self._outdated, set(files)
        if before != self._outdated:
            self._refresh(list(range(len(self._shown))))

    def is_outdated(self, row: Row) -> bool:
        """Whether a photo's measurement was made with other settings than those chosen now."""
        return row.measurement is not None and row.photo.file in self._outdated

    def box_of(self, file: str) -> str:
        """The storage box of a photo; empty as long as it is not known."""
        return self._boxes.get(file, "")

    def set_unit(self, unit: Unit) -> None:
        self.unit = unit
        self._refresh(list(range(len(self._shown))))

    # Order

    @property
    def wanted(self) -> Wanted:
        return self._wanted

    def want(self, **changes: Any) -> None:
        """Filter or sort otherwise; names as in ``Wanted``."""
        wanted = replace(self._wanted, **changes)
        if wanted != self._wanted:
            self._wanted = wanted
            self.rearrange()
            self.arranged.emit()

    def sort(self, column: int, order: Qt.SortOrder = Qt.SortOrder.AscendingOrder) -> None:
        if 0 <= column < len(COLUMNS):
            descending = order == Qt.SortOrder.DescendingOrder
            self.want(key=COLUMNS[column][0], descending=descending)

    def rearrange(self) -> None:
        """Sort and filter anew."""
        self._settle.stop()
        shown = arrange(self._rows, self._wanted, self._boxes)
        if shown == self._shown:
            return
        if len(shown) == len(self._shown) and set(shown) == set(self._shown):
            self._reorder(shown)
        else:
            self.beginResetModel()
            self._place(shown)
            self.endResetModel()
        self.arranged.emit()

    def _reorder(self, shown: list[int]) -> None:
        self.layoutAboutToBeChanged.emit()
        before = self.persistentIndexList()
        positions = [self._shown[index.row()] for index in before]
        self._place(shown)
        after = [
            self.index(self._row_of[position], index.column())
            for position, index in zip(positions, before, strict=True)
        ]
        self.changePersistentIndexList(before, after)
        self.layoutChanged.emit()

    def _place(self, shown: list[int]) -> None:
        self._shown = shown
        self._row_of = [-1] * len(self._rows)
        for row, position in enumerate(shown):
            self._row_of[position] = row

    def _refresh(self, places: list[int]) -> None:
        seen = [place for place in places if place >= 0]
        if seen:
            last = self.index(max(seen), len(COLUMNS) - 1)
            self.dataChanged.emit(self.index(min(seen), 0), last)


def describe(row: Row, unit: Unit, *, box: str, outdated: bool, separator: str) -> str:
    """A photo in words, for tool tips and screen readers."""
    parts = [row.name] if row.name == row.file_name else [row.name, row.file_name]
    measurement = row.measurement
    if measurement is None:
        parts.append("Not measured yet")
        return separator.join(parts)
    parts.append(words.STATUS_WORDS[measurement.status])
    if outdated:
        parts.append(words.OUTDATED)
    parts.extend(measurement.reasons)
    size = measurement.size_mm
    if size is not None:
        for name, mm, pm in (
            ("length", size.length, measurement.length_pm_mm),
            ("width", size.width, measurement.width_pm_mm),
        ):
            parts.append(f"{name} {words.length(mm, unit, pm_mm=pm)}")
    elif measurement.size_px is not None:
        parts.append("no scale")
    if box:
        parts.append(f"box {box}")
    return separator.join(parts)
