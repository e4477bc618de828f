"""Architecture ``ma-vit``: attention on the input image, then a transformer (P4, section 3).

Where the paper is silent or its model does not start well, this is what we do:

* the photo goes through CBAM as the network sees it, normalised: to suppress is to bring a pixel
  near the mean colour of the training photos;
* the published sigmoids take away three quarters of the input before anything is learned, which
  pretrained weights have never seen. ``attention="from-one"`` starts as the identity instead,
  so that training begins with the plain network; ``attention="paper"`` is the published form;
* three channels leave nothing to reduce: the shared MLP has three hidden units;
* any timm classifier may stand for the ViT-B/16.
"""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import AfterValidator, Field
from torch import Tensor, nn

from geoview.models.card import ModelCard
from geoview.models.cbam import Cbam
from geoview.models.options import options_of
from geoview.models.output import ModelOutput
from geoview.models.registry import architecture
from geoview.models.timm_classifier import ClassifierOptions, TimmClassifier

IMAGE_CHANNELS = 3


def _odd(value: int) -> int:
    if value % 2 == 0:
        raise ValueError("a kernel's size must be odd")
    return value


class MaVitOptions(ClassifierOptions):
    """Options of the architecture; the paper's are ``attention="paper"``, ``drop_path=0.1``."""

    attention: Literal["from-one", "paper"] = "from-one"
    reduction: int = Field(default=1, ge=1, le=3)
    kernel: Annotated[int, Field(ge=1, le=31), AfterValidator(_odd)] = 7


class MaVit(TimmClassifier):
    """A timm classifier that sees the photo through channel and spatial attention."""

    def __init__(
        self, name: str, *, input_px: int, num_classes: int, options: MaVitOptions
    ) -> None:
        super().__init__(name, input_px=input_px, num_classes=num_classes, options=options)
        self.attention = Cbam(
            IMAGE_CHANNELS,
            reduction=options.reduction,
            kernel=options.kernel,
            from_one=options.attention == "from-one",
        )

    def forward(self, x: Tensor) -> ModelOutput:
        return super().forward(self.attention(x))

    def spatial_attention(self, x: Tensor) -> Tensor:
        """What every pixel of [B, 3, S, S] is multiplied with, for all classes, [B, 1, S, S]."""
        return self.attention.spatial_map(x)


@architecture("ma-vit")
def build(card: ModelCard) -> nn.Module:
    return MaVit(
        card.backbone,
        input_px=card.preprocess.input_px,
        num_classes=len(card.classes),
        options=options_of(card, kind=MaVitOptions),
    )
