"""Starting the window. Nothing heavy is imported before it has been painted."""

from __future__ import annotations

import contextlib
import logging
import os
import signal
import socket
import sys
import threading
from collections.abc import Iterator
from pathlib import Path
from types import TracebackType

from PySide6.QtCore import QSocketNotifier, QTimer
from PySide6.QtWidgets import QApplication

import geoview
from geoview import logs, paths
from geoview.app import theme
from geoview.app.log_pane import open_log_folder
from geoview.app.window import MainWindow

log = logging.getLogger(__name__)


def run(folder: Path | None = None) -> int:
    """Open the window, on ``folder`` if given; returns the exit code when it is closed."""
    _mend_streams()
    logs.start()
    app = application()
    window = MainWindow()
    _catch_errors(window)
    window.show()
    QTimer.singleShot(0, window, lambda: window.begin(folder))
    try:
        with _closing_on_interrupt(window):
            return app.exec()
    finally:
        sys.excepthook = sys.__excepthook__
        threading.excepthook = threading.__excepthook__
        logs.stop()


def application() -> QApplication:
    """The Qt application, named and dressed as the settings say."""
    from geoview import settings

    existing = QApplication.instance()
    app = existing if isinstance(existing, QApplication) else QApplication(sys.argv[:1])
    app.setApplicationName("GeoView")
    app.setApplicationDisplayName("GeoView")
    app.setApplicationVersion(geoview.__version__)
    app.setDesktopFileName("geoview")
    theme.apply(app, settings.load().theme)
    return app


def _mend_streams() -> None:
    """A windowed build has no standard streams; libraries that write to them would fail."""
    for name in ("stdout", "stderr"):
        if getattr(sys, name) is None:
            setattr(sys, name, open(os.devnull, "w", encoding="utf-8"))


@contextlib.contextmanager
def _closing_on_interrupt(window: MainWindow) -> Iterator[None]:
    """Ctrl+C in the terminal closes the window as the user would.

    Python only sees a signal when it runs; Qt is woken by the socket that the signal writes to.
    """
    if threading.current_thread() is not threading.main_thread():
        yield
        return
    reading, writing = socket.socketpair()
    reading.setblocking(False)
    writing.setblocking(False)
    notifier = QSocketNotifier(reading.fileno(), QSocketNotifier.Type.Read)
    notifier.activated.connect(lambda: reading.recv(64))
    wakeup = signal.set_wakeup_fd(writing.fileno())
    before = signal.signal(signal.SIGINT, lambda *_: window.close())
    try:
        yield
    finally:
        signal.signal(signal.SIGINT, before)
        signal.set_wakeup_fd(wakeup)
        notifier.setEnabled(False)
        reading.close()
        writing.close()


def _catch_errors(window: MainWindow) -> None:
    """What nobody foresaw goes to the log in full, and to the window in one line."""

    def show(error: BaseException | None) -> None:
        text = (
            f"Something went wrong inside GeoView ({type(error).__name__}). Your photos and "
            f"results are safe; the details are in {paths.log_dir()}."
        )
        window.background.bridge.post(
            lambda: window.session.tell("error", text, ("Open the log", open_log_folder))
        )

    def caught(
        kind: type[BaseException], error: BaseException, trace: TracebackType | None
    ) -> None:
        log.critical("Uncaught", exc_info=(kind, error, trace))
        if issubclass(kind, Exception):
            show(error)

    def caught_in_thread(details: threading.ExceptHookArgs) -> None:
        error = details.exc_value or details.exc_type()
        log.critical("Uncaught", exc_info=(details.exc_type, error, details.exc_traceback))
        show(error)

    sys.excepthook = caught
    threading.excepthook = caught_in_thread
