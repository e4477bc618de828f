"""Measurements in the catalogue: a list of steps per photo that is only ever added to.

The newest live step of a photo holds, as long as the photo is unchanged since. Undo and redo
move a person's own corrections between "live" and "undone", those made together in one
go; everything stays in the history.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal

from sqlalchemy import Connection, Select, and_, insert, select, update

from geoview.catalog import schema
from geoview.catalog.measurement_rows import (
    MEASUREMENT_COLUMNS,
    measurement_row,
    read_measurement,
)
from geoview.catalog.statements import CHUNK
from geoview.catalog.store import Catalog
from geoview.measured import Measurement, MeasureStatus
from geoview.records import Changes, Photo

State = Literal["live", "undone", "dropped"]
_STEP, _PHOTO = schema.measurements.c, schema.photos.c
_NUMBERS = [_STEP[name] for name in MEASUREMENT_COLUMNS]


@dataclass(frozen=True, slots=True)
class Step:
    """One entry of a photo's history: who (``measurement.user``, empty for the program), when
    (``created_utc``), by which method and version, and whether it ``holds`` now.

    ``made_with`` names the settings of an automatic measurement; ``unchanged`` is False when the
    photo has been replaced since.
    """

    measurement: Measurement
    state: State
    made_with: str
    holds: bool
    unchanged: bool


class Measurements:
    """The measurements of one folder. Safe from any thread; raises DataError like ``Catalog``."""

    def __init__(self, catalog: Catalog) -> None:
        self._catalog = catalog

    def current(
        self,
        *,
        outlines: bool = True,
        corrected: bool = False,
        status: MeasureStatus | None = None,
    ) -> dict[str, Measurement]:
        """What holds of every photo of the last scan that was measured, by file; only where it is
        a person's if ``corrected``, and with this ``status``.

        Without ``outlines`` the outlines are left empty, which is many times quicker.
        """
        columns = [_PHOTO.file, *_NUMBERS, *([_STEP.outline] if outlines else [])]
        end = 1 + len(_NUMBERS)
        query = self._holding(*columns)
        if corrected:
            query = query.where(_STEP.user != "")
        if status is not None:
            query = query.where(_STEP.status == status)
        with self._catalog.reading() as connection:
            return {
                row[0]: read_measurement(row[0], row[1:end], *row[end:])
                for row in connection.execute(query)
            }

    def one(self, file: str) -> Measurement | None:
        """What holds of one photo, with its outline."""
        query = self._holding(*_NUMBERS, _STEP.outline).where(_PHOTO.file == file)
        with self._catalog.reading() as connection:
            row = connection.execute(query).first()
        return None if row is None else read_measurement(file, row[:-1], row[-1])

    def made_with(self) -> dict[str, str]:
        """The settings of every photo's latest automatic measurement that is still current.

        A photo whose holding step is a person's has "" instead.
        """
        steps = self._fresh(_PHOTO.file, _STEP.made_with).order_by(_STEP.id)
        persons = self._holding(_PHOTO.file).where(_STEP.user != "")
        with self._catalog.reading() as connection:
            found = {r[0]: r[1] for r in connection.execute(steps.where(_STEP.user == ""))}
            return found | {row[0]: "" for row in connection.execute(persons)}

    def add(
        self,
        measured: Iterable[tuple[Photo, Measurement]],
        *,
        made_with: str,
        over_corrections: bool = False,
    ) -> list[Measurement]:
        """Keep measurements in one transaction; returns those that now hold.

        Where a person's correction holds, it stays, and the measurement is left out, unless they
        are to go ``over_corrections``. Measurements with a ``user`` count as that person's
        corrections, and those with the same ``made_with`` as made together.
        """
        pairs = list(measured)
        with self._catalog.storing([photo for photo, _ in pairs]) as (connection, ids):
            files = [photo.file for photo, _ in pairs]
            protected = set() if over_corrections else self._corrected(connection, files)
            kept = [(p, m) for p, m in pairs if p.file not in protected]
            for user in {m.user for _, m in kept if m.user}:
                self._drop_undone(connection, user)
            _insert(connection, ids, kept, made_with=made_with)
        return [measurement for _, measurement in kept]

    def correct(self, photo: Photo, measurement: Measurement) -> Changes:
        """Keep a person's correction as a new step; what that person had undone is dropped."""
        if not measurement.user:
            raise ValueError("a correction needs the name of who made it")
        with self._catalog.storing([photo]) as (connection, ids):
            self._drop_undone(connection, measurement.user)
            _insert(connection, ids, [(photo, measurement)], made_with="")
        return Changes(results=(photo.file,))

    def undo(self, user: str) -> tuple[str, ...]:
        """Take back this person's newest correction that still holds; the files it concerned."""
        return self._move(self._undoable, user, to="undone")

    def redo(self, user: str) -> tuple[str, ...]:
        """Bring back what this person undid last; the files it concerned."""
        return self._move(self._redoable, user, to="live")

    def can_undo(self, user: str) -> bool:
        return self._first(self._undoable(user)) is not None

    def can_redo(self, user: str) -> bool:
        return self._first(self._redoable(user)) is not None

    def history(self, file: str) -> list[Step]:
        """Every step of a photo, oldest first, undone and dropped ones too, without outlines."""
        query = (
            select(*_NUMBERS, _STEP.state, _STEP.made_with, and_(*_unchanged(_STEP)), _STEP.id)
            .select_from(_JOINED)
            .where(self._catalog.here(), _PHOTO.file == file)
            .order_by(_STEP.id)
        )
        with self._catalog.reading() as connection:
            rows = list(connection.execute(query))
        holding = max((row[-1] for row in rows if row[-4] == "live" and row[-2]), default=None)
        return [
            Step(read_measurement(file, row[:-4]), row[-4], row[-3], row[-1] == holding, row[-2])
            for row in rows
        ]

    def _fresh(self, *columns: Any) -> Select[Any]:
        """Live steps of photos of the last scan that are unchanged since."""
        return (
            select(*columns)
            .select_from(_JOINED)
            .where(self._catalog.here(), _STEP.state == "live", *_unchanged(_STEP))
        )

    def _holding(self, *columns: Any) -> Select[Any]:
        """The newest of them for every photo."""
        return self._fresh(*columns).where(~_newer())

    def _undoable(self, user: str) -> Select[Any]:
        mine = self._holding(_STEP.id, _PHOTO.file, _STEP.made_with).where(_STEP.user == user)
        return mine.order_by(_STEP.id.desc()).limit(1)

    def _redoable(self, user: str) -> Select[Any]:
        """The oldest undone step of this person that would hold again: nothing live came after."""
        return (
            select(_STEP.id, _PHOTO.file, _STEP.made_with)
            .select_from(_JOINED)
            .where(
                self._catalog.here(),
                _STEP.state == "undone",
                _STEP.user == user,
                *_unchanged(_STEP),
                ~_newer(),
            )
            .order_by(_STEP.id)
            .limit(1)
        )

    def _first(self, query: Select[Any]) -> Any:
        with self._catalog.reading() as connection:
            return connection.execute(query).first()

    def _move(
        self, which: Callable[[str], Select[Any]], user: str, *, to: State
    ) -> tuple[str, ...]:
        with self._catalog.writing() as connection:
            row = connection.execute(which(user)).first()
            if row is None:
                return ()
            steps = [row]
            if together := row[2]:
                state: State = "live" if to == "undone" else "undone"
                query = select(_STEP.id, _PHOTO.file).select_from(_JOINED)
                same = (_STEP.state == state, _STEP.user == user, _STEP.made_with == together)
                steps = list(connection.execute(query.where(self._catalog.here(), *same)))
            _set_state(connection, [step[0] for step in steps], to)
        return tuple(str(step[1]) for step in steps)

    def _drop_undone(self, connection: Connection, user: str) -> None:
        mine = select(_PHOTO.id).where(self._catalog.here())
        undone = and_(_STEP.state == "undone", _STEP.user == user, _STEP.photo_id.in_(mine))
        connection.execute(update(schema.measurements).where(undone).values(state="dropped"))

    def _corrected(self, connection: Connection, files: Sequence[str]) -> set[str]:
        """Those of ``files`` where a person's correction holds."""
        found: set[str] = set()
        for start in range(0, len(files), CHUNK):
            some = _PHOTO.file.in_(files[start : start + CHUNK])
            query = self._holding(_PHOTO.file).where(_STEP.user != "", some)
            found.update(row[0] for row in connection.execute(query))
        return found


