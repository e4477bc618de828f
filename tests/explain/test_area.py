"""Areas total 100, and name the way they were estimated."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from fakes import CLASSES, prediction

from geoview.explain import area
from geoview.records import Heatmap, ModelRef

MADE = replace(prediction(tiles=0), width_px=40, height_px=40, probabilities=(0.9, 0.8, 0.1))


def maps(*shares: np.ndarray) -> list[Heatmap]:
    box = (0.0, 0.0, 40.0, 40.0)
    return [
        Heatmap(name, "m", values.astype(np.float32), box, float(values.max()), ModelRef("m", "0"))
        for name, values in zip(CLASSES, shares, strict=True)
    ]


def quarter() -> list[Heatmap]:
    """Sandstone in one quarter, shale in two, nothing in the last."""
    first, second = np.zeros((2, 8, 8))
    first[:4, :4], second[:, 4:] = 0.9, 0.8
    return maps(first, second, np.zeros((8, 8)))


def test_the_models_own_estimate_comes_first() -> None:
    found = area.estimate(MADE, quarter())
    assert found is not None
    assert (found.method, found.area_pct) == ("area head", MADE.area_pct)


def test_without_an_area_head_tiles_are_shared_out() -> None:
    bare = prediction(tiles=2)
    tiles = tuple(
        replace(tile, probabilities=p)
        for tile, p in zip(bare.tiles, ((0.9, 0.6, 0.1), (0.6, 0.1, 0.2)), strict=True)
    )
    found = area.estimate(replace(bare, area_pct=None, tiles=tiles))
    assert found is not None
    assert found.method != "area head"
    assert sum(found.area_pct) == pytest.approx(100)
    assert found.area_pct == pytest.approx((100 * 1.5 / 2.1, 100 * 0.6 / 2.1, 0))


def test_without_an_area_head_masks_come_before_probabilities() -> None:
    bare = replace(MADE, area_pct=None)
    found = area.estimate(bare, quarter())
    assert found is not None
    assert found.method == "Otsu masks"
    assert found.area_pct == pytest.approx((100 / 3, 200 / 3, 0), abs=3)
    only_one = area.estimate(bare, quarter()[:1])
    assert only_one is not None
    assert only_one.method == "probability-weighted"


def test_no_estimate_where_nothing_is_found_or_one_answer_is_given() -> None:
    nothing = replace(MADE, area_pct=None, probabilities=(0.1, 0.1, 0.1))
    assert area.estimate(nothing) is None
    assert area.estimate(replace(MADE, multi_label=False)) is None


@pytest.mark.parametrize("way", [area.map_pixels, area.otsu_pixels])
def test_pixels_are_counted(way: area.Way) -> None:
    found = way(MADE, quarter())
    assert found is not None
    assert found == pytest.approx([100 / 3, 200 / 3, 0], abs=3)
    assert found.sum() == pytest.approx(100)


def test_the_mass_of_maps() -> None:
    found = area.evidence_mass(MADE, quarter())
    assert found == pytest.approx(100 * np.array([0.9, 1.6, 0]) / 2.5)
    assert area.evidence_mass(MADE, quarter()[:2]) is None
    assert area.map_pixels(MADE, maps(*np.zeros((3, 8, 8)))) is None


def test_masks_only_of_what_the_model_finds() -> None:
    unsure = replace(MADE, probabilities=(0.9, 0.1, 0.1))
    assert area.otsu_pixels(unsure, quarter()) == pytest.approx([100, 0, 0])
