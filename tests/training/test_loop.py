"""The loop: it learns, it resumes to the same weights, it stops cleanly, it survives mishaps."""

from __future__ import annotations

import csv
import json
import re
import signal
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from geoview.errors import Cancelled, DataError
from geoview.training import begin, checkpoint, data, job, recipe
from geoview.training.augment import augment
from geoview.training.batches import plain_batches, training_batches
from geoview.training.images import ImageCache
from geoview.training.loop import Trainer
from geoview.training.recipe import AugmentPart, Recipe
from geoview.training.split import split

MakeRecipe = Callable[..., Recipe]


def ignore(*args: object, **kwargs: object) -> None:
    return None


def trainer(well: Path, folder: Path, r: Recipe, emit: Callable[..., None] = ignore) -> Trainer:
    dataset = data.load(well)
    parts = split(dataset.items, r.split, seed=r.train.seed)
    card = begin.new_card(r, dataset, parts)
    module, card = begin.new_module(r, card, dataset, parts, emit)
    items = {k: [dataset.items[i] for i in v] for k, v in parts.items()}
    folder.mkdir(exist_ok=True)
    return Trainer(
        module, recipe=r, card=card, cache=ImageCache(folder.parent / "cache", card.preprocess),
        train=items["train"], val=items["val"], job=folder, emit=emit,
    )  # fmt: skip


def same(a: torch.nn.Module, b: torch.nn.Module) -> bool:
    theirs = b.state_dict()
    return all(torch.equal(v, theirs[k]) for k, v in a.state_dict().items())


def test_it_learns_presence_area_and_layers(
    well: Path, tmp_path: Path, tiny_recipe: MakeRecipe
) -> None:
    t = trainer(well, tmp_path / "job", tiny_recipe(epochs=6))
    before, _ = t.validate()
    t.fit()
    assert t.best > max(0.9, before)
    assert float(t.module.proportions.sum()) > 0  # type: ignore[union-attr,operator]


def test_interrupted_mid_epoch_gives_the_same_weights(
    well: Path, tmp_path: Path, tiny_recipe: MakeRecipe
) -> None:
    r = tiny_recipe(epochs=2)
    whole = trainer(well, tmp_path / "whole", r)
    whole.fit()
    folder = tmp_path / "parts"

    def stop_late(kind: str, **fields: Any) -> None:
        if kind == "step" and (fields["epoch"], fields["step"]) in {(1, 2), (2, 3)}:
            (folder / "stop").touch()

    for _ in range(2):
        with pytest.raises(Cancelled):
            trainer(well, folder, r, stop_late).fit()
        (folder / "stop").unlink()
    resumed = trainer(well, folder, r)
    resumed.fit()
    assert same(whole.module, resumed.module)
    assert resumed.best == whole.best


def test_infinite_loss_is_told_and_keeps_the_checkpoint(
    well: Path, tmp_path: Path, tiny_recipe: MakeRecipe
) -> None:
    t = trainer(well, tmp_path / "job", tiny_recipe(epochs=1))
    t.fit()
    good = (tmp_path / "job" / "last.safetensors").read_bytes()
    t = trainer(well, tmp_path / "job", tiny_recipe(epochs=2))
    t._resume()
    with torch.no_grad():
        next(t.module.parameters()).fill_(float("inf"))
    with pytest.raises(DataError, match="learning rate"):
        t._train_epoch()
    assert (tmp_path / "job" / "last.safetensors").read_bytes() == good


