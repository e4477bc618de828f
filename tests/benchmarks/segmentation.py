"""Masks from heatmaps beside P2's Table 5: rendered cuttings and rendered specimens.

Cuttings: the embedded model, photos of its test split, every lithology that is there (0.5 % of
the photo or more) and that the model finds, against the id masks. Specimens: no network at hand
knows minerals, so what is measured is the foreground in the maps of an ImageNet network's own
first answer, right or not, against the specimen's mask (and against all objects: specimen, cube,
plate). "tuned" multiplies Otsu's threshold by a factor chosen on other photos. The last line of
output is one JSON object.
"""

from __future__ import annotations

import argparse
import json
import sys
from collections import defaultdict
from collections.abc import Iterator, Sequence
from pathlib import Path

import _specimens
import numpy as np
from localisation import IDS, SHOWN, WELLS, mask_of
from PIL import Image

from geoview import masks
from geoview.explain import segment
from geoview.explain.cam import explain_classes
from geoview.explain.road import road_of
from geoview.models import bundle, store
from geoview.models.bundle import LoadedModel
from geoview.models.device import choose
from geoview.models.engine import Engine
from geoview.records import Heatmap, Photo, PhotoResult
from geoview.training import data

# Table 5 of P2: F1, precision, recall, IoU, ROAD-combined, mean ± standard deviation.
PUBLISHED = {
    "P2 FullGrad": "0.78 ± 0.16   0.67 ± 0.19   0.98 ± 0.04   0.66 ± 0.18   0.34 ± 0.13",
    "P2 GradCAM++": "0.63 ± 0.13   0.79 ± 0.16   0.56 ± 0.17   0.47 ± 0.14   0.41 ± 0.03",
}
COLUMNS = ("f1", "precision", "recall", "iou", "road")
ON_TRAYS = ("area-map", "grad-cam", "grad-cam++-eigen", "layer-cam")
ON_SPECIMENS = ("full-grad", "grad-cam++-eigen", "eigen-cam")
# A mask of a quarter of the photo's side says the same and is sixteen times as quick.
STEP = 4
Example = tuple[Heatmap, np.ndarray, float | None]


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--model", default=None)
    parser.add_argument("--photos", type=int, default=12, help="of the test split")
    parser.add_argument("--tune", type=int, default=6, help="photos of the validation split")
    parser.add_argument("--specimens", type=int, default=40)
    parser.add_argument("--road", type=int, default=3, help="photos of a kind to measure ROAD on")
    options = parser.parse_args()
    rows = {
        **trays(bundle.load(store.resolve(options.model)), options),
        **specimens(options.specimens, road=options.road),
    }
    tell(rows)
    return 0


def trays(model: LoadedModel, options: argparse.Namespace) -> dict[str, list[dict[str, float]]]:
    with Engine(model, choice=choose("cpu", precision="fp32")) as engine:
        tuning = list(tray_examples(engine, "val", options.tune, road=0))
        testing = list(tray_examples(engine, "test", options.photos, road=options.road))
    return rows_of("cuttings", ON_TRAYS, tuning=tuning, testing=testing)


