"""The size tool on rendered specimens with exact truth: GeoView beside the paper's pipeline.

For every style: the share of accepted photos, the mean absolute percentage error (P2, eq. 2) of
length and width of the accepted, the share of true values inside the stated intervals, and how
wide those are. A photo of style `negative` that is accepted is a wrong acceptance. Then photos
per second of a whole run, as window and command line make it, over copies enlarged to 12
megapixels.

The shipped network was trained on these photos. `--folds build/specimens` takes the networks of the
cross-validation that packaging/specimens/train.py leaves there, and judges every photo by the one
that has not seen it; without it the figures are of the shipped network and say so.
The last line of output is one JSON object with the figures.
"""

from __future__ import annotations

import argparse
import json
import shutil
import sys
import tempfile
import time
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image

from geoview.measure import tool
from geoview.measure.geoview_method import measure_found
from geoview.measure.looking import mirrored
from geoview.measure.methods import METHODS
from geoview.measure.objects import found_by
from geoview.measure.options import MeasureOptions
from geoview.measured import Measurement
from geoview.measuring import Measuring
from geoview.models.segmenting import Segmenting
from geoview.photos.scan import scan
from geoview.photos.shrink import at_most
from geoview.project import Project
from geoview.records import Photo
from geoview.settings import Settings

SHARED = Path(__file__).resolve().parents[3] / "shared" / "data" / "specimens"
STYLES = ("catalogue", "hard", "negative")
LARGE_PX = (4000, 3000)
Truth = dict[str, Any]
Measurer = Callable[[Photo], Measurement]


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--folder", type=Path, default=SHARED, help="photos and truth_*.jsonl")
    parser.add_argument("--folds", type=Path, help="folder of folds.json and the folds' networks")
    parser.add_argument("--only", type=int, nargs="*", help="photos of these folds only")
    parser.add_argument("--methods", nargs="*", default=["geoview", "paper"])
    parser.add_argument("--photos", type=int, default=0, help="only the first of every style")
    parser.add_argument("--speed", type=int, default=288, help="photos to time at 12 megapixels")
    parser.add_argument("--each", action="store_true", help="a line for every photo")
    options = parser.parse_args()
    photos = {photo.path.name: photo for photo in scan(options.folder).photos}
    truths = {style: truth_of(options.folder, style, options.photos) for style in STYLES}
    unseen = folds_of(options.folds, options.only) if options.folds else {}
    if unseen:
        truths = {s: [t for t in rows if t["file"] in unseen] for s, rows in truths.items()}
    figures: dict[str, Any] = {"outlines": "out of fold" if unseen else "shipped network"}
    sys.stdout.write(f"outlines of {figures['outlines']}\n")
    for name in [method for method in options.methods if method in METHODS]:
        measure = measurer(name, unseen)
        figures[name] = {
            style: of_style(name, style, rows, photos, measure, each=options.each)
            for style, rows in truths.items()
        }
    if options.speed:
        figures["photos_per_s_12mp"] = speed(list(photos.values()), count=options.speed)
        sys.stdout.write(f"photos/s at 12 megapixels: {figures['photos_per_s_12mp']}\n")
    sys.stdout.write(json.dumps(figures) + "\n")
    return 0


def truth_of(folder: Path, style: str, count: int) -> list[Truth]:
    lines = (folder / f"truth_{style}.jsonl").read_text(encoding="utf-8").splitlines()
    return [json.loads(line) for line in lines][: count or None]


def folds_of(folder: Path, only: list[int] | None) -> dict[str, Segmenting]:
    """For every photo the network that was not trained on it."""
    folds = json.loads((folder / "folds.json").read_text(encoding="utf-8"))
    last = {
        fold: Segmenting(folder / f"fold{fold}.safetensors")
        for fold in sorted(set(folds.values()))
        if only is None or fold in only
    }
    return {file: last[fold] for file, fold in folds.items() if fold in last}


