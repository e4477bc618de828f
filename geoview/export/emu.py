"""EMu: a folder of crops of the specimens and a sheet that names them."""

from __future__ import annotations

import csv
from collections.abc import Iterator
from pathlib import Path

from PIL import Image

from geoview.errors import DataError, PhotoError
from geoview.export import cells
from geoview.export.drawing import free_name, picture_of, save_jpeg
from geoview.export.measurement_records import (
    check_records,
    determined_by,
    method_words,
    sentence,
    told,
)
from geoview.export.measurements import (
    Decode,
    MeasurementRow,
    MeasurementTable,
    measurement_exporter,
)
from geoview.export.measurements_csv import sizes_mm
from geoview.measured import Measurement

SHEET, SUFFIX = "emu.csv", ".jpg"
_NAME = "Multimedia"
COLUMNS = (
    "CatNumber", _NAME, "Length_mm", "Width_mm", "Length_pm_mm", "Width_pm_mm", "Status",
    "Method", "MeasuredBy", "MeasuredOn", "SourceFile",
)  # fmt: skip
MARGIN = 0.05
# Names that Windows keeps for devices.
_RESERVED = frozenset(
    ("CON", "PRN", "AUX", "NUL", *(f"{port}{n}" for port in ("COM", "LPT") for n in range(1, 10)))
)
_LONGEST_STEM = 100


def check_emu(table: MeasurementTable) -> tuple[str, ...]:
    """What is not as expected in the folder, besides what every program misses.

    EMu takes a crop by the file name in the sheet; a number that no file can be named after
    gives another name.
    """
    renamed = [
        f"{row.number} ({_stem(row.number)}{SUFFIX})"
        for row in table.rows
        if row.measurement is not None and row.measurement.outline_box_px
        if row.number and _stem(row.number) != row.number
    ]
    return told(
        *check_records(table, one_size=False),
        sentence(renamed, "{} named otherwise than its number", unit="crop"),
    )


@measurement_exporter("emu", title="EMu (crops and sheet)", suffix="", check=check_emu)
def write_emu(path: Path, table: MeasurementTable) -> None:
    """Fill the folder ``path`` with one JPEG per specimen found, in full size, and ``emu.csv``.

    A crop is named after its catalogue number, or its photo where there is none. Photos that
    cannot be read have no crop. DataError for a folder with files of others, which a crop could
    replace; OSError when it cannot be written.
    """
    path.mkdir(parents=True, exist_ok=True)
    sheet = path / SHEET
    if not sheet.exists():
        if any(path.iterdir()):
            raise DataError(f"{path} holds other files; choose an empty folder for the crops.")
        # The folder is ours from here on, also when this is stopped before the sheet is whole.
        cells.write_rows(sheet, [COLUMNS])
    before = _named_in(sheet)
    used: set[str] = set()
    cells.write_rows(sheet, _rows(path, table, used))
    for name in before:
        if name.casefold() not in used:
            (path / name).unlink(missing_ok=True)


def _named_in(sheet: Path) -> set[str]:
    """The crops that a sheet of ours names; of others only what could be a crop's name."""
    try:
        with sheet.open(encoding="utf-8-sig", newline="") as stream:
            names = {row.get(_NAME) or "" for row in csv.DictReader(stream)}
    except (OSError, ValueError, csv.Error):
        return set()
    return {name for name in names if name == f"{_stem(name.removesuffix(SUFFIX))}{SUFFIX}"}


def _rows(folder: Path, table: MeasurementTable, used: set[str]) -> Iterator[list[str]]:
    """The sheet's rows, while the crops are written; their names go to ``used``."""
    yield list(COLUMNS)
    for done, row in enumerate(table.rows, start=1):
        one = row.measurement
        crop = None if one is None else _crop(row, one, decode=table.decode)
        if one is not None and crop is not None:
            name = free_name(_stem(row.number or Path(row.file).stem), SUFFIX, used)
            save_jpeg(crop, folder / name)
            yield _cells(row, one, name)
        table.progress(done, len(table.rows))


def _cells(row: MeasurementRow, one: Measurement, name: str) -> list[str]:
    sizes = sizes_mm(one) if row.accepted else [""] * 4
    made = [method_words(one), cells.text(determined_by(one)), one.created_utc[:10]]
    return [
        cells.text(row.number), name, *sizes, one.status, *made, cells.file_name(row.file)
    ]  # fmt: skip


def _crop(row: MeasurementRow, one: Measurement, *, decode: Decode | None) -> Image.Image | None:
    """The specimen with a margin; None where none was found or the photo cannot be read."""
    points = one.outline_px or one.outline_box_px
    if not points or decode is None:
        return None
    try:
        picture, _ = picture_of(row.path, decode=decode)
    except PhotoError:
        return None
    xs, ys = [x for x, _ in points], [y for _, y in points]
    margin = MARGIN * max(max(xs) - min(xs), max(ys) - min(ys))
    left, top = max(0, int(min(xs) - margin)), max(0, int(min(ys) - margin))
    right = min(picture.width, int(max(xs) + margin) + 1)
    bottom = min(picture.height, int(max(ys) + margin) + 1)
    return picture.crop((left, top, right, bottom)) if right > left and bottom > top else None


def _stem(wish: str) -> str:
    """A file name, without its suffix, that every system takes."""
    plain = wish.encode("utf-8", "replace").decode()
    stem = "".join(c if c.isalnum() or c in "-_. ()" else "_" for c in plain).strip(". ")
    if not stem or stem.partition(".")[0].upper() in _RESERVED:
        stem = f"specimen {stem}".strip()
    return stem[:_LONGEST_STEM]
