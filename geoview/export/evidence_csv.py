"""One row per photo, method and class: how strong, how faithful, how large and where."""

from __future__ import annotations

import csv
from collections.abc import Iterable, Mapping
from pathlib import Path

from geoview import files

COLUMNS = (
    "file", "depth_m", "class", "probability", "threshold", "method", "peak",
    "road_morf", "road_lerf", "road_combined",
    "mask_area_pct", "mask_reason", "area_pct", "area_method",
    "evidence_text_plate", "evidence_reference_cube", "evidence_border", "evidence_background",
    "evidence_warning", "model", "model_sha256", "app_version",
)  # fmt: skip


def write_evidence(path: Path, rows: Iterable[Mapping[str, str | float | None]]) -> None:
    """UTF-8, comma, ``\\n``; numbers in full; what was not asked for or is not known is empty.

    ``area_pct`` is the estimate that adds up to 100 over all classes of a photo; ``evidence_…``
    are shares of the evidence on a place, 0 to 1.
    """
    with (
        files.replacing(path) as temporary,
        temporary.open("w", encoding="utf-8", errors="backslashreplace", newline="") as stream,
    ):
        writer = csv.writer(stream, lineterminator="\n")
        writer.writerow(COLUMNS)
        writer.writerows([_cell(row.get(name)) for name in COLUMNS] for row in rows)


def _cell(value: str | float | None) -> str:
    if value is None:
        return ""
    return value if isinstance(value, str) else repr(float(value))
