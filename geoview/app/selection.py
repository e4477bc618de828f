"""Other work on a project's photos than the analysis of what is pending."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

from geoview.records import PhotoResult, Progress

if TYPE_CHECKING:
    from geoview.project import Project
    from geoview.settings import Settings


@dataclass(frozen=True, slots=True)
class Selection:
    """Stands in for a project where only ``files`` are to be analysed, done before or not."""

    project: Project
    files: tuple[str, ...]

    def analyse(
        self,
        engine: Any,
        *,
        again: bool = True,
        cancelled: Callable[[], bool],
        notify: Callable[[str], None],
    ) -> Iterator[tuple[list[PhotoResult], Progress]]:
        """As ``Project.analyse``; the folder is scanned anew, as files may have been replaced."""
        self.project.refresh()
        photos = [photo for photo in self.project.photos if photo.file in set(self.files)]
        progress = Progress(0, len(photos))
        for result in engine.run(photos, cancelled=cancelled, notify=notify):
            self.project.catalog.save([result], model=engine.model.ref)
            progress = replace(
                progress,
                done=progress.done + 1,
                failed=progress.failed + (result.status == "failed"),
            )
            yield [_without_tiles(result)], progress


@dataclass(frozen=True, slots=True)
class EvidenceCheck:
    """Stands in for a project where the evidence of what was analysed is to be audited."""

    project: Project
    settings: Settings

    def analyse(
        self,
        engine: Any,
        *,
        again: bool = False,
        cancelled: Callable[[], bool],
        notify: Callable[[str], None],
    ) -> Iterator[tuple[list[PhotoResult], Progress]]:
        """The results with their warnings; what was audited before is left out."""
        from geoview.evidence import audit_folder

        known = {result.photo.file: result for result in self.project.results(engine.model.ref)}
        run = audit_folder(
            self.project,
            engine,
            settings=self.settings,
            again=again,
            cancelled=cancelled,
            notify=notify,
        )
        for audits, progress in run:
            yield [replace(known[a.file], evidence_warning=a.warning) for a in audits], progress


def _without_tiles(result: PhotoResult) -> PhotoResult:
    if result.prediction is None:
        return result
    return replace(result, prediction=replace(result.prediction, tiles=()))
