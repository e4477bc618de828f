"""The README's pictures: ``python -m geoview.app.screenshots OUT_DIR [--model FILE]``.

Drives the real window on the sample project with settings of its own, and waits for what the
window itself tells, never for a time.
"""

from __future__ import annotations

import argparse
import os
import sys
import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

from PySide6.QtCore import QEventLoop, QTimer
from PySide6.QtWidgets import QApplication

from geoview import settings
from geoview.app import main as app_main
from geoview.app import theme
from geoview.app.compare_menu import Beside
from geoview.app.photos_page import PhotosPage
from geoview.app.window import MainWindow
from geoview.errors import GeoViewError
from geoview.records import PhotoResult
from geoview.samples import sample_folder

SIZE = (1440, 900)
_TOO_LONG_MS = 300_000


def main(arguments: list[str] | None = None) -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("folder", type=Path, help="where the pictures go")
    parser.add_argument("--model", help="a model file, instead of the one that is shipped")
    options = parser.parse_args(arguments)
    options.folder.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(prefix="geoview-screenshots-") as home:
        os.environ["GEOVIEW_HOME"] = home
        settings.save(settings.Settings(theme="light", model=options.model))
        app = app_main.application()
        app.setQuitOnLastWindowClosed(False)
        window = MainWindow()
        try:
            take(app, window, options.folder)
        except GeoViewError as error:
            sys.stderr.write(f"{error}\n")
            return 2
        finally:
            window.close()
    return 0


def take(app: QApplication, window: MainWindow, folder: Path) -> None:
    """All pictures, one after the other."""

    def save(name: str) -> None:
        _idle()
        window.grab().save(str(folder / f"{name}.png"))

    window.setMinimumSize(*SIZE)
    window.resize(*SIZE)
    window.show()
    _after(window.settled, window.begin)
    save("start")
    page = _analysed(window)
    save("photos")
    _after(window.session.evidence.answered, lambda: page.viewer.choose_class(_mixed(page)))
    beside = Beside("method", "grad-cam")
    _after(window.session.evidence.answered, lambda: page.viewer.set_beside(beside))
    save("heatmap")
    theme.apply(app, "dark")
    page.viewer.set_beside(None)
    page.viewer.lines_action.setChecked(True)
    save("dark")
    theme.apply(app, "light")
    window.show_page("models")
    save("models")
    _measured(window)
    save("measure")


def _analysed(window: MainWindow) -> PhotosPage:
    """The sample well with all its results, at the photo that shows most."""
    session = window.session
    _after(session.results_replaced, lambda: session.open(sample_folder()))
    _after(session.job_done, session.analyse)
    if not session.tally["done"]:
        raise GeoViewError("No photo could be analysed; see the log for the reason.")
    page = window.photos_page()
    best = max(page.browser.model.results(), key=_richness)
    current = page.browser.current()
    if current is None or current.photo.file != best.photo.file:
        _after(page.viewer.loader.loaded, lambda: page.browser.select_file(best.photo.file))
    photos = [page.browser.model.result(row).photo for row in page.browser.view.visible_rows()]
    _until(lambda: all(page.thumbnails.pixmap(photo) for photo in photos), page.thumbnails.ready)
    return page


def _measured(window: MainWindow) -> None:
    """The sample drawer, measured, at a photo that shows specimen and cube."""
    window.show_page("measure")
    page = window.measure_page()

    def opened() -> bool:
        project, measuring = window.session.project, page.desk.measuring
        known = measuring is not None and measuring.project is project
        return known and project is not None and project.folder.name == "specimens"

    _until(opened, page.desk.pending_changed, act=window.open_drawer)
    if page.desk.pending:
        _after(page.desk.job_done, page.desk.measure)
    rows = page.table.model.rows()
    good = [row for row in rows if row.measurement and row.measurement.status == "accepted"]
    if good:
        page.go_to(good[0].photo.file)
        _until(lambda: page.editor.drawing.places() != [], page.desk.one_loaded)
    page.editor.canvas.fit()


def _richness(result: PhotoResult) -> tuple[int, float]:
    """Photos with several lithologies found, and evenly, make the better picture."""
    prediction = result.prediction
    if prediction is None:
        return 0, 0.0
    pairs = zip(prediction.probabilities, prediction.thresholds, strict=True)
    return sum(p >= t for p, t in pairs), -max(prediction.area_pct or (0.0,))


def _mixed(page: PhotosPage) -> str:
    """The second most probable lithology of the photo: its evidence is not everywhere."""
    result = page.viewer.result()
    if result is None or result.prediction is None:
        raise GeoViewError("The photo has no prediction to show a heatmap of.")
    prediction = result.prediction
    ranked = sorted(zip(prediction.probabilities, prediction.classes, strict=True), reverse=True)
    return ranked[min(1, len(ranked) - 1)][1]


def _after(signal: Any, act: Callable[[], object]) -> None:
    """Act, and return once the signal has come."""
    came: list[bool] = []
    _until(lambda: bool(came), signal, note=lambda *_: came.append(True), act=act)


def _until(
    condition: Callable[[], bool],
    signal: Any,
    *,
    note: Callable[..., object] | None = None,
    act: Callable[[], object] | None = None,
) -> None:
    """Run the event loop until the condition holds; it is looked at whenever the signal comes."""
    loop, limit = QEventLoop(), QTimer()
    limit.setSingleShot(True)
    limit.timeout.connect(loop.quit)

    def look(*values: object) -> None:
        if note is not None:
            note(*values)
        if condition():
            loop.quit()

    signal.connect(look)
    limit.start(_TOO_LONG_MS)
    if act is not None:
        act()
    if not condition():
        loop.exec()
    signal.disconnect(look)
    limit.stop()
    if not condition():
        raise GeoViewError("The window did not do in five minutes what was asked; see the log.")


def _idle() -> None:
    """Let layouts, paint events and short animations come to rest."""
    loop = QEventLoop()
    QTimer.singleShot(300, loop.quit)
    loop.exec()


if __name__ == "__main__":
    sys.exit(main())
