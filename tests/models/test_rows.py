"""Rows of classes and layers of another model: each to its own name, whatever the order."""

from __future__ import annotations

from typing import Any

import pytest
import torch
from torch import nn

from geoview.models.backbone import transfer
from geoview.models.card import ModelCard, Preprocess
from geoview.models.registry import build
from geoview.models.rows import Places
from geoview.training.matching import same

pytestmark = pytest.mark.usefixtures("one_core")

NAMES = ["calcite", "gypsum", "pyrite", "quartz"]
OTHERS = {
    "reversed": NAMES[::-1],
    "extended": ["azurite", *NAMES[::-1], "topaz"],
    "reduced": ["quartz", "gypsum"],
}
TOWER = {
    "hidden_size": 16, "intermediate_size": 16, "num_hidden_layers": 1, "num_attention_heads": 2,
    "patch_size": 8, "image_size": 64, "hidden_act": "gelu", "layer_norm_eps": 1e-5,
}  # fmt: skip
EVERYTHING: dict[str, dict[str, Any]] = {
    "timm-classifier": {},
    "ma-vit": {},
    "mineral-query": {"dim": 16},
    "geolayer": {"area_head": True, "area_evidence": True},
    "clip-zero-shot": {"family": "siglip", "tower": TOWER, "dim": 16},
    "fpn-segmenter": {},
}
# Labels that do not look at one another: each logit depends on its own class only.
ALONE: dict[str, dict[str, Any]] = {
    "timm-classifier": {},
    "ma-vit": {},
    "geolayer": {"cooccurrence": False, "proportion_guidance": False, "area_head": True},
    "clip-zero-shot": EVERYTHING["clip-zero-shot"],
    "fpn-segmenter": {},
}
# Those that do give the same numbers in another order.
IN_ANY_ORDER = [(name, "reversed", options) for name, options in EVERYTHING.items()]
EXACT = IN_ANY_ORDER + [
    (name, change, options) for name, options in ALONE.items() for change in ("extended", "reduced")
]


def make(
    architecture: str,
    classes: list[str],
    *,
    layers: tuple[str, ...] = (),
    backbone: str = "test_resnet",
    **options: Any,
) -> nn.Module:
    """A network all of whose values differ, priors and running statistics too."""
    if layers:
        options["num_layers"] = len(layers)
    segments = architecture == "fpn-segmenter"
    card = ModelCard(
        name="m", title="m", architecture=architecture,
        backbone="mobilenetv3_small_050" if segments else backbone,
        task="segmentation" if segments else "multi-label", classes=classes, layers=list(layers),
        thresholds=[0.5] * len(classes), preprocess=Preprocess(input_px=64), options=options,
    )  # fmt: skip
    module = build(card)
    with torch.no_grad():
        for value in module.state_dict().values():
            if value.is_floating_point():
                value.copy_(value + torch.rand(value.shape) * 0.1)
    return module


def moved(source: nn.Module, target: nn.Module, *, classes: list[str]) -> Any:
    places = Places(same(classes, NAMES), len(NAMES))
    layers = Places((0, 1, 2, 3), 4)  # as many as a geolayer has without names
    return transfer(target, source.state_dict(), places={"class": places, "layer": layers})


def logits(module: nn.Module) -> torch.Tensor:
    x = torch.rand(2, 3, 64, 64, generator=torch.Generator().manual_seed(4))
    with torch.no_grad():
        found = module(x)
    result: torch.Tensor = getattr(found, "logits", found)
    return result


@pytest.mark.parametrize(("architecture", "change", "options"), EXACT)
def test_shared_classes_keep_their_answers(
    architecture: str, change: str, options: dict[str, Any]
) -> None:
    torch.manual_seed(1)
    classes = OTHERS[change]
    source, target = make(architecture, NAMES, **options), make(architecture, classes, **options)
    assert moved(source, target, classes=classes).unused == []
    shared = [n for n in classes if n in NAMES]
    before = logits(source)[:, [NAMES.index(n) for n in shared]]
    after = logits(target)[:, [classes.index(n) for n in shared]]
    torch.testing.assert_close(after, before, rtol=1e-4, atol=1e-4)
    wrong = logits(source)[:, [3 - NAMES.index(n) for n in shared]]
    assert not torch.allclose(after, wrong, rtol=1e-2, atol=1e-2)


