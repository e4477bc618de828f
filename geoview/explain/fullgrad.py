"""FullGrad (Srinivas and Fleuret 2019): the input's and every bias's part in the logit.

A network of convolutions, batch norms, linear layers, poolings and ReLUs is exactly
f(x) = ⟨x, ∂f/∂x⟩ + Σ ⟨b, ∂f/∂b⟩ (eq. 4): the parts add up to the logit. LayerNorm, GELU and softmax
have no such form, so only CNNs are offered. With activations other than ReLU (EfficientNet's SiLU)
the parts are a first-order account that does not add up exactly.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor, nn
from torch.nn.modules.batchnorm import _BatchNorm
from torch.nn.modules.conv import _ConvNd

from geoview.errors import ModelError
from geoview.explain.gradients import only
from geoview.explain.native import attends_to_places
from geoview.explain.registry import method
from geoview.models.timm_classifier import TimmClassifier

# Input pixels per cell of the map.
CELL_PX = 4


@dataclass(frozen=True, slots=True, eq=False)
class FullGradient:
    """The parts of one class's logits: ``of_input`` [B, 3, S, S] and, for every layer with a bias,
    [B, C, h, w] or [B, C]. Summed over everything but B they give the logits."""

    of_input: Tensor
    of_biases: tuple[Tensor, ...]


def is_cnn(module: nn.Module) -> bool:
    """Whether a classifier is made of convolutions and batch norms, without attention."""
    if not isinstance(module, TimmClassifier) or attends_to_places(module):
        return False
    parts = list(module.modules())
    foreign = any(isinstance(p, nn.LayerNorm | nn.GroupNorm | nn.MultiheadAttention) for p in parts)
    has_attention = any(hasattr(p, "qkv") for p in parts)
    return any(isinstance(p, _ConvNd) for p in parts) and not foreign and not has_attention


@method("full-grad", supports=is_cnn)
def full_grad(module: nn.Module, x: Tensor, classes: Sequence[int]) -> Tensor:
    """Absolute parts, summed over channels and layers (eq. 8) on a grid of 4 × 4 px cells.

    The paper stretches every layer to 0…1 first. That is left out, so that maps of several
    classes keep one scale and a class without evidence stays dark. Biases of linear layers have
    no place in the photo and are left out too.
    """
    if not is_cnn(module):
        raise ModelError("FullGrad is for convolutional networks; choose another method.")
    size = (x.shape[-2] // CELL_PX, x.shape[-1] // CELL_PX)
    maps = []
    for parts in full_gradients(module, x, classes):
        places = [p for p in (parts.of_input, *parts.of_biases) if p.dim() == 4]
        maps.append(sum(_on(p.float().abs().sum(1, keepdim=True), size)[:, 0] for p in places))
    return torch.stack(maps, 1)  # type: ignore[arg-type]


def full_gradients(module: nn.Module, x: Tensor, classes: Sequence[int]) -> Iterator[FullGradient]:
    """The parts of every class in turn, from one forward pass (eq. 4)."""
    layers: list[tuple[nn.Module, Tensor]] = []
    handles = [handle for part in module.modules() if (handle := _hooked(part, layers))]
    leaf = x.detach().clone().requires_grad_()
    try:
        with torch.enable_grad():
            logits = module(leaf).logits
    finally:
        for handle in handles:
            handle.remove()
    outputs = [output for _, output in layers]
    for number in classes:
        first, *rest = torch.autograd.grad(
            logits, [leaf, *outputs], only(logits, number), retain_graph=True
        )
        biases = zip(layers, rest, strict=True)
        yield FullGradient(
            leaf.detach() * first, tuple(_effective_bias(layer, g) for (layer, _), g in biases)
        )


def _hooked(layer: Any, found: list[tuple[nn.Module, Tensor]]) -> Any:
    """Keep the outputs of a layer with a bias, before any activation that is part of it."""

    def keep(part: nn.Module, args: Any, output: Tensor) -> Tensor:
        found.append((layer, output))
        # The next layer may work in place.
        return output.clone()

    def keep_input(part: nn.Module, args: Any) -> tuple[Tensor, ...]:
        found.append((layer, args[0]))
        return (args[0].clone(), *args[1:])

    if isinstance(layer, _BatchNorm):
        # timm's norm layers go on with dropout and an activation.
        drop: Any = getattr(layer, "drop", None)
        if drop is not None and hasattr(layer, "act"):
            return drop.register_forward_pre_hook(keep_input)
        return layer.register_forward_hook(keep)
    has_bias = isinstance(layer, _ConvNd | nn.Linear) and layer.bias is not None
    return layer.register_forward_hook(keep) if has_bias else None


def _effective_bias(layer: Any, gradient: Tensor) -> Tensor:
    """b · ∂f/∂b; a batch norm's b is −μw/√(σ² + ε) + b."""
    bias = layer.bias
    if isinstance(layer, _BatchNorm):
        if layer.running_mean is None or layer.running_var is None:
            raise ModelError("This network's batch norms keep no statistics; use another method.")
        inverse = (layer.running_var + layer.eps).rsqrt()
        weight = inverse if layer.weight is None else layer.weight * inverse
        bias = -layer.running_mean * weight + (0 if bias is None else bias)
    shape = (1, -1, *[1] * (gradient.dim() - 2))
    part: Tensor = bias.detach().view(shape) * gradient
    return part


def _on(values: Tensor, size: tuple[int, int]) -> Tensor:
    """[B, 1, h, w] on another grid: means of finer cells, linear between coarser ones."""
    if values.shape[-1] >= size[-1]:
        return F.adaptive_avg_pool2d(values, size)
    return F.interpolate(values, size=size, mode="bilinear")
