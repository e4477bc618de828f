"""The object finder's network: any size, its own card, and never offered for analysing."""

from __future__ import annotations

import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np
import pytest
import torch

from geoview import paths
from geoview.errors import ModelError
from geoview.models import bundle, graph, store
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
    graph.save(tmp_path / "finder.safetensors", module=build(card()), card=card())
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


@pytest.mark.parametrize("shape", [(64, 64, 3), (64, 48, 3), (8, 64, 3)])
def test_the_graph_answers_as_the_network_does(file: Path, shape: tuple[int, int, int]) -> None:
    """Also where the coarsest grid is one cell high, of which another runtime makes noise."""
    pixels = np.random.default_rng(4).integers(0, 256, shape, np.uint8)
    preprocess = card().preprocess
    x = (pixels / np.float32(255) - np.float32(preprocess.mean)) / np.float32(preprocess.std)
    height, width = (-side % 32 for side in shape[:2])
    x = np.pad(x, ((0, height), (0, width), (0, 0)), mode="edge")
    with torch.inference_mode():
        batch = torch.from_numpy(x.transpose(2, 0, 1)[None].astype(np.float32))
        expected = bundle.load(file).module(batch).softmax(1)[0].permute(1, 2, 0).numpy()
    shares = Segmenting(file).shares(pixels)
    np.testing.assert_allclose(shares, expected[: shape[0] // 2, : shape[1] // 2], atol=1e-4)


def test_the_shipped_graph_is_that_of_the_shipped_model() -> None:
    path = paths.resources() / "models" / f"{NAME}.safetensors"
    x = np.random.default_rng(5).normal(size=(1, 3, 96, 64)).astype(np.float32)
    with torch.inference_mode():
        expected = bundle.load(path).module(torch.from_numpy(x)).softmax(1).numpy()
    (shares,) = segmenting()._session.run(None, {"pixels": x})
    np.testing.assert_allclose(shares, expected, atol=1e-4)


def test_several_threads_share_one(file: Path) -> None:
    net = Segmenting(file)
    pictures = np.random.default_rng(6).integers(0, 256, (6, 64, 48, 3), np.uint8)
    alone = [net.shares(pixels) for pixels in pictures]
    with ThreadPoolExecutor(3) as pool:
        for shares, expected in zip(pool.map(net.shares, pictures), alone, strict=True):
            np.testing.assert_array_equal(shares, expected)


def test_a_graph_that_is_damaged_missing_or_anothers_is_refused(file: Path) -> None:
    path = file.with_suffix(".onnx")
    whole = path.read_bytes()
    path.write_bytes(whole[:-1] + b"?")
    with pytest.raises(ModelError, match=r"finder\.onnx is damaged or belongs to another model"):
        Segmenting(file)
    path.unlink()
    with pytest.raises(ModelError, match="cannot be read"):
        Segmenting(file)


def test_measuring_imports_neither_torch_nor_timm() -> None:
    """They would take every process that measures seconds to start and hundreds of megabytes."""
    program = (
        "import sys, numpy as np\n"
        "from geoview.measure import tool\n"
        "from geoview.models.segmenting import segmenting\n"
        "segmenting().shares(np.zeros((40, 60, 3), np.uint8))\n"
        "print([name for name in ('torch', 'timm', 'transformers') if name in sys.modules])"
    )
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True)
    assert done.stdout.strip() == "[]", done.stderr


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
