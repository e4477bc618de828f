"""The child process of a training: reads ``job.json``, writes events, checkpoints, the model."""

from __future__ import annotations

import json
import sys
import traceback
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from safetensors.torch import load_file

from geoview import __version__
from geoview.errors import Cancelled, DataError, GeoViewError, ModelError
from geoview.models import bundle
from geoview.models.backbone import load_weights
from geoview.models.card import ModelCard
from geoview.models.geolayer import cooccurrence_matrix
from geoview.models.registry import build
from geoview.training import data, metrics
from geoview.training.events import EventWriter, now_utc
from geoview.training.images import ImageCache
from geoview.training.loop import Emit, Trainer
from geoview.training.recipe import Recipe
from geoview.training.split import Split, split

# Layers to look for where the data name none (P0 has four).
UNKNOWN_LAYERS = 4


def main(job: Path) -> int:
    """Run the job in a folder; 0 done, 1 failed (the reason is the last event), 3 stopped."""
    emit = EventWriter(job)
    try:
        run(job, emit)
    except Cancelled as stop:
        emit("stopped", message=str(stop))
        return 3
    except GeoViewError as error:
        emit("failed", message=str(error))
        return 1
    except Exception as error:
        emit("failed", message=f"The training failed: {error}", traceback=traceback.format_exc())
        return 1
    finally:
        emit.close()
    return 0


def run(job: Path, emit: Emit) -> None:
    """Train, calibrate on validation, save the bundle, evaluate it on its own test split."""
    plan = json.loads((job / "job.json").read_text(encoding="utf-8"))
    recipe = Recipe.model_validate(plan["recipe"])
    out = Path(plan["out"])
    dataset = data.load([Path(p) for p in plan["data"]])
    parts = split(dataset.items, recipe.split, seed=recipe.train.seed)
    parts = without_seen(parts, dataset.items, seen_by(recipe.model.pretrained))
    emit("data", counts={k: len(v) for k, v in parts.items()}, classes=list(dataset.classes),
         layers=list(dataset.layers))  # fmt: skip
    items = {name: [dataset.items[i] for i in indices] for name, indices in parts.items()}
    card = new_card(recipe, dataset, parts)
    module, card = new_module(recipe, card, dataset, parts, emit)
    cache = ImageCache(Path(plan["cache"]), card.preprocess)
    trainer = Trainer(
        module, recipe=recipe, card=card, cache=cache,
        train=items["train"], val=items["val"], job=job, emit=emit,
    )  # fmt: skip
    trainer.fit()
    trainer.ema = None
    card = calibrated(trainer, card, items["val"])
    bundle.save(out, module=trainer.module.cpu(), card=card)
    emit("saved", out=str(out))
    tested = [i.path for i in items["test"]]
    sources = [p for p in map(Path, plan["data"]) if any(map(_below(p), tested))]
    if sources:
        card = card.model_copy(update={"metrics": figures_on_test(out, sources)})
        bundle.save(out, module=trainer.module, card=card)
    emit("done", out=str(out), best=trainer.best, metrics=card.metrics)


def seen_by(weights: str) -> dict[str, list[str]]:
    """The splits of the GeoView model that training starts from; none for other weights."""
    try:
        card, _ = bundle.read_card(Path(weights))
    except ModelError:
        return {}
    return card.splits


def without_seen(parts: Split, items: Sequence[data.Item], seen: dict[str, list[str]]) -> Split:
    """A split whose test and validation hold nothing that the earlier model was trained on.

    Photos of its training go to train, those it was tuned on at best to val. Raises DataError
    when nothing is left to validate on.
    """
    if not seen:
        return parts
    keys = {item.path: data.photo_key(item.path) for item in items}
    trained, tuned = set(seen.get("train", ())), set(seen.get("val", ()))
    result: dict[str, list[int]] = {"train": [], "val": [], "test": []}
    for name, indices in parts.items():
        for index in indices:
            key = keys[items[index].path]
            if key in trained:
                result["train"].append(index)
            elif key in tuned and name == "test":
                result["val"].append(index)
            else:
                result[name].append(index)
    if not result["val"]:
        raise DataError(
            "The model that training starts from has seen nearly all of these photos, so nothing "
            "is left to validate on; add photos it has not seen."
        )
    return {name: tuple(sorted(indices)) for name, indices in result.items()}


