"""The Photos page: browser, viewer and predictions; the panels are docks that move and float."""

from __future__ import annotations

import base64
import logging
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING

from PySide6.QtCore import QByteArray, Qt, QTimer, Signal
from PySide6.QtGui import QGuiApplication, QImage, QShowEvent
from PySide6.QtWidgets import QDockWidget, QMainWindow, QWidget

from geoview.app import dialogs, pictures
from geoview.app.browser import Browser
from geoview.app.evidence_desk import Wish
from geoview.app.pictures import Picture
from geoview.app.predictions import PredictionsPanel
from geoview.app.session import Session
from geoview.app.thumbs import Thumbnails
from geoview.app.viewer import Viewer
from geoview.app.worker import HeatmapAnswer, ModelReady
from geoview.photos.thumbnails import ThumbnailCache
from geoview.records import PhotoResult

if TYPE_CHECKING:
    from geoview.models.store import ModelEntry

log = logging.getLogger(__name__)

_STATE_VERSION = 1
_WIDE_PX = 1240
_DOCKS_PX = (344, 320)
_NARROW_DOCKS_PX = (240, 280)


class PhotosPage(QMainWindow):
    """Puts the three panels together and connects them with the session.

    A main window inside the main window, because only those have docks.
    """

    full_screen_wanted = Signal()
    open_wanted = Signal()

    def __init__(self, session: Session, parent: QWidget | None = None) -> None:
        super().__init__(parent, Qt.WindowType.Widget)
        self._session = session
        settings = session.settings
        cache = ThumbnailCache(limit_mib=settings.thumbnail_cache_mib)
        self.thumbnails = Thumbnails(session.background, cache, parent=self)
        self.browser = Browser(session.background, self.thumbnails)
        self.viewer = Viewer(session.background)
        self.predictions = PredictionsPanel()
        self.viewer.set_look(settings.heatmap_opacity, settings.heatmap_colormap)
        self.setDockNestingEnabled(True)
        self.setCentralWidget(self.viewer)
        left, right = Qt.DockWidgetArea.LeftDockWidgetArea, Qt.DockWidgetArea.RightDockWidgetArea
        self.docks = (
            self._dock("Photos", self.browser, left),
            self._dock("Predictions", self.predictions, right),
        )
        self._placed = False
        self._layout: QByteArray | None = None
        self._connect()

    def _dock(self, title: str, panel: QWidget, area: Qt.DockWidgetArea) -> QDockWidget:
        dock = QDockWidget(title, self)
        dock.setObjectName(title.lower())
        dock.setFeatures(
            QDockWidget.DockWidgetFeature.DockWidgetMovable
            | QDockWidget.DockWidgetFeature.DockWidgetFloatable
        )
        dock.setWidget(panel)
        self.addDockWidget(area, dock)
        return dock

    def _connect(self) -> None:
        session, browser, viewer = self._session, self.browser, self.viewer
        session.results_replaced.connect(browser.set_results)
        session.results_changed.connect(browser.update_results)
        session.model_chosen.connect(self._model_chosen)
        session.model_ready.connect(self._model_ready)
        session.models_listed.connect(lambda _entries: self._offer_models())
        session.evidence.answered.connect(self._show_heatmaps)
        browser.current_changed.connect(self._show)
        browser.accepted.connect(lambda _result: viewer.canvas.setFocus())
        browser.open_wanted.connect(self.open_wanted)
        browser.view.addActions(viewer.view_actions())
        viewer.heatmaps_wanted.connect(self._want_heatmaps)
        viewer.picture_wanted.connect(self._make_picture)
        viewer.step_wanted.connect(browser.step)
        viewer.full_screen_wanted.connect(self.full_screen_wanted)
        viewer.look_changed.connect(self._look_changed)
        viewer.class_shown.connect(self.predictions.mark_class)
        self.predictions.class_chosen.connect(viewer.choose_class)
        self.predictions.analyse_wanted.connect(lambda: session.analyse())
        self.predictions.retry_wanted.connect(lambda file: session.retry([file]))

    def showEvent(self, event: QShowEvent) -> None:
        """Panels have a size only once they are laid out; where the user put them is kept."""
        super().showEvent(event)
        if not self._placed:
            self._placed = True
            QTimer.singleShot(0, self, self._place)

    def _place(self) -> None:
        if self._layout is not None and self.restoreState(self._layout, _STATE_VERSION):
            return
        sizes = _DOCKS_PX if self.width() >= _WIDE_PX else _NARROW_DOCKS_PX
        self.resizeDocks(list(self.docks), list(sizes), Qt.Orientation.Horizontal)

    def save_layout(self) -> str:
        """Where the panels are, as text for the settings."""
        return base64.b64encode(self.saveState(_STATE_VERSION).data()).decode("ascii")

    def restore_layout(self, text: str) -> None:
        """Put the panels where they were as soon as the page is shown.

        Before it has its size they would be squeezed. What cannot be read is left out.
        """
        try:
            state = base64.b64decode(text.encode("ascii"), validate=True)
        except ValueError:
            log.warning("The remembered place of the panels could not be read")
            return
        self._layout = QByteArray(state)

    def _show(self, result: PhotoResult | None) -> None:
        self._session.evidence.forget()
        self.viewer.show_result(result, preview=self.browser.current_thumbnail())
        self.predictions.show_result(result)

    def show_model(self, entry: ModelEntry | None, ready: ModelReady | None) -> None:
        """What the session knew before this page was built."""
        self._model_chosen(entry)
        self._model_ready(ready)

    def _model_chosen(self, entry: ModelEntry | None) -> None:
        self._offer_models()
        card = entry.card if entry else None
        self.predictions.set_card(card)
        self.viewer.set_classes(card.classes if card else ())

    def _model_ready(self, ready: ModelReady | None) -> None:
        self.viewer.set_methods(ready.methods if ready else ())

    def _offer_models(self) -> None:
        """Any other model at hand may be compared with the one in use."""
        session = self._session
        others = [e for e in session.entries if e.card is not None and e != session.entry]
        self.viewer.set_other_models([(e.card.title, e.path) for e in others if e.card])

    def _want_heatmaps(self, wish: Wish) -> None:
        result = self.viewer.result()
        if result is not None:
            self._session.evidence.want(result, wish)

    def _show_heatmaps(self, answer: HeatmapAnswer) -> None:
        file, beside = answer.request.photo.file, answer.request.place == "beside"
        if not answer.heatmaps:
            self.viewer.show_heatmap_failure(answer.error, beside=beside)
            return
        self.viewer.show_heatmaps(answer.heatmaps, file=file, beside=beside)
        if not beside:
            thumbnail = self.browser.current_thumbnail()
            colormap = self._session.settings.heatmap_colormap
            self.predictions.show_evidence(answer.heatmaps, thumbnail, file=file, colormap=colormap)

    def _make_picture(self, save: bool) -> None:
        """What is over the photo now as a picture with legend and provenance."""
        result, shown = self.viewer.result(), self.viewer.shown()
        if result is None or not shown:
            self._session.tell("info", "There is no heatmap to make a picture of; press Space.")
            return
        wanted = Picture(result, tuple(shown), self.viewer.look())
        if save:
            dialogs.ask_picture(
                self, pictures.proposed_name(wanted), lambda path: self._save(wanted, path)
            )
        else:
            self._draw(wanted, lambda data: self._copied(data))

    def _save(self, wanted: Picture, path: Path) -> None:
        self._session.background.run(
            pictures.save,
            wanted,
            path,
            done=lambda _: self._session.exported.emit(path),
            failed=self._picture_failed,
            owner=self,
        )

    def _draw(self, wanted: Picture, done: Callable[[bytes], object]) -> None:
        self._session.background.run(
            pictures.draw, wanted, done=done, failed=self._picture_failed, owner=self
        )

    def _copied(self, data: bytes) -> None:
        QGuiApplication.clipboard().setImage(QImage.fromData(data))
        self._session.tell("info", "The picture is on the clipboard.")

    def _picture_failed(self, error: Exception) -> None:
        self._session.tell("error", f"The picture could not be made: {error}")

    def _look_changed(self, opacity: float, colormap: str) -> None:
        settings = self._session.settings
        settings.heatmap_opacity = round(opacity, 2)
        settings.heatmap_colormap = colormap  # type: ignore[assignment]
        self._session.keeper.changed()
