"""One picture of all classes: its maps share a scale, and no evidence looks like none."""

from __future__ import annotations

import io

import numpy as np
from PIL import Image

from geoview.explain.colormaps import lut
from geoview.explain.grid import Look, grid_png
from geoview.records import Heatmap, ModelRef

LOOK = Look(opacity=1.0)


def heatmap(value: float, method: str = "m") -> Heatmap:
    values = np.full((3, 4), value, np.float32)
    return Heatmap("shale", method, values, (0, 0, 400, 300), value, ModelRef("m", "0" * 64))


def drawn(rows: list[list[Heatmap]]) -> np.ndarray:
    data = grid_png(
        np.full((300, 400, 3), 90, np.uint8),
        rows,
        width_px=400,
        height_px=300,
        captions=[[str(h.peak) for h in row] for row in rows],
        title="größe.jpg",
        look=LOOK,
    )
    with Image.open(io.BytesIO(data)) as image:
        return np.asarray(image.convert("RGB"))


def share_of(picture: np.ndarray, level: int) -> int:
    """Pixels in one colour of the colour map."""
    return int((picture == lut("viridis")[level]).all(2).sum())


def test_maps_of_one_method_share_a_scale() -> None:
    picture = drawn([[heatmap(1.0), heatmap(0.5), heatmap(0.0)]])
    cell = 320 * 240
    for level in (255, 128, 0):
        assert cell <= share_of(picture, level) < 1.1 * cell


def test_every_method_has_its_own_scale() -> None:
    picture = drawn([[heatmap(1.0)], [heatmap(1000.0, "other")]])
    assert share_of(picture, 255) >= 2 * 320 * 240


def test_no_evidence_at_all_is_dark() -> None:
    picture = drawn([[heatmap(0.0)]])
    assert share_of(picture, 0) >= 320 * 240
    assert share_of(picture, 255) < 2000


def test_many_classes_wrap() -> None:
    few, many = drawn([[heatmap(1.0)] * 3]), drawn([[heatmap(1.0)] * 11])
    assert many.shape[0] > 2 * few.shape[0]
    assert many.shape[1] < 2 * few.shape[1]
