"""Hundreds of heatmaps leave nothing behind."""

from __future__ import annotations

import gc
from collections import Counter

import psutil
import pytest
import torch
from torch import Tensor, nn

from geoview.explain.methods import METHODS, supported
from geoview.models.card import ModelCard, Preprocess
from geoview.models.registry import build

pytestmark = pytest.mark.usefixtures("one_core")

PX = 32


def network(backbone: str) -> nn.Module:
    card = ModelCard(
        name="m",
        title="m",
        architecture="timm-classifier",
        backbone=backbone,
        task="multi-label",
        classes=["a", "b", "c"],
        thresholds=[0.5] * 3,
        preprocess=Preprocess(input_px=PX),
    )
    return build(card)


def tensors() -> Counter[tuple[int, ...]]:
    return Counter(tuple(o.shape) for o in gc.get_objects() if type(o) in (Tensor, nn.Parameter))


def hooks(module: nn.Module) -> int:
    return sum(len(m._forward_hooks) + len(m._forward_pre_hooks) for m in module.modules())


@pytest.mark.parametrize("backbone", ["test_vit", "test_resnet"])
def test_no_method_keeps_a_tensor_a_hook_or_a_graph(backbone: str) -> None:
    module, x = network(backbone), torch.randn(1, 3, PX, PX)
    for name in supported(module):
        METHODS[name].maps(module, x, [0, 1])
    gc.collect()
    before = tensors()
    gc.disable()
    try:
        for name in supported(module):
            assert not METHODS[name].maps(module, x, [0, 1]).requires_grad, name
            # Without the collector's help: a cycle would keep a whole graph until it comes.
            assert tensors() == before, name
    finally:
        gc.enable()
    assert hooks(module) == 0
    assert all(p.grad is None for p in module.parameters())


def test_memory_is_flat_over_500_maps() -> None:
    module, x = network("test_vit"), torch.randn(1, 3, PX, PX)
    process = psutil.Process()

    def explain(times: int) -> int:
        for _ in range(times):
            METHODS["grad-cam"].maps(module, x, [0, 1, 2])
        return process.memory_info().rss

    settled = explain(100)
    # A leak of one map's activations alone, of 4 kB or more, would show 2 MB.
    assert explain(500) - settled < 2 * 2**20
