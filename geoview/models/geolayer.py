"""Architecture ``geolayer``: layer-aware cross-modal learning for drill cuttings (P0).

Equation numbers are those of P0. Where the paper is silent, or we do otherwise, this is what we do:

* label embeddings are learned from scratch unless ``label_embedding="text"`` takes those of a text
  model, as P0 takes BERT's (section 3.1);
* eq. 1 pools the last block after the transformer's own final norm;
* blocks are normalised before eq. 7 and 8, because the raw residual stream grows with depth;
* eq. 3 with ``assignment="soft"`` weighs the layers' proportions by their probabilities instead
  of taking the best layer only, which is steadier near a boundary;
* eq. 13 with ``gcn_residual`` adds each layer's input to its output: five averaging layers over
  a few labels otherwise make the labels alike;
* an area head estimates every lithology's share from the same patches (``area_head``); P0 only
  says which one dominates;
* ``area_evidence`` adds w·log(share) + b of that estimate to each label's score before the sigmoid
  of eq. 14: few fragments of a minor lithology weigh little in a softmax over all patches, but
  show in the shares.
"""

from __future__ import annotations

from typing import ClassVar, Literal

import torch
import torch.nn.functional as F
from pydantic import Field, model_validator
from torch import Tensor, nn

from geoview.errors import ModelError
from geoview.models.backbone import Backbone, to_tokens
from geoview.models.card import ModelCard
from geoview.models.options import Options, options_of
from geoview.models.output import ModelOutput
from geoview.models.registry import CamLayout, architecture
from geoview.models.rows import Axes

# Shares below this are noise of the estimate.
SMALLEST_SHARE = 1e-3


class GeoLayerOptions(Options):
    """Options of the architecture; the defaults are the paper's model but for the embeddings of
    the labels, which are learned, and ``epsilon``, which the paper does not give."""

    num_layers: int = Field(default=4, ge=1, le=200)
    proportion_guidance: bool = True
    cooccurrence: bool = True
    gcn_layers: int = Field(default=5, ge=0, le=16)
    gcn_residual: bool = False
    heads: int = Field(default=1, ge=1, le=64)
    epsilon: float = Field(default=0.5, ge=0, le=100)
    assignment: Literal["hard", "soft"] = "hard"
    label_embedding: Literal["learned", "text"] = "learned"
    label_dim: int | None = Field(default=None, ge=1, le=8192)
    text_model: str = ""
    area_head: bool = False
    area_evidence: bool = False
    drop_path: float = Field(default=0.0, ge=0, lt=1)
    layer_head: Literal["supervised", "clustered"] = "supervised"
    layer_temperature: float = Field(default=1.0, gt=0, le=100)

    @model_validator(mode="after")
    def _evidence_needs_areas(self) -> GeoLayerOptions:
        if self.area_evidence and not self.area_head:
            raise ValueError("area_evidence needs area_head")
        return self


def assign_layer(layer_logits: Tensor) -> Tensor:
    """The layer with the highest softmax probability, [B, C] → [B] (eq. 3)."""
    return layer_logits.softmax(-1).argmax(-1)


def normalise_proportions(accumulated: Tensor) -> Tensor:
    """L2-normalise every layer's accumulated states, [C, n] → [C, n] (eq. 5); zero stays zero."""
    return F.normalize(accumulated, p=2, dim=-1, eps=1e-12)


def cooccurrence_matrix(labels: Tensor) -> Tensor:
    """Row-normalised co-occurrence of 0/1 labels [N, n] → [n, n], diagonal 1 (eq. 12).

    A label that never occurs gets only its diagonal.
    """
    v = labels.float()
    counts = v.T @ v
    diagonal = counts.diagonal().clamp_min(1.0)
    matrix = counts / diagonal[:, None]
    return matrix.fill_diagonal_(1.0)


