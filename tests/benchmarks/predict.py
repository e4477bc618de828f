"""Prediction on 12-megapixel JPEG photos, end to end: GeoView beside a transformers pipeline.

Both carry the same ViT-Ti weights at 448² on the same cores, one input per photo. The bare
forward pass (same network, precision and cores) and the scaled decode alone are the two ceilings.
Every round runs all of them in turn, so that a busy machine slows all alike; ratios are medians
over the rounds. The last line of output is one JSON object with the figures.
"""

from __future__ import annotations

import argparse
import json
import os
import statistics
import sys
import tempfile
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import numpy as np
import torch
from PIL import Image

from geoview import paths
from geoview.models import import_timm
from geoview.models.backbone import transfer
from geoview.models.bundle import LoadedModel
from geoview.models.card import ModelCard, Preprocess
from geoview.models.device import choose
from geoview.models.engine import Engine
from geoview.models.registry import build
from geoview.photos.decode import decode
from geoview.records import ModelRef, Photo

WIDTH_PX, HEIGHT_PX, INPUT_PX, CLASSES = 4000, 3000, 448, 7
MEAN, STD = (0.485, 0.456, 0.406), (0.229, 0.224, 0.225)
WEIGHTS = paths.resources().parent.parent / "shared/weights/deit_tiny_patch16_224.safetensors"
CORES = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--photos", type=int, default=48, help="how many photos")
    parser.add_argument("--rounds", type=int, default=3, help="how often each contender runs")
    parser.add_argument("--batch", type=int, default=None, help="inputs per forward pass")
    parser.add_argument("--workers", type=int, default=None, help="decode threads")
    parser.add_argument("--device", default="cpu")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="geoview-predict-") as name:
        photos = make_photos(Path(name), count=options.photos)
        contenders = prepare(photos, options)
        figures = measure(contenders, rounds=options.rounds)
    figures |= {"photos": len(photos), "cores": CORES, "model": "deit_tiny_patch16_224 at 448"}
    sys.stdout.write(json.dumps(figures) + "\n")
    return 0


def make_photos(folder: Path, *, count: int) -> list[Photo]:
    """Trays of cuttings at camera size: the samples enlarged, with grain, quality 88."""
    rng = np.random.default_rng(0)
    samples = sorted((paths.resources() / "samples/cuttings").glob("*.jpg"))
    photos = []
    for index in range(count):
        path = folder / f"WELL-B_{1000 + index:06.1f}m.jpg"
        if index < 12:
            _tray(samples, index, rng).save(path, quality=88)
        else:
            path.write_bytes(photos[index % 12].path.read_bytes())
        photos.append(Photo(path, path.name, path.stat().st_size, path.stat().st_mtime_ns))
    return photos


