#!/usr/bin/env python
"""Make the object finder of the size tool, resources/models/specimens-rendered.safetensors and
.onnx.

  packaging/specimens/train.py [--shared ../shared] [--rendered build/specimens/rendered]
                               [--only all|fold0|fold1|fold2]

Starts from MobileNetV2 and learns from the 96 rendered photos of ../shared/data/specimens and
from those that render.py made, where there are any. Three folds of the 96, each judged on photos
it has not seen, give the figures on the card; the model that is shipped is trained on all
photos. Parts that are done are kept in build/specimens; with --only, several may be trained at
once: a part takes a core about two hours. With --start DIR the parts go on from those of an
earlier training with the same folds, look oftener at photos that these do badly on, and come out
as a mean of what they were and what they became (Wortsman et al. 2022, "Model soups").
"""

from __future__ import annotations

import argparse
import json
import time
from collections.abc import Iterable, Iterator
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import cv2
import judge
import numpy as np
import torch
from numpy.typing import NDArray
from safetensors.torch import load_file
from scenes import Sample, Scenes, read_samples
from torch import Tensor, nn
from torch.nn import functional
from torch.optim.swa_utils import AveragedModel, get_ema_multi_avg_fn
from torch.utils.data import DataLoader, IterableDataset, get_worker_info

import geoview
from geoview.models import bundle, graph
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
# Training pictures, width and height.
SIZES = ((192, 160), (160, 192))
STYLES = ("catalogue", "hard", "negative")
# How much oftener one of the 96 photos is taken than one of render.py's, which are plainer; and
# how much oftener one that the earlier network gets wholly wrong than one that it gets right.
HELD_WEIGHT, WRONG_WEIGHT = 6.0, 8.0
SEED = 7
BATCH = 8
STEPS = 12000
# The last of the training is averaged over about so many steps.
EMA_STEPS = 300
# How much of a network that went on from another is what it became; the rest is what it was.
LATER = 0.6
# Rates of the backbone and of what is new.
RATES = [3e-4, 3e-3]


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
        trained_on=["rendered museum photos with id masks, and scenes composed of them"],
        app_version=geoview.__version__,
    )


def fold_of(samples: list[Sample]) -> dict[str, int]:
    """The fold that holds each of the 96 photos out: in turn within each style."""
    return {sample.file: int(sample.file.split("_")[1][:3]) % FOLDS for sample in samples}


def fresh(weights: Path, *, seed: int) -> nn.Module:
    """An untrained segmenter on the pretrained backbone."""
    torch.manual_seed(seed)
    module = build(blank_card())
    transfer(module, load_file(weights))
    return module


def train(module: nn.Module, samples: list[Sample], *, options: argparse.Namespace) -> nn.Module:
    """``module`` trained on ``samples`` and scenes composed of them, averaged, on the CPU."""
    device = "cuda" if torch.cuda.is_available() else "cpu"
    module = module.to(device, memory_format=torch.channels_last)  # type: ignore[call-overload]
    optimiser, schedule = _optimiser(module, options.steps)
    averaged = AveragedModel(module, multi_avg_fn=get_ema_multi_avg_fn(1 - 1 / EMA_STEPS))
    begun = time.monotonic()
    for step, (x, y) in enumerate(_batches(samples, options)):
        loss = _loss(module, x.to(device), y.to(device))
        optimiser.zero_grad()
        loss.backward()
        nn.utils.clip_grad_norm_(module.parameters(), 5.0)
        optimiser.step()
        schedule.step()
        averaged.update_parameters(module)
        if step % 50 == 0:
            took = time.monotonic() - begun
            print(f"step {step}/{options.steps} loss {loss.item():.3f} {took:.0f} s", flush=True)
        if step + 1 == options.steps:
            break
    return averaged.module.cpu().eval()


class Stream(IterableDataset[tuple[Tensor, Tensor]]):
    """Batches of scenes, (x float32 [B, 3, h, w], y int64 [B, h, w]), wide and high in turn; each
    worker has scenes of its own."""

    def __init__(self, samples: list[Sample], seed: int) -> None:
        self.samples, self.seed = samples, seed

    def __iter__(self) -> Iterator[tuple[Tensor, Tensor]]:
        worker = get_worker_info()
        seed = self.seed + 1000 * (worker.id if worker else 0)
        sources = [Scenes(self.samples, size=size, seed=seed) for size in SIZES]
        while True:
            for source in sources:
                yield _batch(source)


def _batches(samples: list[Sample], options: argparse.Namespace) -> Iterable[tuple[Tensor, Tensor]]:
    torch.manual_seed(SEED)
    stream = Stream(samples, SEED)
    return DataLoader(stream, batch_size=None, num_workers=options.workers)


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
    groups = [{"params": part, "lr": rate} for part, rate in zip((slow, fast), RATES, strict=True)]
    optimiser = torch.optim.AdamW(groups, weight_decay=1e-3)
    schedule = torch.optim.lr_scheduler.OneCycleLR(
        optimiser, max_lr=RATES, total_steps=steps, pct_start=0.1
    )
    return optimiser, schedule


def _batch(scenes: Scenes) -> tuple[Tensor, Tensor]:
    pictures, labels = zip(*(scenes.one() for _ in range(BATCH)), strict=True)
    x = torch.from_numpy(np.stack(pictures)).permute(0, 3, 1, 2).float() / 127.5 - 1
    return x, torch.from_numpy(np.stack(labels)).long()


