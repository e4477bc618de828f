"""Pictures that show what was measured: outline, rectangle, cube, scale bar, result, source."""

from __future__ import annotations

import math
from collections import defaultdict
from collections.abc import Sequence
from pathlib import Path

from PIL import Image, ImageDraw

from geoview.errors import PhotoError
from geoview.export.drawing import Font, font, free_name, lettering, picture_of, save_jpeg
from geoview.export.measurement_records import scale_words
from geoview.export.measurements import MeasurementRow, MeasurementTable, measurement_exporter
from geoview.measured import Measurement, Point

LONGEST_PX = 1600
SUFFIX = ".measured.jpg"
_OUTLINE, _BOX, _CUBE = "#1f9d55", "#d97706", "#0e7490"
_PAPER, _INK, _SOFT = "#ffffff", "#111111", "#555555"


@measurement_exporter("annotated", title="Annotated pictures", suffix="")
def write_annotated(path: Path, table: MeasurementTable) -> None:
    """Fill the folder ``path`` with one reduced JPEG per measured photo, ``<file>.measured.jpg``.

    Photos that cannot be read have none; a name that would be too long is shortened. OSError that
    names the picture that cannot be written.
    """
    path.mkdir(parents=True, exist_ok=True)
    used: dict[Path, set[str]] = defaultdict(set)
    for done, row in enumerate(table.rows, start=1):
        picture = annotated(row, table)
        if picture is not None:
            file = Path(row.file)
            name = free_name(file.name, SUFFIX, used[file.parent])
            save_jpeg(picture, path / file.parent / name, quality=88)
        table.progress(done, len(table.rows))


def annotated(row: MeasurementRow, table: MeasurementTable) -> Image.Image | None:
    """The photo with what was measured drawn on it and words below; None without either."""
    one = row.measurement
    if one is None or table.decode is None:
        return None
    try:
        picture, scale = picture_of(row.path, decode=table.decode, at_most_px=LONGEST_PX)
    except PhotoError:
        return None
    _draw_shapes(picture, one, scale)
    return _with_words(picture, one, scale)


def size_words(one: Measurement) -> str:
    """``45.3 ± 0.4 × 30.1 ± 0.3 mm``; empty without a scale."""
    if one.scale is None or one.size_mm is None:
        return ""
    length = f"{one.size_mm.length:.1f}{_pm(one.length_pm_mm)}"
    return f"{length} × {one.size_mm.width:.1f}{_pm(one.width_pm_mm)} mm"


def _pm(value: float | None) -> str:
    return "" if value is None else f" ± {value:.1f}"


def _draw_shapes(picture: Image.Image, one: Measurement, scale: float) -> None:
    draw = ImageDraw.Draw(picture)
    width = max(2, round(max(picture.size) / 500))
    cube = one.scale.reference_px if one.scale is not None else ()
    for points, colour in ((one.outline_px, _OUTLINE), (one.outline_box_px, _BOX), (cube, _CUBE)):
        if len(points) > 1:
            draw.line(_closed(points, scale), fill=colour, width=width, joint="curve")


def _closed(points: Sequence[Point], scale: float) -> list[tuple[float, float]]:
    return [(x * scale, y * scale) for x, y in (*points, points[0])]


def _with_words(picture: Image.Image, one: Measurement, scale: float) -> Image.Image:
    """A strip below the photo, so that nothing of it is hidden."""
    size = max(12, round(max(picture.size) / 60))
    letters, left = font(size), size * 0.5
    bar = _scale_bar(one, scale, longest=picture.width / 3)
    lines = [
        (part, own, ink)
        for line, ink in _lines(one)
        for text, own in [lettering(line, size)]
        for part in _wrapped(text, own, width=picture.width - 2 * left)
    ]
    strip = round(size * (1.4 * len(lines) + (2.2 if bar else 0.4)))
    page = Image.new("RGB", (picture.width, picture.height + strip), _PAPER)
    page.paste(picture, (0, 0))
    draw, top = ImageDraw.Draw(page), picture.height + size * 0.3
    if bar is not None:
        length_mm, length_px = bar
        draw.rectangle((left, top, left + length_px, top + size * 0.4), fill=_INK)
        draw.text((left, top + size * 0.5), f"{length_mm:g} mm", fill=_INK, font=letters)
        top += size * 1.8
    for at, (line, own, ink) in enumerate(lines):
        draw.text((left, top + at * 1.4 * size), line, fill=ink, font=own)
    return page


def _wrapped(line: str, letters: Font, *, width: float) -> list[str]:
    """The line in as many as it needs, parted between words."""
    lines = [""]
    for word in line.split(" "):
        longer = f"{lines[-1]} {word}" if lines[-1] else word
        if lines[-1] and letters.getlength(longer) > width:
            lines.append(word)
        else:
            lines[-1] = longer
    return lines


def _lines(one: Measurement) -> list[tuple[str, str]]:
    """Result, reasons, and where it comes from, each with its ink."""
    head = " · ".join(part for part in (one.catalogue_no, size_words(one), one.status) if part)
    source = (
        one.file,
        f"scale: {scale_words(one)}" if one.scale else "no scale",
        f"GeoView {one.app_version}, method {one.method}",
        f"corrected by {one.user}" if one.user else "",
        one.created_utc,
    )
    lines = [(head, _INK), ("; ".join(one.reasons), _INK)]
    return [
        *((line, ink) for line, ink in lines if line),
        (" · ".join(part for part in source if part), _SOFT),
    ]


def _scale_bar(one: Measurement, scale: float, *, longest: float) -> tuple[float, float] | None:
    """A round length in mm (1, 2 or 5 times a power of ten) and how many pixels it takes."""
    if one.scale is None:
        return None
    mm_per_px = one.scale.mm_per_px / scale
    power = 10.0 ** math.floor(math.log10(longest * mm_per_px))
    length_mm = max(m * power for m in (1, 2, 5) if m * power <= longest * mm_per_px)
    return length_mm, length_mm / mm_per_px
