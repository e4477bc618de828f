"""Masks from heatmaps without any segmentation data to learn from (P2, section 6).

A heatmap becomes a mask when the classifier is right about the class and the heatmap is faithful
(ROAD-combined above a limit); it is then cut at Otsu's threshold times a factor. The factor is 1,
or tuned on masks of photos that are not measured on (the paper's few-shot variant).
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import cv2
import numpy as np

from geoview import masks
from geoview.callbacks import never
from geoview.explain.road import road_of
from geoview.masks import Mask
from geoview.models.bundle import LoadedModel
from geoview.models.engine import Engine
from geoview.records import Heatmap, PhotoResult, Prediction, Segmentation
from geoview.taxonomy import canonical

if TYPE_CHECKING:
    from numpy.typing import NDArray

FACTORS = tuple(round(0.3 + 0.1 * i, 1) for i in range(15))
# Otsu's histogram does not change with more pixels than these.
_HISTOGRAM_PX = 512


@dataclass(frozen=True, slots=True)
class SegmentRules:
    """Settings of a segmentation.

    ``road_above``: ROAD-combined that a heatmap must exceed, None to use every heatmap.
    ``otsu_factor`` multiplies Otsu's threshold.
    """

    road_above: float | None = 0.2
    otsu_factor: float = 1.0


@dataclass(frozen=True, slots=True)
class MaskScores:
    """Agreement of a mask with the truth, pixel by pixel (P2, eq. 3 to 6); 0 where undefined."""

    precision: float
    recall: float
    f1: float
    iou: float


def segment_photo(
    source: Engine | LoadedModel,
    result: PhotoResult,
    heatmaps: Sequence[Heatmap],
    *,
    rules: SegmentRules,
    labels: Iterable[str] | None = None,
    roads: Sequence[float | None] | None = None,
    cancelled: Callable[[], bool] = never,
) -> list[Segmentation]:
    """One segmentation per heatmap of an analysed photo, with a reason where there is no mask.

    ``labels`` are the classes known to be in the photo; without them the model counts as right
    where a class reaches its threshold. ``roads`` are ROAD-combined of the heatmaps where they
    are known already; what the rules need beyond that is measured here (see ``road_of`` for what
    it costs and raises).
    """
    made = result.prediction
    assert made is not None, "only an analysed photo can be segmented"
    reasons = [_refusal(made, heatmap, labels=labels) for heatmap in heatmaps]
    known = list(roads or [None] * len(heatmaps))
    if rules.road_above is not None:
        wanted = [i for i, why in enumerate(reasons) if not why and known[i] is None]
        scores = road_of(
            source, result.photo, [heatmaps[i] for i in wanted], cancelled=cancelled
        ) if wanted else []  # fmt: skip
        for i, score in zip(wanted, scores, strict=True):
            known[i] = score.combined
    return [
        _segmentation(heatmap, made=made, file=result.photo.file, road=road, why=why, rules=rules)
        for heatmap, road, why in zip(heatmaps, known, reasons, strict=True)
    ]


def _segmentation(
    heatmap: Heatmap,
    *,
    made: Prediction,
    file: str,
    road: float | None,
    why: str,
    rules: SegmentRules,
) -> Segmentation:
    limit = rules.road_above
    if not why and limit is not None and road is not None and not road > limit:
        why = f"the heatmap is not faithful enough (ROAD {road:.2f}, needs more than {limit:g})"
    threshold = otsu(heatmap) * rules.otsu_factor
    mask = masks.empty(made.width_px, made.height_px)
    if not why:
        mask = mask_above(
            heatmap, threshold, width_px=made.width_px, height_px=made.height_px
        )  # fmt: skip
    return Segmentation(
        file, heatmap.class_name, heatmap.method, heatmap.model, mask, threshold, road, why
    )


def _refusal(made: Prediction, heatmap: Heatmap, *, labels: Iterable[str] | None) -> str:
    """Why a heatmap may not become a mask whatever it looks like; "" if it may."""
    name = heatmap.class_name
    if labels is not None and canonical(name) not in {canonical(label) for label in labels}:
        return f"{name} is not among the photo's labels"
    if not _says(made, name):
        return f"the model does not find {name} here"
    return "no evidence" if heatmap.peak <= 0 else ""


def _says(made: Prediction, name: str) -> bool:
    """Whether the model answers with a class: above its threshold, for one answer also the best."""
    at = made.classes.index(name)
    reached = made.probabilities[at] >= made.thresholds[at]
    return reached and (made.multi_label or made.probabilities[at] == max(made.probabilities))


def otsu(heatmap: Heatmap) -> float:
    """Otsu's threshold (1979) of a heatmap, in its raw values; from 256 levels up to the peak."""
    if heatmap.peak <= 0:
        return 0.0
    rows, columns = heatmap.values.shape
    factor = max(1, _HISTOGRAM_PX // max(rows, columns))
    fine = cv2.resize(heatmap.values / heatmap.peak, (columns * factor, rows * factor))
    levels = np.round(np.clip(fine, 0, 1) * 255).astype(np.uint8)
    level, _ = cv2.threshold(levels, 0, 255, cv2.THRESH_BINARY | cv2.THRESH_OTSU)
    # Levels above the found one are inside, so the border lies between it and the next.
    return float((level + 0.5) / 255 * heatmap.peak)


def mask_above(heatmap: Heatmap, threshold: float, *, width_px: int, height_px: int) -> Mask:
    """Pixels of the photo where the heatmap, drawn smoothly over its box, exceeds a threshold."""
    inside = np.zeros((height_px, width_px), bool)
    x0, y0, x1, y1 = (round(v) for v in heatmap.box_xyxy)
    inside[y0:y1, x0:x1] = cv2.resize(heatmap.values, (x1 - x0, y1 - y0)) > threshold
    return masks.pack(inside)


def label_map(
    segmentations: Sequence[Segmentation], heatmaps: Sequence[Heatmap]
) -> NDArray[np.uint8]:
    """Number of the class of every pixel, uint8 (height, width): 0 none, i + 1 the i-th mask.

    Where masks lie over each other the class counts whose evidence is furthest above its own
    threshold. Holds at most 255 masks of one photo.
    """
    first = segmentations[0].mask
    out = np.zeros((first.height_px, first.width_px), np.uint8)
    best = np.zeros(out.shape, np.float32)
    for number, (one, heatmap) in enumerate(zip(segmentations, heatmaps, strict=True), start=1):
        if one.reason or not one.mask.area_px or one.threshold <= 0:
            continue
        x0, y0, x1, y1 = (round(v) for v in heatmap.box_xyxy)
        strength = cv2.resize(heatmap.values / one.threshold, (x1 - x0, y1 - y0))
        wins = masks.unpack(one.mask)[y0:y1, x0:x1] & (strength > best[y0:y1, x0:x1])
        best[y0:y1, x0:x1][wins] = strength[wins]
        out[y0:y1, x0:x1][wins] = number
    return out


def scores(inside: NDArray[np.bool_], truth: NDArray[np.bool_]) -> MaskScores:
    """Precision, recall, F1 and IoU of a mask against the true one of the same shape."""
    hits = int((inside & truth).sum())
    found, there = int(inside.sum()), int(truth.sum())
    return MaskScores(
        precision=hits / found if found else 0.0,
        recall=hits / there if there else 0.0,
        f1=2 * hits / (found + there) if found + there else 0.0,
        iou=hits / (found + there - hits) if found + there else 0.0,
    )


def tune_factor(
    examples: Iterable[tuple[Heatmap, NDArray[np.bool_]]], *, factors: Sequence[float] = FACTORS
) -> float:
    """The factor on Otsu's threshold with the best mean F1 on validation masks.

    Each example is a heatmap and the true mask of the photo, shape (h, w); it may be a reduced
    one. Never give masks of photos that are measured on later. Raises ValueError without any.
    """
    rows = []
    for heatmap, truth in examples:
        height, width = truth.shape
        cut = otsu(heatmap)
        found = [
            mask_above(
                over(heatmap, width_px=width, height_px=height),
                cut * f,
                width_px=width,
                height_px=height,
            )
            for f in factors
        ]
        rows.append([scores(masks.unpack(mask), truth).f1 for mask in found])
    if not rows:
        raise ValueError("tuning the threshold needs at least one mask")
    return float(factors[int(np.mean(rows, axis=0).argmax())])


def over(heatmap: Heatmap, *, width_px: int, height_px: int) -> Heatmap:
    """The same map over a picture of another size; it must cover the whole photo."""
    box = (0.0, 0.0, float(width_px), float(height_px))
    return Heatmap(
        heatmap.class_name, heatmap.method, heatmap.values, box, heatmap.peak, heatmap.model
    )
