"""The sample projects: a copy in the user's folder, so that the shipped photos stay untouched."""

from __future__ import annotations

import os
import shutil
from pathlib import Path

from geoview import files, paths
from geoview.errors import DataError


def sample_folder(name: str = "cuttings") -> Path:
    """The user's copy of a shipped sample project, completed where a photo is missing.

    Raises DataError when there is no such sample or it cannot be copied.
    """
    source = paths.resources() / "samples" / name
    if not source.is_dir():
        raise DataError(f"The sample photos in {source} are missing; install GeoView again.")
    target = paths.data_dir() / "samples" / name
    try:
        for file in source.rglob("*"):
            if file.is_file() and ".geoview" not in file.parts:
                _copy(file, target / file.relative_to(source))
    except OSError as error:
        raise DataError(
            f"The sample photos cannot be copied to {target} ({error.strerror or error}); "
            "free some space there."
        ) from error
    return target


def _copy(source: Path, target: Path) -> None:
    """Copy a file with its time, unless it is there; the copy can be changed and deleted."""
    wanted = source.stat()
    if target.is_file():
        there = target.stat()
        if (there.st_size, there.st_mtime_ns) == (wanted.st_size, wanted.st_mtime_ns):
            return
    with files.replacing(target) as temporary:
        shutil.copyfile(source, temporary)
        os.utime(temporary, ns=(wanted.st_atime_ns, wanted.st_mtime_ns))
