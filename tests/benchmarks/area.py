"""Area of the lithologies: every way to estimate it against the exact shares of rendered wells.

Photos of the model's test split, which it was neither trained nor tuned on. The error of a photo
is the mean over the lithologies of |estimate − truth| in points of % of the cuttings' area. The
last line of output is one JSON object.
"""

from __future__ import annotations

import argparse
import csv
import json
import sys
from collections import defaultdict
from collections.abc import Iterator
from pathlib import Path

import numpy as np

from geoview.explain import area
from geoview.explain.cam import explain_classes
from geoview.models import bundle, store
from geoview.models.bundle import LoadedModel
from geoview.models.device import choose
from geoview.models.engine import Engine
from geoview.records import Photo, PhotoResult
from geoview.training import data

WELLS = Path(__file__).resolve().parents[3] / "shared" / "data" / "cuttings"
WANTED_POINTS = 8.0
GRADIENTS = "grad-cam"
MAPS = "area-map"


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--model", default=None)
    parser.add_argument("--wells", type=Path, default=WELLS)
    parser.add_argument("--photos", type=int, default=1000, help="at most so many of each well")
    parser.add_argument("--split", default="test")
    options = parser.parse_args()
    model = bundle.load(store.resolve(options.model))
    found: dict[str, dict[str, list[float]]] = {}
    with Engine(model, choice=choose("cpu", precision="fp32")) as engine:
        for well in sorted(path for path in options.wells.iterdir() if path.is_dir()):
            photos = list(photos_of(model, well, options.split))[: options.photos]
            found[well.name] = measured(engine, photos, truth_of(well, model.card.classes))
    tell(found)
    return 0


def photos_of(model: LoadedModel, well: Path, split: str) -> Iterator[Photo]:
    wanted = set(model.card.splits.get(split, []))
    for path in sorted(well.glob("*.jpg")):
        if data.photo_key(path) in wanted:
            yield Photo(path, path.name, path.stat().st_size, path.stat().st_mtime_ns)


def truth_of(well: Path, classes: list[str]) -> dict[str, np.ndarray]:
    """Shares of the lithologies among the cuttings, in %."""
    truth = {}
    with (well / "truth_photos.csv").open(encoding="utf-8", newline="") as stream:
        for row in csv.DictReader(stream):
            shares = np.array([float(row[f"area_{name}"]) for name in classes])
            truth[row["file"]] = 100 * shares / shares.sum()
    return truth


def measured(
    engine: Engine, photos: list[Photo], truth: dict[str, np.ndarray]
) -> dict[str, list[float]]:
    errors: dict[str, list[float]] = defaultdict(list)
    for result in engine.run(photos):
        for name, estimate in ways(engine, result):
            assert abs(estimate.sum() - 100) < 1e-6, name
            errors[name].append(float(np.abs(estimate - truth[result.photo.file]).mean()))
    return errors


def ways(engine: Engine, result: PhotoResult) -> Iterator[tuple[str, np.ndarray]]:
    made = result.prediction
    assert made is not None
    classes = made.classes
    shares = explain_classes(engine, result.photo, class_names=classes, method=MAPS)
    cams = explain_classes(engine, result.photo, class_names=classes, method=GRADIENTS)
    rows = {
        "area head": area.area_head(made),
        "area-map, pixels": area.map_pixels(made, shares),
        "area-map, Otsu masks": area.otsu_pixels(made, shares),
        "probability-weighted": area.probability_weighted(made),
        "Grad-CAM, sum of the map": area.evidence_mass(made, cams),
        "Grad-CAM, Otsu masks": area.otsu_pixels(made, cams),
        "Grad-CAM, Otsu × 0.5": area.otsu_pixels(made, cams, otsu_factor=0.5),
        "all to the dominant one": _one(made.dominant, classes),
    }
    for name, value in rows.items():
        yield name, np.full(len(classes), 100 / len(classes)) if value is None else value


def _one(name: str | None, classes: tuple[str, ...]) -> np.ndarray | None:
    return None if name is None else np.array([100.0 * (name == one) for one in classes])


def tell(found: dict[str, dict[str, list[float]]]) -> None:
    wells = list(found)
    sys.stdout.write("Mean absolute error, points of % (photos of the test split, rendered)\n")
    sys.stdout.write(f"{'way':<28}" + "".join(f"{well:>10}" for well in wells) + "\n")
    means = {
        way: {well: float(np.mean(found[well][way])) for well in wells} for way in found[wells[0]]
    }
    for way, row in means.items():
        sys.stdout.write(f"{way:<28}" + "".join(f"{row[well]:>10.2f}" for well in wells) + "\n")
    best = min(means, key=lambda way: float(np.mean(list(means[way].values()))))
    used = next(iter(area.WAYS))
    sys.stdout.write(
        f"Used: {used}, the best way measured here.\n"
        if used == best
        else f"Used: {used}, although {best} is better here.\n"
    )
    ok = all(row <= WANTED_POINTS for row in means[used].values())
    answer = {
        "area_mae_points": means, "photos": {well: len(found[well][used]) for well in wells},
        "used": used, "best": best, "at_most_8_points": ok,
    }  # fmt: skip
    sys.stdout.write(json.dumps(answer, ensure_ascii=False) + "\n")


if __name__ == "__main__":
    sys.exit(main())
