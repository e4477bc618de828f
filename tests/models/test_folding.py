"""Folding changes how fast a network answers, not what it says."""

from __future__ import annotations

import copy

import pytest
import torch
from torch import nn

from geoview.models import mend_torchvision
from geoview.models.backbone import create_timm
from geoview.models.folding import evenly_padded, folded

mend_torchvision()
from timm.layers import Conv2dSame  # noqa: E402


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


def test_tensorflows_padding_without_copies_sees_the_same() -> None:
    module = _lived(create_timm("tf_efficientnet_lite0", input_px=64, num_classes=4))
    fast = evenly_padded(copy.deepcopy(module))
    x = torch.randn(2, 3, 64, 96)
    with torch.inference_mode():
        assert torch.allclose(module(x), fast(x), rtol=1e-5, atol=1e-6)
    kernels = {part.kernel_size for part in module.modules() if isinstance(part, Conv2dSame)}
    assert kernels == {(3, 3), (5, 5)}
    assert not any(isinstance(part, Conv2dSame) for part in fast.modules())


@pytest.mark.parametrize("options", [{"stride": 1}, {"stride": 2, "dilation": 2}])
def test_other_padding_stays(options: dict[str, int]) -> None:
    module = nn.Sequential(Conv2dSame(2, 2, 3, **options)).eval()
    x = torch.randn(1, 2, 10, 12)
    with torch.inference_mode():
        assert torch.equal(module(x), evenly_padded(copy.deepcopy(module))(x))
