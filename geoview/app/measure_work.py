"""What the Measure page does in background threads: plain functions, no Qt."""

from __future__ import annotations

import getpass
from collections.abc import Callable, Collection, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING

from geoview.app.measure_rows import Row
from geoview.app.measure_words import UNMEASURED, pending_words
from geoview.measured import Measurement
from geoview.records import Progress
from geoview.settings import Settings

if TYPE_CHECKING:
    from geoview.app.measure_job import Task, Tell
    from geoview.measure.boxes import Box, BoxPlan
    from geoview.measure.comparison import Comparison
    from geoview.measuring import Measuring
    from geoview.project import Project

BoxLine = tuple[str, float, float, float | None, int | None]


@dataclass(frozen=True, slots=True)
class Loaded:
    """A folder's measurements."""

    measuring: Measuring
    rows: list[Row]


@dataclass(frozen=True, slots=True)
class Standing:
    """The files that a run would measure, and whether this person has corrections to undo or
    redo."""

    pending: frozenset[str]
    can_undo: bool
    can_redo: bool


@dataclass(frozen=True, slots=True)
class Stepped:
    """The outcome of a correction, an undo or a redo; ``measurement`` holds now, and so do
    ``others``, without outlines, of photos that were corrected together with it. ``heirs``: how
    many photos are measured by a scale that this one had before."""

    file: str | None
    measurement: Measurement | None
    can_undo: bool
    can_redo: bool
    others: tuple[Measurement, ...] = ()
    heirs: int = 0


def make_measuring(project: Project, settings: Settings) -> Measuring:
    from geoview.measure.options import MeasureOptions
    from geoview.measuring import Measuring

    return Measuring(project, options=MeasureOptions(**settings.measure_options()), user=user())


def why_no_plates() -> str:
    """Why text plates cannot be read here, and what to install; empty when they can."""
    from geoview.measure.numbers import why_no_plates as why

    return why()


def why_no_owlvit(folder: str) -> str:
    """Why a folder's weights cannot be used, in a sentence; empty when nothing speaks against."""
    such = "choose that of a downloaded model, such as google/owlvit-base-patch32"
    if not folder:
        return f"This method needs the folder of an OWL-ViT: {such}."
    if not Path(folder).is_dir():
        return f"There is no folder {folder}: {such}."
    if not (Path(folder, "config.json").is_file() and any(Path(folder).glob("*.safetensors"))):
        return f"{folder} lacks config.json or model.safetensors: {such}."
    return ""


def user() -> str:
    """Who corrects: the name this person is logged in by."""
    try:
        return getpass.getuser()
    except (OSError, KeyError, ImportError):
        return "someone"


def methods() -> tuple[tuple[str, str], ...]:
    """Names and titles of the measuring methods."""
    from geoview.measure import tool
    from geoview.measure.methods import METHODS

    assert tool  # importing it registers the methods
    return tuple((method.name, method.title) for method in METHODS.values())


def load(project: Project, settings: Settings, make: Callable[..., Measuring]) -> Loaded:
    measuring = make(project, settings)
    found = measuring.results(outlines=False)
    rows = [Row(photo, one) for photo, one in zip(project.photos, found, strict=True)]
    return Loaded(measuring, rows)


def standing(measuring: Measuring) -> Standing:
    """What can be done next."""
    pending = frozenset(photo.file for photo in measuring.pending())
    return Standing(pending, measuring.can_undo(), measuring.can_redo())


def save(measuring: Measuring, measurement: Measurement) -> Stepped:
    measuring.save(measurement)
    heirs = len(measuring.inheriting(measurement.file))
    return replace(_stepped(measuring, measurement.file), heirs=heirs)


def undo(measuring: Measuring) -> Stepped:
    return _moved(measuring, measuring.undo())


def redo(measuring: Measuring) -> Stepped:
    return _moved(measuring, measuring.redo())


def _moved(measuring: Measuring, files: tuple[str, ...]) -> Stepped:
    stepped = _stepped(measuring, files[0] if files else None)
    rest = set(files[1:])
    if not rest:
        return stepped
    others = (m for m in measuring.results(outlines=False) if m is not None and m.file in rest)
    return replace(stepped, others=tuple(others))


def _stepped(measuring: Measuring, file: str | None) -> Stepped:
    now = measuring.one(file) if file is not None else None
    return Stepped(file, now, measuring.can_undo(), measuring.can_redo())