@pytest.mark.parametrize("change", list(OTHERS))
@pytest.mark.parametrize("architecture", list(EVERYTHING))
def test_every_row_goes_to_the_class_of_its_name(architecture: str, change: str) -> None:
    """Also where the logits of a class depend on the other classes."""
    torch.manual_seed(1)
    classes, options = OTHERS[change], EVERYTHING[architecture]
    source, target = make(architecture, NAMES, **options), make(architecture, classes, **options)
    fresh = {n: v.clone() for n, v in target.state_dict().items()}
    moved(source, target, classes=classes)
    own, theirs = target.state_dict(), source.state_dict()
    by_class = [n for n, axes in target.axes.items() if axes == ("class",)]  # type: ignore[union-attr,operator]
    assert by_class
    for name in by_class:
        for row, label in enumerate(classes):
            known = label in NAMES
            wanted = theirs[name][NAMES.index(label)] if known else fresh[name][row]
            assert torch.equal(own[name][row], wanted), (name, label)
        # The share of everything else in a photo is the last row, of no class.
        assert torch.equal(own[name][len(classes) :], theirs[name][len(NAMES) :])


@pytest.mark.parametrize("architecture", list(EVERYTHING))
def test_no_tensor_that_counts_classes_is_forgotten(architecture: str) -> None:
    """What changes its shape with the classes is declared, and nothing else."""
    options = EVERYTHING[architecture]
    few, many = (
        make(architecture, NAMES, **options),
        make(architecture, [*NAMES, "topaz"], **options),
    )
    sizes = {n: v.shape for n, v in many.state_dict().items()}
    differ = {n for n, v in few.state_dict().items() if v.shape != sizes[n]}
    assert differ == {n for n, axes in few.axes.items() if "class" in axes}  # type: ignore[union-attr,operator]


def test_both_heads_of_a_distilled_network_are_rearranged() -> None:
    backbone = "deit_tiny_distilled_patch16_224"
    source = make("timm-classifier", NAMES, backbone=backbone)
    target = make("timm-classifier", NAMES[::-1], backbone=backbone)
    moved(source, target, classes=NAMES[::-1])
    torch.testing.assert_close(logits(target).flip(1), logits(source))


def test_layers_go_by_name_as_well() -> None:
    ours, theirs = ("Tor", "Ekofisk", "Hod"), ("Ekofisk", "Hod")
    source = make("geolayer", NAMES, layers=theirs)
    target = make("geolayer", NAMES[::-1], layers=ours)
    fresh = target.state_dict()["layer_head.weight"].clone()
    places = {
        "class": Places(same(NAMES[::-1], NAMES), 4), "layer": Places(same(ours, theirs), 2)
    }  # fmt: skip
    transfer(target, source.state_dict(), places=places)
    own, old = target.state_dict(), source.state_dict()
    assert torch.equal(own["layer_head.weight"][1:], old["layer_head.weight"])
    assert torch.equal(own["layer_head.weight"][0], fresh[0])
    assert torch.equal(own["proportions"][1:], old["proportions"].flip(1))
    assert torch.equal(own["cooccurrence"], old["cooccurrence"].flip(0, 1))


def test_a_head_for_quite_other_classes_is_not_used() -> None:
    source, target = make("mineral-query", NAMES), make("mineral-query", list("abcd"))
    found = moved(source, target, classes=list("abcd"))
    assert sorted(found.unused) == ["bias", "classifier", "label_embeddings"]
    assert not found.kinds


@pytest.mark.parametrize(
    ("names", "wanted"),
    [
        (["Quartz ", "PYRITE"], (3, 2)),
        (["fool's gold", "topaz"], (2, None)),
        (["fool's gold", "pyrite"], (None, 2)),
    ],
    ids=["spelling", "synonym", "taken by its own name"],
)
def test_names_are_matched_by_spelling_then_by_synonym(
    names: list[str], wanted: tuple[int | None, ...]
) -> None:
    assert same(names, NAMES) == wanted
