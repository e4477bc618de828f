"""Architecture ``timm-classifier``: any timm network with its own linear head."""

from __future__ import annotations

from typing import Any

from pydantic import Field
from torch import Tensor, nn

from geoview.models.backbone import create_timm
from geoview.models.card import ModelCard
from geoview.models.freezing import head_of
from geoview.models.options import Options, options_of
from geoview.models.output import ModelOutput
from geoview.models.registry import CamLayout, architecture
from geoview.models.rows import Axes


class ClassifierOptions(Options):
    """Dropout before the head, and stochastic depth where the network has it."""

    drop_rate: float = Field(default=0.0, ge=0, lt=1)
    drop_path: float = Field(default=0.0, ge=0, lt=1)


class TimmClassifier(nn.Module):
    """Single- or multi-label classifier.

    A CLS-pooled ViT has no gradient on the patches after its last block, so its Grad-CAM reads
    the last block's first norm; other ViTs are read after their last block, and every other
    network where the head begins.
    """

    def __init__(
        self, name: str, *, input_px: int, num_classes: int, options: ClassifierOptions
    ) -> None:
        super().__init__()
        network: Any = create_timm(
            name,
            input_px=input_px,
            num_classes=num_classes,
            drop_rate=options.drop_rate,
            drop_path_rate=options.drop_path,
        )
        self.network: Any = network
        self.tap = nn.Identity()
        self.num_prefix_tokens = 0
        self.cam_layout: CamLayout = "nchw"
        if _is_vit(network):
            self.num_prefix_tokens = int(network.num_prefix_tokens)
            self.cam_layout = "tokens"
        elif getattr(network, "output_fmt", "NCHW") == "NHWC":
            self.cam_layout = "nhwc"

    @property
    def axes(self) -> Axes:
        """The rows of the classifier are the classes, of both in a distilled network."""
        sizes = {name: tuple(p.shape[:1]) for name, p in self.network.named_parameters()}
        rows = (self.network.num_classes,)
        return {
            f"network.{name}": ("class",) for name in head_of(self.network) if sizes[name] == rows
        }

    @property
    def cam_target(self) -> nn.Module:
        """Where Grad-CAM reads; no attribute, which would list the layer's weights twice."""
        network = self.network
        if not _is_vit(network):
            return self.tap
        block: nn.Module = network.blocks[-1]
        if network.global_pool not in ("token", ""):
            return block
        layer: nn.Module = getattr(block, "norm1", block)
        return layer

    def forward(self, x: Tensor) -> ModelOutput:
        features = self.tap(self.network.forward_features(x))
        return ModelOutput(logits=self.network.forward_head(features))


def _is_vit(network: Any) -> bool:
    return hasattr(network, "blocks") and hasattr(network, "num_prefix_tokens")


@architecture("timm-classifier")
def build(card: ModelCard) -> nn.Module:
    return TimmClassifier(
        card.backbone,
        input_px=card.preprocess.input_px,
        num_classes=len(card.classes),
        options=options_of(card, kind=ClassifierOptions),
    )