def _loss(module: nn.Module, x: Tensor, y: Tensor) -> Tensor:
    """Cross-entropy plus the Dice loss of the classes that are there."""
    x = x.contiguous(memory_format=torch.channels_last)
    logits = functional.interpolate(module(x), size=y.shape[-2:], mode="bilinear")
    shares = logits.softmax(1)
    truth = functional.one_hot(y, len(CLASSES)).permute(0, 3, 1, 2).float()
    both, total = (shares * truth).sum((0, 2, 3)), (shares + truth).sum((0, 2, 3))
    dice = 1 - 2 * both / total.clamp(min=1)
    there = truth.sum((0, 2, 3)) > 0
    there[0] = False
    weights = torch.tensor(CLASS_WEIGHTS, device=x.device)
    return functional.cross_entropy(logits, y, weight=weights) + 0.5 * dice[there].sum() / 4


def made(name: str, *, held: list[Sample], more: list[Sample], options: argparse.Namespace) -> Path:
    """The trained segmenter "all" or "fold0" …; what is there stays."""
    file: Path = options.work / f"{name}.safetensors"
    if not file.exists():
        fold = fold_of(held)
        seen = [s for s in held if f"fold{fold[s.file]}" != name]
        samples = [*seen, *more]
        if options.start:
            module = bundle.load(options.start / file.name).module
            samples = weighed(samples, Segmenting(options.start / file.name))
        else:
            module = fresh(options.shared / "weights" / "mobilenetv2_100.safetensors", seed=SEED)
        before = {key: value.clone() for key, value in module.state_dict().items()}
        module = train(module, samples, options=options)
        if options.start:
            module.load_state_dict(mixed(before, module.state_dict()))
        graph.save(file, module=module, card=blank_card())
    return file


def weighed(samples: list[Sample], net: Segmenting) -> list[Sample]:
    """The photos, to be taken the oftener the worse a network does on them."""
    wrong = [_wrong(sample, net.shares(sample.pixels)) for sample in samples]
    print(f"the earlier network labels {np.mean(wrong):.1%} of things wrongly", flush=True)
    return [
        replace(sample, weight=sample.weight * (1 + (WRONG_WEIGHT - 1) * part))
        for sample, part in zip(samples, wrong, strict=True)
    ]


def _wrong(sample: Sample, shares: NDArray[np.float32]) -> float:
    """Of all that is a thing or was taken for one, the part that got another class."""
    found = shares.argmax(axis=2)
    true = cv2.resize(sample.labels, found.shape[::-1], interpolation=cv2.INTER_NEAREST)
    things = (found > 0) | (true > 0)
    return float((found != true)[things].mean()) if things.any() else 0.0


def mixed(before: dict[str, Tensor], after: dict[str, Tensor]) -> dict[str, Tensor]:
    """A mean of two states of one network; counters are those of the later one."""
    return {
        key: torch.lerp(before[key], value, LATER) if value.is_floating_point() else value
        for key, value in after.items()
    }


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
    trained: Path,
    *,
    samples: list[Sample],
    metrics: list[dict[str, Any]],
    options: argparse.Namespace,
) -> None:
    """Put the segmenter trained on all photos among the resources, with its figures."""
    start = options.start and bundle.load(options.start / trained.name).ref.sha256
    card = blank_card().model_copy(
        update={
            "metrics": metrics,
            "splits": {"train": [sample.file for sample in samples]},
            "recipe": {"steps": options.steps, "batch": BATCH, "seed": SEED, "start": start},
            "created_utc": datetime.now(UTC).isoformat(timespec="seconds"),
        }
    )
    graph.save(MODEL, module=bundle.load(trained).module, card=card)


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--shared", type=Path, default=ROOT.parent / "shared")
    parser.add_argument("--work", type=Path, default=ROOT / "build" / "specimens")
    parser.add_argument("--rendered", type=Path, default=ROOT / "build" / "specimens" / "rendered")
    parser.add_argument("--only", choices=PARTS, help="train this part and stop")
    parser.add_argument("--start", type=Path, help="folder of parts to go on from")
    parser.add_argument("--without", nargs="*", default=[], choices=PARTS[1:])
    parser.add_argument("--steps", type=int, default=STEPS)
    parser.add_argument("--workers", type=int, default=0, help="processes that make the scenes")
    options = parser.parse_args()
    torch.set_num_threads(1)
    cv2.setNumThreads(0)  # threads of its own would not live on in the workers
    options.work.mkdir(parents=True, exist_ok=True)
    folder = options.shared / "data" / "specimens"
    held, more = read_samples(folder, weight=HELD_WEIGHT), read_samples(options.rendered)
    print(f"{len(held)} photos of the project's data, {len(more)} rendered besides", flush=True)
    (options.work / "folds.json").write_text(json.dumps(fold_of(held)), encoding="utf-8")
    wanted = [options.only] if options.only else [p for p in PARTS if p not in options.without]
    files = {name: made(name, held=held, more=more, options=options) for name in wanted}
    if not options.only:
        nets = {int(n[-1]): Segmenting(file) for n, file in files.items() if n != "all"}
        metrics = crossed(folder, nets, fold_of(held))
        ship(files["all"], samples=[*held, *more], metrics=metrics, options=options)
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
