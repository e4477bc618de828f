"""A training in a process of its own, as those see it who start and follow it."""

from __future__ import annotations

import errno
import json
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from geoview import files
from geoview.errors import DataError
from geoview.training import job
from geoview.training.recipe import Recipe

# A worker that only tells its data, and trains until it is stopped.
_WORKER = """
import json, sys, time
from pathlib import Path
from geoview.training import worker

def run(job, emit):
    emit("data", data=json.loads((job / "job.json").read_text(encoding="utf-8"))["data"])
    while not (job / "stop").exists():
        time.sleep(0.01)
    emit("done")

worker.run, worker.LOCK_S = run, 0.0
sys.exit(worker.main(Path(sys.argv[1])))
"""


def test_of_two_trainings_of_one_file_the_first_keeps_its_data_and_the_second_says_so(
    tmp_path: Path, tiny_recipe: Callable[..., Recipe], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Started at once, before either worker has begun; which is the first is for them to find."""
    monkeypatch.setattr(job, "worker_command", lambda plan: [sys.executable, "-c", _WORKER, plan])
    out = tmp_path / "m.safetensors"
    given = [tmp_path / "a", tmp_path / "b"]
    started = [job.start(tiny_recipe(), data=[data], out=out) for data in given]
    processes = [one.process for one in started if one.process is not None]
    while all(process.poll() is None for process in processes):
        time.sleep(0.01)
    second = 0 if processes[0].poll() is not None else 1
    (told,) = job.follow(started[second])
    assert told["event"] == "failed"
    assert told["message"].startswith("A training of m.safetensors is still running; wait until")
    first = started[1 - second]
    first.stop()
    events = list(job.follow(first))
    assert [e["event"] for e in events] == ["data", "done"]
    assert events[0]["data"] == [str(given[1 - second])]
    plan = json.loads((first.folder / "job.json").read_text(encoding="utf-8"))
    assert plan["data"] == [str(given[1 - second])]
    assert not list(first.folder.glob("plan-*"))


def test_a_second_training_that_comes_late_does_not_go_on_with_the_first_ones_weights(
    tmp_path: Path, tiny_recipe: Callable[..., Recipe], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Both are started before there is anything in the folder; the first ends, then comes the
    second."""
    late = "import sys, time\nsys.stdin.read()\n" + _WORKER
    commands = iter([_WORKER, late])
    monkeypatch.setattr(
        job, "worker_command", lambda plan: [sys.executable, "-c", next(commands), plan]
    )
    real = subprocess.Popen
    monkeypatch.setattr(
        job.subprocess, "Popen", lambda *a, **k: real(*a, stdin=subprocess.PIPE, **k)
    )
    out = tmp_path / "m.safetensors"
    first, second = (job.start(tiny_recipe(epochs=n), data=[tmp_path], out=out) for n in (1, 2))
    first.stop()
    assert list(job.follow(first))[-1]["event"] == "done"
    assert second.process is not None
    assert second.process.stdin is not None
    second.process.stdin.close()
    assert [e["event"] for e in job.follow(second)] == ["failed"]
    plan = json.loads((first.folder / "job.json").read_text(encoding="utf-8"))
    assert plan["recipe"]["train"]["epochs"] == 1


def test_the_last_word_is_why_a_training_failed(tmp_path: Path) -> None:
    """Of two processes one may tell how far it is after the other has failed."""
    told = [{"event": "failed", "message": "no memory"}, {"event": "memory", "micro_batch": 2}]
    lines = "".join(json.dumps(event) + "\n" for event in told)
    (tmp_path / "events.jsonl").write_text(lines, encoding="utf-8")
    assert list(job.follow(job.Job(tmp_path))) == [*told, told[0]]


def test_a_folder_that_may_not_be_used_is_told(
    tmp_path: Path, tiny_recipe: Callable[..., Recipe], monkeypatch: pytest.MonkeyPatch
) -> None:
    def forbidden(folder: Path) -> None:
        raise PermissionError(errno.EACCES, "Permission denied")

    (tmp_path / "m.training").mkdir()
    monkeypatch.setattr(job, "lock_of", forbidden)
    with pytest.raises(DataError, match=r"m\.training cannot be written \(Permission denied\)"):
        job.start(tiny_recipe(), data=[tmp_path], out=tmp_path / "m.safetensors")


def test_a_folder_that_cannot_be_written_is_told_before_the_training(
    tmp_path: Path, tiny_recipe: Callable[..., Recipe], monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "notes").write_text("a file, no folder", encoding="utf-8")
    with pytest.raises(DataError, match=r"m\.training cannot be written \(Not a directory\)"):
        job.start(tiny_recipe(), data=[tmp_path], out=tmp_path / "notes" / "m.safetensors")

    def full(path: Path, text: str) -> None:
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(files, "write_text", full)
    with pytest.raises(DataError, match=r"No space left on device\); make room there or choose"):
        job.start(tiny_recipe(), data=[tmp_path], out=tmp_path / "m.safetensors")


# A worker whose disk fills up in an epoch: for good, or only until its own files are gone.
_FULL = """
import errno, os, sys
from pathlib import Path
from geoview.training import events, worker

def refuse(*args):
    raise OSError(errno.ENOSPC, "No space left on device")

def run(job, emit):
    if {for_good}:
        events.os.write = refuse
    emit("step")
    refuse()

worker.run = run
sys.exit(worker.main(Path(sys.argv[1])))
"""


@pytest.mark.parametrize("for_good", [True, False])
def test_a_full_disk_is_the_reason_given(
    for_good: bool,
    tmp_path: Path,
    tiny_recipe: Callable[..., Recipe],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Also where it has no room for the reason itself."""
    code = _FULL.format(for_good=for_good)
    monkeypatch.setattr(job, "worker_command", lambda plan: [sys.executable, "-c", code, plan])
    out = tmp_path / "m.safetensors"
    started = job.start(tiny_recipe(), data=[tmp_path], out=out)
    last = list(job.follow(started))[-1]
    wanted = f"There is no room left on the disk of {started.folder}; make room and resume the"
    assert (last["event"], last["message"][: len(wanted)]) == ("failed", wanted)
