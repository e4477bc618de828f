"""The audit warns of evidence on plates, cubes, borders and backgrounds, and of nothing else."""

from __future__ import annotations

import numpy as np
import pytest

from geoview.explain.audit import AuditRules, Place, audit, border_strip, rim, suspicious
from geoview.records import EvidenceAudit, Heatmap, ModelRef

RULES = AuditRules()
W, H = 1000, 800


def box(kind: str, x0: float, y0: float, x1: float, y1: float) -> Place:
    return Place(kind, ((x0, y0), (x1, y0), (x1, y1), (x0, y1)))  # type: ignore[arg-type]


SPECIMEN = box("specimen", 300, 200, 600, 500)
PLATE = box("text plate", 100, 600, 500, 750)
CUBE = box("reference cube", 700, 300, 850, 450)
MUSEUM = [SPECIMEN, PLATE, CUBE, *border_strip(W, H, rules=RULES)]


def evidence_in(*boxes: tuple[int, int, int, int], cells: int = 40, base: float = 0.0) -> Heatmap:
    """A map whose evidence lies evenly in boxes, in px of a photo of 1000 × 800."""
    values = np.full((cells * 4 // 5, cells), base, np.float32)
    px = W / cells
    for x0, y0, x1, y1 in boxes:
        values[round(y0 / px) : round(y1 / px), round(x0 / px) : round(x1 / px)] = 1
    area = (0.0, 0.0, float(W), float(H))
    return Heatmap("malachite", "m", values, area, float(values.max()), ModelRef("m", "0" * 64))


def audited(heatmap: Heatmap, places: list[Place], rules: AuditRules = RULES) -> EvidenceAudit:
    return audit("a.jpg", [heatmap], places=places, rules=rules)


@pytest.mark.parametrize(
    ("where", "words"),
    [
        ((300, 200, 600, 500), ""),
        ((100, 600, 500, 750), "on the text plate (100 % of it, on 8 % of the photo)"),
        ((700, 300, 850, 450), "on the reference cube (100 % of it, on 3 % of the photo)"),
        ((0, 0, 25, 800), "on the border (100 % of it"),
        ((625, 500, 800, 650), "on the background (100 % of it, on 89 % of the photo)"),
    ],
)
def test_it_tells_where_the_evidence_lies(where: tuple[int, int, int, int], words: str) -> None:
    found = audited(evidence_in(where), MUSEUM)
    assert (words in found.warning) if words else found.warning == ""
    assert sum(place.warns for place in found.places) == bool(words)
    if words:
        assert found.warning.startswith("Most of the evidence for malachite lies on")


def test_an_even_spread_is_no_alarm_however_large_the_place() -> None:
    flat = evidence_in((0, 0, 1000, 800))
    assert audited(flat, MUSEUM).warning == ""
    shares = {p.place: (p.evidence, p.area) for p in audited(flat, MUSEUM).places}
    for evidence, area in shares.values():
        assert evidence == pytest.approx(area, abs=1e-3)
    assert shares["text plate"][1] == pytest.approx(400 * 150 / (W * H), rel=0.02)
    assert shares["reference cube"][1] == pytest.approx(150 * 150 / (W * H), rel=0.05)


def test_coarse_maps_on_a_small_specimen_are_no_alarm() -> None:
    """Seven cells a side are all that some networks have: most of such a map lies around it."""
    small = box("specimen", 430, 330, 530, 430)
    rough = evidence_in((429, 300, 571, 440), cells=7, base=0.02)
    assert audited(rough, [small]).warning == ""


def test_what_lies_on_a_plate_is_not_told_twice() -> None:
    found = audited(evidence_in((100, 600, 500, 750)), MUSEUM)
    assert [p.place for p in found.places if p.warns] == ["text plate"]


def test_a_specimen_at_the_edge_may_be_looked_at() -> None:
    whole = box("specimen", 0, 0, 300, 800)
    places = [whole, *border_strip(W, H, rules=RULES)]
    assert audited(evidence_in((0, 0, 25, 800)), places).warning == ""


def test_no_places_and_no_evidence_are_no_alarm() -> None:
    assert audited(evidence_in((0, 0, 10, 10)), []).warning == ""
    nothing = audited(evidence_in(), MUSEUM)
    assert (nothing.places, nothing.warning) == ((), "")


@pytest.mark.parametrize(
    ("evidence", "area", "warns"),
    [
        (0.5, 0.01, False),
        (0.51, 0.01, True),
        (0.9, 0.82, False),
        (0.9, 0.81, True),
        (1.0, 1.0, False),
    ],
)
def test_both_limits_must_be_passed(evidence: float, area: float, warns: bool) -> None:
    assert suspicious(evidence, area, rules=RULES) == warns


def test_limits_are_settings() -> None:
    half = evidence_in((100, 600, 500, 750), (300, 200, 600, 500))
    assert audited(half, MUSEUM).warning == ""
    assert "text plate" in audited(half, MUSEUM, AuditRules(share=0.3)).warning


def test_a_rim_of_given_widths_covers_just_that() -> None:
    places = rim(W, H, sides=(100, 0, 0, 200))
    assert len(places) == 2
    flat = audited(evidence_in((0, 0, 1000, 800)), places)
    (border,) = flat.places
    assert border.area == pytest.approx((100 * 800 + 900 * 200) / (W * H), rel=0.02)
