"""Folding changes how fast a network answers, not what it says."""

from __future__ import annotations

import copy

import pytest
import torch
from torch import nn

from geoview.models.backbone import create_timm
from geoview.models.folding import folded


def _lived(module: nn.Module) -> nn.Module:
    """With statistics and factors as after a training."""
    torch.manual_seed(3)
    for part in module.modules():
        if isinstance(part, nn.BatchNorm2d):
            nn.init.normal_(part.running_mean, std=0.3)
            nn.init.uniform_(part.running_var, 0.5, 2)
            nn.init.uniform_(part.weight, 0.5, 2)
            nn.init.normal_(part.bias, std=0.3)
    return module.eval()


@pytest.mark.parametrize("name", ["mobilenetv2_035", "resnet18"])
def test_a_folded_network_answers_as_before(name: str) -> None:
    module = _lived(create_timm(name, input_px=64, num_classes=4))
    x = torch.randn(2, 3, 64, 64)
    with torch.inference_mode():
        before = module(x)
        fast = folded(copy.deepcopy(module))
        after = fast(x)
    assert not any(isinstance(m, nn.BatchNorm2d) for m in fast.modules())
    assert torch.allclose(before, after, rtol=1e-3, atol=1e-3 * before.abs().max())


def test_a_normalisation_of_its_own_stays() -> None:
    module = _lived(nn.Sequential(nn.BatchNorm2d(3), nn.Conv2d(3, 4, 1), nn.ReLU()))
    x = torch.randn(1, 3, 8, 8)
    with torch.inference_mode():
        before = module(x)
        assert torch.allclose(before, folded(module)(x))
    assert isinstance(module[0], nn.BatchNorm2d)
