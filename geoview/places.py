"""Where results may be written: never over a photo, a sheet that was read, or one another."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path

from geoview.errors import DataError
from geoview.photos import formats, reading


def check_file(path: Path) -> None:
    """Refuse a photo's place for a file that is none. Raises DataError."""
    if path.suffix.lower() in formats.IMAGE_SUFFIXES or reading.holds_image(path):
        raise DataError(f"{path} is, or would be taken for, a photo; choose another name.")


def check_folder(path: Path, *, photos: Path) -> None:
    """Refuse to fill a folder among the photos with pictures: they would count as photos next
    time. Raises DataError."""
    place, folder = path.resolve(), photos.resolve()
    if place.is_relative_to(folder) and ".geoview" not in place.relative_to(folder).parts:
        raise DataError(
            f"{path} lies among the photos in {photos}, so its pictures would count as photos; "
            "choose a folder outside."
        )


def check_apart(written: Iterable[Path], *, read: Iterable[Path] = ()) -> None:
    """Refuse to write one place twice, or over what is read. Raises DataError."""
    taken = {path.resolve() for path in read}
    for path in written:
        place = path.resolve()
        if place in taken:
            raise DataError(f"{path} is read or written already; give another name.")
        taken.add(place)
