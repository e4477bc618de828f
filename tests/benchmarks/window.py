"""The window: cold start, event loop during an analysis, a folder of 20,000 photos.

Everything runs the real window with the embedded model (or, where there is none yet, a small
untrained one) on the real screen, a virtual one, or offscreen. Cold starts are fresh processes,
from the start of the process to the first paint event. The last line is one JSON object.
"""

from __future__ import annotations

import argparse
import io
import json
import os
import shutil
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import psutil
from PIL import Image
from rich.console import Console
from rich.table import Table

if sys.platform == "linux" and not os.environ.get("DISPLAY"):
    os.environ.setdefault("QT_QPA_PLATFORM", "offscreen")

from PySide6.QtCore import QElapsedTimer, QEventLoop, QObject, Qt, QTimer

from geoview import paths, settings
from geoview.app import main as app_main
from geoview.app.window import MainWindow
from geoview.models import store

HEARTBEAT_MS = 5
SLOWEST_MS = 120_000
LIMITS = {
    "first_paint_s": 1.5,
    "loop_p99_ms": 50.0,
    "folder_20000_usable_s": 2.0,
    "scroll_memory_growth_mib": 96.0,
}
TITLES = {
    "first_paint_s": "Cold start to first paint, s (median)",
    "loop_p99_ms": "Event loop during an analysis, p99, ms",
    "folder_20000_usable_s": "Folder of 20,000 photos usable, s",
    "scroll_memory_growth_mib": "Memory growth, scrolled end to end, MiB",
}
FIRST_PAINT = """
import sys, time
from PySide6.QtCore import QEvent, QObject, QTimer
from geoview.app import main
from geoview.app.window import MainWindow

class Watch(QObject):
    def eventFilter(self, watched, event):
        if event.type() == QEvent.Type.Paint and isinstance(watched, MainWindow):
            sys.stdout.write(f"{time.time()}\\n")
            sys.stdout.flush()
            watched.removeEventFilter(self)
            QTimer.singleShot(0, watched.close)
        return False

app = main.application()
watch = Watch()
shown = MainWindow.show
def show(self):
    self.installEventFilter(watch)
    shown(self)
MainWindow.show = show
main.run()
"""


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--starts", type=int, default=5, help="cold starts")
    parser.add_argument("--photos", type=int, default=20_000, help="photos in the large folder")
    parser.add_argument("--seconds", type=float, default=15.0, help="how long to analyse")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="geoview-window-") as name:
        scratch = Path(name)
        os.environ["GEOVIEW_HOME"] = str(scratch / "home")
        prepare_model(scratch)
        busy = [busy_factor()]
        starts = [first_paint() for _ in range(options.starts + 1)][1:]
        app = app_main.application()
        app.setQuitOnLastWindowClosed(False)
        loop = event_loop(scratch, seconds=options.seconds)
        busy.append(busy_factor())
        folder = large_folder(scratch, options.photos)
        busy.append(busy_factor())
    figures: dict[str, Any] = {"first_paint_s": statistics.median(starts)} | loop | folder
    figures |= {"starts_s": starts, "photos": options.photos, "busy_factor": max(busy)}
    show(figures)
    sys.stdout.write(json.dumps({k: _rounded(v) for k, v in figures.items()}) + "\n")
    return 0


def busy_factor() -> float:
    """Wall time over processor time of one busy thread: 1 on an idle machine.

    Other programs stretch every figure here by about this much.
    """
    wall, own = time.monotonic(), time.process_time()
    while time.process_time() - own < 0.5:
        pass
    return (time.monotonic() - wall) / (time.process_time() - own)


def prepare_model(scratch: Path) -> None:
    """The embedded model, or a small untrained one where it has not been trained yet."""
    if any(entry.card is not None for entry in store.available()):
        return
    from geoview.models import bundle
    from geoview.models.card import ModelCard, Preprocess
    from geoview.models.registry import build

    card = ModelCard(
        name="untrained",
        title="Untrained",
        architecture="geolayer",
        backbone="vit_tiny_patch16_224",
        task="multi-label",
        classes=["sandstone", "mudstone", "limestone", "shale"],
        layers=["Layer1", "Layer2"],
        thresholds=[0.5] * 4,
        preprocess=Preprocess(input_px=224),
        options={"num_layers": 2},
    )
    kept = settings.load()
    kept.model = str(scratch / "untrained.safetensors")
    bundle.save(Path(kept.model), module=build(card), card=card)
    settings.save(kept)


def first_paint() -> float:
    """Seconds from the start of a fresh process to the window's first paint event."""
    begun = time.time()
    done = subprocess.run(
        [sys.executable, "-c", FIRST_PAINT], capture_output=True, text=True, check=True, timeout=60
    )
    return float(done.stdout.split()[0]) - begun


class Heartbeat(QObject):
    """How late a timer fires: the time that a key press would have waited."""

    def __init__(self) -> None:
        super().__init__()
        self.late_ms: list[float] = []
        self._last = QElapsedTimer()
        self._timer = QTimer(self)
        self._timer.setTimerType(Qt.TimerType.PreciseTimer)
        self._timer.timeout.connect(self._beat)

    def start(self) -> None:
        self._last.start()
        self._timer.start(HEARTBEAT_MS)

    def stop(self) -> None:
        self._timer.stop()

    def _beat(self) -> None:
        passed = self._last.nsecsElapsed() / 1e6
        self._last.restart()
        self.late_ms.append(max(0.0, passed - HEARTBEAT_MS))


