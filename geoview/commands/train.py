"""``geoview train``: a recipe and labelled photos become a model file."""

from __future__ import annotations

import re
import signal
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from geoview.commands import common, console
from geoview.errors import DataError
from geoview.records import Progress

DEVICE = re.compile(r"auto|cpu|mps|(cuda|xpu)(:\d+)?")
# Of hundreds of classes many may have few photos.
_MOST_WARNINGS = 20


def train(
    recipe: str,
    *,
    data: list[Path],
    out: Path,
    resume: bool,
    finish: bool,
    download: bool,
    device: str,
    settings: list[str],
) -> int:
    """Train in a child process and follow it; Ctrl+C stops cleanly, ``resume`` goes on.

    ``finish`` ends a stopped training with the epoch kept so far instead of going on.
    ``settings`` change the recipe for this run, as in ``train.epochs=5``.
    """
    from geoview.training import job
    from geoview.training import recipe as recipes

    if out.suffix != ".safetensors":
        raise DataError(f"{out} is no model file name; give one that ends in .safetensors.")
    if not DEVICE.fullmatch(device):
        raise DataError(f"“{device}” is no device; give auto, cpu, cuda, cuda:1, xpu or mps.")
    common.check_target(out)
    for source in data:
        if not source.exists():
            raise DataError(f"There is no folder or sheet {source}; check the path.")
    plan = recipes.read(recipes.find(recipe), dict(map(recipes.setting, settings)))
    with _child_keeps_working():
        running = job.start(
            plan, data=data, out=out, resume=resume, finish=finish, download=download,
            device=device,
        )  # fmt: skip
    console.say(f"Training {plan.model.name}; the job is in {running.folder}")
    last: dict[str, Any] = {}
    kept = 0
    with console.on_interrupt() as stop, console.Bar("Training", unit="steps") as bar:
        asked = threading.Event()
        watcher = threading.Thread(
            target=_pass_on, args=(stop, running, asked), name="stop-training", daemon=True
        )
        watcher.start()
        try:
            for event in job.follow(running):
                last, kept = event, event.get("kept", kept)
                _tell(bar, event, epochs=plan.train.epochs)
        finally:
            asked.set()
            watcher.join()
    best = "best epoch so far" if plan.train.keep == "best" else "last whole epoch"
    return _ending(last, out, kept=f"{best} ({kept})" if kept else "")


@contextmanager
def _child_keeps_working() -> Iterator[None]:
    """Ctrl+C reaches every process of the terminal; the worker is told by its job folder."""
    if threading.current_thread() is not threading.main_thread():
        yield
        return
    before = signal.signal(signal.SIGINT, signal.SIG_IGN)
    try:
        yield
    finally:
        signal.signal(signal.SIGINT, before)


def _pass_on(stop: console.Stop, running: Any, ended: threading.Event) -> None:
    while not ended.wait(0.2):
        if stop.asked:
            running.stop()
            return


def _tell(bar: console.Bar, event: dict[str, Any], *, epochs: int) -> None:
    """One event of the worker as the user sees it."""
    kind = event["event"]
    if kind == "step":
        done = (event["epoch"] - 1) * event["steps"] + event["step"]
        total, left = epochs * event["steps"], float(event["seconds_left"])
        bar.update(Progress(done, total, (total - done) / left if left > 0 else 0.0))
    elif kind == "data":
        counts = ", ".join(f"{count} {name}" for name, count in event["counts"].items())
        bar.say(f"Items: {counts}; classes: {', '.join(event['classes'])}")
        warnings = event.get("warnings", [])
        for warning in warnings[:_MOST_WARNINGS]:
            bar.say(warning)
        if more := len(warnings[_MOST_WARNINGS:]):
            bar.say(f"… and {more} more warnings; geoview dataset --json writes them all.")
    elif kind == "pretrained":
        bar.say(_transferred(event))
    elif kind == "skipped":
        bar.say(f"{event['reason']} It is left out.")
    elif kind == "comparing":
        bar.say(f"Compared {event['done']} of {event['total']} photos")
    elif kind == "notice":
        bar.say(event["message"])
    elif kind == "memory":
        bar.say(
            f"Memory ran out; going on with {event['micro_batch']} photos at a time, "
            f"still {event['batch']} a step"
        )
    elif kind == "epoch":
        score, best = event["score"], event["best"]
        bar.say(
            f"Epoch {event['epoch']} of {event['epochs']}: loss {event['loss']:.4f}, "
            f"score {score:.4f} (best {best:.4f})"
        )
    elif kind == "resumed":
        bar.say(f"Going on at epoch {event['epoch']}, step {event['step']}")
    elif kind == "finishing":
        bar.say(f"Ending with the weights of epoch {event['kept']}")


def _transferred(event: dict[str, Any]) -> str:
    """Which weights were taken over and which not, the names in the job's events."""
    unused, missing = event["unused"], event.get("missing", [])
    text = f"Started from {event['file']}: {event['used']} tensors used"
    if unused:
        text += f", {len(unused)} of the file not used ({_some(unused)})"
    if missing:
        text += f", {len(missing)} of the network new ({_some(missing)})"
    return text


def _some(names: list[str]) -> str:
    return ", ".join(names[:3]) + (" …" if len(names) > 3 else "")


def _ending(last: dict[str, Any], out: Path, *, kept: str) -> int:
    """The last event in words and as exit code; ``kept`` is what a stopped one could end with."""
    kind = last.get("event")
    if kind == "done":
        console.say(f"Wrote {out}; geoview models {out} shows its card and figures.")
        return console.DONE
    if kind == "stopped":
        early = f", with --resume --finish it ends with the {kept}" if kept else " from there"
        console.say(f"Stopped; the same command with --resume goes on{early}.")
        return console.STOPPED
    raise DataError(str(last.get("message", "The training did not start.")))
