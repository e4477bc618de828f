"""The recipes that ship: each of them builds the network and the loss it names."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch

from geoview import paths
from geoview.models.card import ModelCard
from geoview.models.registry import build
from geoview.training import losses, recipe

FOLDER = paths.resources() / "recipes"
SYSTEMS = ("geolayer", "mineral-query", "mineral-5k", "deeprock", "ma-vit")
PAPERS = {
    # Backbone, input, optimiser, rate, schedule, epochs, batch, loss: from the papers' own text.
    "geolayer": ("vit_base_patch16", 448, "adamw", 1e-5, "plateau", None, 16, ""),
    "mineral-query": ("vit_base_patch16", 384, "adamw", 1e-5, "constant", 50, 16, "asymmetric"),
    "mineral-5k": ("resnet50", 576, "adamw", 2e-5, "one-cycle", 20, 80, "cross-entropy"),
    "deeprock": ("densenet121", 224, "sgd", None, "step", 50, None, "weighted-max"),
    "ma-vit": ("vit_base_patch16", 224, "adamw", 3e-5, "cosine", 30, 32, "weighted-inverse"),
}


def read(name: str, folder: Path) -> recipe.Recipe:
    """A recipe whatever weights this machine has."""
    text = (FOLDER / f"{name}.toml").read_text(encoding="utf-8")
    lines = ['pretrained = ""' if x.startswith("pretrained") else x for x in text.splitlines()]
    copy = folder / f"{name}.toml"
    copy.write_text("\n".join(lines), encoding="utf-8")
    return recipe.read(copy)


def test_each_system_has_both_profiles() -> None:
    names = {p.stem for p in FOLDER.glob("*.toml")}
    assert names == {f"{s}.{p}" for s in SYSTEMS for p in ("paper", "small")} | {
        "geolayer.finetune"
    }


@pytest.mark.parametrize("name", sorted(p.stem for p in FOLDER.glob("*.toml")))
def test_near_duplicates_stay_together(name: str, tmp_path: Path) -> None:
    assert read(name, tmp_path).split.near_duplicates >= 0


@pytest.mark.parametrize("name", sorted(p.stem for p in FOLDER.glob("*.toml")))
def test_a_recipe_builds_what_it_names(name: str, tmp_path: Path) -> None:
    r = read(name, tmp_path)
    single = r.model.architecture not in ("geolayer", "mineral-query")
    losses.build(r.loss.name, counts=torch.ones(3), single_label=single, options=r.loss.options)
    options = dict(r.model.options)
    if r.model.architecture == "geolayer":
        options["num_layers"] = 4
    card = ModelCard(
        name=r.model.name,
        title=r.model.title,
        architecture=r.model.architecture,
        backbone=r.model.backbone,
        task="single-label" if single else "multi-label",
        classes=["a", "b", "c"],
        thresholds=[0.5] * 3,
        preprocess=r.preprocess,
        options=options,
    )
    with torch.device("meta"):
        network = build(card)
    assert sum(p.numel() for p in network.parameters()) > 1e6


@pytest.mark.parametrize("system", SYSTEMS)
def test_the_paper_profile_is_the_papers(system: str, tmp_path: Path) -> None:
    r = read(f"{system}.paper", tmp_path)
    backbone, side, optimiser, rate, schedule, epochs, batch, loss = PAPERS[system]
    assert r.model.backbone.startswith(backbone)
    assert r.preprocess.input_px == side
    assert (r.train.optimiser, r.train.schedule, r.loss.name) == (optimiser, schedule, loss)
    assert r.train.lr == rate or rate is None
    assert r.train.epochs == epochs or epochs is None
    assert r.train.batch == batch or batch is None
    assert r.augment.hue == 0


@pytest.mark.parametrize(
    ("profile", "kind"), [("small", "learned"), ("finetune", "learned"), ("paper", "text")]
)
def test_the_card_tells_what_stands_for_the_labels(profile: str, kind: str, tmp_path: Path) -> None:
    assert read(f"geolayer.{profile}", tmp_path).model.options["label_embedding"] == kind
