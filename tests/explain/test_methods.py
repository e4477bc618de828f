"""Grad-CAM and the other maps against formulas written out here."""

import numpy as np
import pytest
import torch
from torch import Tensor, nn

from geoview.errors import ModelError
from geoview.explain.gradcam import grad_cam
from geoview.explain.gradients import to_grid
from geoview.explain.methods import METHODS, supported
from geoview.explain.names import TITLES
from geoview.models.card import ModelCard, Preprocess
from geoview.models.registry import build

CLASSES = ["a", "b", "c"]

pytestmark = pytest.mark.usefixtures("one_core")


def network(
    backbone: str,
    *,
    architecture: str = "timm-classifier",
    input_px: int = 160,
    **options: object,
) -> nn.Module:
    torch.manual_seed(2)
    card = ModelCard(
        name="m",
        title="m",
        architecture=architecture,
        backbone=backbone,
        task="multi-label",
        classes=CLASSES,
        thresholds=[0.5] * 3,
        preprocess=Preprocess(input_px=input_px),
        options=dict(options),
    )
    module = build(card)
    for parameter in module.parameters():
        if parameter.ndim > 1:
            nn.init.normal_(parameter, std=0.1)
    return module


def reference_cam(features: Tensor, head: nn.Module, number: int) -> np.ndarray:
    """Selvaraju et al., eq. 1 and 2, for features [C, h, w] with numerical gradients.

    The gradient is taken by central differences on the head, so nothing of the code under test
    (hooks, autograd) takes part.
    """
    features = features.double()
    c, h, w = features.shape
    weights = np.zeros(c)
    for channel in range(c):
        step = torch.zeros_like(features)
        step[channel] = 1e-4  # the mean gradient is the derivative of a shift of the channel
        with torch.no_grad():
            up, down = (float(head((features + s * step)[None])[0, number]) for s in (1, -1))
        weights[channel] = (up - down) / 2e-4 / (h * w)
    return np.maximum((weights[:, None, None] * features.numpy()).sum(0), 0)


def test_grad_cam_of_a_cnn_is_the_formula() -> None:
    module = network("test_resnet")
    x = torch.randn(2, 3, 160, 160)
    maps = grad_cam(module, x, [0, 2]).numpy()
    with torch.no_grad():
        features = module.network.forward_features(x)  # type: ignore[operator,union-attr]
    assert maps.shape == (2, 2, *features.shape[2:])
    assert maps.max() > 0
    head = module.double().network.forward_head  # type: ignore[operator,union-attr]
    for i in range(2):
        for k, number in enumerate((0, 2)):
            want = reference_cam(features[i], head, number)
            np.testing.assert_allclose(maps[i, k], want, rtol=1e-3, atol=1e-5 * want.max())


def test_grad_cam_of_a_vit_reads_its_patches_and_not_its_prefix() -> None:
    module = network("test_vit")
    x = torch.randn(1, 3, 160, 160)
    vit = module.network
    kept: dict[str, Tensor] = {}

    def keep(layer: nn.Module, args: object, output: Tensor) -> None:
        output.retain_grad()
        kept["a"] = output

    handle = vit.blocks[-1].norm1.register_forward_hook(keep)  # type: ignore[index,union-attr]
    vit(x)[0, 1].backward()
    handle.remove()
    a, g = kept["a"][0, 1:].detach(), kept["a"].grad[0, 1:]  # type: ignore[index]
    side = int(len(a) ** 0.5)
    want = (a @ g.mean(0)).clamp_min(0).reshape(side, side)
    got = grad_cam(module, x, [1])[0, 0]
    assert got.max() > 0
    torch.testing.assert_close(got, want, rtol=1e-3, atol=1e-6 * float(want.max()))


def test_a_model_is_left_as_it_was() -> None:
    module = network("test_resnet")
    x = torch.randn(1, 3, 160, 160)
    grad_cam(module, x, [0])
    assert all(not m._forward_hooks for m in module.modules())
    assert all(p.grad is None for p in module.parameters())
    assert torch.is_grad_enabled()


@pytest.mark.parametrize("layout", ["nchw", "nhwc", "tokens"])
def test_every_layout_gives_the_same_grid(layout: str) -> None:
    grid = torch.arange(2 * 5 * 3 * 3.0).reshape(2, 5, 3, 3)
    prefix = torch.full((2, 2, 5), -1.0)
    laid_out = {
        "nchw": grid,
        "nhwc": grid.permute(0, 2, 3, 1),
        "tokens": torch.cat([prefix, grid.flatten(2).transpose(1, 2)], 1),
    }[layout]
    assert torch.equal(to_grid(laid_out, layout=layout, num_prefix_tokens=2), grid)  # type: ignore[arg-type]


# Where Grad-CAM has to look: a classifier's ViT before its last block, all others at the end.
SWIN, DEIT = "swin_tiny_patch4_window7_224", "deit_tiny_distilled_patch16_224"
ENDS = {
    "test_resnet": ("layer4", "nchw"),
    SWIN: ("norm", "nhwc"),
    "test_vit": ("norm", "nhwc"),
    DEIT: ("norm", "nhwc"),
}
CLASSIFIER_ENDS = {
    **ENDS,
    "test_vit": ("blocks.5.norm1", "1 before the patches"),
    DEIT: ("blocks.11.norm1", "2 before the patches"),
}


