"""Grids of features, and what of other weights a network takes over."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import torch
from safetensors.torch import load_file, save_file
from torch import Tensor, nn

from geoview.models import import_timm
from geoview.models.backbone import Backbone, transfer
from geoview.models.card import ModelCard, Preprocess
from geoview.models.registry import build

pytestmark = pytest.mark.usefixtures("one_core")

WEIGHTS = Path(__file__).resolve().parents[3] / "shared" / "weights"


def make(
    architecture: str, *, backbone: str = "test_vit", classes: int = 3, input_px: int = 64
) -> nn.Module:
    card = ModelCard(
        name="m",
        title="m",
        architecture=architecture,
        backbone=backbone,
        task="multi-label",
        classes=[f"class {i}" for i in range(classes)],
        thresholds=[0.5] * classes,
        preprocess=Preprocess(input_px=input_px),
    )
    return build(card)


def checkpoint(backbone: str, **kwargs: Any) -> dict[str, Tensor]:
    """The tensors of a timm network, all its own values."""
    torch.manual_seed(11)
    network = import_timm().create_model(backbone, pretrained=False, **kwargs)
    return dict(network.state_dict())


@pytest.mark.parametrize(
    "backbone",
    [
        "test_vit",
        "test_resnet",
        "test_convnext",
        "densenet121",
        "swin_tiny_patch4_window7_224",
        "resnetv2_50x1_bit",
    ],
)
def test_the_last_grid_is_what_timms_head_sees(backbone: str) -> None:
    """Also after the final norm, where the network has one before its pooling."""
    torch.manual_seed(1)
    module = Backbone(backbone, input_px=64).eval()
    only = Backbone(backbone, input_px=64, last_only=True).eval()
    only.load_state_dict(module.state_dict())
    x = torch.randn(2, 3, 64, 64)
    with torch.no_grad():
        grids = module(x)
        features = module.network.forward_features(x)  # type: ignore[operator]
        (last,) = only(x)
    if features.dim() == 3:
        features = features[:, 1:].transpose(1, 2).unflatten(-1, grids[-1].shape[-2:])
    elif features.shape[1] != grids[-1].shape[1]:
        features = features.permute(0, 3, 1, 2)
    torch.testing.assert_close(grids[-1], features, atol=1e-5, rtol=1e-4)
    torch.testing.assert_close(last, grids[-1])
    assert [g.shape[1] for g in grids] == module.dims
    assert only.dims == module.dims[-1:]


@pytest.mark.parametrize("backbone", ["test_vit", "test_resnet"])
@pytest.mark.parametrize("prefix", ["", "module.", "network."])
@pytest.mark.parametrize(
    ("architecture", "inside"),
    [
        ("timm-classifier", "network."),
        ("ma-vit", "network."),
        ("mineral-query", "backbone.network."),
        ("geolayer", "backbone.network."),
    ],
)
def test_a_timm_checkpoint_goes_into_every_architecture(
    architecture: str, inside: str, prefix: str, backbone: str
) -> None:
    tensors = checkpoint(backbone, img_size=64) if "vit" in backbone else checkpoint(backbone)
    module = make(architecture, backbone=backbone)
    before = {n: v.clone() for n, v in module.state_dict().items()}
    found = transfer(module, {prefix + n: v for n, v in tensors.items()})
    head = {n for n in tensors if n.startswith(("head.", "fc."))}
    assert set(found.used) == {prefix + n for n in tensors if n not in head}
    assert set(found.unused) == {prefix + n for n in head}
    own = module.state_dict()
    taken = {inside + n for n in tensors if n not in head}
    assert set(found.missing) == set(own) - taken
    for name in taken:
        torch.testing.assert_close(own[name], tensors[name.removeprefix(inside)])
    for name in found.missing:
        assert torch.equal(own[name], before[name])


def test_half_precision_and_whole_numbers() -> None:
    tensors = checkpoint("test_resnet")
    half = {n: v.half() if v.is_floating_point() else v + 7 for n, v in tensors.items()}
    module = make("timm-classifier", backbone="test_resnet")
    transfer(module, half)
    own = module.state_dict()
    assert own["network.conv1.0.weight"].dtype == torch.float32
    torch.testing.assert_close(
        own["network.conv1.0.weight"], tensors["conv1.0.weight"], atol=1e-3, rtol=1e-3
    )
    assert int(own["network.bn1.num_batches_tracked"]) == 7


@pytest.mark.parametrize("theirs", ["test_vit", "deit_tiny_distilled_patch16_224"])
def test_positions_of_another_size_are_resampled(theirs: str) -> None:
    tensors = checkpoint(theirs, img_size=96)
    prefix = 2 if "distilled" in theirs else 1
    ramp = torch.linspace(0, 1, 6)[None, :, None].expand(6, 6, tensors["pos_embed"].shape[-1])
    tensors["pos_embed"][0, prefix:] = ramp.flatten(0, 1)
    module = make("timm-classifier", backbone=theirs, input_px=128)
    found = transfer(module, tensors)
    assert "pos_embed" in found.used
    own = module.state_dict()["network.pos_embed"][0]
    assert torch.equal(own[:prefix], tensors["pos_embed"][0, :prefix])
    grid = own[prefix:].view(8, 8, -1)
    torch.testing.assert_close(grid, grid[:1].expand(8, -1, -1))  # still a ramp along x
    rising = grid[0, :, 0]
    assert bool((rising.diff() > 0.05).all())
    torch.testing.assert_close(rising + rising.flip(0), torch.ones(8), atol=1e-4, rtol=0)


def test_positions_that_do_not_fit_are_left_out() -> None:
    tensors = checkpoint("deit_tiny_distilled_patch16_224", img_size=96)
    module = make("timm-classifier", backbone="deit_tiny_patch16_224", input_px=64)
    found = transfer(module, tensors)
    assert {"pos_embed", "dist_token", "head_dist.weight"} <= set(found.unused)
    assert "blocks.3.attn.qkv.weight" in found.used


@pytest.mark.parametrize(
    ("theirs", "ours"),
    [("geolayer", "mineral-query"), ("mineral-query", "ma-vit"), ("timm-classifier", "geolayer")],
)
def test_the_network_of_another_geoview_model_is_found(theirs: str, ours: str) -> None:
    torch.manual_seed(5)
    source, target = make(theirs), make(ours, classes=4)
    found = transfer(target, source.state_dict())
    shared = {n.split("network.", 1)[1] for n in found.used}
    network = {n.split("network.", 1)[1] for n in source.state_dict() if "network." in n}
    assert shared == {n for n in network if not n.startswith("head.")}
    assert not [n for n in found.missing if "network." in n and ".head." not in n]


@pytest.mark.parametrize("architecture", ["geolayer", "mineral-query", "ma-vit"])
def test_the_same_architecture_takes_everything_but_other_classes(architecture: str) -> None:
    torch.manual_seed(5)
    source = make(architecture)
    twin, other = make(architecture), make(architecture, classes=5)
    found = transfer(twin, source.state_dict())
    assert (found.unused, found.missing) == ([], [])
    x = torch.randn(1, 3, 64, 64)
    with torch.no_grad():
        torch.testing.assert_close(twin(x).logits, source(x).logits)
    found = transfer(other, source.state_dict())
    assert found.unused == found.missing
    assert found.unused
    own, theirs = other.state_dict(), source.state_dict()
    assert all(own[n].shape != theirs[n].shape for n in found.unused)


def test_a_plain_timm_network_takes_weights_too(tmp_path: Path) -> None:
    tensors = checkpoint("test_vit")
    save_file(tensors, tmp_path / "w.safetensors")
    network = import_timm().create_model("test_vit", pretrained=False, num_classes=0)
    found = transfer(network, load_file(tmp_path / "w.safetensors"))
    assert sorted(found.unused) == ["head.bias", "head.weight"]
    assert len(found.used) == len(tensors) - 2


@pytest.mark.parametrize(
    ("backbone", "architecture"),
    [("mobilenetv2_100", "timm-classifier"), ("deit_tiny_patch16_224", "mineral-query")],
)
def test_published_weights_are_taken_whole(backbone: str, architecture: str) -> None:
    path = WEIGHTS / f"{backbone}.safetensors"
    if not path.exists():
        pytest.skip("the published weights are not here")
    found = transfer(make(architecture, backbone=backbone, input_px=96), load_file(path))
    assert all(n.startswith(("classifier.", "head.")) for n in found.unused)
    inside = [n for n in found.missing if "network." in n]
    assert all(n.endswith("num_batches_tracked") or ".classifier." in n for n in inside)
