"""The table of the Measure page, with its filters: everything, or only what needs a person."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from PySide6.QtCore import QModelIndex, QSize, Qt, QTimer, Signal
from PySide6.QtGui import QKeyEvent, QPixmap, QResizeEvent, QShowEvent
from PySide6.QtWidgets import (
    QAbstractItemView,
    QButtonGroup,
    QHBoxLayout,
    QHeaderView,
    QSizePolicy,
    QStackedWidget,
    QTableView,
    QToolButton,
    QVBoxLayout,
    QWidget,
)

from geoview.app.browser_bar import FilterEdit
from geoview.app.measure_delegate import ROW_PX, MeasureDelegate
from geoview.app.measure_model import COLUMNS, MeasureModel, RowRole
from geoview.app.measure_rows import SHOWS, Row, Show, SortKey
from geoview.app.measure_words import Unit
from geoview.app.parts import button, describe, label
from geoview.app.theme import GAP, SMALL, figures, set_role
from geoview.app.thumbs import Thumbnails
from geoview.app.words import count

_REST_MS = 40
_BOX_PX = 72
_STATUS_PX = 104
_SIZE_PX = 104
# Name, status and size side by side need so much.
_LEAST_PX = 288
# Below these widths the status stands under the name, and the box is left to the panel.
_ROOM_FOR_STATUS_PX = 480
_ROOM_FOR_BOX_PX = 352
_EMPTY: dict[Show, str] = {
    "all": "No photo matches the filter.",
    "review": "Nothing waits for review. Doubtful measurements gather here.",
    "accepted": "Nothing is accepted yet. Measure the photos, or accept doubtful ones by hand.",
    "rejected": "Nothing is rejected.",
}


class TableView(QTableView):
    """Whole rows, no grid; letters are left to the page's keys."""

    scrolled = Signal()

    def __init__(self, delegate: MeasureDelegate, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.setItemDelegate(delegate)
        self.setSelectionBehavior(QAbstractItemView.SelectionBehavior.SelectRows)
        self.setSelectionMode(QAbstractItemView.SelectionMode.SingleSelection)
        self.setEditTriggers(QAbstractItemView.EditTrigger.NoEditTriggers)
        self.setShowGrid(False)
        self.setTabKeyNavigation(False)
        self.setMouseTracking(True)
        self.setVerticalScrollMode(QAbstractItemView.ScrollMode.ScrollPerPixel)
        self.setHorizontalScrollBarPolicy(Qt.ScrollBarPolicy.ScrollBarAlwaysOff)
        self.setVerticalScrollBarPolicy(Qt.ScrollBarPolicy.ScrollBarAlwaysOn)
        self.verticalHeader().hide()
        self.verticalHeader().setSectionResizeMode(QHeaderView.ResizeMode.Fixed)
        self.verticalHeader().setDefaultSectionSize(ROW_PX)
        self.verticalScrollBar().valueChanged.connect(self.scrolled)
        describe(self, "Measurements")
        self.horizontalHeader().setAccessibleName("Columns of the measurements")
        self.verticalHeader().setAccessibleName("Rows of the measurements")
        self.setAccessibleDescription("Up and Down change the photo, Enter accepts it")

    def keyboardSearch(self, text: str) -> None:
        """Letters are keys of the page, not a search."""

    def visible_places(self, *, margin: int) -> range:
        model = self.model()
        rows = model.rowCount() if model is not None else 0
        first = self.rowAt(0)
        last = self.rowAt(self.viewport().height() - 1)
        last = rows - 1 if last < 0 else last
        return range(max(0, first - margin), min(rows, last + margin + 1)) if rows else range(0)


class MeasureTable(QWidget):
    """Emits ``current_changed(Row | None)`` when another photo is chosen."""

    current_changed = Signal(object)
    measure_wanted = Signal()

    def __init__(self, thumbnails: Thumbnails, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._thumbnails = thumbnails
        self._told: str | None = None
        self._place = 0
        self.model = MeasureModel(self)
        self._delegate = MeasureDelegate(thumbnails, self)
        self.view = TableView(self._delegate)
        self.view.setModel(self.model)
        self.text = FilterEdit()
        self.text.setPlaceholderText("Filter by number or file")
        self.text.setClearButtonEnabled(True)
        describe(self.text, "Filter measurements", "Show photos whose name holds these words  /")
        self.shows: dict[Show, QToolButton] = {}
        self.empty_text = label(role="muted", wrap=True)
        self.empty_text.setAlignment(Qt.AlignmentFlag.AlignCenter)
        self.empty_action = button("Show all", self._leave_empty)
        self._rest = QTimer(self)
        self._rest.setSingleShot(True)
        self._rest.setInterval(_REST_MS)
        self._lay_out()
        self._connect()
        self._set_columns()

    def _lay_out(self) -> None:
        bar = QHBoxLayout()
        bar.setSpacing(0)
        group = QButtonGroup(self)
        group.setExclusive(True)
        for show, title in SHOWS.items():
            self.shows[show] = self._show_button(show, title)
            group.addButton(self.shows[show])
            bar.addWidget(self.shows[show], 1)
        self.shows["all"].setChecked(True)
        top = QVBoxLayout()
        top.setContentsMargins(GAP, GAP, GAP, GAP)
        top.setSpacing(SMALL)
        top.addWidget(self.text)
        top.addLayout(bar)
        self.setMinimumWidth(_LEAST_PX)
        self._stack = QStackedWidget()
        self._stack.addWidget(self.view)
        self._stack.addWidget(self._empty())
        column = QVBoxLayout(self)
        column.setContentsMargins(0, 0, 0, 0)
        column.setSpacing(0)
        column.addLayout(top)
        column.addWidget(self._stack, 1)

    def _show_button(self, show: Show, title: str) -> QToolButton:
        made = QToolButton()
        made.setCheckable(True)
        made.setFont(figures(made.font()))
        made.setFocusPolicy(Qt.FocusPolicy.StrongFocus)
        set_role(made, "segment")
        describe(made, title)
        made.setMinimumWidth(40)
        made.setSizePolicy(QSizePolicy.Policy.Expanding, QSizePolicy.Policy.Fixed)
        made.clicked.connect(lambda: self.show_only(show))
        return made

    def _empty(self) -> QWidget:
        made = QWidget()
        set_role(made, "panel")
        column = QVBoxLayout(made)
        column.setContentsMargins(3 * GAP, 3 * GAP, 3 * GAP, 3 * GAP)
        column.setSpacing(2 * GAP)
        column.addStretch(1)
        column.addWidget(self.empty_text)
        column.addWidget(self.empty_action, 0, Qt.AlignmentFlag.AlignHCenter)
        column.addStretch(2)
        return made

    def _connect(self) -> None:
        self.text.textChanged.connect(lambda text: self.model.want(text=text))
        self.text.leave.connect(self.view.setFocus)
        self.model.arranged.connect(self._arranged)
        self.model.modelReset.connect(self._restore)
        self.view.selectionModel().currentRowChanged.connect(self._moved)
        self.view.scrolled.connect(self._rest.start)
        self._rest.timeout.connect(self._want_thumbnails)
        self._thumbnails.ready.connect(self._thumbnail_ready)
        header = self.view.horizontalHeader()
        header.setSectionsClickable(True)
        header.sectionClicked.connect(self._sort_by)

    def _set_columns(self) -> None:
        header = self.view.horizontalHeader()
        header.setHighlightSections(False)
        header.setMinimumSectionSize(40)
        header.setSectionResizeMode(QHeaderView.ResizeMode.Fixed)
        header.setSectionResizeMode(0, QHeaderView.ResizeMode.Stretch)
        for column, width in ((1, _STATUS_PX), (2, _SIZE_PX), (3, _BOX_PX)):
            self.view.setColumnWidth(column, width)
        header.setSortIndicatorShown(True)
        header.setSortIndicator(0, Qt.SortOrder.AscendingOrder)
        header.setToolTip("Click to sort, again to turn the order around. Size: length × width")

    def sizeHint(self) -> QSize:
        return QSize(392, 640)

    # What the page calls

    def set_rows(self, rows: Sequence[Row]) -> None:
        """Show a folder; the current photo stays current if it is still there."""
        self._thumbnails.forget_failures()
        before, self._told = self._told, None
        self.model.set_rows(rows)
        self.select_place(max(0, self.model.place_of(before) if before else 0))
        if self._told is None:
            self.current_changed.emit(None)

    def set_unit(self, unit: Unit) -> None:
        self.model.set_unit(unit)

    def current(self) -> Row | None:
        index = self.view.currentIndex()
        return index.data(RowRole) if index.isValid() else None

    def current_thumbnail(self) -> QPixmap | None:
        row = self.current()
        return self._thumbnails.pixmap(row.photo) if row else None

    def select_place(self, place: int) -> None:
        if 0 <= place < self.model.rowCount():
            self.view.setCurrentIndex(self.model.index(place, 0))

    def select_file(self, file: str) -> bool:
        """Make a photo current, if need be by showing all of them."""
        if self.model.find(file) is None:
            return False
        if self.model.place_of(file) < 0:
            self.show_all()
        self.select_place(self.model.place_of(file))
        return True

    def step(self, by: int) -> None:
        """Go to the next (+1) or previous (-1) photo."""
        index = self.view.currentIndex()
        self.select_place(index.row() + by if index.isValid() else 0)

    def neighbour(self, *, by: int = 1) -> str | None:
        """The file shown after (or before) the current one, if there is one."""
        index = self.view.currentIndex()
        # A photo that has left the filter is followed by the one that took its place.
        place = index.row() + by if index.isValid() else self._place
        if not 0 <= place < self.model.rowCount():
            return None
        return self.model.row(place).photo.file

    def show_only(self, show: Show) -> None:
        """Filter by status."""
        self.shows[show].setChecked(True)
        self.model.want(show=show)
        if self.current() is None:
            self.select_place(0)

    def show_all(self) -> None:
        self.text.clear()
        self.show_only("all")

    def focus_filter(self) -> None:
        self.text.setFocus()
        self.text.selectAll()

    def keyPressEvent(self, event: QKeyEvent) -> None:
        if event.text() == "/":
            self.focus_filter()
            return
        super().keyPressEvent(event)

    # Following the model

    def _sort_by(self, column: int) -> None:
        wanted = self.model.wanted
        key: SortKey = COLUMNS[column][0]
        descending = not wanted.descending if key == wanted.key else False
        self.model.want(key=key, descending=descending)
        order = Qt.SortOrder.DescendingOrder if descending else Qt.SortOrder.AscendingOrder
        self.view.horizontalHeader().setSortIndicator(column, order)
        self.view.scrollTo(self.view.currentIndex())

    def _arranged(self) -> None:
        found = self.model.counts()
        for show, made in self.shows.items():
            text = f"{SHOWS[show]}\n{count(found[show])}"
            if made.text() != text:
                made.setText(text)
                made.setAccessibleName(f"{SHOWS[show]}, {count(found[show])}")
        if self.model.rowCount():
            self._stack.setCurrentWidget(self.view)
        else:
            self._show_empty(found)
        self._rest.start()

    def _show_empty(self, found: dict[Show, int]) -> None:
        show = self.model.wanted.show
        measured = any(found[key] for key in found if key != "all")
        if not self.model.total:
            text, action = "There are no photos in this folder.", ""
        elif self.model.wanted.text:
            text, action = _EMPTY["all"], "Show all"
        elif not measured:
            text, action = "The photos have not been measured yet.", "Measure all"
        else:
            text, action = _EMPTY[show], "Show all"
        self.empty_text.setText(text)
        self.empty_action.setText(action)
        self.empty_action.setAccessibleName(action or "Nothing to do")
        self.empty_action.setVisible(bool(action))
        self._stack.setCurrentIndex(1)

    def _leave_empty(self) -> None:
        act: Callable[[], object] = self.show_all
        if self.empty_action.text() == "Measure all":
            act = self.measure_wanted.emit
        act()
        self.view.setFocus()

    def _restore(self) -> None:
        """After a reset Qt has lost the current row; find the same photo, or what took its
        place."""
        place = self.model.place_of(self._told) if self._told else -1
        if place >= 0:
            self.select_place(place)
        elif self._told is not None and self.model.find(self._told) is None:
            self._tell(None)

    def _moved(self, index: QModelIndex, before: QModelIndex) -> None:
        if index.isValid():
            self._place = index.row()
            self._tell(index.data(RowRole))

    def _tell(self, row: Row | None) -> None:
        file = row.photo.file if row else None
        if file != self._told:
            self._told = file
            self.current_changed.emit(row)

    # Thumbnails

    def showEvent(self, event: QShowEvent) -> None:
        super().showEvent(event)
        self._rest.start()

    def resizeEvent(self, event: QResizeEvent) -> None:
        super().resizeEvent(event)
        self._delegate.stacked = self.width() < _ROOM_FOR_STATUS_PX
        self.view.setColumnHidden(1, self._delegate.stacked)
        self.view.setColumnHidden(3, self.width() < _ROOM_FOR_BOX_PX)
        self._rest.start()

    def _want_thumbnails(self) -> None:
        inner = self.view.visible_places(margin=0)
        outer = self.view.visible_places(margin=8)
        places = [*inner, *(place for place in outer if place not in inner)]
        self._thumbnails.want([self.model.row(place).photo for place in places])

    def _thumbnail_ready(self, file: str) -> None:
        place = self.model.place_of(file)
        if place >= 0:
            self.view.update(self.model.index(place, 0))
