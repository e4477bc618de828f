"""The optimiser of a recipe and the moving average of the weights."""

from __future__ import annotations

import copy
from typing import Any

import torch
from torch import Tensor, nn

from geoview.errors import ModelError
from geoview.models import import_timm
from geoview.models.backbone import network_name
from geoview.models.freezing import head_of
from geoview.training.recipe import Recipe

# Collected, not learned: taken over as they are.
_COLLECTED = ("proportions", "cooccurrence")


def build(module: nn.Module, recipe: Recipe) -> torch.optim.Optimizer:
    """AdamW (P0, P1, P2, P4) or SGD with momentum (P3) over the parameters that learn."""
    part = recipe.train
    groups = _groups(module, recipe)
    if part.optimiser == "sgd":
        return torch.optim.SGD(groups, lr=part.lr, momentum=part.momentum)
    # One kernel for all parameters instead of a dozen small ones for each of hundreds; with fp16
    # it would unscale the gradients itself, after they were clipped.
    fused = part.precision != "fp16"
    return torch.optim.AdamW(groups, lr=part.lr, betas=part.betas, fused=fused)


def restore(optimiser: torch.optim.Optimizer, state: dict[str, Any]) -> None:
    """Load a saved state, its tensors laid out in memory as the parameters are.

    A fused step walks over parameters and moments in the order of memory: moments that came
    back in another order than their parameter would be those of other weights.
    """
    optimiser.load_state_dict(state)
    for parameter, values in optimiser.state.items():
        for name, value in values.items():
            if isinstance(value, Tensor) and value.shape == parameter.shape:
                values[name] = torch.empty_like(parameter).copy_(value)


def _groups(module: nn.Module, recipe: Recipe) -> list[dict[str, object]]:
    """By learning rate, decayed or not: biases, norms and embeddings are not decayed."""
    factors = _lr_factors(module, recipe)
    groups: dict[tuple[float, bool], list[nn.Parameter]] = {}
    for name, parameter in module.named_parameters():
        if not parameter.requires_grad:
            continue
        decayed = parameter.ndim > 1 and "embed" not in name
        groups.setdefault((factors.get(name, 1.0), decayed), []).append(parameter)
    return [
        {
            "params": parameters,
            "lr_factor": factor,
            "weight_decay": recipe.train.weight_decay if decayed else 0.0,
        }
        for (factor, decayed), parameters in sorted(
            groups.items(), key=lambda pair: (-pair[0][0], pair[0][1])
        )
    ]


def _lr_factors(module: nn.Module, recipe: Recipe) -> dict[str, float]:
    """The factors on the learning rate of what is pretrained, by name; all else has 1."""
    if not recipe.model.pretrained:
        return {}
    part = recipe.train
    names = _pretrained(module)
    if part.layer_decay == 1:
        return dict.fromkeys(names, part.backbone_lr)
    depths = layers_below_top(module)
    return {name: part.backbone_lr * part.layer_decay ** depths[name] for name in names}


def layers_below_top(module: nn.Module) -> dict[str, int]:
    """How many layers of the pretrained network lie above each of its parameters, by name.

    Layers are those that timm tells: the blocks of a transformer or a CNN, and the stem. Raises
    ModelError where it tells none.
    """
    import_timm()
    from timm.models import group_parameters

    prefix = network_name(module)
    network: Any = module.get_submodule(prefix)
    matcher: Any = getattr(network, "group_matcher", None)
    if matcher is None:
        raise ModelError("This backbone does not tell its layers; leave out layer_decay.")
    layers: dict[str, int] = group_parameters(network, matcher(coarse=False), reverse=True)
    start = f"{prefix}." if prefix else ""
    own = {f"{start}{name}": layer for name, layer in layers.items()}
    # The head, if the network has one, is not of the layers that are counted.
    top = max((own[name] for name in _pretrained(module)), default=0)
    return {name: top - layer for name, layer in own.items()}


def _pretrained(module: nn.Module) -> list[str]:
    """Names of the parameters that pretrained weights give: those of the network but its new head,
    or all, where a vision tower comes with its projection and scale."""
    prefix = network_name(module)
    if prefix == "vision":
        return [name for name, _ in module.named_parameters()]
    if not prefix:
        return []
    network = module.get_submodule(prefix)
    heads = head_of(network)
    return [f"{prefix}.{name}" for name, _ in network.named_parameters() if name not in heads]


class Average:
    """Exponential moving average of a network's weights and statistics."""

    def __init__(self, module: nn.Module, decay: float) -> None:
        self.module = copy.deepcopy(module).eval()
        self.decay = decay

    @torch.no_grad()
    def update(self, module: nn.Module, *, steps_done: int) -> None:
        # A young average follows quickly, else it would hold on to the random start.
        decay = min(self.decay, (1 + steps_done) / (10 + steps_done))
        own = module.state_dict()
        averaged: list[Tensor] = []
        towards: list[Tensor] = []
        for name, value in self.module.state_dict().items():
            if value.is_floating_point() and name not in _COLLECTED:
                averaged.append(value)
                towards.append(own[name])
            else:
                value.copy_(own[name])
        torch._foreach_lerp_(averaged, towards, 1 - decay)