def save_changed(
    measuring: Measuring, file: str, change: Callable[[Measurement], Measurement]
) -> Stepped:
    """Save what ``change`` makes of a photo's measurement as the catalogue has it."""
    found = measuring.one(file)
    changed = found and change(found)
    if changed is None or changed is found:
        return _stepped(measuring, file if found else None)
    return save(measuring, changed)


# Boxes


@dataclass(frozen=True, slots=True)
class Storage:
    """The box list as the settings keep it, and the room around a specimen."""

    boxes: tuple[BoxLine, ...]
    clearance_mm: float


@dataclass(frozen=True, slots=True)
class BoxesFound:
    """The box list in use, the box of each photo by file, and what there is to buy."""

    boxes: tuple[Box, ...]
    by_file: dict[str, str]
    plan: BoxPlan


def box_list(storage: Storage) -> tuple[Box, ...]:
    """The user's boxes, or those that are shipped."""
    from geoview.measure.boxes import Box, default_boxes

    return tuple(Box(*line) for line in storage.boxes) or default_boxes()


def find_boxes(measurements: Sequence[Measurement], storage: Storage) -> BoxesFound:
    from geoview.measure import boxes as sizes

    boxes, clearance = box_list(storage), storage.clearance_mm
    found = {
        one.file: sizes.box_name(one, boxes=boxes, clearance_mm=clearance) for one in measurements
    }
    return BoxesFound(boxes, found, sizes.plan(measurements, boxes=boxes, clearance_mm=clearance))


def read_boxes(path: Path) -> list[BoxLine]:
    """A box list from a sheet, as the settings keep it. DataError when it is none."""
    from geoview.measure.boxes import read_boxes as read

    return [(b.name, b.length_mm, b.width_mm, b.height_mm, b.in_stock) for b in read(path)]


# Files


def exporters() -> tuple[tuple[str, str, str], ...]:
    """Name, title and suffix (empty for a folder) of every format."""
    from geoview.export import MEASUREMENT_EXPORTERS

    return tuple((e.name, e.title, e.suffix) for e in MEASUREMENT_EXPORTERS.values())


@dataclass(frozen=True, slots=True)
class Checked:
    """What speaks against an export, in sentences, and how many photos should be measured
    first."""

    sentences: tuple[str, ...]
    pending: int


def check(measuring: Measuring, name: str, storage: Storage) -> Checked:
    """What the other program would miss, and what would be written that no longer holds."""
    from geoview.export import MEASUREMENT_EXPORTERS

    table = measuring.table(boxes=box_list(storage), clearance_mm=storage.clearance_mm)
    pending = {photo.file for photo in measuring.pending()}
    waiting = [row for row in table.rows if row.file in pending]
    outdated = sum(row.measurement is not None for row in waiting)
    own = MEASUREMENT_EXPORTERS[name].check(table)
    told = any(UNMEASURED in sentence for sentence in own)
    first = pending_words(outdated, 0 if told else len(waiting) - outdated)
    return Checked((*first, *own), len(waiting))


def writing(measuring: Measuring, name: str, path: Path, storage: Storage) -> Task:
    """The task of writing one of the formats; it leaves the path."""

    def task(*, cancelled: Callable[[], bool], notify: Callable[[str], None], tell: Tell) -> Path:
        rate = Rate()

        def progress(done: int, total: int) -> None:
            tell([], Progress(done, total, rate.after(1)))

        table = measuring.table(
            boxes=box_list(storage),
            clearance_mm=storage.clearance_mm,
            outlines=True,
            progress=progress,
            cancelled=cancelled,
        )
        measuring.export(name, path, table=table)
        return path

    from geoview.rate import Rate

    return task


def writing_list(path: Path, write: Callable[[Path], None], *, read: Collection[Path]) -> Task:
    """The task of writing one list, but never over a photo or a sheet that is ``read``; it leaves
    the path."""

    def task(*, cancelled: Callable[[], bool], notify: Callable[[str], None], tell: Tell) -> Path:
        from geoview import places

        places.check_file(path)
        places.check_apart([path], read=read)
        write(path)
        return path

    return task


# The register


def compare(sheet: Path, measurements: Sequence[Measurement]) -> Comparison:
    """Measured against recorded sizes. DataError when the sheet is none."""
    from geoview.measure import comparison, register

    return comparison.compare(measurements, register.read_register(sheet))
