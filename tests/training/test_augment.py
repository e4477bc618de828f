"""Augmentation: the same for the same seed, true to the rocks' colours, and as torchvision's."""

from __future__ import annotations

import colorsys
import math
from typing import Any

import cv2
import numpy as np
import pytest
from PIL import Image

from geoview.models import mend_torchvision
from geoview.training.augment import Pixels, augment
from geoview.training.images import fitted
from geoview.training.randaugment import OPERATIONS
from geoview.training.recipe import AugmentPart

NOTHING: dict[str, Any] = {"flips": False, "quarter_turns": False}
EVERYTHING = AugmentPart(
    rotate_deg=45, crop=(0.4, 1), zoom=(0.8, 1.2), exposure=0.2, white_balance=0.04, contrast=0.2,
    blur_px=0.9, noise=0.02, hue=0.1, erase=0.5, randaugment=(2, 9), randaugment_colour=True,
)  # fmt: skip


def rng(seed: int = 0) -> np.random.Generator:
    return np.random.default_rng(seed)


def smooth(height: int, width: int) -> Pixels:
    coarse = rng(5).integers(30, 220, (9, 9, 3), dtype=np.uint8)
    return np.asarray(Image.fromarray(coarse).resize((width, height), Image.Resampling.BICUBIC))


def ramps(height: int, width: int) -> Pixels:
    """Red tells where a pixel was from left to right, green from top to bottom (0…255)."""
    y, x = np.mgrid[:height, :width] + 0.5
    return np.stack([x / width * 255, y / height * 255, 0 * x], -1).round().astype(np.uint8)


def hue_degrees(pixels: Pixels) -> float:
    return 360 * colorsys.rgb_to_hsv(*(pixels.mean((0, 1)) / 255))[0]


def test_the_same_seed_gives_the_same_pixels_and_another_seed_others() -> None:
    photo = smooth(70, 90)
    before = photo.copy()
    for seed in range(8):
        one, two, other = (augment(photo, EVERYTHING, side_px=64, rng=rng(s)) for s in
                           (seed, seed, seed + 100))  # fmt: skip
        assert one.shape == (64, 64, 3)
        assert one.dtype == np.uint8
        assert np.array_equal(one, two)
        assert not np.array_equal(one, other)
    assert np.array_equal(photo, before)


@pytest.mark.parametrize("shape", [(64, 64), (200, 300), (40, 30)])
def test_without_options_the_image_is_as_in_prediction(shape: tuple[int, int]) -> None:
    photo = smooth(*shape)
    out = augment(photo, AugmentPart(**NOTHING), side_px=64, rng=rng())
    assert np.array_equal(out, fitted(photo, 64))


def views(options: dict[str, Any], *, count: int = 60) -> list[bytes]:
    photo = ramps(16, 16)
    made = AugmentPart.model_validate(NOTHING | options)
    return [augment(photo, made, side_px=16, rng=rng(s)).tobytes() for s in range(count)]


def test_flips_and_quarter_turns_give_just_the_views_asked_for() -> None:
    photo = ramps(16, 16)
    mirrored = photo[:, ::-1]
    two = {photo.tobytes(), mirrored.tobytes()}
    four = two | {photo[::-1].tobytes(), mirrored[::-1].tobytes()}
    turned = {np.rot90(photo, k).tobytes() for k in range(4)}
    all_eight = turned | {np.rot90(mirrored, k).tobytes() for k in range(4)}
    assert set(views({"horizontal_flip": True})) == two
    assert set(views({"flips": True})) == four
    assert set(views({"quarter_turns": True})) == turned
    assert set(views({"flips": True, "quarter_turns": True}, count=120)) == all_eight


def test_rotation_turns_about_the_centre_by_at_most_what_is_asked() -> None:
    options = AugmentPart(**NOTHING, rotate_deg=45)
    photo = np.zeros((96, 96, 3), np.uint8)
    photo[46:50, 64:68] = 255
    angles = []
    for seed in range(40):
        out = augment(photo, options, side_px=96, rng=rng(seed))[..., 0].astype(float)
        y, x = (np.average(grid, weights=out) for grid in np.mgrid[:96, :96] + 0.5 - 48)
        assert math.hypot(x, y) == pytest.approx(18, abs=0.5)
        angles.append(math.degrees(math.atan2(y, x)))
    assert -45.5 < min(angles) < -30
    assert 30 < max(angles) < 45.5
    assert len({round(a) for a in angles}) > 20


