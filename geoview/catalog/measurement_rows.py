"""Measurements to rows and back; every number comes back exactly."""

from __future__ import annotations

import json
import struct
from collections.abc import Sequence
from typing import Any

from geoview.measured import Measurement, Polygon, Scale, Size
from geoview.records import Photo

MEASUREMENT_COLUMNS = ("status", "method", "user", "app_version", "created_utc", "numbers")


def measurement_row(measurement: Measurement, photo: Photo, *, made_with: str) -> dict[str, Any]:
    """Columns of ``measurements`` but for the photo's key and the state."""
    own = {name: getattr(measurement, name) for name in MEASUREMENT_COLUMNS[:-1]}
    return {
        **own,
        "size_bytes": photo.size_bytes,
        "mtime_ns": photo.mtime_ns,
        "made_with": made_with,
        "numbers": _numbers(measurement),
        "outline": _outline_bytes(measurement.outline_px),
    }


def read_measurement(file: str, row: Sequence[Any], outline: bytes = b"") -> Measurement:
    """A row of ``MEASUREMENT_COLUMNS``, with its outline where that was read too."""
    status, method, user, app_version, created_utc, text = row
    numbers = json.loads(text)
    plate = numbers["plate"]
    return Measurement(
        file=file,
        status=status,
        reasons=tuple(numbers["reasons"]),
        width_px=numbers["width_px"],
        height_px=numbers["height_px"],
        method=method,
        app_version=app_version,
        created_utc=created_utc,
        scale=_scale(numbers["scale"]),
        outline_px=_read_outline(outline),
        outline_box_px=_points(numbers["outline_box"]),
        size_px=_size(numbers["size_px"]),
        size_mm=_size(numbers["size_mm"]),
        length_pm_mm=numbers["length_pm_mm"],
        width_pm_mm=numbers["width_pm_mm"],
        catalogue_no=numbers["catalogue_no"],
        plate_box_px=None if plate is None else (plate[0], plate[1], plate[2], plate[3]),
        user=user,
        model=numbers.get("model", ""),
    )


def _numbers(one: Measurement) -> str:
    return json.dumps(
        {
            "reasons": one.reasons,
            "width_px": one.width_px,
            "height_px": one.height_px,
            "scale": None if one.scale is None else _scale_values(one.scale),
            "outline_box": _floats(one.outline_box_px),
            "size_px": None if one.size_px is None else _size_values(one.size_px),
            "size_mm": None if one.size_mm is None else _size_values(one.size_mm),
            "length_pm_mm": _float(one.length_pm_mm),
            "width_pm_mm": _float(one.width_pm_mm),
            "catalogue_no": one.catalogue_no,
            "model": one.model,
            "plate": None if one.plate_box_px is None else [float(v) for v in one.plate_box_px],
        },
        separators=(",", ":"),
    )


def _float(value: float | None) -> float | None:
    return None if value is None else float(value)


def _floats(points: Polygon) -> list[tuple[float, float]]:
    return [(float(x), float(y)) for x, y in points]


def _points(pairs: Sequence[Sequence[float]]) -> Polygon:
    return tuple((x, y) for x, y in pairs)


def _scale_values(scale: Scale) -> list[Any]:
    return [
        float(scale.mm_per_px),
        float(scale.pm_mm_per_px),
        scale.source,
        float(scale.reference_mm),
        _floats(scale.reference_px),
        scale.inherited_from,
        _float(scale.tilt_deg),
    ]


def _scale(values: list[Any] | None) -> Scale | None:
    if values is None:
        return None
    mm_per_px, pm, source, reference_mm, points, inherited_from, tilt_deg = values
    return Scale(mm_per_px, pm, source, reference_mm, _points(points), inherited_from, tilt_deg)


def _size_values(size: Size) -> list[float]:
    values = (
        size.length, size.width, size.box_width, size.box_height,
        size.feret_max, size.feret_min, size.area,
    )  # fmt: skip
    return [float(value) for value in values]


def _size(values: list[float] | None) -> Size | None:
    return None if values is None else Size(*values)


def _outline_bytes(outline: Polygon) -> bytes:
    """x, y, x, y … as little-endian doubles: exact, and half as long as text."""
    flat = [float(value) for point in outline for value in point]
    return struct.pack(f"<{len(flat)}d", *flat)


def _read_outline(data: bytes) -> Polygon:
    flat = struct.unpack(f"<{len(data) // 8}d", data)
    return tuple(zip(flat[::2], flat[1::2], strict=True))
