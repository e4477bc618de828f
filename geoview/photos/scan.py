"""Finding the photos below a folder, without opening them."""

from __future__ import annotations

import os
import re
import stat
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from geoview.errors import DataError
from geoview.photos import formats, names, reading
from geoview.photos import sheet as sheets
from geoview.records import Photo, Skipped

DEFAULT_SKIP_FOLDERS = ("masks", "mask", "__MACOSX")

HIDDEN = "hidden files and folders"
SIDECARS = "tables, documents and data files"
SPECIAL = "devices and pipes"
NO_PERMISSION = "folders that may not be opened"
CIRCLES = "links to folders that are scanned anyway"
UNUSED_ROWS = "rows of the sheet without a photo"

_FILE_ATTRIBUTE_HIDDEN = 2
_DIGITS = re.compile(r"([0-9]+)")


@dataclass(frozen=True, slots=True)
class ScanResult:
    """The photos below a folder in natural order, and what was left out; ``locked`` are the
    folders that could not be opened, as photos in them would be called."""

    photos: tuple[Photo, ...]
    skipped: Skipped
    locked: tuple[str, ...] = ()


def scan(
    folder: Path,
    *,
    patterns: Sequence[str] = names.DEFAULT_PATTERNS,
    sheet: Path | None = None,
    skip_folders: Sequence[str] = DEFAULT_SKIP_FOLDERS,
) -> ScanResult:
    """Every photo below ``folder``, which may also be one photo file.

    Hidden files, folders named in ``skip_folders`` and tables, documents and the like are left
    out and counted. Every other file becomes a photo: one that is none gets its plain reason
    when it is decoded. Links to folders are followed, but no folder is scanned twice. A row of
    ``sheet`` goes before what ``patterns`` read in a name. Raises DataError for a folder that
    does not exist, a wrong pattern or a wrong sheet.
    """
    names.compiled(tuple(patterns) or names.DEFAULT_PATTERNS)
    rows = sheets.SheetIndex(sheets.read_sheet(sheet) if sheet else {})
    walk = _Walk(skip={name.casefold() for name in skip_folders})
    found = _found(folder, walk)
    photos = [_photo(entry, patterns=patterns, rows=rows) for entry in found]
    photos.sort(key=lambda photo: natural_key(photo.file))
    if rows.unused:
        walk.skipped[UNUSED_ROWS] = rows.unused
    return ScanResult(tuple(photos), Skipped(dict(walk.skipped)), tuple(walk.locked))


def natural_key(text: str) -> tuple[tuple[str | int, ...], str]:
    """Sorts ``photo 2`` before ``photo 10``, capital letters aside, folder by folder."""
    pieces: list[str | int] = list(_DIGITS.split(text.casefold().replace("/", "\0")))
    pieces[1::2] = [int(digits) for digits in pieces[1::2]]
    return tuple(pieces), text


@dataclass(frozen=True, slots=True)
class _Found:
    path: str
    file: str
    size_bytes: int
    mtime_ns: int


def _found(folder: Path, walk: _Walk) -> list[_Found]:
    try:
        mode = os.stat(reading.system_path(folder)).st_mode
        if stat.S_ISDIR(mode):
            os.scandir(reading.system_path(folder)).close()
    except OSError as error:
        raise DataError(_no_folder(folder, error)) from error
    if stat.S_ISDIR(mode):
        return list(walk.files(folder))
    status = os.stat(reading.system_path(folder))
    if folder.suffix.lower() not in formats.IMAGE_SUFFIXES and not reading.holds_image(folder):
        raise DataError(f"{folder} is not a photo: choose a folder of photos or one photo.")
    name = os.fsencode(folder.name).decode("utf-8", "backslashreplace")
    return [_Found(str(folder), name, status.st_size, status.st_mtime_ns)]


