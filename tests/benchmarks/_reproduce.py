"""What the reproductions of the papers' tables share: trainings, repeats, tables, the report.

Every training is one job of the program itself, by a shipped recipe with named changes; its
figures are those that GeoView measures on the test split. Finished trainings are kept under
``build/reproduction``, so that a stopped benchmark goes on where it was.
"""

from __future__ import annotations

import argparse
import hashlib
import json
import os
import shutil
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ProcessPoolExecutor, as_completed
from dataclasses import dataclass
from multiprocessing import get_context
from pathlib import Path
from typing import Any

import numpy as np

from geoview.models.backbone import normalisation
from geoview.training import recipe as recipes

ROOT = Path(__file__).resolve().parents[2]
SHARED = ROOT.parent / "shared" / "data"
BUILD = ROOT / "build" / "reproduction"
REPORT = ROOT / "resources" / "help" / "reproduction.md"


@dataclass(frozen=True, eq=False)
class Run:
    """One training: a shipped recipe with changes ("train.lr": 1e-3), on data, with a seed."""

    row: str
    recipe: str
    data: tuple[Path, ...]
    changes: tuple[tuple[str, Any], ...] = ()
    seed: int = 0

    @property
    def folder(self) -> Path:
        text = json.dumps([self.plan(), [p.name for p in self.data]], sort_keys=True)
        return BUILD / hashlib.blake2b(text.encode(), digest_size=8).hexdigest()

    @property
    def model(self) -> Path:
        return self.folder / "model.safetensors"

    def plan(self) -> dict[str, Any]:
        # Changed before its weights are looked for: they are those of the changed backbone.
        settings = {**dict(self.changes), "train.seed": self.seed}
        return recipes.read(recipes.find(self.recipe), settings).model_dump(mode="json")


def arguments(description: str | None) -> argparse.Namespace:
    """The options all reproductions have."""
    parser = argparse.ArgumentParser(description=description)
    parser.add_argument("--profile", choices=("small", "paper"), default="small")
    parser.add_argument("--seeds", type=int, default=3)
    parser.add_argument("--jobs", type=int, default=max(1, os.cpu_count() or 1))
    parser.add_argument("--write", action="store_true", help="put the table into the report")
    return parser.parse_args()


def trained(runs: Sequence[Run], *, jobs: int) -> dict[Run, list[dict[str, Any]]]:
    """The figures of every run, one entry per data source; several trainings side by side.

    A training on one thread wastes none of it waiting for the other cores.
    """
    found = {run: known for run in runs if (known := _known(run)) is not None}
    todo = [run for run in runs if run not in found]
    started = time.monotonic()
    with ProcessPoolExecutor(jobs, mp_context=get_context("spawn"), initializer=_alone) as pool:
        futures = {pool.submit(_train, run): run for run in todo}
        for done, future in enumerate(as_completed(futures), start=1):
            run = futures[future]
            found[run] = future.result()
            left = (time.monotonic() - started) / done * (len(todo) - done)
            say(f"[{done}/{len(todo)}, about {left / 60:.0f} min left] {run.row}, seed {run.seed}")
    return found


def _alone() -> None:
    import torch

    torch.set_num_threads(1)


def _known(run: Run) -> list[dict[str, Any]] | None:
    try:
        return json.loads((run.folder / "figures.json").read_text(encoding="utf-8"))  # type: ignore[no-any-return]
    except (OSError, ValueError):
        return None


def _train(run: Run) -> list[dict[str, Any]]:
    from geoview.training import worker

    run.folder.mkdir(parents=True, exist_ok=True)
    plan = {
        "recipe": run.plan(), "data": [str(p) for p in run.data], "out": str(run.model),
        "cache": str(BUILD / "cache"), "download": True, "device": "auto",
    }  # fmt: skip
    (run.folder / "job.json").write_text(json.dumps(plan), encoding="utf-8")
    figures: list[dict[str, Any]] = []

    def emit(kind: str, **fields: Any) -> None:
        if kind == "done":
            figures.extend(fields["metrics"])

    worker.run(run.folder, emit)
    (run.folder / "figures.json").write_text(json.dumps(figures), encoding="utf-8")
    (run.folder / "last.safetensors").unlink()
    (run.folder / "best.safetensors").unlink()
    return figures


def normalised(backbone: str) -> dict[str, Any]:
    """Settings for photos as the published weights of a backbone know them."""
    return {f"preprocess.{name}": list(x) for name, x in normalisation(backbone).items()}


def seeds(run: Callable[[int], Run], count: int) -> list[Run]:
    return [run(seed) for seed in range(count)]


Value = Callable[[list[dict[str, Any]]], float]


def mean_sd(values: Sequence[float], *, scale: float = 100) -> str:
    """``mean ± sd`` of the repeats, the sample's own deviation."""
    array = np.array(values) * scale
    sd = array.std(ddof=1) if len(array) > 1 else float("nan")
    return f"{array.mean():.1f} ± {sd:.1f}"


def averaged(name: str) -> Value:
    """A figure of the test split, over the data sources weighted by their photos."""

    def value(figures: list[dict[str, Any]]) -> float:
        weights = [one["n"] for one in figures]
        return float(np.average([one[name] for one in figures], weights=weights))

    return value


def by_row(found: dict[Run, list[dict[str, Any]]]) -> dict[str, list[list[dict[str, Any]]]]:
    rows: dict[str, list[list[dict[str, Any]]]] = {}
    for run, figures in sorted(found.items(), key=lambda pair: pair[0].seed):
        rows.setdefault(run.row, []).append(figures)
    return rows


def markdown(header: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    lines = ["| " + " | ".join(header) + " |", "|" + "---|" * len(header)]
    return "\n".join(lines + ["| " + " | ".join(row) + " |" for row in rows])


def publish(name: str, text: str, *, write: bool) -> None:
    """Print a section and, if wished, put it between its markers in the report."""
    say(text)
    if not write:
        return
    begin, end = f"<!-- {name}: measured -->", f"<!-- {name}: end -->"
    report = REPORT.read_text(encoding="utf-8")
    before, rest = report.split(begin, 1)
    _, after = rest.split(end, 1)
    REPORT.write_text(f"{before}{begin}\n{text}\n{end}{after}", encoding="utf-8")


def copied(target: Path, files: Iterator[tuple[Path, str]]) -> Path:
    """A folder made of copies (source, relative name), once."""
    ready = target / ".ready"
    if ready.exists():
        return target
    shutil.rmtree(target, ignore_errors=True)
    for source, name in files:
        place = target / name
        place.parent.mkdir(parents=True, exist_ok=True)
        shutil.copyfile(source, place)
    ready.touch()
    return target


def say(text: str) -> None:
    sys.stdout.write(text + "\n")
    sys.stdout.flush()
