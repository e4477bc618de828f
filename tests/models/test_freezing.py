"""Gradients exist and statistics move exactly where a freezing mode lets them."""

from __future__ import annotations

import copy
from typing import Any

import pytest
import torch
from torch import Tensor, nn

from geoview.errors import ModelError
from geoview.models.card import ModelCard, Preprocess
from geoview.models.freezing import Mode, freeze, pretrained_part
from geoview.models.registry import build

pytestmark = pytest.mark.usefixtures("one_core")

# What the last stage of each network is, and its head, by timm's names.
LAST = {
    "resnet10t": (("layer4.",), ("fc.",)),
    "densenet121": (("features.denseblock4.", "features.norm5."), ("classifier.",)),
    "mobilenetv2_100": (("blocks.6.", "conv_head.", "bn2."), ("classifier.",)),
    "vit_tiny_patch16_224": (("blocks.9.", "blocks.10.", "blocks.11.", "norm."), ("head.",)),
    "deit_tiny_distilled_patch16_224": (
        ("blocks.9.", "blocks.10.", "blocks.11.", "norm."),
        ("head.", "head_dist."),
    ),
}
CNNS = ["resnet10t", "densenet121", "mobilenetv2_100"]
MODES: list[Mode] = ["none", "partly", "head-only", "frozen"]


def make(
    backbone: str, *, mode: Mode = "none", architecture: str = "timm-classifier", **options: Any
) -> nn.Module:
    torch.manual_seed(3)
    card = ModelCard(
        name="rocks",
        title="rocks",
        architecture=architecture,
        backbone=backbone,
        task="single-label",
        classes=["basalt", "granite"],
        thresholds=[0.5] * 2,
        preprocess=Preprocess(input_px=32),
        options=options,
    )
    module = build(card)
    freeze(module, mode=mode, pretrained_part=pretrained_part(module))
    return module.train()


def step(module: nn.Module) -> None:
    module(torch.randn(3, 3, 32, 32)).logits.square().sum().backward()


def statistics(network: nn.Module) -> dict[str, Tensor]:
    return {n: b.clone() for n, b in network.named_buffers() if "running" in n}


def moved(network: nn.Module, before: dict[str, Tensor]) -> set[str]:
    return {n for n, b in statistics(network).items() if not torch.equal(b, before[n])}


@pytest.mark.parametrize("mode", MODES)
@pytest.mark.parametrize("backbone", LAST)
def test_gradients_exist_exactly_where_something_learns(backbone: str, mode: Mode) -> None:
    module = make(backbone, mode=mode)
    step(module)
    network = pretrained_part(module)
    stage, head = LAST[backbone]
    learning = {"none": ("",), "partly": (*stage, *head)}.get(mode, head)
    want = {n for n, _ in network.named_parameters() if n.startswith(learning)}
    assert {n for n, p in network.named_parameters() if p.grad is not None} == want


@pytest.mark.parametrize("backbone", CNNS)
def test_statistics_move_where_they_may(backbone: str) -> None:
    stage, _ = LAST[backbone]
    expected = {"none": ("",), "head-only": ("",), "partly": stage, "frozen": ("nothing",)}
    for mode in MODES:
        module = make(backbone, mode=mode)
        network = pretrained_part(module)
        before = statistics(network)
        step(module)
        want = {n for n in before if n.startswith(expected[mode])}
        assert moved(network, before) == want, mode
        module.eval()
        before = statistics(network)
        step(module)
        assert moved(network, before) == set(), mode


@pytest.mark.parametrize(
    ("architecture", "outside"),
    [
        ("geolayer", ("fusion.", "graph.", "classifier", "label_embeddings")),
        ("mineral-query", ("features.", "decoder.", "classifier", "bias", "label_embeddings")),
        ("ma-vit", ("attention.",)),
    ],
)
@pytest.mark.parametrize("backbone", ["test_resnet", "test_vit"])
def test_every_architecture_has_a_pretrained_part(
    architecture: str, outside: tuple[str, ...], backbone: str
) -> None:
    module = make(backbone, mode="frozen", architecture=architecture)
    network = pretrained_part(module)
    assert hasattr(network, "forward_features")
    before = statistics(network)
    step(module)
    assert moved(network, before) == set()
    learned = {n for n, p in module.named_parameters() if p.grad is not None}
    assert all(any(n.startswith(part) for n in learned) for part in outside)
    inside = {n for n in learned if "network." in n}
    assert all(".head." in n or ".fc." in n for n in inside)
    assert bool(inside) == (architecture == "ma-vit")


@pytest.mark.parametrize("mode", ["frozen", "head-only"])
def test_frozen_parts_do_without_chance_but_the_head_keeps_its_dropout(mode: Mode) -> None:
    quiet = make("vit_tiny_patch16_224", mode=mode, drop_path=0.9)
    loud = make("vit_tiny_patch16_224", mode=mode, drop_rate=0.5)
    x = torch.randn(3, 3, 32, 32)
    with torch.no_grad():
        assert torch.equal(quiet(x).logits, quiet(x).logits)
        assert not torch.equal(loud(x).logits, loud(x).logits)


def test_partly_frozen_blocks_are_quiet_and_the_others_are_not() -> None:
    module = make("vit_tiny_patch16_224", mode="partly", drop_path=0.5)
    network: Any = pretrained_part(module)
    assert [block.training for block in network.blocks] == [False] * 9 + [True] * 3


def test_a_copy_has_a_mode_of_its_own() -> None:
    """A moving average of the weights is a copy that stays in evaluation mode."""
    module: Any = make("resnet10t", mode="head-only").eval()
    copied: Any = copy.deepcopy(module).train()
    assert not any(m.training for m in module.modules())
    assert copied.network.training
    assert copied.network.layer1[0].bn1.training
    assert not copied.network.layer1[0].training


def test_it_acts_at_once() -> None:
    module: Any = make("resnet10t")
    assert module.network.bn1.training
    freeze(module, mode="frozen", pretrained_part=pretrained_part(module))
    assert not module.network.bn1.training
    assert module.network.training


def test_vgg_learns_its_affine_layers_and_one_convolution() -> None:
    """P3, section 5: "all layers except for all the affine layers as well as a convolutional"."""
    with torch.device("meta"):
        module = make("vgg11_bn", mode="partly")
    learning = {n.rsplit(".", 1)[0] for n, p in module.named_parameters() if p.requires_grad}
    names = ("features.25", "features.26", "pre_logits.fc1", "pre_logits.fc2", "head.fc")
    assert learning == {f"network.{name}" for name in names}


def test_a_network_without_stages_says_so() -> None:
    plain = nn.Sequential(nn.Linear(2, 2))
    with pytest.raises(ModelError, match="does not tell its stages"):
        freeze(plain, mode="partly", pretrained_part=plain)
