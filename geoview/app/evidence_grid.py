"""The evidence for every class of a photo as small maps, all on one scale."""

from __future__ import annotations

from collections.abc import Sequence

from PySide6.QtCore import QRect, QRectF, QSize, Qt, Signal
from PySide6.QtGui import QColor, QImage, QPainter, QPaintEvent, QPen, QPixmap, QResizeEvent
from PySide6.QtWidgets import QAbstractButton, QGridLayout, QWidget

from geoview.app import overlay, words
from geoview.app.theme import GAP, SMALL, colours, figures
from geoview.records import Heatmap

_LEAST_PX = 88
_OPACITY = 0.6


class EvidenceTile(QAbstractButton):
    """A class's map over the small photo, with its name and probability below."""

    def __init__(self, parent: QWidget) -> None:
        super().__init__(parent)
        self.class_name = ""
        self._probability = 0.0
        self._photo = QPixmap()
        self._heat: QImage | None = None
        self._box = QRectF()
        self.setCheckable(True)
        self.setAutoExclusive(False)
        self.setFocusPolicy(Qt.FocusPolicy.StrongFocus)
        self.setCursor(Qt.CursorShape.PointingHandCursor)

    def show_map(
        self,
        heatmap: Heatmap,
        photo: QPixmap,
        *,
        size_px: QSize,
        probability: float,
        peak: float,
        colormap: str,
    ) -> None:
        """``size_px`` is that of the oriented original, the frame of the map's box."""
        self.class_name, self._probability, self._photo = heatmap.class_name, probability, photo
        drawn = overlay.shows_evidence(heatmap, peak=peak)
        self._heat = overlay.cells_image(heatmap, peak=peak, colormap=colormap) if drawn else None
        whole = overlay.box(heatmap)
        across, down = 1 / max(1, size_px.width()), 1 / max(1, size_px.height())
        self._box = QRectF(
            whole.x() * across, whole.y() * down, whole.width() * across, whole.height() * down
        )
        said = "" if drawn else ", no evidence in this photo"
        name = f"{words.sentence(self.class_name)}, {words.probability(probability)}{said}"
        self.setAccessibleName(name)
        self.setAccessibleDescription("Press to show this evidence over the photo")
        self.setToolTip(name)
        self.update()

    def sizeHint(self) -> QSize:
        return QSize(_LEAST_PX, self.heightForWidth(_LEAST_PX))

    def heightForWidth(self, width: int) -> int:
        return round(width * 0.75) + self.fontMetrics().height() + SMALL

    def paintEvent(self, event: QPaintEvent) -> None:
        painter = QPainter(self)
        painter.setRenderHint(QPainter.RenderHint.SmoothPixmapTransform)
        tokens = colours(self.palette())
        text = self.fontMetrics().height() + SMALL
        room = self.rect().adjusted(1, 1, -1, -text)
        painter.fillRect(room, QColor(tokens.viewer))
        place = self._fitted(room)
        painter.drawPixmap(place, self._photo)
        if self._heat is not None:
            painter.setOpacity(_OPACITY)
            painter.drawImage(self._part(place), self._heat)
            painter.setOpacity(1)
        self._frame(painter, room)
        painter.setFont(figures(self.font()))
        painter.setPen(QColor(tokens.text if self._heat is not None else tokens.muted))
        line = QRect(0, self.height() - text + SMALL // 2, self.width(), text - SMALL // 2)
        number = words.probability(self._probability)
        width = line.width() - painter.fontMetrics().horizontalAdvance(number) - SMALL
        name = words.sentence(self.class_name)
        short = painter.fontMetrics().elidedText(name, Qt.TextElideMode.ElideRight, width)
        painter.drawText(line, Qt.AlignmentFlag.AlignLeft | Qt.AlignmentFlag.AlignVCenter, short)
        painter.drawText(line, Qt.AlignmentFlag.AlignRight | Qt.AlignmentFlag.AlignVCenter, number)
        painter.end()

    def _frame(self, painter: QPainter, room: QRect) -> None:
        tokens = colours(self.palette())
        if self.isChecked() or self.hasFocus():
            painter.setPen(QPen(QColor(tokens.accent), 2))
            painter.drawRect(room)

    def _fitted(self, room: QRect) -> QRect:
        size = self._photo.size().scaled(room.size(), Qt.AspectRatioMode.KeepAspectRatio)
        place = QRect(room.topLeft(), size)
        place.moveCenter(room.center())
        return place

    def _part(self, place: QRect) -> QRectF:
        return QRectF(
            place.x() + self._box.x() * place.width(),
            place.y() + self._box.y() * place.height(),
            self._box.width() * place.width(),
            self._box.height() * place.height(),
        )


class EvidenceGrid(QWidget):
    """Tiles that are kept and refilled from photo to photo. ``chosen(name)`` is a click."""

    chosen = Signal(str)

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._tiles: list[EvidenceTile] = []
        self._used = 0
        self._columns = 0
        self._marked = ""
        self._grid = QGridLayout(self)
        self._grid.setContentsMargins(GAP, 0, GAP, 0)
        self._grid.setSpacing(GAP)

    def show_maps(
        self,
        heatmaps: Sequence[Heatmap],
        photo: QPixmap,
        *,
        size_px: QSize,
        probabilities: dict[str, float],
        colormap: str,
    ) -> None:
        """Maps of one photo by one method; those of classes without a probability are left out."""
        shown = [m for m in heatmaps if m.class_name in probabilities]
        shown.sort(key=lambda m: -probabilities[m.class_name])
        peak = max((m.peak for m in shown), default=0.0)
        while len(self._tiles) < len(shown):
            self._add()
        for tile, heatmap in zip(self._tiles, shown, strict=False):
            tile.show_map(
                heatmap,
                photo,
                size_px=size_px,
                probability=probabilities[heatmap.class_name],
                peak=peak,
                colormap=colormap,
            )
        self._used = len(shown)
        self._place(force=True)
        self.mark(self._marked)

    def tiles(self) -> list[EvidenceTile]:
        """The tiles in use, the most probable class first."""
        return self._tiles[: self._used]

    def mark(self, name: str) -> None:
        """Show which class is over the photo."""
        self._marked = name
        for tile in self._tiles:
            tile.setChecked(tile.class_name == name)

    def resizeEvent(self, event: QResizeEvent) -> None:
        super().resizeEvent(event)
        self._place()

    def _add(self) -> None:
        tile = EvidenceTile(self)
        tile.clicked.connect(lambda: self.chosen.emit(tile.class_name))
        self._tiles.append(tile)

    def _place(self, *, force: bool = False) -> None:
        columns = max(1, (self.width() - GAP) // (_LEAST_PX + GAP))
        if columns == self._columns and not force:
            self._fit_heights()
            return
        self._columns = columns
        for i, tile in enumerate(self._tiles):
            self._grid.removeWidget(tile)
            tile.setVisible(i < self._used)
            if i < self._used:
                self._grid.addWidget(tile, i // columns, i % columns)
        self._fit_heights()

    def _fit_heights(self) -> None:
        width = (self.width() - 2 * GAP - (self._columns - 1) * GAP) // self._columns
        for tile in self.tiles():
            tile.setFixedHeight(tile.heightForWidth(max(width, _LEAST_PX)))
