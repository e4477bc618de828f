"""From the raw outputs of a photo's tiles to the photo's result; everything in fp32."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
import torch

from geoview.models.card import ModelCard
from geoview.models.output import ModelOutput
from geoview.models.preprocess import Tile
from geoview.records import LayerAssignment, TilePrediction

if TYPE_CHECKING:
    from numpy.typing import NDArray

    Floats = NDArray[np.float64]


@dataclass(frozen=True, slots=True, eq=False)
class TileValues:
    """What the network says of T inputs, calibrated: T rows each, None where it has no such head.

    ``probabilities`` [T, n]; ``area`` [T, n], rows add up to 1; ``covered`` [T], share of the
    input that is any class; ``layer_logp`` [T, C], log-probabilities.
    """

    probabilities: Floats
    area: Floats | None = None
    covered: Floats | None = None
    layer_logp: Floats | None = None

    def __len__(self) -> int:
        return len(self.probabilities)

    def __getitem__(self, rows: slice) -> TileValues:
        return TileValues(*(None if v is None else v[rows] for v in self._fields()))  # type: ignore[arg-type]

    @staticmethod
    def concatenate(parts: Sequence[TileValues]) -> TileValues:
        columns = zip(*(part._fields() for part in parts), strict=True)
        return TileValues(*(_stacked(column) for column in columns))  # type: ignore[arg-type]

    def _fields(self) -> tuple[Floats | None, ...]:
        return self.probabilities, self.area, self.covered, self.layer_logp


def _stacked(column: Sequence[Floats | None]) -> Floats | None:
    present = [values for values in column if values is not None]
    return np.concatenate(present) if present else None


def calibrated(output: ModelOutput, *, card: ModelCard) -> TileValues:
    """Probabilities of a batch: logits divided by the card's temperatures, then squashed."""
    logits = output.logits.float() / card.temperature
    probabilities = logits.sigmoid() if card.task == "multi-label" else logits.softmax(-1)
    layer = None
    if output.layer_logits is not None and card.layers:
        temperature = float(card.options.get("layer_temperature", 1.0))
        layer = (output.layer_logits.float() / temperature).log_softmax(-1)
    covered = None if output.other_area is None else 1 - output.other_area.float()
    return TileValues(
        _floats(probabilities),
        None if output.area is None else _floats(output.area),
        None if covered is None else _floats(covered),
        None if layer is None else _floats(layer),
    )


def combine(probabilities: Floats, *, how: str) -> Floats:
    """Probability that a class is in the photo from those of its tiles, [T, n] → [n].

    "max": a lithology is in the photo if it is in a tile; "mean": the average; "noisy-or": tiles
    as independent witnesses.
    """
    if how == "mean":
        return np.asarray(probabilities.mean(0))
    if how == "noisy-or":
        return np.asarray(1 - np.prod(1 - probabilities, axis=0))
    return np.asarray(probabilities.max(0))


def photo_probabilities(values: TileValues, *, card: ModelCard) -> Floats:
    """Presence of every class in the whole photo; single-label probabilities still add up to 1."""
    if card.task == "single-label":
        return combine(values.probabilities, how="mean")
    return combine(values.probabilities, how=str(card.options.get("photo_probability", "max")))


def area_pct(values: TileValues, *, weights: Floats) -> Floats | None:
    """Area of every class in the photo in %, adding up to 100; None where no class has any.

    A tile counts by the part of the photo it stands for and by how much of it is any class at
    all, so that an almost empty tile does not speak for a full one.
    """
    if values.area is None:
        return None
    share = weights
    if values.covered is not None and float(weights @ values.covered) > 1e-6:
        share = weights * values.covered
    mean = share @ values.area
    total = float(mean.sum())
    return np.asarray(100 * mean / total) if total > 0 else None


def layer_probabilities(values: TileValues, *, weights: Floats) -> Floats | None:
    """Softmax of the weighted mean of the tiles' layer log-probabilities."""
    if values.layer_logp is None:
        return None
    mean = weights @ values.layer_logp
    odds = np.exp(mean - mean.max())
    return np.asarray(odds / odds.sum())


def dominant(probabilities: Floats, *, area: Floats | None, card: ModelCard) -> str | None:
    """The class with the largest area (or probability) among those that reach their threshold."""
    reached = probabilities >= np.asarray(card.thresholds)
    if not reached.any():
        return None
    size = probabilities if area is None else area
    return card.classes[int(np.where(reached, size, -1.0).argmax())]


def layer_assignment(probabilities: Floats | None, *, card: ModelCard) -> LayerAssignment | None:
    if probabilities is None:
        return None
    return LayerAssignment(tuple(card.layers), _tuple(probabilities))


def tile_predictions(
    values: TileValues, *, tiles: Sequence[Tile], card: ModelCard
) -> tuple[TilePrediction, ...]:
    one = np.ones(1)
    rows = [values[i : i + 1] for i in range(len(values))]
    areas = [area_pct(row, weights=one) for row in rows]
    return tuple(
        TilePrediction(
            row=tile.row,
            col=tile.col,
            box_xyxy=tile.frame.box_xyxy,
            probabilities=_tuple(row.probabilities[0]),
            area_pct=None if area is None else _tuple(area),
            layer=layer_assignment(layer_probabilities(row, weights=one), card=card),
        )
        for tile, row, area in zip(tiles, rows, areas, strict=True)
    )


def _floats(x: torch.Tensor) -> Floats:
    return x.detach().float().cpu().numpy().astype(np.float64)


def _tuple(x: Floats) -> tuple[float, ...]:
    return tuple(float(v) for v in x)
