"""The real ``main``: it starts, opens a folder, and ends as a program should."""

from __future__ import annotations

import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

_RUN = """
import sys
from pathlib import Path
from PySide6.QtCore import QTimer
from geoview.app import main, window

class Window(window.MainWindow):
    def _opened(self, project):
        super()._opened(project)
        print("opened", len(project.photos), flush=True)

main.MainWindow = Window
if len(sys.argv) > 2:
    sys.stdout = sys.stderr = None
sys.exit(main.run(Path(sys.argv[1])))
"""


@pytest.mark.skipif(sys.platform == "win32", reason="no SIGINT for one process")
def test_ctrl_c_closes_the_window_properly(photos: Path) -> None:
    process = subprocess.Popen(
        [sys.executable, "-c", _RUN, str(photos)], stdout=subprocess.PIPE, text=True
    )
    assert process.stdout is not None
    try:
        assert process.stdout.readline().strip() == "opened 8"
        time.sleep(0.1)
        process.send_signal(signal.SIGINT)
        assert process.wait(timeout=200) == 0
    finally:
        process.kill()
        process.stdout.close()
        process.wait()


def test_a_windowed_build_without_streams_starts(photos: Path) -> None:
    code = _RUN.replace(
        'print("opened", len(project.photos), flush=True)', "QTimer.singleShot(0, self.close)"
    )
    done = subprocess.run(
        [sys.executable, "-X", "faulthandler", "-c", code, str(photos), "windowed"],
        timeout=200,
        stderr=subprocess.PIPE,
        text=True,
    )
    assert done.returncode == 0, done.stderr
