"""Colour maps and the pictures for reports."""

import io

import numpy as np
import pytest
from PIL import Image

from geoview.explain.render import NAMES, coloured, lut, overlay, overlay_png
from geoview.records import Heatmap, ModelRef


def heatmap(values: np.ndarray, box: tuple[float, float, float, float]) -> Heatmap:
    peak = float(values.max())
    ref = ModelRef("cuttings", "ab" * 32)
    return Heatmap("limestone", "grad-cam", values.astype(np.float32), box, peak, ref)


@pytest.mark.parametrize("name", NAMES)
def test_lightness_rises_all_the_way(name: str) -> None:
    linear = (lut(name) / 255.0) ** 2.2
    luminance = linear @ [0.2126, 0.7152, 0.0722]
    smooth = np.convolve(luminance, np.ones(8) / 8, "valid")
    assert np.all(np.diff(smooth) > 0)
    assert lut(name).shape == (256, 3)


def test_the_colours_are_the_known_ones() -> None:
    viridis = lut("viridis")[[0, 64, 128, 192, 255]].astype(int)
    published = [[68, 1, 84], [59, 82, 139], [33, 145, 140], [93, 201, 99], [253, 231, 37]]
    assert np.abs(viridis - published).max() <= 2
    assert lut("inferno")[[0, 255]].tolist() == [[0, 0, 4], [252, 255, 164]]
    assert lut("cividis")[255].tolist() == [255, 234, 70]


def test_one_scale_for_several_maps() -> None:
    weak = heatmap(np.array([[0.0, 0.5]]), (0, 0, 2, 1))
    assert coloured(weak)[0, 1].tolist() == lut("viridis")[255].tolist()
    assert coloured(weak, top=1.0)[0, 1].tolist() == lut("viridis")[128].tolist()


def test_no_evidence_is_dark_all_over() -> None:
    empty = coloured(heatmap(np.zeros((2, 2)), (0, 0, 2, 2)))
    assert (empty == lut("viridis")[0]).all()


def test_the_overlay_lies_on_its_box_only() -> None:
    pixels = np.full((50, 100, 3), 200, np.uint8)
    shown = overlay(
        pixels,
        heatmap(np.ones((2, 2)), (200, 0, 400, 200)),
        width_px=400,
        height_px=200,
        opacity=0.5,
    )
    assert (shown[:, :50] == 200).all()
    expected = np.round((200 + lut("viridis")[255].astype(float)) / 2)
    assert np.abs(shown[:, 50:] - expected).max() <= 1
    assert (pixels == 200).all()


@pytest.mark.parametrize("size", [(40, 60), (600, 900)])
def test_the_picture_has_a_legend_below_the_photo(size: tuple[int, int]) -> None:
    pixels = np.zeros((*size, 3), np.uint8)
    mapped = heatmap(np.eye(3), (0, 0, size[1], size[0]))
    png = overlay_png(pixels, mapped, width_px=size[1], height_px=size[0], title="WELL-A 20 m")
    image = Image.open(io.BytesIO(png))
    assert image.width == size[1]
    assert image.height > size[0]
    legend = np.asarray(image.convert("RGB"))[size[0] :]
    assert (legend == 255).all(-1).mean() > 0.3
    assert (legend < 90).all(-1).any()  # ink
