"""Grad-CAM of all classes of a ViT-B/16 at 384²: GeoView beside pytorch-grad-cam, in one run.

Both explain the same network and input on the same cores in fp32; a plain forward pass without
gradients is the yardstick. The rounds take turns, so that a busy machine slows all alike. The maps
are compared after pytorch-grad-cam's own normalisation. Another table says what ROAD's imputation
costs beside its sparse solver. The last line of output is one JSON object:
``ratio`` = its time / ours, ``forwards`` = our time / one forward pass, ``max_difference``.
"""

from __future__ import annotations

import argparse
import json
import statistics
import sys
import time
from collections.abc import Callable
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn

from geoview.explain.impute import impute
from geoview.explain.methods import METHODS
from geoview.models import mend_torchvision
from geoview.models.card import ModelCard, Preprocess
from geoview.models.registry import build


class Logits(nn.Module):
    """A GeoView network that returns its logits only, as pytorch-grad-cam expects."""

    def __init__(self, module: nn.Module) -> None:
        super().__init__()
        self.module = module

    def forward(self, x: Tensor) -> Tensor:
        return self.module(x).logits


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--backbone", default="vit_base_patch16_384")
    parser.add_argument("--input-px", type=int, default=384)
    parser.add_argument("--classes", type=int, default=36)
    parser.add_argument("--method", default="grad-cam", choices=["grad-cam", "grad-cam++"])
    parser.add_argument("--rounds", type=int, default=5, help="how often ours is measured")
    options = parser.parse_args()
    torch.manual_seed(0)
    module = network(options.backbone, input_px=options.input_px, classes=options.classes)
    x = torch.randn(1, 3, options.input_px, options.input_px)
    numbers = list(range(options.classes))
    maps = METHODS[options.method].maps
    forward_s, ours_s = [], []
    for _ in range(options.rounds):
        forward_s.append(timed(lambda: plain(module, x))[1])
        ours, seconds = timed(lambda: maps(module, x, numbers))
        ours_s.append(seconds)
    theirs, theirs_s = timed(lambda: reference(module, x, numbers, method=options.method))
    figures = {
        "ratio": theirs_s / statistics.median(ours_s),
        "forwards": statistics.median(ours_s) / statistics.median(forward_s),
        "max_difference": float(np.abs(normalised(ours[0].numpy(), x) - theirs).max()),
    }
    table = {
        "one forward pass": statistics.median(forward_s),
        f"GeoView, {options.classes} classes": statistics.median(ours_s),
        f"pytorch-grad-cam, {options.classes} classes": theirs_s,
        **imputation(options.input_px),
    }
    for name, seconds in table.items():
        sys.stdout.write(f"{name:45} {seconds:9.3f} s\n")
    figures = {name: float(f"{value:.3g}") for name, value in figures.items()}
    sys.stdout.write(json.dumps(figures) + "\n")
    return 0


def network(backbone: str, *, input_px: int, classes: int) -> nn.Module:
    """A classifier with random weights."""
    card = ModelCard(
        name="cam",
        title="cam",
        architecture="timm-classifier",
        backbone=backbone,
        task="multi-label",
        classes=[f"class {i}" for i in range(classes)],
        thresholds=[0.5] * classes,
        preprocess=Preprocess(input_px=input_px),
    )
    return build(card)


def timed(work: Callable[[], Any]) -> tuple[Any, float]:
    start = time.perf_counter()
    result = work()
    return result, time.perf_counter() - start


def plain(module: nn.Module, x: Tensor) -> Tensor:
    with torch.no_grad():
        return module(x).logits


def reference(module: nn.Module, x: Tensor, numbers: list[int], *, method: str) -> np.ndarray:
    """pytorch-grad-cam's maps, one call a class as its documentation shows, [k, S, S]."""
    mend_torchvision()
    from pytorch_grad_cam import GradCAM, GradCAMPlusPlus
    from pytorch_grad_cam.utils.model_targets import ClassifierOutputTarget

    kind = GradCAM if method == "grad-cam" else GradCAMPlusPlus
    prefix = module.num_prefix_tokens

    def grid(tokens: Tensor) -> Tensor:
        side = round((tokens.shape[1] - prefix) ** 0.5)
        return tokens[:, prefix:].transpose(1, 2).unflatten(-1, (side, side))

    with kind(Logits(module), [module.cam_target], reshape_transform=grid) as cam:
        return np.concatenate([cam(x, [ClassifierOutputTarget(number)]) for number in numbers])


def normalised(maps: np.ndarray, x: Tensor) -> np.ndarray:
    from pytorch_grad_cam.utils.image import scale_cam_image

    return scale_cam_image(scale_cam_image(maps, (x.shape[-1], x.shape[-2])))


def imputation(side_px: int) -> dict[str, float]:
    """Seconds for one image with three quarters of its pixels removed, in whole patches."""
    from pytorch_grad_cam.metrics.road import NoisyLinearImputer

    rng = np.random.default_rng(0)
    image = rng.normal(size=(side_px, side_px, 3)).astype(np.float32)
    patches = rng.random((side_px // 16, side_px // 16)) < 0.25
    keep = np.kron(patches, np.ones((16, 16))) > 0
    tensors = torch.from_numpy(image).permute(2, 0, 1), torch.from_numpy(keep.astype(np.float32))
    return {
        "ROAD imputation of one image": timed(lambda: impute(image, keep=keep))[1],
        "its sparse solver": timed(lambda: NoisyLinearImputer(noise=0)(*tensors))[1],
    }


if __name__ == "__main__":
    raise SystemExit(main())
