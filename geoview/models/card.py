"""The model card: everything a model file says of itself, validated before it is used."""

from __future__ import annotations

from typing import Annotated, Any, Literal

from pydantic import BaseModel, ConfigDict, Field, StringConstraints, model_validator

Name = Annotated[str, StringConstraints(min_length=1, max_length=120, strip_whitespace=True)]
Identifier = Annotated[str, StringConstraints(pattern=r"^[A-Za-z0-9][A-Za-z0-9_.\-]{0,119}$")]
Unit = Annotated[float, Field(gt=0, lt=1)]
Hash = Annotated[str, StringConstraints(pattern=r"^[0-9a-f]{16}$")]


class _Strict(BaseModel):
    model_config = ConfigDict(extra="forbid", allow_inf_nan=False)


class Tiling(_Strict):
    """How a tray photo is cut: shorter side brought to ``working_short_side_px``, then tiles."""

    working_short_side_px: int = Field(ge=32, le=16384)
    tile_px: int = Field(ge=32, le=4096)


class Preprocess(_Strict):
    """From oriented RGB to the network's input; ``mean`` and ``std`` for values in 0…1."""

    input_px: int = Field(ge=32, le=2048)
    mean: tuple[float, float, float] = (0.485, 0.456, 0.406)
    std: tuple[float, float, float] = (0.229, 0.224, 0.225)
    fit: Literal["squash", "pad"] = "squash"
    tiling: Tiling | None = None

    @model_validator(mode="after")
    def _positive_std(self) -> Preprocess:
        if min(self.std) <= 0:
            raise ValueError("std must be positive")
        return self


class ModelCard(_Strict):
    """What the model is, what it was trained on, how good it is there, and how to run it.

    ``splits`` are names and contents of its photos ("train", "val", "test"), and of those that
    the models it was fine-tuned from were trained and tuned on ("earlier_train",
    "earlier_val"); ``seen_hashes`` what all these look like but the tested ones (pHashes,
    hexadecimal), so that a smaller copy is recognised too.
    """

    format: Literal[1] = 1
    name: Identifier
    title: Name
    architecture: Identifier
    backbone: Identifier
    task: Literal["multi-label", "single-label", "segmentation"]
    classes: list[Name] = Field(min_length=1, max_length=10000)
    layers: list[Name] = Field(default_factory=list, max_length=200)
    thresholds: list[Unit]
    temperature: float = Field(default=1.0, gt=0, le=100)
    preprocess: Preprocess
    options: dict[str, Any] = Field(default_factory=dict)
    description: str = ""
    limitations: str = ""
    licence: str = ""
    trained_on: list[str] = Field(default_factory=list)
    metrics: list[dict[str, Any]] = Field(default_factory=list)
    recipe: dict[str, Any] = Field(default_factory=dict)
    splits: dict[str, list[str]] = Field(default_factory=dict)
    seen_hashes: list[Hash] = Field(default_factory=list)
    created_utc: str = ""
    app_version: str = ""

    @model_validator(mode="after")
    def _consistent(self) -> ModelCard:
        if len(self.thresholds) != len(self.classes):
            raise ValueError("one threshold per class is needed")
        for what, names in (("class", self.classes), ("layer", self.layers)):
            if len(set(names)) != len(names):
                raise ValueError(f"a {what} is listed twice")
        return self
