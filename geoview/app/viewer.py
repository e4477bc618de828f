"""The viewer: the photo, the evidence for a class over it, and the bare photo beside it."""

from __future__ import annotations

from collections.abc import Sequence

from PySide6.QtCore import QPointF, QRectF, QSize, QSizeF, Qt, QTimer, Signal
from PySide6.QtGui import QAction, QKeySequence, QPixmap
from PySide6.QtWidgets import QHBoxLayout, QVBoxLayout, QWidget

from geoview.app import icons, overlay
from geoview.app.background import Background
from geoview.app.canvas import Canvas, Level, View
from geoview.app.photo_loader import Loaded, PhotoLoader
from geoview.app.viewer_bar import ControlBars, OverlayBar, ReadOut
from geoview.records import Heatmap, PhotoResult

_SETTLE_MS = 120
_NO_PHOTO = "Choose a photo on the left to see it here."


class Viewer(QWidget):
    """Shows one photo. Asks for heatmaps by ``heatmap_wanted(class, method)`` when the overlay is
    on; the answer comes through ``show_heatmap`` or ``show_heatmap_failure``."""

    heatmap_wanted = Signal(str, str)
    step_wanted = Signal(int)
    full_screen_wanted = Signal()
    look_changed = Signal(float, str)
    class_shown = Signal(str)

    def __init__(self, background: Background, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._result: PhotoResult | None = None
        self._evidence = overlay.Evidence()
        self._shown: Heatmap | None = None
        self._asked: tuple[str, str] | None = None
        self._sized = False
        self.view = View(self)
        self.loader = PhotoLoader(background, parent=self)
        self.stage = QWidget(self)
        self.canvas = Canvas(self.view, "Photo", parent=self.stage)
        self.bare = Canvas(self.view, "Photo without heatmap", leads=False, parent=self.stage)
        self.bare.hide()
        self._make_actions()
        self.overlay_bar = OverlayBar(self.overlay_action, self)
        self.read_out = ReadOut(self._buttons, self)
        self._settle = QTimer(self)
        self._settle.setSingleShot(True)
        self._settle.setInterval(_SETTLE_MS)
        self._lay_out()
        self._connect()
        self.show_result(None)

    def _make_actions(self) -> None:
        self.overlay_action = self._action("heatmap", "Heatmap", "Space", checkable=True)
        self.bare_action = self._action("compare", "Bare photo beside", "O", checkable=True)
        self.pixels_action = self._action("zoom-pixels", "Zoom to pixels", "Z")
        self.fit_action = self._action("zoom-fit", "Fit", "0")
        self.full_action = self._action("fullscreen", "Full screen", "F")
        self._buttons = [self.bare_action, self.fit_action, self.pixels_action, self.full_action]
        self.stage.addActions(self.view_actions())

    def _action(self, icon: str, text: str, key: str, *, checkable: bool = False) -> QAction:
        action = QAction(icons.icon(icon), text, self)
        action.setShortcut(QKeySequence(key))
        # Keys without a modifier belong to the photo and the grid, never to a text field or to
        # a button that the same key would press.
        action.setShortcutContext(Qt.ShortcutContext.WidgetWithChildrenShortcut)
        action.setToolTip(f"{text}  {key}")
        action.setCheckable(checkable)
        return action

    def view_actions(self) -> list[QAction]:
        """Actions with their keys; add them to any widget in which these keys should work."""
        return [self.overlay_action, *self._buttons]

    def _lay_out(self) -> None:
        row = QHBoxLayout(self.stage)
        row.setContentsMargins(0, 0, 0, 0)
        row.setSpacing(2)
        row.addWidget(self.canvas, 1)
        row.addWidget(self.bare, 1)
        column = QVBoxLayout(self)
        column.setContentsMargins(0, 0, 0, 0)
        column.setSpacing(0)
        column.addWidget(self.stage, 1)
        column.addWidget(ControlBars(self.overlay_bar, self.read_out, self))

    def _connect(self) -> None:
        self.overlay_action.toggled.connect(self._refresh_overlay)
        self.bare_action.toggled.connect(self.bare.setVisible)
        self.pixels_action.triggered.connect(lambda: self.toggle_pixels())
        self.fit_action.triggered.connect(self.view.fit)
        self.full_action.triggered.connect(self.full_screen_wanted)
        for canvas in (self.canvas, self.bare):
            canvas.step_wanted.connect(self.step_wanted)
            canvas.pixels_wanted.connect(self.toggle_pixels)
            canvas.hovered.connect(self._hovered)
        self.view.changed.connect(self._view_changed)
        self.loader.loaded.connect(self._loaded)
        self.loader.failed.connect(self._unreadable)
        self.overlay_bar.changed.connect(self._class_changed)
        self.overlay_bar.look_changed.connect(self._look_changed)
        self._settle.timeout.connect(self._ask)

    # What the window calls

    def show_result(self, result: PhotoResult | None, *, preview: QPixmap | None = None) -> None:
        """Show a photo; ``preview`` (a thumbnail) stands in until it is decoded."""
        before = self._result
        self._result = result
        if result is None or before is None or result.photo != before.photo:
            self._begin(result, preview)
            return
        if result.prediction != before.prediction:
            self._evidence.clear()
        self._asked = None
        self._refresh_overlay()

    def result(self) -> PhotoResult | None:
        return self._result

    def set_classes(self, classes: Sequence[str]) -> None:
        self.overlay_bar.set_classes(classes)
        self._refresh_overlay()

    def set_methods(self, methods: Sequence[str]) -> None:
        self.overlay_bar.set_methods(methods)
        self._refresh_overlay()

    def set_look(self, opacity: float, colormap: str) -> None:
        """Opacity (0 to 1) and colormap, as kept in the settings."""
        self.overlay_bar.set_look(opacity, colormap)
        self._draw_heat()

    def choose_class(self, class_name: str) -> None:
        """Show the evidence for a class, as when its bar was clicked."""
        self.overlay_bar.choose_class(class_name)
        if self.overlay_action.isChecked():
            self._class_changed()
        else:
            self.overlay_action.setChecked(True)

    def show_heatmap(self, heatmap: Heatmap, *, file: str | None = None) -> None:
        """Take a heatmap; one of another photo (``file``) or of another class than the chosen
        one is not drawn, though the latter still sets the common scale."""
        if self._result is None or (file is not None and file != self._result.photo.file):
            return
        self._evidence.add(heatmap)
        if heatmap.class_name == self.wanted_class():
            self._asked = None
        self._refresh_overlay()

    def show_heatmap_failure(self, reason: str) -> None:
        """Say in one line why there is no heatmap."""
        self._asked = None
        self.overlay_bar.show_note(reason)

    def wanted_class(self) -> str:
        """The class whose evidence is to be shown; empty if the photo has no prediction.

        "Dominant" falls back on the most probable class where none is dominant.
        """
        prediction = self._result.prediction if self._result else None
        if prediction is None:
            return ""
        chosen = self.overlay_bar.class_name()
        if chosen and chosen in prediction.classes:
            return chosen
        best = max(zip(prediction.probabilities, prediction.classes, strict=True))[1]
        return prediction.dominant or best

    def toggle_pixels(self, at: QPointF | None = None) -> None:
        """One screen pixel per photo pixel, or back to the whole photo."""
        pixels = 1 / self.devicePixelRatioF()
        if not self.view.fitted and abs(self.view.scale - pixels) < 1e-6:
            self.view.fit()
        else:
            self.view.zoom_to(pixels, at=at)

    # The photo

    def _begin(self, result: PhotoResult | None, preview: QPixmap | None) -> None:
        self._evidence.clear()
        self._asked = None
        self._show_levels(())
        self.read_out.show_place(None)
        if result is None:
            self._say(_NO_PHOTO)
            self.loader.load(None, screen_px=0)
            self.view.set_photo(0, 0)
        elif result.status == "failed":
            self._say(f"{result.photo.file}\n\ncould not be read: {result.reason}")
            self.loader.load(None, screen_px=0)
            self.view.set_photo(0, 0)
        else:
            self._say("" if preview else "Loading…")
            self._show_preview(result, preview)
            self.loader.load(result.photo, screen_px=self._screen_px())
        self._refresh_overlay()

    def _show_preview(self, result: PhotoResult, preview: QPixmap | None) -> None:
        """Before it is decoded, the size of a photo is known only from an earlier analysis."""
        prediction = result.prediction
        self._sized = prediction is not None
        if prediction is not None:
            self.view.set_photo(prediction.width_px, prediction.height_px)
        elif preview is not None:
            self.view.set_photo(preview.width() * 16, preview.height() * 16)
        if preview is not None:
            scale = preview.width() / self.view.photo.width()
            self._show_levels((Level(preview.toImage(), scale),))

    def _loaded(self, loaded: Loaded) -> None:
        self._sized = True
        if self.view.photo != QSizeF(loaded.width_px, loaded.height_px):
            self.view.set_photo(loaded.width_px, loaded.height_px)
        self._show_levels(loaded.levels)
        self._view_changed()
        self._draw_heat()

    def _unreadable(self, reason: str) -> None:
        self._show_levels(())
        self.view.set_photo(0, 0)
        self._say(f"This photo could not be read.\n\n{reason}")
        self._draw_heat()

    def _show_levels(self, levels: tuple[Level, ...]) -> None:
        self.canvas.set_levels(levels)
        self.bare.set_levels(levels)

    def _say(self, text: str) -> None:
        self.canvas.set_message(text)
        self.bare.set_message(text)

    def _screen_px(self) -> int:
        side = min(self.stage.width(), self.stage.height())
        return round(max(side, 480) * self.devicePixelRatioF())

    def _view_changed(self) -> None:
        scale = self.view.scale * self.devicePixelRatioF()
        self.loader.want_scale(scale)
        size = self.view.photo.toSize() if self._sized else QSize()
        self.read_out.show_photo(size.width(), size.height(), zoom=scale)

    def _hovered(self, point: QPointF | None) -> None:
        inside = (
            self._sized and point is not None and QRectF(QPointF(), self.view.photo).contains(point)
        )
        value = self._evidence_at(point) if inside else None
        self.read_out.show_place(point if inside else None, evidence=value)

    # The evidence

    def _class_changed(self) -> None:
        self._refresh_overlay()

    def _look_changed(self, opacity: float, colormap: str) -> None:
        self._draw_heat()
        self.look_changed.emit(opacity, colormap)

    def _refresh_overlay(self) -> None:
        """Draw the chosen map if it is here, else ask for it once the user has settled."""
        self._draw_heat()
        on, name = self.overlay_action.isChecked(), self.wanted_class()
        self.class_shown.emit(name if on else "")
        if not on:
            self._settle.stop()
            self.overlay_bar.show_note("")
        elif not name:
            self._settle.stop()
            self.overlay_bar.show_note("Not analysed yet")
        elif self._evidence.find(name, self._method()) is not None:
            self._settle.stop()
        else:
            self.overlay_bar.show_note(f"Computing the evidence for {name}…")
            self._settle.start()

    def _ask(self) -> None:
        request = (self.wanted_class(), self._method())
        if request[0] and request != self._asked:
            self._asked = request
            self.heatmap_wanted.emit(*request)

    def _method(self) -> str:
        return self.overlay_bar.method()

    def _draw_heat(self) -> None:
        self._shown = None
        opacity, colormap = self.overlay_bar.look()
        name = self.wanted_class()
        found = self._evidence.find(name, self._method()) if name else None
        if not self.overlay_action.isChecked() or found is None:
            self.canvas.set_heat(None, QRectF(), opacity=opacity)
            return
        peak = self._evidence.peak(found.method)
        if not overlay.shows_evidence(found, peak=peak):
            self.canvas.set_heat(None, QRectF(), opacity=opacity)
            self.overlay_bar.show_note(f"No evidence for {name} in this photo")
            return
        self._shown = found
        image = overlay.heat_image(found, peak=peak, colormap=colormap)
        self.canvas.set_heat(image, overlay.box(found), opacity=opacity)
        self.overlay_bar.show_legend(peak)

    def _evidence_at(self, point: QPointF | None) -> float | None:
        """The shown map's raw value under the pointer."""
        if self._shown is None or point is None:
            return None
        box = overlay.box(self._shown)
        if not box.contains(point):
            return None
        rows, cols = self._shown.values.shape
        col = min(int((point.x() - box.x()) / box.width() * cols), cols - 1)
        row = min(int((point.y() - box.y()) / box.height() * rows), rows - 1)
        peak = self._evidence.peak(self._shown.method)
        return float(overlay.scaled(self._shown, peak=peak)[row, col]) * peak
