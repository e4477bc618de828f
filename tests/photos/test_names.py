"""Well, depth and sample from names."""

from __future__ import annotations

import time

import pytest
from hypothesis import given
from hypothesis import strategies as st

from geoview.errors import DataError
from geoview.photos.names import DEFAULT_PATTERNS, NameFields, check_pattern, parse_name


@pytest.mark.parametrize(
    ("file", "well", "depth_m", "sample"),
    [
        ("WELL-A_0020.0m.jpg", "WELL-A", 20.0, None),
        ("3-12H 1250 ft (2).JPG", "3-12H", 381.0, "2"),
        ("some/folder/WELL-A_0020.0m_wet light.jpg", "WELL-A", 20.0, None),
        ("1250ft", None, 381.0, None),
        ("1250.5 m", None, 1250.5, None),
        ("depth 1250", None, 1250.0, None),
        ("depth1250ft.png", None, 381.0, None),
        ("Well X Depth 1250 FT wet.png", "Well X", 381.0, None),
        ("1250,5m.tif", None, 1250.5, None),
        ("A_1,250 ft.tif", "A", 381.0, None),
        ("1250-1255m.jpg", None, 1252.5, None),
        ("WELL-A_1250m-1255m.jpg", "WELL-A", 1252.5, None),
        ("W-12-1250m.jpg", "W-12", 1250.0, None),
        ("15_9-F-11 2500-2510m white light.jpg", "15_9-F-11", 2505.0, None),
        ("Ørn-3_2500 mètres.jpg", "Ørn-3", 2500.0, None),
        ("X-1_1250mMD.jpg", "X-1", 1250.0, None),
        ("WELL-A_4100ft MD.jpg", "WELL-A", 1249.68, None),
        ("WELL-A_4100ftTVDSS wet.jpg", "WELL-A", 1249.68, None),
        ("WELL-A_4100 feet RKB-4120 feet RKB.jpg", "WELL-A", 1252.728, None),
        ("depth 4100 ft_BRT.jpg", None, 1249.68, None),
        ("MGM 12345.jpg", None, None, "MGM 12345"),
        ("MIN-00123.jpeg", None, None, "MIN-00123"),
        ("IMG_1234.jpg", None, None, None),
        ("DSC01234.JPG", None, None, None),
        ("2023-05-01 12.30.15.jpg", None, None, None),
        ("quartz 5mm.jpg", None, None, None),
        ("A_99999m.jpg", None, None, None),
        ("", None, None, None),
    ],
)
def test_default_patterns(
    file: str, well: str | None, depth_m: float | None, sample: str | None
) -> None:
    assert parse_name(file) == NameFields(well=well, depth_m=depth_m, sample=sample)


@pytest.mark.parametrize(
    ("pattern", "file", "wanted"),
    [
        ("{well}_{depth}ft", "A_100.jpg", NameFields()),
        ("{well}_{depth}ft", "A_100ft.jpg", NameFields("A", 30.48)),
        ("{well} {depth}", "A-7 100.jpg", NameFields("A-7", 100.0)),
        ("{well}/{depth}", "A-7/0100.5.jpg", NameFields("A-7", 100.5)),
        ("*_{sample}_{depth}{unit}", "x_S7_10 feet.jpg", NameFields(None, 3.048, "S7")),
        ("{sample}", "Hämatit 7.jpg", NameFields(None, None, "Hämatit 7")),
        (r"re:(?P<well>[a-z]+)(?P<depth_ft>\d+)", "ab100.jpg", NameFields("ab", 30.48)),
        (r"re:d(?P<depth>\d+(?:,\d+)?)(?P<unit>m|ft)?", "xd10,5", NameFields(None, 10.5)),
    ],
)
def test_own_patterns(pattern: str, file: str, wanted: NameFields) -> None:
    assert parse_name(file, patterns=[pattern]) == wanted


def test_the_first_pattern_that_fits_wins_and_none_means_the_defaults() -> None:
    assert parse_name("A_10m.jpg", patterns=["{sample}", "{well}_{depth}m"]).sample == "A_10m"
    assert parse_name("A_10m.jpg", patterns=[]) == parse_name("A_10m.jpg")


@pytest.mark.parametrize(
    "pattern",
    [
        "{foo}_{depth}",
        "{well}{well}",
        "plain",
        "",
        "{depth",
        "{}{depth}",
        "{unit}",
        "*{well}*_*",
        "{well}" + "x" * 999,
        "re:(",
        r"re:\d+",
        r"re:(?P<colour>x)",
        r"re:(?P<depth>(\d+)+)x",
        r"re:(?P<well>(a|a)*)x",
        r"re:(?P<well>(?:a?b?){2,99})",
        r"re:.*.*.*.*(?P<depth>\d+)",
        r"re:(?P<depth>\d{99999999999999})",
    ],
)
def test_a_wrong_pattern_is_named(pattern: str) -> None:
    with pytest.raises(DataError) as caught:
        check_pattern(pattern)
    assert pattern[:40] in str(caught.value)
    assert "Settings" in str(caught.value)


@pytest.mark.parametrize("pattern", DEFAULT_PATTERNS)
def test_default_patterns_pass_the_check(pattern: str) -> None:
    check_pattern(pattern)


def test_a_nasty_name_does_not_take_for_ever() -> None:
    start = time.process_time()
    for name in ("1m_" * 80, "a " * 120, "9" * 250, "(" * 250, "1-" * 120 + "m"):
        parse_name(name)
        parse_name(name, patterns=["{well} * {sample} * {depth}{unit}"])
    # Far above what it takes (milliseconds), far below for ever.
    assert time.process_time() - start < 20


@given(st.text(max_size=300))
def test_any_name_is_answered(name: str) -> None:
    fields = parse_name(name)
    assert fields.depth_m is None or 0 <= fields.depth_m <= 15_000


@given(
    well=st.from_regex(r"[A-Z]{1,5}-[0-9]{1,2}[A-L]", fullmatch=True),
    tenths=st.integers(0, 99_990),
    feet=st.booleans(),
    gap=st.sampled_from(["_", " ", "-"]),
    blank=st.sampled_from(["", " "]),
    comma=st.booleans(),
)
def test_what_is_written_is_read(
    well: str, tenths: int, feet: bool, gap: str, blank: str, comma: bool
) -> None:
    number = f"{tenths / 10:06.1f}"
    name = f"{well}{gap}{number.replace('.', ',') if comma else number}{blank}"
    fields = parse_name(f"{name}{'ft' if feet else 'm'}.jpg")
    assert fields.well == well
    assert fields.depth_m == pytest.approx(tenths / 10 * (0.3048 if feet else 1), abs=1e-9)
