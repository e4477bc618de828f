"""The jobs bar: what runs, how far it is, and what the last job left."""

from __future__ import annotations

from collections.abc import Callable

from PySide6.QtCore import Signal
from PySide6.QtWidgets import QFrame, QHBoxLayout, QProgressBar, QWidget

from geoview.app import job_words
from geoview.app.parts import button, describe, label, tool
from geoview.app.theme import GAP, SMALL, figures, set_role
from geoview.app.words import count
from geoview.records import Progress

_BAR_PX = 240


class JobsBar(QFrame):
    """One line at the foot of the window."""

    pause_toggled = Signal(bool)
    cancel_wanted = Signal()
    continue_wanted = Signal()
    failed_wanted = Signal()
    log_toggled = Signal(bool)

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._paused = False
        self._link: Callable[[], object] | None = None
        set_role(self, "bar")
        self.setAccessibleName("Jobs")
        self.text = label()
        self.text.setFont(figures(self.text.font()))
        self.text.setMinimumWidth(1)
        self.text.setAccessibleName("What runs now")
        self.bar = QProgressBar()
        self.bar.setTextVisible(False)
        self.bar.setFixedWidth(_BAR_PX)
        describe(self.bar, "Progress")
        self.pause = button("Pause", self._toggle, icon="pause", role="quiet")
        self.cancel = button("Cancel", self.cancel_wanted.emit, icon="close", role="quiet")
        self.resume = button("Continue", self.continue_wanted.emit, icon="play", role="quiet")
        self.failed = button("", self.failed_wanted.emit, role="link")
        self.link = button("", self._follow, role="link", about="Open what the last job made")
        self.log = tool("log", "Log", lambda: self.log_toggled.emit(self.log.isChecked()))
        self.log.setCheckable(True)
        describe(self.log, "Log", "Show or hide the log  Ctrl+L")
        self._lay_out()
        self.show_idle("")

    def _lay_out(self) -> None:
        row = QHBoxLayout(self)
        row.setContentsMargins(2 * GAP, SMALL, GAP, SMALL)
        row.setSpacing(GAP)
        left: tuple[QWidget, ...] = (self.text, self.failed, self.link, self.resume)
        right: tuple[QWidget, ...] = (self.bar, self.pause, self.cancel, self.log)
        for widget in left:
            row.addWidget(widget)
        row.addStretch(1)
        for widget in right:
            row.addWidget(widget)
        self.setFixedHeight(self.pause.sizeHint().height() + 2 * SMALL)

    def show_idle(
        self,
        text: str,
        *,
        failed: int = 0,
        unfinished: bool = False,
        link: tuple[str, Callable[[], object]] | None = None,
    ) -> None:
        """A line of result; ``failed`` offers to show those photos, ``unfinished`` to go on,
        and ``link`` opens what a job made."""
        self.text.setText(text)
        self.failed.setText(f"Show the {count(failed)}" if failed > 1 else "Show it")
        describe(self.failed, self.failed.text(), "Show the photos that could not be read")
        self._link = link[1] if link else None
        self.link.setText(link[0] if link else "")
        self.link.setAccessibleName(self.link.text() or "Result")
        self._show_only(
            self.failed if failed else None,
            self.link if link else None,
            self.resume if unfinished else None,
        )

    def show_busy(self, text: str) -> None:
        """Work whose length is not known."""
        self.text.setText(text)
        self.bar.setRange(0, 0)
        self._show_only(self.bar)

    def show_progress(
        self,
        progress: Progress,
        *,
        paused: bool = False,
        note: str = "",
        doing: str = "Analysing",
    ) -> None:
        """A running job; ``note`` says what it waits for before it gets going."""
        self._paused = paused
        self.text.setText(note or job_words.running(progress, paused=paused, doing=doing))
        self.bar.setRange(0, max(1, progress.total))
        self.bar.setValue(progress.done)
        self.pause.setText("Resume" if paused else "Pause")
        describe(self.pause, self.pause.text(), "The window and the heatmaps stay usable")
        self._show_only(self.bar, self.pause, self.cancel)

    def show_stopping(self) -> None:
        """Cancelled; the batch in work still ends."""
        self.text.setText("Stopping after the photos in work")
        self._show_only(self.bar)

    def _show_only(self, *shown: QWidget | None) -> None:
        for widget in (self.failed, self.link, self.bar, self.pause, self.resume, self.cancel):
            if widget.isVisibleTo(self) != (widget in shown):
                widget.setVisible(widget in shown)

    def _toggle(self) -> None:
        self.pause_toggled.emit(not self._paused)

    def _follow(self) -> None:
        if self._link is not None:
            self._link()
