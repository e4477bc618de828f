"""Carrying a list of decisions out on a copy of the folder; originals are never touched."""

from __future__ import annotations

import hashlib
import io
import json
import os
import shutil
import time
from collections import defaultdict
from collections.abc import Callable, Sequence
from itertools import count
from pathlib import Path, PurePosixPath

from PIL import Image
from pydantic import TypeAdapter, ValidationError

from geoview import files
from geoview.callbacks import never
from geoview.errors import Cancelled, DataError, PhotoError
from geoview.photos import decode, reading
from geoview.photos.clean_list import CleanList, Decision, kept
from geoview.photos.clean_picture import cleaned
from geoview.photos.scan import scan
from geoview.records import Photo, Progress

# In the target: which files are ours, and of what each was made.
MANIFEST = ".geoview-cleaned.json"
_QUALITY = 95
_KEEP_EVERY_S = 20.0
_MADE = TypeAdapter(dict[str, str])


def apply(
    decisions: CleanList,
    *,
    source: Path,
    target: Path,
    progress: Callable[[Progress], None] = lambda _: None,
    cancelled: Callable[[], bool] = never,
) -> dict[str, str]:
    """Write the photos of ``source`` that are kept, cleaned, below ``target``.

    Photos without a change are copied byte for byte; changed JPEGs stay JPEG (quality 95), others
    become PNG. A run that was stopped goes on where it was; after a review only what differs is
    made again, and copies of photos no longer kept are removed from the target. Photos that the
    list does not know are left out. Returns the reasons of the photos that could not be written.
    Raises DataError when the target is no place for it, Cancelled.
    """
    _check_target(source, target)
    made = _read_manifest(target)
    wanted = _recipes(decisions, source)
    _remove_others(target, made, wanted={name for _, name, _, _ in wanted})
    failed: dict[str, str] = {}
    began = kept_at = time.monotonic()
    try:
        for done, (photo, name, key, changes) in enumerate(wanted, start=1):
            if cancelled():
                raise Cancelled("Stopped; the same command goes on from here.")
            if made.get(name) != key or not (target / name).is_file():
                made.pop(name, None)
                reason = _write(photo, changes, target / name)
                failed |= {photo.file: reason} if reason else {}
                made |= {} if reason else {name: key}
            if time.monotonic() - kept_at > _KEEP_EVERY_S:
                _write_manifest(target, made)
                kept_at = time.monotonic()
            rate = done / max(time.monotonic() - began, 1e-9)
            progress(Progress(done, len(wanted), rate, len(failed)))
    finally:
        _write_manifest(target, made)
    return failed


def copies(decisions: CleanList, *, source: Path) -> dict[str, str]:
    """The photos of ``source`` that ``apply`` writes, and the names of their copies."""
    return {photo.file: name for photo, name, _, _ in _recipes(decisions, source)}


def _check_target(source: Path, target: Path) -> None:
    """Refuse a target that touches the originals or someone else's files."""
    inner, outer = target.resolve(), source.resolve()
    if inner == outer or outer in inner.parents or inner in outer.parents:
        raise DataError(f"{target} and {source} lie in each other: choose a folder elsewhere.")
    if target.exists() and not target.is_dir():
        raise DataError(f"{target} is a file: give a folder for the cleaned photos.")
    if target.is_dir() and any(target.iterdir()) and not (target / MANIFEST).is_file():
        raise DataError(f"{target} holds other files: choose an empty or a new folder.")
    try:
        target.mkdir(parents=True, exist_ok=True)
        _write_manifest(target, _read_manifest(target))
    except OSError as error:
        raise DataError(
            f"{target} cannot be written ({error.strerror}): choose another folder."
        ) from error


def _recipes(
    decisions: CleanList, source: Path
) -> list[tuple[Photo, str, str, tuple[Decision, ...]]]:
    """Of each kept photo: where it goes, what that is made of, and the changes.

    The photos come from a fresh look at the folder, never from names in the list.
    """
    changes: dict[str, list[Decision]] = defaultdict(list)
    for decision in decisions.decisions:
        if decision.accepted and decision.action != "remove":
            changes[decision.file].append(decision)
    stay = set(kept(decisions))
    photos = [photo for photo in scan(source).photos if photo.file in stay]
    # On some systems capitals make no other name.
    used = {photo.file.casefold() for photo in photos}
    return [
        (photo, _name(photo.file, changes[photo.file], used), _key(photo, changes[photo.file]),
         tuple(changes[photo.file]))
        for photo in photos
    ]  # fmt: skip


def _name(file: str, changes: Sequence[Decision], used: set[str]) -> str:
    """Changed photos that are neither JPEG nor PNG get .png behind their whole name, numbered
    where another photo is called so (in ``used``, which grows)."""
    if not changes or PurePosixPath(file).suffix.lower() in (".jpg", ".jpeg", ".png"):
        return file
    numbers = (f"{file}{'' if number == 1 else f'_{number}'}.png" for number in count(1))
    name = next(name for name in numbers if name.casefold() not in used)
    used.add(name.casefold())
    return name


def _key(photo: Photo, changes: Sequence[Decision]) -> str:
    parts = [[d.action, d.box_xyxy, d.longest_px] for d in changes]
    content = json.dumps([photo.size_bytes, photo.mtime_ns, parts])
    return hashlib.sha256(content.encode()).hexdigest()[:32]


def _write(photo: Photo, changes: Sequence[Decision], place: Path) -> str:
    """Make one file; returns the reason why not."""
    try:
        with files.replacing(place) as temporary:
            if changes:
                pixels = cleaned(decode.decode(photo.path).pixels, changes)
                temporary.write_bytes(_encoded(Image.fromarray(pixels), place))
            else:
                shutil.copyfile(reading.system_path(photo.path), temporary)
    except PhotoError as error:
        return str(error)
    except OSError as error:
        return f"the copy could not be written ({error.strerror}): check the disk"
    return ""


def _encoded(image: Image.Image, place: Path) -> bytes:
    stream = io.BytesIO()
    if place.suffix.lower() == ".png":
        image.save(stream, "PNG")
    else:
        image.save(stream, "JPEG", quality=_QUALITY, subsampling=0)
    return stream.getvalue()


def _remove_others(target: Path, made: dict[str, str], *, wanted: set[str]) -> None:
    """Take away what an earlier run made and this list does not want."""
    root = target.resolve()
    for name in set(made) - wanted:
        place = target / name
        # A manifest from elsewhere must not reach out of its folder, not even through a link.
        if root in place.parent.resolve().joinpath(place.name).parents:
            place.unlink(missing_ok=True)
        del made[name]


def _read_manifest(target: Path) -> dict[str, str]:
    try:
        return _MADE.validate_json((target / MANIFEST).read_bytes())
    except FileNotFoundError:
        return {}
    except (OSError, ValidationError) as error:
        raise DataError(
            f"{target / MANIFEST} is damaged: remove the folder and clean into it again."
        ) from error


def _write_manifest(target: Path, made: dict[str, str]) -> None:
    files.write_text(target / MANIFEST, json.dumps(made, indent=1, sort_keys=True) + os.linesep)
