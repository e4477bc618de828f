"""One step of the loop: in parts, with little memory, with broken photos, in processes."""

from __future__ import annotations

import json
import math
import os
import shutil
import subprocess
import sys
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from lightning_fabric import Fabric
from lightning_fabric.plugins import MixedPrecision

from geoview.errors import DataError
from geoview.training import checkpoint, data, hardware, loop
from geoview.training.batches import Share, training_batches
from geoview.training.loop import Trainer
from geoview.training.recipe import Recipe, changed
from geoview.training.split import split

MakeRecipe = Callable[..., Recipe]
MakeTrainer = Callable[..., Trainer]


def weights(trainer: Trainer) -> torch.Tensor:
    return torch.cat([p.detach().flatten() for p in trainer.module.parameters()])


@pytest.fixture
def steady(tiny_recipe: MakeRecipe) -> MakeRecipe:
    """A recipe whose network does not look at the batch as a whole (no BatchNorm, no dropout)."""

    def make(**train: object) -> Recipe:
        r = tiny_recipe(**train)
        model = r.model.model_copy(update={"backbone": "vit_tiny_patch16_224"})
        return r.model_copy(update={"model": model})

    return make


def test_a_batch_in_parts_is_the_same_step(
    well: Path, steady: MakeRecipe, make_trainer: MakeTrainer
) -> None:
    whole = make_trainer(well, steady(epochs=1))
    whole._train_epoch()
    parts = make_trainer(well, steady(epochs=1, micro_batch=3))
    parts._train_epoch()
    assert torch.allclose(weights(whole), weights(parts), atol=5e-5)


@pytest.mark.parametrize("micro", [1, 3])
@pytest.mark.parametrize("head", ["supervised", "clustered"])
def test_what_is_known_of_few_photos_weighs_as_much_in_parts(
    well: Path, steady: MakeRecipe, make_trainer: MakeTrainer, head: str, micro: int
) -> None:
    """One photo of eight has a layer and areas; clustered layers are judged over all of them."""
    gradients = []
    for size in (0, micro):
        r = changed(steady(micro_batch=size), {"model.options.layer_head": head})
        trainer = make_trainer(well, r)
        known, *others = trainer.train_items
        items = [known, *(replace(item, layer=None, area=None) for item in others[:7])]
        batches = training_batches(items, trainer.cache, r.augment, size=8, seed=0, epoch=0)
        trainer.gradients.of(next(batches), step=(0, 0))
        trainer.gradients.close()
        gradients.append(torch.cat([p.grad.flatten() for p in trainer.module.parameters()]))
    assert float(gradients[0].norm()) > 0.01
    assert torch.allclose(*gradients, rtol=1e-3, atol=1e-5)


@pytest.mark.usefixtures("one_core")
def test_when_memory_runs_out_smaller_parts_do_the_same_step(
    well: Path, steady: MakeRecipe, make_trainer: MakeTrainer, monkeypatch: pytest.MonkeyPatch
) -> None:
    whole = make_trainer(well, steady(epochs=1))
    whole._train_epoch()
    told: list[dict[str, Any]] = []
    small = make_trainer(
        well, steady(epochs=1), emit=lambda kind, **f: told.append({"event": kind, **f})
    )
    real = small.gradients._normalise

    def limited(pixels: torch.Tensor) -> torch.Tensor:
        if len(pixels) > 2:
            raise torch.OutOfMemoryError("CUDA out of memory. Tried to allocate 2.00 GiB")
        return real(pixels)

    monkeypatch.setattr(small.gradients, "_normalise", limited)
    small._train_epoch()
    assert [e["micro_batch"] for e in told if e["event"] == "memory"] == [4, 2]
    assert torch.allclose(weights(whole), weights(small), atol=5e-5)


def test_memory_that_runs_out_in_validation_is_found_again_on_resuming(
    well: Path, steady: MakeRecipe, make_trainer: MakeTrainer, monkeypatch: pytest.MonkeyPatch
) -> None:
    trainer = make_trainer(well, steady(epochs=1))
    trainer.gradients.leave_lanes()
    expected = trainer.predict(trainer.val_items)
    real = trainer.normalise

    def limited(pixels: torch.Tensor) -> torch.Tensor:
        if len(pixels) > 3:
            raise torch.OutOfMemoryError("CUDA out of memory. Tried to allocate 2.00 GiB")
        return real(pixels)

    monkeypatch.setattr(trainer, "normalise", limited)
    for one, other in zip(trainer.predict(trainer.val_items), expected, strict=True):
        np.testing.assert_allclose(one, other, atol=1e-4)
    trainer._save()
    again = make_trainer(well, steady(epochs=1))
    (trainer.job / "last.safetensors").rename(again.job / "last.safetensors")
    again._resume()
    assert again.gradients.micro == 2


