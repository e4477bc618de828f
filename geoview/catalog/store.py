"""The catalogue of one folder of photos."""

from __future__ import annotations

import contextlib
import logging
import threading
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path
from typing import Any

from sqlalchemy import (
    Connection,
    Engine,
    Join,
    Table,
    and_,
    bindparam,
    delete,
    insert,
    select,
    update,
)
from sqlalchemy.exc import SQLAlchemyError

from geoview.catalog import connect, contents, rows, schema
from geoview.catalog.statements import CHUNK, insert_into, upsert
from geoview.photos.fingerprint import fingerprinted
from geoview.records import Changes, ModelRef, Photo, PhotoResult, TilePrediction

log = logging.getLogger(__name__)

_PHOTO = [schema.photos.c[name] for name in rows.PHOTO_COLUMNS]
_RESULT = [schema.results.c[name] for name in rows.RESULT_COLUMNS]
_MODEL = [schema.models.c.name, schema.models.c.sha256]


class Catalog:
    """Photos of one folder and what the models say of them.

    Safe from any thread; writes take turns, also between processes. Every method raises
    DataError when the database cannot be used. Photos themselves are never touched.
    """

    def __init__(self, engine: Engine, folder: Path, *, key: str, place: str, notice: str) -> None:
        self._engine = engine
        self._writes = threading.Lock()
        self._key = key
        self.folder = folder
        self.place = place
        self.notice = notice

    @classmethod
    def open(cls, folder: Path, *, url: str | None = None) -> Catalog:
        """Open or make the catalogue of ``folder``; ``notice`` tells what the user should know.

        Without ``url`` it is ``<folder>/.geoview/catalog.db``, or lies in the user's data folder
        when the photos are read-only. A damaged file is renamed and a new one made.
        """
        if url is not None:
            engine = connect.open_url(url)
            place = engine.url.render_as_string(hide_password=True)
            return cls(engine, folder, key=folder.resolve().as_posix(), place=place, notice="")
        path, notice = connect.place(folder)
        engine, damage = connect.open_file(path)
        notices = " ".join(text for text in (notice, damage) if text)
        return cls(engine, folder, key=".", place=str(path), notice=notices)

    def close(self) -> None:
        """Let go of the database; nothing is lost without it."""
        self._engine.dispose()

    def __enter__(self) -> Catalog:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def sync(self, photos: Sequence[Photo]) -> Changes:
        """Make the catalogue's photos those of a scan; results of vanished photos are kept.

        Photos with another date than what is stored for them are read, and known again by what
        is in them.
        """
        table = schema.photos
        with self.reading() as connection:
            kept = contents.known(connection, table.c.folder == self._key)
        found = fingerprinted([photo for photo in photos if contents.may_be_kept(photo, kept)])
        with self.writing() as connection:
            query = select(*_PHOTO, table.c.present).where(table.c.folder == self._key)
            known = {row[0]: tuple(row[1:]) for row in connection.execute(query)}
            wanted = {photo.file: rows.photo_row(photo) for photo in photos}
            changed = [
                {**row, "folder": self._key, "present": True}
                for file, row in wanted.items()
                if known.get(file) != (*tuple(row.values())[1:], True)
            ]
            gone = [f for f, values in known.items() if values[-1] and f not in wanted]
            if changed:
                upsert(connection, table, changed, keys=("folder", "file"))
            if gone:
                absent = update(table).where(
                    table.c.folder == self._key, table.c.file == bindparam("gone")
                )
                connection.execute(absent.values(present=False), [{"gone": f} for f in gone])
            ids = self._photo_ids(connection, [photo for photo, _ in found])
            moved = contents.keep(connection, found, ids=ids)
        if moved:
            log.info("%d photos in %s have new dates and the same content", moved, self.folder)
        return Changes(photos=bool(changed or gone))

    def photos(self) -> list[Photo]:
        """The photos of the last scan, by file name."""
        table = schema.photos
        query = select(*_PHOTO).where(self.here()).order_by(table.c.file)
        reader = rows.Reader(self.folder)
        with self.reading() as connection:
            return [reader.photo(row) for row in connection.execute(query)]

    def results(
        self, model_sha256: str | None = None, *, photos: Iterable[Photo] = ()
    ) -> list[PhotoResult]:
        """One result per photo of the last scan, by file name, without tiles.

        A photo never analysed, or changed since, has status "new". Without ``model_sha256`` each
        photo has the latest result of any model. ``photos`` at hand are used in the answer.
        """
        query = (
            select(*_PHOTO, *_RESULT, *_MODEL)
            .select_from(_joined(model_sha256))
            .where(self.here())
            .order_by(schema.photos.c.file, schema.results.c.created_utc)
        )
        with self.reading() as connection:
            latest = {row[0]: row for row in connection.execute(query)}
        reader = rows.Reader(self.folder, photos=photos)
        return [reader.result(row) for row in latest.values()]

    def pending(self, model_sha256: str) -> list[Photo]:
        """Photos that this model has not seen, or not as they are now, by file name."""
        query = (
            select(*_PHOTO)
            .select_from(_joined(model_sha256))
            .where(self.here(), schema.results.c.photo_id.is_(None))
            .order_by(schema.photos.c.file)
        )
        reader = rows.Reader(self.folder)
        with self.reading() as connection:
            return [reader.photo(row) for row in connection.execute(query)]

    def failed(self, model_sha256: str) -> dict[str, str]:
        """Reason by file for the photos that this model was given, as they are now, in vain."""
        query = (
            select(schema.photos.c.file, schema.results.c.reason)
            .select_from(_joined(model_sha256))
            .where(self.here(), schema.results.c.status == "failed")
            .order_by(schema.photos.c.file)
        )
        with self.reading() as connection:
            return {row[0]: row[1] for row in connection.execute(query)}

    def tiles(self, file: str, model_sha256: str) -> tuple[TilePrediction, ...]:
        """The tiles of one photo's current result; none for a photo analysed whole."""
        result, tile = schema.results.c, schema.tiles.c
        same = and_(tile.photo_id == result.photo_id, tile.model_id == result.model_id)
        query = (
            select(tile.numbers)
            .select_from(_joined(model_sha256).join(schema.tiles, same))
            .where(self.here(), schema.photos.c.file == file, result.status == "done")
        )
        with self.reading() as connection:
            text = connection.execute(query).scalar()
        return () if text is None else rows.read_tiles(text)

    def models(self) -> list[ModelRef]:
        """Models with results in this catalogue, the one last used first."""
        query = (
            select(*_MODEL, schema.results.c.created_utc)
            .select_from(_joined(None))
            .where(self.here(), schema.results.c.photo_id.is_not(None))
            .order_by(schema.results.c.created_utc.desc())
        )
        with self.reading() as connection:
            found = dict.fromkeys((row[0], row[1]) for row in connection.execute(query))
        return [ModelRef(name, sha) for name, sha in found]

    def save(self, results: Sequence[PhotoResult], *, model: ModelRef) -> Changes:
        """Keep outcomes of ``model`` with their tiles in one transaction.

        An earlier outcome of the same model for the same photo is replaced.
        """
        if not results:
            return Changes()
        latest = {result.photo.file: result for result in results}
        with self.storing([result.photo for result in latest.values()]) as (connection, ids):
            model_id = _model_id(connection, model)
            values, tile_values = [], []
            for file, result in latest.items():
                key = {"photo_id": ids[file], "model_id": model_id}
                values.append({**key, **rows.result_row(result)})
                if result.prediction is not None and result.prediction.tiles:
                    text = rows.tiles_text(result.prediction.tiles)
                    tile_values.append({**key, "numbers": text})
            # In one order everywhere, or two desks could wait for each other for ever.
            values.sort(key=lambda row: row["photo_id"])
            upsert(connection, schema.results, values, keys=("photo_id", "model_id"))
            for table in (schema.tiles, schema.evidence):
                _forget(connection, table, values)
            if tile_values:
                connection.execute(insert(schema.tiles), tile_values)
        return Changes(results=tuple(latest))

    def here(self) -> Any:
        """Condition: photos of this folder's last scan."""
        return and_(schema.photos.c.folder == self._key, schema.photos.c.present.is_(True))

    @contextlib.contextmanager
    def storing(self, photos: Sequence[Photo]) -> Iterator[tuple[Connection, dict[str, int]]]:
        """A transaction to store something for ``photos`` in, and the key of each by file.

        What is in their files is kept with it, by which they are known again under another date.
        """
        table = schema.photos
        where = table.c.folder == self._key
        if len(photos) <= CHUNK:
            where = and_(where, table.c.file.in_([photo.file for photo in photos]))
        with self.reading() as connection:
            kept = contents.known(connection, where)
        # Read before the transaction, so that nobody else waits for a slow drive.
        found = fingerprinted([photo for photo in photos if not contents.is_kept(photo, kept)])
        with self.writing() as connection:
            ids = self._photo_ids(connection, photos)
            contents.keep(connection, found, ids=ids)
            yield connection, ids

    def _photo_ids(self, connection: Connection, photos: Sequence[Photo]) -> dict[str, int]:
        """Key of every photo by file; photos that are not known yet are added."""
        table = schema.photos
        files = [photo.file for photo in photos]

        def found() -> dict[str, int]:
            ids: dict[str, int] = {}
            for start in range(0, len(files), CHUNK):
                query = select(table.c.file, table.c.id).where(
                    table.c.folder == self._key, table.c.file.in_(files[start : start + CHUNK])
                )
                ids.update((row[0], row[1]) for row in connection.execute(query))
            return ids

        ids = found()
        missing = [photo for photo in photos if photo.file not in ids]
        if missing:
            values = [
                {**rows.photo_row(p), "folder": self._key, "present": True}
                for p in sorted(missing, key=lambda photo: photo.file)
            ]
            # Another desk may add the same photo at this moment.
            connection.execute(insert_into(connection, table).on_conflict_do_nothing(), values)
            ids = found()
        return ids

    @contextlib.contextmanager
    def reading(self) -> Iterator[Connection]:
        """A connection to read with; errors of the database become DataError."""
        try:
            with self._engine.connect() as connection:
                yield connection
        except SQLAlchemyError as error:
            raise connect.plain(error, "read", self.place) from error

    @contextlib.contextmanager
    def writing(self) -> Iterator[Connection]:
        """A transaction, one at a time; errors of the database become DataError."""
        try:
            with self._writes, connect.writing(self._engine) as connection:
                yield connection
        except SQLAlchemyError as error:
            raise connect.plain(error, "write to", self.place) from error


def _joined(model_sha256: str | None) -> Join:
    """Photos with their current results (the photo unchanged since) and the models."""
    photo, result, model = schema.photos.c, schema.results.c, schema.models.c
    made = schema.results.join(schema.models, model.id == result.model_id)
    current = [
        result.photo_id == photo.id,
        result.size_bytes == photo.size_bytes,
        result.mtime_ns == photo.mtime_ns,
    ]
    if model_sha256 is not None:
        current.append(model.sha256 == model_sha256)
    return schema.photos.outerjoin(made, and_(*current))


def _forget(connection: Connection, table: Table, results: list[dict[str, Any]]) -> None:
    """Delete what belonged to earlier outcomes of the same photos and model."""
    old = delete(table).where(
        table.c.photo_id == bindparam("photo"), table.c.model_id == bindparam("model")
    )
    connection.execute(
        old, [{"photo": row["photo_id"], "model": row["model_id"]} for row in results]
    )


def _model_id(connection: Connection, model: ModelRef) -> int:
    row = {"sha256": model.sha256, "name": model.name}
    upsert(connection, schema.models, [row], keys=("sha256",))
    query = select(schema.models.c.id).where(schema.models.c.sha256 == model.sha256)
    return int(connection.execute(query).scalar_one())
