"""Fine-tuning: what the earlier model has seen stays seen, and is never measured on."""

from __future__ import annotations

import json
import shutil
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from geoview.errors import DataError
from geoview.models import bundle
from geoview.models.card import ModelCard, Preprocess
from geoview.training import data, worker
from geoview.training.duplicates import hashes_of
from geoview.training.evaluate import evaluate
from geoview.training.recipe import Recipe, SplitPart
from geoview.training.seen import near_bits, seen_by
from geoview.training.split import left_out, split

pytestmark = pytest.mark.usefixtures("one_core")

CLASSES = ("pyrite", "quartz")


def photos(root: Path, *, count: int, seed: int) -> Path:
    """A folder for each class, of photos of which no two are alike to a perceptual hash."""
    rng = np.random.default_rng(seed)
    for name in CLASSES:
        (root / name).mkdir(parents=True)
        for k in range(count):
            coarse = rng.integers(0, 255, (6, 6, 3), dtype=np.uint8)
            photo = Image.fromarray(coarse).resize((120, 120), Image.Resampling.BICUBIC)
            photo.save(root / name / f"{name}_{seed}_{k}.png")
    return root


def trained(photos: Path, out: Path, *, near: int = 4, start: Path | None = None) -> ModelCard:
    recipe = Recipe.model_validate(
        {
            "model": {
                "name": out.stem, "title": out.stem, "architecture": "timm-classifier",
                "backbone": "test_resnet", "pretrained": str(start or ""),
            },
            "preprocess": {"input_px": 64},
            "split": {"train": 0.5, "val": 0.25, "test": 0.25, "near_duplicates": near},
            "train": {"epochs": 1, "batch": 8, "lr": 1e-3, "precision": "fp32"},
        }
    )  # fmt: skip
    job = out.with_suffix(".training")
    job.mkdir()
    plan = {
        "recipe": recipe.model_dump(mode="json"), "data": [str(photos)], "out": str(out),
        "cache": str(out.parent / "cache"), "device": "cpu",
    }  # fmt: skip
    (job / "job.json").write_text(json.dumps(plan), encoding="utf-8")
    worker.run(job, _ignore)
    return bundle.read_card(out)[0]


def _ignore(*args: object, **fields: object) -> None:
    return None


@pytest.fixture(autouse=True)
def without_figures(monkeypatch: pytest.MonkeyPatch) -> None:
    """The worker's own measuring takes longer than these trainings."""
    monkeypatch.setattr(worker, "figures_on_test", lambda *_: [])


def renamed(root: Path, copies: Path) -> Path:
    """The very same photos under other names."""
    for path in root.rglob("*.png"):
        target = copies / path.parent.name / f"IMG_{path.name}"
        target.parent.mkdir(parents=True, exist_ok=True)
        shutil.copy(path, target)
    return copies


def smaller(root: Path, copies: Path) -> Path:
    """A copy of every photo at nine tenths of its size, as a JPEG under another name."""
    for path in root.rglob("*.png"):
        target = copies / path.parent.name / f"{path.stem}_small.jpg"
        target.parent.mkdir(parents=True, exist_ok=True)
        Image.open(path).resize((108, 108)).save(target, quality=85)
    return copies


def test_a_model_fine_tuned_twice_still_knows_the_photos_of_the_first(tmp_path: Path) -> None:
    """Smaller copies of them, too, although the later recipes do not look for such."""
    first, second, third = (photos(tmp_path / f"d{k}", count=8, seed=k) for k in range(3))
    start, between, last = (tmp_path / f"m{k}.safetensors" for k in range(3))
    unseen = len(trained(first, start).splits["test"])
    trained(second, between, near=-1, start=start)
    card = trained(third, last, near=-1, start=between)
    assert 0 < unseen < 16
    assert len(card.splits["train"] + card.splits["val"] + card.splits["test"]) == 16
    for again in (first, smaller(first, tmp_path / "small")):
        figures = evaluate(last, data=again)
        assert figures["n_photos"] == unseen
        left_out = figures["photos_left_out_as_seen"], figures["photos_left_out_as_near"]
        assert sorted(left_out) == [0, 16 - unseen]


def parts_of(data_set: Path, parent: ModelCard, *, near: int = 4) -> dict[str, set[Path]]:
    """The photos of every part as a training from ``parent`` divides them."""
    items = data.load(data_set).items
    seen = seen_by(parent, [i.path for i in items], bits=near_bits(parent))
    part = SplitPart(train=0.5, val=0.25, test=0.25, near_duplicates=near)
    parts = split(items, part, seed=3, seen=seen)
    return {name: {items[i].path for i in indices} for name, indices in parts.items()}


