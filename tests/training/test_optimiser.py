"""Groups of the optimiser and the moving average of the weights."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import tiny_clip
import torch
from torch import nn

from geoview.errors import ModelError
from geoview.models import timm_classifier
from geoview.training import clip_folder, optimiser, zero_shot
from geoview.training.recipe import Recipe


class Network(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.conv, self.fc = nn.Conv2d(3, 2, 1), nn.Linear(2, 2)

    def get_classifier(self) -> nn.Module:
        return self.fc


class Net(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.network = Network()
        self.own = nn.Linear(2, 2)


def recipe(**train: object) -> Recipe:
    return Recipe.model_validate(
        {
            "model": {
                "name": "n", "title": "n", "architecture": "a", "backbone": "b",
                "pretrained": "some",
            },
            "preprocess": {"input_px": 32},
            "train": {"epochs": 1, "lr": 0.1, "backbone_lr": 0.5, "weight_decay": 0.3, **train},
        }
    )  # fmt: skip


def settings(module: nn.Module, made: torch.optim.Optimizer, name: str) -> dict[str, Any]:
    wanted = dict(module.named_parameters())[name]
    return next(g for g in made.param_groups if any(p is wanted for p in g["params"]))


def test_pretrained_parts_learn_slower_and_biases_do_not_decay() -> None:
    net = Net()
    made = optimiser.build(net, recipe())
    assert isinstance(made, torch.optim.AdamW)
    conv, head = settings(net, made, "network.conv.weight"), settings(net, made, "own.weight")
    assert (conv["lr_factor"], conv["weight_decay"]) == (0.5, 0.3)
    assert (head["lr_factor"], head["weight_decay"]) == (1.0, 0.3)
    assert settings(net, made, "own.bias")["weight_decay"] == 0
    new_head = settings(net, made, "network.fc.weight")
    assert new_head["lr_factor"] == 1.0
    net.own.weight.requires_grad_(False)
    made = optimiser.build(net, recipe())
    assert all(p is not net.own.weight for g in made.param_groups for p in g["params"])


def test_only_the_classifier_of_a_head_is_new() -> None:
    """ConvNeXt keeps the norm that its weights come with beside the new classifier."""
    net = timm_classifier.TimmClassifier(
        "test_convnext", input_px=32, num_classes=3, options=timm_classifier.ClassifierOptions()
    )
    made = optimiser.build(net, recipe())
    assert settings(net, made, "network.head.norm.weight")["lr_factor"] == 0.5
    assert settings(net, made, "network.head.fc.weight")["lr_factor"] == 1.0


@pytest.mark.parametrize("make", [tiny_clip.make_clip, tiny_clip.make_siglip])
def test_all_of_a_zero_shot_model_is_pretrained(
    make: Callable[[Path], Path], tmp_path: Path
) -> None:
    """A SigLIP's pooling by attention too, and the projection and scale of a CLIP."""
    source = clip_folder.read_folder(make(tmp_path))
    net, _ = zero_shot.assemble(source, names=["quartz", "ore"], name="n", templates=["a {}"])
    made = optimiser.build(net, recipe())
    assert {group["lr_factor"] for group in made.param_groups} == {0.5}


def test_sgd_has_the_recipes_momentum() -> None:
    made = optimiser.build(Net(), recipe(optimiser="sgd", momentum=0.8))
    assert isinstance(made, torch.optim.SGD)
    assert made.param_groups[0]["momentum"] == 0.8


def test_average_follows_quickly_at_first_and_slowly_later() -> None:
    net = nn.Linear(1, 1, bias=False)
    nn.init.constant_(net.weight, 0.0)
    average = optimiser.Average(net, 0.9)
    nn.init.constant_(net.weight, 1.0)
    average.update(net, steps_done=0)
    first = float(average.module.weight.detach())
    assert first == pytest.approx(0.9)
    nn.init.constant_(net.weight, 0.0)
    average.update(net, steps_done=10_000)
    assert float(average.module.weight.detach()) == pytest.approx(first * 0.9)


def test_every_layer_below_the_top_learns_slower() -> None:
    net = timm_classifier.TimmClassifier(
        "vit_tiny_patch16_224", input_px=32, num_classes=3,
        options=timm_classifier.ClassifierOptions(),
    )  # fmt: skip
    made = optimiser.build(net, recipe(layer_decay=0.8))

    def factor(name: str) -> float:
        return float(settings(net, made, f"network.{name}")["lr_factor"])

    assert factor("head.weight") == 1.0
    for block in range(12):
        assert factor(f"blocks.{block}.mlp.fc1.bias") == pytest.approx(0.5 * 0.8 ** (11 - block))
    assert factor("norm.weight") == 0.5
    assert factor("pos_embed") == factor("patch_embed.proj.bias") == pytest.approx(0.5 * 0.8**12)
    groups = [id(p) for g in made.param_groups for p in g["params"]]
    assert sorted(groups) == sorted(id(p) for p in net.parameters())


def test_a_network_without_layers_says_so() -> None:
    with pytest.raises(ModelError, match="layer_decay"):
        optimiser.build(Net(), recipe(layer_decay=0.8))
