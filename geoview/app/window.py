"""The main window: rail, toolbar, banners, pages, log and jobs bar around one session."""

from __future__ import annotations

import base64
import logging
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

from PySide6.QtCore import QByteArray, QEvent, Qt, QTimer, Signal
from PySide6.QtGui import (
    QCloseEvent,
    QDragEnterEvent,
    QDropEvent,
    QKeySequence,
    QShortcut,
)
from PySide6.QtWidgets import (
    QApplication,
    QHBoxLayout,
    QMainWindow,
    QStackedWidget,
    QVBoxLayout,
    QWidget,
)

from geoview.app import dialogs, theme
from geoview.app.background import Background
from geoview.app.banner import Banners
from geoview.app.job_desk import JobDesk
from geoview.app.jobs_bar import JobsBar
from geoview.app.log_pane import LogPane
from geoview.app.rail import Rail
from geoview.app.session import Session
from geoview.app.settings_keeper import SettingsKeeper
from geoview.app.start_page import StartPage
from geoview.app.toolbar import Toolbar
from geoview.app.worker import Backend, ModelReady

if TYPE_CHECKING:
    from geoview.app.measure_page import MeasurePage
    from geoview.app.measure_window import MeasureJobs
    from geoview.app.photos_page import PhotosPage
    from geoview.models.store import ModelEntry
    from geoview.project import Project

log = logging.getLogger(__name__)

_SIZE = (1440, 900)
_LEAST = (960, 600)


