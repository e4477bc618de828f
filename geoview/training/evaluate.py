"""How good a model is on labelled photos, measured through the engine that users run."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from geoview import __version__, taxonomy
from geoview.errors import DataError
from geoview.models import bundle
from geoview.models.card import ModelCard
from geoview.models.device import choose
from geoview.models.engine import Engine
from geoview.records import Photo, Prediction, Progress
from geoview.training import data, metrics
from geoview.training.events import now_utc

Array = NDArray[np.float64]
PARTS = ("train", "val", "test")


@dataclass(frozen=True, slots=True)
class _Truth:
    """Truth of one photo: tiles by (row, col), or the whole photo under the key None."""

    path: Path
    group: str
    labels: dict[tuple[int, int] | None, Array]
    area: Array | None
    layer: str | None


def evaluate(
    model_path: Path,
    *,
    data: Path | Sequence[Path],
    split: str | None = None,
    device: str = "auto",
    progress: Callable[[Progress], None] = lambda _: None,
) -> dict[str, Any]:
    """Figures of a model on labelled data, with 95 % intervals over photos.

    ``split`` "train", "val" or "test" takes the photos the card lists so; "all" takes every
    photo; None leaves out those the model was trained or tuned on, recognised by name and
    content. Presence figures are per tile where the data and the model have the same tiles,
    else per photo; layer, dominant lithology and area are per photo. Raises DataError.
    """
    model = bundle.load(model_path)
    dataset = _load(data)
    _check_classes(model.card, dataset)
    truths, excluded = _choose(_truths(dataset), model.card, split)
    predictions: dict[Path, Prediction] = {}
    failed: dict[str, str] = {}
    with Engine(model, choice=choose(device)) as engine:
        for done, result in enumerate(engine.run([_photo(t.path) for t in truths]), start=1):
            if result.prediction is None:
                failed[result.photo.file] = result.reason
            else:
                predictions[result.photo.path] = result.prediction
            progress(Progress(done=done, total=len(truths), failed=len(failed)))
    if not predictions:
        raise DataError("None of the photos could be read, so there is nothing to measure.")
    seen = [t for t in truths if t.path in predictions]
    figures = _figures(model.card, dataset, seen, predictions)
    return {
        "model": model.ref.name,
        "model_sha256": model.ref.sha256,
        "app_version": __version__,
        "measured_utc": now_utc(),
        "split": split or "unseen",
        "photos_left_out_as_seen": excluded,
        "photos_failed": failed,
        **figures,
    }


def _load(source: Path | Sequence[Path]) -> data.Dataset:
    return data.load(source)


def _photo(path: Path) -> Photo:
    info = path.stat()
    return Photo(path, path.name, info.st_size, info.st_mtime_ns)


def _check_classes(card: ModelCard, dataset: data.Dataset) -> None:
    known = {_key(name) for name in card.classes}
    unknown = [name for name in dataset.classes if _key(name) not in known]
    if unknown:
        raise DataError(
            f"The model “{card.name}” does not know {', '.join(unknown)}; "
            f"it knows {', '.join(card.classes)}."
        )


def _key(name: str) -> str:
    return taxonomy.lithology(name).name


def _truths(dataset: data.Dataset) -> list[_Truth]:
    by_photo: dict[Path, list[data.Item]] = defaultdict(list)
    for item in dataset.items:
        by_photo[item.path].append(item)
    return [_truth(path, items, dataset) for path, items in by_photo.items()]


def _truth(path: Path, items: Sequence[data.Item], dataset: data.Dataset) -> _Truth:
    labels: dict[tuple[int, int] | None, Array] = {
        (i.tile[:2] if i.tile else None): np.array(i.labels) for i in items
    }
    labels.setdefault(None, np.max([i.labels for i in items], axis=0))
    areas = [i.area for i in items if i.area is not None]
    area = np.mean(areas, axis=0) if len(areas) == len(items) else None
    if area is not None and area.sum() > 0:
        area = area / area.sum()
    layer = items[0].layer
    return _Truth(
        path=path,
        group=items[0].group,
        labels=labels,
        area=area,
        layer=None if layer is None else dataset.layers[layer],
    )


def _choose(truths: list[_Truth], card: ModelCard, split: str | None) -> tuple[list[_Truth], int]:
    """The photos to measure on, and how many were left out because the model has seen them."""
    if split == "all":
        return truths, 0
    if split in PARTS:
        wanted = set(card.splits.get(split, []))
        chosen = [t for t in truths if data.photo_key(t.path) in wanted]
    elif split is None:
        seen = {key for name in ("train", "val") for key in card.splits.get(name, [])}
        chosen = [t for t in truths if data.photo_key(t.path) not in seen]
    else:
        raise DataError(f"“{split}” is no split; use train, val, test or all.")
    if not chosen:
        raise DataError(
            f"None of these photos belong to the {split or 'unseen'} part of the model's data; "
            "use --split all to measure on all of them."
        )
    return chosen, len(truths) - len(chosen) if split is None else 0


def _figures(
    card: ModelCard,
    dataset: data.Dataset,
    truths: Sequence[_Truth],
    predictions: dict[Path, Prediction],
) -> dict[str, Any]:
    order = [[_key(c) for c in card.classes].index(_key(name)) for name in dataset.classes]
    rows = list(_matched(truths, predictions))
    p = np.array([row[0] for row in rows])
    y = np.array([row[1] for row in rows])
    groups = [row[2] for row in rows]
    thresholds = [card.thresholds[k] for k in order]
    single = card.task == "single-label"

    def presence(chosen: NDArray[np.intp]) -> dict[str, Any]:
        if single:
            return metrics.single_label(p[chosen], y[chosen], order)
        return metrics.multilabel(p[chosen][:, order], y[chosen], thresholds)

    figures = presence(np.arange(len(rows)))
    ci = metrics.intervals(presence, groups)
    figures["ap"] = dict(zip(dataset.classes, figures["ap"], strict=True))
    ci["ap"] = dict(zip(dataset.classes, ci["ap"], strict=True))
    figures["thresholds"] = dict(zip(dataset.classes, thresholds, strict=True))
    per_photo = _photo_figures(card, dataset, truths, predictions, order, ci)
    level = "tile" if len(rows) > len(truths) else "photo"
    counts = {"n": len(rows), "n_photos": len(truths), "level": level}
    positives = dict(zip(dataset.classes, y.sum(0).astype(int).tolist(), strict=True))
    return {**counts, "positives": positives, **figures, **per_photo, "ci95": ci}


def _matched(
    truths: Sequence[_Truth], predictions: dict[Path, Prediction]
) -> Iterator[tuple[Array, Array, str]]:
    """(probabilities, labels, group) of every tile, or of the photo when the tiles differ."""
    for truth in truths:
        prediction = predictions[truth.path]
        tiles = {(t.row, t.col): t.probabilities for t in prediction.tiles}
        wanted = {key for key in truth.labels if key is not None}
        if wanted and wanted == set(tiles):
            for key in sorted(wanted):
                yield np.array(tiles[key]), truth.labels[key], truth.group
        else:
            yield np.array(prediction.probabilities), truth.labels[None], truth.group


def _photo_figures(
    card: ModelCard,
    dataset: data.Dataset,
    truths: Sequence[_Truth],
    predictions: dict[Path, Prediction],
    order: list[int],
    ci: dict[str, Any],
) -> dict[str, Any]:
    """Layer accuracy, dominant lithology and area error, as far as truth and model have them."""
    result: dict[str, Any] = {}
    layered = [
        (float(p.layer.best == t.layer), t.group)
        for t in truths
        if (p := predictions[t.path]).layer is not None and t.layer in card.layers
    ]
    _add_mean(result, ci, "layer_accuracy", layered)
    measured = [
        (np.array(p.area_pct)[order], t.area * 100, t.group)
        for t in truths
        if t.area is not None and (p := predictions[t.path]).area_pct is not None
    ]
    if not measured:
        return result
    dominant = [(float(a.argmax() == b.argmax()), g) for a, b, g in measured]
    _add_mean(result, ci, "dominant_accuracy", dominant)
    errors = np.abs(np.array([a - b for a, b, _ in measured]))
    result["area_mae_points"] = dict(zip(dataset.classes, errors.mean(0).tolist(), strict=True))
    result["area_bias_points"] = dict(
        zip(dataset.classes, np.mean([a - b for a, b, _ in measured], 0).tolist(), strict=True)
    )
    mean = [(float(e), g) for e, (_, _, g) in zip(errors.mean(1), measured, strict=True)]
    _add_mean(result, ci, "area_mae_points_mean", mean)
    return result


def _add_mean(
    result: dict[str, Any], ci: dict[str, Any], name: str, values: list[tuple[float, str]]
) -> None:
    if not values:
        return
    array = np.array([v for v, _ in values])
    result[name] = float(array.mean())
    found = metrics.intervals(lambda i: {name: array[i].mean()}, [g for _, g in values])
    ci[name] = found[name]