def measurer(method: str, unseen: dict[str, Segmenting]) -> Measurer:
    options = MeasureOptions(method=method)
    if method != "geoview" or not unseen:
        return lambda photo: tool.measure(photo, options=options)

    def measure(photo: Photo) -> Measurement:
        picture = tool.picture_of(photo)
        picture = replace(picture, pixels=at_most(picture.pixels, tool.MEASURE_PX))
        shares = unseen[photo.path.name].shares
        size = {"width_px": picture.width_px, "height_px": picture.height_px}
        return measure_found(
            picture,
            lambda longer: found_by(mirrored(shares) if longer else shares, picture.pixels, **size),
            options=options,
        )

    return measure


def of_style(
    method: str,
    style: str,
    truths: list[Truth],
    photos: dict[str, Photo],
    measure: Measurer,
    *,
    each: bool,
) -> dict[str, Any]:
    pairs = [(truth, measure(photos[truth["file"]])) for truth in truths]
    accepted = [(t, m) for t, m in pairs if m.status == "accepted"]
    figures: dict[str, Any] = {
        "photos": len(pairs),
        "accepted": round(len(accepted) / max(len(pairs), 1), 3),
    }
    if style == "negative":
        figures["wrongly_accepted"] = len(accepted)
    elif accepted:
        figures |= errors(accepted)
    sys.stdout.write(f"{method:8s} {style:10s} {json.dumps(figures)}\n")
    for truth, measured in pairs if each else ():
        sys.stdout.write(f"  {line_of(truth, measured)}\n")
    return figures


def errors(accepted: list[tuple[Truth, Measurement]]) -> dict[str, Any]:
    true = np.array([
        [t["specimen"]["apparent_length_mm"], t["specimen"]["apparent_width_mm"]]
        for t, _ in accepted
    ])  # fmt: skip
    sizes = [m.size_mm for _, m in accepted]
    found = np.array([[s.length, s.width] for s in sizes if s is not None])
    pm = np.array([[m.length_pm_mm, m.width_pm_mm] for _, m in accepted], dtype=np.float64)
    relative = np.abs(found - true) / true
    return {
        "mape_length": round(float(relative[:, 0].mean()), 4),
        "mape_width": round(float(relative[:, 1].mean()), 4),
        "worst": round(float(relative.max()), 3),
        "inside_interval": round(float((np.abs(found - true) <= pm).mean()), 3),
        "median_interval": round(float(np.median(pm / found)), 3),
    }


def line_of(truth: Truth, measured: Measurement) -> str:
    words = f"{truth['file']:18s} {measured.status:8s}"
    size, specimen = measured.size_mm, truth["specimen"]
    if size is not None and specimen is not None:
        for name, value in (("length", size.length), ("width", size.width)):
            off = value / specimen[f"apparent_{name}_mm"] - 1
            words += f" {name} {value:7.2f} mm {100 * off:+5.1f} %"
        words += f" ± {100 * (measured.length_pm_mm or 0) / size.length:.1f} %"
    return f"{words} {'; '.join(measured.reasons)}"


def speed(photos: list[Photo], *, count: int) -> dict[str, float]:
    """Photos per second of a run over a folder of enlarged copies, decoding and storing included:
    from the start, and from when a tenth is done."""
    with tempfile.TemporaryDirectory(prefix="geoview-measure-") as name:
        for photo in photos[:count]:
            enlarged(photo, Path(name))
        copies = list(Path(name).iterdir())
        for number, copy in enumerate(range(len(copies), count)):
            source = copies[number % len(copies)]
            shutil.copy(source, source.with_stem(f"{source.stem}_{copy}"))
        with Project.open(Path(name), settings=Settings()) as project:
            measuring = Measuring(project, options=MeasureOptions(), user="benchmark")
            began, times = time.perf_counter(), []
            for batch, _ in measuring.run():
                times += [time.perf_counter() - began] * len(batch)
    first = len(times) // 10
    return {
        "whole": round(len(times) / times[-1], 2),
        "going": round((len(times) - first) / (times[-1] - times[first - 1]), 2),
    }


def enlarged(photo: Photo, folder: Path) -> None:
    """A copy at 12 megapixels; its EXIF orientation travels along."""
    with Image.open(photo.path) as image:
        size = LARGE_PX if image.width > image.height else LARGE_PX[::-1]
        copy = image.resize(size, Image.Resampling.BICUBIC)
        copy.save(folder / photo.path.name, quality=90, exif=image.getexif().tobytes())


if __name__ == "__main__":
    raise SystemExit(main())
