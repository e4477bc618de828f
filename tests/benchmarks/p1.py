"""P1 Tables 3 and 4: backbones and losses of the label-query model, on multi-label data.

The paper's 183,688 photos cannot be had; mosaics of single photos of ``minerals7`` and the tiles
of the rendered wells stand in. ``small``: the small recipe's network on
192 px for a few epochs. Prints mAP beside the paper's; --write puts the table into the report.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import _mosaics
from _reproduce import (
    BUILD,
    SHARED,
    Run,
    arguments,
    averaged,
    by_row,
    markdown,
    mean_sd,
    normalised,
    publish,
    trained,
)  # fmt: skip

BACKBONES = {
    "small": {"MobileNet-V2": "mobilenetv2_100", "ViT": "deit_tiny_patch16_224"},
    "paper": {
        "MobileNet-V2": "mobilenetv2_100.ra_in1k",
        "Big Transfer-m": "resnetv2_101x1_bit.goog_in21k",
        "ResNet-101": "resnet101.tv_in1k",
        "ViT": "vit_base_patch16_384.augreg_in21k_ft_in1k",
    },
}
TABLE_3 = {"MobileNet-V2": 72.38, "Big Transfer-m": 79.55, "ResNet-101": 81.76, "ViT": 85.26}
TABLE_4 = {
    "Binary cross-entropy": ("bce", {}, 84.52),
    "Focal, γ 2, α 0.25": ("focal", {"gamma": 2.0, "alpha": 0.25}, 84.79),
    "Asymmetric, γ+ 0, γ− 1": ("asymmetric", {"gamma_pos": 0.0, "gamma_neg": 1.0}, 85.26),
}
PUBLISHED = "Asymmetric, γ+ 0, γ− 1"
SMALL = (("preprocess.input_px", 192), ("train.epochs", 6), ("split.near_duplicates", -1))


def main() -> None:
    given = arguments(__doc__)
    sets = {
        "mosaics of seven minerals": (_mosaic(("minerals7",), 500),),
        "rendered cuttings": (SHARED / "cuttings" / "well_a",),
    }
    rows = by_row(trained(list(_runs(sets, given.profile, given.seeds)), jobs=given.jobs))
    figure = averaged("map")

    def cells(row: str) -> list[str]:
        return [mean_sd([figure(f) for f in rows[f"{row} on {name}"]]) for name in sets]

    header = [f"GeoView ({given.profile}), {name}, mAP %" for name in sets]
    table_3 = markdown(
        ("Table 3: backbone", "paper, mAP %", *header),
        [
            (name, str(TABLE_3[name]), *cells(f"{name}, {PUBLISHED}"))
            for name in BACKBONES[given.profile]
        ],
    )
    table_4 = markdown(
        ("Table 4: loss, on the ViT", "paper, mAP %", *header),
        [(name, str(paper), *cells(f"ViT, {name}")) for name, (_, _, paper) in TABLE_4.items()],
    )
    publish("p1", f"{table_3}\n\n{table_4}\n", write=given.write)


def _mosaic(names: tuple[str, ...], count: int) -> Path:
    sources = [SHARED / name for name in names]
    return _mosaics.make(sources, BUILD / "data" / "mosaics_of_seven", count=count)


def _runs(sets: dict[str, tuple[Path, ...]], profile: str, count: int) -> Iterator[Run]:
    for name, data in sets.items():
        for backbone, loss in _rows(profile):
            changes = _changes(BACKBONES[profile][backbone], loss, profile)
            if "cuttings" in name:
                changes["preprocess.tiling"] = {"working_short_side_px": 896, "tile_px": 448}
            for seed in range(count):
                yield Run(
                    f"{backbone}, {loss} on {name}",
                    f"mineral-query.{profile}",
                    data,
                    tuple(changes.items()),
                    seed,
                )


def _rows(profile: str) -> list[tuple[str, str]]:
    """Every loss on the ViT, the published loss on the other backbones."""
    others = [(name, PUBLISHED) for name in BACKBONES[profile] if name != "ViT"]
    return [*others, *(("ViT", loss) for loss in TABLE_4)]


def _changes(backbone: str, loss: str, profile: str) -> dict[str, Any]:
    key, options, _ = TABLE_4[loss]
    changes = {"model.backbone": backbone, "loss.name": key, "loss.options": options}
    if profile == "paper":
        return changes | normalised(backbone)
    changes |= {**dict(SMALL), "model.pretrained": _weights(backbone)}
    if backbone.startswith("mobilenet"):
        changes |= {f"preprocess.{name}": [0.5] * 3 for name in ("mean", "std")}
    return changes


def _weights(name: str) -> str:
    return str(SHARED.parent / "weights" / f"{name}.safetensors")


if __name__ == "__main__":
    main()
