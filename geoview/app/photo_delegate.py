"""How a photo looks in the browser: a cell of the grid, or a line of the list."""

from __future__ import annotations

from PySide6.QtCore import QModelIndex, QObject, QPersistentModelIndex, QRect, QRectF, QSize, Qt
from PySide6.QtGui import QColor, QFont, QFontMetrics, QPainter, QPalette, QPen
from PySide6.QtWidgets import QStyle, QStyledItemDelegate, QStyleOptionViewItem, QWidget

from geoview.app import icons, words
from geoview.app.bars import paint_doubt, paint_status, paint_swatch
from geoview.app.photo_model import ResultRole
from geoview.app.photo_order import is_uncertain
from geoview.app.theme import GAP, SMALL, Tokens, colours, figures
from geoview.app.thumbs import Thumbnails
from geoview.records import PhotoResult

_LEFT = Qt.AlignmentFlag.AlignLeft | Qt.AlignmentFlag.AlignVCenter
_DOT = 8
_MARK = 14
_SWATCH = QSize(24, 14)
_LIST_THUMB = QSize(60, 44)


class PhotoDelegate(QStyledItemDelegate):
    """Paints thumbnail, name or depth, dominant lithology, status and uncertainty."""

    def __init__(self, thumbnails: Thumbnails, parent: QObject | None = None) -> None:
        super().__init__(parent)
        self._thumbnails = thumbnails
        self.as_list = False

    def cell_height(self, width: int, font: QFont) -> int:
        """Height that goes with a cell's width."""
        line = QFontMetrics(font).height() + SMALL
        if self.as_list:
            return max(_LIST_THUMB.height(), 2 * line) + GAP
        return round((width - 2 * GAP) * 0.75) + 2 * line + 2 * GAP + SMALL

    def failure(self, result: PhotoResult) -> str:
        """Why the thumbnail could not be made, unless the analysis has said so already."""
        return "" if result.reason else self._thumbnails.failure(result.photo)

    def sizeHint(
        self, option: QStyleOptionViewItem, index: QModelIndex | QPersistentModelIndex
    ) -> QSize:
        view = option.widget
        size = view.gridSize() if hasattr(view, "gridSize") else QSize()
        return size if size.isValid() else QSize(160, self.cell_height(160, option.font))

    def paint(
        self,
        painter: QPainter,
        option: QStyleOptionViewItem,
        index: QModelIndex | QPersistentModelIndex,
    ) -> None:
        result: PhotoResult = index.data(ResultRole)
        painter.save()
        painter.setFont(figures(option.font))
        self._ground(painter, option)
        box = option.rect.adjusted(GAP, SMALL, -GAP, -SMALL)
        draw = self._line if self.as_list else self._cell
        draw(painter, box, option.palette, result)
        painter.restore()

    def _ground(self, painter: QPainter, option: QStyleOptionViewItem) -> None:
        tokens = colours(option.palette)
        selected = bool(option.state & QStyle.StateFlag.State_Selected)
        hovered = bool(option.state & QStyle.StateFlag.State_MouseOver)
        view = option.widget
        focused = selected and isinstance(view, QWidget) and view.hasFocus()
        area = QRectF(option.rect).adjusted(2, 2, -2, -2)
        if selected or hovered:
            painter.setRenderHint(QPainter.RenderHint.Antialiasing)
            painter.setPen(QPen(QColor(tokens.accent), 2) if focused else Qt.PenStyle.NoPen)
            painter.setBrush(QColor(tokens.accent_soft if selected else tokens.hover))
            painter.drawRoundedRect(area, 4, 4)

    def _cell(self, painter: QPainter, box: QRect, palette: QPalette, result: PhotoResult) -> None:
        line = painter.fontMetrics().height() + SMALL
        text = QRect(box.x(), box.bottom() + 1 - 2 * line, box.width(), line)
        frame = QRect(box.x(), box.y() + SMALL, box.width(), text.y() - box.y() - GAP)
        self._thumb(painter, frame, colours(palette), result)
        _status(painter, text, colours(palette), result)
        room = text.adjusted(0, 0, -_DOT - GAP, 0)
        _text(painter, room, words.title(result.photo), colours(palette).text)
        _verdict(painter, text.translated(0, line), palette, result)

    def _line(self, painter: QPainter, box: QRect, palette: QPalette, result: PhotoResult) -> None:
        frame = QRect(box.x(), box.y(), _LIST_THUMB.width(), box.height())
        self._thumb(painter, frame, colours(palette), result)
        half = box.height() // 2
        text = QRect(frame.right() + 1 + GAP, box.y(), box.right() - frame.right() - GAP, half)
        _status(painter, text, colours(palette), result)
        name = result.photo.file.rpartition("/")[2]
        title = words.title(result.photo)
        room = text.adjusted(0, 0, -_DOT - GAP, 0)
        _text(painter, room, title if title == name else f"{title}   {name}", colours(palette).text)
        _verdict(painter, text.translated(0, half), palette, result)

    def _thumb(self, painter: QPainter, frame: QRect, tokens: Tokens, result: PhotoResult) -> None:
        pixmap = self._thumbnails.pixmap(result.photo)
        if pixmap is None:
            broken = self._thumbnails.failure(result.photo) or result.status == "failed"
            _placeholder(painter, frame, tokens, "Could not be read" if broken else "")
            return
        size = pixmap.size().scaled(frame.size(), Qt.AspectRatioMode.KeepAspectRatio)
        target = QRect(0, 0, size.width(), size.height())
        target.moveCenter(frame.center())
        painter.setRenderHint(QPainter.RenderHint.SmoothPixmapTransform)
        painter.fillRect(frame, QColor(tokens.viewer))
        painter.drawPixmap(target, pixmap)