def test_rotation_mirrors_beyond_the_edge() -> None:
    white = np.full((50, 70, 3), 255, np.uint8)
    out = augment(white, AugmentPart(**NOTHING, rotate_deg=45), side_px=48, rng=rng(1))
    assert out.min() == 255


@pytest.mark.parametrize("side", [40, 64, 150])
def test_the_turned_path_agrees_with_the_upright_one(side: int) -> None:
    """A turn by nearly nothing must show the same part of the photo, at every scale."""
    photo = smooth(90, 120)
    framing = NOTHING | {"crop": (0.3, 1.0), "zoom": (0.8, 1.2)}
    for seed in range(6):
        upright = augment(photo, AugmentPart(**framing), side_px=side, rng=rng(seed))
        turned = augment(
            photo, AugmentPart(**framing, rotate_deg=1e-6), side_px=side, rng=rng(seed)
        )
        edge = side // 4  # zoomed out, what is beyond the box is mirrored in the upright one
        inside = np.s_[edge:-edge, edge:-edge]
        difference = np.abs(upright[inside].astype(int) - turned[inside])
        assert difference.mean() < 0.8


def test_crops_have_the_areas_and_shapes_asked_for() -> None:
    """The ramps tell the box: its sides are the ranges of red and green."""
    photo = ramps(160, 240)
    options = AugmentPart(**NOTHING, crop=(0.2, 0.6))
    areas, ratios, centres = [], [], []
    for seed in range(150):
        out = augment(photo, options, side_px=48, rng=rng(seed)).astype(float) / 255
        share = np.array([np.ptp(out[24, :, 0]), np.ptp(out[:, 24, 1])]) * 48 / 47
        areas.append(share.prod())
        ratios.append(share[0] * 240 / (share[1] * 160))
        centres.append(out.mean((0, 1))[:2])
    assert 0.18 < min(areas) < 0.23
    assert 0.56 < max(areas) < 0.62
    assert np.mean(areas) == pytest.approx(0.4, abs=0.03)
    assert 0.7 < min(ratios) < 0.8
    assert 1.25 < max(ratios) < 1.4
    assert np.allclose(np.mean(centres, 0), 0.5, atol=0.04)
    assert np.std(centres, 0).min() > 0.08


def test_a_strip_too_narrow_for_the_crop_is_cut_in_its_middle() -> None:
    out = augment(ramps(20, 400), AugmentPart(**NOTHING, crop=(0.9, 1)), side_px=32, rng=rng())
    assert out[..., 0].mean() == pytest.approx(127.5, abs=1)
    assert np.ptp(out[..., 0]) < 255 * 0.1


def test_fine_grain_is_averaged_not_sampled_when_made_small() -> None:
    grain = np.indices((256, 256)).sum(0)[..., None] % 2 * np.full(3, 255)
    for options in ({"rotate_deg": 45.0}, {"crop": (0.8, 1.0)}, {"zoom": (0.8, 0.9)}):
        for seed in range(5):
            made = AugmentPart(**NOTHING, **options)
            out = augment(grain.astype(np.uint8), made, side_px=32, rng=rng(seed))
            assert np.abs(out.astype(float) - 127.5).max() < 12


def test_the_hue_stays_unless_a_change_is_asked_for() -> None:
    patch = np.full((40, 40, 3), (120, 70, 40), np.uint8)
    options = AugmentPart(
        rotate_deg=45, crop=(0.3, 1), exposure=0.1, contrast=0.1, blur_px=1, randaugment=(2, 9)
    )
    for seed in range(60):
        out = augment(patch, options, side_px=32, rng=rng(seed))
        if 40 < out.max() < 255:  # neither overexposed nor too dark to have a hue
            assert hue_degrees(out) == pytest.approx(hue_degrees(patch), abs=6)


def test_asked_for_the_hue_goes_round_within_its_share_of_the_circle() -> None:
    patch = np.full((8, 8, 3), (120, 70, 40), np.uint8)
    options = AugmentPart(**NOTHING, hue=0.1)
    made = [augment(patch, options, side_px=8, rng=rng(s)) for s in range(80)]
    turns = [(hue_degrees(m) - hue_degrees(patch) + 180) % 360 - 180 for m in made]
    assert -39 < min(turns) < -25
    assert 25 < max(turns) < 39
    for one in made:
        assert int(one.max()) == pytest.approx(120, abs=2)
        assert int(one.min()) == pytest.approx(40, abs=3)


