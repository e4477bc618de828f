"""Catalogue numbers from names, codes and plates; the plate's reader is stood in for."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import cv2
import numpy as np
import pytest
from numpy.typing import NDArray

from geoview.errors import DataError
from geoview.measure import numbers
from geoview.measure.methods import Picture
from geoview.measure.numbers import (
    NumberFound,
    catalogue_number,
    from_name,
    from_plate,
    with_number,
)
from geoview.measure.options import MeasureOptions
from geoview.measured import Measurement
from geoview.photos import plates
from geoview.photos.plates import Line

NO_CODE = np.full((200, 300, 3), 200, np.uint8)
PLATE = (40.0, 60.0, 240.0, 160.0)


@pytest.mark.parametrize(
    ("file", "number"),
    [
        ("FMM_1_93240.jpg", "FMM_1_93240"),
        ("FMM_1_60414_18.jpg", "FMM_1_60414/18"),
        ("drawer 3/M-59432_9.JPG", "M-59432/9"),
        ("NHM-1234 (2).jpg", "NHM-1234"),
        ("No. 46557.jpg", "46557"),
        ("# 34870.png", "34870"),
        ("Nr 12 Pyrit.jpg", "12"),
        ("29476_20.jpg", "29476/20"),
        ("532.tif", "532"),
        ("67655 (2).tif", "67655"),
        ("FMM_1_93240_top.jpg", "FMM_1_93240"),
        ("M-59432_9_b.jpg", "M-59432/9"),
        ("K-22444.heic", "K-22444"),
    ],
)
def test_a_number_is_read_from_the_name(file: str, number: str) -> None:
    assert catalogue_number(file) == NumberFound(number, "file name")


@pytest.mark.parametrize(
    "file",
    [
        "IMG_1234.jpg", "DSC01234.jpg", "DSC_0042.jpg", "P1234567.JPG", "100_1234.jpg",
        "20230101_123456.jpg", "0001.jpg", "Screenshot 2024.png", "hard_000.jpg", "1200m.jpg",
        "WELL-A_0020.0m.jpg", "quartz 12.jpg", "pyrite.jpg", "",
    ],
)  # fmt: skip
def test_a_cameras_own_name_is_no_number(file: str) -> None:
    assert catalogue_number(file) is None


def test_the_users_patterns_come_instead() -> None:
    patterns = ("box {sample} *", "re:^min(?P<sample>[0-9]{3})$")
    assert from_name("box 17 quartz.jpg", patterns=patterns) == NumberFound("17", "file name")
    assert from_name("min123.jpg", patterns=patterns) == NumberFound("123", "file name")
    assert from_name("NHM-1234.jpg", patterns=patterns) is None
    with pytest.raises(DataError, match="name pattern"):
        from_name("a.jpg", patterns=("{number}",))


def qr(text: str) -> NDArray[np.uint8]:
    """A photo with a QR code on white paper."""
    code = cv2.QRCodeEncoder.create().encode(text)
    code = cv2.resize(code, None, fx=6, fy=6, interpolation=cv2.INTER_NEAREST)
    photo = np.full((400, 500, 3), 235, np.uint8)
    photo[60 : 60 + len(code), 90 : 90 + len(code)] = code[..., None]
    return photo


@pytest.mark.parametrize(
    ("text", "number"),
    [
        ("M-59432/9", "M-59432/9"),
        ("https://museum.example/object/NHM-1234", "NHM-1234"),
        ("https://museum.example/show?id=46557", "46557"),
        ("https://museum.example/object/M-59432%2F9", "M-59432/9"),
        ("id=46557", "46557"),
    ],
)
def test_a_code_is_trusted_more_than_the_name(text: str, number: str) -> None:
    found = catalogue_number("NHM-999.jpg", pixels=qr(text))
    assert found == NumberFound(number, "barcode")


@pytest.mark.parametrize(
    "text",
    [
        '=HYPERLINK("http://x","y")',
        '=HYPERLINK("http://x/7","y7")',
        "Collection of minerals",
        "https://museum.example/about",
        "MATMSG:TO:a1@museum.example;;",
        "7" * 61,
    ],
)
def test_a_code_without_a_number_leaves_it_to_the_name(text: str) -> None:
    found = catalogue_number("NHM-999.jpg", pixels=qr(text))
    assert found == NumberFound("NHM-999", "file name")


def reader(*lines: Line, turned: int = 0) -> plates.Read:
    """Reads ``lines`` only after so many quarter turns."""
    calls: list[tuple[int, ...]] = []

    def read(pixels: NDArray[np.uint8]) -> list[Line]:
        calls.append(pixels.shape)
        return list(lines) if len(calls) == turned + 1 else []

    return read


def line(text: str, *, x: float = 10, y: float = 10, high: float = 30, score: float = 0.9) -> Line:
    return Line((x, y, x + 15 * len(text), y + high), text, score)


@pytest.mark.parametrize(
    ("text", "number"),
    [
        ("No. 59536", "59536"),
        ("No.59536", "59536"),
        ("# 11901/24", "11901/24"),
        ("M-59432 / 9", "M-59432/9"),
        ("FMM_1_93240", "FMM_1_93240"),
        ("29476/20", "29476/20"),
        ("532", "532"),
    ],
)
def test_the_number_on_a_plate_is_told_from_the_rest(text: str, number: str) -> None:
    lines = [line("Cinnabar", y=0), line(text, y=40), line("coll. 1873", y=80), line("Kola Pen.")]
    found = from_plate(NO_CODE, box_px=PLATE, read=reader(*lines))
    assert found == NumberFound(number, "plate", 0.9)


def test_pieces_of_a_line_are_put_together() -> None:
    pieces = [line("93240", x=130), line("FMM", x=10, score=0.8), line("1", x=80)]
    found = from_plate(NO_CODE, box_px=PLATE, read=reader(*pieces))
    assert found == NumberFound("FMM 1 93240", "plate", 0.8)


@pytest.mark.parametrize("turned", [1, 2, 3])
def test_a_turned_plate_is_read_too(turned: int) -> None:
    found = from_plate(NO_CODE, box_px=PLATE, read=reader(line("K-123"), turned=turned))
    assert found == NumberFound("K-123", "plate", 0.9)


@pytest.mark.parametrize("box", [PLATE, (-50, -50, 3, 3), (290, 190, 900, 900), (50, 50, 50, 50)])
def test_a_plate_without_a_number_gives_none(box: tuple[float, float, float, float]) -> None:
    lines = [line("Quartz", y=0), line("coll. 1873", y=40), line("1 IN", y=80)]
    assert from_plate(NO_CODE, box_px=box, read=reader(*lines)) is None


def test_without_the_extra_no_plate_is_read_and_it_says_why(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(plates, "why_not", lambda: "rapidocr not installed")
    monkeypatch.setattr(numbers, "_reader", lambda: pytest.fail("must not be tried"))
    assert catalogue_number("pyrite.jpg", pixels=NO_CODE, plate_box_px=PLATE) is None
    assert numbers.why_no_plates() == "rapidocr not installed"


def test_the_plate_is_read_last(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(plates, "why_not", lambda: "")
    monkeypatch.setattr(numbers, "_reader", lambda: reader(line("K-123")))
    found = catalogue_number("pyrite.jpg", pixels=NO_CODE, plate_box_px=PLATE)
    assert found == NumberFound("K-123", "plate", 0.9)
    named = catalogue_number("K-999.jpg", pixels=NO_CODE, plate_box_px=PLATE)
    assert named == NumberFound("K-999", "file name")


def blank(**kinds: Any) -> Measurement:
    return Measurement("K-1.jpg", "review", (), 600, 400, "geoview", "1", "2026", **kinds)


def test_a_measurement_takes_the_number_that_its_photo_shows() -> None:
    photo = Picture("K-999.jpg", qr("M-59432/9"), 1000, 800)
    coded = with_number(blank(), photo, options=MeasureOptions())
    assert coded.catalogue_no == "M-59432/9"
    named = with_number(blank(), photo, options=MeasureOptions(read_codes=False))
    assert named.catalogue_no == "K-999"
    nameless = replace(photo, file="pyrite.jpg")
    kept = with_number(blank(catalogue_no="7"), nameless, options=MeasureOptions(read_codes=False))
    assert kept.catalogue_no == "7"


def test_plates_are_read_in_the_decodes_pixels_and_only_when_asked(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    seen: list[tuple[int, ...]] = []

    def read(pixels: NDArray[np.uint8]) -> list[Line]:
        seen.append(pixels.shape)
        return [line("K-123")]

    monkeypatch.setattr(plates, "why_not", lambda: "")
    monkeypatch.setattr(numbers, "_reader", lambda: read)
    photo = Picture("pyrite.jpg", NO_CODE, 600, 400)  # half of the original's pixels
    plate = blank(plate_box_px=(80.0, 120.0, 480.0, 320.0))
    assert with_number(plate, photo, options=MeasureOptions()).catalogue_no == ""
    assert not seen
    asked = with_number(plate, photo, options=MeasureOptions(read_plates=True))
    assert asked.catalogue_no == "K-123"
    assert seen[0][1] / seen[0][0] == pytest.approx(216 / 116, rel=0.02)  # with its margin
