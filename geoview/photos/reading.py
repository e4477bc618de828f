"""Reading a file's bytes, whatever its path, with a plain reason when it cannot be read."""

from __future__ import annotations

import errno
import os
import stat
import sys
from pathlib import Path

from geoview.errors import PhotoError
from geoview.photos import formats

MAX_BYTES = 2 << 30
HEAD_BYTES = 4096

# Windows refuses paths of 260 characters and more unless they carry this prefix.
_LONG = 240


def extended_path(path: str) -> str:
    """The form of an absolute Windows path that may be longer than 260 characters."""
    if len(path) < _LONG or path.startswith("\\\\?\\"):
        return path
    path = path.replace("/", "\\")
    return "\\\\?\\UNC" + path[1:] if path.startswith("\\\\") else "\\\\?\\" + path


def system_path(path: Path | str) -> str:
    """``path`` as the operating system should be asked for it."""
    return extended_path(os.path.abspath(path)) if sys.platform == "win32" else str(path)


def read_head(path: Path) -> bytes:
    """The first bytes of a file (at most ``HEAD_BYTES``). Raises PhotoError."""
    try:
        with opened(path) as stream:
            return stream.read(HEAD_BYTES)
    except OSError as error:
        raise PhotoError(plain_reason(error, path)) from error


def read_bytes(path: Path) -> bytes:
    """All bytes of a file. Raises PhotoError for empty, huge, special and unreadable ones."""
    try:
        with opened(path) as stream:
            size = stream.status().st_size
            if size > MAX_BYTES:
                raise PhotoError("the file is larger than 2 GiB: save a smaller copy of the photo")
            data = stream.read(size + 1)
    except OSError as error:
        raise PhotoError(plain_reason(error, path)) from error
    except MemoryError as error:
        raise PhotoError(OUT_OF_MEMORY) from error
    if not data:
        raise PhotoError("the file is empty: copy it again from the camera")
    return data


OUT_OF_MEMORY = "there is not enough memory to open the photo: close other programs and try again"
NOT_ALLOWED = "no permission to read the file: ask its owner for read access"
NOT_REACHED = "the file could not be read: check the disk, card or network connection"
GONE = "the file is no longer there: refresh the folder"
# Reasons that say nothing of the file itself: what is told to do may have been done since.
PASSING = (OUT_OF_MEMORY, NOT_ALLOWED, NOT_REACHED, GONE)


def plain_reason(error: OSError, path: Path) -> str:
    """What went wrong with a file, and what to do, without the system's jargon."""
    if isinstance(error, FileNotFoundError | NotADirectoryError):
        if os.path.islink(path):
            return "the link points to a file that is not there: repair the link"
        return GONE
    if isinstance(error, IsADirectoryError):
        return "this is a folder, not a photo"
    if isinstance(error, PermissionError):
        return NOT_ALLOWED
    if error.errno == errno.ELOOP:
        return "the link leads in a circle: repair the link"
    if error.errno == errno.ENAMETOOLONG:
        return "the path is too long: move the photo to a folder with a shorter path"
    return NOT_REACHED


def opened(path: Path) -> Regular:
    """A regular file to read from. Raises OSError, and PhotoError for a device or pipe."""
    return Regular(system_path(path))


class Regular:
    """A regular file open for reading; a named pipe or device is refused without waiting."""

    def __init__(self, name: str) -> None:
        _require_regular(os.stat(name).st_mode)
        flags = os.O_RDONLY | getattr(os, "O_BINARY", 0) | getattr(os, "O_NONBLOCK", 0)
        self._stream = os.fdopen(os.open(name, flags), "rb", buffering=0)

    def __enter__(self) -> Regular:
        # Checked again on the open file: it may have been swapped since the first look.
        try:
            _require_regular(self.status().st_mode)
        except BaseException:
            self._stream.close()
            raise
        return self

    def __exit__(self, *exc_info: object) -> None:
        self._stream.close()

    def status(self) -> os.stat_result:
        return os.fstat(self._stream.fileno())

    def seek(self, start: int) -> None:
        self._stream.seek(start)

    def read(self, limit: int) -> bytes:
        """Up to ``limit`` bytes, however many system calls that takes."""
        parts: list[bytes] = []
        while limit > 0 and (part := self._stream.read(min(limit, 1 << 26))):
            parts.append(part)
            limit -= len(part)
        return parts[0] if len(parts) == 1 else b"".join(parts)


def _require_regular(mode: int) -> None:
    if stat.S_ISDIR(mode):
        raise IsADirectoryError(errno.EISDIR, os.strerror(errno.EISDIR))
    if not stat.S_ISREG(mode):
        raise PhotoError("this is a device or pipe, not a photo")


def holds_image(path: Path) -> bool:
    """Whether a file starts like an image, whatever its name ends in; False without a file."""
    try:
        return formats.sniff(read_head(path)) is not None
    except PhotoError:
        return False
