"""``geoview measure``: a folder of specimens becomes sizes in millimetres."""

from __future__ import annotations

import getpass
import itertools
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, get_args

from geoview import settings as user_settings
from geoview.commands import common, console
from geoview.commands.predict import tell_about
from geoview.errors import DataError
from geoview.records import Progress
from geoview.settings import Settings

if TYPE_CHECKING:
    from geoview.measure.boxes import Box
    from geoview.measure.comparison import Comparison
    from geoview.measure.options import MeasureOptions, Reference
    from geoview.measured import Measurement, Scale
    from geoview.measuring import Measuring
    from geoview.project import Project

FOLDERS = ("emu", "annotated")
WITH_PICTURES = ("emu", "annotated", "contact-sheet")
# By how much a scale typed in by hand may be off (95 %), when nothing else is known of it.
BY_HAND_PM = 0.02


@dataclass(frozen=True, slots=True)
class Wishes:
    """What the user asked of a measuring run. ``outputs``: where each format goes, by name."""

    outputs: dict[str, Path]
    method: str | None = None
    cube_mm: float | None = None
    reference: str | None = None
    reference_mm: float | None = None
    read_plates: bool | None = None
    owlvit: Path | None = None
    catalogue: Path | None = None
    suspicious: Path | None = None
    boxes: Path | None = None
    box_table: Path | None = None
    box_chart: Path | None = None
    clearance_mm: float | None = None
    scale_from: str | None = None
    mm_per_px: float | None = None
    patterns: tuple[str, ...] = ()
    again: bool = False
    dry_run: bool = False

    @property
    def quiet(self) -> bool:
        """Whether results go to files, so that no table is printed."""
        return bool(self.outputs) and not self.dry_run


def run(folder: Path, wishes: Wishes) -> int:
    """Measure ``folder`` and write what is asked for; returns the exit code."""
    from geoview.measure.register import read_register
    from geoview.project import Project, check_folder

    check_folder(folder)
    _check_targets(folder, wishes)
    settings = user_settings.load()
    options = _options(wishes, settings)
    storage = _storage(wishes, settings)
    records = read_register(wishes.catalogue) if wishes.catalogue else ()
    with Project.open(folder, settings=settings, require_photos=True) as project:
        tell_about(project)
        measuring = _measuring(project, options, wishes)
        if not _measure(measuring, wishes):
            return console.STOPPED
        results = measuring.results(outlines=False)
        _tell_inherited(results, measuring.options)
        if not wishes.quiet:
            _print_table(measuring, storage)
        _check(measuring, wishes)
        _write(measuring, storage, wishes)
        _boxes(results, storage, wishes)
        if wishes.catalogue:
            from geoview.measure.comparison import compare

            _compared(compare(results, records), wishes)
        return _summary(results)


def _check_targets(photos: Path, wishes: Wishes) -> None:
    from geoview import measured_lists, places
    from geoview.export import MEASUREMENT_EXPORTERS

    for name, path in wishes.outputs.items():
        common.check_target(path, folder=name in FOLDERS)
        if name in FOLDERS:
            places.check_folder(path, photos=photos)
    tables = [path for path in (wishes.suspicious, wishes.box_table) if path is not None]
    for table in tables:
        measured_lists.check_name(table)
    lists = [*tables, *([] if wishes.box_chart is None else [wishes.box_chart])]
    for target in lists:
        common.check_target(target)
    read = [path for path in (wishes.catalogue, wishes.boxes) if path is not None]
    written = (MEASUREMENT_EXPORTERS[name].targets(path) for name, path in wishes.outputs.items())
    places.check_apart([*itertools.chain.from_iterable(written), *lists], read=read)
    if wishes.suspicious and not wishes.catalogue:
        raise DataError("--suspicious needs the catalogue sheet to compare with: --catalogue.")
    if wishes.scale_from and wishes.mm_per_px is not None:
        raise DataError("Give either --scale-from or --mm-per-px, not both.")
    if not 0 <= (wishes.clearance_mm or 0.0) <= 1000:
        raise DataError("--clearance-mm must lie between 0 and 1000 mm.")


@dataclass(frozen=True, slots=True)
class _Storage:
    boxes: tuple[Box, ...]
    clearance_mm: float


def _storage(wishes: Wishes, settings: Settings) -> _Storage:
    """The box list asked for, that of the settings, or the one that is shipped."""
    from geoview.measure.boxes import Box, default_boxes, read_boxes

    clearance = wishes.clearance_mm
    if clearance is None:
        clearance = settings.box_clearance_mm
    if wishes.boxes is not None:
        return _Storage(read_boxes(wishes.boxes), clearance)
    own = tuple(Box(*line) for line in settings.storage_boxes)
    return _Storage(own or default_boxes(), clearance)


