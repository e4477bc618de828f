"""A training recipe: one TOML file, validated. Light: no torch."""

from __future__ import annotations

import tomllib
from collections.abc import Mapping
from pathlib import Path
from typing import Annotated, Any, Literal

from pydantic import BaseModel, ConfigDict, Field, ValidationError, model_validator

from geoview import paths
from geoview.errors import DataError
from geoview.models.card import Preprocess
from geoview.training.duplicates import NEAR_BITS


class _Strict(BaseModel):
    model_config = ConfigDict(extra="forbid", allow_inf_nan=False)


Freeze = Literal["none", "partly", "head-only", "frozen"]
Criterion = Literal["auto", "map", "accuracy", "macro_f1", "loss"]
Shares = Annotated[float, Field(ge=0, lt=1)]


class ModelPart(_Strict):
    """What is trained.

    ``pretrained`` is a safetensors file of timm weights or a GeoView model, "hub" for the
    backbone's own weights from the model hub (fetched only when the user allows it), or empty.
    ``freeze`` says how much of pretrained weights stays as it is (P3): "frozen" keeps the whole
    backbone and its BatchNorm statistics, "head-only" lets the statistics follow the new photos,
    "partly" trains the last stage as well, "none" everything. ``freeze_blocks`` keeps the
    first blocks of a transformer.
    """

    name: str
    title: str
    architecture: str
    backbone: str
    pretrained: str = ""
    freeze: Freeze = "none"
    freeze_blocks: int = Field(default=0, ge=0)
    options: dict[str, Any] = Field(default_factory=dict)
    description: str = ""
    limitations: str = ""
    licence: str = ""


class SplitPart(_Strict):
    """How the photos are divided; whole groups only.

    ``train``, ``val`` and ``test`` are shares of the groups of every class, or of the photos
    where they have several labels; wells named here go to one part as a whole. With ``folds``
    k ≥ 2, the groups are dealt into k stratified folds: ``fold`` is the test part, the next one
    the validation part (with ``test = 0`` ``fold`` is the validation part). Data that bring their
    own split are dealt by it, and by neither wells nor folds.
    ``near_duplicates`` joins photos whose pHash differs in at most that many bits into one
    group; −1 joins identical files only. ``specimen`` is a regular expression on the file name
    (without folder and suffix) whose first group, or whole match, names the specimen.
    """

    train: float = Field(default=0.7, gt=0, lt=1)
    val: float = Field(default=0.1, gt=0, lt=1)
    test: Shares = 0.2
    train_wells: list[str] = Field(default_factory=list)
    test_wells: list[str] = Field(default_factory=list)
    folds: int = Field(default=0, ge=0, le=100)
    fold: int = Field(default=0, ge=0)
    near_duplicates: int = Field(default=NEAR_BITS, ge=-1, le=32)
    specimen: str = ""


class AugmentPart(_Strict):
    """Random changes of the training photos; the hue only when ``hue`` asks for it.

    ``crop`` is the range of areas of a random resized crop (1, 1: none), ``zoom`` a gentler zoom
    about a random point that mirrors beyond the edge. ``flips`` are horizontal and vertical,
    ``horizontal_flip`` only left and right; ``rotate_deg`` turns by up to so much either way.
    ``randaugment`` are the number of operations and their magnitude (0…10); of its operations
    those that change the colours are left out unless ``randaugment_colour``.
    """

    flips: bool = True
    horizontal_flip: bool = False
    quarter_turns: bool = True
    rotate_deg: float = Field(default=0.0, ge=0, le=180)
    crop: tuple[float, float] = (1.0, 1.0)
    zoom: tuple[float, float] = (1.0, 1.0)
    exposure: float = Field(default=0.0, ge=0, le=1)
    white_balance: float = Field(default=0.0, ge=0, le=0.3)
    contrast: float = Field(default=0.0, ge=0, le=0.8)
    blur_px: float = Field(default=0.0, ge=0, le=5)
    noise: float = Field(default=0.0, ge=0, le=0.2)
    hue: float = Field(default=0.0, ge=0, le=0.5)
    erase: float = Field(default=0.0, ge=0, le=1)
    randaugment: tuple[int, float] = (0, 0.0)
    randaugment_colour: bool = False

    @model_validator(mode="after")
    def _ranges(self) -> AugmentPart:
        for name in ("crop", "zoom"):
            low, high = getattr(self, name)
            if not 0 < low <= high <= (1 if name == "crop" else 4):
                raise ValueError(f"{name} must be a range from small to large")
        count, magnitude = self.randaugment
        if count < 0 or not 0 <= magnitude <= 10:
            raise ValueError("randaugment is a number of operations and a magnitude up to 10")
        return self


class LossPart(_Strict):
    """The loss by its name in ``training.losses``; empty: "bce", or "cross-entropy" where the
    classes exclude each other. ``options`` go to the loss (gamma, alpha, margin …)."""

    name: str = ""
    options: dict[str, float] = Field(default_factory=dict)