@pytest.mark.parametrize("backbone", list(ENDS))
@pytest.mark.parametrize("architecture", ["timm-classifier", "ma-vit", "geolayer", "mineral-query"])
def test_grad_cam_of_every_architecture_is_the_formula(architecture: str, backbone: str) -> None:
    module = network(backbone, architecture=architecture)
    is_classifier = architecture in ("timm-classifier", "ma-vit")
    name, layout = (CLASSIFIER_ENDS if is_classifier else ENDS)[backbone]
    inside = "network." if is_classifier else "backbone.network."
    kept: list[Tensor] = []
    handle = module.get_submodule(inside + name).register_forward_hook(
        lambda layer, args, output: kept.append(output)
    )
    x = torch.randn(2, 3, 160, 160)
    logits = module(x).logits
    handle.remove()
    got = grad_cam(module, x, [0, 1, 2])
    assert got.max() > 0
    for number in range(3):
        (g,) = torch.autograd.grad(logits[:, number].sum(), kept, retain_graph=True)
        a, g = (_as_grid(t.detach(), layout) for t in (kept[0], g))
        want = torch.einsum("bchw,bc->bhw", a, g.mean((2, 3))).clamp_min(0)
        torch.testing.assert_close(
            got[:, number], want, rtol=1e-3, atol=1e-5 * float(a.abs().max())
        )


def _as_grid(x: Tensor, layout: str) -> Tensor:
    if layout == "nchw":
        return x
    if layout == "nhwc":
        return x.permute(0, 3, 1, 2)
    return x[:, int(layout[0]) :].transpose(1, 2).unflatten(-1, (10, 10))


CAMS = [
    "grad-cam",
    "grad-cam++",
    "layer-cam",
    "grad-cam-eigen",
    "grad-cam++-eigen",
    "layer-cam-eigen",
]
OF_VITS = [*CAMS, "eigen-cam", "attention-rollout"]


@pytest.mark.parametrize(
    ("architecture", "options", "offered"),
    [
        ("timm-classifier", {}, OF_VITS),
        ("geolayer", {}, ["cross-attention", *OF_VITS]),
        ("geolayer", {"area_head": True}, ["area-map", "cross-attention", *OF_VITS]),
        ("mineral-query", {}, ["cross-attention", *OF_VITS]),
        ("mineral-query", {"reshape": "paper"}, OF_VITS),
        ("ma-vit", {}, [*OF_VITS, "spatial-attention"]),
    ],
)
def test_every_architecture_offers_its_own_maps(
    architecture: str, options: dict[str, object], offered: list[str]
) -> None:
    px = 128 if "reshape" in options else 160
    module = network("test_vit", architecture=architecture, input_px=px, **options)
    assert supported(module) == offered
    for name in offered:
        maps = METHODS[name].maps(module, torch.randn(2, 3, px, px), [0, 2])
        assert maps.shape[:2] == (2, 2)
        assert maps.min() >= 0
        assert torch.isfinite(maps).all()


def test_every_method_has_a_title_and_a_place() -> None:
    assert set(METHODS) == set(TITLES)


@pytest.mark.parametrize(
    ("backbone", "offered"),
    [
        ("test_resnet", [*CAMS, "full-grad", "eigen-cam"]),
        ("test_mambaout", [*CAMS, "eigen-cam"]),
        ("test_convnext", [*CAMS, "eigen-cam"]),
    ],
)
def test_full_grad_is_for_cnns_with_batch_norm(backbone: str, offered: list[str]) -> None:
    assert supported(network(backbone, input_px=64)) == offered


def test_spatial_attention_is_what_every_pixel_is_multiplied_with() -> None:
    module = network("test_vit", architecture="ma-vit", attention="paper")
    x = torch.randn(2, 3, 160, 160)
    maps = METHODS["spatial-attention"].maps(module, x, [0, 1, 2])
    with torch.no_grad():
        scale = module.attention(x) / x  # type: ignore[operator]
    assert torch.equal(maps[:, 0], maps[:, 2])
    # A pixel's three channels share its weight: their ratios are those of the channels alone.
    ratio = scale / maps[:, :1]
    torch.testing.assert_close(ratio, ratio[:, :, :1, :1].expand_as(ratio), rtol=1e-3, atol=1e-4)


def test_a_method_that_does_not_fit_says_so() -> None:
    with pytest.raises(ModelError, match="choose another method"):
        METHODS["spatial-attention"].maps(network("test_vit"), torch.randn(1, 3, 160, 160), [0])


@pytest.mark.parametrize("backbone", ["test_vit", "test_resnet"])
@pytest.mark.parametrize("name", ["cross-attention", "grad-cam", "area-map"])
def test_every_method_works_for_geolayer(backbone: str, name: str) -> None:
    module = network(backbone, architecture="geolayer", area_head=True)
    maps = METHODS[name].maps(module, torch.randn(2, 3, 160, 160), [0, 1, 2])
    assert maps.shape[:2] == (2, 3)
    assert maps.min() >= 0
    assert torch.isfinite(maps).all()
    assert float(maps.std()) > 0


@pytest.mark.parametrize("architecture", ["geolayer", "mineral-query"])
def test_attention_is_the_networks_own_times_its_probability(architecture: str) -> None:
    module = network("test_vit", architecture=architecture)
    x = torch.randn(2, 3, 160, 160)
    maps = METHODS["cross-attention"].maps(module, x, [1])
    with torch.no_grad():
        probability = module(x).logits[:, 1].sigmoid()
    # An attention row adds up to 1, so the mean of the map is the tile's probability.
    torch.testing.assert_close(maps.mean((1, 2, 3)), probability, rtol=1e-4, atol=1e-6)
