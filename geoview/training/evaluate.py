"""How good a model is on labelled photos, measured through the engine that users run."""

from __future__ import annotations

import os
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

from geoview import __version__
from geoview.errors import DataError
from geoview.models import bundle
from geoview.models.bundle import LoadedModel
from geoview.models.card import ModelCard
from geoview.models.device import choose
from geoview.models.engine import Engine
from geoview.photos import reading
from geoview.records import Photo, Prediction, Progress
from geoview.training import data as labelled
from geoview.training import duplicates, figures, seen
from geoview.training.data import Item
from geoview.training.events import now_utc
from geoview.training.matching import Match, match, named
from geoview.training.recipe import SplitPart
from geoview.training.split import grouped
from geoview.training.truths import Truth, truths

PARTS = ("train", "val", "test")


def evaluate(
    model_path: Path,
    *,
    data: Path | Sequence[Path],
    split: str | None = None,
    device: str = "auto",
    progress: Callable[[Progress], None] = lambda _: None,
    shared: bool = False,
    restrict: bool = False,
    curves: bool = False,
) -> dict[str, Any]:
    """Figures of a model on labelled data, with 95 % intervals over groups of photos.

    ``split`` "train", "val" or "test" takes the photos the card lists so, of "test" those that it
    lists nowhere else; "all" takes every photo; None leaves out those that the model, or one it
    was fine-tuned from, was trained or tuned on, recognised by content, and near-duplicates of
    them (smaller copies, edited ones) where a recipe looked for such.
    Presence figures are per labelled tile where the data and the model have the same grid, else
    per photo; photos of which then only some tiles are labelled are left out and counted. Layer,
    dominant lithology and area are per photo. The intervals draw whole groups: what the model's
    recipe keeps on one side of a split.

    Classes are matched by name, synonym and variety, and the figures tell how. With ``shared``
    photos of classes the model does not know are left out and counted; without, they are an
    error. With ``restrict`` the model may answer only classes that are in the data; without, any
    other answer is wrong. P2's Table 4 has both. Where the classes exclude each other, the few
    photos or tiles without exactly one are left out and counted. ``curves`` adds the
    precision-recall curves. Raises DataError.
    """
    model = bundle.load(model_path)
    dataset = labelled.load(data, fewest=1)
    matched = match(model.card.classes, dataset.classes)
    _check(model.card, matched, shared=shared, restrict=restrict)
    known, left_out = _without_foreign(truths(dataset, matched), matched)
    chosen, excluded = _choose(known, model.card, split)
    chosen, near = _without_near(chosen, model.card) if split is None else (chosen, 0)
    chosen = _grouped(chosen, dataset.items, model.card)
    found, failed = _predictions(model, chosen, device=device, progress=progress)
    if not found:
        raise DataError("None of the photos could be read, so there is nothing to measure.")
    measured_on = [t for t in chosen if t.path in found and figures.measurable(t, found[t.path])]
    if not measured_on:
        raise DataError(
            "Only some tiles of each photo are labelled, and the model cuts other tiles; label all "
            "of them to measure whole photos."
        )
    rows = figures.rows_of(
        model.card, matched, measured_on, found, task=dataset.task, restrict=restrict
    )
    measured = figures.presence(rows, with_curves=curves)
    photos = figures.per_photo(model.card, matched, measured_on, found, restrict=restrict)
    return {
        "model": model.ref.name,
        "model_sha256": model.ref.sha256,
        "app_version": __version__,
        "measured_utc": now_utc(),
        "data_warnings": list(dataset.warnings),
        "split": split or "unseen",
        "photos_left_out_as_seen": excluded,
        "photos_left_out_as_near": near,
        "photos_left_out_as_partly_labelled": len(found) - len(measured_on),
        "photos_failed": failed,
        "answers": "restricted to shared classes" if restrict else "open",
        **matched.report(),
        "left_out_classes": left_out,
        "left_out_without_one_label": rows.left_out,
        "n_photos": len(measured_on),
        "level": "tile" if any(figures.by_tile(t, found[t.path]) for t in measured_on) else "photo",
        **measured,
        **photos,
        "ci95": measured["ci95"] | photos["ci95"],
    }


