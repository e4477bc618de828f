"""What a session does in background threads: plain functions, no Qt."""

from __future__ import annotations

import shutil
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from geoview.errors import DataError, ModelError
from geoview.records import ModelRef, PhotoResult
from geoview.settings import Settings

if TYPE_CHECKING:
    from geoview.models.store import ModelEntry
    from geoview.project import Project


@dataclass(frozen=True, slots=True)
class Opened:
    """A folder with everything its catalogue knows."""

    project: Project
    results: list[PhotoResult]


def open_folder(folder: Path, settings: Settings, model: ModelRef | None) -> Opened:
    from geoview.project import Project

    project = Project.open(folder, settings=settings)
    try:
        return Opened(project, project.results(model))
    except BaseException:
        project.close()
        raise


def close_opened(opened: Opened) -> None:
    opened.project.close()


def check_sheet(path: Path) -> int:
    """Number of rows of a sheet of depths; DataError when it is none."""
    from geoview.photos.sheet import read_sheet

    return len(read_sheet(path))


def sample(name: str) -> Path:
    from geoview.samples import sample_folder

    return sample_folder(name)


def list_models(wanted: str | None) -> tuple[list[ModelEntry], Path | None]:
    from geoview.models import store

    entries = store.available()
    try:
        chosen = store.resolve(wanted)
    except ModelError:
        return entries, None
    if chosen not in [e.path for e in entries]:
        entries.append(store.entry(chosen))
    return entries, chosen


def add_model(source: Path) -> Path:
    from geoview import files, paths
    from geoview.models.bundle import read_card

    read_card(source)
    target = paths.user_models_dir() / source.name
    if target.exists() and target.samefile(source):
        return target
    try:
        with files.replacing(target) as temporary:
            shutil.copyfile(source, temporary)
    except OSError as error:
        raise DataError(
            f"The model {source.name} cannot be copied to {target.parent} ({error.strerror}); "
            "free some space there."
        ) from error
    return target


def export(project: Project, path: Path, entry: ModelEntry, tiles: bool) -> Path:
    if entry.card is None or entry.ref is None:
        raise ModelError(f"The model {entry.path.name} cannot be used; choose another one.")
    project.export_csv(
        None if tiles else path,
        model=entry.ref,
        tiles=path if tiles else None,
        classes=entry.card.classes,
        layers=entry.card.layers,
    )
    return path


def ignore(_answer: Any) -> None:
    """Nothing waits for this."""
