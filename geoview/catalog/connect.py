"""Opening the database: where it lies, SQLite's settings, a damaged file set aside."""

from __future__ import annotations

import contextlib
import hashlib
import logging
import os
import shutil
import sqlite3
import tempfile
from collections.abc import Callable
from datetime import datetime
from pathlib import Path
from typing import Any

from sqlalchemy import (
    Connection,
    Engine,
    create_engine,
    event,
    insert,
    inspect,
    select,
    text,
    update,
)
from sqlalchemy.exc import ArgumentError, DatabaseError, OperationalError, SQLAlchemyError
from sqlalchemy.pool import QueuePool

from geoview import paths
from geoview.catalog import schema
from geoview.errors import DataError

log = logging.getLogger(__name__)

BUSY_SECONDS = 30.0
# A full check reads the whole file, a second for a gigabyte; larger ones are trusted until a
# page that is read turns out to be damaged.
CHECKED_BYTES = 256 * 2**20


class Unusable(Exception):
    """The file is no catalogue of ours, or a damaged one."""


def place(folder: Path) -> tuple[Path, str]:
    """File of the catalogue for ``folder``, and a notice when it does not lie beside the photos.

    Raises DataError when neither the folder nor the user's data folder can be written.
    """
    beside = folder / ".geoview" / "catalog.db"
    if _writable(beside.parent):
        return beside, ""
    name = hashlib.sha256(os.fsencode(folder.resolve())).hexdigest()[:16]
    own = paths.data_dir() / "catalogs" / name / "catalog.db"
    if not _writable(own.parent):
        raise DataError(
            f"No catalogue can be written in {folder} nor in {own.parent}; free some "
            "space or change the folder's permissions."
        )
    if not own.exists():
        _take_over(beside, own)
    return own, f"{folder} cannot be written; its results are kept in {own.parent}."


def _writable(folder: Path) -> bool:
    try:
        folder.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryFile(dir=folder, prefix=".write-test"):
            return True
    except OSError:
        return False


def _take_over(beside: Path, own: Path) -> None:
    """Start from the catalogue that somebody made before the folder became read-only."""
    for suffix in ("-wal", ""):
        source = Path(f"{beside}{suffix}")
        try:
            if source.is_file():
                shutil.copyfile(source, f"{own}{suffix}")
        except OSError as error:
            log.warning("The catalogue %s could not be copied: %s", source, error)


def open_file(path: Path) -> tuple[Engine, str]:
    """Open or make the SQLite catalogue ``path``; returns it and a notice ("" if all is well).

    A damaged or foreign file is renamed, never deleted. Raises DataError for a catalogue of a
    newer GeoView, a file in use for too long, and a disk that cannot be used.
    """
    before = _identity(path)
    engine = _sqlite(path)
    try:
        _prepare(engine, path, check=before is not None)
        return engine, ""
    except Unusable as error:
        engine.dispose()
        log.warning("Catalogue %s cannot be used: %s", path, error)
    except BaseException:
        engine.dispose()
        raise
    # Another process may have put a good one in its place meanwhile: that one stays.
    aside = _set_aside(path) if _identity(path) == before else None
    engine = _sqlite(path)
    try:
        _prepare(engine, path, check=False)
    except Unusable as error:
        engine.dispose()
        raise DataError(
            f"The catalogue {path} cannot be used ({error}); rename or move it and "
            "open the folder again."
        ) from error
    kept = f" and was kept as {aside.name}" if aside else ""
    return engine, f"The catalogue {path} was damaged{kept}; a new one was started."


def open_url(url: str) -> Engine:
    """Open a catalogue on a database server. Raises DataError."""
    try:
        engine = create_engine(url, pool_pre_ping=True)
    except (ArgumentError, ImportError) as error:
        raise DataError(
            f"The catalogue's database address cannot be used ({_brief(error)}); "
            "give one such as postgresql+psycopg://user@host/name."
        ) from error
    shown = engine.url.render_as_string(hide_password=True)
    if engine.dialect.name not in ("sqlite", "postgresql"):
        raise DataError(f"The catalogue at {shown} cannot be used; only SQLite and PostgreSQL can.")
    if engine.dialect.name == "sqlite":
        _tune(engine)
    try:
        _prepare(engine, shown, check=False)
    except Unusable as error:
        engine.dispose()
        raise DataError(
            f"The database {shown} is no GeoView catalogue ({error}); give an empty one."
        ) from error
    return engine


def _sqlite(path: Path) -> Engine:
    def connect() -> sqlite3.Connection:
        # Given as a function because an address cannot hold every file name.
        return sqlite3.connect(path, timeout=BUSY_SECONDS, check_same_thread=False)

    engine = create_engine("sqlite://", creator=connect, poolclass=QueuePool)
    _tune(engine)
    return engine