@pytest.mark.parametrize(("batch", "ema"), [(64, 0.0), (8, 0.8)])
def test_weights_that_are_no_numbers_are_neither_best_nor_kept(
    batch: int, ema: float, tmp_path: Path, tiny_recipe: MakeRecipe, make_well: Callable[..., Path]
) -> None:
    """With one step an epoch only validation and the checkpoint can see that it went wrong."""
    options: dict[str, Any] = {"batch": batch, "ema": ema, "checkpoint_minutes": 0.0}
    well, folder = make_well(tmp_path / "well", photos=8), tmp_path / "job"
    with pytest.raises(DataError, match=r"train again with a lower learning rate"):
        trainer(well, folder, tiny_recipe(epochs=1, lr=1e38, **options)).fit()
    assert not list(folder.iterdir())
    trainer(well, folder, tiny_recipe(epochs=1, **options)).fit()
    good = {path.name: path.read_bytes() for path in folder.iterdir()}
    with pytest.raises(DataError, match=r"resume it with a lower learning rate"):
        trainer(well, folder, tiny_recipe(epochs=2, lr=1e38, **options)).fit()
    assert {path.name: path.read_bytes() for path in folder.iterdir()} == good
    resumed = trainer(well, folder, tiny_recipe(epochs=2, **options))
    resumed.fit()
    assert (resumed.epoch, checkpoint.is_finite(resumed.module.state_dict())) == (2, True)


def test_frozen_blocks_stay_as_they_are(
    well: Path, tmp_path: Path, tiny_recipe: MakeRecipe
) -> None:
    r = tiny_recipe(epochs=1)
    model = r.model.model_copy(update={"backbone": "vit_tiny_patch16_224", "freeze_blocks": 3})
    t = trainer(well, tmp_path / "job", r.model_copy(update={"model": model}))
    network: Any = t.module.backbone.network  # type: ignore[union-attr]
    before = {k: v.clone() for k, v in network.state_dict().items()}
    t._train_epoch()
    after = network.state_dict()
    changed = {k for k in before if not torch.equal(before[k], after[k])}
    assert not {k for k in changed if k.startswith(("patch_embed", "blocks.0.", "blocks.2."))}
    assert any(k.startswith("blocks.3.") for k in changed)


def test_checkpoint_round_trip_and_damage(tmp_path: Path) -> None:
    state = {"a": 1, "b": [1.5, None, "x"], "state": {0: {"m": torch.arange(3)}, 1: {}}}
    path = tmp_path / "c.safetensors"
    checkpoint.save(path, state)
    back = checkpoint.load(path)
    assert back["b"] == [1.5, None, "x"]
    assert list(back["state"]) == [0, 1]
    assert torch.equal(back["state"][0]["m"], torch.arange(3))
    path.write_bytes(path.read_bytes()[:-2])
    with pytest.raises(DataError, match="cannot be read"):
        checkpoint.load(path)


def test_batches_are_the_same_for_the_same_seed_and_go_on_in_the_middle(
    well: Path, tmp_path: Path, tiny_recipe: MakeRecipe
) -> None:
    r = tiny_recipe()
    cache = ImageCache(tmp_path / "cache", r.preprocess)
    items = data.load(well).items
    kwargs: dict[str, Any] = {"size": 8, "seed": 4, "epoch": 1}
    whole = list(training_batches(items, cache, r.augment, **kwargs))
    late = list(training_batches(items, cache, r.augment, first=7, **kwargs))
    assert len(whole) == 10
    for a, b in zip(whole[7:], late, strict=True):
        assert torch.equal(a.pixels, b.pixels)
        assert torch.equal(a.labels, b.labels)


def test_tiles_are_cut_where_the_truth_says(
    well: Path, tmp_path: Path, tiny_recipe: MakeRecipe
) -> None:
    """Limestone is pale: the mean brightness of each tile must follow its limestone share."""
    cache = ImageCache(tmp_path / "cache", tiny_recipe().preprocess)
    items = data.load(well).items
    pixels = torch.cat([b.pixels for b in plain_batches(items, cache, size=16)])
    brightness = pixels.double().mean((1, 2, 3)).numpy()
    share = [item.area[1] for item in items if item.area]
    assert np.corrcoef(brightness, share)[0, 1] > 0.99