def test_validation_photos_all_labelled_alike_are_judged_by_the_loss(
    well: Path, steady: MakeRecipe, make_trainer: MakeTrainer
) -> None:
    """mAP is not defined there; the first epoch, the worst, used to be kept for ever."""
    told: list[str] = []
    trainer = make_trainer(
        well, steady(epochs=2), emit=lambda kind, **f: told.append(f.get("message", kind))
    )
    alike = [i for i in trainer.train_items if i.labels == trainer.train_items[0].labels]
    trainer.val_items = alike
    trainer.fit()
    assert trainer.kept == 2
    assert trainer.best < 0
    assert told.count("The validation photos are all labelled alike, so that map cannot tell the "
                      "best epoch; the loss does.") == 1  # fmt: skip


def test_no_memory_for_one_photo_is_one_sentence(
    well: Path, tiny_recipe: MakeRecipe, make_trainer: MakeTrainer, monkeypatch: pytest.MonkeyPatch
) -> None:
    trainer = make_trainer(well, tiny_recipe())

    def never(pixels: torch.Tensor) -> torch.Tensor:
        raise torch.OutOfMemoryError("out of memory")

    monkeypatch.setattr(trainer.gradients, "_normalise", never)
    with pytest.raises(DataError, match="smaller backbone"):
        trainer._train_epoch()


def test_early_stop_ends_when_nothing_gets_better(
    well: Path, tiny_recipe: MakeRecipe, make_trainer: MakeTrainer
) -> None:
    trainer = make_trainer(well, tiny_recipe(epochs=30, lr=1e-12, early_stop=2, ema=0.0))
    trainer.fit()
    assert trainer.epoch == 3


@pytest.mark.parametrize("criterion", ["map", "accuracy", "macro_f1", "loss"])
def test_the_best_epoch_is_chosen_by_the_recipes_criterion(
    criterion: str, well: Path, tiny_recipe: MakeRecipe, make_trainer: MakeTrainer
) -> None:
    trainer = make_trainer(well, tiny_recipe(criterion=criterion))
    score, loss = trainer.validate()
    assert loss > 0
    assert score == pytest.approx(-loss) if criterion == "loss" else 0 <= score <= 1


@pytest.mark.parametrize(("keep", "kept"), [("best", 2.0), ("last", 3.0)])
def test_the_best_or_the_last_epoch_is_kept(
    keep: str, kept: float, well: Path, tiny_recipe: MakeRecipe, make_trainer: MakeTrainer,
    monkeypatch: pytest.MonkeyPatch,
) -> None:  # fmt: skip
    trainer = make_trainer(well, tiny_recipe(epochs=3, keep=keep, ema=0.0))
    weight = next(trainer.module.parameters())

    def train() -> None:
        with torch.no_grad():
            weight.fill_(trainer.epoch + 1)

    monkeypatch.setattr(trainer, "_train_epoch", train)
    scores = iter([0.5, 0.9, 0.9])
    monkeypatch.setattr(trainer, "validate", lambda: (next(scores), 1.0))
    trainer.fit()
    assert trainer.best == 0.9
    assert float(weight.detach().flatten()[0]) == kept


def test_a_photo_that_breaks_in_the_middle_is_left_out_and_told(
    well: Path, tiny_recipe: MakeRecipe, make_trainer: MakeTrainer
) -> None:
    told: list[dict[str, Any]] = []
    trainer = make_trainer(
        well, tiny_recipe(epochs=2), emit=lambda kind, **f: told.append({"event": kind, **f})
    )
    broken = trainer.train_items[0]
    trainer.cache.photo(broken.path)
    for stored in trainer.cache.folder.rglob("*"):
        if stored.is_file():
            stored.unlink()
    broken.path.write_bytes(broken.path.read_bytes()[:100])
    trainer.fit()
    skipped = [e for e in told if e["event"] == "skipped"]
    assert [e["file"] for e in skipped] == [broken.file]
    assert skipped[0]["reason"]
    steps = [e for e in told if e["event"] == "step"]
    assert len(steps) == 2 * trainer.steps


