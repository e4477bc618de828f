"""A folder of photos at work: scan, catalogue, analysis, export.

The one place where these meet; the window and the command line both use it.
"""

from __future__ import annotations

import logging
import time
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any, Protocol

from geoview import export, places
from geoview import heatmaps as drawing
from geoview.callbacks import ignore, never
from geoview.catalog import Catalog
from geoview.catalog.evidence import Evidence
from geoview.errors import Cancelled, DataError, PhotoError
from geoview.heatmaps import HeatmapFile
from geoview.photos import names, scan
from geoview.photos import sheet as sheets
from geoview.rate import Rate
from geoview.records import Changes, ModelRef, Photo, PhotoResult, Progress, Skipped
from geoview.settings import Settings

if TYPE_CHECKING:
    from geoview.models.engine import Engine

log = logging.getLogger(__name__)

BATCH = 32
SAVE_EVERY_S = 0.25


class Analyser(Protocol):
    """What an analysis needs of an engine."""

    @property
    def model(self) -> Any: ...

    def run(
        self,
        photos: Iterable[Photo],
        *,
        cancelled: Callable[[], bool] = ...,
        notify: Callable[[str], None] = ...,
    ) -> Iterator[PhotoResult]: ...


class Project:
    """One opened folder. Usable from any thread; raises DataError when it cannot go on."""

    def __init__(
        self,
        folder: Path,
        *,
        photos: tuple[Photo, ...],
        skipped: Skipped,
        catalog: Catalog,
        settings: Settings,
        rescan: Callable[[], scan.ScanResult],
        note: str = "",
    ) -> None:
        self.folder = folder
        self.photos = photos
        self.skipped = skipped
        self.catalog = catalog
        self._settings = settings
        self._scan = rescan
        self._note = note

    @classmethod
    def open(
        cls,
        folder: Path,
        *,
        settings: Settings,
        sheet: Path | None = None,
        require_photos: bool = False,
    ) -> Project:
        """Scan ``folder`` and open its catalogue.

        Depths come from ``sheet``, or the one that the settings remember for the folder, before
        those in file names.

        With ``require_photos`` a folder without any is refused before anything is written.
        Raises DataError when the folder, the sheet or the catalogue cannot be used.
        """
        check_folder(folder)
        sheet, note = (sheet, "") if sheet else _remembered_sheet(folder, settings)

        def look() -> scan.ScanResult:
            return scan.scan(
                folder,
                patterns=settings.name_patterns or names.DEFAULT_PATTERNS,
                sheet=sheet,
                skip_folders=[*settings.skip_folders, ".geoview"],
            )

        found = look()
        if require_photos and not found.photos:
            raise DataError(f"There are no photos in {folder}{_left_out(found.skipped)}.")
        catalog = Catalog.open(folder)
        try:
            catalog.sync(found.photos)
        except BaseException:
            catalog.close()
            raise
        return cls(
            folder,
            photos=found.photos,
            skipped=found.skipped,
            catalog=catalog,
            settings=settings,
            rescan=look,
            note=note,
        )

    @property
    def notice(self) -> str:
        """What the user should know of the sheet and where results are kept; often empty."""
        return " ".join(part for part in (self._note, self.catalog.notice) if part)

    def close(self) -> None:
        self.catalog.close()

    def __enter__(self) -> Project:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def refresh(self) -> Changes:
        """Scan again; new and changed photos then count as pending."""
        found = self._scan()
        changes = self.catalog.sync(found.photos)
        self.photos, self.skipped = found.photos, found.skipped
        return changes

    def results(self, model: ModelRef | None = None) -> list[PhotoResult]:
        """One result per photo in the order of the scan, without tiles.

        Of ``model``, or the latest of any. A photo without one has status "new".
        """
        found = self.catalog.results(model.sha256 if model else None, photos=self.photos)
        known = {result.photo.file: result for result in found}
        warnings = Evidence(self.catalog).warnings(model) if model else {}
        for file, warning in warnings.items():
            if warning and file in known:
                known[file] = replace(known[file], evidence_warning=warning)
        return [known.get(photo.file) or PhotoResult(photo, None) for photo in self.photos]

    def pending(self, model: ModelRef) -> list[Photo]:
        """Photos that an analysis with ``model`` would work on, in the order of the scan."""
        files = {photo.file for photo in self.catalog.pending(model.sha256)}
        return [photo for photo in self.photos if photo.file in files]

    def analyse(
        self,
        engine: Analyser,
        *,
        again: bool = False,
        cancelled: Callable[[], bool] = never,
        notify: Callable[[str], None] = ignore,
    ) -> Iterator[tuple[list[PhotoResult], Progress]]:
        """Analyse what this model has not seen yet, or everything ``again``.

        Yields results that are already in the catalogue (without tiles, which it keeps), and the
        progress over the whole folder; the first item has no results. Whatever ends the run, at
        most the photos in work are lost, and the next call continues there.
        """
        model: ModelRef = engine.model.ref
        todo = list(self.photos) if again else self.pending(model)
        total = len(self.photos)
        done = total - len(todo)
        failed = 0 if again else len(self.catalog.failed(model.sha256))
        rate = Rate()
        yield [], Progress(done, total, failed=failed)
        if not todo:
            return
        stream = engine.run(todo, cancelled=cancelled, notify=notify)
        for batch in self._saved(stream, model):
            done += len(batch)
            failed += sum(result.status == "failed" for result in batch)
            yield batch, Progress(done, total, rate.after(len(batch)), failed)

    def _saved(self, stream: Iterator[PhotoResult], model: ModelRef) -> Iterator[list[PhotoResult]]:
        """Batches of results, each saved before it is passed on."""
        batch: list[PhotoResult] = []
        last = time.monotonic()
        try:
            for result in stream:
                batch.append(result)
                if len(batch) >= BATCH or time.monotonic() - last >= SAVE_EVERY_S:
                    ready, batch = batch, []
                    self.catalog.save(ready, model=model)
                    last = time.monotonic()
                    yield [_light(one) for one in ready]
        except BaseException:
            # The engine stopped, or nobody listens any more: what is done is kept all the same.
            self.catalog.save(batch, model=model)
            raise
        finally:
            close = getattr(stream, "close", None)
            if close is not None:
                close()
        if batch:
            self.catalog.save(batch, model=model)
            yield [_light(one) for one in batch]

    def export_csv(
        self,
        path: Path | None,
        *,
        model: ModelRef,
        tiles: Path | None = None,
        classes: Sequence[str] = (),
        layers: Sequence[str] = (),
    ) -> Changes:
        """Write the results of ``model``, and those per tile; each file is replaced in one step.

        ``classes`` and ``layers`` are those of the model card: they name the columns even when no
        photo could be analysed. Raises DataError when a file cannot be written.
        """
        wanted = [target for target in (path, tiles) if target is not None]
        places.check_apart(wanted)
        for place in wanted:
            places.check_file(place)
        table = export.table_of(
            self.results(model),
            model=model,
            classes=classes,
            layers=layers,
            tiles=lambda file: self.catalog.tiles(file, model.sha256),
        )
        for target, write in ((path, export.write_photos), (tiles, export.write_tiles)):
            if target is None:
                continue
            try:
                write(target, table)
            except OSError as error:
                raise DataError(
                    f"Could not write {target} ({error.strerror or error}); choose another place. "
                    "The results are kept in the catalogue."
                ) from error
        written = [str(target) for target in (path, tiles) if target is not None]
        return Changes(message=", ".join(written))

    def heatmaps(
        self,
        engine: Engine,
        folder: Path,
        *,
        method: str = "auto",
        cancelled: Callable[[], bool] = never,
        notify: Callable[[str], None] = ignore,
    ) -> Iterator[tuple[list[HeatmapFile], Progress]]:
        """Write one picture per photo and lithology found in it, as ``<file>.<class>.png``.

        Where nothing reaches its threshold the most probable class is drawn. Yields the pictures
        of one photo after the other. Raises DataError when ``folder`` cannot be written.
        """
        done = [r for r in self.results(engine.model.ref) if r.prediction is not None]
        failed, rate = 0, Rate()
        yield [], Progress(0, len(done))
        for number, result in enumerate(done, start=1):
            if cancelled():
                return
            pictures: list[HeatmapFile] = []
            try:
                pictures = drawing.draw(
                    engine,
                    result,
                    folder,
                    settings=self._settings,
                    method=method,
                    cancelled=cancelled,
                )
            except Cancelled:
                return
            except PhotoError as error:
                failed += 1
                notify(f"No heatmap of {result.photo.file}: {error}")
            except OSError as error:
                raise DataError(
                    f"Could not write heatmaps in {folder} ({error.strerror or error}); "
                    "choose another place."
                ) from error
            yield pictures, Progress(number, len(done), rate.after(1), failed)


