"""The network and its card as a training begins: options that fit the data, first weights."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import torch
from safetensors.torch import load_file
from torch import nn

from geoview import __version__
from geoview.errors import DataError, ModelError
from geoview.models import bundle
from geoview.models.backbone import normalisation, transfer
from geoview.models.card import ModelCard, Preprocess
from geoview.models.freezing import freeze, pretrained_part
from geoview.models.geolayer import cooccurrence_matrix
from geoview.models.registry import build
from geoview.models.rows import Kind, Places
from geoview.models.runner import is_out_of_memory
from geoview.training import data
from geoview.training.events import now_utc
from geoview.training.images import teach_area
from geoview.training.loop import Emit
from geoview.training.matching import named, same
from geoview.training.recipe import Recipe, text_model
from geoview.training.seen import inherited
from geoview.training.split import Split
from geoview.training.text import embed_labels, name_of
from geoview.training.zero_shot import embeddings_of

# Layers to look for where the data name none (P0 has four).
UNKNOWN_LAYERS = 4
# What of the preprocessing belongs to the weights.
_COLOURS = ("mean", "std")
_WORDS: dict[Kind, str] = {"class": "classes", "layer": "layers"}


def parent_of(recipe: Recipe) -> ModelCard | None:
    """The card of the GeoView model that training starts from; None for other weights or none.

    Raises ModelError for a pickle and a damaged model.
    """
    weights = recipe.model.pretrained
    return bundle.card_of_weights(Path(weights)) if weights else None


def new_card(
    recipe: Recipe, dataset: data.Dataset, parts: Split, *, parent: ModelCard | None = None
) -> ModelCard:
    """The card before training: everything but thresholds, temperature and figures.

    What ``parent`` has seen, the card lists too: fine-tuning does not make a model forget it. Its
    photos are normalised as before.
    """
    model = recipe.model
    options = {**_options_of_start(recipe), **model.options}
    if "text_model" in options:
        options["text_model"] = name_of(str(options["text_model"]))
    layers: list[str] = []
    if model.architecture == "geolayer":
        options = fitting_options(options, dataset)
        layers = _layer_names(options["num_layers"], dataset)
    keys = {i.path: data.photo_key(i.path) for i in dataset.items}
    splits = {
        name: sorted({keys[dataset.items[i].path] for i in indices})
        for name, indices in parts.items()
    }
    return ModelCard(
        name=model.name,
        title=model.title,
        architecture=model.architecture,
        backbone=model.backbone,
        task=dataset.task,
        classes=list(dataset.classes),
        layers=layers,
        thresholds=[0.5] * len(dataset.classes),
        preprocess=_preprocess(recipe, parent),
        options=options,
        description=model.description,
        limitations=model.limitations,
        licence=model.licence,
        trained_on=list(dataset.sources),
        # Without the places of this machine.
        recipe=recipe.model_dump(
            mode="json", exclude={"model": {"pretrained": True, "options": {"text_model"}}}
        ),
        splits={**splits, **inherited(parent)},
        seen_hashes=parent.seen_hashes if parent else [],
        created_utc=now_utc(),
        app_version=__version__,
    )


def _preprocess(recipe: Recipe, parent: ModelCard | None) -> Preprocess:
    """The recipe's, but normalised as the weights know it; a vision tower keeps its size too."""
    if parent is None:
        return recipe.preprocess
    kept = {*_COLOURS} | ({"input_px"} if parent.architecture == "clip-zero-shot" else set())
    return recipe.preprocess.model_copy(update=parent.preprocess.model_dump(include=kept))


def _layer_names(count: int, dataset: data.Dataset) -> list[str]:
    if count == len(dataset.layers):
        return list(dataset.layers)
    return [f"Layer{i + 1}" for i in range(count)]


def fitting_options(options: dict[str, Any], dataset: data.Dataset) -> dict[str, Any]:
    """Options of ``geolayer`` as far as the data can teach them.

    Without layers in the data the layer head clusters; without any area the area head would
    learn nothing, and is left out rather than guess.
    """
    fitting = dict(options)
    fitting.setdefault("num_layers", len(dataset.layers) or UNKNOWN_LAYERS)
    if not dataset.layers:
        fitting["layer_head"] = "clustered"
    if all(item.area is None for item in dataset.items):
        fitting["area_head"] = fitting["area_evidence"] = False
    return fitting


def _options_of_start(recipe: Recipe) -> dict[str, Any]:
    """What only the model that training starts from knows: a vision tower's own measures."""
    if recipe.model.architecture != "clip-zero-shot":
        return {}
    if not recipe.model.pretrained:
        raise DataError(
            "clip-zero-shot starts from a model made by geoview zero-shot; name it as pretrained."
        )
    card, _ = bundle.read_card(Path(recipe.model.pretrained))
    return card.options


def new_module(
    recipe: Recipe, card: ModelCard, dataset: data.Dataset, parts: Split, emit: Emit
) -> tuple[Any, ModelCard]:
    """The network at the start of training, and its card: text embeddings set a dimension, and
    an area head that the training photos cannot teach is left out."""
    if card.options.get("area_head"):
        card = _without_vain_area(card, [dataset.items[i] for i in parts["train"]], emit)
    torch.manual_seed(recipe.train.seed)
    embeddings = None
    if card.options.get("label_embedding") == "text":
        embeddings = embed_labels(card.classes, text_model(recipe) or "")
        options = {**card.options, "label_dim": embeddings.shape[1]}
        card = card.model_copy(update={"options": options})
    module: Any = build(card)
    _check_input(module, card)
    if recipe.model.pretrained:
        _start_from(module, card, recipe, emit)
    if card.architecture == "clip-zero-shot":
        start = Path(recipe.model.pretrained)
        module.text_embeddings.copy_(embeddings_of(card.classes, model=start))
    if embeddings is not None:
        module.label_embeddings.copy_(embeddings)
    if card.architecture == "geolayer":
        labels = torch.tensor([dataset.items[i].labels for i in parts["train"]])
        module.proportions.zero_()  # the priors are of these data, not of those before
        module.cooccurrence.copy_(cooccurrence_matrix(labels))
    _freeze(module, recipe)
    return module, card


