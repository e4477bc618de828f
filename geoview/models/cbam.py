"""Convolutional block attention module (Woo et al., ECCV 2018)."""

from __future__ import annotations

import torch
from torch import Tensor, nn


class ChannelAttention(nn.Module):
    """σ(MLP(mean) + MLP(max)) over the places, one MLP for both (eq. 2).

    [B, C, h, w] → [B, C, 1, 1].
    """

    def __init__(self, channels: int, *, reduction: int) -> None:
        super().__init__()
        hidden = max(1, channels // reduction)
        self.squeeze = nn.Linear(channels, hidden, bias=False)
        self.expand = nn.Linear(hidden, channels, bias=False)

    def forward(self, x: Tensor) -> Tensor:
        scores = self._mlp(x.mean((2, 3))) + self._mlp(x.amax((2, 3)))
        return scores.sigmoid()[:, :, None, None]

    def _mlp(self, pooled: Tensor) -> Tensor:
        out: Tensor = self.expand(self.squeeze(pooled).relu())
        return out


class SpatialAttention(nn.Module):
    """σ(k × k convolution of [mean, max] over the channels) (eq. 3).

    [B, C, h, w] → [B, 1, h, w].
    """

    def __init__(self, *, kernel: int) -> None:
        super().__init__()
        self.convolution = nn.Conv2d(2, 1, kernel, padding=kernel // 2, bias=False)

    def forward(self, x: Tensor) -> Tensor:
        pooled = torch.cat((x.mean(1, keepdim=True), x.amax(1, keepdim=True)), 1)
        weights: Tensor = self.convolution(pooled)
        return weights.sigmoid()


class Cbam(nn.Module):
    """Channel, then spatial attention multiplied onto [B, C, h, w] (eq. 1).

    ``from_one`` doubles both sigmoids and starts them at one half: the module begins as the
    identity, and can raise as well as suppress. Else it is the published form, which begins by
    taking away about three quarters of every value.
    """

    def __init__(self, channels: int, *, reduction: int, kernel: int, from_one: bool) -> None:
        super().__init__()
        self.channel = ChannelAttention(channels, reduction=reduction)
        self.spatial = SpatialAttention(kernel=kernel)
        self.scale = 2.0 if from_one else 1.0
        if from_one:
            nn.init.zeros_(self.channel.expand.weight)
            nn.init.zeros_(self.spatial.convolution.weight)

    def forward(self, x: Tensor) -> Tensor:
        x = self._channels(x)
        return x * self._places(x)

    def spatial_map(self, x: Tensor) -> Tensor:
        """What every place of [B, C, h, w] is multiplied with, [B, 1, h, w]."""
        return self._places(self._channels(x))

    def _channels(self, x: Tensor) -> Tensor:
        weights: Tensor = self.channel(x)
        return x * (self.scale * weights)

    def _places(self, x: Tensor) -> Tensor:
        weights: Tensor = self.spatial(x)
        return self.scale * weights
