"""Architecture ``mineral-query``: label queries on the features of a photo (P1, section 3).

Where the paper is silent, or Query2Label (Liu et al. 2021), which it follows, says more:

* the queries of the first block are the label embeddings themselves (P1, section 3.2); in the
  cross-attention the label embedding is added to Q only, and a 2-D sine position to K only;
* every label has a linear output of its own (Query2Label's grouped head) instead of one linear
  layer on all the flattened labels;
* the features come in by a 1×1 projection of the grid. The paper reshapes 576 patches × 768
  channels into 1728 × 256 and convolves that to 2048 × 256 (``reshape="paper"``): its 256 tokens
  mix the places of all patches, so it has no positions and no attention to show. The grid of a
  CNN is flattened as it is, in the paper too.
"""

from __future__ import annotations

import math
from typing import Any, ClassVar, Literal

import torch
from pydantic import Field
from torch import Tensor, nn

from geoview.errors import ModelError
from geoview.models.backbone import Backbone, to_tokens
from geoview.models.card import ModelCard
from geoview.models.options import Options, options_of
from geoview.models.output import ModelOutput
from geoview.models.registry import CamLayout, architecture
from geoview.models.rows import Axes

# P1, Figure 3: tokens after the reshape.
PAPER_TOKENS = 256
# Vaswani et al. 2017, section 3.5.
_LONGEST_WAVE = 10000.0


class MineralQueryOptions(Options):
    """Options; the paper has ``dim=2048`` and ``reshape="paper"``, and one block.

    ``feedforward`` is the width inside a block's feed-forward network, 4 × ``dim`` unless given.
    """

    dim: int = Field(default=256, ge=4, le=8192)
    heads: int = Field(default=8, ge=1, le=64)
    decoder_layers: int = Field(default=1, ge=1, le=16)
    feedforward: int | None = Field(default=None, ge=1, le=32768)
    dropout: float = Field(default=0.1, ge=0, lt=1)
    reshape: Literal["grid", "paper"] = "grid"
    drop_path: float = Field(default=0.0, ge=0, lt=1)


