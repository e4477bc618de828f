"""The photos of a folder as a Qt model that sorts and filters itself.

``Prediction`` records stay as they are; a row is a position in the arranged list.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from typing import Any

from PySide6.QtCore import (
    QAbstractListModel,
    QModelIndex,
    QPersistentModelIndex,
    Qt,
    QTimer,
    Signal,
)

from geoview.app import words
from geoview.app.photo_order import Filter, Sort, arrange, is_uncertain
from geoview.records import CANNOT_TELL, PhotoResult

ResultRole = Qt.ItemDataRole.UserRole
_SETTLE_MS = 400

Index = QModelIndex | QPersistentModelIndex


class PhotoModel(QAbstractListModel):
    """Rows are the photos that pass ``Filter``, in the order of ``Sort``.

    While results stream in, cells are refreshed at once and the order follows a little later,
    in one go, so that photos do not jump about under the pointer.
    """

    arranged = Signal()

    def __init__(self, parent: Any = None) -> None:
        super().__init__(parent)
        self._results: list[PhotoResult] = []
        self._by_file: dict[str, int] = {}
        self._shown: list[int] = []
        self._row_of: list[int] = []
        self._classes: dict[str, None] = {}
        self._layers: dict[str, None] = {}
        self._sort = Sort()
        self._filter = Filter()
        self._sort_values: dict[int, object] = {}
        self._settle = QTimer(self)
        self._settle.setSingleShot(True)
        self._settle.setInterval(_SETTLE_MS)
        self._settle.timeout.connect(self.rearrange)

    # What Qt asks for

    def rowCount(self, parent: Index = QModelIndex()) -> int:  # noqa: B008
        return 0 if parent.isValid() else len(self._shown)

    def data(self, index: Index, role: int = Qt.ItemDataRole.DisplayRole) -> Any:
        if not self.checkIndex(index, QAbstractListModel.CheckIndexOption.IndexIsValid):
            return None
        result = self._results[self._shown[index.row()]]
        if role == ResultRole:
            return result
        if role == Qt.ItemDataRole.DisplayRole:
            return words.title(result.photo)
        if role == Qt.ItemDataRole.ToolTipRole:
            return describe(result, separator="\n")
        if role == Qt.ItemDataRole.AccessibleTextRole:
            return describe(result, separator=", ")
        return None

    # Content

    @property
    def total(self) -> int:
        return len(self._results)

    @property
    def classes(self) -> tuple[str, ...]:
        """Every class that any result knows, in the order of the models."""
        return tuple(self._classes)

    @property
    def layers(self) -> tuple[str, ...]:
        return tuple(self._layers)

    def result(self, row: int) -> PhotoResult:
        return self._results[self._shown[row]]

    def row_of(self, file: str) -> int:
        """The row of a photo, or -1 when it is unknown or filtered out."""
        position = self._by_file.get(file)
        return -1 if position is None else self._row_of[position]

    def results(self) -> Iterator[PhotoResult]:
        """The shown results from top to bottom."""
        return (self._results[position] for position in self._shown)

    def set_results(self, results: Iterable[PhotoResult]) -> None:
        """Show another folder, or the same one under another model."""
        self._settle.stop()
        self.beginResetModel()
        self._results = list(results)
        self._by_file = {result.photo.file: i for i, result in enumerate(self._results)}
        self._classes.clear()
        self._layers.clear()
        self._sort_values.clear()
        self._learn_names(self._results)
        self._place(self._arrange())
        self.endResetModel()
        self.arranged.emit()

    def update_results(self, results: Sequence[PhotoResult]) -> None:
        """Take in new results; photos that were unknown are added."""
        rows: list[int] = []
        added = False
        for result in results:
            position = self._by_file.get(result.photo.file)
            if position is None:
                self._by_file[result.photo.file] = len(self._results)
                self._results.append(result)
                self._row_of.append(-1)
                added = True
            else:
                self._results[position] = result
                self._sort_values.pop(position, None)
                rows.append(self._row_of[position])
        known = len(self._classes) + len(self._layers)
        self._learn_names(results)
        self._refresh(rows)
        if added:
            self.rearrange()
        elif self._sort.follows_results or self._filter.follows_results:
            if not self._settle.isActive():
                self._settle.start()
        if known != len(self._classes) + len(self._layers):
            self.arranged.emit()

    # Order

    @property
    def sort_order(self) -> Sort:
        return self._sort

    @property
    def filter(self) -> Filter:
        return self._filter

    def set_sort(self, sort: Sort) -> None:
        if sort != self._sort:
            self._sort = sort
            self._sort_values.clear()
            self.rearrange()

    def set_filter(self, keep: Filter) -> None:
        if keep != self._filter:
            self._filter = keep
            self.rearrange()

    def rearrange(self) -> None:
        """Sort and filter anew; a mere change of order keeps selections where they are."""
        self._settle.stop()
        shown = self._arrange()
        if shown == self._shown:
            return
        if len(shown) == len(self._shown) and set(shown) == set(self._shown):
            self._reorder(shown)
        else:
            self.beginResetModel()
            self._place(shown)
            self.endResetModel()
        self.arranged.emit()

    def _arrange(self) -> list[int]:
        known = self._sort_values
        return arrange(self._results, sort=self._sort, keep=self._filter, known=known)

    def _reorder(self, shown: list[int]) -> None:
        self.layoutAboutToBeChanged.emit()
        before = self.persistentIndexList()
        positions = [self._shown[index.row()] for index in before]
        self._place(shown)
        after = [self.index(self._row_of[position]) for position in positions]
        self.changePersistentIndexList(before, after)
        self.layoutChanged.emit()

    def _place(self, shown: list[int]) -> None:
        self._shown = shown
        self._row_of = [-1] * len(self._results)
        for row, position in enumerate(shown):
            self._row_of[position] = row

    def _refresh(self, rows: list[int]) -> None:
        for first, last in _runs(sorted(row for row in rows if row >= 0)):
            self.dataChanged.emit(self.index(first), self.index(last))

    def _learn_names(self, results: Iterable[PhotoResult]) -> None:
        classes: tuple[str, ...] = ()
        layers: tuple[str, ...] = ()
        for result in results:
            prediction = result.prediction
            if prediction is None:
                continue
            if prediction.classes != classes:
                classes = prediction.classes
                self._classes.update(dict.fromkeys(classes))
            if prediction.layer and prediction.layer.names != layers:
                layers = prediction.layer.names
                self._layers.update(dict.fromkeys(layers))


def describe(result: PhotoResult, *, separator: str) -> str:
    """A photo in words, for tooltips and screen readers."""
    photo = result.photo
    parts = [photo.file]
    if photo.depth_m is not None:
        parts.append(words.depth(photo.depth_m))
    prediction = result.prediction
    if prediction is None:
        parts.append(f"Could not be read: {result.reason}" if result.reason else "Not analysed yet")
    elif prediction.dominant is None:
        parts.append(f"{words.sentence(CANNOT_TELL)}: no class reaches its threshold")
    else:
        i = prediction.classes.index(prediction.dominant)
        said = f"{words.verdict(prediction)}, probability {prediction.probabilities[i]:.2f}"
        if prediction.area_pct is not None:
            said += f", {words.percent(prediction.area_pct[i])} of the area"
        parts.append(said)
    if prediction and prediction.layer:
        parts.append(prediction.layer.best)
    if result.evidence_warning:
        parts.append(result.evidence_warning)
    elif is_uncertain(result):
        parts.append("uncertain: worth a look")
    return separator.join(parts)


def _runs(rows: list[int]) -> Iterator[tuple[int, int]]:
    """Ranges of neighbouring rows, so that a batch repaints no more than it must."""
    start = previous = None
    for row in rows:
        if start is None:
            start = row
        elif previous is not None and row > previous + 1:
            yield start, previous
            start = row
        previous = row
    if start is not None and previous is not None:
        yield start, previous
