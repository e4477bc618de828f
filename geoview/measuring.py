"""Sizes of the photos of a folder: measure, correct, undo, export.

The one place where project, size tool and catalogue meet; window and command line both use it.
"""

from __future__ import annotations

import logging
import uuid
from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace
from pathlib import Path

import geoview
from geoview import places
from geoview.callbacks import ignore, never
from geoview.catalog.measurements import Measurements, Step
from geoview.catalog.rows import now_utc
from geoview.errors import Cancelled, DataError, GeoViewError, PhotoError
from geoview.export import MEASUREMENT_EXPORTERS, MeasurementRow, MeasurementTable
from geoview.measure import boxes as storage
from geoview.measure import crew, made_with, numbers, tool
from geoview.measure.boxes import Box
from geoview.measure.corrections import with_cube_edge
from geoview.measure.crew import MeasureOne
from geoview.measure.options import MeasureOptions
from geoview.measured import Measurement, Scale
from geoview.photos import names, reading
from geoview.photos.decode import decode
from geoview.project import Project
from geoview.rate import Rate
from geoview.records import Changes, Photo, Progress
from geoview.remeasured import Remeasured

log = logging.getLogger(__name__)

UNREADABLE = "the photo cannot be read"
FAILED = "the size tool failed on the photo"
# What may go better the next time.
_PASSING = (*reading.PASSING, f"{FAILED} (ProcessEnded)", f"{FAILED} (MemoryError)")