def _tune(engine: Engine) -> None:
    """WAL, foreign keys, and transactions that wait for their turn instead of failing."""

    @event.listens_for(engine, "connect")
    def on_connect(connection: sqlite3.Connection, _record: object) -> None:
        connection.isolation_level = None
        cursor = connection.cursor()
        cursor.execute(f"PRAGMA busy_timeout={int(BUSY_SECONDS * 1000)}")
        cursor.execute("PRAGMA foreign_keys=ON")
        cursor.execute("PRAGMA synchronous=NORMAL")
        cursor.close()

    @event.listens_for(engine, "begin")
    def on_begin(connection: Connection) -> None:
        writes = connection.get_execution_options().get("geoview_writes", False)
        connection.exec_driver_sql("BEGIN IMMEDIATE" if writes else "BEGIN")


def _prepare(engine: Engine, place: Path | str, *, check: bool) -> None:
    """Check the schema, or make it in an empty database. Raises Unusable, DataError."""
    try:
        if check and _small(place):
            _check_pages(engine)
        with writing(engine) as connection:
            _check_or_make(connection, place)
        if engine.dialect.name == "sqlite":
            _write_ahead(engine)
    except (OperationalError, sqlite3.OperationalError) as error:
        raise DataError(
            f"The catalogue {place} cannot be used now ({_brief(error)}); check the disk "
            "or the connection, and close other programs that use it."
        ) from error
    except (DatabaseError, sqlite3.DatabaseError) as error:
        raise Unusable(_brief(error)) from error


def writing(engine: Engine) -> Any:
    """A transaction that takes the write lock at once (SQLite), committed on leaving."""
    return engine.execution_options(geoview_writes=True).begin()


def _small(place: Path | str) -> bool:
    return isinstance(place, Path) and place.stat().st_size <= CHECKED_BYTES


def _check_pages(engine: Engine) -> None:
    with contextlib.closing(engine.raw_connection()) as raw:
        answer = raw.cursor().execute("PRAGMA quick_check(1)").fetchone()
    if answer is None or answer[0] != "ok":
        raise Unusable(str(answer[0] if answer else "no answer"))


def _write_ahead(engine: Engine) -> None:
    """Let readers and a writer work at once, where the drive can (some network drives cannot)."""
    with contextlib.closing(engine.raw_connection()) as raw:
        try:
            raw.cursor().execute("PRAGMA journal_mode=WAL")
        except sqlite3.OperationalError as error:
            log.info("No write-ahead log: %s", error)


def _check_or_make(connection: Connection, place: Path | str) -> None:
    if connection.dialect.name == "postgresql":
        # Two desks that start on an empty database take turns here.
        connection.execute(text("SELECT pg_advisory_xact_lock(20250914)"))
    names = set(inspect(connection).get_table_names())
    if schema.about.name not in names:
        if names:
            raise Unusable("it holds tables of another program")
        schema.metadata.create_all(connection)
        connection.execute(insert(schema.about).values(key="schema", value=str(schema.VERSION)))
        return
    query = select(schema.about.c.value).where(schema.about.c.key == "schema")
    found = connection.execute(query).scalar()
    if found is None or not found.isdigit():
        raise Unusable("its tables are incomplete")
    if int(found) < schema.VERSION:
        # So far every version only added tables.
        schema.metadata.create_all(connection)
        stated = update(schema.about).where(schema.about.c.key == "schema")
        connection.execute(stated.values(value=str(schema.VERSION)))
        return
    if int(found) == schema.VERSION and not set(schema.metadata.tables) <= names:
        raise Unusable("its tables are incomplete")
    if int(found) > schema.VERSION:
        raise DataError(
            f"The catalogue {place} was made by a newer GeoView (schema {found}, this "
            f"one reads {schema.VERSION}); update GeoView to open it."
        )


def _identity(path: Path) -> tuple[int, int] | None:
    try:
        found = path.stat()
    except OSError:
        return None
    return found.st_dev, found.st_ino


def _set_aside(path: Path, *, now: Callable[[], datetime] = datetime.now) -> Path:
    """Rename the file and its journals to a free name beside it."""
    stamp = now().strftime("%Y%m%d-%H%M%S")
    aside = path.with_name(f"catalog.broken-{stamp}.db")
    number = 2
    while aside.exists():
        aside = path.with_name(f"catalog.broken-{stamp}-{number}.db")
        number += 1
    try:
        path.rename(aside)
        for suffix in ("-wal", "-shm"):
            journal = Path(f"{path}{suffix}")
            if journal.exists():
                journal.rename(f"{aside}{suffix}")
    except OSError as error:
        raise DataError(
            f"The damaged catalogue {path} cannot be renamed ({error.strerror}); "
            "close other programs that use it."
        ) from error
    return aside


def _brief(error: BaseException) -> str:
    """The driver's own words, without SQLAlchemy's statement and link."""
    cause = getattr(error, "orig", None) or error
    return str(cause).splitlines()[0] if str(cause) else type(cause).__name__


def plain(error: SQLAlchemyError, doing: str, place: str) -> DataError:
    """The error of a running catalogue in one sentence."""
    words = _brief(error)
    if "full" in words:
        advice = "free some space and run again; finished photos are kept"
    elif "malformed" in words or "not a database" in words:
        advice = "rename that file and open the folder again"
    elif "locked" in words:
        advice = "close other programs that use it and run again"
    else:
        advice = "check the disk or the connection and run again; finished photos are kept"
    return DataError(f"Could not {doing} the catalogue {place} ({words}); {advice}.")
