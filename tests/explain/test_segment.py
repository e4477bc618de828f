"""Masks from heatmaps: when, where and how well."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
import pytest
from fakes import photo, prediction
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from geoview import masks
from geoview.explain import segment
from geoview.explain.road import RoadScore
from geoview.explain.segment import SegmentRules, segment_photo
from geoview.records import Heatmap, ModelRef, PhotoResult, Segmentation

REF = ModelRef("m", "0" * 64)
SIZE = {"width_px": 60, "height_px": 40}
NO_MODEL: Any = None


def heatmap(values: np.ndarray, name: str = "sandstone") -> Heatmap:
    box = (0.0, 0.0, 60.0, 40.0)
    return Heatmap(name, "made-up", values.astype(np.float32), box, float(values.max()), REF)


def spot(name: str = "sandstone", *, strength: float = 2.0, column: int = 4) -> Heatmap:
    """A bright spot of 2 × 2 cells on a map of 4 × 6 cells of 10 px."""
    values = np.full((4, 6), 0.05 * strength)
    values[1:3, column : column + 2] = strength
    return heatmap(values, name)


def result(**changes: Any) -> PhotoResult:
    made = replace(prediction(), width_px=60, height_px=40, **changes)
    return PhotoResult(photo("a.jpg"), made)


def segmented(*maps: Heatmap, rules: SegmentRules | None = None, **more: Any) -> list[Segmentation]:
    rules = rules or SegmentRules(road_above=None)
    return segment_photo(NO_MODEL, result(), maps, rules=rules, **more)


@given(arrays(np.uint8, st.tuples(st.integers(2, 9), st.integers(9, 9))))
@settings(max_examples=40, deadline=None)
def test_otsu_parts_the_values_best(levels: np.ndarray) -> None:
    """No other threshold leaves a larger variance between the two groups (Otsu's own measure)."""
    if levels.max() == levels.min():
        return
    values = np.kron(levels / levels.max(), np.ones((64, 64)))
    cut = segment.otsu(heatmap(values))
    rounded = np.round(values[::64, ::64] * 255)

    def between(threshold: float) -> float:
        low, high = rounded[rounded <= threshold], rounded[rounded > threshold]
        if not len(low) or not len(high):
            return 0.0
        return float(len(low) * len(high) * (low.mean() - high.mean()) ** 2)

    best = max(between(t) for t in range(256))
    assert between(cut * 255) == pytest.approx(best, rel=1e-6)


def test_the_mask_lies_where_the_evidence_is() -> None:
    (one,) = segmented(spot())
    inside = masks.unpack(one.mask)
    truth = np.zeros((40, 60), bool)
    truth[10:30, 40:60] = True
    assert segment.scores(inside, truth).iou > 0.8
    assert one.reason == ""
    assert one.area_pct == pytest.approx(100 * inside.mean())
    assert one.road is None


def test_scaling_a_map_changes_nothing() -> None:
    one, other = segmented(spot(strength=1e-6))[0], segmented(spot(strength=1e6))[0]
    assert one.mask == other.mask


def test_a_larger_factor_gives_a_smaller_mask() -> None:
    areas = [
        segmented(spot(), rules=SegmentRules(road_above=None, otsu_factor=f))[0].mask.area_px
        for f in (0.3, 1.0, 1.6)
    ]
    assert areas[0] > areas[1] > areas[2] > 0


def test_no_mask_for_what_the_model_does_not_find() -> None:
    (one,) = segmented(spot("shale"))
    assert one.mask.area_px == 0
    assert "does not find shale" in one.reason
    (one,) = segmented(heatmap(np.zeros((4, 6))))
    assert (one.mask.area_px, one.reason) == (0, "no evidence")


def test_with_labels_only_where_the_model_is_right() -> None:
    assert segmented(spot(), labels=["SST"])[0].mask.area_px > 0
    (one,) = segmented(spot(), labels=["shale"])
    assert one.mask.area_px == 0
    assert "not among the photo's labels" in one.reason


def test_one_answer_only_where_it_is_the_best() -> None:
    made = result(multi_label=False, probabilities=(0.5, 0.6, 0.1), thresholds=(0.0, 0.0, 0.0))
    rules = SegmentRules(road_above=None)
    first, second = segment_photo(NO_MODEL, made, [spot(), spot("shale")], rules=rules)
    assert first.reason
    assert not second.reason


def test_unfaithful_heatmaps_give_no_mask(monkeypatch: pytest.MonkeyPatch) -> None:
    asked = []

    def road_of(source: Any, one: Any, maps: list[Heatmap], **_: Any) -> list[RoadScore]:
        asked.extend(m.peak for m in maps)
        return [RoadScore(-0.3, 0.1) if m.peak == 2 else RoadScore(-0.6, 0.0) for m in maps]

    monkeypatch.setattr(segment, "road_of", road_of)
    maps = (spot(), spot(strength=3.0), spot("shale"))
    low, high, absent = segmented(*maps, rules=SegmentRules())
    assert asked == [2.0, 3.0]
    assert low.mask.area_px == 0
    assert "ROAD 0.20, needs more than 0.2" in low.reason
    assert (high.reason, high.road) == ("", pytest.approx(0.3))
    assert absent.road is None
    known = segmented(*maps, rules=SegmentRules(), roads=[0.9, 0.1, None])
    assert len(asked) == 2
    assert [bool(one.reason) for one in known] == [False, True, True]


def test_where_masks_overlap_the_stronger_evidence_wins() -> None:
    left, right = spot("sandstone", column=2), spot("lime, stone", column=3, strength=9.0)
    rules = SegmentRules(road_above=None)
    made = result(thresholds=(0.0, 0.0, 0.0))
    found = segment_photo(NO_MODEL, made, [left, right], rules=rules)
    labels = segment.label_map(found, [left, right])
    assert labels.shape == (40, 60)
    assert (labels[20, 25], labels[20, 48], labels[2, 2]) == (1, 2, 0)
    both = masks.unpack(found[0].mask) & masks.unpack(found[1].mask)
    assert both.any()
    assert (labels[both] > 0).all()


def test_scores_against_scikit_learn() -> None:
    from sklearn.metrics import f1_score, jaccard_score, precision_score, recall_score

    rng = np.random.default_rng(3)
    inside, truth = rng.random((2, 20, 30)) < 0.4
    found = segment.scores(inside, truth)
    for value, oracle in (
        (found.precision, precision_score), (found.recall, recall_score),
        (found.f1, f1_score), (found.iou, jaccard_score),
    ):  # fmt: skip
        assert value == pytest.approx(oracle(truth.ravel(), inside.ravel()))
    nothing = np.zeros((2, 2), bool)
    assert segment.scores(nothing, nothing) == segment.MaskScores(0, 0, 0, 0)


def test_the_factor_is_tuned_to_the_masks_given() -> None:
    values = np.kron(np.array([[0, 3, 10]]), np.ones((8, 8)))
    small, large = values[:, ::1] == 10, values >= 3
    factors = (0.4, 1.0, 1.6)
    assert segment.tune_factor([(heatmap(values), large)], factors=factors) == 0.4
    assert segment.tune_factor([(heatmap(values), small)], factors=factors) != 0.4
    with pytest.raises(ValueError, match="at least one mask"):
        segment.tune_factor([])


def test_a_map_of_a_part_of_the_photo() -> None:
    part = replace(spot(), box_xyxy=(30.0, 20.0, 60.0, 40.0))
    mask = segment.mask_above(part, segment.otsu(part), **SIZE)
    x0, y0, x1, y1 = mask.box_xyxy
    assert 45 < x0 < 53
    assert 22 < y0 < 27
    assert (x1, y1) == (60.0, pytest.approx(35, abs=2))