class CrossModalBlock(nn.Module):
    """One block of the cross-modal attention network: labels query patches (eq. 6–11)."""

    def __init__(self, dim: int, *, visual_dim: int, heads: int) -> None:
        super().__init__()
        if dim % heads:
            raise ModelError(f"{heads} heads do not divide a label dimension of {dim}.")
        self.heads = heads
        self.norm = nn.LayerNorm(visual_dim)
        self.query = nn.Linear(dim, dim, bias=False)
        self.key = nn.Linear(visual_dim, dim, bias=False)
        self.value = nn.Linear(visual_dim, dim, bias=False)

    def forward(self, labels: Tensor, patches: Tensor, guide: Tensor) -> tuple[Tensor, Tensor]:
        """labels [B, n, d], patches [B, m, d_v], guide [B, n] → labels [B, n, d], map [B, n, m]."""
        patches = self.norm(patches)
        q = self._split(self.query(labels))
        k = self._split(self.key(patches))
        v = self._split(self.value(patches))
        scores = q @ k.transpose(-1, -2) * guide[:, None, :, None]
        attention = (scores.float() / q.shape[-1] ** 0.5).softmax(-1)
        mixed = (attention.to(v.dtype) @ v).transpose(1, 2).flatten(2)
        return labels + mixed, attention.mean(1)

    def _split(self, x: Tensor) -> Tensor:
        """[B, k, d] → [B, heads, k, d / heads]."""
        return x.view(*x.shape[:-1], self.heads, -1).transpose(1, 2)


class GraphConvolution(nn.Module):
    """H′ = ReLU(M′ H W + b), with the input added when ``residual`` (eq. 13)."""

    def __init__(self, dim: int, *, residual: bool) -> None:
        super().__init__()
        self.linear = nn.Linear(dim, dim)
        self.residual = residual

    def forward(self, h: Tensor, matrix: Tensor) -> Tensor:
        out = F.relu(self.linear(matrix.to(h.dtype) @ h))
        return h + out if self.residual else out


