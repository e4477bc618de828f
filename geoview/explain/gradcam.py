"""Maps from activations and gradients: Grad-CAM and its relatives, plain and smoothed.

The smoothed ones replace the sum over the channels by the projection on their first principal
component (Muhammad and Yeasin 2020), which leaves out what the channels do not share.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

import torch
from torch import Tensor, nn

from geoview.explain.gradients import activations, class_maps
from geoview.explain.registry import Maps, has_cam_target, method

# [B, C, h, w] activations, [B, k, C, h, w] gradients → weights [B, k, C, h, w] of the activations,
# or [B, k, C, 1, 1] where all places of a channel count alike.
Weighting = Callable[[Tensor, Tensor], Tensor]
# Activations and weights → maps [B, k, h, w].
Reduction = Callable[[Tensor, Tensor], Tensor]

# In the reference code of Grad-CAM++; also what keeps published thresholds comparable.
_PLUS_EPSILON = 1e-6


def channel_weights(a: Tensor, g: Tensor) -> Tensor:
    """Selvaraju et al. 2017, eq. 1 and 2: each channel by its mean gradient."""
    return g.mean((3, 4), keepdim=True)


def plus_weights(a: Tensor, g: Tensor) -> Tensor:
    """Grad-CAM++ (Chattopadhay et al. 2018), eq. 19: places count by their share α."""
    squared = g.square()
    total = a.sum((2, 3), keepdim=True)[:, None]
    alpha = squared / (2 * squared + total * squared * g + _PLUS_EPSILON)
    return (g.relu() * alpha).sum((3, 4), keepdim=True)


def place_weights(a: Tensor, g: Tensor) -> Tensor:
    """LayerCAM (Jiang et al. 2021), eq. 4: every place by its own positive gradient."""
    return g.relu()


def summed(a: Tensor, weights: Tensor) -> Tensor:
    """The positive part of the weighted sum over the channels."""
    if weights.shape[-1] == 1:
        return torch.einsum("bkc,bchw->bkhw", weights[..., 0, 0], a).relu()
    return (weights * a[:, None]).sum(2).relu()


def smoothed(a: Tensor, weights: Tensor) -> Tensor:
    """The projection instead of the sum; empty where the sum is nowhere positive.

    A principal component has no sign of its own: it gets the one that agrees with the sum.
    """
    weighted = weights * a[:, None]
    plain = weighted.sum(2)
    found = principal(weighted.flatten(0, 1)).view_as(plain)
    agreement = (found * (plain - plain.mean((2, 3), keepdim=True))).sum((2, 3), keepdim=True)
    found = torch.where(agreement < 0, -found, found)
    return found.relu() * (plain.amax((2, 3), keepdim=True) > 0)


def principal(features: Tensor) -> Tensor:
    """Projection of every place's channels on their first principal component.

    [N, C, h, w] → [N, h, w]; the sign is arbitrary.
    """
    places = features.flatten(2).transpose(1, 2)
    places = places - places.mean(1, keepdim=True)
    found = torch.stack([_projected(one) for one in places])
    return found.view(len(features), *features.shape[2:])


def _projected(rows: Tensor) -> Tensor:
    """Centred rows [n, C] on their first right singular vector, by the smaller Gram matrix."""
    rows = rows.double()
    if rows.shape[0] < rows.shape[1]:
        values, vectors = torch.linalg.eigh(rows @ rows.T)
        projected: Tensor = vectors[:, -1] * values[-1].clamp_min(0).sqrt()
    else:
        projected = rows @ torch.linalg.eigh(rows.T @ rows)[1][:, -1]
    return projected.float()


def _register(name: str, weighting: Weighting, *, reduced: Reduction) -> Maps:
    def maps(module: nn.Module, x: Tensor, classes: Sequence[int]) -> Tensor:
        return class_maps(module, x, classes, lambda a, g: reduced(a, weighting(a, g)))

    return method(name, supports=has_cam_target)(maps)


grad_cam = _register("grad-cam", channel_weights, reduced=summed)
grad_cam_plus = _register("grad-cam++", plus_weights, reduced=summed)
layer_cam = _register("layer-cam", place_weights, reduced=summed)
grad_cam_eigen = _register("grad-cam-eigen", channel_weights, reduced=smoothed)
grad_cam_plus_eigen = _register("grad-cam++-eigen", plus_weights, reduced=smoothed)
layer_cam_eigen = _register("layer-cam-eigen", place_weights, reduced=smoothed)


@method("eigen-cam", supports=has_cam_target)
def eigen_cam(module: nn.Module, x: Tensor, classes: Sequence[int]) -> Tensor:
    """What the activations have in common (Muhammad and Yeasin 2020).

    Independent of the class. The side that reaches further from the mean is shown.
    """
    found = principal(activations(module, x))
    low, high = found.amin((1, 2), keepdim=True), found.amax((1, 2), keepdim=True)
    found = torch.where(-low > high, -found, found).relu()
    return found[:, None].expand(-1, len(classes), -1, -1)
