"""CBAM against the formulas of Woo et al., and what it does to a network behind it."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
import torch
from scipy.ndimage import correlate

from geoview.errors import ModelError
from geoview.models.card import ModelCard, Preprocess
from geoview.models.cbam import Cbam
from geoview.models.ma_vit import MaVit
from geoview.models.registry import build

pytestmark = pytest.mark.usefixtures("one_core")


def make(architecture: str = "ma-vit", *, backbone: str = "test_vit", **options: Any) -> MaVit:
    torch.manual_seed(3)
    card = ModelCard(
        name="ores",
        title="ores",
        architecture=architecture,
        backbone=backbone,
        task="single-label",
        classes=["quartz", "pyrite"],
        thresholds=[0.5] * 2,
        preprocess=Preprocess(input_px=64),
        options=options,
    )
    return build(card)  # type: ignore[return-value]


def sigmoid(x: np.ndarray) -> np.ndarray:
    return 1 / (1 + np.exp(-x))


def reference(x: np.ndarray, cbam: Cbam) -> tuple[np.ndarray, np.ndarray]:
    """Woo et al. 2018, eq. 1 to 3, for one x [C, h, w]: the output and the map of places."""
    w0 = cbam.channel.squeeze.weight.detach().double().numpy()
    w1 = cbam.channel.expand.weight.detach().double().numpy()
    kernels = cbam.spatial.convolution.weight.detach().double().numpy()[0]

    def mlp(pooled: np.ndarray) -> np.ndarray:
        return w1 @ np.maximum(w0 @ pooled, 0)

    channels = sigmoid(mlp(x.mean((1, 2))) + mlp(x.max((1, 2))))
    x = x * channels[:, None, None]
    pooled = (x.mean(0), x.max(0))
    scores = sum(correlate(p, k, mode="constant") for p, k in zip(pooled, kernels, strict=True))
    return x * sigmoid(scores), sigmoid(scores)


@pytest.mark.parametrize(("channels", "reduction", "kernel"), [(3, 1, 7), (8, 4, 3)])
def test_the_published_form_is_the_formula(channels: int, reduction: int, kernel: int) -> None:
    torch.manual_seed(7)
    cbam = Cbam(channels, reduction=reduction, kernel=kernel, from_one=False)
    assert cbam.channel.squeeze.out_features == channels // reduction
    for parameter in cbam.parameters():
        torch.nn.init.normal_(parameter)
    x = torch.randn(2, channels, 11, 13)
    with torch.no_grad():
        got, places = cbam(x), cbam.spatial_map(x)
    for i in range(2):
        want, where = reference(x[i].double().numpy(), cbam)
        np.testing.assert_allclose(got[i], want, atol=1e-5)
        np.testing.assert_allclose(places[i, 0], where, atol=1e-5)


def test_three_channels_are_never_reduced_to_none() -> None:
    cbam = Cbam(3, reduction=16, kernel=3, from_one=True)
    assert cbam.channel.squeeze.out_features == 1


def test_training_begins_with_the_plain_network() -> None:
    model, plain = make(), make("timm-classifier")
    plain.network.load_state_dict(model.network.state_dict())
    x = torch.randn(2, 3, 64, 64)
    with torch.no_grad():
        torch.testing.assert_close(model(x).logits, plain(x).logits)
        published = make(attention="paper")
        published.network.load_state_dict(model.network.state_dict())
        dimmed = published.attention(x)
    assert 0.1 < float((dimmed / x).mean()) < 0.5


@pytest.mark.parametrize("attention", ["from-one", "paper"])
def test_the_attention_learns_to_suppress(attention: str) -> None:
    model = make(attention=attention)
    x = torch.randn(4, 3, 64, 64)
    with torch.no_grad():
        start = float(model.spatial_attention(x).mean())
    optimiser = torch.optim.Adam(model.attention.parameters(), lr=0.05)
    for _ in range(5):
        optimiser.zero_grad()
        model.attention(x).square().mean().backward()
        optimiser.step()
    with torch.no_grad():
        assert float(model.spatial_attention(x).mean()) < start - 0.02


def test_the_papers_options_and_no_others() -> None:
    model = make(attention="paper", drop_path=0.1, drop_rate=0.1, photo_probability="mean")
    rates = [m.drop_prob for m in model.modules() if type(m).__name__ == "DropPath"]
    assert max(rates) == pytest.approx(0.1)
    for wrong in ({"kernel": 4}, {"attention": "none"}, {"heads": 2}):
        with pytest.raises(ModelError, match=f"wrong option “{next(iter(wrong))}”"):
            make(**wrong)


@pytest.mark.parametrize("backbone", ["test_resnet", "deit_tiny_distilled_patch16_224"])
def test_any_classifier_may_stand_behind_it(backbone: str) -> None:
    model = make(backbone=backbone)
    with torch.no_grad():
        assert model(torch.randn(1, 3, 64, 64)).logits.shape == (1, 2)
