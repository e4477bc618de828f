"""ROAD: does the answer follow the evidence? (Rong et al. 2022, "remove and debias").

Pixels are removed in the order of a map and imputed from their neighbours with a little noise, so
that the removed shape itself tells nothing; then the network is asked again. MoRF removes the most
relevant pixels first (a good map makes the score fall), LeRF the least relevant first (it should
stay). A percentile is the share of the pixels that is *kept*.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor, nn

from geoview.callbacks import never
from geoview.errors import Cancelled, PhotoError
from geoview.explain.impute import NOISE, impute
from geoview.models.bundle import LoadedModel
from geoview.models.card import ModelCard
from geoview.models.engine import Engine
from geoview.models.prefetch import prepare
from geoview.models.runner import normalise
from geoview.photos.frame import Frame
from geoview.records import Heatmap, Photo

if TYPE_CHECKING:
    from numpy.typing import NDArray

PERCENTILES = tuple(range(10, 100, 10))
BATCH = 6


@dataclass(frozen=True, slots=True)
class RoadScore:
    """Mean change of a class's score over the percentiles, for each order of removal.

    With probabilities all lie in -1…1. ``combined`` = (``lerf`` − ``morf``) / 2 is above 0 for a
    map that shows what the network uses, and about 0 for a random one.
    """

    morf: float
    lerf: float

    @property
    def combined(self) -> float:
        return (self.lerf - self.morf) / 2


def road_of(
    source: Engine | LoadedModel,
    photo: Photo,
    heatmaps: Sequence[Heatmap],
    *,
    percentiles: Sequence[float] = PERCENTILES,
    seed: int = 0,
    cancelled: Callable[[], bool] = never,
) -> list[RoadScore]:
    """ROAD of a photo's heatmaps (of any classes and methods), one score each, in their order.

    The score is the class's calibrated probability. A photo of several tiles gets the mean of its
    tiles, by the share of the photo that each stands for. Costs 18 forward passes per heatmap and
    tile. Raises PhotoError when the photo cannot be read, and Cancelled.
    """
    model = source.model if isinstance(source, Engine) else source
    prepared = prepare(photo, card=model.card)
    if prepared.inputs is None or prepared.plan is None:
        raise PhotoError(f"{photo.file}: {prepared.reason}")
    module = _module(source)
    classes = [model.card.classes.index(heatmap.class_name) for heatmap in heatmaps]
    totals = np.zeros((len(heatmaps), 2))
    for i, tile in enumerate(prepared.plan.tiles):
        x = normalise(prepared.inputs[i : i + 1], model=model, module=module)
        scores = road(
            module,
            x=x,
            maps=np.stack([_in_input(heatmap, tile.frame) for heatmap in heatmaps])[None],
            classes=classes,
            score=probabilities(model.card),
            percentiles=percentiles,
            seed=seed,
            cancelled=cancelled,
        )[0]
        totals += tile.weight * np.array([(s.morf, s.lerf) for s in scores])
    return [RoadScore(float(morf), float(lerf)) for morf, lerf in totals]


def road(
    module: nn.Module,
    *,
    x: Tensor,
    maps: NDArray[np.float32],
    classes: Sequence[int],
    score: Callable[[Tensor], Tensor],
    percentiles: Sequence[float] = PERCENTILES,
    seed: int = 0,
    batch: int = BATCH,
    cancelled: Callable[[], bool] = never,
) -> list[list[RoadScore]]:
    """ROAD of every map of every input: a list per input with one score per class.

    ``x`` are B normalised inputs [B, 3, S, S] where the network is; ``maps`` [B, k, h, w] of the k
    ``classes``, on any grid (brought to S × S bilinearly); ``score`` turns logits [N, n] into
    scores, see ``probabilities``. Equal values of a map are removed in a random order that
    ``seed`` fixes, as it does the noise. Raises Cancelled.
    """
    scores = []
    for image, of_image in zip(x, maps, strict=True):
        with torch.inference_mode():
            before = score(module(image[None]).logits.float())[0, list(classes)].double().cpu()
        random = _Random.of(image, seed=seed)
        row = []
        for number, values, first in zip(classes, of_image, before, strict=True):
            keeps = _keeps(values, random=random, percentiles=percentiles)
            after = _after(
                module, image, keeps, random=random, score=score, batch=batch, cancelled=cancelled
            )
            change = (after[:, number] - first).reshape(2, -1).mean(1)
            row.append(RoadScore(float(change[0]), float(change[1])))
        scores.append(row)
    return scores


def probabilities(card: ModelCard) -> Callable[[Tensor], Tensor]:
    """The score of a model: its calibrated probabilities."""

    def score(logits: Tensor) -> Tensor:
        calibrated = logits / card.temperature
        return calibrated.sigmoid() if card.task == "multi-label" else calibrated.softmax(-1)

    return score


@dataclass(frozen=True, slots=True, eq=False)
class _Random:
    """One input's noise [S, S, 3] and order of equal pixels [S²]; the same for all its classes,
    so that a class's score does not depend on which others are asked for."""

    noise: NDArray[np.float32]
    order: NDArray[np.int64]

    @classmethod
    def of(cls, image: Tensor, *, seed: int) -> _Random:
        rng = np.random.default_rng(seed)
        channels, height, width = image.shape
        noise = rng.normal(0, NOISE, (height, width, channels)).astype(np.float32)
        return cls(noise, rng.permutation(height * width))