def test_a_photo_without_permission_is_left_out_and_told(
    well: Path, tiny_recipe: MakeRecipe, make_trainer: MakeTrainer, lock: Callable[[Path], None]
) -> None:
    locked = min(well.glob("*.png"))
    lock(locked)
    told: list[dict[str, Any]] = []
    r = changed(tiny_recipe(epochs=1), {"split.test": 0})
    make_trainer(well, r, emit=lambda kind, **f: told.append({"event": kind, **f})).fit()
    reasons = {e["file"]: e["reason"] for e in told if e["event"] == "skipped"}
    assert "no permission to read the file" in reasons[locked.name]


def test_when_every_photo_is_broken_it_says_so(
    well: Path, tiny_recipe: MakeRecipe, make_trainer: MakeTrainer
) -> None:
    trainer = make_trainer(well, tiny_recipe())
    for photo in well.glob("*.png"):
        photo.write_bytes(b"nothing")
    with pytest.raises(DataError, match="None of the training photos"):
        trainer._train_epoch()
    with pytest.raises(DataError, match="None of the validation photos"):
        trainer.validate()


def test_broken_validation_photos_are_no_training_photos(
    tmp_path: Path, make_well: Callable[..., Path], tiny_recipe: MakeRecipe,
    make_trainer: MakeTrainer,
) -> None:  # fmt: skip
    r = changed(tiny_recipe(), {"split.train": 0.3, "split.val": 0.7, "split.test": 0})
    trainer = make_trainer(make_well(tmp_path / "small", photos=10), r)
    val = {item.path for item in trainer.val_items}
    broken = sorted(val)[1:]
    assert len(broken) >= len({item.path for item in trainer.train_items})
    for photo in broken:
        photo.write_bytes(b"nothing")
    trainer.validate()
    trainer._train_epoch()


@pytest.mark.usefixtures("one_core")
def test_fp16_passes_over_steps_that_overflow_and_goes_on_with_its_scale(
    tmp_path: Path, make_well: Callable[..., Path], steady: MakeRecipe, make_trainer: MakeTrainer,
    monkeypatch: pytest.MonkeyPatch,
) -> None:  # fmt: skip
    def in_fp16(*args: object, **options: object) -> Fabric:
        scaler = torch.amp.GradScaler("cpu", init_scale=2.0**40, backoff_factor=2.0**-30)
        return Fabric(accelerator="cpu", plugins=MixedPrecision("16-mixed", "cpu", scaler))

    monkeypatch.setattr(hardware, "fabric", in_fp16)
    well = make_well(tmp_path / "small", photos=6)
    trainer = make_trainer(well, steady(epochs=1, batch=4, ema=0.0, precision="fp16"))
    batch = next(training_batches(
        trainer.train_items, trainer.cache, trainer.recipe.augment, size=4, seed=0, epoch=0
    ))  # fmt: skip
    assert batch is not None
    before = weights(trainer)
    trainer._step(batch)
    assert torch.equal(weights(trainer), before)
    trainer._step(batch)
    assert not torch.equal(weights(trainer), before)
    trainer._save()
    resumed = make_trainer(well, trainer.recipe)
    shutil.copy(trainer.job / "last.safetensors", resumed.job)
    resumed._resume()
    assert resumed.scaling.state_dict()["scale"] == 2.0**10


def test_gradients_that_are_no_numbers_end_the_training(
    well: Path, tiny_recipe: MakeRecipe, make_trainer: MakeTrainer
) -> None:
    trainer = make_trainer(well, tiny_recipe())
    next(trainer.module.parameters()).register_hook(lambda grad: grad * math.nan)
    with pytest.raises(DataError, match="lower learning rate"):
        trainer._train_epoch()


def test_a_full_disk_keeps_the_last_good_checkpoint(
    well: Path, tiny_recipe: MakeRecipe, make_trainer: MakeTrainer, monkeypatch: pytest.MonkeyPatch
) -> None:
    trainer = make_trainer(well, tiny_recipe(epochs=1))
    trainer.fit()
    last = trainer.job / "last.safetensors"
    good = last.read_bytes()

    def full(*args: object, **kwargs: object) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(checkpoint, "save_file", full)
    with pytest.raises(DataError, match="make room on the disk"):
        trainer._save()
    assert last.read_bytes() == good
    assert not list(trainer.job.glob("*.tmp*"))


