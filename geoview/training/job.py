"""A training job: a folder, a child process, and its events. Light: no torch."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import time
import uuid
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from filelock import FileLock, Timeout

from geoview import files, paths
from geoview.errors import DataError
from geoview.training import events, resuming
from geoview.training.recipe import Recipe

# How a worker ends that found another one training in its folder, or no room for its last word.
TAKEN, NO_ROOM = 4, 5


@dataclass(frozen=True, slots=True)
class Job:
    """A job folder and, in the process that started it, the worker.

    ``offset`` is where the events of this run begin in the file. The file ``plan`` is there until
    the worker has the folder to itself, and makes it the folder's ``job.json``.
    """

    folder: Path
    process: subprocess.Popen[bytes] | None = None
    offset: int = 0
    plan: Path | None = None

    def stop(self) -> None:
        """Ask the worker to finish its step, save and end; it can be resumed."""
        (self.folder / "stop").touch()


def folder_for(out: Path) -> Path:
    """The job folder of a model file: beside it, so that resuming finds it."""
    return out.with_name(f"{out.stem}.training")


def start(
    recipe: Recipe,
    *,
    data: Sequence[Path],
    out: Path,
    resume: bool = False,
    finish: bool = False,
    download: bool = False,
    device: str = "auto",
) -> Job:
    """Write the plan into the job folder and start the worker on it in a child process.

    ``download`` lets the worker fetch published weights where the recipe asks for "hub".

    With ``resume`` an earlier, unfinished job for the same file goes on where it stopped, with
    the recipe it began with (see ``resuming``); without it, DataError tells about one that is
    there rather than overwriting it, and a finished one begins again. Raises DataError also while
    a worker, which may have outlived its program, still trains that file, and where the folder
    cannot be written.

    With ``finish`` a stopped job trains no more: the model is made of the epoch kept so far (the
    best, or the last where the recipe keeps that), calibrated and measured as ever.
    """
    folder = folder_for(out)
    plan = {
        "recipe": recipe.model_dump(mode="json"),
        "data": [str(p.resolve()) for p in data],
        "out": str(out.resolve()),
        "cache": str(paths.cache_dir() / "training"),
        "finish": finish,
        "download": download,
        "device": device,
    }
    try:
        _check(folder, recipe, resume=resume, finish=finish)
        return _begun(folder, plan)
    except OSError as error:
        raise DataError(
            f"{folder} cannot be written ({error.strerror}); make room there or choose another "
            "folder for the model."
        ) from error


def _check(folder: Path, recipe: Recipe, *, resume: bool, finish: bool) -> None:
    """Raise DataError where a training of a recipe cannot begin, or go on, in a folder."""
    if is_running(folder):
        raise DataError(_still_running(folder))
    resume = resume or finish
    if not resume and is_done(folder):
        for name in (resuming.STATE, resuming.KEPT):
            (folder / name).unlink(missing_ok=True)
    if (folder / resuming.STATE).exists():
        if not resume:
            raise DataError(
                f"An unfinished training lies in {folder}; resume it (--resume) or remove the "
                "folder."
            )
        resuming.check_recipe(folder, recipe)
    if finish and not all((folder / name).exists() for name in (resuming.STATE, resuming.KEPT)):
        raise DataError(
            f"No epoch of {folder.stem}.safetensors is done yet, so there is none to finish with; "
            "train on until one is."
        )


def _begun(folder: Path, plan: dict[str, Any]) -> Job:
    """The worker on its way with a plan; raises OSError where the folder cannot be written."""
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "stop").unlink(missing_ok=True)
    # A name of its own: another worker may be starting, which must not read this plan as its own.
    file = folder / f"plan-{uuid.uuid4().hex}.json"
    files.write_text(file, json.dumps({**plan, "id": file.stem, "after": id_of(folder)}, indent=1))
    _, offset = events.read_from(folder)
    with (folder / "worker.log").open("ab") as log:
        # Threads of torch that wait for one another sleep rather than burn the processor, which
        # on a busy machine takes most of it from those that work.
        environment = {"OMP_WAIT_POLICY": "PASSIVE", **os.environ}
        process = subprocess.Popen(worker_command(file), stdout=log, stderr=log, env=environment)
    return Job(folder, process, offset, file)


def id_of(folder: Path) -> str:
    """Of the training that last had a job folder; empty where there was none."""
    try:
        return str(json.loads((folder / "job.json").read_text(encoding="utf-8")).get("id", ""))
    except (OSError, ValueError):
        return ""


def lock_of(folder: Path) -> FileLock:
    """What a worker holds as long as it lives; the system takes it back however it ends."""
    return FileLock(folder / "lock", timeout=0)


def is_running(folder: Path) -> bool:
    """Whether a worker is training in a job folder."""
    if not folder.is_dir():
        return False
    try:
        with lock_of(folder):
            return False
    except Timeout:
        return True


def is_done(folder: Path) -> bool:
    """Whether the last training in a job folder came to its end."""
    told, _ = events.read_from(folder)
    return bool(told) and told[-1].get("event") == "done"


def no_room(folder: Path) -> str:
    return (
        f"There is no room left on the disk of {folder}; make room and resume the training to go "
        "on from the last checkpoint."
    )


def worker_command(plan: Path) -> list[str]:
    """How to start a worker: in a frozen build the program itself, told by an argument."""
    if getattr(sys, "frozen", False):
        return [sys.executable, "--training-worker", str(plan)]
    return [sys.executable, "-m", "geoview.training.worker", str(plan)]


def follow(job: Job, *, poll_s: float = 0.2) -> Iterator[dict[str, Any]]:
    """Events as they are written, until the worker has ended.

    A worker that dies without a last word (killed, out of memory) yields a final "failed", and so
    does one that finds another training in the folder: the events there are not its own.
    """
    if _is_taken(job, poll_s=poll_s):
        yield {"event": "failed", "message": _still_running(job.folder)}
        return
    offset, last, ending = job.offset, dict[str, Any](), dict[str, Any]()
    while True:
        ended = job.process is None or job.process.poll() is not None
        found, offset = events.read_from(job.folder, offset)
        for last in found:
            if last["event"] in ("done", "failed", "stopped"):
                ending = last
            yield last
        if ended and not found:
            break
        if not found:
            time.sleep(poll_s)
    if ending:
        # Another process may have told how far it was after one had failed.
        if last != ending:
            yield ending
        return
    message = (
        f"The training process ended unexpectedly; see {job.folder / 'worker.log'}. Resume it to "
        "go on from the last checkpoint."
    )
    if job.process is not None and job.process.poll() == NO_ROOM:
        message = no_room(job.folder)
    yield {"event": "failed", "message": message}


def _is_taken(job: Job, *, poll_s: float) -> bool:
    """Wait until the worker has the folder, or has ended; whether another one has it instead."""
    if job.process is None or job.plan is None:
        return False
    while job.plan.exists() and job.process.poll() is None:
        time.sleep(poll_s)
    job.plan.unlink(missing_ok=True)
    return job.process.poll() == TAKEN


def _still_running(folder: Path) -> str:
    return (
        f"A training of {folder.stem}.safetensors is still running; wait until it ends, or put an "
        f"empty file named “stop” into {folder} to end it at its next step."
    )
