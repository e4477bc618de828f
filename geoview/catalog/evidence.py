"""What the evidence audit found, kept with the result it belongs to and gone with it."""

from __future__ import annotations

import json
from collections.abc import Iterable
from typing import Any

from sqlalchemy import Select, and_, delete, insert, select

from geoview.catalog import schema
from geoview.catalog.store import Catalog
from geoview.records import Changes, EvidenceAudit, ModelRef, PlaceEvidence

_EVIDENCE, _RESULT = schema.evidence.c, schema.results.c
_PHOTO, _MODEL = schema.photos.c, schema.models.c
_CHUNK = 300


class Evidence:
    """The audits of one folder. Safe from any thread; raises DataError like ``Catalog``.

    An audit counts only while its result does: a photo that has changed, or was analysed again,
    has none.
    """

    def __init__(self, catalog: Catalog) -> None:
        self._catalog = catalog

    def of(self, model: ModelRef) -> dict[str, EvidenceAudit]:
        """The audit of every photo of the last scan that has one, by file."""
        query = self._current(model, _EVIDENCE.numbers).join(schema.evidence, _SAME)
        with self._catalog.reading() as connection:
            return {row[0]: _read(row[0], model, row[1]) for row in connection.execute(query)}

    def warnings(self, model: ModelRef) -> dict[str, str]:
        """The warning of every audited photo by file, "" where all is well; many times quicker."""
        query = self._current(model, _EVIDENCE.warning).join(schema.evidence, _SAME)
        with self._catalog.reading() as connection:
            return {row[0]: row[1] for row in connection.execute(query)}

    def save(self, audits: Iterable[EvidenceAudit], *, model: ModelRef) -> Changes:
        """Keep audits of results of ``model`` in one transaction, instead of earlier ones.

        An audit whose result does not count any more is left out.
        """
        wanted = {audit.file: audit for audit in audits}
        if not wanted:
            return Changes()
        values = []
        with self._catalog.writing() as connection:
            files = list(wanted)
            for start in range(0, len(files), _CHUNK):
                part = files[start : start + _CHUNK]
                query = self._current(model, _RESULT.photo_id, _RESULT.model_id)
                for file, photo, number in connection.execute(query.where(_PHOTO.file.in_(part))):
                    values.append(_row(wanted[file], photo=photo, model=number))
            values.sort(key=lambda row: int(row["photo_id"]))
            for row in values:
                connection.execute(delete(schema.evidence).where(_same_as(row)))
            if values:
                connection.execute(insert(schema.evidence), values)
        return Changes(results=tuple(wanted))

    def _current(self, model: ModelRef, *columns: Any) -> Select[Any]:
        """Files and ``columns`` of the results of a model that count now."""
        counts = and_(
            _RESULT.photo_id == _PHOTO.id,
            _RESULT.size_bytes == _PHOTO.size_bytes,
            _RESULT.mtime_ns == _PHOTO.mtime_ns,
            _RESULT.status == "done",
        )
        return (
            select(_PHOTO.file, *columns)
            .select_from(schema.photos)
            .join(schema.results, counts)
            .join(schema.models, _MODEL.id == _RESULT.model_id)
            .where(self._catalog.here(), _MODEL.sha256 == model.sha256)
        )


_SAME = and_(
    _EVIDENCE.photo_id == _RESULT.photo_id,
    _EVIDENCE.model_id == _RESULT.model_id,
)


def _same_as(row: dict[str, Any]) -> Any:
    return and_(_EVIDENCE.photo_id == row["photo_id"], _EVIDENCE.model_id == row["model_id"])


def _row(audit: EvidenceAudit, *, photo: int, model: int) -> dict[str, Any]:
    numbers = {
        "method": audit.method,
        "app_version": audit.app_version,
        "created_utc": audit.created_utc,
        "places": [
            (one.class_name, one.place, float(one.evidence), float(one.area), one.warns)
            for one in audit.places
        ],
    }
    text = json.dumps(numbers, separators=(",", ":"))
    return {"photo_id": photo, "model_id": model, "warning": audit.warning, "numbers": text}


def _read(file: str, model: ModelRef, text: str) -> EvidenceAudit:
    numbers = json.loads(text)
    return EvidenceAudit(
        file=file,
        model=model,
        method=numbers["method"],
        places=tuple(PlaceEvidence(*place) for place in numbers["places"]),
        app_version=numbers["app_version"],
        created_utc=numbers["created_utc"],
    )
