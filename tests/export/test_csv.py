"""The CSV contract: columns in order, numbers in full, a row for every photo."""

from __future__ import annotations

import csv
from dataclasses import replace
from pathlib import Path

import pytest
from fakes import CLASSES, LAYERS, MODEL, photo, prediction

import geoview
from geoview.export import EXPORTERS, Table, table_of, write_photos, write_tiles
from geoview.records import PhotoResult

HEADER = [
    "file", "depth_m", "status", "reason", "dominant",
    "p_sandstone", "p_shale", "p_lime, stone",
    "area_pct_sandstone", "area_pct_shale", "area_pct_lime, stone",
    "layer", "p_layer_Layer1", "p_layer_Layer2",
    "model", "model_sha256", "app_version", "evidence_warning",
]  # fmt: skip


def read(path: Path) -> tuple[list[str], list[dict[str, str]]]:
    with path.open(encoding="utf-8", newline="") as stream:
        reader = csv.DictReader(stream)
        return list(reader.fieldnames or []), list(reader)


def table(*results: PhotoResult) -> Table:
    return table_of(results, model=MODEL, classes=CLASSES, layers=LAYERS)


def test_columns_and_unrounded_numbers(tmp_path: Path) -> None:
    result = PhotoResult(photo("deep/Größe, [1].jpg"), prediction(seed=0.3))
    write_photos(tmp_path / "out.csv", table(result))
    header, (row,) = read(tmp_path / "out.csv")
    assert header == HEADER
    assert row["file"] == "deep/Größe, [1].jpg"
    assert row["depth_m"] == "20.25"
    assert (row["status"], row["reason"], row["dominant"]) == ("done", "", "sandstone")
    whole = result.prediction
    assert whole is not None
    assert whole.area_pct is not None
    for name, p, area in zip(CLASSES, whole.probabilities, whole.area_pct, strict=True):
        assert float(row[f"p_{name}"]) == p
        assert float(row[f"area_pct_{name}"]) == area
    assert row["layer"] == "Layer2"
    assert float(row["p_layer_Layer1"]) == 1 / 3
    assert (row["model"], row["model_sha256"]) == (MODEL.name, MODEL.sha256)
    assert row["app_version"] == "0.0.9"


def test_failed_and_unseen_photos_keep_their_rows(tmp_path: Path) -> None:
    failed = PhotoResult(replace(photo("bad.jpg"), depth_m=None), None, "the file is empty")
    unseen = PhotoResult(photo("new.jpg"), None)
    write_photos(tmp_path / "out.csv", table(failed, unseen))
    header, rows = read(tmp_path / "out.csv")
    assert header == HEADER
    first, second = rows
    assert (first["status"], first["reason"]) == ("failed", "the file is empty")
    numbers = [n for n in HEADER if n.startswith(("p_", "area_")) or n in ("layer", "depth_m")]
    assert [first[name] for name in numbers] == [""] * len(numbers)
    assert (first["dominant"], first["model"]) == ("", "fake")
    assert first["app_version"] == geoview.__version__
    assert (second["status"], second["model_sha256"], second["app_version"]) == ("new", "", "")


def test_nothing_above_its_threshold_is_cannot_tell(tmp_path: Path) -> None:
    unsure = replace(prediction(), dominant=None)
    write_photos(tmp_path / "out.csv", table(PhotoResult(photo("a.jpg"), unsure)))
    _, (row,) = read(tmp_path / "out.csv")
    assert (row["status"], row["dominant"]) == ("done", "cannot tell")


def test_a_model_without_layers_and_areas(tmp_path: Path) -> None:
    bare = replace(prediction(), layer=None, area_pct=None)
    one = table_of([PhotoResult(photo("a.jpg"), bare)], model=MODEL)
    write_photos(tmp_path / "out.csv", one)
    header, (row,) = read(tmp_path / "out.csv")
    assert header == [name for name in HEADER if not name.startswith("p_layer_")]
    assert (row["area_pct_shale"], row["layer"]) == ("", "")


def test_one_row_per_tile(tmp_path: Path) -> None:
    tiled = PhotoResult(photo("a.jpg"), prediction(tiles=3))
    light = PhotoResult(photo("b.jpg"), prediction(tiles=0))
    failed = PhotoResult(photo("bad.jpg"), None, "the file is empty")
    kept = {"b.jpg": prediction(tiles=2).tiles}
    whole = table_of([tiled, light, failed], model=MODEL, tiles=lambda f: kept.get(f, ()))
    write_tiles(tmp_path / "tiles.csv", whole)
    header, rows = read(tmp_path / "tiles.csv")
    assert header == [
        "file", "tile_row", "tile_col", *HEADER[5:8], "layer", "p_layer_Layer1", "p_layer_Layer2",
    ]  # fmt: skip
    assert [(r["file"], r["tile_row"], r["tile_col"]) for r in rows] == [
        ("a.jpg", "0", "0"), ("a.jpg", "0", "1"), ("a.jpg", "0", "2"),
        ("b.jpg", "0", "0"), ("b.jpg", "0", "1"),
    ]  # fmt: skip
    assert float(rows[0]["p_shale"]) == prediction().probabilities[1]
    assert rows[0]["layer"] == "Layer2"


def test_a_photo_analysed_whole_is_one_tile(tmp_path: Path) -> None:
    write_tiles(tmp_path / "t.csv", table(PhotoResult(photo("a.jpg"), prediction(tiles=0))))
    _, rows = read(tmp_path / "t.csv")
    assert [(r["tile_row"], r["tile_col"]) for r in rows] == [("0", "0")]


def test_a_failing_write_leaves_the_old_file(tmp_path: Path) -> None:
    target = tmp_path / "out.csv"
    target.write_text("precious")
    light = PhotoResult(photo("a.jpg"), prediction(tiles=0))

    def broken(file: str) -> tuple[()]:
        raise OSError(5, "the share died")

    with pytest.raises(OSError, match="share died"):
        write_tiles(target, table_of([light], model=MODEL, tiles=broken))
    assert target.read_text() == "precious"
    assert list(tmp_path.iterdir()) == [target]


def test_plain_utf8_with_newlines_of_one_character(tmp_path: Path) -> None:
    odd = b"\xff.jpg".decode("utf-8", "surrogateescape")
    results = [PhotoResult(photo(name), prediction()) for name in ("ä\n.jpg", odd)]
    write_photos(tmp_path / "out.csv", table(*results))
    data = (tmp_path / "out.csv").read_bytes()
    assert data.decode("utf-8").startswith("file,depth_m,")
    assert b"\r" not in data
    assert [row["file"] for row in read(tmp_path / "out.csv")[1]] == ["ä\n.jpg", "\\udcff.jpg"]


def test_formats_are_found_by_name() -> None:
    assert {"csv", "tiles-csv"} <= set(EXPORTERS)
    assert EXPORTERS["csv"].suffix == ".csv"


def test_what_the_evidence_audit_says_is_the_last_column(tmp_path: Path) -> None:
    told = "Most of the evidence for shale lies on the text plate."
    results = [
        PhotoResult(photo("a.jpg"), prediction()),
        PhotoResult(photo("b.jpg"), prediction(), evidence_warning=told),
    ]
    write_photos(tmp_path / "out.csv", table(*results))
    header, rows = read(tmp_path / "out.csv")
    assert header[-1] == "evidence_warning"
    assert [row["evidence_warning"] for row in rows] == ["", told]
