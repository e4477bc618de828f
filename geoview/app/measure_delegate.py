"""How a photo looks in the Measure page's table: thumbnail, status, size and box."""

from __future__ import annotations

from PySide6.QtCore import QRect, QSize, Qt
from PySide6.QtGui import QColor, QPainter
from PySide6.QtWidgets import QStyle, QStyledItemDelegate, QStyleOptionViewItem, QWidget

from geoview.app import icons
from geoview.app import measure_words as words
from geoview.app.icons import Tint
from geoview.app.measure_model import Index, MeasureModel, RowRole
from geoview.app.measure_rows import Row
from geoview.app.theme import GAP, SMALL, Tokens, colours, figures
from geoview.app.thumbs import Thumbnails
from geoview.measured import MeasureStatus

_THUMB = QSize(52, 44)
ROW_PX = _THUMB.height() + 2 * SMALL
_MARK_PX = 16
_LEFT = Qt.AlignmentFlag.AlignLeft | Qt.AlignmentFlag.AlignVCenter
_RIGHT = Qt.AlignmentFlag.AlignRight | Qt.AlignmentFlag.AlignVCenter
TINTS: dict[MeasureStatus, Tint] = {"accepted": "ok", "review": "warn", "rejected": "error"}


class MeasureDelegate(QStyledItemDelegate):
    """Paints one cell; a photo without a scale says so where its millimetres would be, and what was
    measured with other settings is muted and marked.

    ``stacked`` puts the status below the name, for a table too narrow for a column of its own.
    """

    def __init__(self, thumbnails: Thumbnails, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._thumbnails = thumbnails
        self.stacked = False

    def sizeHint(self, option: QStyleOptionViewItem, index: Index) -> QSize:
        return QSize(80, ROW_PX)

    def paint(
        self,
        painter: QPainter,
        option: QStyleOptionViewItem,
        index: Index,
    ) -> None:
        row: Row = index.data(RowRole)
        tokens = colours(option.palette)
        painter.save()
        painter.setFont(figures(option.font))
        self._ground(painter, option, index, tokens)
        draw = (self._photo, self._status, self._size, self._box)[index.column()]
        draw(painter, option.rect.adjusted(GAP, SMALL, -GAP, -SMALL), tokens, row, index)
        painter.restore()

    def _ground(
        self,
        painter: QPainter,
        option: QStyleOptionViewItem,
        index: Index,
        tokens: Tokens,
    ) -> None:
        selected = bool(option.state & QStyle.StateFlag.State_Selected)
        hovered = bool(option.state & QStyle.StateFlag.State_MouseOver)
        if selected or hovered:
            painter.fillRect(option.rect, QColor(tokens.accent_soft if selected else tokens.hover))
        view = option.widget
        if selected and index.column() == 0 and isinstance(view, QWidget) and view.hasFocus():
            edge = QRect(option.rect.topLeft(), QSize(3, option.rect.height()))
            painter.fillRect(edge, QColor(tokens.accent))
        painter.setPen(QColor(tokens.border))
        painter.drawLine(option.rect.bottomLeft(), option.rect.bottomRight())

    def _photo(self, painter: QPainter, box: QRect, tokens: Tokens, row: Row, index: Index) -> None:
        frame = QRect(box.topLeft(), _THUMB)
        self._thumb(painter, frame, tokens, row)
        room = box.adjusted(_THUMB.width() + GAP, 0, 0, 0)
        if self.stacked:
            top, bottom = _halves(room)
            _text(painter, top, row.name, tokens.text)
            self._status(painter, bottom, tokens, row, index)
        elif row.name == row.file_name:
            _text(painter, room, row.name, tokens.text)
        else:
            top, bottom = _halves(room)
            _text(painter, top, row.name, tokens.text)
            _text(painter, bottom, row.file_name, tokens.muted)

    def _thumb(self, painter: QPainter, frame: QRect, tokens: Tokens, row: Row) -> None:
        pixmap = self._thumbnails.pixmap(row.photo)
        if pixmap is None:
            broken = bool(self._thumbnails.failure(row.photo))
            painter.fillRect(frame, QColor(tokens.error_soft if broken else tokens.sunken))
            if broken:
                _mark(painter, frame, "error", "error")
            return
        size = pixmap.size().scaled(frame.size(), Qt.AspectRatioMode.KeepAspectRatio)
        target = QRect(0, 0, size.width(), size.height())
        target.moveCenter(frame.center())
        painter.setRenderHint(QPainter.RenderHint.SmoothPixmapTransform)
        painter.drawPixmap(target, pixmap)

    def _status(
        self, painter: QPainter, box: QRect, tokens: Tokens, row: Row, index: Index
    ) -> None:
        if row.measurement is None:
            _text(painter, box, "Not measured", tokens.muted)
            return
        status = row.measurement.status
        icon, tint = words.STATUS_ICONS[status], TINTS[status]
        if _is_outdated(index, row):
            icon, tint = "refresh", "muted"
        mark = QRect(box.x(), box.y(), _MARK_PX, box.height())
        _mark(painter, mark, icon, tint, side=_MARK_PX)
        room = box.adjusted(_MARK_PX + SMALL, 0, 0, 0)
        _text(painter, room, words.STATUS_WORDS[status], getattr(tokens, tint))

    def _size(
        self,
        painter: QPainter,
        box: QRect,
        tokens: Tokens,
        row: Row,
        index: Index,
    ) -> None:
        model = index.model()
        if row.measurement is None or not isinstance(model, MeasureModel):
            return
        said = words.pair(row.measurement, model.unit)
        spread = words.spread(row.measurement, model.unit)
        if not spread:
            _text(painter, box, said, tokens.muted, _RIGHT)
            return
        top, bottom = _halves(box)
        colour = tokens.muted if _is_outdated(index, row) else tokens.text
        _text(painter, top, said, colour, _RIGHT)
        _text(painter, bottom, spread, tokens.muted, _RIGHT)

    def _box(
        self,
        painter: QPainter,
        box: QRect,
        tokens: Tokens,
        row: Row,
        index: Index,
    ) -> None:
        painter.setPen(QColor(tokens.text))
        painter.drawText(box, _LEFT | Qt.TextFlag.TextWordWrap, index.data())


def _is_outdated(index: Index, row: Row) -> bool:
    model = index.model()
    return isinstance(model, MeasureModel) and model.is_outdated(row)


def _halves(box: QRect) -> tuple[QRect, QRect]:
    half = box.height() // 2
    return (
        QRect(box.x(), box.y(), box.width(), half),
        QRect(box.x(), box.y() + half, box.width(), half),
    )


def _mark(painter: QPainter, frame: QRect, icon: str, tint: Tint, *, side: int = 20) -> None:
    mark = QRect(0, 0, side, side)
    mark.moveCenter(frame.center())
    painter.drawPixmap(mark, icons.pixmap(icon, side, tint))


def _text(
    painter: QPainter,
    rect: QRect,
    text: str,
    colour: str,
    flags: Qt.AlignmentFlag = _LEFT,
) -> None:
    painter.setPen(QColor(colour))
    room = painter.fontMetrics().elidedText(text, Qt.TextElideMode.ElideMiddle, rect.width())
    painter.drawText(rect, flags, room)
