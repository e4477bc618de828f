"""The right side of the Measure page: result, boxes and register, kept up to date."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from PySide6.QtCore import QTimer, Signal
from PySide6.QtWidgets import QTabWidget, QWidget

from geoview import measured_lists as lists
from geoview.app import dialogs, measure_work
from geoview.app.measure_boxes import BoxesPanel
from geoview.app.measure_desk import MeasureDesk
from geoview.app.measure_model import MeasureModel
from geoview.app.measure_register import RegisterPanel
from geoview.app.measure_result import ResultPanel
from geoview.app.measure_work import BoxesFound
from geoview.app.session import Session

if TYPE_CHECKING:
    from geoview.measure.comparison import Comparison

_SETTLE_MS = 500
# While thousands are being measured, counting them over and over would slow that down.
_RUNNING_MS = 3000


class SidePanels(QTabWidget):
    """Emits ``photo_wanted(file)`` for a suspicious record, ``boxes_found()`` when the rows of
    the table know their boxes."""

    photo_wanted = Signal(str)
    boxes_found = Signal()

    def __init__(
        self,
        session: Session,
        desk: MeasureDesk,
        model: MeasureModel,
        parent: QWidget | None = None,
    ) -> None:
        super().__init__(parent)
        self._session = session
        self._desk = desk
        self._model = model
        self._sheet: Path | None = None
        self._boxes_now: BoxesFound | None = None
        self._compared: Comparison | None = None
        self.result = ResultPanel()
        self.boxes = BoxesPanel()
        self.register = RegisterPanel()
        self._settle = QTimer(self)
        self._settle.setSingleShot(True)
        self._settle.setInterval(_SETTLE_MS)
        self._settle.timeout.connect(self.recount)
        self.setDocumentMode(True)
        self.setAccessibleName("Result, boxes and register")
        self.tabBar().setAccessibleName("Result, boxes and register")
        for panel, title in (
            (self.result, "Result"),
            (self.boxes, "Boxes"),
            (self.register, "Register"),
        ):
            self.addTab(panel, title)
        self.boxes.show_clearance(session.settings.box_clearance_mm)
        self._connect()

    def _connect(self) -> None:
        self.boxes.boxes_changed.connect(lambda lines: self._keep("storage_boxes", lines))
        self.boxes.clearance_changed.connect(lambda mm: self._keep("box_clearance_mm", mm))
        self.boxes.file_wanted.connect(
            lambda: dialogs.ask_table(self, "Box list", self.use_box_list)
        )
        self.register.sheet_wanted.connect(
            lambda: dialogs.ask_table(self, "Catalogue sheet", self.use_register)
        )
        self.register.photo_wanted.connect(self.photo_wanted)
        self.boxes.save_wanted.connect(
            lambda: self._ask_where("Boxes to buy", lists.TABLES_AND_CHART, self.save_boxes)
        )
        self.register.save_wanted.connect(
            lambda: self._ask_where("Suspicious records", lists.TABLES, self.save_suspicious)
        )
        self._desk.job_started.connect(lambda: self._let_save(False))
        self._desk.job_done.connect(lambda _end: self._let_save(True))

    def forget_folder(self) -> None:
        """Another folder is shown."""
        self._sheet = self._compared = self._boxes_now = None
        self.register.show_comparison(None)
        self.boxes.show_found(None)
        self._settle.start(_SETTLE_MS)

    def follow(self) -> None:
        """Measurements have changed: count boxes and compare again in a moment."""
        if not self._settle.isActive():
            self._settle.start(_RUNNING_MS if self._desk.running else _SETTLE_MS)

    def _keep(self, name: str, value: Any) -> None:
        setattr(self._session.settings, name, value)
        self._session.keeper.changed()
        self.recount()

    def use_box_list(self, path: Path) -> None:
        """Take the boxes of a sheet from now on."""
        self._session.background.run(
            measure_work.read_boxes,
            path,
            done=lambda lines: self._keep("storage_boxes", lines),
            failed=lambda error: self._session.tell("error", str(error)),
            owner=self,
        )

    def use_register(self, sheet: Path) -> None:
        """Compare with a catalogue sheet, now and whenever measurements change."""
        self._sheet = sheet
        self.setCurrentWidget(self.register)
        self._compare(sheet)

    def recount(self) -> None:
        """Count boxes and compare with the register now."""
        self._settle.stop()
        self._desk.find_boxes(list(self._model.rows()), done=self._found)
        if self._sheet is not None:
            self._compare(self._sheet)

    def _found(self, found: BoxesFound) -> None:
        self._boxes_now = found
        self._model.set_boxes(found.by_file)
        self.boxes.show_found(found)
        self.boxes_found.emit()

    def _compare(self, sheet: Path) -> None:
        self._desk.compare(
            sheet,
            list(self._model.rows()),
            done=lambda found: self._show_comparison(found, sheet),
            failed=self.register.show_error,
        )

    def _show_comparison(self, found: Comparison, sheet: Path) -> None:
        self._compared = found
        self.register.show_comparison(found, sheet=sheet)

    # Files

    def _let_save(self, possible: bool) -> None:
        """Not while something else is being measured or written."""
        for panel in (self.boxes, self.register):
            panel.save.setEnabled(possible)

    def _ask_where(
        self, title: str, kinds: Sequence[tuple[str, str]], save: Callable[[Path], object]
    ) -> None:
        if (project := self._session.project) is not None:
            dialogs.ask_list(self, project.folder, save, title=title, kinds=kinds)

    def save_boxes(self, path: Path) -> None:
        """Write the table of boxes to buy, or their chart by the path's suffix."""
        if (found := self._boxes_now) is not None:
            chart = path.suffix.lower() == ".svg"
            write = lists.write_box_chart if chart else lists.write_boxes
            self._write(path, lambda path: write(path, found.plan))

    def save_suspicious(self, path: Path) -> None:
        """Write the suspicious records as a sheet."""
        if (found := self._compared) is not None:
            self._write(path, lambda path: lists.write_suspicious(path, found))

    def _write(self, path: Path, write: Callable[[Path], None]) -> None:
        read = [self._sheet] if self._sheet is not None else []
        self._desk.write(measure_work.writing_list(path, write, read=read))