def _tray(samples: list[Path], index: int, rng: np.random.Generator) -> Image.Image:
    if samples:
        with Image.open(samples[index % len(samples)]) as sample:
            tile = np.asarray(sample.convert("RGB"))
    else:
        tile = rng.integers(0, 256, (128, 128, 3), np.uint8)
    tray = np.concatenate([tile, tile[:, ::-1]], 1)[: tile.shape[0] * 3 // 2]
    shown = Image.fromarray(tray).resize((WIDTH_PX, HEIGHT_PX), Image.Resampling.BICUBIC)
    grain = rng.normal(0, 3, (HEIGHT_PX, WIDTH_PX, 1))
    return Image.fromarray(np.clip(np.asarray(shown) + grain, 0, 255).astype(np.uint8))


def prepare(photos: list[Photo], options: argparse.Namespace) -> dict[str, Callable[[], int]]:
    """Functions that each handle some photos and return how many."""
    model = load_model()
    engine = Engine(
        model, choice=choose(options.device), batch=options.batch, workers=options.workers
    )
    warm = list(engine.run(photos[:16]))
    assert all(result.prediction for result in warm)
    sys.stdout.write(f"engine on {engine.choice.label}, {engine.workers} decode threads\n")
    pipe = load_pipeline(model)
    names = [str(photo.path) for photo in photos]
    some = names[: max(8, len(names) // 2)]
    bare = bare_forward(engine)

    def decoded() -> int:
        with ThreadPoolExecutor(CORES) as pool:
            return len(list(pool.map(lambda p: decode(p.path, at_least_px=INPUT_PX), photos)))

    def analysed() -> int:
        return sum(result.prediction is not None for result in engine.run(photos))

    return {
        "photos_per_s": analysed,
        "bare_forward_per_s": bare,
        "scaled_decode_per_s": decoded,
        "pipeline_photos_per_s": lambda: len(pipe(some)),
        "pipeline_batch8_photos_per_s": lambda: len(pipe(some, batch_size=8)),
    }


def load_model() -> LoadedModel:
    card = ModelCard(
        name="bench",
        title="Benchmark",
        architecture="timm-classifier",
        backbone="deit_tiny_patch16_224",
        task="single-label",
        classes=[f"class {i}" for i in range(CLASSES)],
        thresholds=[0.5] * CLASSES,
        preprocess=Preprocess(input_px=INPUT_PX, mean=MEAN, std=STD, fit="squash"),
    )
    torch.manual_seed(0)
    module = build(card)
    if WEIGHTS.is_file():
        from safetensors.torch import load_file

        transfer(module, load_file(WEIGHTS))
    return LoadedModel(card, ModelRef("bench", "0" * 64), module, Path("bench"))


def load_pipeline(model: LoadedModel) -> Any:
    """The pipeline as its documentation shows it, with the same weights; logits are compared."""
    import_timm()
    from transformers import ViTConfig, ViTForImageClassification, ViTImageProcessor, pipeline

    config = ViTConfig(
        hidden_size=192,
        num_attention_heads=3,
        num_hidden_layers=12,
        intermediate_size=768,
        image_size=INPUT_PX,
        num_labels=CLASSES,
        layer_norm_eps=1e-6,
    )
    network = ViTForImageClassification(config).eval()
    network.load_state_dict(converted(model.module.network.state_dict()))  # type: ignore[operator,union-attr]
    x = torch.randn(2, 3, INPUT_PX, INPUT_PX)
    with torch.inference_mode():
        torch.testing.assert_close(network(x).logits, model.module(x).logits, atol=1e-3, rtol=1e-3)
    processor = ViTImageProcessor(
        size={"height": INPUT_PX, "width": INPUT_PX}, image_mean=MEAN, image_std=STD
    )
    return pipeline("image-classification", model=network, image_processor=processor, device="cpu")


def converted(state: dict[str, torch.Tensor]) -> dict[str, torch.Tensor]:
    """timm's names of a ViT's weights → those of transformers."""
    names = {
        "norm1": "layernorm_before",
        "attn.proj": "attention.o_proj",
        "norm2": "layernorm_after",
        "mlp.fc1": "mlp.fc1",
        "mlp.fc2": "mlp.fc2",
    }
    out = {
        "vit.embeddings.cls_token": state["cls_token"],
        "vit.embeddings.position_embeddings": state["pos_embed"],
    }
    for kind in ("weight", "bias"):
        patch = "vit.embeddings.patch_embeddings.projection"
        out[f"{patch}.{kind}"] = state[f"patch_embed.proj.{kind}"]
        out[f"vit.layernorm.{kind}"] = state[f"norm.{kind}"]
        out[f"classifier.{kind}"] = state[f"head.{kind}"]
        for i in range(12):
            for ours, theirs in names.items():
                out[f"vit.layers.{i}.{theirs}.{kind}"] = state[f"blocks.{i}.{ours}.{kind}"]
            parts = state[f"blocks.{i}.attn.qkv.{kind}"].chunk(3)
            for part, value in zip("qkv", parts, strict=True):
                out[f"vit.layers.{i}.attention.{part}_proj.{kind}"] = value
    return out


def bare_forward(engine: Engine) -> Callable[[], int]:
    """The engine's own network on inputs that lie ready, at the batch size that suits it best."""
    module, choice = engine.runner.module, engine.choice

    def forward(batch: int, times: int) -> int:
        x = torch.randn(batch, 3, INPUT_PX, INPUT_PX, device=choice.device, dtype=choice.dtype)
        with torch.inference_mode():
            for _ in range(times):
                module(x).logits.float().cpu()
        return batch * times

    speeds = {}
    for batch in (4, 8, 16):
        forward(batch, 1)
        speeds[batch] = max(rate(lambda b=batch: forward(b, 16 // b)) for _ in range(2))  # type: ignore[misc]
    best = max(speeds, key=speeds.__getitem__)
    sys.stdout.write(f"bare forward is fastest in batches of {best}\n")
    return lambda: forward(best, 48 // best)


def measure(contenders: dict[str, Callable[[], int]], *, rounds: int) -> dict[str, Any]:
    rounds_of: list[dict[str, float]] = []
    for _ in range(rounds):
        rounds_of.append({name: rate(run) for name, run in contenders.items()})
        shown = ", ".join(f"{name} {value:.1f}" for name, value in rounds_of[-1].items())
        sys.stdout.write(shown + "\n")
        sys.stdout.flush()
    figures: dict[str, Any] = {
        name: round(statistics.median(r[name] for r in rounds_of), 2) for name in contenders
    }
    pipelines = ("pipeline_photos_per_s", "pipeline_batch8_photos_per_s")
    ceilings = ("bare_forward_per_s", "scaled_decode_per_s")
    ratios = {
        "ratio_pipeline": [r["photos_per_s"] / max(r[p] for p in pipelines) for r in rounds_of],
        "ratio_slower": [r["photos_per_s"] / min(r[c] for c in ceilings) for r in rounds_of],
    }
    return figures | {name: round(statistics.median(v), 3) for name, v in ratios.items()}


def rate(run: Callable[[], int]) -> float:
    start = time.perf_counter()
    count = run()
    return count / (time.perf_counter() - start)


if __name__ == "__main__":
    sys.exit(main())
