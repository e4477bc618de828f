"""The Photos page: browser, viewer and predictions; the panels are docks that move and float."""

from __future__ import annotations

import base64
import logging
from typing import TYPE_CHECKING

from PySide6.QtCore import QByteArray, Qt, QTimer, Signal
from PySide6.QtGui import QShowEvent
from PySide6.QtWidgets import QDockWidget, QMainWindow, QWidget

from geoview.app.browser import Browser
from geoview.app.predictions import PredictionsPanel
from geoview.app.session import Session
from geoview.app.thumbs import Thumbnails
from geoview.app.viewer import Viewer
from geoview.app.worker import ModelReady
from geoview.photos.thumbnails import ThumbnailCache
from geoview.records import Heatmap, PhotoResult

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
        session.heatmap.connect(self._show_heatmap)
        session.heatmap_failed.connect(viewer.show_heatmap_failure)
        browser.current_changed.connect(self._show)
        browser.accepted.connect(lambda _result: viewer.canvas.setFocus())
        browser.open_wanted.connect(self.open_wanted)
        browser.view.addActions(viewer.view_actions())
        viewer.heatmap_wanted.connect(self._want_heatmap)
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
        self._session.forget_heatmap()
        self.viewer.show_result(result, preview=self.browser.current_thumbnail())
        self.predictions.show_result(result)

    def show_model(self, entry: ModelEntry | None, ready: ModelReady | None) -> None:
        """What the session knew before this page was built."""
        self._model_chosen(entry)
        self._model_ready(ready)

    def _model_chosen(self, entry: ModelEntry | None) -> None:
        card = entry.card if entry else None
        self.predictions.set_card(card)
        self.viewer.set_classes(card.classes if card else ())

    def _model_ready(self, ready: ModelReady | None) -> None:
        self.viewer.set_methods(ready.methods if ready else ())

    def _want_heatmap(self, class_name: str, method: str) -> None:
        result = self.viewer.result()
        if result is not None:
            self._session.want_heatmap(result, class_name=class_name, method=method)

    def _show_heatmap(self, heatmap: Heatmap, file: str) -> None:
        self.viewer.show_heatmap(heatmap, file=file)

    def _look_changed(self, opacity: float, colormap: str) -> None:
        settings = self._session.settings
        settings.heatmap_opacity = round(opacity, 2)
        settings.heatmap_colormap = colormap  # type: ignore[assignment]
        self._session.keeper.changed()
