"""A PDF to print and file: A4 pages of thumbnails with number, size and status, the folder's name
and the day."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from datetime import date
from itertools import islice
from pathlib import Path

from PIL import Image, ImageDraw

import geoview
from geoview import files
from geoview.errors import PhotoError
from geoview.export.annotated import size_words
from geoview.export.drawing import Font, font, lettering, picture_of
from geoview.export.measurements import MeasurementRow, MeasurementTable, measurement_exporter

DPI = 150
PAGE_PX = (1240, 1754)  # A4
COLUMNS, ROWS = 4, 5
MARGIN_PX, GAP_PX, TEXT_PX = 75, 20, 18
_CELL = (
    (PAGE_PX[0] - 2 * MARGIN_PX - (COLUMNS - 1) * GAP_PX) // COLUMNS,
    (PAGE_PX[1] - 2 * MARGIN_PX - TEXT_PX * 2 - (ROWS - 1) * GAP_PX) // ROWS,
)
_THUMB = (_CELL[0], _CELL[1] - 4 * TEXT_PX - 12)
_STATUS_INK = {"accepted": "#15803d", "review": "#b45309", "rejected": "#b91c1c"}
# Pages are handed over in parts, so that thousands of photos do not fill the memory.
_PART = 16


@measurement_exporter("contact-sheet", title="Contact sheet (PDF)", suffix=".pdf")
def write_contact_sheet(path: Path, table: MeasurementTable) -> None:
    """Write the PDF in one step, 20 photos a page; OSError when that cannot be done."""
    pages = _pages(table)
    with files.replacing(path) as temporary:
        append = False
        while part := list(islice(pages, _PART)):
            part[0].save(
                temporary, "PDF", save_all=True, append_images=part[1:], append=append,
                resolution=DPI, title="GeoView contact sheet",
                producer=f"GeoView {geoview.__version__}",
            )  # fmt: skip
            append = True


def _pages(table: MeasurementTable) -> Iterator[Image.Image]:
    """At least one page, also without photos."""
    each = COLUMNS * ROWS
    count = max(1, -(-len(table.rows) // each))
    for number in range(count):
        rows = table.rows[number * each : (number + 1) * each]
        yield _page(rows, table, first=number * each, words=f"page {number + 1} of {count}")


def _page(
    rows: Sequence[MeasurementRow], table: MeasurementTable, *, first: int, words: str
) -> Image.Image:
    page = Image.new("RGB", PAGE_PX, "white")
    draw = ImageDraw.Draw(page)
    for at, row in enumerate(rows):
        left = MARGIN_PX + at % COLUMNS * (_CELL[0] + GAP_PX)
        top = MARGIN_PX + at // COLUMNS * (_CELL[1] + GAP_PX)
        _photo(page, draw, row, table, (left, top))
        _words(draw, row, (left, top + _THUMB[1] + 6))
        table.progress(first + at + 1, len(table.rows))
    _foot(draw, table, words)
    return page


def _foot(draw: ImageDraw.ImageDraw, table: MeasurementTable, words: str) -> None:
    """The folder at the left, the page in the middle, the day at the right."""
    y = PAGE_PX[1] - MARGIN_PX + TEXT_PX
    third = (PAGE_PX[0] - 2 * MARGIN_PX) / 3
    folder, letters = lettering(_folder_name(table.rows), TEXT_PX)
    folder = _shortened(draw, folder, letters, width_px=third)
    draw.text((MARGIN_PX, y), folder, fill="#555555", font=letters, anchor="ls")
    draw.text((PAGE_PX[0] / 2, y), words, fill="#555555", font=font(TEXT_PX), anchor="ms")
    day = date.today().isoformat()
    draw.text((PAGE_PX[0] - MARGIN_PX, y), day, fill="#555555", font=font(TEXT_PX), anchor="rs")


def _folder_name(rows: Sequence[MeasurementRow]) -> str:
    """Of the folder that the photos' files are named from."""
    if not rows:
        return ""
    above = rows[0].path.parents
    return above[min(len(Path(rows[0].file).parts), len(above)) - 1].name


def _photo(
    page: Image.Image,
    draw: ImageDraw.ImageDraw,
    row: MeasurementRow,
    table: MeasurementTable,
    corner: tuple[int, int],
) -> None:
    """The thumbnail with the rectangle, or a frame where the photo cannot be read."""
    left, top = corner
    try:
        if table.decode is None:
            raise PhotoError("no photos at hand")
        thumb, scale = picture_of(row.path, decode=table.decode, at_most_px=max(_THUMB))
    except PhotoError:
        right, bottom = left + _THUMB[0], top + _THUMB[1]
        draw.rectangle((left, top, right, bottom), outline="#bbbbbb")
        draw.text((left + 8, top + 8), "cannot be read", fill="#b91c1c", font=font(TEXT_PX))
        return
    shrink = min(1.0, _THUMB[0] / thumb.width, _THUMB[1] / thumb.height)
    size = (max(1, round(thumb.width * shrink)), max(1, round(thumb.height * shrink)))
    thumb = thumb.resize(size, Image.Resampling.BOX)
    if row.measurement is not None and len(row.measurement.outline_box_px) > 1:
        # Drawn before it is pasted: the rectangle may be larger than the photo.
        box = row.measurement.outline_box_px
        on_thumb = [(x * scale * shrink, y * scale * shrink) for x, y in (*box, box[0])]
        ImageDraw.Draw(thumb).line(on_thumb, fill="#d97706", width=2)
    page.paste(thumb, (left + (_THUMB[0] - size[0]) // 2, top + (_THUMB[1] - size[1]) // 2))


def _words(draw: ImageDraw.ImageDraw, row: MeasurementRow, corner: tuple[int, int]) -> None:
    one = row.measurement
    status = "not measured" if one is None else one.status
    lines = (
        (row.number or row.file, "#111111"),
        ("" if one is None else size_words(one), "#111111"),
        (status if one is None else ": ".join([status, *one.reasons[:1]]),
         _STATUS_INK.get(status, "#555555")),
        (row.file if row.number else row.box, "#777777"),
    )  # fmt: skip
    for at, (line, ink) in enumerate(lines):
        text, letters = lettering(line, TEXT_PX - 3)
        words = _shortened(draw, text, letters, width_px=_CELL[0])
        draw.text((corner[0], corner[1] + at * TEXT_PX), words, fill=ink, font=letters)


def _shortened(draw: ImageDraw.ImageDraw, line: str, letters: Font, *, width_px: float) -> str:
    """The line cut with … so that it stays within its place."""
    if draw.textlength(line, font=letters) <= width_px:
        return line
    while line and draw.textlength(f"{line}…", font=letters) > width_px:
        line = line[:-1]
    return f"{line}…"
