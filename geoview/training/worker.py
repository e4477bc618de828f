"""The child process of a training: reads ``job.json``, writes events, checkpoints, the model."""

from __future__ import annotations

import json
import math
import os
import sys
import traceback
from collections.abc import Callable, Collection, Iterable, Sequence, Set
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
from filelock import Timeout

from geoview import paths
from geoview.callbacks import never
from geoview.errors import Cancelled, DataError, GeoViewError
from geoview.models import bundle
from geoview.models.card import ModelCard
from geoview.records import Progress
from geoview.training import begin, calibration, clip_folder, data, duplicates, resuming
from geoview.training.events import EventWriter, is_full, read_from
from geoview.training.images import ImageCache
from geoview.training.job import NO_ROOM, TAKEN, id_of, lock_of, no_room
from geoview.training.loop import Emit, Trainer
from geoview.training.recipe import Recipe, text_model, with_model, with_text_model
from geoview.training.report import shortfalls
from geoview.training.seen import near_bits, seen_by
from geoview.training.split import Split, grouped, left_out, split
from geoview.training.text import embed_labels

# Tell how far the comparison of photos has come every so many of them.
COMPARED = 500
# For a moment the lock is also held by who looks whether it is free.
LOCK_S = 2.0
# Beyond, a card would be larger than a small network (19 bytes each).
MOST_HASHES = 20_000


def main(path: Path) -> int:
    """Run the job of a folder, or a plan that lies in one and becomes its job.

    0 done, 1 failed (the reason is the last event), 3 stopped; ``NO_ROOM`` where the disk did not
    take the last event. Of two workers in one folder the second ends with ``TAKEN``, without an
    event: those are the first one's.
    """
    # The further processes of a training get the same argument, when the plan is the job already.
    job = path if path.is_dir() else path.parent
    if not is_first_process():
        return _run(job)
    try:
        with lock_of(job).acquire(timeout=LOCK_S):
            if path == job:
                return _run(job)
            # What was checked before the start no longer holds where another was quicker.
            if json.loads(path.read_text(encoding="utf-8"))["after"] == id_of(job):
                os.replace(path, job / "job.json")
                return _run(job)
    except Timeout:
        pass
    sys.stderr.write(f"Another worker has begun a training in {job}.\n")
    return TAKEN


def _run(job: Path) -> int:
    writer = EventWriter(job)
    emit: Emit = writer if is_first_process() else _only_troubles(writer)
    try:
        code = _told(job, emit)
    finally:
        writer.close()
    return NO_ROOM if writer.full else code


def _only_troubles(writer: EventWriter) -> Emit:
    """What a further process of a training tells: what the first one cannot know."""

    def emit(kind: str, **fields: Any) -> None:
        if kind in ("failed", "memory"):
            writer(kind, **fields)

    return emit


def _told(job: Path, emit: Emit) -> int:
    """Run the job; how it ended, as exit code and as the last event."""
    _, began = read_from(job)
    try:
        run(job, emit)
        return 0
    except Cancelled as stop:
        emit("stopped", message=str(stop))
        return 3
    except GeoViewError as error:
        why = {"message": str(error)}
    except Exception as error:
        full = isinstance(error, OSError) and is_full(error)
        message = no_room(job) if full else f"The training failed: {error}"
        why = {"message": message, "traceback": traceback.format_exc()}
    # Where another process failed first, this one only knows that it is gone.
    if all(event["event"] != "failed" for event in read_from(job, began)[0]):
        emit("failed", **why)
    return 1


def is_first_process() -> bool:
    """Of the processes of one training (``torchrun``, several GPUs) the first speaks and saves."""
    return int(os.environ.get("RANK", os.environ.get("LOCAL_RANK", "0"))) == 0


def run(job: Path, emit: Emit) -> None:
    """Train, calibrate on validation, save the bundle, evaluate it on its own test split.

    A model that cannot be measured is kept all the same; a notice says why it has no figures.
    """
    plan = json.loads((job / "job.json").read_text(encoding="utf-8"))
    recipe = with_weights(Recipe.model_validate(plan["recipe"]), download=plan.get("download"))
    if name := text_model(recipe):
        embed_labels(["rock"], name)  # refused now rather than after all photos were compared
    out = Path(plan["out"])
    dataset = data.load([Path(p) for p in plan["data"]])
    parts, parent = divided(recipe, dataset, emit, stopped=(job / "stop").exists)
    joined = replace(dataset, items=grouped(dataset.items, recipe.split))
    warnings = [*dataset.warnings, *shortfalls(joined, parts, recipe.split)]
    emit("data", counts={k: len(v) for k, v in parts.items()}, classes=list(dataset.classes),
         layers=list(dataset.layers), warnings=warnings)  # fmt: skip
    items = {name: [dataset.items[i] for i in indices] for name, indices in parts.items()}
    card = begin.new_card(recipe, dataset, parts, parent=parent)
    if is_first_process():
        resuming.check_data(job, card, dataset.items)
    seen = {*card.seen_hashes, *looks(recipe, items["train"] + items["val"])}
    card = card.model_copy(update={"seen_hashes": sorted(seen)})
    module, card = begin.new_module(recipe, card, dataset, parts, emit)
    cache = ImageCache(
        Path(plan["cache"]), card.preprocess, margin=margin(recipe),
        notice=lambda text: emit("notice", message=text),
    )  # fmt: skip
    trainer = Trainer(
        module, recipe=recipe, card=card, cache=cache, train=cache.cut(items["train"]),
        val=cache.cut(items["val"]), job=job, emit=emit, device=plan.get("device", "auto"),
    )  # fmt: skip
    if plan.get("finish"):
        trainer.finish()
    else:
        trainer.fit()
    card = calibrated(trainer, card, whole={i.path for i in items["val"] if i.tile is None})
    if not is_first_process():
        return
    bundle.save(out, module=trainer.module.cpu(), card=card)
    emit("saved", out=str(out))
    try:
        sources = with_photos(map(Path, plan["data"]), {i.path for i in items["test"]})
        metrics = figures_on_test(out, sources, plan.get("device", "auto"))
    except GeoViewError as error:
        metrics = []
        emit("notice", message=f"The model is saved but could not be measured: {error}")
    if metrics:
        card = card.model_copy(update={"metrics": metrics})
        bundle.save(out, module=trainer.module, card=card)
    emit("done", out=str(out), best=trainer.best, metrics=card.metrics)


