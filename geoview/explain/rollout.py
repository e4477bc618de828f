"""Attention rollout (Abnar and Zuidema 2020): where a ViT's tokens come from, block by block."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor, nn
from torch.overrides import TorchFunctionMode

from geoview.errors import ModelError
from geoview.explain.registry import method


class _Watched(TorchFunctionMode):
    """Multiplies up the attention of every block as fused attention computes it.

    The fused operation does not give its weights, so they are computed beside it, mean over the
    heads. ``rollout`` [B, N, N] is Π (A + I) / 2 (section 3), its rows add up to 1.
    """

    def __init__(self) -> None:
        super().__init__()
        self.rollout: Tensor | None = None

    def __torch_function__(
        self,
        func: Callable[..., Any],
        types: Any,
        args: tuple[Any, ...] = (),
        kwargs: dict[str, Any] | None = None,
    ) -> Any:
        kwargs = kwargs or {}
        if func is F.scaled_dot_product_attention:
            self._add(
                *args[:2], **{k: v for k, v in kwargs.items() if k in ("query", "key", "scale")}
            )
        return func(*args, **kwargs)

    def _add(self, query: Tensor, key: Tensor, scale: float | None = None) -> None:
        if query.shape != key.shape:
            return
        scale = query.shape[-1] ** -0.5 if scale is None else scale
        weights = sum(
            (query[:, h].float() @ key[:, h].float().transpose(-1, -2) * scale).softmax(-1)
            for h in range(query.shape[1])
        )
        mixed = weights / query.shape[1]
        mixed = (mixed + torch.eye(query.shape[2], device=query.device)) / 2
        self.rollout = mixed if self.rollout is None else mixed @ self.rollout


def is_vit(module: nn.Module) -> bool:
    """Whether this is a ViT of timm or transformers whose blocks all see the same tokens."""
    return _prefix(module) is not None


@method("attention-rollout", supports=is_vit)
def attention_rollout(module: nn.Module, x: Tensor, classes: Sequence[int]) -> Tensor:
    """How much of what the head reads comes from each patch; 1 is an even share.

    Independent of the class. The head reads the class token (and DeiT's distillation token);
    where it reads patches they count alike.
    """
    prefix = _prefix(module)
    with _Watched() as watched, torch.inference_mode():
        module(x)
    if prefix is None or watched.rollout is None:
        raise ModelError("This model's attention cannot be read; choose another method.")
    rows = watched.rollout[:, _read(module, prefix)].mean(1)[:, prefix:]
    side = round(rows.shape[1] ** 0.5)
    maps: Tensor = (rows * rows.shape[1]).view(-1, 1, side, side)
    return maps.expand(-1, len(classes), -1, -1)


def _network(module: nn.Module) -> Any:
    found = getattr(module, "network", None) or getattr(module, "vision", None)
    backbone = getattr(module, "backbone", None)
    return found if backbone is None else backbone.network


def _prefix(module: nn.Module) -> int | None:
    """Tokens before the patches, None where there are no tokens."""
    network = _network(module)
    if hasattr(network, "blocks") and hasattr(network, "num_prefix_tokens"):
        fused = [getattr(getattr(b, "attn", None), "fused_attn", False) for b in network.blocks]
        return int(network.num_prefix_tokens) if fused and all(fused) else None
    encoder = getattr(network, "encoder", None)
    return int(module.num_prefix_tokens) if hasattr(encoder, "layers") else None  # type: ignore[arg-type]


def _read(module: nn.Module, prefix: int) -> slice:
    """The tokens that the head reads."""
    network = _network(module)
    pooled = getattr(network, "global_pool", "token" if prefix else "avg") != "token"
    if pooled or prefix == 0 or hasattr(module, "backbone"):
        return slice(prefix, None)
    return slice(0, 2 if hasattr(network, "head_dist") else 1)
