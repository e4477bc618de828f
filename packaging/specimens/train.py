#!/usr/bin/env python
"""Make the object finder of the size tool, resources/models/specimens-rendered.safetensors.

  packaging/specimens/train.py [--shared ../shared] [--only all|fold0|fold1|fold2]

Trained on the 96 rendered photos of ../shared/data/specimens only, starting from MobileNetV2.
Three folds, each judged on photos it has not seen, give the figures on the card; the model that
is shipped is trained on all photos. Run it again after an interruption: rounds that are done are
kept in build/specimens. A round takes a core about six minutes; with --only, several parts may
be trained at once.
"""

from __future__ import annotations

import argparse
import time
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import judge
import numpy as np
import torch
from safetensors.torch import load_file
from scenes import Sample, Scenes, read_samples
from torch import Tensor, nn
from torch.nn import functional

import geoview
from geoview.models import bundle
from geoview.models.backbone import transfer
from geoview.models.card import ModelCard, Preprocess
from geoview.models.registry import build
from geoview.models.segmenting import Segmenting

ROOT = Path(__file__).resolve().parents[2]
MODEL = ROOT / "resources" / "models" / "specimens-rendered.safetensors"
CLASSES = ["background", "specimen", "cube", "plate", "other"]
CLASS_WEIGHTS = [1.0, 1.0, 1.5, 1.0, 3.0]
INPUT_PX = 256
FOLDS = 3
PARTS = ["all", *(f"fold{i}" for i in range(FOLDS))]
STYLES = ("catalogue", "hard", "negative")
SEED = 7
BATCH = 8
# Each round begins where the one before ended, with the rates up again.
STEPS, ROUNDS = 310, 2


def blank_card() -> ModelCard:
    """What the model is, before anything is known of how good it is."""
    return ModelCard(
        name="specimens-rendered",
        title="Specimen, cube, plate and clutter (rendered photos)",
        architecture="fpn-segmenter",
        backbone="mobilenetv2_100",
        task="segmentation",
        classes=CLASSES,
        thresholds=[0.5] * len(CLASSES),
        preprocess=Preprocess(input_px=INPUT_PX, mean=(0.5,) * 3, std=(0.5,) * 3, fit="pad"),
        description=(
            "Finds the specimen, the reference cube, the text plate and everything else that "
            "lies in a museum photo. Used by Measure."
        ),
        limitations="Trained and judged on rendered photos only; see the figures.",
        licence=(
            "Apache-2.0. Started from MobileNetV2 (Google, coral test data, Apache-2.0); trained "
            "on photos rendered for this project."
        ),
        trained_on=["96 rendered museum photos with id masks, and scenes composed of them"],
        app_version=geoview.__version__,
    )


def fold_of(samples: list[Sample]) -> dict[str, int]:
    """The fold that holds each photo out: in turn within each style."""
    return {sample.file: int(sample.file.split("_")[1][:3]) % FOLDS for sample in samples}


def fresh(weights: Path, *, seed: int) -> nn.Module:
    """An untrained segmenter on the pretrained backbone."""
    torch.manual_seed(seed)
    module = build(blank_card())
    transfer(module, load_file(weights))
    return module


def train(module: nn.Module, samples: list[Sample], *, steps: int, seed: int) -> nn.Module:
    """One round of training on ``samples`` and scenes composed of them."""
    torch.manual_seed(seed)
    module = module.to(memory_format=torch.channels_last)
    optimiser, schedule = _optimiser(module, steps)
    scenes = {size: Scenes(samples, size=size, seed=seed) for size in ((192, 160), (160, 192))}
    begun = time.monotonic()
    for step in range(steps):
        source = scenes[list(scenes)[step % 2]]
        loss = _loss(module, *_batch(source))
        optimiser.zero_grad()
        loss.backward()
        nn.utils.clip_grad_norm_(module.parameters(), 5.0)
        optimiser.step()
        schedule.step()
        if step % 20 == 0:
            print(
                f"step {step}/{steps} loss {loss.item():.3f} {time.monotonic() - begun:.0f} s",
                flush=True,
            )
    return module.eval()


def _optimiser(module: nn.Module, steps: int) -> tuple[Any, Any]:
    """Frozen statistics and first stages in the backbone, and a slower rate for the rest of it."""
    network: Any = module.network
    module.train()
    network.eval()
    for part in (network.conv_stem, network.bn1, *network.blocks[:2]):
        part.requires_grad_(False)
    names = {id(p) for p in network.parameters()}
    slow = [p for p in network.parameters() if p.requires_grad]
    fast = [p for p in module.parameters() if id(p) not in names]
    optimiser = torch.optim.AdamW(
        [{"params": slow, "lr": 3e-4}, {"params": fast, "lr": 4e-3}], weight_decay=1e-3
    )
    schedule = torch.optim.lr_scheduler.OneCycleLR(
        optimiser, max_lr=[3e-4, 4e-3], total_steps=steps, pct_start=0.15
    )
    return optimiser, schedule


