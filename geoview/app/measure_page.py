"""The Measure page: table and review queue, the photo with handles, result, boxes, register."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Any

from PySide6.QtCore import Qt, Signal
from PySide6.QtGui import QAction, QKeySequence, QShowEvent
from PySide6.QtWidgets import QVBoxLayout, QWidget

from geoview.app import measure_words as words
from geoview.app import measure_work
from geoview.app.job_words import photos
from geoview.app.measure_desk import MeasureDesk
from geoview.app.measure_draft import Changes
from geoview.app.measure_editor import MeasureEditor
from geoview.app.measure_export import ExportStrip
from geoview.app.measure_job import JobEnd
from geoview.app.measure_panels import PanelsPage
from geoview.app.measure_rows import Row
from geoview.app.measure_side import SidePanels
from geoview.app.measure_table import MeasureTable
from geoview.app.measure_tools import MeasureTools
from geoview.app.measure_work import Stepped
from geoview.app.session import Session
from geoview.app.thumbs import Thumbnails
from geoview.catalog.rows import now_utc
from geoview.measure.corrections import corrected
from geoview.measured import Measurement, MeasureStatus, light
from geoview.photos.thumbnails import ThumbnailCache
from geoview.settings import OWLVIT

_WIDTHS_PX = (392, 288)
_NARROW_WIDTHS_PX = (288, 256)


class MeasurePage(PanelsPage):
    """Puts the panels together and connects them with the desk."""

    full_screen_wanted = Signal()

    def __init__(self, session: Session, parent: QWidget | None = None) -> None:
        super().__init__(_WIDTHS_PX, _NARROW_WIDTHS_PX, parent)
        self._session = session
        self.desk = MeasureDesk(session, self)
        cache = ThumbnailCache(limit_mib=session.settings.thumbnail_cache_mib)
        self.thumbnails = Thumbnails(session.background, cache, parent=self)
        self.tools = MeasureTools()
        self.table = MeasureTable(self.thumbnails)
        self.editor = MeasureEditor(session.background, correct=self._correct)
        self.side = SidePanels(session, self.desk, self.table.model)
        self.result = self.side.result
        self.strip = ExportStrip(session, self.desk)
        self._shared = ""
        self._lay_out()
        self._add_actions()
        self._connect()
        self._show_settings()
        self._learn_names()
        self.desk.load(session.project)

    def _lay_out(self) -> None:
        middle = QWidget()
        column = QVBoxLayout(middle)
        column.setContentsMargins(0, 0, 0, 0)
        column.setSpacing(0)
        column.addWidget(self.strip)
        column.addWidget(self.editor, 1)
        self.setCentralWidget(middle)
        self.add_panel("Specimens", self.table, Qt.DockWidgetArea.LeftDockWidgetArea)
        self.add_panel("Measurement", self.side, Qt.DockWidgetArea.RightDockWidgetArea)

    def _add_actions(self) -> None:
        """Keys without a modifier belong to the table and the photo, never to a text field."""
        keys: dict[str, Callable[[], object]] = {
            "Return": self.accept_and_go_on,
            "Enter": self.accept_and_go_on,
            "R": lambda: self.set_status("review"),
            "X": lambda: self.set_status("rejected"),
            "S": self.share_scale,
        }
        for key, call in keys.items():
            action = QAction(self)
            action.setShortcut(QKeySequence(key))
            action.setShortcutContext(Qt.ShortcutContext.WidgetShortcut)
            action.triggered.connect(lambda _on=False, call=call: call())
            self.table.view.addAction(action)
            self.editor.canvas.addAction(action)
        self.table.view.addActions(self.editor.view_actions())
        for widget in (self, self.tools):
            widget.addActions(self.tools.actions_with_keys())

    def _connect(self) -> None:
        desk, table, editor = self.desk, self.table, self.editor
        desk.rows_replaced.connect(self._rows_replaced)
        desk.changed.connect(self._changed)
        desk.one_loaded.connect(self._one_loaded)
        desk.history_loaded.connect(self._history_loaded)
        desk.stepped.connect(self._stepped)
        desk.steps_changed.connect(
            lambda undo, redo: self.tools.show_steps(can_undo=undo, can_redo=redo)
        )
        desk.pending_changed.connect(self._pending_known)
        desk.job_started.connect(self._show_pending)
        desk.job_done.connect(self._job_done)
        table.current_changed.connect(self._show)
        table.measure_wanted.connect(desk.measure)
        editor.draft_changed.connect(self.result.show_measurement)
        editor.edited.connect(self._edited)
        editor.handed_over.connect(self._handed_over)
        editor.step_wanted.connect(table.step)
        editor.full_screen_wanted.connect(self.full_screen_wanted)
        self._connect_panels()
        self._connect_tools()

    def _connect_panels(self) -> None:
        self.result.status_wanted.connect(self._status_button)
        self.result.number_changed.connect(self._number_changed)
        self.result.measure_wanted.connect(self.desk.measure)
        self.result.share_wanted.connect(self.share_scale)
        self.side.photo_wanted.connect(self.go_to)
        self.side.boxes_found.connect(self._show_box)

    def _connect_tools(self) -> None:
        tools, desk = self.tools, self.desk
        tools.measure.triggered.connect(lambda: desk.measure())
        tools.again.triggered.connect(lambda: desk.measure(again=True))
        tools.undo.triggered.connect(self.undo)
        tools.redo.triggered.connect(self.redo)
        tools.export_wanted.connect(self.ask_export)
        tools.how.changed.connect(self._set_how)
        tools.unit_chosen.connect(self._unit_chosen)

    def _learn_names(self) -> None:
        """Methods and formats are known once their modules are read, off the GUI thread."""
        run = self._session.background.run
        run(measure_work.methods, done=self._methods_known, owner=self, priority=1)
        run(measure_work.exporters, done=self._exporters_known, owner=self)
        run(measure_work.why_no_plates, done=self.tools.how.show_plates, owner=self)

    def _methods_known(self, methods: tuple[tuple[str, str], ...]) -> None:
        self.tools.set_methods(methods, self._session.settings.measure_method)

    def _exporters_known(self, exporters: tuple[tuple[str, str, str], ...]) -> None:
        self.strip.set_formats(exporters)
        self.tools.set_exporters(exporters)

    def showEvent(self, event: QShowEvent) -> None:
        super().showEvent(event)
        self.table.view.setFocus()

    def shutdown(self) -> None:
        """Save what the keys have moved, and stop within the photos in work."""
        self.editor.settle()
        self.desk.shutdown()

    # Settings

    def _show_settings(self) -> None:
        settings = self._session.settings
        self.tools.show_settings(settings)
        self.table.set_unit(settings.measure_unit)
        self.result.set_unit(settings.measure_unit)

    def _keep(self, name: str, value: Any) -> None:
        setattr(self._session.settings, name, value)
        self._session.keeper.changed()

    def _set_how(self, name: str, value: Any) -> None:
        """Measure otherwise from now on."""
        self._keep(name, value)
        settings = self._session.settings
        self.desk.set_options(**settings.measure_options())
        if settings.measure_method == OWLVIT:
            self._session.background.run(
                measure_work.why_no_owlvit,
                settings.owlvit_folder,
                done=self.tools.how.show_problem,
                owner=self,
                key="owlvit",
            )

    def _unit_chosen(self, unit: words.Unit) -> None:
        self._keep("measure_unit", unit)
        self.table.set_unit(unit)
        self.result.set_unit(unit)

    # The photo

    def _rows_replaced(self, rows: list[Row]) -> None:
        self.strip.hide()
        self.table.set_rows(rows)
        self._show_pending()
        self.side.forget_folder()

    def _show(self, row: Row | None) -> None:
        self.editor.show_row(row, preview=self.table.current_thumbnail())
        self.result.show_row(row)
        self._show_box()
        if row is not None and row.measurement is not None:
            self.desk.want_one(row.photo.file)
            self.desk.want_history(row.photo.file)

    def _one_loaded(self, file: str, found: Measurement | None) -> None:
        if file == self.editor.file() and not self.desk.saving:
            self.editor.show_measurement(found)
            self.result.show_measurement(self.editor.measurement())
            row = self.table.model.find(file)
            # Another program, the command line say, may have measured the photo meanwhile.
            if row is not None and found is not None and row.measurement != light(found):
                self._changed([light(found)])

    def _history_loaded(self, file: str, steps: Any) -> None:
        if file == self.editor.file():
            self.result.show_history(steps)

    def _changed(self, found: list[Measurement]) -> None:
        """Measurements without outlines, of a job or of a correction."""
        model = self.table.model
        rows = [(model.find(one.file), one) for one in found]
        model.update_rows(replace(row, measurement=one) for row, one in rows if row is not None)
        self._show_pending()
        self.side.follow()
        file = self.editor.file()
        for one in found:
            if one.file == file and not self._is_drawn(one):
                self.desk.want_one(file)
                self.desk.want_history(file)

    def _is_drawn(self, one: Measurement) -> bool:
        drawn = self.editor.measurement()
        return drawn is not None and light(drawn) == light(one)

    def go_to(self, file: str) -> None:
        """Show a photo, also one that is filtered out now."""
        if self.table.select_file(file):
            self.table.view.setFocus()

    # Corrections

    def _correct(self, measurement: Measurement, **changes: Any) -> Measurement:
        measuring = self.desk.measuring
        if measuring is None:
            return measurement
        return corrected(measurement, user=measuring.user, options=measuring.options, **changes)

    def _edited(self, measurement: Measurement) -> None:
        self.desk.save(measurement)
        self.result.show_measurement(measurement)
        left = measurement.reasons if measurement.size_mm is not None else ()
        name = measurement.catalogue_no or measurement.file
        told = f"{name} corrected; still {left[0]}: accept or reject it." if left else ""
        self.editor.say(told or "Corrected. Ctrl+Z undoes it.")

    def _handed_over(self, measurement: Measurement, changes: Changes) -> None:
        """A correction whose photo was left before it was computed."""
        self.desk.change(measurement.file, lambda one: self._correct(one, **changes))

    def set_status(self, status: MeasureStatus) -> None:
        """Accept, doubt or reject the photo shown."""
        row = self._current()
        if row is None or row.measurement is None or not row.measurement.width_px:
            return
        if status == "accepted" and row.measurement.size_mm is None:
            self.editor.say("Without a scale there is no size to accept: mark the cube first.")
            return
        if row.measurement.status != status:
            self._change(
                lambda one: one if one.status == status else self._correct(one, status=status)
            )
            self.editor.say(f"{words.STATUS_WORDS[status]}: {row.name}. Ctrl+Z undoes it.")

    def _status_button(self, status: MeasureStatus) -> None:
        if status == "accepted":
            self.accept_and_go_on()
        else:
            self.set_status(status)

    def _number_changed(self, number: str) -> None:
        measuring = self.desk.measuring
        if measuring is not None:
            user = measuring.user
            self._change(
                lambda one: replace(one, catalogue_no=number, user=user, created_utc=now_utc())
            )

    def _change(self, how: Callable[[Measurement], Measurement]) -> None:
        """Correct the photo shown, from its measurement with the outline."""
        self.editor.settle()
        shown = self.editor.measurement()
        if shown is None:
            return
        if self.desk.saving or (shown.size_px is not None and not shown.outline_px):
            self.desk.change(shown.file, how)
            return
        changed = how(shown)
        if changed is shown:
            return
        self.editor.show_measurement(changed)
        self.result.show_measurement(changed)
        self.desk.save(changed)

    def _current(self) -> Row | None:
        return self.table.model.find(self.editor.file())

    def accept_and_go_on(self) -> None:
        """Accept the photo shown and go to the next of the queue."""
        if self.editor.pending():
            self.editor.use_pending()
            if self.editor.pending() or self.editor.busy:
                return
        row = self._current()
        following = self.table.neighbour()
        before = row.measurement if row else None
        self.set_status("accepted")
        if before is not None and before.width_px and before.size_mm is None:
            return
        if following is not None:
            self.table.select_file(following)
        elif row is not None:
            self.editor.say("That was the last photo of this list.")

    def share_scale(self) -> None:
        """Use this photo's scale for those that have none."""
        self.editor.settle()
        row = self._current()
        if self.desk.running:
            self.editor.say("Wait until the job below has ended, or cancel it.")
            return
        if row is None or row.measurement is None or row.measurement.scale is None:
            self.editor.say("This photo has no scale to share: mark the cube or draw a line.")
            return
        self._shared = row.name
        self.desk.share_scale(row.photo.file)

    def undo(self) -> None:
        self.editor.settle()
        self.desk.undo()

    def redo(self) -> None:
        self.desk.redo()

    def _stepped(self, stepped: Stepped, what: str) -> None:
        """A correction was saved, undone or brought back; show which."""
        if stepped.file is None:
            return
        self.desk.want_history(stepped.file)
        row = self.table.model.find(stepped.file)
        if what == "save" or row is None:
            if stepped.file == self.editor.file() and not self.desk.saving:
                self.editor.show_measurement(stepped.measurement)
                self.result.show_measurement(self.editor.measurement())
            if stepped.heirs:
                use = "uses" if stepped.heirs == 1 else "use"
                self.editor.say(
                    f"{photos(stepped.heirs)} {use} the old scale of this one; S gives the new."
                )
            return
        said = words.change(row.measurement, stepped.measurement)
        self.go_to(stepped.file)
        self.editor.show_measurement(stepped.measurement)
        self.result.show_measurement(stepped.measurement)
        more = f" and of {photos(len(stepped.others))} more" if stepped.others else ""
        self.editor.say(
            f"{'Undone' if what == 'undo' else 'Done again'}: {said} of {row.name}{more}"
        )

    def escape(self) -> bool:
        """Let go of a handle, drop what is drawn, or close the export strip; False if none."""
        if self.strip.isVisible():
            self.strip.hide()
            return True
        if self.editor.pending():
            self.editor.discard()
            return True
        return self.editor.unchoose()

    # Jobs and export

    def _pending_known(self) -> None:
        self.table.model.set_outdated(self.desk.pending_files)
        self._show_pending()

    def _show_pending(self) -> None:
        self.tools.show_pending(
            self.desk.pending, total=self.table.model.total, running=self.desk.running
        )

    def _job_done(self, end: JobEnd) -> None:
        self.table.model.rearrange()
        self.side.recount()
        self._show_pending()
        shared, self._shared = self._shared, ""
        if shared and not end.error:
            self.editor.say(words.shared(end.answer or 0, shared))

    def _show_box(self) -> None:
        self.result.show_box(self.table.model.box_of(self.editor.file()))

    def ask_export(self, name: str) -> None:
        """Write what holds now, after a word on what the format would miss."""
        self.editor.settle()
        self.strip.ask(name)
