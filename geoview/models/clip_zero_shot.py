"""Architecture ``clip-zero-shot``: photos compared with names in words (P2, section 4.2).

The vision half of a CLIP (Radford et al. 2021) or SigLIP (Zhai et al. 2023) beside the embeddings
of any list of names, which ``training.zero_shot`` computes once. The card holds all the measures
of the tower, so that neither the folder it came from nor a text model is needed again.

Photos are squashed to the square input, where CLIP was trained on the centre of theirs: the ends
of a long specimen are evidence too, and heatmaps cover the whole photo. Another input size than
the tower's own works: its position embeddings are resampled as it runs.
"""

from __future__ import annotations

from typing import Any, ClassVar, Literal

import torch
import torch.nn.functional as F
from pydantic import BaseModel, ConfigDict, Field, model_validator
from torch import Tensor, nn

from geoview.models import mend_torchvision
from geoview.models.card import ModelCard
from geoview.models.options import Options, options_of
from geoview.models.output import ModelOutput
from geoview.models.registry import CamLayout, architecture
from geoview.models.rows import Axes

# What transformers starts a CLIP's logarithm of the scale from: ln(1 / 0.07).
INITIAL_SCALE = 2.6592


class Tower(BaseModel):
    """Measures of a vision tower under transformers' names, bounded by the largest published."""

    model_config = ConfigDict(extra="forbid", allow_inf_nan=False)

    hidden_size: int = Field(ge=8, le=2048)
    intermediate_size: int = Field(ge=8, le=8192)
    num_hidden_layers: int = Field(ge=1, le=64)
    num_attention_heads: int = Field(ge=1, le=64)
    patch_size: int = Field(ge=8, le=32)
    image_size: int = Field(ge=32, le=1024)
    hidden_act: Literal["quick_gelu", "gelu", "gelu_pytorch_tanh"]
    layer_norm_eps: float = Field(gt=0, le=0.01)

    @model_validator(mode="after")
    def _heads_fit(self) -> Tower:
        if self.hidden_size % self.num_attention_heads:
            raise ValueError("the heads do not divide the hidden size")
        return self


class ZeroShotOptions(Options):
    """Options of the architecture; ``dim`` is d, the length of the embeddings compared.

    ``templates`` and ``weights`` only tell where the embeddings come from.
    """

    family: Literal["clip", "siglip"]
    tower: Tower
    dim: int = Field(ge=1, le=4096)
    templates: list[str] = Field(default_factory=list, max_length=200)
    weights: str = ""

    @model_validator(mode="after")
    def _no_projection(self) -> ZeroShotOptions:
        if self.family == "siglip" and self.dim != self.tower.hidden_size:
            raise ValueError("a SigLIP has no projection, so dim must be the hidden size")
        return self


class ZeroShot(nn.Module):
    """Logits [B, n] = exp(scale) · cos(photo, name) + bias.

    ``text_embeddings`` [n, d], rows of length 1, stay as they are while the rest is fine-tuned.
    A CLIP has no bias: it starts at 0 and only tells something after multi-label training.
    """

    cam_layout: CamLayout = "tokens"
    axes: ClassVar[Axes] = {"text_embeddings": ("class",)}

    def __init__(self, options: ZeroShotOptions, *, num_classes: int) -> None:
        super().__init__()
        clip = options.family == "clip"
        hidden = options.tower.hidden_size
        self.num_prefix_tokens = 1 if clip else 0
        self.vision = _tower(options)
        self.projection = nn.Linear(hidden, options.dim, bias=False) if clip else nn.Identity()
        self.logit_scale = nn.Parameter(torch.tensor(INITIAL_SCALE))
        self.logit_bias = nn.Parameter(torch.tensor(0.0))
        self.register_buffer("text_embeddings", torch.zeros(num_classes, options.dim))
        self.text_embeddings: Tensor

    @property
    def cam_target(self) -> nn.Module:
        """The last block's first norm: after that block only pooled tokens carry a gradient."""
        layer: nn.Module = self.vision.encoder.layers[-1].layer_norm1
        return layer

    def forward(self, x: Tensor) -> ModelOutput:
        pooled = self.vision(pixel_values=x, interpolate_pos_encoding=True).pooler_output
        photos = self.projection(pooled)
        # A cosine is multiplied by about 100, which needs more digits than half precision has.
        with torch.autocast(x.device.type, enabled=False):
            photos = F.normalize(photos.float(), dim=-1)
            cosines = photos @ self.text_embeddings.float().T
            logits = self.logit_scale.float().exp() * cosines + self.logit_bias.float()
        return ModelOutput(logits=logits)


def _tower(options: ZeroShotOptions) -> Any:
    """The vision tower with random weights, its tensors named alike in transformers 4 and 5."""
    mend_torchvision()
    import transformers

    measures = options.tower.model_dump()
    if options.family == "clip":
        model = transformers.CLIPVisionModel(transformers.CLIPVisionConfig(**measures))
    else:
        model = transformers.SiglipVisionModel(transformers.SiglipVisionConfig(**measures))
    return getattr(model, "vision_model", model)


@architecture("clip-zero-shot")
def build(card: ModelCard) -> nn.Module:
    options = options_of(card, kind=ZeroShotOptions)
    return ZeroShot(options, num_classes=len(card.classes))
