"""Where heatmaps lie: each method's map against the id masks of the rendered wells.

For every lithology of every test photo that holds at least two: the area under the ROC curve of
the map's values as a detector of the lithology's own pixels (0.5 is chance, 1 is perfect). The
last line of output is one JSON object with the mean per method.
"""

from __future__ import annotations

import argparse
import json
import sys
from collections import defaultdict
from collections.abc import Iterator
from pathlib import Path

import cv2
import numpy as np
from PIL import Image
from sklearn.metrics import roc_auc_score

from geoview.explain.cam import explain_classes, methods
from geoview.models import bundle, store
from geoview.models.bundle import LoadedModel
from geoview.records import Photo
from geoview.training import data

IDS = {"mudstone": 1, "sandstone": 2, "shale": 3, "limestone": 4}
SHOWN = 0.005
STEP = 4
WELLS = Path(__file__).resolve().parents[3] / "shared" / "data" / "cuttings"


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--model", default=None)
    parser.add_argument("--wells", type=Path, default=WELLS)
    parser.add_argument("--photos", type=int, default=20)
    options = parser.parse_args()
    model = bundle.load(store.resolve(options.model))
    found: dict[str, list[float]] = defaultdict(list)
    for path in list(test_photos(model, options.wells))[: options.photos]:
        for name, value in scores(model, path):
            found[name].append(value)
    means = {name: float(np.mean(values)) for name, values in found.items()}
    for name, value in means.items():
        sys.stdout.write(f"{name:<18} {value:.3f}   ({len(found[name])} maps)\n")
    sys.stdout.write(json.dumps({"roc_auc": means, "maps": len(next(iter(found.values())))}) + "\n")
    return 0


def test_photos(model: LoadedModel, wells: Path) -> Iterator[Path]:
    """Photos of the model's test split that have a mask."""
    wanted = set(model.card.splits.get("test", []))
    for path in sorted(wells.glob("*/*.jpg")):
        if mask_of(path).is_file() and data.photo_key(path) in wanted:
            yield path


def mask_of(path: Path) -> Path:
    return path.parent / "masks" / f"{path.stem}.png"


def scores(model: LoadedModel, path: Path) -> Iterator[tuple[str, float]]:
    with Image.open(mask_of(path)) as image:
        mask = np.asarray(image)[::STEP, ::STEP]
    here = [name for name in model.card.classes if (mask == IDS[name]).mean() >= SHOWN]
    if len(here) < 2:
        return
    photo = Photo(path, path.name, path.stat().st_size, path.stat().st_mtime_ns)
    for name in methods(model):
        for heatmap in explain_classes(model, photo, class_names=here, method=name):
            values = cv2.resize(heatmap.values, mask.shape[::-1])
            truth = mask == IDS[heatmap.class_name]
            yield name, float(roc_auc_score(truth.ravel(), values.ravel()))


if __name__ == "__main__":
    sys.exit(main())
