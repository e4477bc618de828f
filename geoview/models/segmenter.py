"""Architecture ``fpn-segmenter``: a class for every pixel of a photo, for the size tool.

A timm CNN with stages at strides 2 to 32 under a feature pyramid (Lin et al. 2017,
"Feature Pyramid Networks for Object Detection") that adds the coarse grids to the finer ones and
gives its answer at half the input's resolution. It takes any size whose sides are multiples of
its coarsest stride.
"""

from __future__ import annotations

from typing import Any, ClassVar

from pydantic import Field
from torch import Tensor, nn
from torch.nn.functional import interpolate

from geoview.errors import ModelError
from geoview.models.backbone import create_timm
from geoview.models.card import ModelCard
from geoview.models.options import Options, options_of
from geoview.models.registry import architecture
from geoview.models.rows import Axes

_STRIDES = [2, 4, 8, 16, 32]


class SegmenterOptions(Options):
    """Channels of the pyramid, and of its finest level; which graph holds the same network."""

    width: int = Field(default=48, ge=8, le=512)
    finest: int = Field(default=24, ge=8, le=512)
    graph_sha256: str = ""


class Segmenter(nn.Module):
    """[B, 3, h, w] → logits [B, classes, h / 2, w / 2]."""

    axes: ClassVar[Axes] = {"head.weight": ("class",), "head.bias": ("class",)}

    def __init__(self, name: str, *, num_classes: int, options: SegmenterOptions) -> None:
        super().__init__()
        network: Any = create_timm(name, input_px=256, num_classes=0)
        info = list(getattr(network, "feature_info", []))
        if [int(stage["reduction"]) for stage in info] != _STRIDES:
            raise ModelError(f"The backbone “{name}” has no stages at strides 2 to 32.")
        network.prune_intermediate_layers(list(range(len(info))), prune_norm=True)
        self.network: Any = network
        self.levels = list(range(len(info)))
        widths = [options.finest] + [options.width] * (len(info) - 1)
        self.sides = nn.ModuleList(
            nn.Sequential(nn.Conv2d(int(stage["num_chs"]), out, 1, bias=False), nn.BatchNorm2d(out))
            for stage, out in zip(info, widths, strict=True)
        )
        self.merges = nn.ModuleList(_merge(wide, out) for wide, out in _pairs(widths))
        self.head = nn.Conv2d(options.finest, num_classes, 1)

    def forward(self, x: Tensor) -> Tensor:
        grids: list[Tensor] = self.network.forward_intermediates(
            x, indices=self.levels, intermediates_only=True
        )
        top: Tensor = self.sides[-1](grids[-1])
        for level in reversed(self.levels[:-1]):
            coarse = self.merges[level](top)
            coarse = interpolate(coarse, size=grids[level].shape[-2:], mode="bilinear")
            top = self.sides[level](grids[level]) + coarse
        logits: Tensor = self.head(top.relu())
        return logits


def _pairs(widths: list[int]) -> list[tuple[int, int]]:
    """Channels of each level's coarser neighbour and its own, the finest first."""
    return list(zip(widths[1:], widths[:-1], strict=True))


def _merge(wide: int, out: int) -> nn.Sequential:
    """From one level to the next finer one, before it is enlarged."""
    return nn.Sequential(
        nn.ReLU(), nn.Conv2d(wide, out, 3, padding=1, bias=False), nn.BatchNorm2d(out), nn.ReLU()
    )


@architecture("fpn-segmenter")
def build(card: ModelCard) -> nn.Module:
    return Segmenter(
        card.backbone,
        num_classes=len(card.classes),
        options=options_of(card, kind=SegmenterOptions),
    )