def _no_folder(folder: Path, error: OSError) -> str:
    if isinstance(error, FileNotFoundError | NotADirectoryError):
        return f"There is no folder {folder}: check the path."
    if isinstance(error, PermissionError):
        return f"No permission to open {folder}: ask its owner for read access."
    return f"The folder {folder} cannot be opened: check the disk or network connection."


def _photo(found: _Found, *, patterns: Sequence[str], rows: sheets.SheetIndex) -> Photo:
    named = names.parse_name(found.file, patterns=patterns)
    row = rows.find(found.file) or names.NameFields()
    return Photo(
        path=Path(found.path),
        file=found.file,
        size_bytes=found.size_bytes,
        mtime_ns=found.mtime_ns,
        well=row.well or named.well,
        depth_m=named.depth_m if row.depth_m is None else row.depth_m,
        sample=row.sample or named.sample,
    )


@dataclass(slots=True)
class _Walk:
    """One walk below a folder; counts what it leaves out."""

    skip: set[str]
    skipped: Counter[str] = field(default_factory=Counter)
    locked: list[str] = field(default_factory=list)
    _seen: set[tuple[int, int]] = field(default_factory=set)

    def files(self, folder: Path) -> Iterator[_Found]:
        root = str(folder)
        # A link back to a folder above would bring in the whole disk.
        for above in Path(os.path.realpath(root)).parents:
            self._enter(str(above))
        # Real folders first, so that a link never takes a folder's photos under another name.
        pending, links = [(root, "")], list[tuple[str, str]]()
        while pending or links:
            path, prefix = pending.pop() if pending else links.pop()
            if not self._enter(path):
                self.skipped[CIRCLES] += 1
                continue
            yield from self._one_folder(path, prefix, pending, links)

    def _enter(self, path: str) -> bool:
        """Whether a folder is new; remembers it."""
        try:
            status = os.stat(reading.system_path(path))
        except OSError:
            return True
        identity = (status.st_dev, status.st_ino)
        if identity in self._seen:
            return False
        self._seen.add(identity)
        return True

    def _one_folder(
        self,
        path: str,
        prefix: str,
        pending: list[tuple[str, str]],
        links: list[tuple[str, str]],
    ) -> Iterator[_Found]:
        try:
            with os.scandir(reading.system_path(path)) as entries:
                listed = list(entries)
        except OSError:
            self.skipped[NO_PERMISSION] += 1
            self.locked.append(prefix)
            return
        for entry in listed:
            name = os.fsencode(entry.name).decode("utf-8", "backslashreplace")
            inside = os.path.join(path, entry.name)
            if entry.name == ".geoview":
                continue
            if entry.name.startswith("."):
                self.skipped[HIDDEN] += 1
            elif not _is_folder(entry):
                yield from self._one_file(entry, inside, prefix + name)
            elif name.casefold() in self.skip:
                self.skipped[f"folders named {name}"] += 1
            else:
                (links if entry.is_symlink() else pending).append((inside, f"{prefix}{name}/"))

    def _one_file(self, entry: os.DirEntry[str], path: str, file: str) -> Iterator[_Found]:
        status = _status(entry)
        suffix = os.path.splitext(entry.name)[1].lower()
        if status is None:
            yield _Found(path, file, 0, 0)
        elif getattr(status, "st_file_attributes", 0) & _FILE_ATTRIBUTE_HIDDEN:
            self.skipped[HIDDEN] += 1
        elif not stat.S_ISREG(status.st_mode):
            self.skipped[SPECIAL] += 1
        elif suffix in formats.SIDECAR_SUFFIXES and not reading.holds_image(Path(path)):
            self.skipped[SIDECARS] += 1
        else:
            yield _Found(path, file, status.st_size, status.st_mtime_ns)


def _is_folder(entry: os.DirEntry[str]) -> bool:
    try:
        return entry.is_dir()
    except OSError:
        return False


def _status(entry: os.DirEntry[str]) -> os.stat_result | None:
    """None for a link that leads nowhere or in a circle."""
    try:
        return entry.stat()
    except OSError:
        return None