class TrainPart(_Strict):
    """The optimiser and the schedule; ``backbone_lr`` is a factor on ``lr`` for pretrained parts,
    and ``layer_decay`` a further one for every layer below the top: what lies deep is general and
    changes little (Clark et al. 2020).

    ``batch`` is what one step of the optimiser sees, over all devices; ``micro_batch`` how many
    photos go through one device at once (0: all of them). ``criterion`` tells the best epoch:
    "auto" is mAP for multi-label and accuracy for single-label data. ``keep`` "last" takes the
    weights of the last epoch all the same: with few validation photos the best one is chance.
    ``early_stop`` ends after so many epochs without a better one (0: never). ``warmup_steps``
    take at most a fifth of all steps.
    """

    epochs: int = Field(ge=1, le=10000)
    batch: int = Field(default=16, ge=1, le=4096)
    micro_batch: int = Field(default=0, ge=0, le=4096)
    optimiser: Literal["adamw", "sgd"] = "adamw"
    lr: float = Field(gt=0)
    backbone_lr: float = Field(default=1.0, ge=0)
    layer_decay: float = Field(default=1.0, gt=0, le=1)
    betas: tuple[float, float] = (0.9, 0.999)
    momentum: float = Field(default=0.9, ge=0, lt=1)
    weight_decay: float = Field(default=0.01, ge=0)
    schedule: Literal["constant", "cosine", "plateau", "one-cycle", "step"] = "cosine"
    plateau_patience: int = Field(default=3, ge=0)
    step_epochs: int = Field(default=10, ge=1)
    step_factor: float = Field(default=0.5, gt=0, le=1)
    one_cycle_div: float = Field(default=25.0, gt=1)
    warmup_steps: int = Field(default=0, ge=0)
    ema: float = Field(default=0.0, ge=0, lt=1)
    clip_norm: float = Field(default=1.0, ge=0)
    criterion: Criterion = "auto"
    keep: Literal["best", "last"] = "best"
    early_stop: int = Field(default=0, ge=0)
    layer_weight: float = Field(default=1.0, ge=0)
    area_weight: float = Field(default=1.0, ge=0)
    precision: Literal["auto", "fp32", "bf16", "fp16"] = "auto"
    devices: int | Literal["auto"] = 1
    seed: int = 0
    checkpoint_minutes: float = Field(default=3.0, ge=0)


class Recipe(_Strict):
    model: ModelPart
    preprocess: Preprocess
    split: SplitPart = Field(default_factory=SplitPart)
    augment: AugmentPart = Field(default_factory=AugmentPart)
    loss: LossPart = Field(default_factory=LossPart)
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


def read(path: Path, settings: Mapping[str, Any] | None = None) -> Recipe:
    """Read a recipe and change some settings, weights among them, before they are looked for."""
    try:
        with path.open("rb") as stream:
            recipe = Recipe.model_validate(tomllib.load(stream))
    except OSError as error:
        raise DataError(f"The recipe {path} cannot be read: {error.strerror}.") from error
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise DataError(f"The recipe {path.name} is not valid TOML: {error}.") from error
    except ValidationError as error:
        raise DataError(f"The recipe {path.name} is wrong at {_first(error)}.") from error
    return _with_found_text_model(_with_found_weights(changed(recipe, settings or {}), path), path)


def changed(recipe: Recipe, settings: Mapping[str, Any]) -> Recipe:
    """The recipe with some settings changed, named as in the file: ``{"train.epochs": 5}``."""
    plan = recipe.model_dump(mode="json")
    for name, value in settings.items():
        *parts, last = name.split(".")
        at: Any = plan
        for part in parts:
            at = at.get(part) if isinstance(at, dict) else None
        if not parts or not isinstance(at, dict):
            raise DataError(f"A recipe has no setting “{name}”; name it as in train.epochs.")
        at[last] = value
    try:
        return Recipe.model_validate(plan)
    except ValidationError as error:
        raise DataError(f"The changed recipe is wrong at {_first(error)}.") from error


def setting(text: str) -> tuple[str, Any]:
    """``train.epochs=5`` as a name and a TOML value; a bare word is a text."""
    name, equals, value = text.partition("=")
    if not equals:
        raise DataError(f"“{text}” sets nothing; write it as in train.epochs=5.")
    try:
        return name.strip(), tomllib.loads(f"value = {value}")["value"]
    except tomllib.TOMLDecodeError:
        return name.strip(), value.strip()


def _first(error: ValidationError) -> str:
    first = error.errors()[0]
    return f"“{'.'.join(str(part) for part in first['loc'])}”: {first['msg']}"


def _with_found_weights(recipe: Recipe, path: Path) -> Recipe:
    """Weights are looked for where we run, beside the recipe and in the weights folders.

    "hub" is answered by a file named like the backbone where there is one, so that a machine
    without internet needs no other recipe.
    """
    wanted = recipe.model.pretrained
    if not wanted:
        return recipe
    name = f"{recipe.model.backbone}.safetensors" if wanted == "hub" else wanted
    for folder in _folders(path):
        if (folder / name).is_file():
            return with_model(recipe, pretrained=str((folder / name).resolve()))
    if wanted == "hub":
        return recipe
    raise DataError(
        f"The recipe {path.name} starts from the weights {wanted}, which are not there; put the "
        f'file into {paths.weights_folders()[0]}, or set pretrained = "" to start from random '
        "weights."
    )


def _with_found_text_model(recipe: Recipe, path: Path) -> Recipe:
    """A text model's folder in full, looked for where weights are; else its name stays."""
    name = text_model(recipe)
    for folder in _folders(path) if name else ():
        if (folder / str(name)).is_dir():
            return with_text_model(recipe, (folder / str(name)).resolve())
    return recipe


def _folders(path: Path) -> list[Path]:
    return [Path.cwd(), path.parent, *paths.weights_folders()]


def text_model(recipe: Recipe) -> str | None:
    """The text model that a recipe needs for its labels, by name or folder; None if none."""
    options = recipe.model.options
    return str(options.get("text_model", "")) if options.get("label_embedding") == "text" else None


def with_text_model(recipe: Recipe, folder: Path) -> Recipe:
    return with_model(recipe, options={**recipe.model.options, "text_model": str(folder)})


def with_model(recipe: Recipe, **update: Any) -> Recipe:
    return recipe.model_copy(update={"model": recipe.model.model_copy(update=update)})