_TWO = """
import os, sys
from pathlib import Path
import torch
from geoview.training import batches, worker

real, most = batches.Normalise.__call__, int(os.environ.get("MOST_PHOTOS", "1000"))

def limited(self, pixels):
    if torch.is_grad_enabled() and len(pixels) > most and os.environ.get("RANK") == "1":
        raise torch.OutOfMemoryError("CUDA out of memory. Tried to allocate 2.00 GiB")
    return real(self, pixels)

batches.Normalise.__call__ = limited
sys.exit(worker.main(Path(sys.argv[1])))
"""


def planned(job: Path, r: Recipe, well: Path) -> Path:
    """A job folder with what a worker is to do."""
    job.mkdir()
    plan = {
        "recipe": r.model_dump(mode="json"), "data": [str(well)], "device": "cpu",
        "out": str(job.with_suffix(".safetensors")), "cache": str(job.parent / "cache"),
    }  # fmt: skip
    (job / "job.json").write_text(json.dumps(plan))
    return job


def in_two_processes(job: Path, *, most_photos: int = 1000) -> list[dict[str, Any]]:
    """Run a job as ``torchrun`` does, to the end of both; its events.

    The second process has memory to train on ``most_photos`` at once.
    """
    common = {
        **os.environ, "MOST_PHOTOS": str(most_photos), "OMP_NUM_THREADS": "1",
        "MASTER_ADDR": "127.0.0.1", "MASTER_PORT": "29631",
        "WORLD_SIZE": "2", "LOCAL_WORLD_SIZE": "2", "GROUP_RANK": "0",
        "TORCHELASTIC_RUN_ID": "test",
    }  # fmt: skip
    started = [
        subprocess.Popen(
            [sys.executable, "-c", _TWO, str(job)],
            env={**common, "RANK": rank, "LOCAL_RANK": rank},
        )
        for rank in "01"
    ]
    try:
        codes = [p.wait(timeout=200) for p in started]
    finally:
        for process in started:
            process.kill()
    events = [json.loads(line) for line in (job / "events.jsonl").read_text().splitlines()]
    last = "done" if codes == [0, 0] else "failed"
    assert [e["event"] for e in events if e["event"] in ("done", "failed")] == [last], events[-1]
    return events


def test_two_processes_train_one_model(well: Path, tmp_path: Path, steady: MakeRecipe) -> None:
    """Same batch, half of it each, gradients shared; the second can take but one photo at once."""
    r = steady(epochs=1, ema=0.0)
    job = planned(tmp_path / "one", r, well)
    subprocess.run([sys.executable, "-c", _TWO, str(job)], check=True)
    told = in_two_processes(planned(tmp_path / "two", r, well), most_photos=1)
    assert [e["micro_batch"] for e in told if e["event"] == "memory"][-1] == 1
    from safetensors.torch import load_file

    one, two = (load_file(tmp_path / f"{n}.safetensors") for n in ("one", "two"))
    assert all(torch.allclose(one[k].float(), two[k].float(), atol=1e-4) for k in one)


def test_why_one_of_two_processes_ends_is_told(
    well: Path, tmp_path: Path, steady: MakeRecipe
) -> None:
    told = in_two_processes(planned(tmp_path / "job", steady(epochs=1), well), most_photos=0)
    assert "even one photo" in told[-1]["message"]


def test_a_photo_that_breaks_does_not_part_two_processes(
    tmp_path: Path, make_well: Callable[..., Path], steady: MakeRecipe
) -> None:
    """Of a batch of three, the second process has one photo, or none if that is broken."""
    well = make_well(tmp_path / "small", photos=8)
    r = changed(steady(epochs=2, batch=3, checkpoint_minutes=0.0), {"split.test": 0})
    dataset = data.load(well)
    first = split(dataset.items, r.split, seed=r.train.seed)["train"][0]
    dataset.items[first].path.write_bytes(b"nothing")
    steps = [
        e for e in in_two_processes(planned(tmp_path / "job", r, well)) if e["event"] == "step"
    ]
    assert len(steps) == 2 * steps[0]["steps"]
    assert any(math.isnan(step["loss"]) for step in steps)


def test_more_devices_than_photos_of_a_batch_are_refused(
    well: Path, tiny_recipe: MakeRecipe, make_trainer: MakeTrainer, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(loop, "Share", lambda rank, world: Share(0, 4))
    with pytest.raises(DataError, match=r"batch of 2 is too small for 4 devices"):
        make_trainer(well, tiny_recipe(batch=2))