def event_loop(scratch: Path, *, seconds: float) -> dict[str, float]:
    """Latency of the event loop while photos are analysed and looked through."""
    folder = sample_well(scratch / "well", copies=40)
    window = open_window()
    open_folder(window, folder)
    window.session.analyse()
    wait_for(lambda: window.session.tally["done"] > 0)
    beat = Heartbeat()
    stepper = QTimer()
    stepper.timeout.connect(lambda: window.photos_page().browser.step(1))
    stepper.start(500)
    beat.start()
    begun, done = time.monotonic(), window.session.tally["done"]
    run_for(seconds)
    rate = (window.session.tally["done"] - done) / (time.monotonic() - begun)
    beat.stop()
    stepper.stop()
    running = window.session.running
    window.close()
    if not running:
        raise SystemExit("The analysis ended before the measurement did; use more photos.")
    late = np.array(beat.late_ms)
    return {
        "loop_p99_ms": float(np.percentile(late, 99)),
        "loop_max_ms": float(late.max()),
        "analysed_per_s": rate,
    }


def large_folder(scratch: Path, number: int) -> dict[str, float]:
    """Opening many photos, and scrolling through all of them."""
    folder = many_photos(scratch / "many", number)
    window = open_window()
    page = window.photos_page()
    seen: list[float] = []
    page.thumbnails.ready.connect(lambda _file: seen.append(time.monotonic()))
    begun = time.monotonic()
    open_folder(window, folder)
    wait_for(lambda: bool(seen))
    if page.browser.model.rowCount() != number:
        raise SystemExit("Not all photos are listed.")
    run_for(1.0)
    bar = page.browser.view.verticalScrollBar()
    before = memory_mib()
    slowest = scroll(bar)
    first = memory_mib()
    scroll(bar)
    second = memory_mib()
    window.close()
    return {
        "folder_20000_usable_s": seen[0] - begun,
        "scroll_memory_growth_mib": first - before,
        "second_scroll_growth_mib": second - first,
        "slowest_scroll_step_ms": slowest,
    }


def scroll(bar: Any, *, steps: int = 400) -> float:
    """From top to bottom; returns the longest time that one step took, in ms."""
    slowest = 0.0
    for i in range(steps + 1):
        begun = time.monotonic()
        bar.setValue(bar.maximum() * i // steps)
        QEventLoop().processEvents()
        slowest = max(slowest, (time.monotonic() - begun) * 1000)
        run_for(0.06)
    return slowest


def sample_well(folder: Path, *, copies: int) -> Path:
    folder.mkdir()
    samples = sorted((paths.resources() / "samples" / "cuttings").glob("*.jpg"))
    for i in range(copies * len(samples)):
        shutil.copyfile(samples[i % len(samples)], folder / f"WELL-A_{i:05d}.0m.jpg")
    return folder


def many_photos(folder: Path, number: int) -> Path:
    folder.mkdir()
    random = np.random.default_rng(0)
    files = []
    for _ in range(16):
        coarse = random.integers(0, 255, (6, 8, 3), dtype=np.uint8)
        stream = io.BytesIO()
        Image.fromarray(coarse).resize((320, 240)).save(stream, "JPEG", quality=80)
        files.append(stream.getvalue())
    for i in range(number):
        (folder / f"WELL-B_{i * 0.5:07.1f}m.jpg").write_bytes(files[i % len(files)])
    return folder


def open_window() -> MainWindow:
    window = MainWindow()
    window.resize(1440, 900)
    window.show()
    settled: list[bool] = []
    window.settled.connect(lambda: settled.append(True))
    window.begin()
    wait_for(lambda: bool(settled))
    return window


def open_folder(window: MainWindow, folder: Path) -> None:
    shown: list[bool] = []
    window.session.results_replaced.connect(lambda _results: shown.append(True))
    window.session.open(folder)
    wait_for(lambda: bool(shown))


def wait_for(condition: Callable[[], bool]) -> None:
    """Run the event loop until something has happened."""
    loop = QEventLoop()
    check, limit = QTimer(), QTimer()
    check.timeout.connect(lambda: condition() and loop.quit())
    limit.timeout.connect(loop.quit)
    check.start(5)
    limit.start(SLOWEST_MS)
    if not condition():
        loop.exec()
    if not condition():
        raise SystemExit("Waited in vain; see the log.")


def run_for(seconds: float) -> None:
    loop = QEventLoop()
    QTimer.singleShot(round(seconds * 1000), loop.quit)
    loop.exec()


def memory_mib() -> float:
    return float(psutil.Process().memory_info().rss) / 2**20


def show(figures: dict[str, Any]) -> None:
    table = Table("What", "Measured", "Limit", "Of the limit")
    for name, limit in LIMITS.items():
        value = figures[name]
        table.add_row(TITLES[name], f"{value:.2f}", f"{limit:g}", f"{value / limit:.2f}")
    for name in ("loop_max_ms", "analysed_per_s", "second_scroll_growth_mib",
                 "slowest_scroll_step_ms", "busy_factor"):  # fmt: skip
        table.add_row(name, f"{figures[name]:.2f}", "", "")
    Console().print(table)


def _rounded(value: Any) -> Any:
    if isinstance(value, list):
        return [_rounded(one) for one in value]
    return round(value, 3) if isinstance(value, float) else value


if __name__ == "__main__":
    sys.exit(main())
