"""The full log in the user's log folder; the user sees one clean line instead."""

from __future__ import annotations

import logging
import platform
import sys
import threading
from logging.handlers import RotatingFileHandler
from pathlib import Path
from types import TracebackType
from typing import Any

import geoview
from geoview import paths

log = logging.getLogger(__name__)

_FORMAT = "%(asctime)s %(process)d %(threadName)s %(levelname)s %(name)s: %(message)s"


class _Before:
    """What start() replaced and stop() puts back."""

    hooks: tuple[Any, Any] | None = None


class _LogFile(RotatingFileHandler):
    """A log file that several processes share."""

    def handleError(self, record: logging.LogRecord) -> None:
        """A full disk, or a file that another process renames, must not disturb the work."""


def log_file() -> Path:
    return paths.log_dir() / "geoview.log"


def start(*, debug: bool = False) -> None:
    """Write the log from now on; ``debug`` also logs details. Does not fail without a disk."""
    root = logging.getLogger()
    stop()
    try:
        handler: logging.Handler = _LogFile(
            log_file(),
            maxBytes=2 * 2**20,
            backupCount=5,
            encoding="utf-8",
            errors="backslashreplace",
        )
    except OSError:
        handler = logging.NullHandler()
    handler.set_name("geoview")
    handler.setFormatter(logging.Formatter(_FORMAT))
    root.addHandler(handler)
    root.setLevel(logging.WARNING)
    logging.getLogger("geoview").setLevel(logging.DEBUG if debug else logging.INFO)
    logging.captureWarnings(True)
    _Before.hooks = (sys.excepthook, threading.excepthook)
    sys.excepthook = _uncaught
    threading.excepthook = _uncaught_in_thread
    system = f"Python {platform.python_version()}, {platform.platform()}"
    log.info("GeoView %s, %s", geoview.__version__, system)


def stop() -> None:
    """Close the log file and leave warnings and uncaught errors to whom they belonged before."""
    if _Before.hooks is None:
        return
    sys.excepthook, threading.excepthook = _Before.hooks
    _Before.hooks = None
    logging.captureWarnings(False)
    logging.getLogger("geoview").setLevel(logging.NOTSET)
    root = logging.getLogger()
    for handler in list(root.handlers):
        if handler.get_name() == "geoview":
            root.removeHandler(handler)
            handler.close()


def _uncaught(kind: type[BaseException], error: BaseException, trace: TracebackType | None) -> None:
    log.critical("Uncaught", exc_info=(kind, error, trace))
    if _Before.hooks is not None:
        _Before.hooks[0](kind, error, trace)


def _uncaught_in_thread(details: threading.ExceptHookArgs) -> None:
    error = details.exc_value or details.exc_type()
    log.critical("Uncaught in a thread", exc_info=(details.exc_type, error, details.exc_traceback))
