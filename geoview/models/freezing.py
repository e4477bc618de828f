"""How much of a pretrained network stays as it is while the rest learns (P3, sections 4 and 5)."""

from __future__ import annotations

import types
from typing import Any, Literal

from torch import nn

from geoview.errors import ModelError
from geoview.models.backbone import network_name

Mode = Literal["none", "partly", "head-only", "frozen"]

# Affine layers between the features and the head (VGG), which P3 trains with the last stage.
_BEFORE_THE_HEAD = "pre_logits."


def pretrained_part(module: nn.Module) -> nn.Module:
    """The network of an architecture that pretrained weights go into."""
    return module.get_submodule(network_name(module))


def freeze(module: nn.Module, *, mode: Mode, pretrained_part: nn.Module) -> None:
    """Freeze a part of ``module``; everything outside ``pretrained_part``, and its head, learns.

    "frozen" keeps all its weights, and its BatchNorm statistics; "head-only" keeps the weights
    but lets the statistics follow the new photos; "partly" trains the last stage of a CNN, or the
    last quarter of a ViT's blocks, as well; "none" changes nothing. What is frozen stays in
    evaluation mode whatever ``module.train()`` says, without dropout and stochastic depth.
    Raises ModelError where timm does not tell a network's stages.
    """
    if mode == "none":
        return
    learning = head_of(pretrained_part) | (
        _last_stage(pretrained_part) if mode == "partly" else set()
    )
    for name, parameter in pretrained_part.named_parameters():
        parameter.requires_grad_(name in learning)
    _keep_quiet(pretrained_part, statistics_follow=mode == "head-only")
    module.train(module.training)


def head_of(network: nn.Module) -> set[str]:
    """Names of the parameters of the classifier, of both in a distilled network."""
    find: Any = getattr(network, "get_classifier", tuple)
    found = find()
    heads = found if isinstance(found, tuple) else (found,)
    own = {id(p) for head in heads for p in head.parameters()}
    return {name for name, p in network.named_parameters() if id(p) in own}


def _last_stage(network: nn.Module) -> set[str]:
    """Names of the parameters from the last stage on, as timm groups them from stem to head."""
    from timm.models import group_parameters

    matcher: Any = getattr(network, "group_matcher", None)
    if matcher is None:
        raise ModelError(
            "This backbone does not tell its stages; choose another way to freeze it than “partly”."
        )
    groups: dict[str, int] = group_parameters(network, matcher(coarse=True), reverse=True)
    first = _first_group(network, groups)
    return {name for name, group in groups.items() if group >= first}


def _first_group(network: nn.Module, groups: dict[str, int]) -> int:
    blocks: Any = getattr(network, "blocks", None)
    if blocks is not None and hasattr(network, "num_prefix_tokens"):
        first = f"blocks.{len(blocks) - -(-len(blocks) // 4)}."
        return min(group for name, group in groups.items() if name.startswith(first))
    # A group of one-dimensional parameters is a norm, not a stage.
    weights = {name for name, p in network.named_parameters() if p.ndim > 1} - head_of(network)
    return max(groups[name] for name in weights if not name.startswith(_BEFORE_THE_HEAD))


def _keep_quiet(part: nn.Module, *, statistics_follow: bool) -> None:
    """Make the largest parts without any learning parameter ignore ``train()``."""
    if not part.state_dict():
        return
    if any(p.requires_grad for p in part.parameters()):
        for child in part.children():
            _keep_quiet(child, statistics_follow=statistics_follow)
        return
    # A bound method and no closure, so that a deep copy is bound to itself.
    train = _train_statistics if statistics_follow else _train_nothing
    part.train = types.MethodType(train, part)  # type: ignore[method-assign]


def _train_nothing(self: nn.Module, mode: bool = True) -> nn.Module:
    return type(self).train(self, False)


def _train_statistics(self: nn.Module, mode: bool = True) -> nn.Module:
    type(self).train(self, False)
    for layer in self.modules():
        if isinstance(layer, nn.modules.batchnorm._BatchNorm):
            layer.training = mode
    return self