def _check(card: ModelCard, matched: Match, *, shared: bool, restrict: bool) -> None:
    unknown = [matched.given[i] for i in matched.left_out]
    knows = f"The model “{card.name}” does not know {named(unknown)}; it knows " + named(
        card.classes
    )
    if not matched.pairs:
        raise DataError(f"{knows}. No class is in both, so there is nothing to measure.")
    if unknown and not shared:
        raise DataError(
            f"{knows}. Rename the classes, or use --shared to measure without those photos."
        )
    if restrict and card.task == "single-label" and len(matched.pairs) == 1:
        raise DataError(
            f"The model “{card.name}” and the data share only {matched.names[0]}; with answers "
            "restricted to it every answer would be right. Leave out --restrict."
        )


def _without_foreign(found: list[Truth], matched: Match) -> tuple[list[Truth], dict[str, int]]:
    """The photos with classes that the model knows, and how many of the others have each class."""
    counts = Counter(name for t in found for name in t.foreign)
    left_out = {name: counts[name] for name in (matched.given[i] for i in matched.left_out)}
    known = [t for t in found if not t.foreign]
    if not known:
        raise DataError("None of the photos shows a class that the model knows.")
    return known, left_out


def _choose(found: list[Truth], card: ModelCard, split: str | None) -> tuple[list[Truth], int]:
    """The photos to measure on, and how many were left out because the model has seen them."""
    if split == "all":
        return found, 0
    if split not in (*PARTS, None):
        raise DataError(f"“{split}” is no split; use train, val, test or all.")
    contents = {t.path: _content(t) for t in found}
    part, known = found, set[str]()
    if split is not None:
        wanted = seen.contents(card, split)
        part = [t for t in found if contents[t.path] in wanted]
    if split in (None, "test"):  # a copy of a training photo may lie in the test part
        known = seen.contents(card, *seen.TRAINED, *seen.TUNED)
    chosen = [t for t in part if contents[t.path] not in known]
    if not chosen:
        raise DataError(
            f"None of these photos belong to the {'unseen' if part else split} part of the "
            "model's data; use --split all to measure on all of them."
        )
    return chosen, len(part) - len(chosen)


def _without_near(chosen: list[Truth], card: ModelCard) -> tuple[list[Truth], int]:
    """Without the photos that look like one the model was trained or tuned on, and how many."""
    if not card.seen_hashes:
        return chosen, 0
    hashes = duplicates.hashes_of([t.path for t in chosen])
    near = duplicates.near_to(hashes, seen.hashes(card), max_bits=seen.near_bits(card))
    kept = [t for t in chosen if t.path not in near]
    if not kept:
        raise DataError(
            "All of these photos, or near-duplicates of them, are in the model's training data; "
            "use --split all to measure on all of them."
        )
    return kept, len(chosen) - len(kept)


def _grouped(chosen: Sequence[Truth], items: Sequence[Item], card: ModelCard) -> list[Truth]:
    """With the groups that the model's recipe makes of these photos: one depth, one specimen."""
    paths = {truth.path for truth in chosen}
    # A card of another version may have other settings, too.
    own = card.recipe.get("split", {})
    part = SplitPart(
        near_duplicates=own.get("near_duplicates", -1), specimen=own.get("specimen", "")
    )
    found = grouped([item for item in items if item.path in paths], part)
    groups = {item.path: item.group for item in found}
    return [replace(truth, group=groups[truth.path]) for truth in chosen]


def _content(truth: Truth) -> str:
    return seen.content(labelled.photo_key(truth.path))


def _predictions(
    model: LoadedModel,
    chosen: Sequence[Truth],
    *,
    device: str,
    progress: Callable[[Progress], None],
) -> tuple[dict[Path, Prediction], dict[str, str]]:
    """What the model says of every photo, and why some could not be read."""
    predictions: dict[Path, Prediction] = {}
    failed: dict[str, str] = {}
    with Engine(model, choice=choose(device)) as engine:
        for done, result in enumerate(engine.run([_photo(t) for t in chosen]), start=1):
            if result.prediction is None:
                failed[result.photo.file] = result.reason
            else:
                predictions[result.photo.path] = result.prediction
            progress(Progress(done=done, total=len(chosen), failed=len(failed)))
    return predictions, failed


def _photo(truth: Truth) -> Photo:
    try:
        info = os.stat(reading.system_path(truth.path))
    except OSError:
        return Photo(truth.path, truth.file, 0, 0)  # who decodes it says why
    return Photo(truth.path, truth.file, info.st_size, info.st_mtime_ns)
