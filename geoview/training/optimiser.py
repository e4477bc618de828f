"""The optimiser of a recipe and the moving average of the weights."""

from __future__ import annotations

import copy
from typing import Any

import torch
from torch import Tensor, nn

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
    """Pretrained or new, decayed or not: biases, norms and embeddings are not decayed."""
    groups: dict[tuple[bool, bool], list[nn.Parameter]] = {}
    for name, parameter in module.named_parameters():
        if not parameter.requires_grad:
            continue
        pretrained = bool(recipe.model.pretrained) and _is_backbone(name)
        decayed = parameter.ndim > 1 and "embed" not in name
        groups.setdefault((pretrained, decayed), []).append(parameter)
    return [
        {
            "params": parameters,
            "lr_factor": recipe.train.backbone_lr if pretrained else 1.0,
            "weight_decay": recipe.train.weight_decay if decayed else 0.0,
        }
        for (pretrained, decayed), parameters in sorted(groups.items())
    ]


def _is_backbone(name: str) -> bool:
    """Whether a parameter belongs to the pretrained network and not to a new head on it."""
    parts = name.split(".")
    if parts[0] not in ("backbone", "network", "vision"):
        return False
    return not set(parts[1:3]) & {"head", "head_dist", "classifier", "fc", "attn_pool"}


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
