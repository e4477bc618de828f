"""Mosaics of single specimens with known labels: multi-label photos without an expert.

One to four specimens of different classes lie side by side in one picture, as associated
minerals do in a hand sample. Specimens are divided before mosaics are made, so that none is on
both sides of a split.
"""

from __future__ import annotations

import csv
from collections import defaultdict
from collections.abc import Sequence
from pathlib import Path

import numpy as np
from PIL import Image

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
    result: dict[str, dict[str, list[Path]]] = {p: defaultdict(list) for p in SHARES}
    for folder in sorted(p for source in sources for p in source.iterdir() if p.is_dir()):
        files = [folder / str(n) for n in rng.permutation(sorted(p.name for p in folder.iterdir()))]
        first, second = (np.cumsum(list(SHARES.values()))[:2] * len(files)).round().astype(int)
        cuts = (files[:first], files[first:second], files[second:])
        for part, chosen in zip(SHARES, cuts, strict=True):
            result[part][folder.name] = chosen
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
