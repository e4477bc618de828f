"""Any timm network as grids of patch features: ViT blocks, CNN stages, NHWC transformers."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor, nn

from geoview.errors import ModelError
from geoview.models import import_timm
from geoview.models.rows import Axes, Kind, Places, rearranged

# Where architectures keep their pretrained network.
NETWORKS = ("backbone.network", "network", "vision")
# What others put before a checkpoint's names.
_WRAPPERS = ("model", "module")

# A plain name that stands for Google's own network and weights, which are not those of the hub.
GOOGLES = {"mobilenetv2_100": {"pad_type": "same", "bn_eps": 1e-3}}


def create_timm(
    name: str,
    *,
    input_px: int,
    num_classes: int,
    drop_rate: float = 0.0,
    drop_path_rate: float = 0.0,
) -> nn.Module:
    """A timm network by its plain name, random weights, never fetched from a hub.

    Raises ModelError when timm does not know it, or it cannot have what is asked for.
    """
    timm = import_timm()
    if not timm.is_model(name):
        raise ModelError(f"The backbone “{name}” is not known to the installed timm.")
    # timm leaves out what is None; not every network knows every option.
    options = {
        **GOOGLES.get(name, {}),
        "num_classes": num_classes,
        "drop_rate": drop_rate or None,
        "drop_path_rate": drop_path_rate or None,
    }
    try:
        return timm.create_model(name, pretrained=False, img_size=input_px, **options)  # type: ignore[no-any-return]
    except TypeError:
        # CNNs take any size and know no img_size.
        pass
    try:
        return timm.create_model(name, pretrained=False, **options)  # type: ignore[no-any-return]
    except TypeError as error:
        raise ModelError(f"The backbone “{name}” cannot be built so: {error}.") from error


def normalisation(name: str) -> dict[str, tuple[float, ...]]:
    """The ``mean`` and ``std`` that the weights timm names for a backbone were made for.

    Empty where timm does not know them.
    """
    timm = import_timm()
    if name in GOOGLES or not timm.is_model(name):
        return {}
    config: Any = timm.get_pretrained_cfg(name)
    return {"mean": tuple(config.mean), "std": tuple(config.std)} if config else {}


class Backbone(nn.Module):
    """Features of the blocks of a timm network.

    ``forward`` takes [B, 3, S, S] and returns one [B, d_i, h_i, w_i] grid per block, prefix
    tokens dropped, the last one after the network's own final norm. A ViT gives all its blocks
    (P0 fuses labels with each of them); networks whose grid shrinks give the stages at stride
    16 and coarser. With ``last_only`` there is one grid, the last. ``dims`` are the d_i. ``tap``
    passes the last grid on unchanged: the place where Grad-CAM reads it.
    """

    def __init__(
        self, name: str, *, input_px: int, drop_path_rate: float = 0.0, last_only: bool = False
    ) -> None:
        super().__init__()
        self.network = create_timm(
            name, input_px=input_px, num_classes=0, drop_path_rate=drop_path_rate
        )
        if not hasattr(self.network, "forward_intermediates"):
            raise ModelError(f"The backbone “{name}” does not give intermediate features.")
        feature_info: Any = self.network.feature_info
        info = list(feature_info)
        strides = [int(stage["reduction"]) for stage in info]
        self.indices = [i for i, stride in enumerate(strides) if stride >= 16] or [len(info) - 1]
        self.indices = self.indices[-1:] if last_only else self.indices
        self.dims = [int(info[i]["num_chs"]) for i in self.indices]
        self.is_vit = len(set(strides)) == 1
        self.tap = nn.Identity()

    def forward(self, x: Tensor) -> list[Tensor]:
        # Networks of stages apply the norm to the last grid only, a ViT would to all of them.
        found: Any = self.network.forward_intermediates(  # type: ignore[operator]
            x,
            indices=self.indices,
            norm=not self.is_vit,
            output_fmt="NCHW",
            intermediates_only=True,
        )
        grids: list[Tensor] = list(found)
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


@dataclass(frozen=True, slots=True)
class Transfer:
    """Names of a file's tensors that were used and that were not, and the module's own tensors
    that the file did not give, which keep the values they had. ``kinds`` tells whether rows of
    classes, of layers, are among the used."""

    used: list[str]
    unused: list[str]
    missing: list[str]
    kinds: frozenset[Kind] = frozenset()


def transfer(
    module: nn.Module,
    tensors: dict[str, Tensor],
    *,
    places: Mapping[Kind, Places] | None = None,
) -> Transfer:
    """Load what fits of a timm checkpoint or of another GeoView model, in any precision.

    Names are matched within the pretrained network, wherever the two keep it. Position
    embeddings of another input size are resampled (bicubic); what has another shape is not used.
    With ``places`` the rows of classes and layers that both know go where the module has them,
    and the others stay new; without, a head is used if it is for as many classes.
    """
    own = module.state_dict()
    axes: Axes = getattr(module, "axes", {}) if places is not None else {}
    names = _renamed(list(tensors), to=network_name(module))
    chosen = {}
    for name, value in tensors.items():
        target = own.get(names[name])
        if target is not None and names[name].endswith("pos_embed"):
            value = _resample_positions(value, target)
        if target is not None and places is not None and names[name] in axes:
            filled = rearranged(value, target, axes=axes[names[name]], places=places)
            if filled is not None:
                chosen[names[name]] = filled
        elif target is not None and target.shape == value.shape:
            chosen[names[name]] = value
    module.load_state_dict(chosen, strict=False)
    return Transfer(
        used=[name for name in tensors if names[name] in chosen],
        unused=[name for name in tensors if names[name] not in chosen],
        missing=[name for name in own if name not in chosen],
        # A table of layers by classes counts photos; it does not tell a class from another.
        kinds=frozenset(axes[n][0] for n in chosen if n in axes and len(axes[n]) == 1),
    )


def network_name(module: nn.Module) -> str:
    """The path of an architecture's pretrained network in it; empty for a plain timm network."""
    parts = dict(module.named_modules())
    return next((name for name in NETWORKS if name in parts), "")


def _renamed(names: list[str], *, to: str) -> dict[str, str]:
    """A file's names as they are in a module that keeps its pretrained network at ``to``."""
    before = next(
        (p for p in (*NETWORKS, *_WRAPPERS) if any(n.startswith(f"{p}.") for n in names)), ""
    )
    new = {}
    for name in names:
        inside = not before or name.startswith(f"{before}.")
        tail = name.removeprefix(f"{before}.") if before else name
        new[name] = f"{to}.{tail}" if inside and to else tail
    return new


def _resample_positions(value: Tensor, target: Tensor) -> Tensor:
    """Position embeddings [1, prefix + g², d] on another grid; as they are where that is not so."""
    from timm.layers import resample_abs_pos_embed

    if value.shape == target.shape or value.dim() != 3 or target.dim() != 3:
        return value
    prefix = _prefix(target.shape[1])
    if _prefix(value.shape[1]) != prefix:
        return value
    side = math.isqrt(target.shape[1] - prefix)
    with torch.no_grad():
        return resample_abs_pos_embed(value, [side, side], num_prefix_tokens=prefix)  # type: ignore[no-any-return]


def _prefix(tokens: int) -> int:
    """How many of the tokens are more than a square grid."""
    return int(tokens - math.isqrt(tokens) ** 2)
