"""Every map of activations and gradients against pytorch-grad-cam, one class at a time."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
import torch
from torch import Tensor, nn

from geoview.explain import cls_tail
from geoview.explain.methods import METHODS
from geoview.models import mend_torchvision
from geoview.models.card import ModelCard, Preprocess
from geoview.models.registry import build

mend_torchvision()
cams = pytest.importorskip("pytorch_grad_cam")

pytestmark = pytest.mark.usefixtures("one_core")

CLASSES = ["a", "b", "c"]
NUMBERS = [0, 2]
# Architecture, backbone and input. The last two ViTs have four registers, and an average pool.
NETWORKS = {
    "resnet": ("timm-classifier", "test_resnet", 64),
    "densenet": ("timm-classifier", "densenet121", 64),
    "vit": ("timm-classifier", "test_vit", 64),
    "deit, two prefix tokens": ("timm-classifier", "deit_tiny_distilled_patch16_224", 64),
    "swin": ("timm-classifier", "swin_tiny_patch4_window7_224", 64),
    "vit, average": ("timm-classifier", "test_vit2", 64),
    "registers": ("timm-classifier", "vit_small_patch14_reg4_dinov2", 56),
    "geolayer": ("geolayer", "test_vit", 64),
    "geolayer on a cnn": ("geolayer", "test_resnet", 64),
    "mineral-query": ("mineral-query", "test_vit", 64),
    "mineral-query on a cnn": ("mineral-query", "test_resnet", 64),
}
ORACLES = {
    "grad-cam": ("GradCAM", False),
    "grad-cam++": ("GradCAMPlusPlus", False),
    "layer-cam": ("LayerCAM", False),
    "grad-cam-eigen": ("GradCAM", True),
    "grad-cam++-eigen": ("GradCAMPlusPlus", True),
    "layer-cam-eigen": ("LayerCAM", True),
    "eigen-cam": ("EigenCAM", False),
}


class Logits(nn.Module):
    def __init__(self, module: nn.Module) -> None:
        super().__init__()
        self.module = module

    def forward(self, x: Tensor) -> Tensor:
        return self.module(x).logits


@pytest.fixture(scope="module")
def networks() -> Callable[[str], tuple[nn.Module, Tensor]]:
    """A network by its key, built once, and two inputs for it."""
    built: dict[str, tuple[nn.Module, Tensor]] = {}

    def get(key: str) -> tuple[nn.Module, Tensor]:
        if key not in built:
            built[key] = make(*NETWORKS[key])
        return built[key]

    return get


def make(architecture: str, backbone: str, input_px: int) -> tuple[nn.Module, Tensor]:
    torch.manual_seed(3)
    card = ModelCard(
        name="m",
        title="m",
        architecture=architecture,
        backbone=backbone,
        task="multi-label",
        classes=CLASSES,
        thresholds=[0.5] * 3,
        preprocess=Preprocess(input_px=input_px),
    )
    module = build(card)
    for name, parameter in module.named_parameters():
        if "head" in name and parameter.ndim == 2:
            nn.init.normal_(parameter, std=1.0)
    return module, torch.randn(2, 3, input_px, input_px)


def theirs(module: nn.Module, x: Tensor, name: str, *, both_signs: bool = False) -> np.ndarray:
    """pytorch-grad-cam's grid before it is normalised and enlarged, [B, k, h, w]."""
    kind, eigen = ORACLES[name]
    layout, prefix = module.cam_layout, module.num_prefix_tokens

    def grid(features: Tensor) -> Tensor:
        if layout == "nhwc":
            return features.permute(0, 3, 1, 2)
        side = round((features.shape[1] - prefix) ** 0.5)
        return features[:, prefix:].transpose(1, 2).unflatten(-1, (side, side))

    transform = None if layout == "nchw" else grid
    cam = getattr(cams, kind)(Logits(module), [module.cam_target], reshape_transform=transform)
    found = []
    cam.aggregate_multi_layers = lambda layers: layers
    for number in NUMBERS:
        targets = [cams.utils.model_targets.ClassifierOutputTarget(number)] * len(x)
        outputs = cam.activations_and_grads(x)
        module.zero_grad()
        sum(t(o) for t, o in zip(targets, outputs, strict=True)).backward()
        a, g = (
            v[0].numpy()
            for v in (cam.activations_and_grads.activations, cam.activations_and_grads.gradients)
        )
        found.append(cam.get_cam_image(x, module.cam_target, targets, a, g, eigen))
    cam.activations_and_grads.release()
    module.zero_grad(set_to_none=True)
    return np.stack(found, 1)


@pytest.mark.parametrize("key", NETWORKS)
def test_maps_are_those_of_pytorch_grad_cam(
    key: str, networks: Callable[[str], tuple[nn.Module, Tensor]]
) -> None:
    module, x = networks(key)
    for name in ORACLES:
        got = METHODS[name].maps(module, x, NUMBERS).numpy()
        want = theirs(module, x, name)
        if "eigen" not in name:
            want = np.maximum(want, 0)
        else:
            want = _same_sign(want, got)
        limit = 1e-4 * np.abs(want).max((2, 3), keepdims=True) + 1e-12
        assert got.shape == want.shape
        assert (np.abs(got - want) <= limit).all(), name


def _same_sign(want: np.ndarray, got: np.ndarray) -> np.ndarray:
    """The sign of a principal component is arbitrary there; here it follows the evidence."""
    agreement = ((want * got).sum((2, 3), keepdims=True) < 0) * -2 + 1
    empty = got.max((2, 3), keepdims=True) == 0
    return np.where(empty, 0, np.maximum(want * agreement, 0))


@pytest.mark.parametrize("key", ["vit", "deit, two prefix tokens", "registers"])
def test_the_short_way_through_the_last_block_is_exact(
    key: str, networks: Callable[[str], tuple[nn.Module, Tensor]], monkeypatch: pytest.MonkeyPatch
) -> None:
    module, x = networks(key)
    assert cls_tail.fits(module)
    short = METHODS["layer-cam"].maps(module, x, [0, 1, 2])
    monkeypatch.setattr(cls_tail, "fits", lambda module: False)
    long = METHODS["layer-cam"].maps(module, x, [0, 1, 2])
    torch.testing.assert_close(short, long, rtol=1e-4, atol=1e-6 * float(long.max()))


def test_the_short_way_is_only_for_what_it_knows(
    networks: Callable[[str], tuple[nn.Module, Tensor]],
) -> None:
    assert not any(cls_tail.fits(networks(k)[0]) for k in ("vit, average", "swin", "geolayer"))


def test_the_backbone_runs_once_whatever_the_number_of_classes(
    networks: Callable[[str], tuple[nn.Module, Tensor]],
) -> None:
    module, x = networks("vit")
    passes: list[Any] = []
    network: Any = module.network
    handle = network.patch_embed.register_forward_hook(lambda *args: passes.append(args))
    METHODS["grad-cam"].maps(module, x, [0, 1, 2])
    handle.remove()
    assert len(passes) == 1


def test_chunks_of_classes_give_the_same_maps(
    networks: Callable[[str], tuple[nn.Module, Tensor]], monkeypatch: pytest.MonkeyPatch
) -> None:
    module, x = networks("vit")
    whole = METHODS["grad-cam++"].maps(module, x, [0, 1, 2])
    monkeypatch.setattr("geoview.explain.gradients.CHUNK_VALUES", 1)
    torch.testing.assert_close(METHODS["grad-cam++"].maps(module, x, [0, 1, 2]), whole)
