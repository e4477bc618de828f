"""FullGrad: the parts of a ReLU network add up to its logit (Srinivas and Fleuret 2019, eq. 4)."""

from __future__ import annotations

import pytest
import torch
from torch import Tensor, nn

from geoview.errors import ModelError
from geoview.explain.fullgrad import full_grad, full_gradients, is_cnn
from geoview.models.card import ModelCard, Preprocess
from geoview.models.output import ModelOutput
from geoview.models.registry import build

pytestmark = pytest.mark.usefixtures("one_core")


def network(backbone: str, *, architecture: str = "timm-classifier") -> nn.Module:
    """Random weights, and batch norms that have seen something."""
    torch.manual_seed(4)
    card = ModelCard(
        name="m",
        title="m",
        architecture=architecture,
        backbone=backbone,
        task="single-label",
        classes=["a", "b", "c"],
        thresholds=[0.5] * 3,
        preprocess=Preprocess(input_px=64),
    )
    module = build(card)
    for part in module.modules():
        if isinstance(part, nn.BatchNorm2d):
            nn.init.normal_(part.weight, 1, 0.2)
            nn.init.normal_(part.bias, 0, 0.2)
            nn.init.normal_(part.running_mean, 0, 0.2)
            nn.init.uniform_(part.running_var, 0.5, 1.5)
    return module


class Vgg(nn.Module):
    """Biases in the convolutions and in two linear layers, and ReLUs that work in place."""

    def __init__(self) -> None:
        super().__init__()
        torch.manual_seed(6)
        self.layers = nn.Sequential(
            nn.Conv2d(3, 8, 3, padding=1),
            nn.ReLU(inplace=True),
            nn.MaxPool2d(2),
            nn.Conv2d(8, 8, 3),
            nn.ReLU(inplace=True),
            nn.AdaptiveAvgPool2d(2),
            nn.Flatten(),
            nn.Linear(32, 16),
            nn.ReLU(inplace=True),
            nn.Linear(16, 3),
        )

    def forward(self, x: Tensor) -> ModelOutput:
        return ModelOutput(logits=self.layers(x))


# ResNet has timm's plain batch norms, DenseNet those with an activation inside (and in place).
@pytest.mark.parametrize("backbone", ["test_resnet", "densenet121", "vgg"])
def test_the_parts_add_up_to_the_logit(backbone: str) -> None:
    module = (Vgg() if backbone == "vgg" else network(backbone)).double()
    x = torch.randn(2, 3, 32, 32, dtype=torch.float64)
    with torch.no_grad():
        logits = module(x).logits
    for number, parts in zip([0, 2], full_gradients(module, x, [0, 2]), strict=True):
        pieces = [parts.of_input, *parts.of_biases]
        total = torch.stack([piece.flatten(1).sum(1) for piece in pieces]).sum(0)
        torch.testing.assert_close(total, logits[:, number], rtol=1e-6, atol=1e-9)
        # The biases matter here: the input alone would not do.
        assert not torch.allclose(parts.of_input.sum((1, 2, 3)), logits[:, number], rtol=1e-2)


def test_the_map_is_the_sum_of_all_absolute_parts_that_have_a_place() -> None:
    module = network("test_resnet")
    x = torch.randn(1, 3, 64, 64)
    got = full_grad(module, x, [1])
    (parts,) = full_gradients(module, x, [1])
    want = torch.zeros(1, 1, 16, 16)
    for part in (parts.of_input, *parts.of_biases):
        if part.dim() == 4:
            want += _resized(part.abs().sum(1, keepdim=True))
    torch.testing.assert_close(got, want, rtol=1e-4, atol=1e-6)


def _resized(values: Tensor) -> Tensor:
    side = values.shape[-1]
    if side >= 16:
        return values.unflatten(-1, (16, -1)).mean(-1).unflatten(-2, (16, -1)).mean(-2)
    return nn.functional.interpolate(values, size=(16, 16), mode="bilinear")


def test_a_class_that_says_nothing_has_no_evidence() -> None:
    module = network("test_resnet")
    with torch.no_grad():
        module.network.get_classifier().weight[1] = 0  # type: ignore[union-attr,index]
    maps = full_grad(module, torch.randn(1, 3, 64, 64), [0, 1])
    assert maps[:, 0].max() > 0
    assert maps[:, 1].max() == 0


@pytest.mark.parametrize(
    ("architecture", "backbone"),
    [
        ("timm-classifier", "test_vit"),
        ("timm-classifier", "test_convnext"),
        ("geolayer", "test_resnet"),
        ("ma-vit", "test_resnet"),
    ],
)
def test_networks_without_a_complete_form_are_refused(architecture: str, backbone: str) -> None:
    module = network(backbone, architecture=architecture)
    assert not is_cnn(module)
    with pytest.raises(ModelError, match="choose another method"):
        full_grad(module, torch.randn(1, 3, 64, 64), [0])


def test_the_network_is_left_as_it_was() -> None:
    module = network("densenet121")
    x = torch.randn(1, 3, 64, 64)
    with torch.no_grad():
        before = module(x).logits
        full_grad(module, x, [0])
        torch.testing.assert_close(module(x).logits, before, rtol=0, atol=0)
    assert not any(m._forward_hooks or m._forward_pre_hooks for m in module.modules())
    assert all(p.grad is None for p in module.parameters())