def _check_input(module: nn.Module, card: ModelCard) -> None:
    """Try one photo; raises DataError where the backbone does not take the recipe's size."""
    side = card.preprocess.input_px
    try:
        with torch.no_grad():
            module.eval()(torch.zeros(1, 3, side, side))
    except (RuntimeError, AssertionError, ValueError) as error:
        if is_out_of_memory(error):
            raise
        raise DataError(
            f"The backbone {card.backbone} does not take photos of {side} px ({error}); change "
            "preprocess.input_px to the size it was made for, or choose another backbone."
        ) from error
    module.train()


def _without_vain_area(card: ModelCard, train: list[data.Item], emit: Emit) -> ModelCard:
    """Without the area head where no training item, as it will be cut, has areas."""
    if teach_area(train, card.preprocess):
        return card
    emit(
        "notice",
        message="The model will give no area %: areas of whole photos cannot be learned from "
        "tiles, and there are none of tiles; give tile_row and tile_col in the sheet.",
    )
    options = {**card.options, "area_head": False, "area_evidence": False}
    return card.model_copy(update={"options": options})


def _freeze(module: nn.Module, recipe: Recipe) -> None:
    model = recipe.model
    if model.freeze != "none":
        freeze(module, mode=model.freeze, pretrained_part=pretrained_part(module))
    if model.freeze_blocks:
        backbone: Any = getattr(module, "backbone", None)
        if backbone is None or not hasattr(backbone, "freeze"):
            raise ModelError(
                f"freeze_blocks does not fit {model.architecture}; use freeze in the recipe."
            )
        backbone.freeze(model.freeze_blocks)


def _start_from(module: nn.Module, card: ModelCard, recipe: Recipe, emit: Emit) -> None:
    """Take over every tensor of a file that fits, and tell which did and which did not.

    What belongs to a class or a layer goes to the one of the same name, or stays new; weights
    without a card do not tell whose theirs are.
    """
    weights = Path(recipe.model.pretrained)
    parent = bundle.card_of_weights(weights)
    theirs: dict[Kind, list[str]] = {
        "class": parent.classes if parent else [], "layer": parent.layers if parent else []
    }  # fmt: skip
    ours: dict[Kind, list[str]] = {"class": card.classes, "layer": card.layers}
    places: dict[Kind, Places] = {
        kind: Places(same(names, theirs[kind]), len(theirs[kind])) for kind, names in ours.items()
    }
    try:
        tensors = load_file(weights)
    except Exception as error:
        raise DataError(f"The weights {weights} cannot be read: {error}.") from error
    found = transfer(module, tensors, places=places)
    if not found.used:
        raise DataError(
            f"None of the weights in {weights.name} fit the backbone of the recipe; check that "
            "both name the same network."
        )
    bad = next((name for name in found.used if not torch.isfinite(tensors[name]).all()), None)
    if bad is not None:
        raise DataError(
            f"The weights in {weights.name} hold values that are no numbers ({bad}), from which "
            "nothing can be learned; get the file again or start from other weights."
        )
    emit("pretrained", file=weights.name, used=len(found.used), unused=found.unused,
         missing=found.missing)  # fmt: skip
    if message := _normalised(recipe, card, weights.name, own=parent is None):
        emit("notice", message=message)
    for kind, words in _WORDS.items():
        if parent and ours[kind] and theirs[kind]:
            taken = places[kind].found if kind in found.kinds else (None,) * len(ours[kind])
            message = _taken_over(words, ours[kind], taken, file=weights.name)
            emit("notice", message=message)


def _normalised(recipe: Recipe, card: ModelCard, file: str, *, own: bool) -> str:
    """What to tell where the recipe's photos are not those that the weights were made for.

    ``own`` says that the weights come without a card, so that the recipe decides all the same.
    """
    used, wanted = card.preprocess, recipe.preprocess.model_dump()
    known: dict[str, Any] = (
        normalisation(card.backbone) if own else used.model_dump(include={"input_px", *_COLOURS})
    )
    if all(np.allclose(value, wanted[name], atol=1e-3) for name, value in known.items()):
        return ""
    by = " and ".join(f"{name} {', '.join(map(str, known[name]))}" for name in _COLOURS)
    if own:
        return (
            f"The weights of {card.backbone} were made for photos normalised by {by}; set "
            "preprocess.mean and preprocess.std to them."
        )
    return (
        f"As {file} was made for them, photos of {used.input_px} px normalised by {by} are taken "
        "instead of what the recipe says."
    )


def _taken_over(
    words: str, names: Sequence[str], places: Sequence[int | None], *, file: str
) -> str:
    """Which classes, or layers, go on from what the earlier model knows of them."""
    old = [name for name, place in zip(names, places, strict=True) if place is not None]
    new = [name for name, place in zip(names, places, strict=True) if place is None]
    text = f"{len(old) or 'No'} {words} taken over from {file}" + (f": {named(old)}" if old else "")
    return text + (f"; {len(new)} new: {named(new)}." if new else ".")
