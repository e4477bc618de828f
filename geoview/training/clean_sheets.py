"""The label sheets of a cleaned copy: its photos by their new names, without those removed."""

from __future__ import annotations

import csv
import hashlib
import io
import json
import os
import posixpath
from collections.abc import Iterator, Mapping, Set
from itertools import islice
from pathlib import Path

from pydantic import TypeAdapter, ValidationError

from geoview import files
from geoview.errors import DataError
from geoview.training import tables
from geoview.training.data import counted, fold
from geoview.training.photo_names import PhotoNames
from geoview.training.tables import Row, Table

# In the target: the hashes of the sheets as they were written.
WRITTEN = ".geoview-sheets.json"
EDITED = "the sheet in the copy was edited and stays as it is: move it away and apply again"
_WRITTEN = TypeAdapter(dict[str, str])


def carry(
    source: Path, target: Path, *, names: Mapping[str, str], cropped: Set[str]
) -> dict[str, str]:
    """Write every sheet of ``source`` that names photos into ``target``, as UTF-8 CSV.

    ``names`` are the copies of the photos that are kept. Of ``cropped`` photos the areas are
    blank and the rows of tiles left out, because they are those of the whole photo. A sheet that
    was edited in the copy stays (``EDITED``). Returns what was done by the name of the sheet.
    Raises DataError where one cannot be written.
    """
    told: dict[str, str] = {}
    written = _read_written(target)
    spelled = {fold(file): file for file in names}
    for table, inside in _sheets(source, told):
        folder, there = posixpath.dirname(inside), PhotoNames(table.path.parent)
        counts = {"gone": 0, "tiles": 0, "areas": 0}
        named = [
            r | {"file": _photo(r["file"], folder, there, source, spelled)} for r in table.rows
        ]
        rows = [r for row in named if (r := _row(row, folder, names, cropped, counts))]
        left_out = _left_out(counts, there)
        if not rows:
            told[inside] = f"not written, because no row is left; {left_out}; check its names"
            continue
        name = inside
        while not name.lower().endswith(".csv") or (name != inside and (source / name).exists()):
            name += ".csv"
        place, content = target / name, _csv(table, rows)
        ours = (_hash(content), written.get(name))
        try:
            if place.exists() and _hash(place.read_bytes()) not in ours:
                told[name] = EDITED
                continue
            with files.replacing(place) as temporary:
                temporary.write_bytes(content)
            written[name] = _hash(content)
            files.write_text(target / WRITTEN, json.dumps(written, indent=1, sort_keys=True))
        except OSError as error:
            raise DataError(
                f"{place} could not be written ({error.strerror}): check the disk."
            ) from error
        passed = (warning.removesuffix(".") for warning in table.warnings)
        told[name] = "; ".join((f"{counted(len(rows), 'row')} written", left_out, *passed))
    return told


def _sheets(source: Path, told: dict[str, str]) -> Iterator[tuple[Table, str]]:
    """Sheets with a file column, and their path below ``source``; those that cannot be read are
    ``told``."""
    for path in sorted(source.rglob("*")):
        inside = path.relative_to(source)
        hidden = any(part.startswith((".", "~$")) for part in inside.parts)
        if hidden or path.suffix.lower() not in tables.SUFFIXES:
            continue
        try:
            table = tables.read(path)
        except DataError as error:
            told[inside.as_posix()] = f"not written; {str(error).removesuffix('.')}"
            continue
        if "file" in table.keys:
            yield table, inside.as_posix()


def _photo(
    name: str, folder: str, there: PhotoNames, source: Path, spelled: Mapping[str, str]
) -> str:
    """The path below ``source`` of the photo that a sheet in ``folder`` means; else empty."""
    found = there.find(posixpath.normpath(name.replace("\\", "/")))
    if found is None:
        return ""
    file = posixpath.normpath(posixpath.join(folder, found))
    own = spelled.get(fold(file), file)
    # On many disks capitals make no other name.
    same = own == file or os.path.samefile(source / own, source / file)
    return own if same else file


def _row(
    row: Row, folder: str, names: Mapping[str, str], cropped: Set[str], counts: dict[str, int]
) -> Row | None:
    """The row for the copy; None where it has none."""
    file = row["file"]
    if file not in names:
        counts["gone"] += 1
        return None
    row = row | {"file": posixpath.relpath(names[file], folder or ".")}
    if file in cropped:
        if row.get("tile_row"):
            counts["tiles"] += 1
            return None
        areas = {key: "" for key, cell in row.items() if key.startswith("area_") and cell}
        counts["areas"] += len(areas)
        row |= areas
    return row


def _left_out(counts: Mapping[str, int], there: PhotoNames) -> str:
    said = (
        f"left out: {counts['gone']} of photos that are not in the copy, {counts['tiles']} of "
        f"tiles and {counts['areas']} areas of cropped photos"
    )
    for name, fitting in islice(there.several.items(), 1):
        said += f"; {name} may mean more than one photo ({', '.join(fitting)}): write whole names"
    return said


def _csv(table: Table, rows: list[Row]) -> bytes:
    stream = io.StringIO()
    writer = csv.writer(stream, lineterminator="\n")
    writer.writerow(table.columns)
    writer.writerows([row[key] for key in table.keys] for row in rows)
    return stream.getvalue().encode()


def _hash(content: bytes) -> str:
    return hashlib.sha256(content).hexdigest()


def _read_written(target: Path) -> dict[str, str]:
    """Without it every sheet that differs counts as edited."""
    try:
        return _WRITTEN.validate_json((target / WRITTEN).read_bytes())
    except (OSError, ValidationError):
        return {}