def check_folder(folder: Path) -> None:
    """Raise DataError unless ``folder`` is a folder that can be listed."""
    try:
        if folder.is_dir():
            next(folder.iterdir(), None)
            return
        exists = folder.exists()
    except OSError as error:
        raise DataError(
            f"The folder {folder} cannot be read ({error.strerror}); check its permissions."
        ) from error
    if exists:
        raise DataError(f"{folder} is a file; give the folder that it is in.")
    raise DataError(f"There is no folder {folder}; check the path.")


def _remembered_sheet(folder: Path, settings: Settings) -> tuple[Path | None, str]:
    """The sheet the user chose for a folder earlier; a word about it when it is of no use now."""
    name = settings.depth_sheets.get(str(folder))
    if name is None:
        return None, ""
    try:
        sheets.read_sheet(Path(name))
    except DataError as error:
        return None, f"Depths are read from the file names: {error}"
    return Path(name), ""


def _left_out(skipped: Skipped) -> str:
    counts = ", ".join(f"{reason}: {number}" for reason, number in skipped.counts.items())
    return f" (left out: {counts})" if counts else ""


def _light(result: PhotoResult) -> PhotoResult:
    if result.prediction is None or not result.prediction.tiles:
        return result
    return replace(result, prediction=replace(result.prediction, tiles=()))