_JOINED = schema.measurements.join(schema.photos, _PHOTO.id == _STEP.photo_id)


def _insert(
    connection: Connection,
    ids: Mapping[str, int],
    pairs: Sequence[tuple[Photo, Measurement]],
    *,
    made_with: str,
) -> None:
    rows = [
        {
            "photo_id": ids[photo.file],
            "state": "live",
            **measurement_row(measurement, photo, made_with=made_with),
        }
        for photo, measurement in pairs
    ]
    if rows:
        connection.execute(insert(schema.measurements), rows)


def _unchanged(step: Any) -> tuple[Any, Any]:
    """Conditions: the photo is as it was when the step was made."""
    return step.size_bytes == _PHOTO.size_bytes, step.mtime_ns == _PHOTO.mtime_ns


def _newer() -> Any:
    """Condition: a later live step of the same, unchanged photo."""
    later = schema.measurements.alias("later").c
    newer = (
        later.photo_id == _STEP.photo_id,
        later.id > _STEP.id,
        later.state == "live",
        *_unchanged(later),
    )
    return select(later.id).where(*newer).correlate(schema.measurements, schema.photos).exists()


def _set_state(connection: Connection, ids: Sequence[int], state: State) -> None:
    for start in range(0, len(ids), CHUNK):
        step = update(schema.measurements).where(_STEP.id.in_(ids[start : start + CHUNK]))
        connection.execute(step.values(state=state))