def test_erasing_hits_as_often_and_as_much_as_asked() -> None:
    photo = np.full((60, 60, 3), 200, np.uint8)
    photo[:, :30] = 20
    shares = []
    for seed in range(200):
        out = augment(photo, AugmentPart(**NOTHING, erase=0.5), side_px=60, rng=rng(seed))
        shares.append(float((out != photo).any(-1).mean()))
    hit = [s for s in shares if s > 0]
    assert len(hit) / len(shares) == pytest.approx(0.5, abs=0.12)
    assert 0.015 < min(hit) < 0.04
    assert 0.15 < max(hit) < 0.21


def test_noise_has_the_strength_asked_for_and_no_bias() -> None:
    grey = np.full((64, 64, 3), 128, np.uint8)
    spread, mean = [], []
    for seed in range(100):
        out = augment(grey, AugmentPart(**NOTHING, noise=0.04), side_px=64, rng=rng(seed))
        spread.append(float(out.std()))
        mean.append(float(out.mean()))
    assert max(spread) == pytest.approx(0.04 * 255, rel=0.1)
    assert np.mean(spread) == pytest.approx(0.02 * 255, rel=0.2)
    assert np.mean(mean) == pytest.approx(128, abs=0.05)


# RandAugment: name here, name and largest value in torchvision's own implementation.
TORCHVISION = {
    "shear-x": "ShearX", "shear-y": "ShearY", "translate-x": "TranslateX",
    "translate-y": "TranslateY", "rotate": "Rotate", "brightness": "Brightness",
    "contrast": "Contrast", "sharpness": "Sharpness", "saturation": "Color",
    "posterize": "Posterize", "solarize": "Solarize", "autocontrast": "AutoContrast",
    "equalize": "Equalize", "identity": "Identity",
}  # fmt: skip


@pytest.fixture(scope="module")
def theirs() -> Any:
    mend_torchvision()
    v2 = pytest.importorskip("torchvision.transforms.v2")
    return v2.RandAugment(interpolation=v2.InterpolationMode.BILINEAR)


def test_the_operations_are_torchvisions(theirs: Any) -> None:
    assert set(TORCHVISION) == set(OPERATIONS)
    assert set(TORCHVISION.values()) == set(theirs._AUGMENTATION_SPACE)
    for ours, name in TORCHVISION.items():
        assert OPERATIONS[ours].signed == theirs._AUGMENTATION_SPACE[name][1]


@pytest.mark.parametrize("sign", [1, -1])
@pytest.mark.parametrize("magnitude", [3, 9])
@pytest.mark.parametrize("name", TORCHVISION)
def test_each_operation_does_what_torchvisions_does(
    theirs: Any, name: str, magnitude: int, sign: int
) -> None:
    import torch

    photo = smooth(96, 128)
    bins, signed = theirs._AUGMENTATION_SPACE[TORCHVISION[name]]
    values = bins(31, 96, 128)
    value = 0.0 if values is None else float(values[3 * magnitude]) * (sign if signed else 1)
    wanted = theirs._apply_image_or_video_transform(
        torch.from_numpy(photo.copy()).permute(2, 0, 1), TORCHVISION[name], value,
        interpolation=theirs.interpolation, fill={},
    ).permute(1, 2, 0).numpy()  # fmt: skip
    operation = OPERATIONS[name]
    ours = operation.apply(photo, operation.most * magnitude / 10 * (sign if signed else 1))
    inside = np.ones((96, 128), bool)
    if name[:4] in ("shea", "tran", "rota"):  # outside, they are black and we mirror
        inside = cv2.erode((wanted.max(-1) > 0).astype(np.uint8), np.ones((5, 5))) > 0
    difference = np.abs(ours.astype(int) - wanted)[inside]
    assert inside.mean() > 0.3
    assert np.percentile(difference, 97) <= 2
    assert difference.mean() < 1


def test_randaugment_leaves_colour_operations_out_unless_asked() -> None:
    """Of two colours, only operations on colour make more or fewer hues."""
    photo = np.full((32, 32, 3), (120, 70, 40), np.uint8)
    photo[::2] = (60, 35, 20)

    def off(colour: bool) -> float:
        options = AugmentPart(**NOTHING, randaugment=(1, 10), randaugment_colour=colour)
        made = (augment(photo, options, side_px=32, rng=rng(s)) for s in range(60))
        return max(abs(hue_degrees(m) - hue_degrees(photo)) for m in made)

    assert off(False) < 5
    assert off(True) > 20
