"""Lines of equal evidence lie where the map crosses their level."""

from __future__ import annotations

import numpy as np
import pytest

from geoview.explain.contours import contours
from geoview.records import Heatmap, ModelRef

REF = ModelRef("m", "0" * 64)


def heatmap(values: np.ndarray, box: tuple[float, float, float, float]) -> Heatmap:
    return Heatmap("shale", "grad-cam", values.astype(np.float32), box, float(values.max()), REF)


def test_a_round_hill_gives_circles_at_its_levels() -> None:
    side = 128
    y, x = np.mgrid[:side, :side] + 0.5
    distance = np.hypot(x - 64, y - 64)
    hill = heatmap(np.clip(1 - distance / 50, 0, None), (100.0, 200.0, 356.0, 456.0))
    lines = contours(hill, top=1.0, levels=(0.25, 0.5, 0.75))
    assert [line.level for line in lines] == [0.25, 0.5, 0.75]
    for line in lines:
        # Two photo pixels a cell; the hill's middle is at (228, 328).
        radius = np.hypot(line.points_px[:, 0] - 228, line.points_px[:, 1] - 328)
        assert radius == pytest.approx(100 * (1 - line.level), abs=2.0)


def test_a_scale_that_the_map_does_not_reach_has_no_lines() -> None:
    flat = heatmap(np.full((8, 8), 0.1), (0.0, 0.0, 8.0, 8.0))
    assert contours(flat, top=1.0) == []
    assert contours(heatmap(np.zeros((8, 8)), (0.0, 0.0, 8.0, 8.0)), top=0.0) == []


def test_evidence_at_the_edge_is_closed_along_the_edge() -> None:
    values = np.zeros((4, 4))
    values[:, :2] = 1
    (line,) = contours(heatmap(values, (0.0, 0.0, 400.0, 400.0)), top=1.0, levels=(0.5,))
    assert line.points_px[:, 0].min() == pytest.approx(0, abs=1)
    assert line.points_px[:, 1].min() == pytest.approx(0, abs=1)
    assert line.points_px[:, 1].max() == pytest.approx(400, abs=1)
    assert line.points_px[:, 0].max() == pytest.approx(200, abs=15)