def _options(wishes: Wishes, settings: Settings) -> MeasureOptions:
    from geoview.measure import tool  # noqa: F401  (it registers the methods)
    from geoview.measure.methods import METHODS
    from geoview.measure.options import MeasureOptions
    from geoview.photos.names import check_pattern

    method = wishes.method or settings.measure_method
    if method not in METHODS:
        known = ", ".join(METHODS)
        raise DataError(f"There is no measuring method {method}; choose one of {known}.")
    for pattern in wishes.patterns:
        check_pattern(pattern)
    wanted = settings.model_copy(update={"measure_method": method}).measure_options()
    if wishes.reference is not None:
        wanted |= {"scale_source": _reference(wishes.reference), "reference_mm": None}
    asked = {
        "cube_mm": wishes.cube_mm,
        "reference_mm": wishes.reference_mm,
        "read_plates": wishes.read_plates,
        "owlvit": wishes.owlvit,
    }
    wanted |= {name: value for name, value in asked.items() if value is not None}
    try:
        return MeasureOptions(**wanted, scale=_typed_scale(wishes.mm_per_px))
    except ValueError as error:
        raise DataError(f"The settings cannot be used: {error}.") from error


def _reference(name: str) -> Reference:
    from geoview.measure.options import Reference

    known: tuple[Reference, ...] = get_args(Reference)
    for reference in known:
        if reference == name:
            return reference
    raise DataError(f"There is no reference {name}; choose one of {', '.join(known)}.")


def _typed_scale(mm_per_px: float | None) -> Scale | None:
    from geoview.measured import Scale

    if mm_per_px is None:
        return None
    if not 0 < mm_per_px < 1000:
        raise DataError("--mm-per-px must be above 0 and below 1000.")
    return Scale(mm_per_px, BY_HAND_PM * mm_per_px, "inherited", mm_per_px)


def _measuring(project: Project, options: MeasureOptions, wishes: Wishes) -> Measuring:
    """With the scale of the reference shot, which is measured first if need be."""
    from geoview.measuring import Measuring

    made = Measuring(project, options=options, user=user_name(), patterns=wishes.patterns)
    if wishes.scale_from is None:
        return made
    file = _file_in(project, wishes.scale_from)
    if file in {photo.file for photo in made.pending(again=wishes.again)}:
        made.measure(file)
    scaled = replace(options, scale=made.scale_of(file))
    return Measuring(project, options=scaled, user=made.user, patterns=wishes.patterns)


def _file_in(project: Project, name: str) -> str:
    """The photo meant by a path below the folder, or by any path to it."""
    files = {photo.file: photo.file for photo in project.photos}
    paths = {photo.path.resolve(): photo.file for photo in project.photos}
    found = files.get(name.replace("\\", "/")) or paths.get(Path(name).resolve())
    if found is None:
        raise DataError(f"There is no photo {name} in {project.folder}; check --scale-from.")
    return found


def user_name() -> str:
    """Who works here, for the record of corrections."""
    try:
        return getpass.getuser()
    except (OSError, KeyError):
        return "unknown"


def _measure(measuring: Measuring, wishes: Wishes) -> bool:
    """Measure what is pending; False when the user stopped it."""
    from geoview.measure.numbers import why_no_plates

    if measuring.options.read_plates and (why := why_no_plates()):
        console.say(f"Text plates are not read: {why}", style="yellow")
    done = 0
    with console.on_interrupt() as stop, console.Bar("Measuring") as bar:
        for found, progress in measuring.run(again=wishes.again, cancelled=stop, notify=bar.say):
            bar.update(progress)
            done += len(found)
    if stop.asked:
        total = len(measuring.project.photos)
        measured = done if wishes.again else total - len(measuring.pending())
        then = (
            "--again starts from the first photo"
            if wishes.again
            else "the same command goes on from there"
        )
        console.say(f"Stopped with {measured} of {total} photos measured; {then}.")
    return not stop.asked


def _tell_inherited(results: Sequence[Measurement | None], options: MeasureOptions) -> None:
    """Photos measured by a scale that an earlier run was given keep it."""
    if options.scale is not None:
        return
    automatic = (one for one in results if one is not None and not one.user)
    scales = [one.scale for one in automatic if one.scale and one.scale.source == "inherited"]
    if scales:
        froms = sorted({scale.inherited_from or f"{scale.mm_per_px:g} mm/px" for scale in scales})
        console.say(
            f"{len(scales)} measured by the scale that an earlier run was given "
            f"({', '.join(froms)}); --again measures without it.",
            style="yellow",
        )


