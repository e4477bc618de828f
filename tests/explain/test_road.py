"""ROAD against pytorch-grad-cam, and what it says of good, bad and flat maps."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image
from torch import Tensor, nn

from geoview.errors import Cancelled, PhotoError
from geoview.explain.cam import explain
from geoview.explain.road import PERCENTILES, RoadScore, probabilities, road, road_of
from geoview.models import mend_torchvision
from geoview.models.bundle import LoadedModel
from geoview.models.card import ModelCard, Preprocess, Tiling
from geoview.models.output import ModelOutput
from geoview.models.registry import CamLayout
from geoview.records import Heatmap, ModelRef, Photo

mend_torchvision()
oracle = pytest.importorskip("pytorch_grad_cam.metrics.road")

pytestmark = pytest.mark.usefixtures("one_core")


class RedOrBlue(nn.Module):
    """Red where there is a red patch, blue where there is a blue one."""

    cam_layout: CamLayout = "nchw"
    num_prefix_tokens = 0

    def __init__(self) -> None:
        super().__init__()
        self.cam_target = nn.AvgPool2d(4)
        self.weight = nn.Parameter(torch.tensor([[2.0, -1.0, -1.0], [-1.0, -1.0, 2.0]]))

    def forward(self, x: Tensor) -> ModelOutput:
        found = torch.einsum("kc,bchw->bkhw", self.weight, self.cam_target(x)).relu()
        return ModelOutput(logits=found.flatten(2).amax(-1) * 4 - 2)


def card(tiling: Tiling | None = None, *, input_px: int = 32) -> ModelCard:
    return ModelCard(
        name="colours",
        title="colours",
        architecture="none",
        backbone="none",
        task="multi-label",
        classes=["red", "blue"],
        thresholds=[0.5, 0.5],
        preprocess=Preprocess(input_px=input_px, mean=(0, 0, 0), std=(1, 1, 1), tiling=tiling),
    )


def picture(size: int = 32) -> np.ndarray:
    """Grey grain with a red patch up left and a blue one down right, [size, size, 3] in 0…1."""
    pixels = np.random.default_rng(2).uniform(0.2, 0.4, (size, size, 1)).repeat(3, 2)
    pixels[4:12, 4:12] = 0.9, 0, 0
    pixels[20:28, 20:28] = 0, 0, 0.9
    return pixels.astype(np.float32)


def on(rows: slice, columns: slice, size: int = 32) -> np.ndarray:
    """A smooth map (no two values alike) that is highest on a place."""
    values = np.random.default_rng(3).random((size, size)).astype(np.float32) * 0.1
    values[rows, columns] += 1
    return values


RED, BLUE = on(slice(4, 12), slice(4, 12)), on(slice(20, 28), slice(20, 28))


def scores(maps: list[np.ndarray], classes: list[int], seed: int = 0) -> list[RoadScore]:
    x = torch.from_numpy(picture()).permute(2, 0, 1)[None]
    return road(
        RedOrBlue(),
        x=x,
        maps=np.stack(maps)[None],
        classes=classes,
        score=probabilities(card()),
        seed=seed,
    )[0]


def test_it_is_what_pytorch_grad_cam_computes() -> None:
    module = RedOrBlue()
    x = torch.from_numpy(picture()).permute(2, 0, 1)[None]

    class Probabilities(nn.Module):
        def forward(self, x: Tensor) -> Tensor:
            return module(x).logits.sigmoid()

    torch.manual_seed(0)
    for values, number in ((RED, 0), (BLUE, 0), (BLUE, 1)):
        target = [lambda output, number=number: output[number]]
        cams = values[None]
        morf = oracle.ROADMostRelevantFirstAverage(list(PERCENTILES))
        lerf = oracle.ROADLeastRelevantFirstAverage(list(PERCENTILES))
        both = oracle.ROADCombined(list(PERCENTILES))
        (got,) = scores([values], [number])
        # The noise of two generators differs; averaged over nine images little of it is left.
        assert got.morf == pytest.approx(float(morf(x, cams, target, Probabilities())[0]), abs=0.01)
        assert got.lerf == pytest.approx(float(lerf(x, cams, target, Probabilities())[0]), abs=0.01)
        combined = float(both(x, cams, target, Probabilities())[0])
        assert got.combined == pytest.approx(combined, abs=0.01)


def test_a_true_map_scores_high_and_a_wrong_one_low() -> None:
    right, wrong = scores([RED, BLUE], [0, 0])
    assert right.combined > 0.2 > 0.1 > wrong.combined
    assert right.morf < -0.2
    assert right.lerf > -0.05


def test_a_flat_map_is_removed_at_random_and_not_all_at_once() -> None:
    flat = np.zeros((32, 32), np.float32)
    results = [scores([flat], [0], seed=seed)[0] for seed in range(4)]
    assert abs(np.mean([result.combined for result in results])) < 0.1
    # Tiles of one value everywhere would lose the whole picture otherwise, and with it the class.
    assert all(result.morf == pytest.approx(result.lerf, abs=0.15) for result in results)


def test_a_seed_fixes_the_result_and_classes_do_not_touch_one_another() -> None:
    both = scores([RED, BLUE], [0, 1])
    assert scores([RED, BLUE], [0, 1]) == both
    assert scores([BLUE], [1]) == both[1:]
    assert scores([RED], [0], seed=1) != both[:1]


def test_a_coarse_map_is_enlarged() -> None:
    coarse = np.zeros((8, 8), np.float32)
    coarse[1:3, 1:3] = 1
    assert scores([coarse], [0])[0].combined > 0.2


def model(tiling: Tiling | None = None, *, input_px: int = 32) -> LoadedModel:
    ref = ModelRef("colours", "0" * 64)
    return LoadedModel(card(tiling, input_px=input_px), ref, RedOrBlue(), Path("none"))


@pytest.fixture
def photo(tmp_path: Path) -> Photo:
    """96 × 64 px: not square, and the red patch far from the middle."""
    pixels = np.full((64, 96, 3), 90, np.uint8)
    pixels += np.random.default_rng(5).integers(0, 20, (64, 96, 1), np.uint8)
    pixels[8:24, 12:36] = 230, 0, 0
    path = tmp_path / "größe.png"
    Image.fromarray(pixels).save(path)
    return Photo(path, path.name, 1, 1)


def test_a_photos_heatmaps_are_judged_in_its_own_frame(photo: Photo) -> None:
    heatmap = explain(model(), photo, class_name="red")
    mirrored = Heatmap(
        "red", "none", heatmap.values[::-1, ::-1].copy(), heatmap.box_xyxy, 1, heatmap.model
    )
    boxed = Heatmap("red", "none", np.ones((1, 1), np.float32), (12, 8, 36, 24), 1, heatmap.model)
    right, wrong, box = road_of(model(), photo, [heatmap, mirrored, boxed])
    assert right.combined > 0.2
    assert box.combined > 0.2
    assert wrong.combined < 0.1


def test_tiles_are_weighed_by_what_they_stand_for(photo: Photo) -> None:
    tiled = model(Tiling(working_short_side_px=64, tile_px=32))
    heatmap = explain(tiled, photo, class_name="red")
    (score,) = road_of(tiled, photo, [heatmap])
    # One tile of six holds the red patch.
    assert 0.01 < score.combined < 0.3


def test_what_cannot_be_done_is_said(photo: Photo, tmp_path: Path) -> None:
    heatmap = explain(model(), photo, class_name="red")
    with pytest.raises(Cancelled):
        road_of(model(), photo, [heatmap], cancelled=lambda: True)
    with pytest.raises(PhotoError, match=r"gone\.png"):
        road_of(model(), Photo(tmp_path / "gone.png", "gone.png", 1, 1), [heatmap])
