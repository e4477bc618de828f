"""What was in a photo's file when something was stored for it, to find that under another date.

Copying a folder, unpacking it or restoring a backup may give every file a new date. A photo with
the size of a kept content is read then, and where the fingerprint is that content's, everything
stored for it moves to the new date.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from sqlalchemy import Connection, bindparam, select, update

from geoview.catalog import schema
from geoview.catalog.statements import CHUNK, upsert
from geoview.records import Photo

_CONTENT, _PHOTO = schema.contents.c, schema.photos.c
# Sizes (bytes) and dates (ns) of the contents kept of each photo, by file.
Known = dict[str, set[tuple[int, int]]]
# Tables whose rows count for one size and date of a photo's file, with the photo's key in them.
_DATED = (
    (schema.photos, _PHOTO.id),
    (schema.measurements, schema.measurements.c.photo_id),
    (schema.results, schema.results.c.photo_id),
)


def known(connection: Connection, where: Any) -> Known:
    """What is kept of the photos for which the condition ``where`` holds."""
    query = (
        select(_PHOTO.file, _CONTENT.size_bytes, _CONTENT.mtime_ns)
        .select_from(schema.contents.join(schema.photos, _PHOTO.id == _CONTENT.photo_id))
        .where(where)
    )
    found: Known = {}
    for file, size_bytes, mtime_ns in connection.execute(query):
        found.setdefault(file, set()).add((size_bytes, mtime_ns))
    return found


def is_kept(photo: Photo, kept: Known) -> bool:
    return (photo.size_bytes, photo.mtime_ns) in kept.get(photo.file, ())


def may_be_kept(photo: Photo, kept: Known) -> bool:
    """Whether only reading the file can tell if its content is kept, under another date."""
    sizes = {size_bytes for size_bytes, _ in kept.get(photo.file, ())}
    return photo.size_bytes in sizes and not is_kept(photo, kept)


def keep(
    connection: Connection, found: Sequence[tuple[Photo, str]], *, ids: Mapping[str, int]
) -> int:
    """Keep the fingerprints of photos; returns how many contents got a new date.

    What was stored for one of these contents under another date counts for the photo's from now.
    """
    rows: list[dict[str, Any]] = [
        {
            "photo_id": ids[photo.file],
            "sha256": sha256,
            "size_bytes": photo.size_bytes,
            "mtime_ns": photo.mtime_ns,
        }
        for photo, sha256 in found
    ]
    if not rows:
        return 0
    # In one order everywhere, or two desks could wait for each other for ever.
    rows.sort(key=lambda row: int(row["photo_id"]))
    dates = _dates(connection, [row["photo_id"] for row in rows])
    moves = []
    for row in rows:
        before, now = dates.get((row["photo_id"], row["sha256"])), row["mtime_ns"]
        if before is not None and before != now:
            size = row["size_bytes"]
            moves.append({"photo": row["photo_id"], "size": size, "before": before, "now": now})
    if moves:
        _move(connection, moves)
    upsert(connection, schema.contents, rows, keys=("photo_id", "sha256"))
    return len(moves)


def _move(connection: Connection, moves: list[dict[str, Any]]) -> None:
    step = schema.measurements.c
    # What the program made of the photo while it could not be read must not hide what was known.
    hiding = (
        step.photo_id == bindparam("photo"),
        step.size_bytes == bindparam("size"),
        step.mtime_ns == bindparam("now"),
        step.state == "live",
        step.user == "",
    )
    connection.execute(update(schema.measurements).where(*hiding).values(state="dropped"), moves)
    for table, key in _DATED:
        dated = (
            key == bindparam("photo"),
            table.c.size_bytes == bindparam("size"),
            table.c.mtime_ns == bindparam("before"),
        )
        moving = update(table).where(*dated).values(mtime_ns=bindparam("now"))
        connection.execute(moving, moves)


def _dates(connection: Connection, photos: Sequence[int]) -> dict[tuple[int, str], int]:
    """The date under which each content of these photos is kept."""
    dates: dict[tuple[int, str], int] = {}
    for start in range(0, len(photos), CHUNK):
        some = _CONTENT.photo_id.in_(photos[start : start + CHUNK])
        query = select(_CONTENT.photo_id, _CONTENT.sha256, _CONTENT.mtime_ns).where(some)
        dates.update({(row[0], row[1]): row[2] for row in connection.execute(query)})
    return dates
