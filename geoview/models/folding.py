"""Batch normalisation taken into the convolutions before it, for networks that only answer."""

from __future__ import annotations

from typing import Any

import torch
from torch import nn
from torch.nn.utils.fusion import fuse_conv_bn_weights


def folded(module: nn.Module) -> nn.Module:
    """``module`` itself, in ``eval`` mode, each normalisation that directly follows its
    convolution among the same parent's children now part of that convolution.

    Answers stay the same but for rounding; it cannot be trained or saved afterwards. The
    activation that timm joins to its normalisation is kept.
    """
    module.eval()
    with torch.no_grad():
        for parent in module.modules():
            before: nn.Module | None = None
            for name, child in list(parent.named_children()):
                if isinstance(before, nn.Conv2d) and isinstance(child, nn.BatchNorm2d):
                    _fold(before, child)
                    setattr(parent, name, getattr(child, "act", nn.Identity()))
                before = child
    return module


def _fold(conv: nn.Conv2d, norm: Any) -> None:
    weight, bias = fuse_conv_bn_weights(
        conv.weight, conv.bias, norm.running_mean, norm.running_var, norm.eps, norm.weight,
        norm.bias,
    )  # fmt: skip
    conv.weight, conv.bias = weight, bias
