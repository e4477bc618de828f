"""Heatmaps are coloured on one scale and lie where they belong."""

from __future__ import annotations

import numpy as np
import pytest
from numpy.typing import NDArray
from PySide6.QtCore import QPointF, QRectF, QSizeF
from PySide6.QtGui import QImage

from geoview.app import overlay
from geoview.app.canvas import View
from geoview.explain.render import lut
from geoview.records import Heatmap, ModelRef

MODEL = ModelRef("m", "a" * 64)


def heatmap(
    values: NDArray[np.float32] | list[list[float]],
    *,
    name: str = "shale",
    peak: float | None = None,
    method: str = "grad-cam",
) -> Heatmap:
    array = np.asarray(values, np.float32)
    top = float(array.max()) if peak is None else peak
    return Heatmap(name, method, array, (0.0, 0.0, 80.0, 60.0), top, MODEL)


def colour(image: QImage, x: float, y: float) -> tuple[int, int, int]:
    """The colour at a place given as fractions of the image."""
    pixel = image.pixelColor(int(x * image.width()), int(y * image.height()))
    return pixel.red(), pixel.green(), pixel.blue()


@pytest.mark.parametrize("colormap", overlay.COLORMAPS)
def test_colours_run_from_none_to_the_peak(qapp: object, colormap: str) -> None:
    table = lut(colormap)
    values = np.zeros((4, 4), np.float32)
    values[1, 2] = 3.0
    image = overlay.heat_image(heatmap(values), peak=3.0, colormap=colormap)
    assert colour(image, 0.625, 0.375) == pytest.approx(table[255].tolist(), abs=12)
    assert colour(image, 0.1, 0.9) == tuple(table[0].tolist())
    legend = overlay.gradient(colormap)
    assert colour(legend, 0, 0) == tuple(table[0].tolist())
    assert colour(legend, 0.999, 0) == tuple(table[255].tolist())


def test_compared_classes_share_one_scale(qapp: object) -> None:
    evidence = overlay.Evidence()
    strong, weak = heatmap([[0, 8.0]]), heatmap([[0, 2.0]], name="marl")
    evidence.add(strong)
    evidence.add(weak)
    peak = evidence.peak("grad-cam")
    assert overlay.scaled(strong, peak=peak).max() == pytest.approx(1.0)
    assert overlay.scaled(weak, peak=peak).max() == pytest.approx(0.25)


def test_methods_do_not_share_a_scale(qapp: object) -> None:
    evidence = overlay.Evidence()
    evidence.add(heatmap([[8.0]]))
    evidence.add(heatmap([[0.01]], method="cross-attention"))
    assert evidence.peak("cross-attention") == pytest.approx(0.01)


def test_values_that_were_scaled_already_are_told_by_their_peak(qapp: object) -> None:
    normalised = heatmap([[0.5, 1.0]], peak=4.0)
    assert overlay.scaled(normalised, peak=8.0).tolist() == [[0.25, 0.5]]


def test_noise_is_not_stretched_into_evidence(qapp: object) -> None:
    assert not overlay.shows_evidence(heatmap([[0.0, 0.0]]), peak=0.0)
    assert not overlay.shows_evidence(heatmap([[0.0, 0.01]]), peak=8.0)
    assert overlay.shows_evidence(heatmap([[0.0, 1.0]]), peak=8.0)


def test_the_last_map_of_a_class_is_found_by_any_method(qapp: object) -> None:
    evidence = overlay.Evidence()
    first, second = heatmap([[1.0]]), heatmap([[2.0]], method="cross-attention")
    evidence.add(first)
    evidence.add(second)
    assert evidence.find("shale", "auto") is second
    assert evidence.find("shale", "grad-cam") is first
    assert evidence.find("marl", "auto") is None


def test_photo_and_screen_points_are_each_others_inverse(qapp: object) -> None:
    view = View()
    view.set_room(QSizeF(500, 300))
    view.set_photo(4000, 3000)
    view.zoom(3.7, at=QPointF(120, 80))
    view.pan(QPointF(33, -12))
    there = view.to_photo(QPointF(77, 211))
    back = view.to_screen(_dot(there)).topLeft()
    assert (back.x(), back.y()) == pytest.approx((77, 211))


def test_zooming_holds_the_point_under_the_pointer(qapp: object) -> None:
    view = View()
    view.set_room(QSizeF(500, 300))
    view.set_photo(4000, 3000)
    pointer = QPointF(260, 140)
    before = view.to_photo(pointer)
    view.zoom(5, at=pointer)
    after = view.to_photo(pointer)
    assert (after.x(), after.y()) == pytest.approx((before.x(), before.y()))


def test_a_fitted_photo_follows_the_window_and_cannot_be_lost(qapp: object) -> None:
    view = View()
    view.set_room(QSizeF(500, 300))
    view.set_photo(4000, 3000)
    small = view.scale
    view.set_room(QSizeF(1000, 600))
    assert view.scale > small * 1.9
    view.pan(QPointF(1e6, 1e6))
    assert view.to_screen(_dot(QPointF(0, 0))).topLeft() == QPointF(500, 300)


def _dot(point: QPointF) -> QRectF:
    return QRectF(point, QSizeF(0, 0))