def _status(painter: QPainter, line: QRect, tokens: Tokens, result: PhotoResult) -> None:
    dot = QRectF(line.right() - _DOT, line.center().y() - _DOT / 2 + 1, _DOT, _DOT)
    paint_status(painter, dot, result.status, tokens)


def _verdict(painter: QPainter, line: QRect, palette: QPalette, result: PhotoResult) -> None:
    """Badge and name of the dominant lithology, or why there is none."""
    tokens = colours(palette)
    prediction = result.prediction
    if prediction is None:
        failed = result.status == "failed"
        said = "Could not be read" if failed else "Not analysed"
        _text(painter, line, said, tokens.error if failed else tokens.muted)
        return
    top = line.y() + (line.height() - _SWATCH.height()) / 2
    badge = QRectF(line.x(), top, _SWATCH.width(), _SWATCH.height())
    paint_swatch(painter, badge, prediction.dominant, palette)
    rest = line.adjusted(_SWATCH.width() + 6, 0, 0, 0)
    if is_uncertain(result):
        mark = QRectF(rest.right() - 11, line.center().y() - _MARK / 2 + 1, _MARK, _MARK)
        paint_doubt(painter, mark, tokens)
        rest.adjust(0, 0, -_MARK - SMALL, 0)
    _text(painter, rest, words.verdict(prediction), tokens.text)


def _placeholder(painter: QPainter, frame: QRect, tokens: Tokens, text: str) -> None:
    painter.setPen(Qt.PenStyle.NoPen)
    painter.setBrush(QColor(tokens.error_soft if text else tokens.sunken))
    painter.drawRoundedRect(frame, 2, 2)
    if text and frame.width() < 2 * _LIST_THUMB.width():
        side = 20
        mark = QRect(0, 0, side, side)
        mark.moveCenter(frame.center())
        painter.drawPixmap(mark, icons.pixmap("error", side, "error"))
    elif text:
        painter.setPen(QColor(tokens.error))
        flags = Qt.AlignmentFlag.AlignCenter | Qt.TextFlag.TextWordWrap
        painter.drawText(frame.adjusted(SMALL, SMALL, -SMALL, -SMALL), flags, text)


def _text(painter: QPainter, rect: QRect, text: str, colour: str) -> None:
    painter.setPen(QColor(colour))
    room = painter.fontMetrics().elidedText(text, Qt.TextElideMode.ElideMiddle, rect.width())
    painter.drawText(rect, _LEFT, room)
