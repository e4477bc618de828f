"""``geoview predict``: a folder of photos becomes lithologies, layers and heatmaps."""

from __future__ import annotations

from contextlib import ExitStack, closing
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING

from geoview import settings as user_settings
from geoview.commands import common, console
from geoview.commands.common import ChosenModel, Precision

if TYPE_CHECKING:
    from geoview.heatmaps import HeatmapFile
    from geoview.models.engine import Engine
    from geoview.project import Project


@dataclass(frozen=True, slots=True)
class Wishes:
    """What the user asked of a prediction."""

    model: str | None = None
    csv: Path | None = None
    tiles: Path | None = None
    heatmaps: Path | None = None
    device: str | None = None
    precision: Precision | None = None
    sheet: Path | None = None
    again: bool = False
    table: bool = True


@dataclass(slots=True)
class Outcome:
    """How it went; ``code`` is the exit code."""

    code: int
    pictures: list[HeatmapFile] = field(default_factory=list)


def predict(folder: Path, wishes: Wishes) -> int:
    """Analyse ``folder`` and write what is asked for; returns the exit code."""
    from geoview.project import Project, check_folder

    check_folder(folder)
    common.check_target(wishes.csv)
    common.check_target(wishes.tiles)
    common.check_target(wishes.heatmaps, folder=True)
    settings = user_settings.load()
    model = common.choose_model(wishes.model, settings=settings)
    with Project.open(
        folder, settings=settings, sheet=wishes.sheet, require_photos=True
    ) as project:
        tell_about(project)
        return work(project, model, wishes).code


def tell_about(project: Project) -> None:
    """Where the results are kept, if not as usual, and what is no photo."""
    if project.notice:
        console.say(project.notice, style="yellow")
    common.tell_left_out(project.skipped)


def work(project: Project, model: ChosenModel, wishes: Wishes) -> Outcome:
    """Analysis, exports, table; Ctrl+C stops cleanly at any point."""
    with ExitStack() as stack:
        stop = stack.enter_context(console.on_interrupt())
        outcome = Outcome(console.DONE)
        if wishes.again or wishes.heatmaps or project.pending(model.ref):
            engine = stack.enter_context(closing(_engine(model, wishes)))
            _analyse(project, engine, wishes, stop)
            if not stop.asked and wishes.heatmaps:
                outcome.pictures = _heatmaps(project, engine, wishes.heatmaps, stop)
        if stop.asked:
            left = len(project.pending(model.ref))
            console.say(
                f"Stopped with {len(project.photos) - left} of {len(project.photos)} photos "
                "analysed; the same command goes on from there."
            )
            outcome.code = console.STOPPED
            return outcome
    _report(project, model, wishes, outcome)
    return outcome


def _engine(model: ChosenModel, wishes: Wishes) -> Engine:
    with console.err().status("Loading the model…"):
        return common.open_engine(
            model.path,
            device=wishes.device,
            precision=wishes.precision,
            settings=user_settings.load(),
        )


def _analyse(project: Project, engine: Engine, wishes: Wishes, stop: console.Stop) -> None:
    with console.Bar("Analysing") as bar:
        run = project.analyse(engine, again=wishes.again, cancelled=stop, notify=bar.say)
        for _, progress in run:
            bar.update(progress)


def _heatmaps(
    project: Project, engine: Engine, folder: Path, stop: console.Stop
) -> list[HeatmapFile]:
    pictures: list[HeatmapFile] = []
    with console.Bar("Heatmaps") as bar:
        for batch, progress in project.heatmaps(engine, folder, cancelled=stop, notify=bar.say):
            pictures += batch
            bar.update(progress)
    return pictures


def _report(project: Project, model: ChosenModel, wishes: Wishes, outcome: Outcome) -> None:
    card = model.card
    project.export_csv(
        wishes.csv, model=model.ref, tiles=wishes.tiles, classes=card.classes, layers=card.layers
    )
    results = project.results(model.ref)
    if wishes.table and wishes.csv is None:
        common.print_results(results)
    failed = common.list_failed(results)
    done = sum(result.status == "done" for result in results)
    words = f"{done} of {len(results)} photos analysed with {model.ref.name}"
    console.say(f"{words}, {failed} could not be read." if failed else f"{words}.")
    for path in (wishes.csv, wishes.tiles, wishes.heatmaps):
        if path is not None:
            console.say(f"Wrote {path}")
    outcome.code = common.exit_code(results)
