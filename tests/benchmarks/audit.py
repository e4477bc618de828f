"""False alarms of the evidence audit on rendered wells, and what it says of rendered specimens.

Wells: photos of the test split whose dominant lithology the model gets right; the places are
what the program looks for in a tray (its rim), and then a strip along the frame, which it does
not use there because cuttings that fill the frame belong to the evidence. Specimens: the first
answer of an ImageNet network, with the true masks as places; it knows no minerals, so alarms are
deserved. The last line of output is one JSON object.
"""

from __future__ import annotations

import argparse
import json
import sys
from collections import Counter
from collections.abc import Sequence

import _specimens
import cv2
import numpy as np
from localisation import WELLS, test_photos
from segmentation import photo_of

from geoview.evidence import places_in
from geoview.explain.audit import AuditRules, Place, PlaceKind, audit, border_strip
from geoview.explain.cam import explain_classes
from geoview.heatmaps import shown_classes
from geoview.models import bundle, store
from geoview.models.device import choose
from geoview.models.engine import Engine
from geoview.records import Photo, Prediction

RULES = AuditRules()
METHODS = ("area-map", "grad-cam")
KINDS: dict[int, PlaceKind] = {
    _specimens.SPECIMEN: "specimen", _specimens.CUBE: "reference cube",
    _specimens.PLATE: "text plate",
}  # fmt: skip


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--photos", type=int, default=46)
    parser.add_argument("--specimens", type=int, default=40)
    options = parser.parse_args()
    answer = {"wells": wells(options.photos), "specimens": specimens(options.specimens)}
    for name, counts in answer.items():
        for what, value in counts.items():
            sys.stdout.write(f"{name:<10} {what:<44} {value}\n")
    sys.stdout.write(json.dumps(answer) + "\n")
    return 0


def wells(number: int) -> dict[str, int]:
    model = bundle.load(store.resolve(None))
    counts: Counter[str] = Counter()
    with Engine(model, choice=choose("cpu", precision="fp32")) as engine:
        photos = [photo_of(path) for path in list(test_photos(model, WELLS))[:number]]
        for result in list(engine.run(photos)):
            assert result.prediction is not None
            counts["photos"] += 1
            for method in METHODS:
                alarms(engine, result.photo, result.prediction, method, counts)
    return dict(counts)


def alarms(
    engine: Engine, photo: Photo, made: Prediction, method: str, counts: Counter[str]
) -> None:
    names = shown_classes(made)
    found = explain_classes(engine, photo, class_names=names, method=method)
    rim = places_in(photo, card=engine.model.card, rules=RULES)
    strip = border_strip(made.width_px, made.height_px, rules=RULES)
    for words, places in (("rim", rim), ("strip along the frame", strip)):
        told = audit(photo.file, found, places=places, rules=RULES)
        counts[f"alarms, {method}, {words}"] += bool(told.warning)


def specimens(number: int) -> dict[str, int]:
    model = _specimens.imagenet()
    counts: Counter[str] = Counter()
    for photo, mask in list(_specimens.photos())[:number]:
        with Engine(model, choice=choose("cpu", precision="fp32")) as engine:
            (result,) = engine.run([photo])
        assert result.prediction is not None
        found = explain_classes(
            model, photo, class_names=shown_classes(result.prediction)[:1], method="grad-cam"
        )
        told = audit(photo.file, found, places=outlines(mask), rules=RULES)
        counts["photos"] += 1
        for place in (p.place for p in told.places if p.warns):
            counts[f"warnings, {place}"] += 1
    return dict(counts)


def outlines(mask: np.ndarray) -> Sequence[Place]:
    """Outlines of the true masks; a second specimen is one too."""
    places = border_strip(mask.shape[1], mask.shape[0], rules=RULES)
    for number, kind in {**KINDS, _specimens.SECOND: "specimen"}.items():
        lines, _ = cv2.findContours(
            (mask == number).astype(np.uint8), cv2.RETR_EXTERNAL, cv2.CHAIN_APPROX_SIMPLE
        )
        places += [
            Place(kind, tuple((float(x), float(y)) for x, y in line[:, 0]))
            for line in lines
            if len(line) >= 3
        ]
    return places


if __name__ == "__main__":
    sys.exit(main())