def new_card(recipe: Recipe, dataset: data.Dataset, parts: Split) -> ModelCard:
    """The card before training: everything but thresholds, temperature and figures."""
    model = recipe.model
    options = dict(model.options)
    if model.architecture == "geolayer":
        options = fitting_options(options, dataset)
    layers = list(dataset.layers) if options.get("num_layers") == len(dataset.layers) else [
        f"Layer{i + 1}" for i in range(options.get("num_layers", 0))
    ]  # fmt: skip
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
        layers=layers if model.architecture == "geolayer" else [],
        thresholds=[0.5] * len(dataset.classes),
        preprocess=recipe.preprocess,
        options=options,
        description=model.description,
        limitations=model.limitations,
        licence=model.licence,
        trained_on=list(dataset.sources),
        recipe=recipe.model_dump(mode="json", exclude={"model": {"pretrained"}}),
        splits=splits,
        created_utc=now_utc(),
        app_version=__version__,
    )


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


def new_module(
    recipe: Recipe, card: ModelCard, dataset: data.Dataset, parts: Split, emit: Emit
) -> tuple[Any, ModelCard]:
    """The network at the start of training, and its card (text embeddings set a dimension)."""
    import torch

    torch.manual_seed(recipe.train.seed)
    embeddings = None
    if card.options.get("label_embedding") == "text":
        from geoview.training.text import embed_labels

        embeddings = embed_labels(card.classes, str(card.options.get("text_model", "")))
        options = {**card.options, "label_dim": embeddings.shape[1]}
        card = card.model_copy(update={"options": options})
    module: Any = build(card)
    if recipe.model.pretrained:
        _start_from(module, Path(recipe.model.pretrained), emit)
    if embeddings is not None:
        module.label_embeddings.copy_(embeddings)
    if card.architecture == "geolayer":
        labels = torch.tensor([dataset.items[i].labels for i in parts["train"]])
        module.proportions.zero_()  # the priors are of these data, not of those before
        module.cooccurrence.copy_(cooccurrence_matrix(labels))
        module.backbone.freeze(recipe.model.freeze_blocks)
    return module, card


def _start_from(module: Any, weights: Path, emit: Emit) -> None:
    try:
        tensors = load_file(weights)
    except Exception as error:
        raise DataError(f"The weights {weights} cannot be read: {error}.") from error
    own_names = set(module.state_dict())
    if own_names & set(tensors):
        target = module  # a GeoView model: everything that fits is taken over
    else:
        target = module.backbone.network if hasattr(module, "backbone") else module.network
    used, unused = load_weights(target, tensors)
    if not used:
        raise DataError(f"None of the weights in {weights.name} fit the backbone of the recipe.")
    emit("pretrained", file=weights.name, used=len(used), unused=unused)


def calibrated(trainer: Trainer, card: ModelCard, items: list[data.Item]) -> ModelCard:
    """Temperature and thresholds from the validation items only."""
    logits, labels = trainer.predict(items)
    single = card.task == "single-label"
    temperature = metrics.fit_temperature(logits, labels, single=single)
    thresholds = [0.5] * len(card.classes)
    if not single:
        probabilities = 1 / (1 + np.exp(-logits / temperature))
        thresholds = metrics.best_thresholds(probabilities, labels)
    return card.model_copy(update={"temperature": temperature, "thresholds": thresholds})


def _below(source: Path) -> Callable[[Path], bool]:
    folder = source if source.is_dir() else source.parent
    return lambda path: path.is_relative_to(folder)


def figures_on_test(out: Path, sources: list[Path]) -> list[dict[str, Any]]:
    """The saved model's figures on its own test split, each source by itself."""
    from geoview.training.evaluate import evaluate

    return [{"data": source.name, **evaluate(out, data=source, split="test")} for source in sources]


if __name__ == "__main__":
    sys.exit(main(Path(sys.argv[1])))
