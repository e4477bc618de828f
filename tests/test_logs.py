"""The log: complete, bounded, and never in the way."""

from __future__ import annotations

import logging
import sys
import threading
import warnings
from collections.abc import Iterator
from pathlib import Path

import pytest

from geoview import logs, paths


@pytest.fixture(autouse=True)
def _stopped() -> Iterator[None]:
    yield
    logs.stop()


def text() -> str:
    return logs.log_file().read_text(encoding="utf-8")


def test_the_log_has_what_happened() -> None:
    logs.start()
    logging.getLogger("geoview.somewhere").info("opened %s", "photo \udcff.jpg")
    logging.getLogger("PIL").info("chatter of a library")
    warnings.warn("something is odd", UserWarning, stacklevel=1)
    assert "opened photo \\udcff.jpg" in text()
    assert "something is odd" in text()
    assert "chatter" not in text()


def test_an_error_in_a_thread_is_logged(capsys: pytest.CaptureFixture[str]) -> None:
    logs.start()
    thread = threading.Thread(target=lambda: 1 / 0, name="worker")
    thread.start()
    thread.join()
    assert "ZeroDivisionError" in text()
    assert capsys.readouterr().err == ""


def test_the_log_does_not_grow_without_end() -> None:
    logs.start()
    log = logging.getLogger("geoview.test")
    for _ in range(400):
        log.info("x" * 50_000)
    sizes = [path.stat().st_size for path in paths.log_dir().iterdir()]
    assert len(sizes) <= 6
    assert sum(sizes) < 16 * 2**20


def test_no_place_for_a_log_does_not_stop_the_program(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "file").write_text("")
    monkeypatch.setattr(logs, "log_file", lambda: tmp_path / "file" / "geoview.log")
    logs.start()
    logging.getLogger("geoview.test").error("nobody hears this")


def test_stopping_gives_everything_back() -> None:
    before = (sys.excepthook, threading.excepthook, list(logging.getLogger().handlers))
    logs.start()
    logs.stop()
    assert (sys.excepthook, threading.excepthook, logging.getLogger().handlers) == before
