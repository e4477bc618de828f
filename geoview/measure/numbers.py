"""The catalogue number of a photo: from a barcode, the file's name or the text plate.

In this order of trust: a barcode checks itself, a name was typed by a person, a plate is read.
File names are read by the same editable patterns as elsewhere (``geoview.photos.names``), whose
``{sample}`` is the number. A slash cannot stand in a file's name; ``M-59432_9`` is M-59432/9.
"""

from __future__ import annotations

import re
import threading
import unicodedata
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from functools import cache
from typing import Literal
from urllib.parse import unquote

import numpy as np
from numpy.typing import NDArray

from geoview.measure import barcode
from geoview.measure.methods import Picture
from geoview.measure.options import MeasureOptions
from geoview.measured import Measurement
from geoview.photos import plates
from geoview.photos.names import parse_name
from geoview.records import BoxXYXY

NumberSource = Literal["barcode", "file name", "plate"]

# What cameras, phones and scanners write by themselves; a collection's sign stands in capitals.
_NOT_A_CAMERA = (
    r"(?!(?:[CD]?IMG|DSC[NF]?|PXL|DJI|GOPR|SAM|MVI|PIC|PICT|VID|WP|HPIM|IMAGE|PHOTO|SCAN|FRAME"
    r"|TILE|PAGE|FILE|CAM|SCREENSHOT|SIDE|TOP|VIEW)[ _-]?\d|[PRS]\d{7}(?!\d))"
)
_SIGN = r"(?-i:[A-Z]{1,8})(?:_\d{1,2})?[ _-]?"
_DIGITS_AND_PART = r"\d{2,9}(?:_\d{1,3})?"
_END = r"(?!\d|_\d)"
DEFAULT_NUMBER_PATTERNS: tuple[str, ...] = (
    rf"re:^{_NOT_A_CAMERA}(?P<sample>{_SIGN}{_DIGITS_AND_PART}){_END}",
    rf"re:(?:^|[ _-])(?:no|nr|inv|cat|#|№)[. _#-]{{0,3}}(?P<sample>{_DIGITS_AND_PART}){_END}",
    r"re:^(?P<sample>[1-9]\d{2,6}(?:_\d{1,3})?)(?=$| |\(|_[a-z]|-[a-z])",
)
"""``FMM_1_93240``, ``NHM-1234 (2)``, ``M-59432_9``; ``No. 46557``, ``# 34870``; ``29476_20``."""

_PART = r"(?:\s?/\s?\d{1,3})?"
_ON_PLATES = (
    re.compile(rf"^(?:n[o0r]\b\.?|№|#|inv\.?|cat\.?)[\s.:#-]*(\d{{1,9}}{_PART})$", re.IGNORECASE),
    re.compile(rf"^([A-Z]{{1,8}}(?:[ _]+\d{{1,2}})?[ _-]*\d{{2,9}}{_PART})$"),
    re.compile(rf"^([1-9]\d{{2,8}}{_PART})$"),
)
_ADDRESS = re.compile(r"[a-z][a-z0-9+.-]*://", re.IGNORECASE)
# With a digit, and nothing that belongs to a formula or a visiting card.
_LIKE_A_NUMBER = re.compile(r"(?=.*\d)[\w .,:/#№+&-]+")
_LONGEST_CODE = 60
_READ_PX = 700
_TURNS = (0, 1, 3, 2)


@dataclass(frozen=True, slots=True)
class NumberFound:
    """``confidence`` 0…1: the reader's for a plate, 1 otherwise."""

    number: str
    source: NumberSource
    confidence: float = 1.0


def catalogue_number(
    file: str,
    *,
    patterns: Sequence[str] = DEFAULT_NUMBER_PATTERNS,
    pixels: NDArray[np.uint8] | None = None,
    codes: bool = True,
    plate_box_px: BoxXYXY | None = None,
    read_plate: bool = True,
) -> NumberFound | None:
    """The most trusted number of a photo.

    ``pixels``: uint8 (h, w, 3), upright, to look for barcodes (unless not ``codes``);
    ``plate_box_px`` is the text plate in these pixels: codes are looked for on it alone, and with
    ``read_plate`` it is read where ``why_no_plates`` has nothing to say. Raises DataError for a
    pattern that cannot be used.
    """
    if codes and pixels is not None:
        plate = None if plate_box_px is None else _cut_out(pixels, plate_box_px)
        found = (
            from_barcode(pixels)
            if plate is None
            else from_barcode(plate, longest_px=barcode.PLATE_PX)
        )
        if found:
            return found
    if found := from_name(file, patterns=patterns):
        return found
    if pixels is None or plate_box_px is None or not read_plate or why_no_plates():
        return None
    return from_plate(pixels, box_px=plate_box_px)


def with_number(
    measurement: Measurement, picture: Picture, *, options: MeasureOptions
) -> Measurement:
    """``measurement`` with the number that ``picture`` shows, or else its file's name holds."""
    box = measurement.plate_box_px
    found = catalogue_number(
        picture.file,
        pixels=picture.pixels,
        codes=options.read_codes,
        plate_box_px=_divided(box, picture.px_per_cell) if box else None,
        read_plate=options.read_plates,
    )
    return replace(measurement, catalogue_no=found.number) if found else measurement


def _divided(box: BoxXYXY, by: float) -> BoxXYXY:
    x0, y0, x1, y1 = (value / by for value in box)
    return x0, y0, x1, y1


def why_no_plates() -> str:
    """Why text plates cannot be read here; empty when they can."""
    return plates.why_not()


