"""``geoview open`` and ``geoview run``: the window, or its main job where there is no display."""

from __future__ import annotations

import os
import socket
import sys
from pathlib import Path

from geoview import settings as user_settings
from geoview.commands import common, console, predict
from geoview.errors import DataError
from geoview.export import report


def open_window(folder: Path | None) -> int:
    """Open the window, on ``folder`` if given."""
    if folder is not None:
        from geoview.project import check_folder

        check_folder(folder)
    if not has_display():
        raise DataError(
            "There is no display to open the window on; geoview predict FOLDER works without one."
        )
    from geoview.app.main import run

    return int(run(folder) or 0)


def run_samples(report_folder: Path) -> int:
    """The sample project in the window; without a display its results as table and report."""
    from geoview.samples import sample_folder

    folder = sample_folder()
    if has_display():
        return open_window(folder)
    console.say("No display: analysing the sample photos here instead of in the window.")
    return analyse_headless(folder, report_folder)


def analyse_headless(folder: Path, report_folder: Path) -> int:
    """Analyse ``folder``, print the table, write CSV files, heatmaps and a page to look at."""
    from geoview.project import Project

    common.check_target(report_folder, folder=True)
    settings = user_settings.load()
    model = common.choose_model(None, settings=settings)
    wishes = predict.Wishes(
        csv=report_folder / "results.csv",
        tiles=report_folder / "tiles.csv",
        heatmaps=report_folder / "heatmaps",
    )
    with Project.open(folder, settings=settings, require_photos=True) as project:
        predict.tell_about(project)
        outcome = predict.work(project, model, wishes)
        if outcome.code == console.STOPPED:
            return outcome.code
        results = project.results(model.ref)
        common.print_results(results)
        pictures = [(p.file, p.class_name, p.path) for p in outcome.pictures]
        page = report_folder / "index.html"
        try:
            report.write_page(page, results, title=folder.name, model=model.ref, pictures=pictures)
        except OSError as error:
            raise DataError(
                f"Could not write {page} ({error.strerror or error}); choose another place."
            ) from error
        console.say(f"Wrote {page}")
    return outcome.code


def has_display() -> bool:
    """Whether a window would be seen."""
    if sys.platform in ("win32", "darwin"):
        return True
    if os.environ.get("QT_QPA_PLATFORM", "").split(":")[0] in ("offscreen", "minimal", "vnc"):
        return False
    wayland = os.environ.get("WAYLAND_DISPLAY")
    if wayland:
        place = Path(os.environ.get("XDG_RUNTIME_DIR", "/run")) / wayland
        if place.exists():
            return True
    return _x11_answers(os.environ.get("DISPLAY", ""))


def _x11_answers(display: str) -> bool:
    """Whether an X server is there; a display of another machine (ssh -X) is taken at its word."""
    host, _, number = display.rpartition(":")
    number = number.split(".")[0]
    if not number.isdigit():
        return False
    if host not in ("", "unix"):
        return True
    for address in (f"/tmp/.X11-unix/X{number}", f"\0/tmp/.X11-unix/X{number}"):
        with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as probe:
            try:
                probe.connect(address)
                return True
            except OSError:
                continue
    return False
