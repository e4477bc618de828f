"""The object finder's network: any size, its own card, and never offered for analysing."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch

from geoview import paths
from geoview.errors import ModelError
from geoview.models import bundle, store
from geoview.models.card import ModelCard, Preprocess
from geoview.models.device import cpu
from geoview.models.engine import Engine
from geoview.models.registry import build
from geoview.models.segmenting import NAME, Segmenting, segmenting


def card(**changes: object) -> ModelCard:
    values: dict[str, object] = {
        "name": "finder", "title": "Finder", "architecture": "fpn-segmenter",
        "backbone": "mobilenetv2_100", "task": "segmentation",
        "classes": ["background", "specimen"], "thresholds": [0.5, 0.5],
        "preprocess": Preprocess(input_px=64, fit="pad"), "options": {"width": 16, "finest": 8},
    }  # fmt: skip
    return ModelCard.model_validate(values | changes)


@pytest.fixture
def file(tmp_path: Path) -> Path:
    torch.manual_seed(3)
    bundle.save(tmp_path / "finder.safetensors", module=build(card()), card=card())
    return tmp_path / "finder.safetensors"


def test_the_answer_has_half_the_resolution_of_any_input() -> None:
    with torch.inference_mode():
        assert build(card())(torch.zeros(2, 3, 64, 96)).shape == (2, 2, 32, 48)


def test_a_backbone_without_the_stages_is_refused() -> None:
    with pytest.raises(ModelError, match="stages at strides"):
        build(card(backbone="deit_tiny_patch16_224"))


@pytest.mark.parametrize("shape", [(48, 64, 3), (30, 200, 3), (333, 127, 3), (3, 400, 3)])
def test_shares_add_up_and_cover_the_picture(file: Path, shape: tuple[int, int, int]) -> None:
    pixels = np.random.default_rng(1).integers(0, 256, shape, np.uint8)
    shares = Segmenting(file).shares(pixels)
    assert shares.shape[2] == 2
    assert max(shares.shape[:2]) == 32
    assert shares.shape[0] / 32 == pytest.approx(shape[0] / max(shape), abs=0.04)
    np.testing.assert_allclose(shares.sum(axis=2), 1, atol=1e-5)


def test_what_is_padded_does_not_shift_the_picture(file: Path) -> None:
    """A picture that needs padding and its part that needs none agree far from the seam."""
    rng = np.random.default_rng(2)
    pixels = np.kron(rng.integers(0, 256, (10, 16, 3), np.uint8), np.ones((4, 4, 1), np.uint8))
    net = Segmenting(file)
    grown = np.concatenate([pixels, pixels[-1:].repeat(24, axis=0)])
    np.testing.assert_allclose(net.shares(pixels)[:8], net.shares(grown)[:8], atol=0.05)


def test_a_model_of_another_task_is_refused() -> None:
    with pytest.raises(ModelError, match="no model that finds objects"):
        Segmenting(store.resolve(None))


def test_it_cannot_analyse_photos(file: Path) -> None:
    with pytest.raises(ModelError, match="cannot analyse photos; choose another"):
        Engine(bundle.load(file), choice=cpu())


def test_the_shipped_finder_is_small_honest_and_not_in_the_list() -> None:
    path = paths.resources() / "models" / f"{NAME}.safetensors"
    assert path.stat().st_size <= 6 * 2**20
    shipped, _ = bundle.read_card(path)
    assert shipped.classes == ["background", "specimen", "cube", "plate", "other"]
    assert "rendered" in shipped.limitations
    assert "Apache-2.0" in shipped.licence
    assert path not in [entry.path for entry in store.available()]
    assert segmenting() is segmenting()


def test_a_missing_finder_is_said(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(paths, "resources", lambda: tmp_path)
    with pytest.raises(ModelError, match="install GeoView again"):
        segmenting()
