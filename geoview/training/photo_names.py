"""Which photo a sheet means: many write names without suffix, or in other capitals."""

from __future__ import annotations

import os
import posixpath
from collections import defaultdict
from pathlib import Path

from geoview.photos.formats import IMAGE_SUFFIXES
from geoview.training.data import fold


class PhotoNames:
    """Finds the photos below ``root``; a folder is listed once, when a name in it is not there.

    ``several`` are the names that fit more than one photo, and those photos.
    """

    def __init__(self, root: Path) -> None:
        self._root = root
        self._listed: dict[str, dict[str, list[str]]] = {}
        self.several: dict[str, list[str]] = {}

    def find(self, file: str) -> str | None:
        """The photo of that name, else the only one of that name but for capitals, the way
        accents are stored, the suffix, or zeros before a number, which Excel takes away.

        None where there is none or more than one.
        """
        if os.path.isfile(self._root / file):
            return file
        folder, name = posixpath.split(file)
        if folder not in self._listed:
            self._listed[folder] = self._list(folder)
        listed = self._listed[folder]
        fitting = listed.get(fold(name)) or listed.get(_number(name), [])
        if len(fitting) > 1:
            self.several[file] = fitting
        return posixpath.join(folder, fitting[0]) if len(fitting) == 1 else None

    def _list(self, folder: str) -> dict[str, list[str]]:
        """The photos of a folder by their folded name, that without suffix, and their number."""
        found = defaultdict(list)
        try:
            names = sorted(os.listdir(self._root / folder))
        except (OSError, ValueError):  # no folder at all, or no name of one
            return {}
        for name in names:
            stem, suffix = posixpath.splitext(name)
            if suffix.lower() in IMAGE_SUFFIXES:
                found[fold(name)].append(name)
                found[fold(stem)].append(name)
                if number := _number(stem):
                    found[number].append(name)
        return dict(found)


def _number(name: str) -> str:
    """A key that no file name can be, for names that are nothing but a number; else empty."""
    return f"/{name.lstrip('0')}" if name.isdecimal() else ""
