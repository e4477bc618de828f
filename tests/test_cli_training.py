"""``geoview train`` follows its worker, passes a stop on, and ends with the right code."""

from __future__ import annotations

import signal
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from geoview import cli
from geoview.training import job

RECIPE = """
[model]
name = "tiny"
title = "Tiny"
architecture = "timm-classifier"
backbone = "resnet18"
[preprocess]
input_px = 32
[train]
epochs = 2
lr = 0.001
"""
STEP = {"event": "step", "epoch": 1, "step": 1, "steps": 4, "loss": 1.0, "seconds_left": 3.5}
EPOCH = {"event": "epoch", "epoch": 1, "epochs": 2, "score": 0.5, "loss": 0.7, "best": 0.5}


@dataclass
class FakeJob:
    folder: Path

    def stop(self) -> None:
        (self.folder / "stop").touch()


@pytest.fixture
def arguments(tmp_path: Path) -> list[str]:
    (tmp_path / "r.toml").write_text(RECIPE, encoding="utf-8")
    (tmp_path / "data").mkdir()
    out = tmp_path / "m.safetensors"
    recipe = str(tmp_path / "r.toml")
    return ["train", recipe, "--data", str(tmp_path / "data"), "--out", str(out)]


def given(monkeypatch: pytest.MonkeyPatch, tmp_path: Path, *events: dict[str, Any]) -> list[Any]:
    """Replace the worker by these events; returns what it was started with."""
    started: list[Any] = []

    def start(recipe: Any, **options: Any) -> FakeJob:
        started.append((recipe, options))
        return FakeJob(tmp_path)

    monkeypatch.setattr(job, "start", start)
    monkeypatch.setattr(job, "follow", lambda running: iter(events))
    return started


def test_a_training_is_told_step_by_step(
    arguments: list[str],
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    started = given(monkeypatch, tmp_path, STEP, EPOCH, {"event": "done"})
    assert cli.main([*arguments, "--resume"]) == 0
    ((recipe, options),) = started
    assert (recipe.model.name, options["resume"]) == ("tiny", True)
    assert not options["download"]
    assert options["out"] == tmp_path / "m.safetensors"
    err = capsys.readouterr().err
    assert "Epoch 1 of 2: loss 0.7000, score 0.5000" in err
    assert "Wrote" in err


def test_settings_and_leave_to_download_reach_the_worker(
    arguments: list[str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    started = given(monkeypatch, tmp_path, {"event": "done"})
    more = ["--set", "train.epochs=7", "--set", "loss.name=focal", "--download", "--device", "cpu"]
    assert cli.main([*arguments, *more]) == 0
    ((recipe, options),) = started
    assert (recipe.train.epochs, recipe.loss.name) == (7, "focal")
    assert (options["download"], options["device"]) == (True, "cpu")


def test_what_happens_in_between_is_told(
    arguments: list[str],
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    data = {
        "event": "data", "counts": {"train": 3}, "classes": ["a"], "warnings": ["a is empty"],
    }  # fmt: skip
    weights = {
        "event": "pretrained", "file": "w.safetensors", "used": 9,
        "unused": ["head.weight", "head.bias"], "missing": [],
    }  # fmt: skip
    broken = {"event": "skipped", "file": "a.jpg", "reason": "The photo a.jpg cannot be read."}
    memory = {"event": "memory", "micro_batch": 4, "batch": 16}
    given(monkeypatch, tmp_path, data, weights, broken, memory, {"event": "done"})
    assert cli.main(arguments) == 0
    err = " ".join(capsys.readouterr().err.split())
    assert "a is empty" in err
    assert "9 tensors used, 2 of the file not used (head.weight, head.bias)" in err
    assert "a.jpg cannot be read. It is left out." in err
    assert "4 photos at a time, still 16 a step" in err


def test_a_failed_training_says_why(
    arguments: list[str],
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    given(monkeypatch, tmp_path, STEP, {"event": "failed", "message": "The sheet has no rows."})
    assert cli.main(arguments) == 2
    assert capsys.readouterr().err.endswith("The sheet has no rows.\n")


def test_ctrl_c_asks_the_worker_to_stop(
    arguments: list[str],
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    given(monkeypatch, tmp_path)

    def follow(running: FakeJob) -> Iterator[dict[str, Any]]:
        yield STEP
        signal.raise_signal(signal.SIGINT)
        while not (tmp_path / "stop").exists():
            yield STEP
        yield {"event": "stopped"}

    monkeypatch.setattr(job, "follow", follow)
    assert cli.main(arguments) == 130
    err = capsys.readouterr().err
    assert "--resume" in err
    assert "--finish" not in err


def test_a_stopped_training_names_the_epoch_it_can_end_with(
    arguments: list[str],
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    events = [{"event": "resumed", "epoch": 4, "step": 1, "kept": 3}, STEP, {"event": "stopped"}]
    started = given(monkeypatch, tmp_path, *events)
    assert cli.main([*arguments, "--resume"]) == 130
    assert "with --resume --finish it ends with the best epoch so far (3)." in (
        capsys.readouterr().err
    )
    given(monkeypatch, tmp_path, *events)
    assert cli.main([*arguments, "--resume", "--set", "train.keep=last"]) == 130
    assert "ends with the last whole epoch (3)." in capsys.readouterr().err
    assert [options["finish"] for _, options in started] == [False]
    started = given(monkeypatch, tmp_path, {"event": "finishing", "kept": 3}, {"event": "done"})
    assert cli.main([*arguments, "--resume", "--finish"]) == 0
    assert started[0][1]["finish"]
    assert "weights of epoch 3" in capsys.readouterr().err


def test_a_wrong_recipe_is_one_clean_line(
    arguments: list[str], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "r.toml").write_text(RECIPE.replace("lr = 0.001", "lr = -1"), encoding="utf-8")
    assert cli.main(arguments) == 2
    err = capsys.readouterr().err
    assert "train.lr" in err
    assert err.count("\n") == 1


def test_a_device_that_does_not_exist_is_one_clean_line(
    arguments: list[str], capsys: pytest.CaptureFixture[str]
) -> None:
    assert cli.main([*arguments, "--device", "gpu7"]) == 2
    assert "“gpu7” is no device; give auto" in capsys.readouterr().err


def test_weights_that_are_set_are_looked_for_before_anything_starts(
    arguments: list[str],
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    started = given(monkeypatch, tmp_path, {"event": "done"})
    (tmp_path / "w.safetensors").touch()
    assert cli.main([*arguments, "--set", "model.pretrained=w.safetensors"]) == 0
    assert started[0][0].model.pretrained == str(tmp_path / "w.safetensors")
    assert cli.main([*arguments, "--set", "model.pretrained=nothere.safetensors"]) == 2
    err = capsys.readouterr().err
    assert "starts from the weights nothere.safetensors, which are not there" in err
    assert len(started) == 1
    text = RECIPE.replace("[preprocess]", 'pretrained = "gone.safetensors"\n[preprocess]')
    (tmp_path / "r.toml").write_text(text, encoding="utf-8")
    assert cli.main([*arguments, "--set", "model.pretrained="]) == 0


def test_of_very_many_warnings_the_first_are_told(
    arguments: list[str],
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    warnings = [f"No photo shows class{k}." for k in range(23)]
    data = {"event": "data", "counts": {}, "classes": [], "warnings": warnings}
    given(monkeypatch, tmp_path, data, {"event": "done"})
    assert cli.main(arguments) == 0
    err = capsys.readouterr().err
    assert err.count("No photo shows") == 20
    assert "… and 3 more warnings; geoview dataset --json writes them all." in err