def from_name(
    file: str, *, patterns: Sequence[str] = DEFAULT_NUMBER_PATTERNS
) -> NumberFound | None:
    """From a path below the opened folder."""
    number = parse_name(file, patterns=tuple(patterns) or DEFAULT_NUMBER_PATTERNS).sample
    if not number:
        return None
    return NumberFound(re.sub(r"(?<=\d{3})_(?=\d{1,3}$)", "/", number), "file name")


def from_barcode(
    pixels: NDArray[np.uint8], *, longest_px: int = barcode.WHOLE_PX
) -> NumberFound | None:
    """From a barcode or QR code; a web address stands for its last part. What does not look like
    a number is none."""
    for text in barcode.read_codes(pixels, longest_px=longest_px):
        number = _printable(text)
        if _ADDRESS.match(number):
            number = unquote(number.rstrip("/").rpartition("/")[2])
        number = number.rpartition("=")[2]
        if len(number) <= _LONGEST_CODE and _LIKE_A_NUMBER.fullmatch(number):
            return NumberFound(number, "barcode")
    return None


def _printable(text: str) -> str:
    return "".join(c for c in text.strip() if c.isprintable())


def from_plate(
    pixels: NDArray[np.uint8], *, box_px: BoxXYXY, read: plates.Read | None = None
) -> NumberFound | None:
    """From a text plate, upright or turned by quarters.

    ``read`` finds lines of text (``plates.text_reader`` when None). Raises DataError without it.
    """
    crop = _crop(pixels, box_px)
    if crop is None:
        return None
    read = read or _reader()
    turned = (read(np.ascontiguousarray(np.rot90(crop, turns))) for turns in _TURNS)
    found = (_on_plate(lines) for lines in turned)
    return next((number for number in found if number), None)


_ONE_AT_A_TIME = threading.Lock()  # the reader keeps things between its steps


def _reader() -> plates.Read:
    def read(pixels: NDArray[np.uint8]) -> list[plates.Line]:
        with _ONE_AT_A_TIME:
            return _loaded()(pixels)

    return read


@cache
def _loaded() -> plates.Read:
    return plates.text_reader()


def _crop(pixels: NDArray[np.uint8], box: BoxXYXY) -> NDArray[np.uint8] | None:
    """The plate with a margin, at the size that the reader likes."""
    import cv2

    crop = _cut_out(pixels, box)
    if crop is None:
        return None
    factor = _READ_PX / max(crop.shape[:2])
    size = (max(round(crop.shape[1] * factor), 1), max(round(crop.shape[0] * factor), 1))
    how = cv2.INTER_AREA if factor < 1 else cv2.INTER_CUBIC
    return np.asarray(cv2.resize(crop, size, interpolation=how), np.uint8)


def _cut_out(pixels: NDArray[np.uint8], box: BoxXYXY) -> NDArray[np.uint8] | None:
    """The plate with a margin; None where it is a crumb."""
    height, width = pixels.shape[:2]
    margin = 0.04 * max(box[2] - box[0], box[3] - box[1])
    x0, y0 = (max(int(value - margin), 0) for value in box[:2])
    x1, y1 = min(int(box[2] + margin), width), min(int(box[3] + margin), height)
    if x1 - x0 < 8 or y1 - y0 < 8:
        return None
    return pixels[y0:y1, x0:x1]


def _on_plate(lines: Iterable[plates.Line]) -> NumberFound | None:
    """The line that looks most like a number; the larger script where two do."""
    lines = list(lines)
    either = [*lines, *_joined(lines)]
    best = max(((_rank(line), line) for line in either), default=None, key=lambda pair: pair[0])
    if best is None or best[0][0] < 0:
        return None
    number = _matched(best[1].text)
    return NumberFound(number, "plate", round(best[1].score, 3)) if number else None


def _joined(lines: list[plates.Line]) -> list[plates.Line]:
    """Pieces of one line: an underscore is a gap to the reader."""
    rows: list[list[plates.Line]] = []
    for line in sorted(lines, key=lambda line: line.box[0]):
        row = next((row for row in rows if _beside(row[-1].box, line.box)), None)
        if row is None:
            rows.append([line])
        else:
            row.append(line)
    return [_one(row) for row in rows if len(row) > 1]


def _beside(left: BoxXYXY, right: BoxXYXY) -> bool:
    shared = min(left[3], right[3]) - max(left[1], right[1])
    height = min(left[3] - left[1], right[3] - right[1])
    return shared > height / 2 and right[0] - left[2] < 1.5 * height


def _one(row: list[plates.Line]) -> plates.Line:
    boxes = np.array([line.box for line in row])
    (x0, y0), (x1, y1) = boxes[:, :2].min(0), boxes[:, 2:].max(0)
    box = (float(x0), float(y0), float(x1), float(y1))
    return plates.Line(box, " ".join(line.text for line in row), min(line.score for line in row))


def _rank(line: plates.Line) -> tuple[int, float]:
    text = _tidy(line.text)
    which = next((i for i, form in enumerate(_ON_PLATES) if form.match(text)), None)
    return (-1 if which is None else len(_ON_PLATES) - which, line.box[3] - line.box[1])


def _matched(text: str) -> str:
    match = next((m for form in _ON_PLATES if (m := form.match(_tidy(text)))), None)
    return re.sub(r"\s*/\s*", "/", match[1]) if match else ""


def _tidy(text: str) -> str:
    return unicodedata.normalize("NFKC", text).strip(" .,:;|'\"")
