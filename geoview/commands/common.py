"""What several commands share: the chosen model, an engine on the chosen device, checks."""

from __future__ import annotations

import os
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING

from geoview.commands import console
from geoview.errors import DataError
from geoview.records import CANNOT_TELL, ModelRef, PhotoResult, Skipped
from geoview.settings import Settings

if TYPE_CHECKING:
    from geoview.models.card import ModelCard
    from geoview.models.engine import Engine


class Precision(StrEnum):
    auto = "auto"
    fp32 = "fp32"
    bf16 = "bf16"
    fp16 = "fp16"


@dataclass(frozen=True, slots=True)
class ChosenModel:
    path: Path
    card: ModelCard
    ref: ModelRef


def choose_model(name: str | None, *, settings: Settings) -> ChosenModel:
    """The model asked for, that of the settings, or the embedded one. Raises ModelError."""
    from geoview.models import bundle, store

    path = store.resolve(name or settings.model)
    card, ref = bundle.read_card(path)
    return ChosenModel(path, card, ref)


def open_engine(
    model: Path, *, device: str | None, precision: Precision | None, settings: Settings
) -> Engine:
    """Load a model onto a device; options win over settings. Raises ModelError."""
    from geoview.models import bundle
    from geoview.models.device import choose
    from geoview.models.engine import Engine

    loaded = bundle.load(model)
    wanted = precision.value if precision else settings.precision
    return Engine(loaded, choice=choose(device=device or settings.device, precision=wanted))


def check_target(path: Path | None, *, folder: bool = False) -> None:
    """Refuse a place that cannot be written before hours of work. Raises DataError."""
    from geoview import places

    if path is None:
        return
    if path.exists() and path.is_dir() != folder:
        what = "a file; give a folder" if folder else "a folder; give a file name in it"
        raise DataError(f"{path} is {what}.")
    if not folder:
        places.check_file(path)
    there = path if path.exists() and folder else path.absolute().parent
    while not there.exists():
        there = there.parent
    if not there.is_dir() or not os.access(there, os.W_OK):
        raise DataError(f"{path} cannot be written, because {there} cannot; choose another place.")


def tell_left_out(skipped: Skipped) -> None:
    """What below a folder is no photo or cannot be reached."""
    if skipped.counts:
        counts = ", ".join(f"{what} ({n})" for what, n in skipped.counts.items())
        console.say(f"Left out: {counts}", style="dim")


def print_results(results: list[PhotoResult]) -> None:
    """The table of results: what a geologist wants to see of each photo."""
    columns = ("file", "depth m", "dominant", "prob.", "area %", "layer", "status")
    rows = [_result_row(result) for result in results]
    console.table(columns, rows, right=("depth m", "prob."))


def _result_row(result: PhotoResult) -> list[str]:
    photo, made = result.photo, result.prediction
    depth = console.number(photo.depth_m, 1)
    if made is None:
        return [photo.file, depth, "", "", "", "", result.status]
    best = max(made.probabilities)
    if made.dominant is not None:
        best = made.probabilities[made.classes.index(made.dominant)]
    return [
        photo.file,
        depth,
        made.dominant or CANNOT_TELL,
        console.probability(best),
        _areas(made.classes, made.area_pct),
        made.layer.best if made.layer else "",
        result.status,
    ]


def _areas(classes: tuple[str, ...], area_pct: tuple[float, ...] | None) -> str:
    """Shares of at least one per cent, the largest first."""
    pairs = sorted(zip(area_pct or (), classes, strict=False), reverse=True)
    return ", ".join(f"{name} {area:.0f}" for area, name in pairs if area >= 1)


def list_failed(results: list[PhotoResult]) -> int:
    """Name every photo that failed, on stderr; returns how many there are."""
    failed = [r for r in results if r.status == "failed"]
    for result in failed:
        console.say(f"{result.photo.file}: {result.reason}", style="red")
    return len(failed)


def exit_code(results: list[PhotoResult]) -> int:
    """0 all done, 1 some photos failed, 2 nothing done."""
    if not any(result.status == "done" for result in results):
        return console.NOTHING_DONE
    all_done = all(result.status == "done" for result in results)
    return console.DONE if all_done else console.SOME_FAILED