def test_cached_photos_are_not_decoded_again(
    well: Path, tmp_path: Path, tiny_recipe: MakeRecipe, monkeypatch: pytest.MonkeyPatch
) -> None:
    cache = ImageCache(tmp_path / "cache", tiny_recipe().preprocess)
    items = data.load(well).items
    first = [np.array(cache.item(i)) for i in items]
    monkeypatch.setattr("geoview.training.images.decode", None)
    for a, item in zip(first, items, strict=True):
        assert np.array_equal(a, cache.item(item))


def test_augmentation_never_turns_the_hue() -> None:
    """A grey stays near grey, and what is redder stays redder, whatever the light does."""
    options = AugmentPart(exposure=0.3, white_balance=0.05, contrast=0.3, zoom=(0.8, 1.2))
    red = np.full((64, 64, 3), (160, 100, 80), np.uint8)
    for seed in range(30):
        out = augment(red, options, side_px=48, rng=np.random.default_rng(seed)).mean((0, 1))
        assert out.shape == (3,)
        assert out[0] > out[1] > out[2] or out.min() > 250


def test_zooming_out_keeps_everything_in_the_picture() -> None:
    options = AugmentPart(zoom=(0.8, 0.8), flips=False, quarter_turns=False)
    pixels = np.zeros((64, 64, 3), np.uint8)
    pixels[0:3, 0:3] = 255
    pixels[61:, 61:] = 255
    for seed in range(20):
        out = augment(pixels, options, side_px=64, rng=np.random.default_rng(seed))
        assert (out > 100).any(-1).sum() >= 2 * 4


def test_recipes_shipped_are_valid_and_mistakes_are_named(tmp_path: Path) -> None:
    folder = recipe.find("geolayer.small").parent
    for path in folder.glob("*.toml"):
        text = re.sub(r"^pretrained =", "pretrained = '' #", path.read_text("utf-8"), flags=re.M)
        (tmp_path / path.name).write_text(text, encoding="utf-8")
        recipe.read(tmp_path / path.name)
    good = (tmp_path / "geolayer.small.toml").read_text(encoding="utf-8")
    bad = tmp_path / "bad.toml"
    for text, words in (
        (good.replace("epochs =", "epoch ="), "train"),
        (good.replace("lr = 1e-3", 'lr = "fast"'), "train.lr"),
        ("[model", "not valid TOML"),
        (good.replace("pretrained = ''", "pretrained = 'nowhere.safetensors'"), "nowhere"),
    ):
        bad.write_text(text, encoding="utf-8")
        with pytest.raises(DataError, match=words):
            recipe.read(bad)
    with pytest.raises(DataError, match=r"geolayer\.small"):
        recipe.find("nothing")


def test_a_setting_changes_one_run_of_a_recipe() -> None:
    whole = recipe.read(recipe.find("deeprock.paper"))
    texts = ["train.epochs=3", "loss.name=focal", "augment.crop=[0.5, 1.0]"]
    found = recipe.changed(whole, dict(map(recipe.setting, texts)))
    assert (found.train.epochs, found.loss.name, found.augment.crop) == (3, "focal", (0.5, 1.0))
    assert found.model == whole.model
    for text, words in (
        ("train.epochs", "sets nothing"),
        ("epochs=3", "no setting “epochs”"),
        ("train.speed.up=3", "no setting"),
        ("train.epochs=many", "train.epochs"),
        ("train.speed=3", "train.speed"),
    ):
        with pytest.raises(DataError, match=words):
            recipe.changed(whole, dict([recipe.setting(text)]))


def test_fine_tuning_starts_from_the_model_that_ships() -> None:
    found = recipe.read(recipe.find("geolayer.finetune"))
    assert Path(found.model.pretrained).name == "cuttings-rendered.safetensors"


