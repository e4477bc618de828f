"""The viewer: the photo, the evidence for a class over it, and something to compare beside it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

from PySide6.QtCore import QPointF, QRectF, QSize, QSizeF, Qt, QTimer, Signal
from PySide6.QtGui import QAction, QKeySequence, QPixmap
from PySide6.QtWidgets import QHBoxLayout, QVBoxLayout, QWidget

from geoview.app import icons
from geoview.app.background import Background
from geoview.app.canvas import Canvas, Level, View
from geoview.app.compare_menu import BARE, Beside, CompareButton, method_title
from geoview.app.evidence_desk import Wish, classes_from
from geoview.app.overlay import Look
from geoview.app.photo_loader import Loaded, PhotoLoader
from geoview.app.side import Drawn, Shown, Side
from geoview.app.viewer_bar import ControlBars, OverlayBar, ReadOut, caption
from geoview.app.words import NO_PHOTO
from geoview.records import Heatmap, PhotoResult

_SETTLE_MS = 120


class Viewer(QWidget):
    """Shows one photo. Asks by ``heatmaps_wanted(Wish)`` when the overlay is on; the answer comes
    through ``show_heatmaps`` or ``show_heatmap_failure``. ``picture_wanted(bool)`` asks to copy
    what is shown as a picture (False) or to save it (True)."""

    heatmaps_wanted = Signal(object)
    picture_wanted = Signal(bool)
    step_wanted = Signal(int)
    full_screen_wanted = Signal()
    look_changed = Signal(float, str)
    class_shown = Signal(str)

    def __init__(self, background: Background, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._result: PhotoResult | None = None
        self._beside: Beside | None = None
        self._sized = False
        self.view = View(self)
        self.loader = PhotoLoader(background, parent=self)
        self.stage = QWidget(self)
        self.canvas = Canvas(self.view, "Photo", parent=self.stage)
        self.bare = Canvas(self.view, "Photo without heatmap", leads=False, parent=self.stage)
        self._halves = (QWidget(self.stage), QWidget(self.stage))
        self._halves[1].hide()
        self.main, self.other = Side(self.canvas), Side(self.bare)
        self.captions = (caption(self.stage), caption(self.stage))
        self._make_actions()
        self.compare = CompareButton(self.bare_action, self)
        self.overlay_bar = OverlayBar(self.overlay_action, self)
        self.read_out = ReadOut(self.compare, self._buttons, self)
        self._settle = QTimer(self)
        self._settle.setSingleShot(True)
        self._settle.setInterval(_SETTLE_MS)
        self._lay_out()
        self._connect()
        self.show_result(None)

    def _make_actions(self) -> None:
        self.overlay_action = self._action("heatmap", "Heatmap", "Space", checkable=True)
        self.bare_action = self._action("compare", "Bare photo beside", "O", checkable=True)
        self.lines_action = self._action("contour", "Contours", "C", checkable=True)
        self.copy_action = self._action("copy", "Copy picture", "Ctrl+Shift+C")
        self.save_action = self._action("export", "Save picture…", "Ctrl+Shift+S")
        self.pixels_action = self._action("zoom-pixels", "Zoom to pixels", "Z")
        self.fit_action = self._action("zoom-fit", "Fit", "0")
        self.full_action = self._action("fullscreen", "Full screen", "F")
        self._buttons = [
            self.lines_action, self.copy_action, self.save_action,
            self.fit_action, self.pixels_action, self.full_action,
        ]  # fmt: skip
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
        return [self.overlay_action, self.bare_action, *self._buttons]

    def _lay_out(self) -> None:
        row = QHBoxLayout(self.stage)
        row.setContentsMargins(0, 0, 0, 0)
        row.setSpacing(2)
        for half, canvas, words in zip(
            self._halves, (self.canvas, self.bare), self.captions, strict=True
        ):
            stack = QVBoxLayout(half)
            stack.setContentsMargins(0, 0, 0, 0)
            stack.setSpacing(0)
            stack.addWidget(words)
            stack.addWidget(canvas, 1)
            row.addWidget(half, 1)
        column = QVBoxLayout(self)
        column.setContentsMargins(0, 0, 0, 0)
        column.setSpacing(0)
        column.addWidget(self.stage, 1)
        column.addWidget(ControlBars(self.overlay_bar, self.read_out, self))

    def _connect(self) -> None:
        self.overlay_action.toggled.connect(self._refresh_overlay)
        self.bare_action.toggled.connect(lambda on: self.set_beside(BARE if on else None))
        self.compare.chosen.connect(self.set_beside)
        self.lines_action.toggled.connect(self._redraw)
        self.copy_action.triggered.connect(lambda: self.picture_wanted.emit(False))
        self.save_action.triggered.connect(lambda: self.picture_wanted.emit(True))
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
        self.overlay_bar.changed.connect(self._refresh_overlay)
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
            self._forget_evidence()
        self.main.asked = self.other.asked = None
        self._refresh_overlay()

    def result(self) -> PhotoResult | None:
        return self._result

    def set_classes(self, classes: Sequence[str]) -> None:
        self.overlay_bar.set_classes(classes)
        self._refresh_overlay()

    def set_methods(self, methods: Sequence[str]) -> None:
        self.overlay_bar.set_methods(methods)
        self.compare.set_methods(methods)
        self._refresh_overlay()

    def set_other_models(self, models: Sequence[tuple[str, Path]]) -> None:
        """Titles and files of the models that the one in use can be compared with."""
        self.compare.set_models(models)

    def set_beside(self, beside: Beside | None) -> None:
        """What stands beside the photo; None leaves the whole room to it."""
        self._beside = beside
        self.other.clear()
        blocked = self.bare_action.blockSignals(True)
        self.bare_action.setChecked(beside is not None)
        self.bare_action.blockSignals(blocked)
        self._halves[1].setVisible(beside is not None)
        self._refresh_overlay()

    def set_look(self, opacity: float, colormap: str) -> None:
        """Opacity (0 to 1) and colormap, as kept in the settings."""
        self.overlay_bar.set_look(opacity, colormap)
        self._redraw()

    def choose_class(self, class_name: str) -> None:
        """Show the evidence for a class, as when its bar was clicked."""
        self.overlay_bar.choose_class(class_name)
        if self.overlay_action.isChecked():
            self._refresh_overlay()
        else:
            self.overlay_action.setChecked(True)

    def show_heatmaps(
        self, heatmaps: Sequence[Heatmap], *, file: str | None = None, beside: bool = False
    ) -> None:
        """Take heatmaps; those of another photo (``file``) are not drawn, those of other classes
        than the chosen one wait and set the common scale."""
        if self._result is None or (file is not None and file != self._result.photo.file):
            return
        side = self.other if beside else self.main
        side.add(heatmaps)
        side.asked = None
        self._refresh_overlay()

    def show_heatmap_failure(self, reason: str, *, beside: bool = False) -> None:
        """Say in one line why there is no heatmap."""
        if beside:
            self.captions[1].setText(reason)
        else:
            self.overlay_bar.show_note(reason)

    def shown(self) -> list[Shown]:
        """The maps that are drawn now, from left to right."""
        sides = (self.main, self.other)
        found = [side.shown for side in sides]
        return [
            Shown(heatmap, side.evidence.peak(heatmap.method))
            for side, heatmap in zip(sides, found, strict=True)
            if heatmap is not None
        ]

    def look(self) -> Look:
        opacity, colormap = self.overlay_bar.look()
        return Look(opacity, colormap, contours=self.lines_action.isChecked())

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
        self._forget_evidence()
        self._show_levels(())
        self.read_out.show_place(None)
        if result is None:
            self._say(NO_PHOTO)
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
        self._redraw()

    def _unreadable(self, reason: str) -> None:
        self._show_levels(())
        self.view.set_photo(0, 0)
        self._say(f"This photo could not be read.\n\n{reason}")
        self._redraw()

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
        value = self.main.value_at(point) if inside else None
        self.read_out.show_place(point if inside else None, evidence=value)

    # The evidence

    def _forget_evidence(self) -> None:
        self.main.clear()
        self.other.clear()

    def _look_changed(self, opacity: float, colormap: str) -> None:
        self._redraw()
        self.look_changed.emit(opacity, colormap)

    def _refresh_overlay(self) -> None:
        """Draw the chosen maps if they are here, else ask for them once the user has settled."""
        drawn = self._redraw()
        on, name = self.overlay_action.isChecked(), self.wanted_class()
        self.class_shown.emit(name if on else "")
        self._say_state(drawn[0], name)
        if on and name and any(one.state == "missing" for one in drawn):
            self._settle.start()
        else:
            self._settle.stop()

    def _say_state(self, drawn: Drawn, name: str) -> None:
        if drawn.state == "off":
            self.overlay_bar.show_note("")
        elif not name:
            self.overlay_bar.show_note("Not analysed yet")
        elif drawn.state == "missing":
            self.overlay_bar.show_note(f"Computing the evidence for {name}…")

    def _ask(self) -> None:
        for side, wish in ((self.main, self._wish()), (self.other, self._wish_beside())):
            known = self._drawn(side).state if wish else "off"
            if wish is not None and known == "missing" and side.asked != wish:
                side.asked = wish
                self.heatmaps_wanted.emit(wish)

    def _wish(self) -> Wish | None:
        prediction = self._result.prediction if self._result else None
        if prediction is None:
            return None
        return Wish(classes_from(self.wanted_class(), prediction), self._method())

    def _wish_beside(self) -> Wish | None:
        wish, beside = self._wish(), self._beside
        if wish is None or beside is None or beside.kind == "bare":
            return None
        method = beside.name if beside.kind == "method" else wish.method
        return replace(wish, method=method, model=beside.model, place="beside")

    def _method(self, side: Side | None = None) -> str:
        if side is self.other and self._beside is not None and self._beside.kind == "method":
            return self._beside.name
        # Another model may not offer the method: whatever came of it is shown.
        return "auto" if side is self.other else self.overlay_bar.method()

    def _drawn(self, side: Side) -> Drawn:
        """Draw what a side has of the chosen class."""
        compared = side is self.main or (self._beside is not None and self._beside.kind != "bare")
        return side.draw(
            self.wanted_class(),
            self._method(side),
            look=self.look(),
            on=self.overlay_action.isChecked() and compared,
        )

    def _redraw(self) -> tuple[Drawn, Drawn]:
        drawn = self._drawn(self.main), self._drawn(self.other)
        if drawn[0].state == "none":
            self.overlay_bar.show_note(f"No evidence for {self.wanted_class()} in this photo")
        elif drawn[0].state == "shown":
            self.overlay_bar.show_legend(drawn[0].top)
        self._caption(drawn)
        return drawn

    def _caption(self, drawn: tuple[Drawn, Drawn]) -> None:
        """Over the two halves: what each of them shows, and to which scale."""
        beside = self._beside
        for words, side, one in zip(self.captions, (self.main, self.other), drawn, strict=True):
            words.setVisible(beside is not None and beside.kind != "bare")
            if side.shown is not None:
                method, model = method_title(side.shown.method), side.shown.model.name
                words.setText(f"{method} · {model} · scale 0 to {one.top:.3g}")
            elif one.state == "missing":
                words.setText("Computing the evidence…")
            else:
                words.setText("No evidence" if one.state == "none" else "")
