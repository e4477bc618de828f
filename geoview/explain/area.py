"""Area of every lithology in a photo, in % of all lithologies together: several ways to estimate.

``tests/benchmarks/area.py`` measures them against the exact shares of the rendered wells; the
first that a model offers in ``WAYS`` is used.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence

import numpy as np
from numpy.typing import NDArray

from geoview.explain.segment import label_map, mask_above, otsu
from geoview.records import AreaEstimate, Heatmap, Prediction, Segmentation

Floats = NDArray[np.float64]


def area_head(made: Prediction) -> Floats | None:
    """The model's own estimate: the mean of its patches' shares over the tiles."""
    return None if made.area_pct is None else np.asarray(made.area_pct)


def probability_weighted(made: Prediction) -> Floats | None:
    """Each tile shared out by the probabilities of the classes that reach their threshold in it."""
    rows = [tile.probabilities for tile in made.tiles] or [made.probabilities]
    p = np.asarray(rows)
    return _to_hundred(np.where(p >= np.asarray(made.thresholds), p, 0.0).sum(0))


def map_pixels(made: Prediction, heatmaps: Sequence[Heatmap]) -> Floats | None:
    """Every pixel to the class with the largest share in it, if that is more than none at all.

    For maps of shares ("area-map").
    """
    values = _stack(made, heatmaps)
    if values is None:
        return None
    rest = 1 - values.sum(0, keepdims=True)
    owner = np.concatenate([values, rest]).argmax(0)
    return _to_hundred(np.bincount(owner.ravel(), minlength=len(values) + 1)[:-1].astype(float))


def evidence_mass(made: Prediction, heatmaps: Sequence[Heatmap]) -> Floats | None:
    """The sum of every class's map."""
    values = _stack(made, heatmaps)
    return None if values is None else _to_hundred(values.sum((1, 2), dtype=np.float64))


def otsu_pixels(
    made: Prediction, heatmaps: Sequence[Heatmap], *, otsu_factor: float = 1.0
) -> Floats | None:
    """Pixels of the Otsu masks of the classes that reach their threshold; overlaps are settled.

    None where the map of one of these classes lacks.
    """
    shown = [h for h in heatmaps if _reached(made, h.class_name) and h.peak > 0]
    if not shown or len(shown) < sum(_reached(made, name) for name in made.classes):
        return None
    size = {"width_px": made.width_px, "height_px": made.height_px}
    cuts = [otsu(h) * otsu_factor for h in shown]
    found = [
        Segmentation("", h.class_name, h.method, h.model, mask_above(h, cut, **size), cut)
        for h, cut in zip(shown, cuts, strict=True)
    ]
    counts = np.bincount(label_map(found, shown).ravel(), minlength=len(shown) + 1)[1:]
    by_name = dict(zip((h.class_name for h in shown), counts.tolist(), strict=True))
    return _to_hundred(np.array([by_name.get(name, 0) for name in made.classes], float))


Way = Callable[[Prediction, Sequence[Heatmap]], Floats | None]

# Best first, as measured.
WAYS: Mapping[str, Way] = {
    "area head": lambda made, _: area_head(made),
    "Otsu masks": otsu_pixels,
    "probability-weighted": lambda made, _: probability_weighted(made),
}


def estimate(made: Prediction, heatmaps: Sequence[Heatmap] = ()) -> AreaEstimate | None:
    """Area % of every class, adding up to 100, by the best way the model offers.

    None where no class reaches its threshold, and for models that give one answer for a photo.
    """
    if not made.multi_label:
        return None
    for name, way in WAYS.items():
        found = way(made, heatmaps)
        if found is not None:
            return AreaEstimate(made.classes, tuple(float(v) for v in found), name)
    return None


def _reached(made: Prediction, name: str) -> bool:
    at = made.classes.index(name)
    return made.probabilities[at] >= made.thresholds[at]


def _stack(made: Prediction, heatmaps: Sequence[Heatmap]) -> Floats | None:
    """Maps of all classes in the order of the prediction, [n, rows, cols]; None if one lacks."""
    by_name = {heatmap.class_name: heatmap.values for heatmap in heatmaps}
    if not set(made.classes) <= set(by_name):
        return None
    return np.stack([by_name[name] for name in made.classes]).astype(np.float64)


def _to_hundred(values: Floats) -> Floats | None:
    total = float(values.sum())
    return np.asarray(100 * values / total) if total > 0 else None
