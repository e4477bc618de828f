"""Carrying a list of decisions out on a copy of the folder; originals are never touched."""

from __future__ import annotations

import errno
import hashlib
import io
import json
import os
import time
from collections import defaultdict
from collections.abc import Callable, Iterator, Sequence
from dataclasses import asdict, dataclass
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
from geoview.rate import Rate
from geoview.records import Photo, Progress

# In the target: which files are ours, and of what each was made.
MANIFEST = ".geoview-cleaned.json"
_QUALITY = 95
_KEEP_EVERY_S = 20.0
_PART_BYTES = 1 << 22
_NOT_OURS = (
    "the copy has a file of this name that GeoView did not make or that was changed since: "
    "move it away and apply again"
)
_LOCKED = (
    "the folder may not be opened, so its photos were not copied and earlier copies stay: ask its "
    "owner for read access and apply again"
)


@dataclass(frozen=True, slots=True)
class _Copy:
    """What a copy was made of, and the hash of its content (none in the first manifests)."""

    key: str
    content: str = ""


_MADE = TypeAdapter(dict[str, str | _Copy])


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
    made again, and copies of photos no longer kept are removed from the target. Files there that
    are not as they were written stay, and so do copies from folders that cannot be opened now.
    Photos that the list does not know are left out. Returns the reasons of the photos that could
    not be written, of the copies that could not be removed, and of those folders. Raises
    DataError when the target is no place for it, Cancelled.
    """
    _check_target(source, target)
    made = _read_manifest(target)
    found = scan(source)
    wanted = _recipes(decisions, found.photos)
    failed = dict.fromkeys(found.locked, _LOCKED)
    stay = {name for name in made if name.startswith(found.locked)}
    failed |= _remove_others(target, made, wanted=stay | {name for _, name, _, _ in wanted})
    rate, kept_at = Rate(), time.monotonic()
    try:
        for done, (photo, name, key, changes) in enumerate(wanted, start=1):
            if cancelled():
                raise Cancelled("Stopped; the same command goes on from here.")
            before = made.get(name)
            if before is None or before.key != key or not (target / name).is_file():
                try:
                    made[name] = _Copy(key, _write(photo, changes, target / name, before))
                except PhotoError as error:
                    failed[photo.file] = str(error)
            if time.monotonic() - kept_at > _KEEP_EVERY_S:
                _write_manifest(target, made)
                kept_at = time.monotonic()
            progress(Progress(done, len(wanted), rate.after(1), len(failed)))
    finally:
        _write_manifest(target, made)
    return failed


def copies(decisions: CleanList, *, source: Path) -> dict[str, str]:
    """The photos of ``source`` that ``apply`` writes, and the names of their copies."""
    photos = scan(source).photos
    return {photo.file: name for photo, name, _, _ in _recipes(decisions, photos)}


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
    decisions: CleanList, found: Sequence[Photo]
) -> list[tuple[Photo, str, str, tuple[Decision, ...]]]:
    """Of each kept photo: where it goes, what that is made of, and the changes.

    The photos are those ``found`` by a fresh look at the folder, never names in the list.
    """
    changes: dict[str, list[Decision]] = defaultdict(list)
    for decision in decisions.decisions:
        if decision.accepted and decision.action != "remove":
            changes[decision.file].append(decision)
    stay = set(kept(decisions))
    photos = [photo for photo in found if photo.file in stay]
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


def _write(photo: Photo, changes: Sequence[Decision], place: Path, before: _Copy | None) -> str:
    """Make one file in place of ``before``; returns its hash. Raises PhotoError."""
    try:
        with files.replacing(place) as temporary:
            if changes:
                pixels = cleaned(decode.decode(photo.path).pixels, changes)
                temporary.write_bytes(_encoded(Image.fromarray(pixels), place))
            else:
                with temporary.open("wb") as stream:
                    stream.writelines(_parts(photo.path))
            content = _content(temporary)
            # A run that was killed may have written just this and not said so in the manifest.
            if not (_is_ours(place, before) or _content(place) == content):
                raise PhotoError(_NOT_OURS)
    except OSError as error:
        if error.errno == errno.ENAMETOOLONG:
            raise PhotoError(
                "the name is too long for the copy: shorten the name of the photo"
            ) from error
        raise PhotoError(
            f"the copy could not be written ({error.strerror}): check the disk"
        ) from error
    return content


def _is_ours(place: Path, copy: _Copy | None) -> bool:
    """Whether nothing is there, or still the copy as it was written."""
    if not os.path.lexists(place):
        return True
    return copy is not None and copy.content in ("", _content(place))


def _content(path: Path) -> str:
    """The hash of a file; of one that cannot be read none that a file has."""
    digest = hashlib.sha256()
    try:
        for part in _parts(path):
            digest.update(part)
    except PhotoError:
        return "unreadable"
    return digest.hexdigest()


def _parts(path: Path) -> Iterator[bytes]:
    """A file's bytes, part by part. Raises PhotoError, unlike what writes them elsewhere."""
    try:
        with reading.opened(path) as stream:
            while part := stream.read(_PART_BYTES):
                yield part
    except OSError as error:
        raise PhotoError(reading.plain_reason(error, path)) from error


def _encoded(image: Image.Image, place: Path) -> bytes:
    stream = io.BytesIO()
    if place.suffix.lower() == ".png":
        image.save(stream, "PNG")
    else:
        image.save(stream, "JPEG", quality=_QUALITY, subsampling=0)
    return stream.getvalue()


def _remove_others(target: Path, made: dict[str, _Copy], *, wanted: set[str]) -> dict[str, str]:
    """Take away what an earlier run made and this list does not want; returns what stays and
    why."""
    root = target.resolve()
    stays: dict[str, str] = {}
    for name in set(made) - wanted:
        place = target / name
        # A manifest from elsewhere must not reach out of its folder, not even through a link.
        if root in place.parent.resolve().joinpath(place.name).parents:
            if not _is_ours(place, made[name]):
                stays[name] = _NOT_OURS
                continue
            place.unlink(missing_ok=True)
        del made[name]
    return stays


def _read_manifest(target: Path) -> dict[str, _Copy]:
    path = target / MANIFEST
    try:
        written_ns = path.stat().st_mtime_ns
        stored = _MADE.validate_json(path.read_bytes())
    except FileNotFoundError:
        return {}
    except (OSError, ValidationError) as error:
        raise DataError(f"{path} is damaged: remove the folder and clean into it again.") from error
    made = {name: _Copy(one) if isinstance(one, str) else one for name, one in stored.items()}
    # Without a hash, what is newer than the manifest was changed by someone else.
    return {
        name: copy
        for name, copy in made.items()
        if copy.content or not _is_newer(target / name, written_ns)
    }


def _is_newer(place: Path, time_ns: int) -> bool:
    try:
        return place.stat().st_mtime_ns > time_ns
    except OSError:
        return False


def _write_manifest(target: Path, made: dict[str, _Copy]) -> None:
    stored = {name: asdict(copy) for name, copy in made.items()}
    files.write_text(target / MANIFEST, json.dumps(stored, indent=1, sort_keys=True) + os.linesep)
