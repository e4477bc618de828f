"""A training recipe: one TOML file, validated. Light: no torch."""

from __future__ import annotations

import tomllib
from pathlib import Path
from typing import Any, Literal

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from geoview import paths
from geoview.errors import DataError
from geoview.models.card import Preprocess


class _Strict(BaseModel):
    model_config = ConfigDict(extra="forbid", allow_inf_nan=False)


class ModelPart(_Strict):
    """What is trained. ``pretrained`` is a safetensors file of timm weights, or empty."""

    name: str
    title: str
    architecture: str
    backbone: str
    pretrained: str = ""
    freeze_blocks: int = Field(default=0, ge=0)
    options: dict[str, Any] = Field(default_factory=dict)
    description: str = ""
    limitations: str = ""
    licence: str = ""


class SplitPart(_Strict):
    """Shares of depth samples (or photos); wells named here go to one part as a whole."""

    train: float = Field(default=0.7, gt=0, lt=1)
    val: float = Field(default=0.1, gt=0, lt=1)
    test: float = Field(default=0.2, ge=0, lt=1)
    train_wells: list[str] = Field(default_factory=list)
    test_wells: list[str] = Field(default_factory=list)


class AugmentPart(_Strict):
    """Random changes of the training photos; never the hue."""

    flips: bool = True
    quarter_turns: bool = True
    zoom: tuple[float, float] = (1.0, 1.0)
    exposure: float = Field(default=0.0, ge=0, le=1)
    white_balance: float = Field(default=0.0, ge=0, le=0.3)
    contrast: float = Field(default=0.0, ge=0, le=0.8)
    blur_px: float = Field(default=0.0, ge=0, le=5)
    noise: float = Field(default=0.0, ge=0, le=0.2)


class TrainPart(_Strict):
    """The optimiser and the loss; ``backbone_lr`` is a factor on ``lr`` for pretrained parts."""

    epochs: int = Field(ge=1, le=10000)
    batch: int = Field(default=16, ge=1, le=4096)
    lr: float = Field(gt=0)
    backbone_lr: float = Field(default=1.0, ge=0)
    betas: tuple[float, float] = (0.9, 0.999)
    weight_decay: float = Field(default=0.01, ge=0)
    schedule: Literal["constant", "cosine", "plateau"] = "cosine"
    plateau_patience: int = Field(default=3, ge=0)
    warmup_steps: int = Field(default=0, ge=0)
    ema: float = Field(default=0.0, ge=0, lt=1)
    clip_norm: float = Field(default=1.0, gt=0)
    layer_weight: float = Field(default=1.0, ge=0)
    area_weight: float = Field(default=1.0, ge=0)
    precision: Literal["auto", "fp32", "bf16"] = "auto"
    seed: int = 0
    checkpoint_minutes: float = Field(default=3.0, gt=0)


class Recipe(_Strict):
    model: ModelPart
    preprocess: Preprocess
    split: SplitPart = Field(default_factory=SplitPart)
    augment: AugmentPart = Field(default_factory=AugmentPart)
    train: TrainPart


def find(name_or_path: str) -> Path:
    """A recipe by path, or by the name of a shipped one."""
    path = Path(name_or_path).expanduser()
    if path.is_file():
        return path
    shipped = paths.resources() / "recipes" / f"{name_or_path.removesuffix('.toml')}.toml"
    if shipped.is_file():
        return shipped
    names = ", ".join(sorted(p.stem for p in shipped.parent.glob("*.toml")))
    raise DataError(f"There is no recipe “{name_or_path}”; give a .toml file or one of: {names}.")


def read(path: Path) -> Recipe:
    """Read a recipe; relative weights are looked for beside the recipe, then where we run."""
    try:
        with path.open("rb") as stream:
            recipe = Recipe.model_validate(tomllib.load(stream))
    except OSError as error:
        raise DataError(f"The recipe {path} cannot be read: {error.strerror}.") from error
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise DataError(f"The recipe {path.name} is not valid TOML: {error}.") from error
    except ValidationError as error:
        first = error.errors()[0]
        where = ".".join(str(part) for part in first["loc"])
        raise DataError(f"The recipe {path.name} is wrong at “{where}”: {first['msg']}.") from error
    return _with_found_weights(recipe, path)


def _with_found_weights(recipe: Recipe, path: Path) -> Recipe:
    wanted = recipe.model.pretrained
    if not wanted:
        return recipe
    for candidate in (Path(wanted), path.parent / wanted, Path.cwd() / wanted):
        if candidate.is_file():
            model = recipe.model.model_copy(update={"pretrained": str(candidate.resolve())})
            return recipe.model_copy(update={"model": model})
    raise DataError(
        f"The recipe {path.name} starts from the weights {wanted}, which are not there; "
        'put the file there, or set pretrained = "" to start from random weights.'
    )