class GeoLayer(nn.Module):
    """The whole network for n lithologies and C layers."""

    cam_layout: CamLayout = "nchw"
    num_prefix_tokens = 0
    gives_attention = True
    axes: ClassVar[Axes] = {
        "label_embeddings": ("class",),
        "classifier": ("class",),
        "area.weight": ("class",),
        "area.bias": ("class",),
        "evidence_weight": ("class",),
        "evidence_bias": ("class",),
        "layer_head.weight": ("layer",),
        "proportions": ("layer", "class"),
        "cooccurrence": ("class", "class"),
    }

    def __init__(
        self, *, backbone: str, input_px: int, num_classes: int, options: GeoLayerOptions
    ) -> None:
        super().__init__()
        self.options = options
        self.backbone = Backbone(backbone, input_px=input_px, drop_path_rate=options.drop_path)
        self.cam_target = self.backbone.tap
        dim = self.backbone.dims[-1]
        label_dim = options.label_dim or dim
        embeddings = torch.randn(num_classes, label_dim) * 0.02
        if options.label_embedding == "learned":
            self.label_embeddings: Tensor = nn.Parameter(embeddings)
        else:
            self.register_buffer("label_embeddings", embeddings)
        self.label_projection = nn.Identity() if label_dim == dim else nn.Linear(label_dim, dim)
        self.layer_head = nn.Linear(dim, options.num_layers, bias=False)
        self.fusion = nn.ModuleList(
            CrossModalBlock(dim, visual_dim=d, heads=options.heads) for d in self.backbone.dims
        )
        depth = options.gcn_layers if options.cooccurrence else 0
        self.graph = nn.ModuleList(
            GraphConvolution(dim, residual=options.gcn_residual) for _ in range(depth)
        )
        self.classifier = nn.Parameter(torch.randn(num_classes, dim) * dim**-0.5)
        self.area = nn.Linear(dim, num_classes + 1) if options.area_head else None
        if options.area_evidence:
            # From the start a share of 3 % speaks neither for nor against a lithology.
            self.evidence_weight = nn.Parameter(torch.ones(num_classes))
            self.evidence_bias = nn.Parameter(torch.full((num_classes,), 3.5))
        self.register_buffer("proportions", torch.zeros(options.num_layers, num_classes))
        self.register_buffer("cooccurrence", torch.eye(num_classes))
        self.proportions: Tensor
        self.cooccurrence: Tensor

    def forward(self, x: Tensor) -> ModelOutput:
        grids = self.backbone(x)
        last = to_tokens(grids[-1])
        layer_logits = self.layer_head(last.mean(1))  # eq. 1, 2
        guide = self.guide(layer_logits)
        labels = self.label_projection(self.label_embeddings).expand(len(x), -1, -1)
        attention = []
        for block, grid in zip(self.fusion, grids, strict=True):
            labels, weights = block(labels, to_tokens(grid), guide)
            attention.append(weights.unflatten(-1, grid.shape[-2:]))
        for convolution in self.graph:
            labels = convolution(labels, self.cooccurrence)
        logits = (labels * self.classifier).sum(-1)  # eq. 14, before the sigmoid
        area, other, area_map = self._areas(grids[-1])
        if self.options.area_evidence and area is not None:
            evidence = self.evidence_weight * (area + SMALLEST_SHARE).log() + self.evidence_bias
            logits = logits + evidence.to(logits.dtype)
        return ModelOutput(
            logits=logits,
            layer_logits=layer_logits,
            area=area,
            other_area=other,
            attention=_mean_map(attention),
            area_map=area_map,
        )

    def guide(self, layer_logits: Tensor) -> Tensor:
        """P̂ + ε of every photo's layer, [B, C] → [B, n] (eq. 3, 5, 9); ones without guidance."""
        if not self.options.proportion_guidance:
            return layer_logits.new_ones(len(layer_logits), self.proportions.shape[1])
        table = normalise_proportions(self.proportions).to(layer_logits.dtype)
        if self.options.assignment == "soft":
            chosen = layer_logits.softmax(-1) @ table
        else:
            chosen = table[assign_layer(layer_logits)]
        return chosen + self.options.epsilon

    @torch.no_grad()
    def accumulate(self, states: Tensor, layers: Tensor) -> None:
        """P_g ← P_g + S_i for a batch: states [B, n] of 0/1/2, layers [B] (eq. 4)."""
        self.proportions.index_add_(0, layers, states.to(self.proportions.dtype))

    def _areas(self, grid: Tensor) -> tuple[Tensor | None, Tensor | None, Tensor | None]:
        if self.area is None:
            return None, None, None
        patches = self.area(to_tokens(grid)).float().softmax(-1)
        shares = patches.mean(1)
        classes = shares[:, :-1]
        maps = patches[..., :-1].transpose(1, 2).unflatten(-1, grid.shape[-2:])
        return classes / classes.sum(-1, keepdim=True).clamp_min(1e-6), shares[:, -1], maps


def _mean_map(maps: list[Tensor]) -> Tensor:
    """Mean over blocks on the finest grid of them, [B, n, gh, gw]."""
    size = max((m.shape[-2:] for m in maps), key=lambda s: s[0] * s[1])
    grown = [m if m.shape[-2:] == size else F.interpolate(m, size=size) for m in maps]
    return torch.stack(grown).mean(0)


@architecture("geolayer")
def build(card: ModelCard) -> nn.Module:
    options = options_of(card, kind=GeoLayerOptions)
    if card.layers and len(card.layers) != options.num_layers:
        raise ModelError(
            f"The model “{card.name}” names {len(card.layers)} layers, not its own number."
        )
    return GeoLayer(
        backbone=card.backbone,
        input_px=card.preprocess.input_px,
        num_classes=len(card.classes),
        options=options,
    )