def _check(measuring: Measuring, wishes: Wishes) -> None:
    """What the programs that read the formats would miss, each sentence once."""
    from geoview.export import MEASUREMENT_EXPORTERS

    table = measuring.table()
    told: dict[str, list[str]] = {}
    for exporter in (MEASUREMENT_EXPORTERS[name] for name in wishes.outputs):
        for sentence in exporter.check(table):
            told.setdefault(sentence, []).append(exporter.title)
    for sentence, titles in told.items():
        console.say(f"{', '.join(titles)}: {sentence}", style="yellow")


def _write(measuring: Measuring, storage: _Storage, wishes: Wishes) -> None:
    """The file of every format asked for, unless this is a dry run."""
    from geoview.export import MEASUREMENT_EXPORTERS

    for name, path in wishes.outputs.items():
        exporter = MEASUREMENT_EXPORTERS[name]
        if wishes.dry_run:
            _tell_targets("Would write", exporter.targets(path))
            continue
        with console.on_interrupt() as stop, console.Bar(exporter.title) as bar:

            def shown(done: int, total: int, bar: console.Bar = bar) -> None:
                bar.update(Progress(done, total))

            table = measuring.table(
                boxes=storage.boxes,
                clearance_mm=storage.clearance_mm,
                outlines=name in WITH_PICTURES,
                progress=shown,
                cancelled=stop,
            )
            measuring.export(name, path, table=table)
        _tell_targets("Wrote", exporter.targets(path))


def _tell_targets(words: str, paths: Sequence[Path]) -> None:
    for path in paths:
        console.say(f"{words} {path}")


def _boxes(results: Sequence[Measurement | None], storage: _Storage, wishes: Wishes) -> None:
    from geoview import measured_lists as lists
    from geoview.measure.boxes import plan

    if wishes.box_table is None and wishes.box_chart is None:
        return
    found = plan(results, boxes=storage.boxes, clearance_mm=storage.clearance_mm)
    console.say(found.words)
    for path, write in (
        (wishes.box_table, lists.write_boxes),
        (wishes.box_chart, lists.write_box_chart),
    ):
        if path is not None:
            _write_list(path, partial(write, path, found), wishes)


def _compared(found: Comparison, wishes: Wishes) -> None:
    """The error by size group on stdout, and the suspicious records there or in a file."""
    from geoview import measured_lists as lists

    columns = ("recorded length", "records", "MAPE length", "MAPE width")
    rows = [
        (g.name, str(g.count), console.number(g.mape_length, 3), console.number(g.mape_width, 3))
        for g in found.groups
    ]
    console.table(columns, rows, right=columns[1:])
    console.say(found.words)
    if wishes.suspicious is not None:
        write = partial(lists.write_suspicious, wishes.suspicious, found)
        _write_list(wishes.suspicious, write, wishes)
        return
    for one in found.suspicions:
        console.say(f"{one.number}: {one.words}", style="yellow")


def _write_list(path: Path, write: Callable[[], None], wishes: Wishes) -> None:
    if not wishes.dry_run:
        write()
    _tell_targets("Would write" if wishes.dry_run else "Wrote", (path,))


def _print_table(measuring: Measuring, storage: _Storage) -> None:
    columns = ("file", "number", "length mm", "±", "width mm", "± ", "box", "status", "reasons")
    table = measuring.table(boxes=storage.boxes, clearance_mm=storage.clearance_mm)
    rows = [_cells(row.file, row.measurement, row.box) for row in table.rows]
    console.table(columns, rows, right=("length mm", "±", "width mm", "± "))


def _cells(file: str, one: Measurement | None, box: str) -> list[str]:
    if one is None:
        return [file, "", "", "", "", "", "", "not measured", ""]
    size = one.size_mm
    return [
        file,
        one.catalogue_no,
        console.number(None if size is None else size.length, 1),
        console.number(one.length_pm_mm, 1),
        console.number(None if size is None else size.width, 1),
        console.number(one.width_pm_mm, 1),
        box,
        one.status,
        "; ".join(one.reasons),
    ]


def _summary(results: Sequence[Measurement | None]) -> int:
    """Unreadable photos by name, then one line with the counts; returns the exit code."""
    measured = [one for one in results if one is not None]
    broken = [one for one in measured if one.is_unreadable]
    for one in broken:
        console.say(f"{one.file}: {'; '.join(one.reasons)}", style="red")
    count = Counter(one.status for one in measured)
    console.say(
        f"{count['accepted']} of {len(results)} accepted, {count['review']} to review, "
        f"{count['rejected']} rejected."
    )
    reasons = Counter(reason for one in measured for reason in one.reasons)
    for reason, times in reasons.most_common():
        console.say(f"  {times} × {reason}", style="dim")
    if len(broken) == len(results):
        return console.NOTHING_DONE
    return console.SOME_FAILED if broken else console.DONE
