"""The classifier is timm's own network, and where its Grad-CAM is read."""

from __future__ import annotations

from typing import Any

import pytest
import torch

from geoview.errors import ModelError
from geoview.models.card import ModelCard, Preprocess
from geoview.models.registry import build
from geoview.models.timm_classifier import TimmClassifier

pytestmark = pytest.mark.usefixtures("one_core")


def make(backbone: str, **options: Any) -> TimmClassifier:
    torch.manual_seed(3)
    card = ModelCard(
        name="rocks",
        title="rocks",
        architecture="timm-classifier",
        backbone=backbone,
        task="single-label",
        classes=["basalt", "granite", "gabbro"],
        thresholds=[0.5] * 3,
        preprocess=Preprocess(input_px=64),
        options=options,
    )
    model = build(card)
    assert isinstance(model, TimmClassifier)
    return model


@pytest.mark.parametrize(
    ("backbone", "layout", "prefix", "target"),
    [
        ("test_resnet", "nchw", 0, "tap"),
        ("test_mambaout", "nhwc", 0, "tap"),
        ("test_vit", "tokens", 1, "network.blocks.5.norm1"),
        ("test_vit2", "tokens", 1, "network.blocks.7"),
        ("deit_tiny_distilled_patch16_224", "tokens", 2, "network.blocks.11.norm1"),
    ],
)
def test_logits_are_timms_and_grad_cam_knows_its_place(
    backbone: str, layout: str, prefix: int, target: str
) -> None:
    model = make(backbone)
    x = torch.randn(2, 3, 64, 64)
    with torch.no_grad():
        torch.testing.assert_close(model(x).logits, model.network(x))
    assert (model.cam_layout, model.num_prefix_tokens) == (layout, prefix)
    assert model.cam_target is model.get_submodule(target)
    assert set(model.state_dict()) == {f"network.{name}" for name in model.network.state_dict()}


def test_options_reach_the_network() -> None:
    model = make("resnet10t", drop_rate=0.3, drop_path=0.2)
    assert model.network.drop_rate == 0.3
    rates = [m.drop_prob for m in model.modules() if type(m).__name__ == "DropPath"]
    assert max(rates) == pytest.approx(0.2)
    assert make("resnet10t", photo_probability="mean").network.drop_rate == 0


@pytest.mark.parametrize(
    ("backbone", "options", "said"),
    [
        ("test_resnet", {"dropout": 0.1}, "has a wrong option “dropout”"),
        ("test_resnet", {"drop_rate": -0.1}, "has a wrong option “drop_rate”"),
        ("no_such_network", {}, "“no_such_network” is not known"),
        ("densenet121", {"drop_path": 0.1}, "“densenet121” cannot be built so: .*drop_path_rate"),
    ],
)
def test_what_cannot_be_is_said(backbone: str, options: dict[str, Any], said: str) -> None:
    with pytest.raises(ModelError, match=said):
        make(backbone, **options)
