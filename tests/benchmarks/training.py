"""Training throughput: GeoView's loop beside transformers' Trainer and a plain PyTorch loop.

The same photos, backbone, batch, device, precision, random resized crop and flips in all three;
the others decode with Pillow in DataLoader workers as their tutorials do. Photos per second over
all epochs, the first (which fills GeoView's cache) included, and without it. The last line is one
JSON object with the ratios.
"""

from __future__ import annotations

import argparse
import json
import os
import statistics
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import torch
from PIL import Image
from torch import nn
from torch.utils.data import DataLoader, Dataset

from geoview.models import mend_torchvision
from geoview.models.backbone import create_timm
from geoview.training import begin, data, hardware
from geoview.training.images import ImageCache
from geoview.training.loop import Trainer
from geoview.training.recipe import Recipe

DATA = Path(__file__).resolve().parents[3] / "shared" / "data"
CROP, SIDE = (0.5, 1.0), 224


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--data", type=Path, default=DATA / "minerals7")
    parser.add_argument(
        "--backbones", nargs="+", default=["deit_tiny_patch16_224", "mobilenetv2_100"]
    )
    parser.add_argument("--photos", type=int, default=256)
    parser.add_argument("--batch", type=int, default=32)
    parser.add_argument("--epochs", type=int, default=3)
    parser.add_argument(
        "--megapixels", type=float, default=0, help="enlarge the photos, as a camera takes them"
    )
    parser.add_argument(
        "--precision", choices=("auto", "bf16", "fp32"), default="auto",
        help="the same in all three; auto: bf16 where the processor has it",
    )  # fmt: skip
    parser.add_argument("--device", choices=("auto", "cpu", "cuda"), default="auto")
    options = parser.parse_args()
    if options.device == "auto":
        options.device = "cuda" if torch.cuda.is_available() else "cpu"
    if options.precision == "auto":
        options.precision = "bf16" if hardware.precision("auto") == "bf16-mixed" else "fp32"
    dataset = data.load(options.data)
    step = max(1, len(dataset.items) // options.photos)
    items = dataset.items[::step][: options.photos // options.batch * options.batch]
    if options.megapixels:
        scratch = tempfile.TemporaryDirectory()
        items = [_enlarged(item, Path(scratch.name), options.megapixels) for item in items]
    figures = {
        "photos": len(items),
        "megapixels": options.megapixels,
        "device": options.device,
        "precision": options.precision,
        "ratios": {name: _ratios(name, items, dataset, options) for name in options.backbones},
    }
    _say(json.dumps(figures))
    return 0


def _ratios(
    backbone: str, items: list[data.Item], dataset: data.Dataset, options: argparse.Namespace
) -> dict[str, dict[str, float]]:
    """GeoView's photos per second in parts of the others', with a backbone."""
    options.backbone = backbone
    _say(f"\n{backbone}")
    names = ("GeoView", "plain PyTorch loop", "transformers Trainer")
    loops: tuple[Callable[..., list[float]], ...] = (_geoview, _plain, _transformers)
    found = {}
    for name, loop in zip(names, loops, strict=True):
        seconds = loop(items, dataset, options)
        whole = len(items) * len(seconds) / sum(seconds)
        steady = len(items) / statistics.median(seconds[1:])
        found[name] = (whole, steady)
        _say(f"{name:<22} {whole:7.1f} photos/s with the first epoch, {steady:7.1f} after it")
    ours = found["GeoView"]
    ratios = {
        other: {
            "with_first_epoch": round(ours[0] / found[other][0], 2),
            "after": round(ours[1] / found[other][1], 2),
        }
        for other in names[1:]
    }
    for other, ratio in ratios.items():
        _say(f"GeoView / {other}: {ratio['with_first_epoch']:.2f}, later {ratio['after']:.2f}")
    return ratios


def _enlarged(item: data.Item, folder: Path, megapixels: float) -> data.Item:
    with Image.open(item.path) as image:
        pixels = image.convert("RGB")
    scale = (megapixels * 1e6 / (pixels.width * pixels.height)) ** 0.5
    size = (round(pixels.width * scale), round(pixels.height * scale))
    path = folder / f"{item.path.parent.name}_{item.path.stem}.jpg"
    pixels.resize(size, Image.Resampling.BICUBIC).save(path, quality=90)
    return replace(item, path=path)


def _geoview(items: Any, dataset: data.Dataset, options: argparse.Namespace) -> list[float]:
    plan = Recipe.model_validate({
        "model": {"name": "speed", "title": "Speed", "architecture": "timm-classifier",
                  "backbone": options.backbone},
        "preprocess": {"input_px": SIDE},
        "augment": {"crop": CROP, "quarter_turns": False},
        "train": {"epochs": options.epochs, "batch": options.batch, "lr": 1e-4,
                  "precision": options.precision},
    })  # fmt: skip
    card = begin.new_card(plan, dataset, {"train": (), "val": (), "test": ()})
    module, card = begin.new_module(plan, card, dataset, {"train": ()}, _ignore)
    with tempfile.TemporaryDirectory() as folder:
        trainer = Trainer(
            module, recipe=plan, card=card, cache=ImageCache(Path(folder), card.preprocess),
            train=list(items), val=list(items[:1]), job=Path(folder), emit=_ignore,
            device=options.device,
        )  # fmt: skip
        seconds = []
        for epoch in range(options.epochs):
            trainer.epoch, trainer.step_in_epoch = epoch, 0
            started = time.perf_counter()
            trainer._train_epoch()
            seconds.append(time.perf_counter() - started)
    return seconds


def _ignore(*args: object, **fields: object) -> None:
    return None


class _Photos(Dataset[dict[str, Any]]):
    """What a tutorial's dataset does: open with Pillow, transform, label."""

    def __init__(self, items: Any) -> None:
        mend_torchvision()
        from timm.data import create_transform

        self.items = items
        self.transform = create_transform(
            SIDE, is_training=True, scale=CROP, hflip=0.5, vflip=0.5, color_jitter=None,
            auto_augment=None, interpolation="bilinear",
        )  # fmt: skip

    def __len__(self) -> int:
        return len(self.items)

    def __getitem__(self, index: int) -> dict[str, Any]:
        item = self.items[index]
        with Image.open(item.path) as image:
            pixels = self.transform(image.convert("RGB"))
        return {"pixel_values": pixels, "labels": item.labels.index(1.0)}


class _Classifier(nn.Module):
    def __init__(self, name: str, classes: int) -> None:
        super().__init__()
        self.network = create_timm(name, input_px=SIDE, num_classes=classes)

    def forward(self, pixel_values: torch.Tensor, labels: torch.Tensor) -> dict[str, torch.Tensor]:
        logits = self.network(pixel_values)
        return {"loss": nn.functional.cross_entropy(logits.float(), labels), "logits": logits}


def _plain(items: Any, dataset: data.Dataset, options: argparse.Namespace) -> list[float]:
    model = _Classifier(options.backbone, len(dataset.classes)).to(options.device)
    optimiser = torch.optim.AdamW(model.parameters(), lr=1e-4)
    loader = DataLoader(
        _Photos(items), options.batch, shuffle=True, num_workers=os.cpu_count() or 1,
        persistent_workers=True, drop_last=True, pin_memory=options.device == "cuda",
    )  # fmt: skip
    bf16 = options.precision == "bf16"
    seconds = []
    for _ in range(options.epochs):
        started = time.perf_counter()
        for batch in loader:
            there = {k: v.to(options.device, non_blocking=True) for k, v in batch.items()}
            with torch.autocast(options.device, torch.bfloat16, enabled=bf16):
                loss = model(**there)["loss"]
            optimiser.zero_grad()
            loss.backward()
            nn.utils.clip_grad_norm_(model.parameters(), 1.0)
            optimiser.step()
        loss.item()  # waits for the device
        seconds.append(time.perf_counter() - started)
    return seconds


def _transformers(items: Any, dataset: data.Dataset, options: argparse.Namespace) -> list[float]:
    mend_torchvision()
    import transformers

    class Clock(transformers.TrainerCallback):  # type: ignore[misc]
        def __init__(self) -> None:
            self.marks: list[float] = []

        def on_epoch_begin(self, *args: Any, **kwargs: Any) -> None:
            self.marks.append(time.perf_counter())

        def on_epoch_end(self, *args: Any, **kwargs: Any) -> None:
            self.marks.append(time.perf_counter())

    clock = Clock()
    with tempfile.TemporaryDirectory() as folder:
        trainer = transformers.Trainer(
            _Classifier(options.backbone, len(dataset.classes)),
            transformers.TrainingArguments(
                output_dir=folder, per_device_train_batch_size=options.batch,
                num_train_epochs=options.epochs, learning_rate=1e-4,
                use_cpu=options.device == "cpu",
                bf16=options.precision == "bf16", dataloader_num_workers=os.cpu_count() or 1,
                dataloader_persistent_workers=True, dataloader_drop_last=True, report_to=[],
                save_strategy="no", logging_strategy="no", disable_tqdm=True,
            ),
            train_dataset=_Photos(items), callbacks=[clock],
        )  # fmt: skip
        trainer.train()
    pairs: Iterator[float] = iter(clock.marks)
    return [end - start for start, end in zip(pairs, pairs, strict=True)]


def _say(text: str) -> None:
    sys.stdout.write(text + "\n")
    sys.stdout.flush()


if __name__ == "__main__":
    sys.exit(main())
