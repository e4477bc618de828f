"""Architecture ``timm-classifier``: any timm network with its own linear head."""

from __future__ import annotations

from typing import Any

from torch import Tensor, nn

from geoview.models.backbone import create_timm
from geoview.models.card import ModelCard
from geoview.models.output import ModelOutput
from geoview.models.registry import CamLayout, architecture


class TimmClassifier(nn.Module):
    """Single- or multi-label classifier.

    A CLS-pooled ViT has no gradient on the patches after its last block, so its Grad-CAM reads
    the last block's first norm; every other network is read where the head begins.
    """

    def __init__(self, name: str, *, input_px: int, num_classes: int, drop_rate: float) -> None:
        super().__init__()
        network: Any = create_timm(
            name, input_px=input_px, num_classes=num_classes, drop_rate=drop_rate
        )
        self.network: Any = network
        self.num_prefix_tokens = 0
        self.tap = nn.Identity()
        self.cam_target: nn.Module = self.tap
        self.cam_layout: CamLayout = "nchw"
        if hasattr(network, "blocks") and hasattr(network, "num_prefix_tokens"):
            self.num_prefix_tokens = int(network.num_prefix_tokens)
            self.cam_layout = "tokens"
            if network.global_pool in ("token", ""):
                self.cam_target = network.blocks[-1].norm1
        elif getattr(network, "output_fmt", "NCHW") == "NHWC":
            self.cam_layout = "nhwc"

    def forward(self, x: Tensor) -> ModelOutput:
        features = self.tap(self.network.forward_features(x))
        return ModelOutput(logits=self.network.forward_head(features))


@architecture("timm-classifier")
def build(card: ModelCard) -> nn.Module:
    return TimmClassifier(
        card.backbone,
        input_px=card.preprocess.input_px,
        num_classes=len(card.classes),
        drop_rate=float(card.options.get("drop_rate", 0.0)),
    )