class MainWindow(QMainWindow):
    """GeoView's window. Heavy pages are built when they are first needed.

    ``settled`` tells that the models have been listed and the window is ready for work.
    """

    settled = Signal()

    def __init__(self, *, backend: Backend | None = None) -> None:
        super().__init__()
        self.setAttribute(Qt.WidgetAttribute.WA_DeleteOnClose)
        self.background = Background(self)
        self.keeper = SettingsKeeper(self.background, self)
        self.session = Session(self.background, self.keeper, self, backend=backend)
        self.rail = Rail()
        self.toolbar = Toolbar()
        self.banners = Banners()
        self.pages = QStackedWidget()
        self.log_pane = LogPane(self.background.bridge)
        self.jobs = JobsBar()
        self.start = StartPage()
        self._made: dict[str, QWidget] = {}
        self.measure_jobs: MeasureJobs | None = None
        self._page = "photos"
        self._closed = False
        self.setWindowTitle("GeoView")
        self.setAcceptDrops(True)
        self.setMinimumSize(*_LEAST)
        self._lay_out()
        self._connect()
        self._add_keys()
        self._restore_geometry()
        self.start.show_recent(self.keeper.now.recent_folders)
        self.show_page("photos")

    def _lay_out(self) -> None:
        self.pages.addWidget(self.start)
        self.log_pane.hide()
        right = QVBoxLayout()
        right.setSpacing(0)
        right.addWidget(self.toolbar)
        right.addWidget(self.banners)
        right.addWidget(self.pages, 1)
        right.addWidget(self.log_pane)
        right.addWidget(self.jobs)
        centre = QWidget()
        row = QHBoxLayout(centre)
        row.setContentsMargins(0, 0, 0, 0)
        row.setSpacing(0)
        row.addWidget(self.rail)
        row.addLayout(right, 1)
        centre.setFocusPolicy(Qt.FocusPolicy.ClickFocus)
        self.setCentralWidget(centre)
        centre.setFocus()

    def _connect(self) -> None:
        session, bar, tools = self.session, self.jobs, self.toolbar
        self.job_desk = desk = JobDesk(session, bar, tools, self)
        desk.warned_wanted.connect(self.show_warned)
        self.rail.page_wanted.connect(self.show_page)
        self.start.open_wanted.connect(self.ask_folder)
        self.start.sample_wanted.connect(session.open_sample)
        self.start.drawer_wanted.connect(self.open_drawer)
        self.start.folder_chosen.connect(session.open)
        tools.open.triggered.connect(self.ask_folder)
        tools.analyse.triggered.connect(lambda: session.analyse())
        tools.again.triggered.connect(lambda: session.analyse(again=True))
        tools.audit.triggered.connect(session.check_evidence)
        tools.sheet.triggered.connect(lambda: dialogs.ask_sheet(self, session.use_sheet))
        tools.export.triggered.connect(lambda: self.ask_export(tiles=False))
        tools.export_tiles.triggered.connect(lambda: self.ask_export(tiles=True))
        tools.filter.triggered.connect(self.focus_filter)
        tools.device.triggered.connect(lambda: self.show_page("settings"))
        tools.model_chosen.connect(session.use_model)
        bar.failed_wanted.connect(self.show_failed)
        bar.log_toggled.connect(self.log_pane.setVisible)
        session.opened.connect(self._opened)
        session.models_listed.connect(self._models_listed)
        session.model_chosen.connect(self._model_chosen)
        session.model_loading.connect(lambda: self.toolbar.set_device("Loading…"))
        session.model_ready.connect(self._model_ready)
        session.inference.device.connect(self.toolbar.set_device)
        session.notice.connect(self.banners.show_notice)
        hints = QApplication.styleHints()
        hints.colorSchemeChanged.connect(self._scheme_changed)

    def _add_keys(self) -> None:
        tools = self.toolbar
        self.addActions([tools.open, tools.analyse, tools.again, tools.export, tools.filter])
        keys: dict[str, Callable[[], object]] = {
            "F5": self.session.reload,
            "F11": self.toggle_full_screen,
            "Ctrl+L": self.jobs.log.click,
            "Ctrl+,": lambda: self.show_page("settings"),
            "?": self.show_keyboard,
            "F1": lambda: self.show_page("help"),
            "Esc": self._escape,
        }
        for place, name in enumerate(self.rail.buttons, start=1):
            keys[f"Ctrl+{place}"] = partial(self.show_page, name)
        for key, call in keys.items():
            QShortcut(QKeySequence(key), self, call)

    # Starting and ending

    def begin(self, folder: Path | None = None) -> None:
        """What waits until the window has been painted: models, and the folder asked for."""
        self.session.list_models()
        if folder is not None:
            self.session.open(folder)

    def closeEvent(self, event: QCloseEvent) -> None:
        """Hide at once, then stop and join whatever runs; what was done is kept."""
        if not self._closed:
            self._closed = True
            self._remember_geometry()
            self.hide()
            self.log_pane.detach()
            if (measure := self._measure_page()) is not None:
                measure.shutdown()
            self.session.shutdown()
        super().closeEvent(event)

    def _remember_geometry(self) -> None:
        window = self.keeper.now.window
        window["geometry"] = base64.b64encode(self.saveGeometry().data()).decode("ascii")
        photos = self._photos_page()
        if photos is not None:
            window["panels"] = photos.save_layout()
        if (measure := self._measure_page()) is not None:
            window["measure panels"] = measure.save_layout()

    def _restore_geometry(self) -> None:
        self.resize(*_SIZE)
        try:
            text = self.keeper.now.window.get("geometry", "")
            self.restoreGeometry(QByteArray(base64.b64decode(text.encode(), validate=True)))
        except ValueError:
            log.warning("The remembered place of the window could not be read")

    # Pages

    def show_page(self, name: str) -> None:
        """Show a page of the rail, building it on first use."""
        self._page = name
        self.rail.set_current(name)
        if name in ("photos", "measure") and self.session.project is None:
            self.pages.setCurrentWidget(self.start)
            return
        page = self._page_widget(name)
        self.pages.setCurrentWidget(page)
        self.toolbar.show_tools(getattr(page, "tools", None))
        self._show_idle()

    def _show_idle(self) -> None:
        """What the shown page has done, when nothing runs."""
        if self._page == "measure" and self.measure_jobs is not None:
            if not self.session.running:
                self.measure_jobs.show_idle()
        else:
            self.job_desk.show_idle()

    def photos_page(self) -> PhotosPage:
        """The Photos page, built if need be."""
        return self._page_widget("photos")  # type: ignore[return-value]

    def _photos_page(self) -> PhotosPage | None:
        return self._made.get("photos")  # type: ignore[return-value]

    def measure_page(self) -> MeasurePage:
        """The Measure page, built if need be."""
        return self._page_widget("measure")  # type: ignore[return-value]

    def _measure_page(self) -> MeasurePage | None:
        return self._made.get("measure")  # type: ignore[return-value]

    def _page_widget(self, name: str) -> QWidget:
        if name not in self._made:
            self._made[name] = getattr(self, f"_make_{name}")()
            self.pages.addWidget(self._made[name])
        return self._made[name]

    def _make_photos(self) -> QWidget:
        from geoview.app.photos_page import PhotosPage

        page = PhotosPage(self.session)
        page.full_screen_wanted.connect(self.toggle_full_screen)
        page.open_wanted.connect(self.ask_folder)
        if layout := self.keeper.now.window.get("panels"):
            page.restore_layout(layout)
        page.show_model(self.session.entry, self.session.ready)
        return page

    def _make_measure(self) -> QWidget:
        from geoview.app.measure_page import MeasurePage
        from geoview.app.measure_window import MeasureJobs

        page = MeasurePage(self.session)
        page.full_screen_wanted.connect(self.toggle_full_screen)
        if layout := self.keeper.now.window.get("measure panels"):
            page.restore_layout(layout)
        self.measure_jobs = MeasureJobs(page, self.jobs)
        self.job_desk.elsewhere = lambda: (
            page.desk.running or (self._page == "measure" and not self.session.running)
        )
        self.session.open_failed.connect(self._show_idle)
        page.desk.rows_replaced.connect(lambda _rows: self._show_idle())
        return page

    def _make_models(self) -> QWidget:
        from geoview.app.models_page import ModelsPage

        page = ModelsPage()
        page.set_entries(self.session.entries)
        page.set_chosen(self.session.entry)
        page.use_wanted.connect(self.session.use_model)
        page.add_wanted.connect(self.session.add_model)
        self.session.models_listed.connect(page.set_entries)
        self.session.model_chosen.connect(page.set_chosen)
        return page

    def _make_settings(self) -> QWidget:
        from geoview.app.settings_page import SettingsPage

        page = SettingsPage(self.session)
        page.theme_changed.connect(self.apply_theme)
        page.device_changed.connect(self.session.device_changed)
        return page

    def _make_help(self) -> QWidget:
        from geoview.app.help_page import HelpPage

        return HelpPage()

    # What the user does

    def ask_folder(self) -> None:
        dialogs.ask_folder(self, self.session.open)

    def ask_export(self, *, tiles: bool) -> None:
        project = self.session.project
        if project is not None:
            dialogs.ask_csv(
                self,
                project.folder,
                lambda path: self.session.export_csv(path, tiles=tiles),
                tiles=tiles,
            )

    def open_drawer(self) -> None:
        """Open the sample drawer on the Measure page."""
        self._page = "measure"
        self.session.open_sample("specimens")

    def focus_filter(self) -> None:
        if self._page == "measure" and self.session.project is not None:
            self.measure_page().table.focus_filter()
        elif self.session.project is not None:
            self.show_page("photos")
            self.photos_page().browser.focus_filter()

    def show_failed(self) -> None:
        """Filter the photos to those that could not be read."""
        self.show_page("photos")
        self.photos_page().browser.show_failed()

    def show_warned(self) -> None:
        """Filter the photos to those whose evidence does not lie on the specimen."""
        self.show_page("photos")
        self.photos_page().browser.show_warned()

    def show_keyboard(self) -> None:
        from geoview.app.help_page import KEYBOARD, HelpPage

        self.show_page("help")
        page = self._page_widget("help")
        if isinstance(page, HelpPage):
            page.show_topic(KEYBOARD)

    def toggle_full_screen(self) -> None:
        """The photo and the panels only, or everything again."""
        full = not self.isFullScreen()
        for part in (self.rail, self.toolbar, self.jobs):
            part.setVisible(not full)
        self.showFullScreen() if full else self.showNormal()

    def _escape(self) -> None:
        page = self._measure_page()
        if self._page == "measure" and page is not None and page.escape():
            return
        if self.isFullScreen():
            self.toggle_full_screen()

    def apply_theme(self) -> None:
        app = QApplication.instance()
        if isinstance(app, QApplication):
            theme.apply(app, self.keeper.now.theme)

    def _scheme_changed(self) -> None:
        if self.keeper.now.theme == "system" and not self._closed:
            self.apply_theme()

    def changeEvent(self, event: QEvent) -> None:
        super().changeEvent(event)
        if event.type() == QEvent.Type.PaletteChange and hasattr(self, "start"):
            self.start.tint()
            self.start.show_recent(self.keeper.now.recent_folders)

    def dragEnterEvent(self, event: QDragEnterEvent) -> None:
        if dialogs.dropped_folder(event.mimeData().urls()) is not None:
            event.acceptProposedAction()

    def dropEvent(self, event: QDropEvent) -> None:
        folder = dialogs.dropped_folder(event.mimeData().urls())
        if folder is not None:
            event.acceptProposedAction()
            self.session.open(folder)

    # What the session tells

    def _opened(self, project: Project) -> None:
        self.banners.clear()
        self.setWindowTitle(f"{project.folder.name} · GeoView")
        self.toolbar.set_folder(project.folder, len(project.photos))
        self.photos_page()
        self.show_page(self._page if self._page == "measure" else "photos")
        self.start.show_recent(self.keeper.now.recent_folders)

    def _models_listed(self, entries: list[ModelEntry]) -> None:
        self.toolbar.set_models(entries)
        QTimer.singleShot(0, self, self.settled.emit)

    def _model_chosen(self, entry: ModelEntry | None) -> None:
        self.toolbar.set_model(entry)
        device = self.keeper.now.device
        self.toolbar.set_device("Device" if device == "auto" else device)

    def _model_ready(self, ready: ModelReady | None) -> None:
        self.toolbar.set_device(ready.device_label if ready else "No model")
