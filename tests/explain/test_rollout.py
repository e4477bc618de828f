"""Attention rollout against the formula with timm's unfused attention."""

from __future__ import annotations

from typing import Any

import pytest
import torch
from torch import Tensor, nn

from geoview.errors import ModelError
from geoview.explain.rollout import attention_rollout, is_vit
from geoview.models.card import ModelCard, Preprocess
from geoview.models.registry import build

pytestmark = pytest.mark.usefixtures("one_core")


def network(backbone: str, *, architecture: str = "timm-classifier", input_px: int = 64) -> Any:
    torch.manual_seed(5)
    card = ModelCard(
        name="m",
        title="m",
        architecture=architecture,
        backbone=backbone,
        task="multi-label",
        classes=["a", "b"],
        thresholds=[0.5] * 2,
        preprocess=Preprocess(input_px=input_px),
    )
    module = build(card)
    for parameter in module.parameters():
        if parameter.ndim > 1:
            nn.init.normal_(parameter, std=0.15)
    return module


def reference(network: Any, x: Tensor) -> Tensor:
    """Abnar and Zuidema, section 3: Ã_i = (A + I) / 2, rollout = Ã_n … Ã_1."""
    kept: list[Tensor] = []
    handles = [
        block.attn.attn_drop.register_forward_hook(lambda layer, args, out: kept.append(args[0]))
        for block in network.blocks
    ]
    for block in network.blocks:
        block.attn.fused_attn = False
    with torch.no_grad():
        network(x)
    for block, handle in zip(network.blocks, handles, strict=True):
        block.attn.fused_attn = True
        handle.remove()
    total = torch.eye(kept[0].shape[-1])
    for weights in kept:
        total = (0.5 * weights.mean(1) + 0.5 * torch.eye(weights.shape[-1])) @ total
    return total


# (backbone, input, tokens before the patches, the rows that the head reads)
VITS = [
    ("test_vit", 64, 1, slice(0, 1)),
    ("deit_tiny_distilled_patch16_224", 64, 2, slice(0, 2)),
    ("vit_small_patch14_reg4_dinov2", 56, 5, slice(0, 1)),
    ("test_vit2", 64, 1, slice(1, None)),
]


@pytest.mark.parametrize(("backbone", "px", "prefix", "rows"), VITS)
def test_rollout_is_the_formula(backbone: str, px: int, prefix: int, rows: slice) -> None:
    module = network(backbone, input_px=px)
    x = torch.randn(2, 3, px, px)
    got = attention_rollout(module, x, [0, 1])
    want = reference(module.network, x)[:, rows].mean(1)[:, prefix:]
    torch.testing.assert_close(got[:, 0].flatten(1), want * want.shape[1], rtol=1e-4, atol=1e-5)
    assert torch.equal(got[:, 0], got[:, 1])
    assert got.std() > 0


@pytest.mark.parametrize("architecture", ["geolayer", "mineral-query"])
def test_label_networks_read_the_patches(architecture: str) -> None:
    module = network("test_vit", architecture=architecture)
    maps = attention_rollout(module, torch.randn(1, 3, 64, 64), [0])
    assert maps.shape == (1, 1, 4, 4)
    want = reference(module.backbone.network, torch.zeros(1, 3, 64, 64)).shape[-1] - 1
    assert maps[0, 0].numel() == want


def test_other_networks_are_refused() -> None:
    module = network("test_resnet")
    assert not is_vit(module)
    with pytest.raises(ModelError, match="choose another method"):
        attention_rollout(module, torch.randn(1, 3, 64, 64), [0])
    assert not is_vit(network("swin_tiny_patch4_window7_224"))
