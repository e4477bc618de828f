"""Records to rows and back; floats are written in full and come back the same."""

from __future__ import annotations

import json
from collections.abc import Iterable, Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import geoview
from geoview.records import (
    LayerAssignment,
    ModelRef,
    Photo,
    PhotoResult,
    Prediction,
    TilePrediction,
)

PHOTO_COLUMNS = ("file", "size_bytes", "mtime_ns", "well", "depth_m", "sample")
RESULT_COLUMNS = (
    "status", "reason", "dominant", "width_px", "height_px",
    "device", "precision", "app_version", "created_utc", "numbers",
)  # fmt: skip


def now_utc() -> str:
    return datetime.now(UTC).isoformat(timespec="seconds")


def photo_row(photo: Photo) -> dict[str, Any]:
    return {name: getattr(photo, name) for name in PHOTO_COLUMNS}


def result_row(result: PhotoResult) -> dict[str, Any]:
    """Columns of ``results`` but for the two keys."""
    photo, prediction = result.photo, result.prediction
    row = {
        "size_bytes": photo.size_bytes,
        "mtime_ns": photo.mtime_ns,
        "status": result.status,
        "reason": result.reason,
        "layer": None,
        **dict.fromkeys(RESULT_COLUMNS[2:7]),
        "app_version": geoview.__version__,
        "created_utc": now_utc(),
        "numbers": None,
    }
    if prediction is None:
        return row
    own = ("dominant", *RESULT_COLUMNS[3:9])
    row.update({name: getattr(prediction, name) for name in own})
    row["layer"] = prediction.layer.best if prediction.layer else None
    row["numbers"] = _numbers(prediction)
    return row


def _numbers(prediction: Prediction) -> str:
    layer = prediction.layer
    return json.dumps(
        {
            "classes": prediction.classes,
            "p": _floats(prediction.probabilities),
            "thresholds": _floats(prediction.thresholds),
            "area_pct": _floats(prediction.area_pct),
            "layers": layer.names if layer else None,
            "p_layer": _floats(layer.probabilities) if layer else None,
            "multi_label": prediction.multi_label,
        },
        separators=(",", ":"),
    )


def _floats(values: Sequence[float] | None) -> list[float] | None:
    return None if values is None else [float(value) for value in values]


def _tuple(values: list[float] | None) -> tuple[float, ...] | None:
    return None if values is None else tuple(values)


def tiles_text(tiles: Sequence[TilePrediction]) -> str:
    layers = next((tile.layer.names for tile in tiles if tile.layer), None)
    return json.dumps(
        {
            "layers": layers,
            "tiles": [
                (
                    tile.row,
                    tile.col,
                    _floats(tile.box_xyxy),
                    _floats(tile.probabilities),
                    _floats(tile.area_pct),
                    _floats(tile.layer.probabilities) if tile.layer else None,
                )
                for tile in tiles
            ],
        },
        separators=(",", ":"),
    )


def read_tiles(text: str) -> tuple[TilePrediction, ...]:
    data = json.loads(text)
    layers = tuple(data["layers"] or ())
    return tuple(
        TilePrediction(
            row=row,
            col=col,
            box_xyxy=(box[0], box[1], box[2], box[3]),
            probabilities=tuple(p),
            area_pct=_tuple(area_pct),
            layer=LayerAssignment(layers, tuple(p_layer)) if p_layer else None,
        )
        for row, col, box, p, area_pct, p_layer in data["tiles"]
    )


class Reader:
    """Rows of one query to records; equal tuples and model references are shared.

    ``photos`` that are at hand are used instead of making equal ones.
    """

    def __init__(self, folder: Path, *, photos: Iterable[Photo] = ()) -> None:
        self._folder = folder
        self._photos = {photo.file: photo for photo in photos}
        self._names: dict[tuple[str, ...], tuple[str, ...]] = {}
        self._thresholds: dict[tuple[float, ...], tuple[float, ...]] = {}
        self._models: dict[tuple[str, str], ModelRef] = {}

    def photo(self, row: Sequence[Any]) -> Photo:
        """A row of ``PHOTO_COLUMNS``."""
        file, size_bytes, mtime_ns, well, depth_m, sample = row
        known = self._photos.get(file)
        if known is not None and (known.size_bytes, known.mtime_ns) == (size_bytes, mtime_ns):
            return known
        return Photo(self._folder / file, file, size_bytes, mtime_ns, well, depth_m, sample)

    def result(self, row: Sequence[Any]) -> PhotoResult:
        """A row of ``PHOTO_COLUMNS``, ``RESULT_COLUMNS``, model name, model hash."""
        photo = self.photo(row[:6])
        status, reason = row[6], row[7]
        if status != "done":
            return PhotoResult(photo, None, reason or "")
        return PhotoResult(photo, self._prediction(row), reason or "")

    def _prediction(self, row: Sequence[Any]) -> Prediction:
        dominant, width_px, height_px, device, precision, version, created, text, name, sha = row[
            8:
        ]
        numbers = json.loads(text)
        layer = None
        if numbers["layers"]:
            layer = LayerAssignment(self._shared(numbers["layers"]), tuple(numbers["p_layer"]))
        thresholds = tuple(numbers["thresholds"])
        model = self._models.setdefault((name, sha), ModelRef(name, sha))
        return Prediction(
            classes=self._shared(numbers["classes"]),
            probabilities=tuple(numbers["p"]),
            thresholds=self._thresholds.setdefault(thresholds, thresholds),
            dominant=dominant,
            width_px=width_px,
            height_px=height_px,
            model=model,
            app_version=version,
            created_utc=created,
            device=device,
            precision=precision,
            area_pct=_tuple(numbers["area_pct"]),
            layer=layer,
            multi_label=numbers["multi_label"],
        )

    def _shared(self, names: list[str]) -> tuple[str, ...]:
        key = tuple(names)
        return self._names.setdefault(key, key)
