"""The model that ships: small enough, honest on its card, and as good as the README says."""

from __future__ import annotations

import importlib.util
from pathlib import Path

import pytest

from geoview.models import bundle, store
from geoview.models.device import choose
from geoview.models.engine import Engine
from geoview.photos.scan import scan

ROOT = Path(__file__).resolve().parents[2]
# Dominant lithology by truth_photos.csv of the rendered well.
TRUTH = {
    "WELL-A_0080.0m.jpg": "mudstone",
    "WELL-A_0265.0m.jpg": "mudstone",
    "WELL-A_0514.0m.jpg": "limestone",
    "WELL-A_0669.5m.jpg": "mudstone",
    "WELL-A_0832.5m.jpg": "sandstone",
    "WELL-A_1069.0m.jpg": "limestone",
    "WELL-A_1355.5m.jpg": "shale",
    "WELL-A_2024.5m.jpg": "limestone",
    "WELL-A_2380.5m.jpg": "limestone",
    "WELL-A_2746.5m.jpg": "shale",
}


@pytest.fixture(scope="module")
def path() -> Path:
    return store.resolve(None)


def test_it_is_small_and_says_what_it_is(path: Path) -> None:
    assert path.parent == ROOT / "resources" / "models"
    assert path.stat().st_size <= 25 * 2**20
    card, _ = bundle.read_card(path)
    assert card.architecture == "geolayer"
    assert card.classes == ["mudstone", "sandstone", "shale", "limestone"]
    assert len(card.layers) == 4
    assert "rendered" in card.description
    assert "fine-tune" in card.limitations
    assert "Apache-2.0" in card.licence
    assert not set(card.splits["train"]) & set(card.splits["test"])
    for figures in card.metrics:
        assert set(figures["ap"]) == set(card.classes)


def test_readme_shows_the_figures_of_the_card(path: Path) -> None:
    source = ROOT / "packaging" / "embedded" / "figures.py"
    spec = importlib.util.spec_from_file_location("figures", source)
    assert spec is not None
    assert spec.loader is not None
    figures = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(figures)
    card, _ = bundle.read_card(path)
    text = (ROOT / "README.md").read_text(encoding="utf-8")
    assert figures.with_table(text, card) == text


def test_samples_are_photos_it_was_not_trained_on_and_it_knows_them(
    path: Path, samples: Path
) -> None:
    """The shipped samples lie in the test split; their dominant lithology is told right."""
    from geoview.training.data import photo_key

    model = bundle.load(path)
    photos = scan(samples).photos
    assert len(photos) == 10
    assert {photo_key(p.path) for p in photos} <= set(model.card.splits["test"])
    with Engine(model, choice=choose("cpu")) as engine:
        results = {r.photo.file: r.prediction for r in engine.run(photos)}
    dominant = {file: p.dominant for file, p in results.items() if p}
    assert dominant == TRUTH
    for prediction in results.values():
        assert prediction is not None
        assert prediction.area_pct is not None
        assert sum(prediction.area_pct) == pytest.approx(100)