def _batch(scenes: Scenes) -> tuple[Tensor, Tensor]:
    pictures, labels = zip(*(scenes.one() for _ in range(BATCH)), strict=True)
    x = torch.from_numpy(np.stack(pictures)).permute(0, 3, 1, 2).float() / 127.5 - 1
    y = torch.from_numpy(np.stack(labels)).long()
    return x.contiguous(memory_format=torch.channels_last), y


def _loss(module: nn.Module, x: Tensor, y: Tensor) -> Tensor:
    """Cross-entropy plus the Dice loss of the classes that are there."""
    logits = functional.interpolate(module(x), size=y.shape[-2:], mode="bilinear")
    shares = logits.softmax(1)
    truth = functional.one_hot(y, len(CLASSES)).permute(0, 3, 1, 2).float()
    both, total = (shares * truth).sum((0, 2, 3)), (shares + truth).sum((0, 2, 3))
    dice = 1 - 2 * both / total.clamp(min=1)
    there = truth.sum((0, 2, 3)) > 0
    there[0] = False
    weights = torch.tensor(CLASS_WEIGHTS)
    return functional.cross_entropy(logits, y, weight=weights) + 0.5 * dice[there].sum() / 4


def made(name: str, *, samples: list[Sample], options: argparse.Namespace) -> Path:
    """The trained segmenter "all" or "fold0" …, the last of its rounds; what is there stays."""
    fold = fold_of(samples)
    seen = [s for s in samples if f"fold{fold[s.file]}" != name]
    module = fresh(options.shared / "weights" / "mobilenetv2_100.safetensors", seed=SEED)
    for number in range(1, options.rounds + 1):
        file: Path = options.work / f"{name}-{number}.safetensors"
        if file.exists():
            module = bundle.load(file).module
            continue
        module = train(module, seen, steps=options.steps, seed=SEED + number)
        bundle.save(file, module=module, card=blank_card())
    return file


def crossed(
    folder: Path, nets: dict[int, Segmenting], fold: dict[str, int]
) -> list[dict[str, Any]]:
    """The figures of each style, every photo judged by a net that has not seen it."""
    judgements = [
        judge.judged(folder, row, nets[fold[row["file"]]].shares)[0]
        for row in judge.rows(folder)
        if fold[row["file"]] in nets
    ]
    return [
        judge.summary(
            [j for j in judgements if j["style"] == style],
            data=f"rendered specimens, {style} (cross-validated, {len(nets)} of {FOLDS} folds)",
        )
        for style in STYLES
    ]


def ship(
    trained: Path, *, samples: list[Sample], metrics: list[dict[str, Any]], steps: int
) -> None:
    """Put the segmenter trained on all photos among the resources, with its figures."""
    card = blank_card().model_copy(
        update={
            "metrics": metrics,
            "splits": {"train": [sample.file for sample in samples]},
            "recipe": {"steps": steps, "batch": BATCH, "seed": SEED, "folds": FOLDS},
            "created_utc": datetime.now(UTC).isoformat(timespec="seconds"),
        }
    )
    bundle.save(MODEL, module=bundle.load(trained).module, card=card)


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--shared", type=Path, default=ROOT.parent / "shared")
    parser.add_argument("--work", type=Path, default=ROOT / "build" / "specimens")
    parser.add_argument("--only", choices=PARTS, help="train this part and stop")
    parser.add_argument("--without", nargs="*", default=[], choices=PARTS[1:])
    parser.add_argument("--steps", type=int, default=STEPS)
    parser.add_argument("--rounds", type=int, default=ROUNDS)
    options = parser.parse_args()
    torch.set_num_threads(1)
    options.work.mkdir(parents=True, exist_ok=True)
    folder = options.shared / "data" / "specimens"
    samples = read_samples(folder)
    wanted = [options.only] if options.only else [p for p in PARTS if p not in options.without]
    files = {name: made(name, samples=samples, options=options) for name in wanted}
    if not options.only:
        nets = {int(n[-1]): Segmenting(file) for n, file in files.items() if n != "all"}
        metrics = crossed(folder, nets, fold_of(samples))
        steps = options.steps * options.rounds
        ship(files["all"], samples=samples, metrics=metrics, steps=steps)
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
