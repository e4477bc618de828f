"""What must stay as it was for a stopped training to go on: recipe, photos, their parts. Light."""

from __future__ import annotations

import hashlib
import json
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

from geoview import files
from geoview.errors import DataError
from geoview.models.card import ModelCard
from geoview.training.data import Item, counted, photo_key
from geoview.training.recipe import Recipe, text_model

STATE, KEPT = "last.safetensors", "best.safetensors"
DATA = "data.json"
# What a training may go on with otherwise: how long and how fast it runs, and what it is called.
MAY_CHANGE = frozenset((
    "model.name", "model.title", "model.description", "model.limitations", "model.licence",
    "train.epochs", "train.early_stop", "train.lr", "train.clip_norm", "train.micro_batch",
    "train.precision", "train.devices", "train.checkpoint_minutes",
))  # fmt: skip


def check_recipe(folder: Path, recipe: Recipe) -> None:
    """Raise DataError where the training in a job folder began with another recipe."""
    try:
        plan = json.loads((folder / "job.json").read_text(encoding="utf-8"))
        before = _settings(Recipe.model_validate(plan["recipe"]))
    except (OSError, ValueError, KeyError) as error:
        raise DataError(
            f"{folder} does not tell the recipe that its training began with; remove the folder "
            "to begin again."
        ) from error
    now = _settings(recipe)
    changed = [
        f"{name} = {before.get(name, 'nothing')} instead of {now.get(name, 'nothing')}"
        for name in sorted(before.keys() | now.keys())
        if before.get(name) != now.get(name)
    ]
    if changed:
        more = f" and {len(changed) - 3} more" if len(changed) > 3 else ""
        raise DataError(
            f"The training in {folder} began with {', '.join(changed[:3])}{more}; restore it to go "
            "on, or remove the folder to begin again."
        )


def check_data(folder: Path, card: ModelCard, items: Sequence[Item]) -> None:
    """Raise DataError where the training in a job folder began with other photos, parts or order.

    ``card`` and ``items`` are those of now; they are noted where the training only begins.
    """
    now = {
        "classes": card.classes,
        "layers": card.layers,
        "parts": card.splits,
        "labels": _labels(items),
        "order": _order(items),
    }
    noted = folder / DATA
    if not (folder / STATE).exists() or not noted.exists():
        files.write_text(noted, json.dumps(now))
        return
    changed = _changed(json.loads(noted.read_text(encoding="utf-8")), now)
    if changed:
        raise DataError(
            f"{changed} since the training in {folder} began; restore the data to go on, or remove "
            "the folder to begin again."
        )


def _settings(recipe: Recipe) -> dict[str, Any]:
    """Every setting that must stay, by its name in the file; weights wherever they lie."""
    weights = recipe.model.pretrained
    found = _flat(recipe.model_dump(mode="json"))
    # A file named like the backbone answers "hub".
    named = f"{recipe.model.backbone}.safetensors" if weights == "hub" else Path(weights).name
    found["model.pretrained"] = named
    if recipe.model.architecture == "geolayer":  # whose recipes used to leave out the usual
        found.setdefault("model.options.label_embedding", "learned")
    if text := text_model(recipe):
        found["model.options.text_model"] = Path(text).name
    return {name: value for name, value in found.items() if name not in MAY_CHANGE}


def _flat(plan: Mapping[str, Any], path: str = "") -> dict[str, Any]:
    found: dict[str, Any] = {}
    for name, value in plan.items():
        if isinstance(value, dict):
            found |= _flat(value, f"{path}{name}.")
        else:
            found[path + name] = value
    return found


def _labels(items: Sequence[Item]) -> str:
    """All that the items teach in one short word, whatever their folder and order."""
    taught = sorted(repr((i.path.name, i.tile, i.labels, i.states, i.area, i.layer)) for i in items)
    return hashlib.blake2b("\n".join(taught).encode(), digest_size=16).hexdigest()


def _order(items: Sequence[Item]) -> str:
    """The order of the items in one short word, which batches and weights depend on."""
    keys = {item.path: photo_key(item.path) for item in items}
    order = "\n".join(repr((keys[item.path], item.tile)) for item in items)
    return hashlib.blake2b(order.encode(), digest_size=16).hexdigest()


def _changed(before: Mapping[str, Any], now: Mapping[str, Any]) -> str:
    """What of the data has changed, as the beginning of a sentence; empty if nothing has."""
    for name in ("classes", "layers"):
        if before[name] != now[name]:
            was, is_now = (", ".join(x[name]) or "none" for x in (before, now))
            return f"The {name} of the data have changed from {was} to {is_now}"
    was_in, is_in = (
        {(key, part) for part, keys in x["parts"].items() for key in keys} for x in (before, now)
    )
    if was_in != is_in:
        # A photo that has changed has another key: it goes by one and comes by the other.
        gone, come = (_names({key for key, _ in x}) for x in (was_in - is_in, is_in - was_in))
        count = (gone | come).total()
        have = f"{counted(count, 'photo')} {'has' if count == 1 else 'have'}"
        return f"{have} changed, come, gone or moved to another part of the split"
    if before["labels"] != now["labels"]:
        return "The labels of the photos have changed"
    # Earlier versions did not note the order.
    if before.get("order", now["order"]) != now["order"]:
        return "The sources, or the rows of a sheet, have changed places"
    return ""


def _names(keys: Iterable[str]) -> Counter[str]:
    """How many of these photos bear each name."""
    return Counter(key.rpartition("#")[0] for key in keys)