def divided(
    recipe: Recipe, dataset: data.Dataset, emit: Emit, *, stopped: Callable[[], bool] = never
) -> tuple[Split, ModelCard | None]:
    """The split, and the card of the GeoView model that training starts from.

    What that model has seen is not tested on, and this is told. Raises Cancelled.
    """

    def comparing(done: Progress) -> None:
        if stopped():
            raise Cancelled("The training was stopped while photos were compared; start it again.")
        if done.done % COMPARED == 0:
            emit("comparing", done=done.done, total=done.total)

    seen: dict[Path, str] = {}
    parent, photos = begin.parent_of(recipe), {item.path for item in dataset.items}
    if parent is not None:
        bits = max(recipe.split.near_duplicates, near_bits(parent))
        seen = seen_by(parent, photos, bits=bits, progress=comparing)
    parts = split(
        dataset.items, recipe.split, seed=recipe.train.seed, progress=comparing, seen=seen
    )
    if seen:
        emit("notice", message=f"The model that training starts from has seen {len(seen)} of "
             f"{len(photos)} photos or near-duplicates of them; none is tested on.")  # fmt: skip
        for message in left_out(dataset.items, parts):
            emit("notice", message=message)
    return parts, parent


def looks(recipe: Recipe, seen: Sequence[data.Item]) -> list[str]:
    """The pHashes for the card, where the recipe looks for near-duplicates and they are few."""
    paths = {item.path for item in seen}
    if recipe.split.near_duplicates < 0 or len(paths) > MOST_HASHES:
        return []
    return sorted({f"{value:016x}" for value in duplicates.hashes_of(sorted(paths)).values()})


def margin(recipe: Recipe) -> float:
    """How much larger than the input photos are kept, so that crops still show detail."""
    return min(2.0, max(1.0, 0.7 / math.sqrt(recipe.augment.crop[0])))


def with_weights(recipe: Recipe, *, download: bool | None) -> Recipe:
    """The recipe with what the hub gave for "hub" and for a text model, if the user allows it.

    Raises DataError where something is not there and may not be fetched.
    """
    if recipe.model.pretrained == "hub":
        if not download:
            raise DataError(
                f"The recipe starts from the published weights of {recipe.model.backbone}; allow "
                "the download (--download), or name a local file as pretrained."
            )
        from geoview.models.hub import download as fetch

        recipe = with_model(recipe, pretrained=str(fetch(recipe.model.backbone)))
    name = text_model(recipe)
    if name is None or (name and Path(name).is_dir()):
        return recipe
    if not download:
        raise DataError(
            f"The recipe needs the text model “{name}”, which is not there; allow the download "
            f"(--download), put its folder into {paths.weights_folders()[0]}, or set "
            'label_embedding = "learned" in the recipe.'
        )
    return with_text_model(recipe, clip_folder.download(name))


def calibrated(trainer: Trainer, card: ModelCard, *, whole: Collection[Path]) -> ModelCard:
    """Temperature and thresholds from the validation items only.

    Those of the answers that are given: where photos labelled as a ``whole`` are cut into tiles,
    that is one for each photo, and not its tiles'.
    """
    logits, labels, rows = trainer.predict(trainer.val_items)
    items = [trainer.val_items[row] for row in rows]
    names = [(i.path, None if i.path in whole else i.tile) for i in items]
    known = {name: number for number, name in enumerate(dict.fromkeys(names))}
    photos = np.array([known[name] for name in names]) if len(known) < len(names) else None
    single = card.task == "single-label"
    how = "mean" if single else str(card.options.get("photo_probability", "max"))
    temperature = calibration.fit_temperature(logits, labels, single=single, photos=photos, how=how)
    thresholds = [0.5] * len(card.classes)
    if not single:
        p = calibration.probabilities(logits / temperature, single=single)
        if photos is not None:
            p = calibration.together(p, photos, how=how)
            labels = calibration.together(labels, photos, how="max")
        thresholds = calibration.best_thresholds(p, labels)
    return card.model_copy(update={"temperature": temperature, "thresholds": thresholds})


def with_photos(sources: Iterable[Path], photos: Set[Path]) -> list[Path]:
    """The sources that name at least one of the photos; several may lie in one folder."""
    return [
        source
        for source in sources
        if any(item.path in photos for item in data.load(source, fewest=1).items)
    ]


def figures_on_test(out: Path, sources: list[Path], device: str) -> list[dict[str, Any]]:
    """The saved model's figures on its own test split, each source by itself."""
    from geoview.training.evaluate import evaluate

    return [
        {
            "data": data.as_text(source.name),
            **evaluate(out, data=source, split="test", device=device),
        }
        for source in sources
    ]


if __name__ == "__main__":
    sys.exit(main(Path(sys.argv[1])))