def test_data_without_layers_or_areas_teach_neither(
    tmp_path: Path, tiny_recipe: MakeRecipe, make_well: Callable[..., Path]
) -> None:
    well = make_well(tmp_path / "bare", photos=10)
    sheet = well / "truth_tiles.csv"
    with sheet.open(encoding="utf-8", newline="") as stream:
        rows = list(csv.DictReader(stream))
    kept = [k for k in rows[0] if not k.startswith("area_") and k != "layer"]
    with sheet.open("w", encoding="utf-8", newline="") as stream:
        writer = csv.DictWriter(stream, kept, extrasaction="ignore")
        writer.writeheader()
        writer.writerows(rows)
    t = trainer(well, tmp_path / "job", tiny_recipe(epochs=1))
    t.fit()
    assert t.card.options["layer_head"] == "clustered"
    assert t.card.layers == ["Layer1", "Layer2", "Layer3", "Layer4"]
    assert not t.card.options["area_head"]
    assert (t.module.proportions.sum(-1) > 0).any()  # type: ignore[union-attr,operator]


def test_killed_worker_resumes_to_the_same_weights_and_is_measured(
    well: Path, tmp_path: Path, tiny_recipe: MakeRecipe
) -> None:
    """Killed twice, once in an epoch and once after one, it ends with the very same file."""
    from safetensors.torch import load_file

    from geoview.models import bundle

    r = tiny_recipe(epochs=3, checkpoint_minutes=0.0)
    whole = job.start(r, data=[well], out=tmp_path / "whole.safetensors")
    assert list(job.follow(whole))[-1]["event"] == "done"
    out = tmp_path / "model.safetensors"
    for kind in ("step", "epoch"):
        started = job.start(r, data=[well], out=out, resume=kind == "epoch")
        for event in job.follow(started, poll_s=0.01):
            if event["event"] == kind and event.get("step", 2) >= 2:
                break
        assert started.process is not None
        with pytest.raises(DataError, match=r"model.safetensors is still running"):
            job.start(r, data=[well], out=out, resume=True)
        started.process.send_signal(signal.SIGKILL)
        started.process.wait()
        last = list(job.follow(started))[-1]
        assert last["event"] == "failed"
        assert "esume" in last["message"]
    with pytest.raises(DataError, match="unfinished"):
        job.start(r, data=[well], out=out)
    resumed = job.start(r, data=[well], out=out, resume=True)
    kinds = [e["event"] for e in job.follow(resumed)]
    assert "resumed" in kinds
    assert kinds[-1] == "done", (resumed.folder / "events.jsonl").read_text()
    wanted, found = load_file(tmp_path / "whole.safetensors"), load_file(out)
    assert all(torch.equal(wanted[name], found[name]) for name in wanted)
    card = bundle.load(out).card
    figures = card.metrics[0]
    assert figures["split"] == "test"
    assert figures["n"] == 4 * len(card.splits["test"])
    assert 0 <= figures["map"] <= 1
    assert set(figures["ap"]) == {"mudstone", "limestone"}
    json.dumps(figures)


def test_a_second_worker_leaves_the_folder_to_the_first(tmp_path: Path) -> None:
    folder = job.folder_for(tmp_path / "model.safetensors")
    assert not job.is_running(folder)
    folder.mkdir()
    code = "import sys, pathlib; from geoview.training import worker; worker.LOCK_S = 0.0; "
    code += "sys.exit(worker.main(pathlib.Path(sys.argv[1])))"
    with job.lock_of(folder):
        assert job.is_running(folder)
        second = subprocess.run(
            [sys.executable, "-c", code, str(folder)], capture_output=True, text=True, check=False
        )
    assert (second.returncode, sorted(p.name for p in folder.iterdir())) == (4, ["lock"])
    assert "Another worker" in second.stderr
    assert not job.is_running(folder)


def test_a_photo_that_is_not_there_is_told_and_the_others_are_trained_on(
    well: Path, tmp_path: Path, tiny_recipe: MakeRecipe
) -> None:
    gone = next(iter(well.glob("*.png")))
    gone.unlink()
    started = job.start(tiny_recipe(epochs=1), data=[well], out=tmp_path / "m.safetensors")
    told = list(job.follow(started))
    assert told[-1]["event"] == "done"
    (warning,) = next(e for e in told if e["event"] == "data")["warnings"]
    assert gone.name in warning
