"""Cutting a photo into the network's inputs."""

import itertools

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from geoview.errors import PhotoError
from geoview.models.card import ModelCard, Preprocess, Tiling
from geoview.models.preprocess import needed_px, plan, tiles
from geoview.photos.decode import Decoded


def card(**preprocess: object) -> ModelCard:
    return ModelCard(
        name="m",
        title="m",
        architecture="timm-classifier",
        backbone="test_resnet",
        task="multi-label",
        classes=["a"],
        thresholds=[0.5],
        preprocess=Preprocess.model_validate({"input_px": 448, **preprocess}),
    )


TRAY = card(tiling=Tiling(working_short_side_px=896, tile_px=448))


def photo(height: int, width: int, *, full: tuple[int, int] | None = None) -> Decoded:
    y, x = np.mgrid[:height, :width]
    pixels = np.stack([x * 255 // width, y * 255 // height, np.full_like(x, 7)], -1)
    full_height, full_width = full or (height, width)
    return Decoded(pixels.astype(np.uint8), width_px=full_width, height_px=full_height)


def test_a_square_tray_is_cut_in_four_without_overlap() -> None:
    cut = plan(TRAY, width_px=3000, height_px=3000)
    assert [(t.row, t.col) for t in cut.tiles] == [(0, 0), (0, 1), (1, 0), (1, 1)]
    assert cut.tiles[3].frame.box_xyxy == pytest.approx((1500, 1500, 3000, 3000))
    assert [t.weight for t in cut.tiles] == [0.25] * 4


def test_the_pixels_of_the_tiles_are_those_of_the_photo() -> None:
    decoded = photo(896, 896)
    inputs, _ = tiles(decoded, card=TRAY)
    assert inputs.shape == (4, 448, 448, 3)
    top = np.concatenate(inputs[:2], axis=1)
    assert np.array_equal(np.concatenate([top, np.concatenate(inputs[2:], axis=1)]), decoded.pixels)


@given(width=st.integers(60, 6000), height=st.integers(60, 6000))
def test_tiles_lie_in_the_photo_and_count_every_part_once(width: int, height: int) -> None:
    if max(width, height) > 12 * min(width, height):
        return
    cut = plan(TRAY, width_px=width, height_px=height)
    assert sum(t.weight for t in cut.tiles) == pytest.approx(1)
    boxes = np.array([t.frame.box_xyxy for t in cut.tiles])
    assert boxes.min() >= 0
    assert boxes[:, 2].max() == pytest.approx(width)
    assert boxes[:, 3].max() == pytest.approx(height)
    assert not cut.gaps
    # Neighbours in a row touch or overlap.
    first_row = [t.frame.box_xyxy for t in cut.tiles if t.row == 0]
    assert all(a[2] >= b[0] - 1e-6 * width for a, b in itertools.pairwise(first_row))


def test_overlapping_tiles_share_the_overlap() -> None:
    cut = plan(TRAY, width_px=1200, height_px=896)
    assert len(cut.tiles) == 6
    outer, middle = cut.tiles[0].weight, cut.tiles[1].weight
    # Starts at 0, 376 and 752: borders of responsibility at 412 and 788.
    assert outer == pytest.approx(412 / 1200 / 2)
    assert middle == pytest.approx(376 / 1200 / 2)


def test_the_working_size_does_not_depend_on_the_megapixels() -> None:
    small, _ = tiles(photo(900, 1200), card=TRAY)
    large, cut = tiles(photo(1800, 2400), card=TRAY)
    assert len(small) == len(large) == 6
    assert np.abs(small.astype(int) - large.astype(int)).mean() < 1
    assert cut.tiles[-1].frame.box_xyxy == pytest.approx((2400 - 900, 900, 2400, 1800), abs=3)


def test_a_reduced_decode_is_framed_in_original_pixels() -> None:
    inputs, cut = tiles(photo(900, 900, full=(3600, 3600)), card=TRAY)
    assert len(inputs) == 4
    assert cut.tiles[3].frame.box_xyxy == pytest.approx((1800, 1800, 3600, 3600))


def test_a_tile_of_another_size_is_brought_to_the_input_size() -> None:
    scaled = card(input_px=224, tiling=Tiling(working_short_side_px=896, tile_px=448))
    inputs, cut = tiles(photo(896, 896), card=scaled)
    assert inputs.shape == (4, 224, 224, 3)
    assert cut.tiles[1].frame.to_original(0, 0) == pytest.approx((448, 0))


def test_squash_shows_the_whole_photo() -> None:
    inputs, cut = tiles(photo(600, 1200), card=card())
    assert inputs.shape == (1, 448, 448, 3)
    assert inputs[0, :, 0, 0].max() <= 1  # the left edge of the photo
    assert inputs[0, :, -1, 0].min() >= 253  # its right edge
    assert cut.tiles[0].frame.to_original(448, 448) == (1200, 600)


def test_pad_keeps_the_aspect_and_fills_with_the_mean_colour() -> None:
    padded = card(fit="pad", mean=(0.5, 0.25, 0.0))
    inputs, cut = tiles(photo(600, 1200), card=padded)
    assert inputs[0, 0, 0].tolist() == [128, 64, 0]
    assert inputs[0, 111, 0].tolist() == [128, 64, 0]
    assert inputs[0, 112, 0, 2] == 7
    frame = cut.tiles[0].frame
    assert frame.to_original(0, 112) == pytest.approx((0, 0))
    assert frame.original_px_per_input_px == pytest.approx((1200 / 448, 600 / 224))


def test_a_long_strip_is_sampled_and_says_so() -> None:
    cut = plan(TRAY, width_px=40_000, height_px=1_000)
    assert cut.gaps
    assert len(cut.tiles) == 48
    assert sum(t.weight for t in cut.tiles) == pytest.approx(1)
    assert cut.tiles[23].frame.box_xyxy[2] == pytest.approx(40_000)


def test_a_line_is_refused_with_a_reason() -> None:
    with pytest.raises(PhotoError, match="5000 × 10 px, too narrow"):
        plan(TRAY, width_px=5000, height_px=10)


def test_the_decoder_is_asked_for_no_more_than_is_needed() -> None:
    assert needed_px(TRAY) == 896
    assert needed_px(card()) == 448
