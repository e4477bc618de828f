"""Audits live and die with the results they belong to."""

from __future__ import annotations

import shutil
from dataclasses import replace
from pathlib import Path

import pytest
from fakes import MODEL, OTHER_MODEL, photo, prediction

from geoview.catalog import Catalog
from geoview.catalog.evidence import Evidence
from geoview.records import EvidenceAudit, ModelRef, PhotoResult, PlaceEvidence


def audit(file: str, *, warns: bool, model: ModelRef = MODEL) -> EvidenceAudit:
    places = (
        PlaceEvidence("shale", "text plate", 2 / 3, 0.1 / 3, warns),
        PlaceEvidence("shale", "background", 0.7, 1 - 1e-16, False),
    )
    return EvidenceAudit(file, model, "grad-cam", places, "0.0.9", "2026-01-02T03:04:05+00:00")


@pytest.fixture
def catalog(tmp_path: Path) -> Catalog:
    catalog = Catalog.open(tmp_path)
    photos = [photo(name, folder=tmp_path) for name in ("a.jpg", "Größe [1].jpg", "c.jpg")]
    catalog.sync(photos)
    catalog.save([PhotoResult(p, prediction()) for p in photos[:2]], model=MODEL)
    return catalog


def test_audits_come_back_exactly(catalog: Catalog) -> None:
    made = [audit("a.jpg", warns=True), audit("Größe [1].jpg", warns=False)]
    changes = Evidence(catalog).save(made, model=MODEL)
    assert set(changes.results) == {"a.jpg", "Größe [1].jpg"}
    found = Evidence(catalog).of(MODEL)
    assert found == {one.file: one for one in made}
    warnings = Evidence(catalog).warnings(MODEL)
    assert warnings == {file: one.warning for file, one in found.items()}
    assert warnings["Größe [1].jpg"] == ""
    assert "shale lies on the text plate (67 % of it, on 3 % of the photo)" in warnings["a.jpg"]
    assert Evidence(catalog).of(OTHER_MODEL) == {}


def test_a_second_audit_takes_the_place_of_the_first(catalog: Catalog) -> None:
    Evidence(catalog).save([audit("a.jpg", warns=True)], model=MODEL)
    Evidence(catalog).save([audit("a.jpg", warns=False)], model=MODEL)
    assert Evidence(catalog).warnings(MODEL) == {"a.jpg": ""}


def test_no_audit_without_a_result(catalog: Catalog) -> None:
    Evidence(catalog).save([audit("c.jpg", warns=True), audit("gone.jpg", warns=True)], model=MODEL)
    assert Evidence(catalog).of(MODEL) == {}


def test_an_audit_goes_with_its_result(catalog: Catalog, tmp_path: Path) -> None:
    one = photo("a.jpg", folder=tmp_path)
    Evidence(catalog).save([audit("a.jpg", warns=True)], model=MODEL)
    catalog.save([PhotoResult(one, prediction(seed=0.7))], model=MODEL)
    assert Evidence(catalog).of(MODEL) == {}
    Evidence(catalog).save([audit("a.jpg", warns=True)], model=MODEL)
    catalog.sync([replace(one, size_bytes=11)])
    assert Evidence(catalog).of(MODEL) == {}


def test_audits_move_with_the_folder(catalog: Catalog, tmp_path: Path) -> None:
    Evidence(catalog).save([audit("a.jpg", warns=True)], model=MODEL)
    catalog.close()
    moved = tmp_path.parent / "moved"
    shutil.copytree(tmp_path, moved)
    with Catalog.open(moved) as there:
        assert set(Evidence(there).warnings(MODEL)) == {"a.jpg"}