def tray_examples(engine: Engine, split: str, number: int, *, road: int) -> Iterator[Example]:
    wanted = set(engine.model.card.splits.get(split, []))
    paths = [p for p in sorted(WELLS.glob("*/*.jpg")) if data.photo_key(p) in wanted]
    # From all over the wells, whatever the number.
    chosen = paths[:: max(1, len(paths) // number)][:number]
    for count, result in enumerate(engine.run([photo_of(path) for path in chosen])):
        yield from tray_photo(engine, result, road=count < road)


def photo_of(path: Path) -> Photo:
    return Photo(path, path.name, path.stat().st_size, path.stat().st_mtime_ns)


def tray_photo(engine: Engine, result: PhotoResult, *, road: bool) -> Iterator[Example]:
    made = result.prediction
    assert made is not None
    with Image.open(mask_of(result.photo.path)) as image:
        truth = np.asarray(image)[::STEP, ::STEP]
    there = [
        name
        for name, p, limit in zip(made.classes, made.probabilities, made.thresholds, strict=True)
        if p >= limit and (truth == IDS[name]).mean() >= SHOWN
    ]
    for method in ON_TRAYS if there else ():
        found = explain_classes(engine, result.photo, class_names=there, method=method)
        scored = road_of(engine, result.photo, found) if road else []
        roads = [one.combined for one in scored] or [None] * len(found)
        for heatmap, value in zip(found, roads, strict=True):
            yield heatmap, truth == IDS[heatmap.class_name], value


def specimens(number: int, *, road: int) -> dict[str, list[dict[str, float]]]:
    model = _specimens.imagenet()
    every = list(_specimens.photos())[: number + number // 3]
    examples = [
        (heatmap, mask[::STEP, ::STEP], value)
        for count, (photo, mask) in enumerate(every)
        for heatmap, value in specimen_maps(model, photo, road=count >= len(every) - road)
    ]
    first = number // 3 * len(ON_SPECIMENS)
    rows = {}
    for what, kinds in (
        ("specimen", (_specimens.SPECIMEN, _specimens.SECOND)),
        ("objects", (_specimens.SPECIMEN, _specimens.SECOND, _specimens.CUBE, _specimens.PLATE)),
    ):
        against = [(heatmap, np.isin(mask, kinds), road) for heatmap, mask, road in examples]
        rows |= rows_of(what, ON_SPECIMENS, tuning=against[:first], testing=against[first:])
    return rows


def specimen_maps(
    model: LoadedModel, photo: Photo, *, road: bool
) -> Iterator[tuple[Heatmap, float | None]]:
    with Engine(model, choice=choose("cpu", precision="fp32")) as engine:
        (result,) = engine.run([photo])
    assert result.prediction is not None
    best = result.prediction.classes[int(np.argmax(result.prediction.probabilities))]
    for method in ON_SPECIMENS:
        found = explain_classes(model, photo, class_names=[best], method=method)
        yield found[0], road_of(model, photo, found)[0].combined if road else None


def rows_of(
    what: str, methods: Sequence[str], *, tuning: Sequence[Example], testing: Sequence[Example]
) -> dict[str, list[dict[str, float]]]:
    """Scores of every mask by kind of mask, method and threshold."""
    rows: dict[str, list[dict[str, float]]] = defaultdict(list)
    for method in methods:
        own = [(heatmap, truth) for heatmap, truth, _ in tuning if heatmap.method == method]
        factors = {"": 1.0, f" × {segment.tune_factor(own):g} (tuned)": segment.tune_factor(own)}
        for words, factor in factors.items():
            for heatmap, truth, road in testing:
                if heatmap.method == method:
                    key = f"{what}: {method}, Otsu{words}"
                    rows[key].append(score(heatmap, truth, road=road, factor=factor))
    return rows


def score(
    heatmap: Heatmap, truth: np.ndarray, *, road: float | None, factor: float
) -> dict[str, float]:
    height, width = truth.shape
    fitted = segment.over(heatmap, width_px=width, height_px=height)
    cut = segment.otsu(heatmap) * factor
    found = segment.mask_above(fitted, cut, width_px=width, height_px=height)
    made = segment.scores(masks.unpack(found), truth)
    row = {"f1": made.f1, "precision": made.precision, "recall": made.recall, "iou": made.iou}
    return row if road is None else row | {"road": road}


def tell(rows: dict[str, list[dict[str, float]]]) -> None:
    heads = ("F1", "precision", "recall", "IoU", "ROAD-combined")
    sys.stdout.write(f"{'':<48}" + "   ".join(f"{head:<11}" for head in heads) + "\n")
    for name, line in PUBLISHED.items():
        sys.stdout.write(f"{name + ' (real photos, 360 minerals)':<48}{line}\n")
    answer = {}
    for name, found in rows.items():
        values = {c: [row[c] for row in found if c in row] for c in COLUMNS}
        cells = [f"{np.mean(v):.2f} ± {np.std(v):.2f}" if v else "" for v in values.values()]
        sys.stdout.write(f"{name:<48}" + "   ".join(f"{cell:<11}" for cell in cells) + "\n")
        means = {c: float(np.mean(v)) for c, v in values.items() if v}
        kept = [row for row in found if row.get("road", -1) > 0.2]
        answer[name] = {**means, "masks": len(found), "road_above_0.2": len(kept)}
    sys.stdout.write(json.dumps(answer, ensure_ascii=False) + "\n")


if __name__ == "__main__":
    sys.exit(main())