def _keeps(
    values: NDArray[np.float32], *, random: _Random, percentiles: Sequence[float]
) -> NDArray[np.bool_]:
    """Which pixels stay, [2 · percentiles, S, S]: first for MoRF, then for LeRF."""
    size = random.noise.shape[:2]
    grid = torch.from_numpy(np.ascontiguousarray(values, np.float32))[None, None]
    fine = F.interpolate(grid, size=size, mode="bilinear").numpy().ravel()
    rising = random.order[np.argsort(fine[random.order], kind="stable")]
    counts = [int(np.ceil((fine.size - 1) * percentile / 100)) for percentile in percentiles]
    keeps = np.zeros((2, len(counts), fine.size), bool)
    for i, count in enumerate(counts):
        keeps[0, i, rising[:count]] = True
        keeps[1, i, rising[fine.size - count :]] = True
    return keeps.reshape(-1, *size)


def _after(
    module: nn.Module,
    image: Tensor,
    keeps: NDArray[np.bool_],
    *,
    random: _Random,
    score: Callable[[Tensor], Tensor],
    batch: int,
    cancelled: Callable[[], bool],
) -> Tensor:
    """Scores of the image with the other pixels imputed, [masks, n]."""
    pixels = image.detach().float().permute(1, 2, 0).contiguous().cpu().numpy()

    def removed(keep: NDArray[np.bool_]) -> Tensor:
        filled = impute(pixels, keep=keep) + np.where(keep[..., None], 0, random.noise)
        return torch.from_numpy(filled).permute(2, 0, 1)

    rows = []
    with ThreadPoolExecutor(max(1, torch.get_num_threads())) as pool:
        for start in range(0, len(keeps), batch):
            if cancelled():
                raise Cancelled("The check of the heatmaps was cancelled.")
            filled = torch.stack(list(pool.map(removed, keeps[start : start + batch])))
            with torch.inference_mode():
                logits = module(filled.to(image)).logits.float()
            rows.append(score(logits).double().cpu())
    return torch.cat(rows)


def _module(source: Engine | LoadedModel) -> nn.Module:
    """The network in the precision it predicts with."""
    return source.runner.module if isinstance(source, Engine) else source.module


def _in_input(heatmap: Heatmap, frame: Frame) -> NDArray[np.float32]:
    """A heatmap at every pixel of one input, [S, S]; below all others where there is no photo."""
    x0, y0, x1, y1 = heatmap.box_xyxy
    centres = np.arange(frame.input_px) + 0.5
    left, top = frame.to_original(0, 0)
    along, down = frame.original_px_per_input_px
    u = (left + centres * along - x0) / (x1 - x0)
    v = (top + centres * down - y0) / (y1 - y0)
    at = np.stack(np.broadcast_arrays(2 * u[None] - 1, 2 * v[:, None] - 1), -1)[None]
    grid = torch.from_numpy(heatmap.values)[None, None]
    sampled = F.grid_sample(
        grid, torch.from_numpy(at.astype(np.float32)), padding_mode="border", align_corners=False
    )[0, 0].numpy()
    inside = ((v >= 0) & (v <= 1))[:, None] & ((u >= 0) & (u <= 1))[None]
    return np.where(inside, sampled, -1).astype(np.float32)
