"""Mosaics of single specimens with known labels: multi-label photos without an expert.

One to four specimens of different classes lie side by side in one picture, as associated
minerals do in a hand sample. Photos are divided before mosaics are made, near-duplicates
together, so that none is on both sides of a split.
"""

from __future__ import annotations

import csv
from collections import defaultdict
from collections.abc import Sequence
from pathlib import Path

import numpy as np
from PIL import Image

from geoview.photos import phash
from geoview.training.duplicates import NEAR_BITS

SIDE_PX = 256
# As in P1's Table 1: most photos hold one or two minerals, few more.
HOW_MANY = ((1, 0.35), (2, 0.35), (3, 0.2), (4, 0.1))
SHARES = {"train": 0.7, "val": 0.1, "test": 0.2}


def make(sources: Sequence[Path], target: Path, *, count: int, seed: int = 0) -> Path:
    """``count`` mosaics of the classes of some folders, with ``labels.csv``; made once."""
    sheet = target / "labels.csv"
    if sheet.exists():
        return target
    target.mkdir(parents=True, exist_ok=True)
    rng = np.random.default_rng(seed)
    photos = _divided(sources, rng)
    rows = []
    for part, share in SHARES.items():
        for number in range(round(count * share)):
            name = f"{part}_{number:04d}.jpg"
            labels = _mosaic(photos[part], rng, target / name)
            rows.append({"file": name, "labels": ";".join(labels), "split": part})
    with sheet.open("w", newline="", encoding="utf-8") as stream:
        writer = csv.DictWriter(stream, ["file", "labels", "split"])
        writer.writeheader()
        writer.writerows(rows)
    return target


def _divided(sources: Sequence[Path], rng: np.random.Generator) -> dict[str, dict[str, list[Path]]]:
    """The photos of each class by part; near-duplicates share one, whatever their class."""
    files = [file for source in sources for file in sorted(source.glob("*/*")) if file.is_file()]
    near = phash.clusters(phash.hash_files(files).hashes, max_bits=NEAR_BITS)
    of_class: dict[str, dict[int, list[Path]]] = defaultdict(lambda: defaultdict(list))
    for file, cluster in zip(files, near.tolist(), strict=True):
        of_class[file.parent.name][cluster].append(file)
    part_of: dict[int, str] = {}
    result: dict[str, dict[str, list[Path]]] = {part: defaultdict(list) for part in SHARES}
    ends = np.cumsum(list(SHARES.values()))
    for name, clusters in sorted(of_class.items()):
        count, done = sum(map(len, clusters.values())), 0
        for cluster in rng.permutation(sorted(clusters)).tolist():
            # The end of the last part may lie a rounding error below 1.
            place = min(int(np.searchsorted(ends, done / count, side="right")), len(ends) - 1)
            part = part_of.setdefault(cluster, list(SHARES)[place])
            result[part][name] += clusters[cluster]
            done += len(clusters[cluster])
    return result


def _mosaic(photos: dict[str, list[Path]], rng: np.random.Generator, target: Path) -> list[str]:
    numbers, shares = zip(*HOW_MANY, strict=True)
    count = int(rng.choice(numbers, p=shares))
    classes = [str(c) for c in rng.choice(sorted(c for c in photos if photos[c]), count, False)]
    canvas = Image.new("RGB", (SIDE_PX, SIDE_PX), (235, 235, 232))
    columns = 1 if count == 1 else 2
    cell = SIDE_PX // columns
    places = rng.permutation(columns * columns)[:count]
    for place, name in zip(places, classes, strict=True):
        file = photos[name][int(rng.integers(len(photos[name])))]
        with Image.open(file) as image:
            tile = image.convert("RGB")
        tile.thumbnail((cell, cell))
        x, y = int(place) % columns * cell, int(place) // columns * cell
        canvas.paste(tile, (x + (cell - tile.width) // 2, y + (cell - tile.height) // 2))
    canvas.save(target, quality=92)
    return classes