class Measuring:
    """The measurements of an opened folder. Usable from any thread; raises DataError.

    ``user`` is who corrects; undo and redo concern that person's corrections only.
    """

    def __init__(
        self,
        project: Project,
        *,
        options: MeasureOptions,
        user: str,
        patterns: Sequence[str] = (),
        measure: MeasureOne | None = None,
    ) -> None:
        self.project = project
        self.options = options
        self.user = user
        self._patterns = tuple(patterns)
        self._measure: MeasureOne = measure or tool.measure
        self._kept = Measurements(project.catalog)
        self._earlier = Remeasured(project, self._kept, user=user)
        # What a run over everything that was stopped has done.
        self._again: set[str] = set()

    def results(self, *, outlines: bool = True) -> list[Measurement | None]:
        """What holds of every photo of ``project.photos``, in that order.

        A table of thousands asks for it without ``outlines`` (they are then empty, everything
        else is there) and takes the outline of the photo shown from ``one``.
        """
        found = self._kept.current(outlines=outlines)
        return [found.get(photo.file) for photo in self.project.photos]

    def one(self, file: str) -> Measurement | None:
        """What holds of one photo, with its outline."""
        return self._kept.one(file)

    def history(self, file: str) -> list[Step]:
        """Every measurement and correction of a photo, oldest first: who, when, by what."""
        return self._kept.history(file)

    def pending(self, *, again: bool = False) -> list[Photo]:
        """Photos that ``run`` would measure, in the order of the folder.

        Those without a current measurement by this method with these settings, those that failed
        for a reason that may have passed, or all ``again``;
        what a person has corrected is left alone, but for the scale where it is that of a cube
        with another edge than the options say.
        """
        made = self._kept.made_with()
        done = {
            text: made_with.holds(text, self.options) and not (again and text)
            for text in set(made.values())
        }
        stale = self._with_other_edge() | self._failed_for_now()
        if self.options.read_plates:
            stale |= self._earlier.without_number(made)
        return [
            photo
            for photo in self.project.photos
            if photo.file in stale or not done.get(made.get(photo.file, "{}"), False)
        ]

    def _with_other_edge(self) -> set[str]:
        by_cube = self.options.scale_source == "cube"
        return self._earlier.with_other_edge(self.options.cube_mm) if by_cube else set()

    def _failed_for_now(self) -> set[str]:
        """Photos whose disk, say, was away."""
        rejected = self._kept.current(outlines=False, status="rejected").values()
        return {
            m.file
            for m in rejected
            if m.is_unreadable and not m.user and any(r in m.reasons[0] for r in _PASSING)
        }

    def run(
        self,
        *,
        again: bool = False,
        cancelled: Callable[[], bool] = never,
        notify: Callable[[str], None] = ignore,
    ) -> Iterator[tuple[list[Measurement], Progress]]:
        """Measure what is pending, or everything ``again``; where that was stopped, what was left.

        Yields measurements that are already in the catalogue, perhaps none, and the progress over
        the whole folder. Whatever ends the run, at most the photos in hand are
        lost, and the next call goes on there. A photo that cannot be read is rejected. What a
        person has corrected stays, with lengths for the cube that the options say.
        """
        stale = self._with_other_edge()
        done = self._again - {photo.file for photo in self.pending()} if again else set()
        leave = stale | done
        todo = [photo for photo in self.pending(again=again) if photo.file not in leave]
        total = len(self.project.photos)
        progress = Progress(total - len(todo), total)
        if again and len(todo) + len(leave) < total:
            kept = _photos(total - len(todo) - len(leave))
            notify(f"{kept} corrected by hand: left without another measurement.")
        if stale:
            edge_mm = self.options.cube_mm
            yield self._earlier.edged(stale, edge_mm), progress
            notify(
                f"{_photos(len(stale))} corrected by hand: the lengths are now those for a cube of "
                f"{edge_mm:g} mm. Undo takes that back."
            )
        if self._patterns:
            yield self._earlier.numbered(self._patterns), progress
        work = self._work(todo, self.options, total=total, cancelled=cancelled, notify=notify)
        for found, progress in work:
            self._again.update(one.file for one in found if again)
            yield found, progress
        if again and self._again.issuperset(photo.file for photo in todo):
            self._again.clear()

    def measure(self, file: str) -> Measurement:
        """Measure one photo now, whatever was measured before; what a person corrected stays.

        Raises DataError for a file that is not in the folder.
        """
        photo = self._photo(file)
        found = self._measure_one(photo, self.options, self._measure)
        self._kept.add([(photo, found)], made_with=made_with.as_text(self.options))
        return self._kept.one(file) or found

    def save(self, measurement: Measurement) -> Changes:
        """Keep a person's correction; what that person had undone is dropped.

        Raises ValueError for a measurement read without its outline: it would be lost.
        """
        if measurement.size_px is not None and not measurement.outline_px:
            raise ValueError("a correction needs the outline; start from Measuring.one(file)")
        if not measurement.user:
            measurement = replace(measurement, user=self.user)
        return self._kept.correct(self._photo(measurement.file), measurement)

    def undo(self) -> tuple[str, ...]:
        """Take back this person's newest correction in the folder; the files it concerned."""
        return self._kept.undo(self.user)

    def redo(self) -> tuple[str, ...]:
        """Bring back what this person undid last; the files it concerned."""
        return self._kept.redo(self.user)

    def can_undo(self) -> bool:
        return self._kept.can_undo(self.user)

    def can_redo(self) -> bool:
        return self._kept.can_redo(self.user)

    def scale_of(self, file: str) -> Scale:
        """The scale of a reference shot, to use for photos of the same set-up. DataError.

        By the edge of the cube that the options say, also where a person corrected the shot.
        """
        found = self.one(file)
        if found is not None and file in self._with_other_edge():
            found = with_cube_edge(found, self.options.cube_mm, user=self.user)
        if found is None or found.scale is None:
            raise DataError(f"{file} has no scale; measure it or draw a line of known length.")
        first = found.scale.inherited_from or file
        # How much a set-up changes between shots is added where the scale is used.
        return replace(found.scale, source="inherited", inherited_from=first, reference_px=())

    def inheriting(self, from_file: str) -> list[str]:
        """Photos measured by the scale that ``from_file`` had before it was corrected."""
        return self._earlier.inheriting(from_file)

    def inherit(
        self,
        from_file: str,
        *,
        cancelled: Callable[[], bool] = never,
        notify: Callable[[str], None] = ignore,
    ) -> Iterator[tuple[list[Measurement], Progress]]:
        """Measure the photos that have no scale of their own with that of ``from_file``, and give
        it to those that were measured by it as it was before.

        Yields as ``run`` does. Photos of another size in pixels were not taken with the same
        set-up and are left alone, as is what a person corrected. It is this person's correction
        of all of them, undone in one go. Raises DataError.
        """
        scale = self.scale_of(from_file)
        together = f"scale of {from_file}, {uuid.uuid4().hex}"
        known = self._kept.current(outlines=False)
        if old := self.inheriting(from_file):
            renewed = self._earlier.rescaled(old, scale, together)
            yield renewed, Progress(len(old), len(old))
        without = [m for m in known.values() if m.scale is None and not m.is_unreadable]
        same = {m.file for m in without if _same_size(m, known[from_file])}
        if len(same) < len(without):
            notify(
                f"{len(without) - len(same)} photos have another size in pixels than {from_file} "
                "and were left without a scale."
            )
        if set_by_hand := [file for file in same if known[file].user]:
            given = self._earlier.scaled(set_by_hand, scale, together, options=self.options)
            yield given, Progress(len(given), len(given))
        todo = [p for p in self.project.photos if p.file in same.difference(set_by_hand)]
        options = replace(self.options, scale=scale)
        yield from self._work(
            todo,
            options,
            total=len(todo),
            together=together,
            cancelled=cancelled,
            notify=notify,
        )

    def table(
        self,
        *,
        boxes: Sequence[Box] = (),
        clearance_mm: float = storage.CLEARANCE_MM,
        outlines: bool = False,
        progress: Callable[[int, int], None] = lambda _done, _total: None,
        cancelled: Callable[[], bool] = never,
    ) -> MeasurementTable:
        """What the exporters write: every photo with its measurement and storage box."""

        def step(done: int, total: int) -> None:
            progress(done, total)
            if cancelled():
                raise Cancelled("Stopped; the export is not complete.")

        rows = tuple(
            MeasurementRow(
                photo.file,
                photo.path,
                found,
                storage.box_name(found, boxes=boxes, clearance_mm=clearance_mm),
            )
            for photo, found in zip(
                self.project.photos, self.results(outlines=outlines), strict=True
            )
        )
        return MeasurementTable(rows, decode=decode, progress=step)

    def export(self, name: str, path: Path, *, table: MeasurementTable) -> Changes:
        """Write ``table`` in the format ``name``. Raises DataError, Cancelled."""
        exporter = MEASUREMENT_EXPORTERS[name]
        for target in exporter.targets(path):
            if exporter.suffix:
                places.check_file(target)
            else:
                places.check_folder(target, photos=self.project.folder)
        try:
            exporter.write(path, table)
        except OSError as error:
            raise DataError(
                f"Could not write {path} ({error.strerror or error}); choose another place. "
                "The measurements are kept in the catalogue."
            ) from error
        return Changes(message=str(path))

    def _photo(self, file: str) -> Photo:
        for photo in self.project.photos:
            if photo.file == file:
                return photo
        raise DataError(f"{file} is not among the photos of {self.project.folder}; refresh it.")

    def _work(
        self,
        todo: Sequence[Photo],
        options: MeasureOptions,
        *,
        total: int,
        together: str = "",
        cancelled: Callable[[], bool],
        notify: Callable[[str], None],
    ) -> Iterator[tuple[list[Measurement], Progress]]:
        done, failed, rate = total - len(todo), 0, Rate()
        yield [], Progress(done, total)
        settings = together or made_with.as_text(options)
        measured = crew.in_turn(
            todo, self._measure, options, finish=self._measure_one, cancelled=cancelled
        )
        for pairs in measured:
            for one in (m for _, m in pairs if m.reasons and m.reasons[0].startswith(FAILED)):
                notify(f"{one.file}: {one.reasons[0]}.")
            if together:
                pairs = [(photo, replace(m, user=self.user)) for photo, m in pairs]
            kept = self._kept.add(pairs, made_with=settings)
            done += len(pairs)
            failed += sum(m.is_unreadable for _, m in pairs)
            yield kept, Progress(done, total, rate.after(len(pairs)), failed)

    def _measure_one(
        self, photo: Photo, options: MeasureOptions, measure: MeasureOne
    ) -> Measurement:
        """The measurement with its catalogue number; a rejected one for a broken photo."""
        try:
            found = self._with_fitting_scale(photo, options, measure)
        except PhotoError as error:
            reason = f"{UNREADABLE}: {error}"
        except GeoViewError:
            raise
        except Exception as error:  # one odd photo must not end a run over thousands
            log.exception("%s could not be measured", photo.file)
            reason = f"{FAILED} ({type(error).__name__}); the log has the details"
        else:
            return replace(found, catalogue_no=self._number(photo, found))
        return _unreadable(photo, reason, options, number=self._number(photo))

    def _with_fitting_scale(
        self, photo: Photo, options: MeasureOptions, measure: MeasureOne
    ) -> Measurement:
        """A reference shot of another size in pixels says nothing of this photo."""
        found = measure(photo, options=options)
        if found.scale is None or found.scale.source != "inherited":
            return found
        reference = self._kept.one(found.scale.inherited_from)
        if reference is None or _same_size(found, reference):
            return found
        return measure(photo, options=replace(options, scale=None))

    def _number(self, photo: Photo, found: Measurement | None = None) -> str:
        """The catalogue number: by the user's own patterns, the folder's sheet, what was read in
        the photo, or its file name."""
        own = names.parse_name(photo.file, patterns=self._patterns) if self._patterns else None
        if own is not None and own.sample:
            return own.sample
        if photo.sample and photo.sample != names.parse_name(photo.file).sample:
            return photo.sample
        if found is not None and found.catalogue_no:
            return found.catalogue_no
        named = numbers.from_name(photo.file)
        return "" if named is None else named.number


def _unreadable(photo: Photo, reason: str, options: MeasureOptions, *, number: str) -> Measurement:
    return Measurement(
        file=photo.file,
        status="rejected",
        reasons=(reason,),
        width_px=0,
        height_px=0,
        method=options.method,
        app_version=geoview.__version__,
        created_utc=now_utc(),
        catalogue_no=number,
    )


def _photos(count: int) -> str:
    return f"{count} photo{'' if count == 1 else 's'}"


def _same_size(one: Measurement, other: Measurement) -> bool:
    return sorted((one.width_px, one.height_px)) == sorted((other.width_px, other.height_px))