def card_of(root: Path, *, train: int, val: int, copies: bool = True) -> ModelCard:
    """The card of a model that has seen the first photos of a folder."""
    paths = sorted(root.rglob("*.png"), key=lambda p: p.stem[-1])
    found = hashes_of(paths[: train + val])
    return ModelCard(
        name="first", title="First", architecture="timm-classifier", backbone="test_resnet",
        task="single-label", classes=list(CLASSES), thresholds=[0.5, 0.5],
        preprocess=Preprocess(input_px=64), recipe={"split": {"near_duplicates": 4}},
        splits={
            "train": [data.photo_key(p) for p in paths[:train]],
            "val": [data.photo_key(p) for p in paths[train : train + val]],
        },
        seen_hashes=[f"{value:016x}" for value in found.values()] if copies else [],
    )  # fmt: skip


@pytest.mark.parametrize("near", [4, -1])
def test_a_photo_of_the_parent_takes_its_near_duplicates_along(near: int, tmp_path: Path) -> None:
    root = photos(tmp_path / "data", count=8, seed=0)
    parent = card_of(root, train=8, val=4)
    smaller(root, root)
    found = parts_of(root, parent, near=near)
    assert sum(len(paths) for paths in found.values()) == 32
    names = {part: {p.stem.removesuffix("_small") for p in paths} for part, paths in found.items()}
    assert not {key.partition(".")[0] for key in parent.splits["train"]} - names["train"]
    assert not {key.partition(".")[0] for key in parent.splits["val"]} & names["test"]
    if near >= 0:
        assert not names["train"] & names["val"]
        assert not (names["train"] | names["val"]) & names["test"]
        assert names["test"]


def test_a_renamed_photo_is_recognised(tmp_path: Path) -> None:
    """Also where nobody looked for near-duplicates."""
    root = photos(tmp_path / "data", count=8, seed=0)
    parent = card_of(root, train=6, val=4, copies=False)
    found = parts_of(renamed(root, tmp_path / "renamed"), parent, near=-1)
    names = {part: {p.name.removeprefix("IMG_") for p in paths} for part, paths in found.items()}
    trained = {key.partition("#")[0] for key in parent.splits["train"]}
    tuned = {key.partition("#")[0] for key in parent.splits["val"]}
    assert trained <= names["train"]
    assert not tuned & names["test"]
    assert tuned & names["val"]


def test_smaller_copies_alone_are_recognised(tmp_path: Path) -> None:
    root = photos(tmp_path / "data", count=8, seed=0)
    parent = card_of(root, train=6, val=0)
    found = parts_of(smaller(root, tmp_path / "small"), parent)
    trained = {key.partition(".")[0] for key in parent.splits["train"]}
    assert trained <= {p.stem.removesuffix("_small") for p in found["train"]}


def test_nothing_unseen_to_validate_on_is_an_error(tmp_path: Path) -> None:
    root = photos(tmp_path / "data", count=6, seed=0)
    with pytest.raises(DataError, match="add photos it has not seen"):
        parts_of(root, card_of(root, train=12, val=0))


def test_what_a_user_calls_test_is_never_trained_on(tmp_path: Path) -> None:
    """Nor is it moved to val: what the earlier model has seen of it is left out, and told."""
    items = data.load(photos(tmp_path / "data", count=8, seed=0)).items
    column = ["train"] * 6 + ["val"] * 4 + ["test"] * 6
    own = [replace(item, split=part) for item, part in zip(items, column, strict=True)]
    own[9] = replace(own[9], group=own[8].group)
    known = {0: "train", 6: "val", 8: "train", 10: "train", 11: "val"}
    seen = {items[n].path: part for n, part in known.items()}
    parts = split(own, SplitPart(), seed=0, seen=seen)
    assert parts == {"train": (*range(6),), "val": (6, 7), "test": (12, 13, 14, 15)}
    why = "the model that training starts from has learnt from them or others of their group."
    assert left_out(own, parts) == (
        f"2 photos of your val part were left out: {why}",
        f"2 photos of your test part were left out: {why}",
    )
    assert left_out(items, split(items, SplitPart(), seed=0, seen=seen)) == ()


def test_a_users_split_that_leaks_by_a_photo_seen_is_still_refused(tmp_path: Path) -> None:
    root = photos(tmp_path / "data", count=8, seed=0)
    items = data.load(root).items
    column = ["train", "test"] * 6 + ["val"] * 4
    torn = [
        replace(item, split=part, group=f"g{n // 2}")
        for n, (item, part) in enumerate(zip(items, column, strict=True))
    ]
    with pytest.raises(DataError, match=r"The split leaks: g0 .* \(5 more groups"):
        split(torn, SplitPart(), seed=0, seen={items[0].path: "train", items[2].path: "val"})
