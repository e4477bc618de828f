"""Any timm network as grids of patch features: ViT blocks, CNN stages, NHWC transformers."""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor, nn

from geoview.errors import ModelError
from geoview.models import import_timm

MOBILENET_KWARGS = {"mobilenetv2_100": {"pad_type": "same", "bn_eps": 1e-3}}


def create_timm(name: str, *, input_px: int, **kwargs: Any) -> nn.Module:
    """A timm network by its plain name, random weights, never fetched from a hub."""
    timm = import_timm()
    if not timm.is_model(name):
        raise ModelError(f"The backbone “{name}” is not known to the installed timm.")
    options = {**MOBILENET_KWARGS.get(name, {}), **kwargs}
    try:
        return timm.create_model(name, pretrained=False, img_size=input_px, **options)  # type: ignore[no-any-return]
    except TypeError:
        # CNNs take any size and know no img_size.
        return timm.create_model(name, pretrained=False, **options)  # type: ignore[no-any-return]


class Backbone(nn.Module):
    """Features of the blocks of a timm network.

    ``forward`` takes [B, 3, S, S] and returns one [B, d_i, h_i, w_i] grid per block, prefix
    tokens dropped, the last one after the network's own final norm. A ViT gives all its blocks
    (P0 fuses labels with each of them); networks whose grid shrinks give the stages at stride
    16 and coarser. ``dims`` are the d_i. ``tap`` passes the last grid on unchanged: the place
    where Grad-CAM reads it.
    """

    def __init__(self, name: str, *, input_px: int, **kwargs: Any) -> None:
        super().__init__()
        self.network = create_timm(name, input_px=input_px, num_classes=0, **kwargs)
        if not hasattr(self.network, "forward_intermediates"):
            raise ModelError(f"The backbone “{name}” does not give intermediate features.")
        feature_info: Any = self.network.feature_info
        info = list(feature_info)
        strides = [int(stage["reduction"]) for stage in info]
        self.indices = [i for i, stride in enumerate(strides) if stride >= 16] or [len(info) - 1]
        self.dims = [int(info[i]["num_chs"]) for i in self.indices]
        self.is_vit = len(set(strides)) == 1
        self.tap = nn.Identity()

    def forward(self, x: Tensor) -> list[Tensor]:
        grids: list[Tensor] = self.network.forward_intermediates(  # type: ignore[operator]
            x, indices=self.indices, norm=False, output_fmt="NCHW", intermediates_only=True
        )
        grids = list(grids)
        if self.is_vit:
            grids[-1] = _norm_grid(self.network.norm, grids[-1])  # type: ignore[arg-type]
        grids[-1] = self.tap(grids[-1])
        return grids

    def freeze(self, blocks: int) -> None:
        """Keep the patch embedding and the first ``blocks`` blocks of a ViT as they are."""
        if blocks <= 0:
            return
        if not self.is_vit:
            raise ModelError("Freezing blocks by number is for transformer backbones.")
        network: Any = self.network
        frozen = [network.patch_embed, *network.blocks[:blocks]]
        for parameter in (p for part in frozen for p in part.parameters()):
            parameter.requires_grad_(False)
        for name in ("pos_embed", "cls_token", "dist_token", "reg_token"):
            value = getattr(network, name, None)
            if isinstance(value, nn.Parameter):
                value.requires_grad_(False)


def _norm_grid(norm: nn.Module, grid: Tensor) -> Tensor:
    """Apply a LayerNorm over the channels of [B, d, h, w]."""
    tokens: Tensor = norm(grid.permute(0, 2, 3, 1))
    return tokens.permute(0, 3, 1, 2)


def to_tokens(grid: Tensor) -> Tensor:
    """[B, d, h, w] → [B, h·w, d]."""
    return grid.flatten(2).transpose(1, 2)


def load_weights(module: nn.Module, tensors: dict[str, Tensor]) -> tuple[list[str], list[str]]:
    """Load weights by name into a network of perhaps another input size.

    Returns the names that were used and those of the file that were not. Position embeddings
    are resampled (bicubic); a classifier head that the network does not have is left out.
    """
    own = module.state_dict()
    used, unused = [], []
    chosen: dict[str, Tensor] = {}
    for name, value in tensors.items():
        value = value.float()
        target = own.get(name)
        if target is not None and name.endswith("pos_embed") and target.shape != value.shape:
            network = module.get_submodule(name.removesuffix("pos_embed").rstrip("."))
            value = _resample_positions(value, target, network)
        if target is None or target.shape != value.shape:
            unused.append(name)
            continue
        chosen[name] = value
        used.append(name)
    module.load_state_dict(chosen, strict=False)
    return used, unused


def _resample_positions(value: Tensor, target: Tensor, network: nn.Module) -> Tensor:
    from timm.layers import resample_abs_pos_embed

    prefix = int(getattr(network, "num_prefix_tokens", 0))
    side = round((target.shape[1] - prefix) ** 0.5)
    with torch.no_grad():
        return resample_abs_pos_embed(value, [side, side], num_prefix_tokens=prefix)  # type: ignore[no-any-return]