def sine_positions(
    dim: int, *, height: int, width: int, device: torch.device | None = None
) -> Tensor:
    """Positions of a grid, [height · width, dim]: half of the features for y, half for x.

    Sines and cosines of places that run over one turn (DETR's normalised 2-D form).
    """
    if dim % 4:
        raise ModelError(
            f"A decoder of dimension {dim} cannot hold positions; use a multiple of 4."
        )
    rates = _LONGEST_WAVE ** -(torch.arange(dim // 4, device=device) * 4 / dim)
    waves = []
    for count in (height, width):
        angles = torch.arange(1, count + 1, device=device)[:, None] / count * 2 * math.pi * rates
        waves.append(torch.stack((angles.sin(), angles.cos()), -1).flatten(1))
    y, x = waves
    grid = (y[:, None].expand(-1, width, -1), x[None].expand(height, -1, -1))
    return torch.cat(grid, -1).flatten(0, 1)


class Attention(nn.Module):
    """Multi-head attention softmax(Q Kᵀ / √d) V (P1, eq. 1) that also tells where it looks."""

    def __init__(self, dim: int, *, heads: int, dropout: float) -> None:
        super().__init__()
        if dim % heads:
            raise ModelError(f"{heads} heads do not divide a decoder of dimension {dim}.")
        self.heads = heads
        self.query, self.key, self.value, self.out = (nn.Linear(dim, dim) for _ in range(4))
        self.dropout = nn.Dropout(dropout)

    def forward(self, queries: Tensor, *, keys: Tensor, values: Tensor) -> tuple[Tensor, Tensor]:
        """[B, n, d] on [B, m, d] → [B, n, d], and the weights, mean over the heads, [B, n, m]."""
        q = self._split(self.query(queries))
        k = self._split(self.key(keys))
        v = self._split(self.value(values))
        scores = (q @ k.transpose(-1, -2)).float() / q.shape[-1] ** 0.5
        weights = scores.softmax(-1)
        mixed = self.dropout(weights).to(v.dtype) @ v
        return self.out(mixed.transpose(1, 2).flatten(2)), weights.mean(1)

    def _split(self, x: Tensor) -> Tensor:
        """[B, k, d] → [B, heads, k, d / heads]."""
        return x.reshape(*x.shape[:-1], self.heads, -1).transpose(1, 2)


class DecoderBlock(nn.Module):
    """Self-attention of the labels, cross-attention to the features, feed-forward network.

    Each is followed by a residual and a layer normalisation (P1, Figure 4).
    """

    def __init__(self, dim: int, *, heads: int, feedforward: int, dropout: float) -> None:
        super().__init__()
        self.self_attention = Attention(dim, heads=heads, dropout=dropout)
        self.cross_attention = Attention(dim, heads=heads, dropout=dropout)
        self.feedforward = nn.Sequential(
            nn.Linear(dim, feedforward), nn.ReLU(), nn.Dropout(dropout), nn.Linear(feedforward, dim)
        )
        self.norms = nn.ModuleList(nn.LayerNorm(dim) for _ in range(3))
        self.dropout = nn.Dropout(dropout)

    def forward(
        self, labels: Tensor, *, embeddings: Tensor, keys: Tensor, values: Tensor
    ) -> tuple[Tensor, Tensor]:
        """labels [B, n, d], embeddings [n, d], keys and values [B, m, d] → labels, weights."""
        mixed, _ = self.self_attention(labels, keys=labels, values=labels)
        labels = self.norms[0](labels + self.dropout(mixed))
        mixed, weights = self.cross_attention(labels + embeddings, keys=keys, values=values)
        labels = self.norms[1](labels + self.dropout(mixed))
        return self.norms[2](labels + self.dropout(self.feedforward(labels))), weights


class GridFeatures(nn.Module):
    """A grid [B, c, h, w] → values [B, h·w, d], and keys that know their place."""

    def __init__(self, channels: int, *, dim: int) -> None:
        super().__init__()
        self.dim = dim
        self.projection = nn.Conv2d(channels, dim, 1)

    def forward(self, grid: Tensor) -> tuple[Tensor, Tensor]:
        values = to_tokens(self.projection(grid))
        height, width = grid.shape[-2:]
        places = sine_positions(self.dim, height=height, width=width, device=grid.device)
        return values, values + places.to(values.dtype)


class ReshapedFeatures(nn.Module):
    """Tokens [B, m, c] → [B, m·c / 256, 256] → values [B, 256, d], as keys too (P1, Figure 3)."""

    def __init__(self, channels: int, *, patches: int, dim: int) -> None:
        super().__init__()
        if channels * patches % PAPER_TOKENS:
            raise ModelError(
                f"{patches} patches of {channels} features do not reshape into {PAPER_TOKENS} "
                "tokens; choose another input size or reshape = “grid”."
            )
        self.convolution = nn.Conv1d(channels * patches // PAPER_TOKENS, dim, 1)

    def forward(self, grid: Tensor) -> tuple[Tensor, Tensor]:
        rows = to_tokens(grid).reshape(len(grid), -1, PAPER_TOKENS)
        values = self.convolution(rows).transpose(1, 2)
        return values, values


class MineralQuery(nn.Module):
    """The whole network for n labels."""

    cam_layout: CamLayout = "nchw"
    num_prefix_tokens = 0
    axes: ClassVar[Axes] = {
        "label_embeddings": ("class",),
        "classifier": ("class",),
        "bias": ("class",),
    }

    def __init__(
        self, *, backbone: str, input_px: int, num_classes: int, options: MineralQueryOptions
    ) -> None:
        super().__init__()
        dim = options.dim
        self.backbone = Backbone(
            backbone, input_px=input_px, drop_path_rate=options.drop_path, last_only=True
        )
        self.cam_target = self.backbone.tap
        self.features = _features(self.backbone, options)
        self.gives_attention = isinstance(self.features, GridFeatures)
        self.label_embeddings = nn.Parameter(torch.randn(num_classes, dim))
        self.decoder = nn.ModuleList(
            DecoderBlock(
                dim,
                heads=options.heads,
                feedforward=options.feedforward or 4 * dim,
                dropout=options.dropout,
            )
            for _ in range(options.decoder_layers)
        )
        self.classifier = nn.Parameter(torch.randn(num_classes, dim) * dim**-0.5)
        self.bias = nn.Parameter(torch.zeros(num_classes))

    def forward(self, x: Tensor) -> ModelOutput:
        grid = self.backbone(x)[-1]
        values, keys = self.features(grid)
        labels = self.label_embeddings.expand(len(x), -1, -1)
        maps = []
        for block in self.decoder:
            labels, weights = block(
                labels, embeddings=self.label_embeddings, keys=keys, values=values
            )
            maps.append(weights)
        logits = (labels * self.classifier).sum(-1) + self.bias
        attention = None
        if self.gives_attention:
            attention = torch.stack(maps).mean(0).view(len(x), -1, *grid.shape[-2:])
        return ModelOutput(logits=logits, attention=attention)


def _features(backbone: Backbone, options: MineralQueryOptions) -> nn.Module:
    if options.reshape == "grid" or not backbone.is_vit:
        return GridFeatures(backbone.dims[-1], dim=options.dim)
    network: Any = backbone.network
    patches = int(network.patch_embed.num_patches)
    return ReshapedFeatures(backbone.dims[-1], patches=patches, dim=options.dim)


@architecture("mineral-query")
def build(card: ModelCard) -> nn.Module:
    return MineralQuery(
        backbone=card.backbone,
        input_px=card.preprocess.input_px,
        num_classes=len(card.classes),
        options=options_of(card, kind=MineralQueryOptions),
    )
