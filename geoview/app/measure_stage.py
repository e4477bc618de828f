"""The photo of the Measure page: decoded in the background, panned, zoomed, magnified."""

from __future__ import annotations

from collections.abc import Sequence

from PySide6.QtCore import QPointF, QRectF, QSizeF, Qt, Signal
from PySide6.QtGui import QAction, QKeySequence, QPixmap
from PySide6.QtWidgets import QVBoxLayout, QWidget

from geoview.app import icons
from geoview.app.background import Background
from geoview.app.canvas import Level
from geoview.app.measure_bar import PlaceBar
from geoview.app.measure_canvas import MeasureCanvas
from geoview.app.measure_loupe import ColouredLine, Loupe
from geoview.app.measure_rows import Row
from geoview.app.photo_loader import Loaded, PhotoLoader
from geoview.app.words import NO_PHOTO
from geoview.measured import Point

# The undecoded photo's size is known only from its measurement.
_PREVIEW_FACTOR = 16


class PhotoStage(QWidget):
    """Shows one photo; ``ready()`` tells that it has been decoded, at whatever resolution."""

    ready = Signal()
    full_screen_wanted = Signal()

    def __init__(self, background: Background, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._row: Row | None = None
        self._pointer: QPointF | None = None
        self._held: Point | None = None
        self.sized = False
        self.loader = PhotoLoader(background, parent=self)
        self.canvas = MeasureCanvas(self)
        self.loupe = Loupe(self.canvas)
        self.fit_action = self._action("zoom-fit", "Fit", "0")
        self.pixels_action = self._action("zoom-pixels", "Zoom to pixels", "Z")
        self.full_action = self._action("fullscreen", "Full screen", "F")
        self.place = PlaceBar(self.actions_of_view(), self)
        column = QVBoxLayout(self)
        column.setContentsMargins(0, 0, 0, 0)
        column.setSpacing(0)
        column.addWidget(self.canvas, 1)
        self._connect()

    def _action(self, icon: str, text: str, key: str) -> QAction:
        action = QAction(icons.icon(icon), text, self)
        action.setShortcut(QKeySequence(key))
        action.setShortcutContext(Qt.ShortcutContext.WidgetWithChildrenShortcut)
        action.setToolTip(f"{text}  {key}")
        return action

    def actions_of_view(self) -> list[QAction]:
        return [self.fit_action, self.pixels_action, self.full_action]

    def _connect(self) -> None:
        canvas = self.canvas
        self.fit_action.triggered.connect(canvas.fit)
        self.pixels_action.triggered.connect(lambda: canvas.toggle_pixels(self._pixel_place()))
        self.full_action.triggered.connect(self.full_screen_wanted)
        canvas.hovered.connect(self._hovered)
        canvas.view_changed.connect(self._view_changed)
        self.loader.loaded.connect(self._loaded)
        self.loader.failed.connect(self._unreadable)

    # What the editor calls

    def show_row(self, row: Row | None, preview: QPixmap | None) -> None:
        """Show another photo; ``preview`` (a thumbnail) stands in until it is decoded."""
        self._row = row
        self.sized = False
        self.hold(None)
        if row is None:
            self.canvas.set_photo(QSizeF(), ())
            self.canvas.say(NO_PHOTO)
            self.loader.load(None, screen_px=0)
            return
        self.canvas.say("" if preview else "Loading…")
        self._show_preview(row, preview)
        side = max(480, min(self.canvas.width(), self.canvas.height()))
        self.loader.load(row.photo, screen_px=round(side * self.devicePixelRatioF()))

    def hold(
        self, place: Point | None, *, colour: str = "", lines: Sequence[ColouredLine] = ()
    ) -> None:
        """Magnify the place of a chosen handle, at full resolution once that is decoded."""
        self._held = place
        if place is None:
            self.loupe.hide()
            return
        self.loader.want_scale(1.0)
        self.loupe.show_at(
            place,
            level=self.canvas.photo.best(),
            size=self.canvas.photo_size,
            colour=colour,
            lines=lines,
            on_screen=self.canvas.to_widget(place),
        )

    def in_sight(self) -> QRectF:
        """The part of the photo that is seen."""
        return self.canvas.box.viewRect() & QRectF(QPointF(), self.canvas.photo_size)

    # The photo

    def _show_preview(self, row: Row, preview: QPixmap | None) -> None:
        found = row.measurement
        self.sized = found is not None and found.width_px > 0
        size = QSizeF()
        if found is not None and found.width_px > 0:
            size = QSizeF(found.width_px, found.height_px)
        elif preview is not None:
            size = QSizeF(preview.size()) * _PREVIEW_FACTOR
        levels: tuple[Level, ...] = ()
        if preview is not None:
            levels = (Level(preview.toImage(), preview.width() / size.width()),)
        self.canvas.set_photo(size, levels)

    def _loaded(self, loaded: Loaded) -> None:
        self.sized = True
        self.canvas.say("")
        self.canvas.set_photo(QSizeF(loaded.width_px, loaded.height_px), loaded.levels)
        self.ready.emit()
        self._view_changed()

    def _unreadable(self, reason: str) -> None:
        self.canvas.set_photo(QSizeF(), ())
        name = self._row.file_name if self._row else "This photo"
        self.canvas.say(f"{name} could not be read.\n\n{reason}")

    # The view

    def _view_changed(self) -> None:
        scale = self.canvas.scale_px * self.devicePixelRatioF()
        self.loader.want_scale(1.0 if self._held is not None else scale)
        self._show_place()

    def _hovered(self, point: QPointF | None) -> None:
        self._pointer = point
        self._show_place()

    def _show_place(self) -> None:
        point = self._pointer
        inside = point is not None and QRectF(QPointF(), self.canvas.photo_size).contains(point)
        scale = self.canvas.scale_px * self.devicePixelRatioF() if self.sized else 0.0
        self.place.show_place(point if inside and self.sized else None, zoom=scale)

    def _pixel_place(self) -> QPointF | None:
        """Zooming in keeps the chosen handle, or else the pointer, in sight."""
        return QPointF(*self._held) if self._held is not None else self._pointer
