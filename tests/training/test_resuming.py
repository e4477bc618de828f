"""A stopped training goes on with what it began with, or says what has changed."""

from __future__ import annotations

import csv
import json
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from PIL import Image, ImageOps

from geoview.errors import Cancelled, DataError
from geoview.models.device import DeviceError
from geoview.training import checkpoint, hardware, job, resuming, worker
from geoview.training.events import EventWriter
from geoview.training.recipe import Recipe, changed

MakeRecipe = Callable[..., Recipe]


class Began(Exception):
    """The worker has come to the network: it would train now."""


@pytest.fixture
def begin(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Callable[..., None]:
    """Run a worker on data until it would train; later runs find the state of a stopped one."""

    def stop(*args: object) -> None:
        raise Began

    monkeypatch.setattr("geoview.training.begin.new_module", stop)
    folder = tmp_path / "m.training"

    def run(recipe: Recipe, *data: Path) -> None:
        folder.mkdir(exist_ok=True)
        plan = {"recipe": recipe.model_dump(mode="json"), "data": [*map(str, data)], "out": "m"}
        (folder / "job.json").write_text(json.dumps(plan), encoding="utf-8")
        with pytest.raises(Began):
            worker.run(folder, lambda kind, **fields: None)
        (folder / resuming.STATE).touch()

    return run


def test_a_stopped_training_can_end_with_its_best_epoch(
    tmp_path: Path, tiny_recipe: MakeRecipe, make_well: Callable[..., Path]
) -> None:
    """A step of the second epoch is done, and the model is that of the first."""
    from safetensors.torch import load_file

    well, out = make_well(tmp_path / "small", photos=8), tmp_path / "m.safetensors"
    r = changed(tiny_recipe(epochs=2, ema=0.0), {"split.test": 0})
    folder = job.folder_for(out)
    folder.mkdir()
    with pytest.raises(DataError, match=r"No epoch of m\.safetensors is done yet"):
        job.start(r, data=[well], out=out, finish=True)
    plan = {"recipe": r.model_dump(mode="json"), "data": [str(well)], "out": str(out)}
    plan |= {"cache": str(tmp_path / "cache"), "device": "cpu"}
    (folder / "job.json").write_text(json.dumps(plan), encoding="utf-8")

    def stop_in_second(kind: str, **fields: Any) -> None:
        if kind == "step" and fields["epoch"] == 2:
            (folder / "stop").touch()

    with pytest.raises(Cancelled):
        worker.run(folder, stop_in_second)
    (folder / "job.json").write_text(json.dumps(plan | {"finish": True}), encoding="utf-8")
    told: dict[str, dict[str, Any]] = {}
    worker.run(folder, lambda kind, **fields: told.update({kind: fields}))
    assert told["finishing"] == {"kept": 1}
    assert "step" not in told
    best, model = checkpoint.load(folder / resuming.KEPT), load_file(out)
    assert all((model[name] == best[name].to(model[name].dtype)).all() for name in model)
    assert told["done"]["out"] == str(out)


def test_photos_that_are_gone_end_a_resumed_training_before_it_begins(
    well: Path, tiny_recipe: MakeRecipe, begin: Callable[..., None]
) -> None:
    begin(tiny_recipe(), well)
    begin(tiny_recipe(epochs=9), well.rename(well.with_name("elsewhere")))
    well = well.with_name("elsewhere")
    next(iter(well.glob("*.png"))).unlink()
    with pytest.raises(DataError, match=r"photos have changed, come, gone .* remove the folder"):
        begin(tiny_recipe(), well)


@pytest.mark.parametrize("count", [1, 2])
def test_photos_that_have_changed_are_counted_once(
    count: int, well: Path, tiny_recipe: MakeRecipe, begin: Callable[..., None]
) -> None:
    begin(tiny_recipe(), well)
    for path in sorted(well.glob("*.png"))[:count]:
        path.write_bytes(path.read_bytes() + b" ")
    words = ("1 photo has changed", "2 photos have changed")[count - 1]
    with pytest.raises(DataError, match=f"^{words}, come, gone .*; restore the data to go on"):
        begin(tiny_recipe(), well)


@pytest.mark.parametrize(
    ("of", "now", "words"),
    [
        ("state_mudstone", "state_claystone", "classes of the data .* to claystone, limestone"),
        ("state_mudstone", "1", "labels of the photos"),
    ],
)
def test_other_classes_and_other_labels_are_told(
    of: str, now: str, words: str, well: Path, tiny_recipe: MakeRecipe, begin: Callable[..., None]
) -> None:
    begin(tiny_recipe(), well)
    sheet = well / "truth_tiles.csv"
    with sheet.open(encoding="utf-8", newline="") as stream:
        rows: list[dict[str, Any]] = list(csv.DictReader(stream))
    if now == "1":
        rows = [row | {of: 1} if row["file"] == rows[0]["file"] else row for row in rows]
        rows = [{k: v for k, v in row.items() if not k.startswith("present_")} for row in rows]
    else:
        rows = [{k.replace("mudstone", "claystone"): v for k, v in row.items()} for row in rows]
    with sheet.open("w", encoding="utf-8", newline="") as stream:
        writer = csv.DictWriter(stream, list(rows[0]))
        writer.writeheader()
        writer.writerows(rows)
    with pytest.raises(DataError, match=words):
        begin(tiny_recipe(), well)


def test_sources_in_another_order_are_told(
    tmp_path: Path, tiny_recipe: MakeRecipe, begin: Callable[..., None],
    make_well: Callable[..., Path],
) -> None:  # fmt: skip
    """Batches are dealt in the order of the photos, even where labels and names are the same."""
    one, two = (make_well(tmp_path / f"y{k}" / "photos", photos=12, seed=0) for k in range(2))
    for path in two.glob("*.png"):
        ImageOps.mirror(Image.open(path)).save(path)
    begin(tiny_recipe(), one, two)
    with pytest.raises(DataError, match=r"sources, .* have changed places .* remove the folder"):
        begin(tiny_recipe(), two, one)
    one, two = (well.parent.rename(tmp_path / f"z{k}") for k, well in enumerate((one, two)))
    begin(tiny_recipe(), one / "photos", two / "photos")


def test_a_resumed_training_keeps_its_recipe_but_for_how_long_and_how_fast_it_runs(
    tmp_path: Path, well: Path, tiny_recipe: MakeRecipe
) -> None:
    out, r = tmp_path / "m.safetensors", tiny_recipe()
    folder = job.folder_for(out)
    folder.mkdir()
    (folder / resuming.STATE).touch()
    with pytest.raises(DataError, match=r"does not tell the recipe"):
        job.start(r, data=[well], out=out, resume=True)
    plan = json.dumps({"recipe": r.model_dump(mode="json")})
    (folder / "job.json").write_text(plan, encoding="utf-8")
    other = changed(r, {"train.backbone_lr": 0.5, "model.options.gcn_layers": 2})
    words = r"began with model.options.gcn_layers = 1 instead of 2, train.backbone_lr = 1.0 inst"
    with pytest.raises(DataError, match=words):
        job.start(other, data=[well], out=out, resume=True)
    assert (folder / "job.json").read_text(encoding="utf-8") == plan
    free = {"train.epochs": 50, "train.lr": 1e-5, "train.devices": 2, "train.early_stop": 3}
    resuming.check_recipe(folder, changed(r, free))


def test_a_finished_training_begins_again(
    tmp_path: Path, well: Path, tiny_recipe: MakeRecipe, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(job, "worker_command", lambda folder: [sys.executable, "-c", ""])
    out = tmp_path / "m.safetensors"
    folder = job.folder_for(out)
    folder.mkdir()
    (folder / resuming.STATE).touch()
    tell = EventWriter(folder)
    tell("stopped")
    with pytest.raises(DataError, match="An unfinished training"):
        job.start(tiny_recipe(), data=[well], out=out)
    tell("done")
    tell.close()
    list(job.follow(job.start(tiny_recipe(), data=[well], out=out)))
    assert not (folder / resuming.STATE).exists()


def test_a_device_that_is_not_there_is_said_in_words(tiny_recipe: MakeRecipe) -> None:
    with pytest.raises(DeviceError, match=r"“cuda:77” is not on this machine; use auto or one of"):
        hardware.fabric(tiny_recipe().train, device="cuda:77")


def test_weights_may_have_moved_but_not_become_others(
    tmp_path: Path, tiny_recipe: MakeRecipe
) -> None:
    def starting_from(weights: str) -> Recipe:
        return changed(tiny_recipe(), {"model.pretrained": weights})

    plan = {"recipe": starting_from("hub").model_dump(mode="json")}
    (tmp_path / "job.json").write_text(json.dumps(plan), encoding="utf-8")
    resuming.check_recipe(tmp_path, starting_from("/elsewhere/resnet10t.safetensors"))
    with pytest.raises(DataError, match=r"resnet10t.safetensors instead of other.safetensors"):
        resuming.check_recipe(tmp_path, starting_from("other.safetensors"))
