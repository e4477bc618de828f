#!/usr/bin/env python
"""Make the embedded model, resources/models/cuttings-rendered.safetensors, from the beginning.

  packaging/embedded/train.py [--shared ../shared] [--bpy-python PYTHON]

Wells A and C lie in ../shared/data/cuttings. D, E and G are rendered into build/wells by
../shared/tools/render_cuttings.py, which needs a Python with bpy (pip install bpy==4.5.15); each
photo takes about ten seconds. The two recipes beside this script are then trained one after the
other. Run it again after an interruption: it goes on where it stopped.
"""

from __future__ import annotations

import argparse
import subprocess
import sys
from pathlib import Path

import figures
from rich.console import Console
from rich.progress import Progress as Bar

from geoview.errors import GeoViewError
from geoview.models import bundle
from geoview.training import job, recipe
from geoview.training.evaluate import evaluate

ROOT = Path(__file__).resolve().parents[2]
HERE = Path(__file__).resolve().parent
# Seed and number of samples. UNSEEN is never trained on: other light, colours and boundaries.
WELLS = {"WELL-D": (41, 96), "WELL-E": (53, 96), "WELL-G": (79, 24)}
UNSEEN = "WELL-G"
console = Console(stderr=True)


def render(well: str, seed: int, samples: int, *, python: str, tool: Path) -> Path:
    """Render a well unless it is there already."""
    folder = ROOT / "build" / "wells" / well
    if len(list(folder.glob("*.jpg"))) < samples:
        command = [python, str(tool), "--out", str(folder), "--well", well]
        command += ["--samples", str(samples), "--seed", str(seed), "--masks", "0", "--resume"]
        console.print(f"Rendering {well} …")
        subprocess.run(command, check=True, stdout=subprocess.DEVNULL)
    return folder


def train(name: str, *, data: list[Path], out: Path) -> None:
    """Train one recipe, going on with an unfinished job."""
    started = job.start(recipe.read(HERE / name), data=data, out=out, resume=True)
    with Bar(console=console) as bar:
        task = bar.add_task(name, total=None)
        for event in job.follow(started):
            if event["event"] == "step":
                done = (event["epoch"] - 1) * event["steps"] + event["step"]
                left = (
                    f"{name}: loss {event['loss']:.3f}, {event['seconds_left'] / 60:.0f} min left"
                )
                bar.update(task, completed=done, description=left)
            elif event["event"] == "epoch":
                console.print(f"epoch {event['epoch']}: validation mAP {event['score']:.4f}")
            elif event["event"] == "failed":
                raise GeoViewError(event["message"])


def ship(trained: Path, well: Path) -> None:
    """Measure the model on a well it has never seen too, and put it among the resources."""
    model = bundle.load(trained)
    measured = {"data": f"{well.name} (unseen well)", **evaluate(trained, data=well, split="all")}
    card = model.card.model_copy(update={"metrics": [*model.card.metrics, measured]})
    bundle.save(figures.MODEL, module=model.module, card=card)


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--shared", type=Path, default=ROOT.parent / "shared")
    parser.add_argument("--bpy-python", default=sys.executable)
    options = parser.parse_args()
    tool = options.shared / "tools" / "render_cuttings.py"
    data = [options.shared / "data" / "cuttings" / name for name in ("well_a", "well_c")]
    rendered = {w: render(w, *of, python=options.bpy_python, tool=tool) for w, of in WELLS.items()}
    unseen = rendered.pop(UNSEEN)
    data += rendered.values()
    first = ROOT / "build" / "embedded" / "stage1.safetensors"
    if not first.exists():
        train("stage1.toml", data=data, out=first)
    second = first.with_name("stage2.safetensors")
    train("stage2.toml", data=data, out=second)
    ship(second, unseen)
    return figures.main()


if __name__ == "__main__":
    sys.exit(main())
