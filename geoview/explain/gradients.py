"""Activations of a network's target layer and their gradients for many classes, in one pass.

The backbone runs once, without gradients. Only the part behind the target layer is differentiated,
for a chunk of classes at a time, so that memory does not grow with the number of classes.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import torch
from torch import Tensor, nn

from geoview.errors import ModelError
from geoview.explain import cls_tail
from geoview.explain.registry import as_architecture
from geoview.models.attention import fastest_attention
from geoview.models.registry import Architecture, CamLayout

# Numbers of a chunk's gradients: 16 MB. Larger ones were measured slower: they leave the cache.
CHUNK_VALUES = 2**22

Formula = Callable[[Tensor, Tensor], Tensor]
# Class numbers → gradients of their logits, [k, B, …] in the layout of the activations.
Gradients = Callable[[Sequence[int]], Tensor]


def class_maps(module: nn.Module, x: Tensor, classes: Sequence[int], formula: Formula) -> Tensor:
    """Maps [B, k, h, w] by a formula of activations [B, C, h, w] and gradients [B, k, C, h, w].

    The target is the raw logit; everything the formula sees is fp32.
    """
    target = as_architecture(module)
    features, gradients = _pass(module, x)
    grid = _grid(features, target).float()
    step = max(1, CHUNK_VALUES // grid.numel())
    maps = []
    with torch.no_grad():
        for start in range(0, len(classes), step):
            found = gradients(classes[start : start + step]).float()
            grids = _grid(found.flatten(0, 1), target)
            apart = grids.reshape(len(found), *grid.shape).transpose(0, 1)
            maps.append(formula(grid, apart))
    return torch.cat(maps, 1)


def activations(module: nn.Module, x: Tensor) -> Tensor:
    """The target layer's output as a grid, [B, C, h, w], fp32."""
    target = as_architecture(module)
    kept: list[Tensor] = []
    handle = target.cam_target.register_forward_hook(lambda layer, args, out: kept.append(out))
    try:
        with torch.inference_mode(), fastest_attention(module):
            module(x)
    finally:
        handle.remove()
    if not kept:
        raise ModelError("Grad-CAM's layer is not part of this model's forward pass.")
    return _grid(kept[-1], target).float()


def _pass(module: nn.Module, x: Tensor) -> tuple[Tensor, Gradients]:
    if cls_tail.fits(module):
        with torch.no_grad(), fastest_attention(module):
            tail = cls_tail.run(module, x)
        return tail.features, tail.gradients
    with _Tapped(as_architecture(module).cam_target) as tapped, torch.no_grad():
        # The tap switches gradients on when the target is reached; no_grad undoes that.
        logits = module(x).logits
    leaf = tapped.activations
    return leaf.detach(), lambda classes: _batched(logits, leaf, classes)


def _batched(logits: Tensor, leaf: Tensor, classes: Sequence[int]) -> Tensor:
    """Gradients of several logits, [k, B, …]; inputs of a batch do not touch one another."""
    wanted = torch.stack([only(logits, number) for number in classes])
    return torch.autograd.grad(logits, leaf, wanted, retain_graph=True, is_grads_batched=True)[0]


def only(logits: Tensor, number: int) -> Tensor:
    """1 for a class's logits [B, n] and 0 for the others: what to differentiate."""
    wanted = torch.zeros_like(logits)
    wanted[:, number] = 1
    return wanted


class _Tapped:
    """Makes the output of a layer the leaf of the graph, and keeps it."""

    def __init__(self, layer: nn.Module) -> None:
        self._layer = layer
        self._activations: Tensor | None = None

    def __enter__(self) -> _Tapped:
        self._handle = self._layer.register_forward_hook(self._hook)
        return self

    def __exit__(self, *_: object) -> None:
        self._handle.remove()

    @property
    def activations(self) -> Tensor:
        if self._activations is None:
            raise ModelError("Grad-CAM's layer is not part of this model's forward pass.")
        return self._activations

    def _hook(self, layer: nn.Module, args: Any, output: Tensor) -> Tensor:
        torch.set_grad_enabled(True)
        self._activations = output.detach().requires_grad_()
        # Later layers may work in place, which a leaf does not allow.
        return self._activations.clone()


def _grid(features: Tensor, target: Architecture) -> Tensor:
    return to_grid(features, layout=target.cam_layout, num_prefix_tokens=target.num_prefix_tokens)


def to_grid(features: Tensor, *, layout: CamLayout, num_prefix_tokens: int) -> Tensor:
    """Features in any layout → [B, C, h, w]; inputs are square, so token grids are too."""
    if features.dim() != (3 if layout == "tokens" else 4):
        raise ModelError("Grad-CAM cannot read this network's features; choose another backbone.")
    if layout == "nchw":
        return features
    if layout == "nhwc":
        return features.permute(0, 3, 1, 2)
    patches = features[:, num_prefix_tokens:]
    side = round(patches.shape[1] ** 0.5)
    if side * side != patches.shape[1]:
        raise ModelError(f"{patches.shape[1]} patches do not form a square grid.")
    return patches.transpose(1, 2).reshape(len(patches), -1, side, side)
