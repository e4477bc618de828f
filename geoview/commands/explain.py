"""``geoview explain``: heatmaps, masks, areas and the evidence audit for a folder of photos."""

from __future__ import annotations

from contextlib import ExitStack, closing
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from geoview import settings as user_settings
from geoview.commands import common, console, predict
from geoview.commands.common import ChosenModel, Precision
from geoview.errors import ModelError

if TYPE_CHECKING:
    from geoview.evidence import EvidenceWishes
    from geoview.evidence_files import EvidenceFiles
    from geoview.models.engine import Engine
    from geoview.project import Project
    from geoview.settings import Settings


@dataclass(frozen=True, slots=True)
class Wishes:
    """What the user asked for."""

    out: Path
    model: str | None = None
    methods: tuple[str, ...] = ("auto",)
    classes: tuple[str, ...] = ()
    all_classes: bool = False
    road: bool = False
    masks: bool = False
    road_above: float | None = None
    coco: Path | None = None
    geojson: Path | None = None
    labels: Path | None = None
    audit: bool = False
    csv: Path | None = None
    device: str | None = None
    precision: Precision | None = None
    sheet: Path | None = None
    again: bool = False

    @property
    def table(self) -> Path:
        return self.csv or self.out / "evidence.csv"


def names(text: str | None) -> tuple[str, ...]:
    """The names of a list with commas."""
    return tuple(name for part in (text or "").split(",") if (name := part.strip()))


def explain(folder: Path, wishes: Wishes) -> int:
    """Look for the evidence in ``folder`` and write it; returns the exit code."""
    from geoview.project import Project, check_folder

    check_folder(folder)
    common.check_target(wishes.out, folder=True)
    for path in (wishes.table, wishes.coco, wishes.geojson):
        common.check_target(path)
    settings = user_settings.load()
    model = common.choose_model(wishes.model, settings=settings)
    _check_classes(model, wishes)
    with (
        Project.open(folder, settings=settings, sheet=wishes.sheet, require_photos=True) as project,
        console.on_interrupt() as stop,
        ExitStack() as stack,
    ):
        predict.tell_about(project)
        asked = _asked(project, wishes)
        engine = stack.enter_context(closing(_engine(model, wishes, settings)))
        _check_methods(engine, wishes)
        return _work(project, engine, wishes, asked, settings, stop)


def _work(
    project: Project,
    engine: Engine,
    wishes: Wishes,
    asked: EvidenceWishes,
    settings: Settings,
    stop: console.Stop,
) -> int:
    from geoview.evidence_files import EvidenceFiles

    model = engine.model.ref
    if project.pending(model):
        with console.Bar("Analysing") as bar:
            for _, progress in project.analyse(engine, cancelled=stop, notify=bar.say):
                bar.update(progress)
    written = EvidenceFiles(wishes.out, model=model, wishes=asked, settings=settings)
    failed = 0 if stop.asked else _examine(project, engine, written, wishes, asked, settings, stop)
    results = project.results(model)
    if stop.asked:
        done = sum(r.status == "done" and not written.missing(r) for r in results)
        console.say(
            f"Stopped with the evidence of {done} of {len(results)} photos; the same command "
            "goes on from there."
        )
        return console.STOPPED
    written.finish(
        results,
        csv=wishes.table,
        coco=wishes.coco,
        polygons=wishes.geojson,
        classes=engine.model.card.classes,
    )
    return _report(project, wishes, asked, engine, failed=failed)


def _examine(
    project: Project,
    engine: Engine,
    written: EvidenceFiles,
    wishes: Wishes,
    asked: EvidenceWishes,
    settings: Settings,
    stop: console.Stop,
) -> int:
    """Returns how many photos could not be read any more."""
    from geoview import evidence

    failed = 0
    with console.Bar("Evidence") as bar:
        run = evidence.examine_folder(
            project, engine, wishes=asked, settings=settings, cancelled=stop, notify=bar.say,
            wanted=lambda result: wishes.again or written.missing(result),
        )  # fmt: skip
        for batch, progress in run:
            for found in batch:
                written.write(found)
            bar.update(progress)
            failed = progress.failed
    return failed


def _report(
    project: Project, wishes: Wishes, asked: EvidenceWishes, engine: Engine, *, failed: int
) -> int:
    from geoview.catalog.evidence import Evidence

    results = project.results(engine.model.ref)
    if asked.audit:
        warnings = Evidence(project.catalog).warnings(engine.model.ref)
        for file, words in warnings.items():
            if words:
                console.say(f"{file}: {words}", style="yellow")
        told = sum(bool(words) for words in warnings.values())
        console.say(f"{told} of {len(warnings)} photos have a warning about their evidence.")
    unread = common.list_failed(results)
    done = len(results) - unread - failed
    words = f"Evidence of {done} of {len(results)} photos with {engine.model.ref.name}"
    lost = unread + failed
    console.say(f"{words}, {lost} could not be read." if lost else f"{words}.")
    for path in (wishes.out, wishes.csv, wishes.coco, wishes.geojson):
        if path is not None:
            console.say(f"Wrote {path}")
    if not done:
        return console.NOTHING_DONE
    return console.SOME_FAILED if lost else console.DONE


def _asked(project: Project, wishes: Wishes) -> EvidenceWishes:
    from geoview.evidence import EvidenceWishes, labels_of

    return EvidenceWishes(
        classes=wishes.classes,
        all_classes=wishes.all_classes,
        methods=wishes.methods,
        road=wishes.road,
        masks=wishes.masks,
        road_above=wishes.road_above,
        audit=wishes.audit,
        labels=labels_of(wishes.labels, photos=project.photos) if wishes.labels else {},
    )


def _engine(model: ChosenModel, wishes: Wishes, settings: Settings) -> Engine:
    with console.err().status("Loading the model…"):
        return common.open_engine(
            model.path, device=wishes.device, precision=wishes.precision, settings=settings
        )


def _check_classes(model: ChosenModel, wishes: Wishes) -> None:
    for name in wishes.classes:
        if name not in model.card.classes:
            known = ", ".join(model.card.classes)
            raise ModelError(
                f"The model “{model.card.name}” has no class “{name}”; it has {known}."
            )


def _check_methods(engine: Engine, wishes: Wishes) -> None:
    """Before hours of analysis, not after them."""
    from geoview.explain.cam import methods

    offered = methods(engine)
    for name in wishes.methods:
        if name != "auto" and name not in offered:
            raise ModelError(
                f"The model “{engine.model.card.name}” cannot be explained by “{name}”; "
                f"it offers {', '.join(offered) or 'no method'}."
            )
