"""P4 Table 1: does attention on the input and weighing the classes find the rare mineral?

``minerals7`` with muscovite thinned to a rare class: only 14 of its photos train, the rest of those
that would have trained go to the test. ``small``: MobileNetV2 and DeiT-Tiny on 192 px. Prints
accuracy, macro F1 and muscovite's recall and precision beside the paper's; --write puts the
table into the report.
"""

from __future__ import annotations

import csv
from pathlib import Path

from _reproduce import (
    BUILD,
    SHARED,
    Run,
    arguments,
    by_row,
    copied,
    markdown,
    mean_sd,
    normalised,
    publish,
    trained,
)  # fmt: skip

from geoview.training import data
from geoview.training.recipe import SplitPart
from geoview.training.split import split

RARE, KEPT = "muscovite", 14
# Row: architecture, loss, the paper's accuracy, macro F1, muscovite recall and precision.
PAPER = {
    "CNN": ("timm-classifier", "cross-entropy", (94.04, 92.12, 80.00, 90.32)),
    "ViT": ("timm-classifier", "cross-entropy", (95.09, 93.69, 80.00, 93.33)),
    "ViT + weighted": ("timm-classifier", "weighted-inverse", (94.91, 93.43, 88.57, 77.50)),
    "MA-ViT": ("ma-vit", "weighted-inverse", (95.61, 93.45, 91.43, 84.21)),
}
CNN = {"small": "mobilenetv2_100", "paper": "resnet50.tv_in1k"}
SMALL = (("preprocess.input_px", 192), ("train.epochs", 8))


def main() -> None:
    given = arguments(__doc__)
    runs = [
        Run(row, f"ma-vit.{given.profile}", (thinned(seed),), changes(row, given.profile), seed)
        for row in PAPER
        for seed in range(given.seeds)
    ]
    rows = by_row(trained(runs, jobs=given.jobs))

    def cells(row: str) -> list[str]:
        figures = [f[0] for f in rows[row]]
        values = (
            [f["top1"] for f in figures],
            [f["macro_f1"] for f in figures],
            [f["recall"][RARE] for f in figures],
            [f["precision"][RARE] for f in figures],
        )
        paper = PAPER[row][2]
        return [f"{p:.1f} / {mean_sd(v)}" for p, v in zip(paper, values, strict=True)]

    head = ("accuracy %", "macro F1 %", "muscovite recall %", "muscovite precision %")
    table = markdown(("Table 1: paper / GeoView", *head), [(row, *cells(row)) for row in PAPER])
    publish("p4", table + "\n", write=given.write)


def changes(row: str, profile: str) -> tuple[tuple[str, object], ...]:
    architecture, loss, _ = PAPER[row]
    result: list[tuple[str, object]] = [
        ("model.architecture", architecture),
        ("loss.name", loss),
        *(SMALL if profile == "small" else ()),
    ]
    if architecture == "timm-classifier":
        result.append(("model.options", {"drop_path": 0.0 if row == "CNN" else 0.1}))
    if row == "CNN":
        result.append(("model.backbone", CNN[profile]))
        if profile == "small":
            weights = SHARED.parent / "weights" / f"{CNN[profile]}.safetensors"
            result.append(("model.pretrained", str(weights)))
            result += [(f"preprocess.{key}", [0.5] * 3) for key in ("mean", "std")]
        else:
            result += normalised(CNN[profile]).items()
    return tuple(result)


def thinned(seed: int) -> Path:
    """A copy of the data with a sheet: the split, and few training photos of the rare class."""
    folder = copied(
        BUILD / "data" / f"minerals7_rare_{seed}",
        ((p, f"{p.parent.name}/{p.name}") for p in sorted((SHARED / "minerals7").glob("*/*"))),
    )
    items = data.load(SHARED / "minerals7").items
    parts = split(items, SplitPart(near_duplicates=4), seed=seed)
    rare = [i for i in parts["train"] if items[i].file.startswith(RARE)]
    moved = set(rare[KEPT:])
    with (folder / "labels.csv").open("w", newline="", encoding="utf-8") as stream:
        writer = csv.writer(stream)
        writer.writerow(("file", "label", "split"))
        for part, indices in parts.items():
            for i in indices:
                where = "test" if i in moved else part
                writer.writerow((items[i].file, items[i].file.split("/")[0], where))
    return folder


if __name__ == "__main__":
    main()
