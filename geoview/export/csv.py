"""Comma-separated values: the contract that other programs rely on.

UTF-8 without a mark, comma, newline ``\\n``, fields quoted only where they must be. Numbers are
written in full, never rounded; what is not known is empty. A photo that failed keeps its row.
"""

from __future__ import annotations

import csv
from collections.abc import Iterator, Sequence
from pathlib import Path

import geoview
from geoview import files
from geoview.export.registry import Table, exporter
from geoview.records import (
    CANNOT_TELL,
    LayerAssignment,
    PhotoResult,
    Prediction,
    TilePrediction,
)

Row = list[str]


@exporter("csv", title="Results per photo (CSV)", suffix=".csv")
def write_photos(path: Path, table: Table) -> None:
    """One row per photo: ``file, depth_m, status, reason, dominant, p_<class>…,
    area_pct_<class>…, layer, p_layer_<name>…, model, model_sha256, app_version,
    evidence_warning``; the last is empty also for a photo whose evidence was not audited.
    """
    _write(path, photo_rows(table))


@exporter("tiles-csv", title="Results per tile (CSV)", suffix=".csv")
def write_tiles(path: Path, table: Table) -> None:
    """One row per tile: ``file, tile_row, tile_col, p_<class>…, layer, p_layer_<name>…``.

    A photo that was analysed whole is one tile, row 0 and column 0.
    """
    _write(path, tile_rows(table))


def photo_rows(table: Table) -> Iterator[Row]:
    """Header and rows of the table of photos, as text."""
    yield [
        "file", "depth_m", "status", "reason", "dominant",
        *(f"p_{name}" for name in table.classes),
        *(f"area_pct_{name}" for name in table.classes),
        "layer",
        *(f"p_layer_{name}" for name in table.layers),
        "model", "model_sha256", "app_version", "evidence_warning",
    ]  # fmt: skip
    for result in table.results:
        numbers = _numbers(result.prediction, table)
        yield [*_head(result), *numbers, *_source(result, table), result.evidence_warning]


def tile_rows(table: Table) -> Iterator[Row]:
    """Header and rows of the table of tiles, as text."""
    yield [
        "file", "tile_row", "tile_col",
        *(f"p_{name}" for name in table.classes),
        "layer",
        *(f"p_layer_{name}" for name in table.layers),
    ]  # fmt: skip
    for result in table.results:
        prediction = result.prediction
        if prediction is None:
            continue
        tiles = prediction.tiles
        if not tiles and table.tiles is not None:
            tiles = table.tiles(result.photo.file)
        for tile in tiles or (_whole(prediction),):
            yield [
                result.photo.file,
                str(tile.row),
                str(tile.col),
                *_named(table.classes, prediction.classes, tile.probabilities),
                *_layer(tile.layer, table),
            ]


def _head(result: PhotoResult) -> Row:
    photo, prediction = result.photo, result.prediction
    dominant = "" if prediction is None else prediction.dominant or CANNOT_TELL
    return [photo.file, _number(photo.depth_m), result.status, result.reason, dominant]


def _numbers(prediction: Prediction | None, table: Table) -> Row:
    if prediction is None:
        return [""] * (2 * len(table.classes) + 1 + len(table.layers))
    return [
        *_named(table.classes, prediction.classes, prediction.probabilities),
        *_named(table.classes, prediction.classes, prediction.area_pct),
        *_layer(prediction.layer, table),
    ]


def _layer(layer: LayerAssignment | None, table: Table) -> Row:
    if layer is None:
        return [""] * (1 + len(table.layers))
    return [layer.best, *_named(table.layers, layer.names, layer.probabilities)]


def _source(result: PhotoResult, table: Table) -> Row:
    """Model and program; empty for a photo that no model has seen."""
    if result.status == "new":
        return ["", "", ""]
    if result.prediction is None:
        return [table.model.name, table.model.sha256, geoview.__version__]
    made = result.prediction
    return [made.model.name, made.model.sha256, made.app_version]


def _named(columns: Sequence[str], names: Sequence[str], values: Sequence[float] | None) -> Row:
    known = dict(zip(names, values, strict=True)) if values is not None else {}
    return [_number(known.get(column)) for column in columns]


def _number(value: float | None) -> str:
    return "" if value is None else repr(float(value))


def _whole(prediction: Prediction) -> TilePrediction:
    box = (0.0, 0.0, float(prediction.width_px), float(prediction.height_px))
    return TilePrediction(
        0, 0, box, prediction.probabilities, prediction.area_pct, prediction.layer
    )


def _write(path: Path, rows: Iterator[Row]) -> None:
    # A name whose bytes are no UTF-8 is written with its odd bytes as \udcXX.
    with (
        files.replacing(path) as temporary,
        temporary.open("w", encoding="utf-8", errors="backslashreplace", newline="") as stream,
    ):
        csv.writer(stream, lineterminator="\n").writerows(rows)
