"""The browser: a virtual grid or list of the folder's photos, sorted and filtered."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from PySide6.QtCore import QEvent, QModelIndex, QPoint, QSize, Qt, QTimer, Signal
from PySide6.QtGui import QHelpEvent, QKeyEvent, QPixmap, QResizeEvent, QShowEvent
from PySide6.QtWidgets import (
    QAbstractItemView,
    QListView,
    QStackedWidget,
    QToolTip,
    QVBoxLayout,
    QWidget,
)

from geoview.app.background import Background
from geoview.app.browser_bar import BrowserBar, CountLine, EmptyState
from geoview.app.photo_delegate import PhotoDelegate
from geoview.app.photo_model import Index, PhotoModel, ResultRole
from geoview.app.photo_order import Filter
from geoview.app.thumbs import Thumbnails
from geoview.records import Photo, PhotoResult

_CELL_PX = 132
_REST_MS = 40


class PhotoView(QListView):
    """Cells of one size that fill the width; the layout is Qt's, the painting the delegate's."""

    scrolled = Signal()
    accepted = Signal()

    def __init__(self, delegate: PhotoDelegate, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._delegate = delegate
        self.setItemDelegate(delegate)
        self.setUniformItemSizes(True)
        self.setMovement(QListView.Movement.Static)
        self.setResizeMode(QListView.ResizeMode.Adjust)
        self.setVerticalScrollMode(QAbstractItemView.ScrollMode.ScrollPerPixel)
        self.setHorizontalScrollBarPolicy(Qt.ScrollBarPolicy.ScrollBarAlwaysOff)
        self.setVerticalScrollBarPolicy(Qt.ScrollBarPolicy.ScrollBarAlwaysOn)
        self.setEditTriggers(QAbstractItemView.EditTrigger.NoEditTriggers)
        self.setMouseTracking(True)
        self.viewport().setAttribute(Qt.WidgetAttribute.WA_Hover)
        self.setAccessibleName("Photos")
        self.setAccessibleDescription("Arrow keys move, Enter opens, / filters")
        self.verticalScrollBar().valueChanged.connect(self.scrolled)
        self.set_list(False)

    def set_list(self, as_list: bool) -> None:
        self._delegate.as_list = as_list
        self.setFlow(QListView.Flow.TopToBottom if as_list else QListView.Flow.LeftToRight)
        self.setWrapping(not as_list)
        self._fit_cells()

    def columns(self) -> int:
        return 1 if self._delegate.as_list else max(1, self.viewport().width() // _CELL_PX)

    def visible_rows(self, *, margin: int = 1) -> range:
        """Rows of the cells in sight, with ``margin`` lines above and below."""
        height = max(1, self.gridSize().height())
        top = self.verticalScrollBar().value()
        first = top // height - margin
        last = (top + self.viewport().height()) // height + margin
        count = self.model().rowCount() if self.model() else 0
        columns = self.columns()
        return range(max(0, first * columns), min(count, (last + 1) * columns))

    def dataChanged(self, topLeft: Index, bottomRight: Index, roles: Sequence[int] = ()) -> None:
        # QListView lays all cells out anew here, as their size might have changed. Ours is
        # uniform, and with 20,000 photos that would cost more than the analysis itself.
        rows = self.visible_rows(margin=0)
        if topLeft.row() < rows.stop and bottomRight.row() >= rows.start:
            self.viewport().update()

    def resizeEvent(self, event: QResizeEvent) -> None:
        self._fit_cells()
        super().resizeEvent(event)
        self.scrolled.emit()

    def showEvent(self, event: QShowEvent) -> None:
        self._fit_cells()
        super().showEvent(event)

    def changeEvent(self, event: QEvent) -> None:
        super().changeEvent(event)
        if event.type() in (QEvent.Type.FontChange, QEvent.Type.StyleChange):
            self._fit_cells()

    def keyPressEvent(self, event: QKeyEvent) -> None:
        if event.key() in (Qt.Key.Key_Return, Qt.Key.Key_Enter):
            self.accepted.emit()
            return
        super().keyPressEvent(event)

    def viewportEvent(self, event: QEvent) -> bool:
        if event.type() == QEvent.Type.ToolTip and isinstance(event, QHelpEvent):
            self._show_tip(event.pos(), event.globalPos())
            return True
        return super().viewportEvent(event)

    def _show_tip(self, where: QPoint, on_screen: QPoint) -> None:
        index = self.indexAt(where)
        if not index.isValid():
            QToolTip.hideText()
            return
        text = index.data(Qt.ItemDataRole.ToolTipRole)
        failure = self._delegate.failure(index.data(ResultRole))
        QToolTip.showText(on_screen, f"{text}\n{failure}" if failure else text, self)

    def _fit_cells(self) -> None:
        width = self.viewport().width() // self.columns()
        # One pixel to spare, or rounding makes Qt wrap a column early.
        width = max(80, width if self._delegate.as_list else width - 1)
        size = QSize(width, self._delegate.cell_height(width, self.font()))
        if size != self.gridSize():
            self.setGridSize(size)


class Browser(QWidget):
    """Photos of the open folder. ``current_changed(PhotoResult | None)`` follows the selection
    and the arrival of new results for it; ``accepted`` is Enter or a double click."""

    current_changed = Signal(object)
    accepted = Signal(object)
    open_wanted = Signal()

    def __init__(
        self, background: Background, thumbnails: Thumbnails, parent: QWidget | None = None
    ) -> None:
        super().__init__(parent)
        self._thumbnails = thumbnails
        self._told: PhotoResult | None = None
        self.model = PhotoModel(self)
        self.bar = BrowserBar(self)
        self.view = PhotoView(PhotoDelegate(thumbnails, self), self)
        self.view.setModel(self.model)
        self.empty = EmptyState(self)
        self.counts = CountLine(self)
        self._stack = QStackedWidget(self)
        self._stack.addWidget(self.view)
        self._stack.addWidget(self.empty)
        self._rest = QTimer(self)
        self._rest.setSingleShot(True)
        self._rest.setInterval(_REST_MS)
        self._lay_out()
        self._connect()
        self._arranged()

    def _lay_out(self) -> None:
        column = QVBoxLayout(self)
        column.setContentsMargins(0, 0, 0, 0)
        column.setSpacing(0)
        column.addWidget(self.bar)
        column.addWidget(self._stack, 1)
        column.addWidget(self.counts)

    def _connect(self) -> None:
        self.bar.sort_chosen.connect(self.model.set_sort)
        self.bar.filter_chosen.connect(self.model.set_filter)
        self.bar.list_chosen.connect(self._set_list)
        self.bar.leave.connect(self.view.setFocus)
        self.counts.clear_wanted.connect(self.clear_filters)
        self.empty.clear_wanted.connect(self.clear_filters)
        self.empty.open_wanted.connect(self.open_wanted)
        self.model.arranged.connect(self._arranged)
        self.model.modelReset.connect(self._restore)
        self.model.dataChanged.connect(self._data_changed)
        self.view.selectionModel().currentChanged.connect(self._moved)
        self.view.accepted.connect(self._accept)
        self.view.doubleClicked.connect(self._accept)
        self.view.scrolled.connect(self._rest.start)
        self._rest.timeout.connect(self._want_thumbnails)
        self._thumbnails.ready.connect(self._thumbnail_ready)

    def sizeHint(self) -> QSize:
        return QSize(344, 640)

    # What the window calls

    def set_results(self, results: Iterable[PhotoResult]) -> None:
        """Show a folder; the current photo stays current if it is still there."""
        self._thumbnails.forget_failures()
        self.model.set_results(results)
        if self.current() is None:
            self.select_row(0)

    def update_results(self, results: Sequence[PhotoResult]) -> None:
        self.model.update_results(results)

    def current(self) -> PhotoResult | None:
        index = self.view.currentIndex()
        return index.data(ResultRole) if index.isValid() else None

    def current_thumbnail(self) -> QPixmap | None:
        """A preview to show while the viewer decodes the photo."""
        result = self.current()
        return self._thumbnails.pixmap(result.photo) if result else None

    def select_file(self, file: str) -> bool:
        """Make a photo current; False when it is not shown."""
        row = self.model.row_of(file)
        if row >= 0:
            self.select_row(row)
        return row >= 0

    def select_row(self, row: int) -> None:
        if 0 <= row < self.model.rowCount():
            self.view.setCurrentIndex(self.model.index(row))

    def step(self, by: int) -> None:
        """Go to the next (+1) or previous (-1) photo."""
        index = self.view.currentIndex()
        self.select_row(index.row() + by if index.isValid() else 0)

    def focus_filter(self) -> None:
        self.bar.focus_filter()

    def clear_filters(self) -> None:
        self.bar.clear_filters()
        self.view.setFocus()

    def show_failed(self) -> None:
        """Show only the photos that could not be read."""
        self.bar.set_filter(Filter(status="failed"))

    def show_warned(self) -> None:
        """Show only the photos whose evidence does not lie on the specimen."""
        self.bar.set_filter(Filter(status="warned"))

    def keyPressEvent(self, event: QKeyEvent) -> None:
        if event.text() == "/":
            self.focus_filter()
            return
        super().keyPressEvent(event)

    # Following the model

    def _arranged(self) -> None:
        self.bar.set_names(self.model.classes, self.model.layers)
        shown, total = self.model.rowCount(), self.model.total
        self.counts.show_counts(shown, total, filtered=self.model.filter.active)
        self.empty.show_reason(filtered=total > 0)
        self._stack.setCurrentWidget(self.view if shown else self.empty)
        self._rest.start()

    def _restore(self) -> None:
        """After a reset Qt has lost the current row; find the same photo again."""
        row = self.model.row_of(self._told.photo.file) if self._told else -1
        if row >= 0:
            self.view.setCurrentIndex(self.model.index(row))
        else:
            self._tell(None)

    def _moved(self, index: QModelIndex, before: QModelIndex) -> None:
        if index.isValid():
            self._tell(index.data(ResultRole))

    def _data_changed(self, first: QModelIndex, last: QModelIndex) -> None:
        index = self.view.currentIndex()
        if index.isValid() and first.row() <= index.row() <= last.row():
            self._tell(index.data(ResultRole))

    def _tell(self, result: PhotoResult | None) -> None:
        """Announce the current photo if it, or what is known of it, has changed."""
        if result != self._told:
            self._told = result
            self.current_changed.emit(result)

    def _accept(self) -> None:
        result = self.current()
        if result is not None:
            self.accepted.emit(result)

    def _set_list(self, as_list: bool) -> None:
        self.view.set_list(as_list)
        self.view.scrollTo(self.view.currentIndex())
        self._rest.start()

    # Thumbnails

    def _want_thumbnails(self) -> None:
        """Ask for the cells in sight from top to bottom, then for the lines around them."""
        inner, outer = self.view.visible_rows(margin=0), self.view.visible_rows(margin=2)
        rows = [*inner, *(row for row in outer if row not in inner)]
        self._thumbnails.want([self._photo(row) for row in rows])

    def _photo(self, row: int) -> Photo:
        return self.model.result(row).photo

    def _thumbnail_ready(self, file: str) -> None:
        row = self.model.row_of(file)
        if row >= 0:
            self.view.update(self.model.index(row))
