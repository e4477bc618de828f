"""Heatmaps of photo files: the evidence lies where the photo shows it."""

from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image
from torch import Tensor, nn

from geoview.errors import Cancelled, ModelError, PhotoError
from geoview.explain.cam import explain, explain_classes, methods
from geoview.models.bundle import LoadedModel
from geoview.models.card import ModelCard, Preprocess, Tiling
from geoview.models.device import cpu
from geoview.models.engine import Engine
from geoview.models.output import ModelOutput
from geoview.models.registry import CamLayout
from geoview.records import ModelRef, Photo

pytestmark = pytest.mark.usefixtures("one_core")


class RedOrBlue(nn.Module):
    """A linear classifier on an 8 × 8 px grid of mean colours."""

    cam_layout: CamLayout = "nchw"
    num_prefix_tokens = 0

    def __init__(self) -> None:
        super().__init__()
        self.cam_target = nn.AvgPool2d(8)
        self.head = nn.Linear(3, 2, bias=False)
        self.head.weight.data = torch.tensor([[1.0, -1.0, -1.0], [-1.0, -1.0, 1.0]])

    def forward(self, x: Tensor) -> ModelOutput:
        return ModelOutput(logits=self.head(self.cam_target(x).mean((2, 3))))


TRAY = Preprocess(
    input_px=32,
    mean=(0, 0, 0),
    std=(1, 1, 1),
    tiling=Tiling(working_short_side_px=64, tile_px=32),
)
PADDED = Preprocess(input_px=64, mean=(0, 0, 0), std=(1, 1, 1), fit="pad")
SQUASHED = Preprocess(input_px=64, mean=(0, 0, 0), std=(1, 1, 1))


def model(preprocess: Preprocess = TRAY, module: nn.Module | None = None) -> LoadedModel:
    card = ModelCard(
        name="colours",
        title="colours",
        architecture="none",
        backbone="none",
        task="multi-label",
        classes=["red", "blue"],
        thresholds=[0.5, 0.5],
        preprocess=preprocess,
    )
    return LoadedModel(card, ModelRef("colours", "0" * 64), module or RedOrBlue(), Path("none"))


@pytest.fixture
def wide(tmp_path: Path) -> Photo:
    """400 × 200 px, a red patch at x 300–350, y 50–100 and a blue one at 0–50, 150–200."""
    pixels = np.full((200, 400, 3), 90, np.uint8)
    pixels[50:100, 300:350] = 255, 0, 0
    pixels[150:200, 0:50] = 0, 0, 255
    path = tmp_path / "größe.png"
    Image.fromarray(pixels).save(path)
    return Photo(path, path.name, 1, 1)


def mass_centre(values: np.ndarray, box: tuple[float, float, float, float]) -> tuple[float, float]:
    rows, columns = values.shape
    x = box[0] + (np.arange(columns) + 0.5) / columns * (box[2] - box[0])
    y = box[1] + (np.arange(rows) + 0.5) / rows * (box[3] - box[1])
    total = values.sum()
    return float((values.sum(0) * x).sum() / total), float((values.sum(1) * y).sum() / total)


@pytest.mark.parametrize("preprocess", [TRAY, PADDED, SQUASHED], ids=["tiles", "pad", "squash"])
@pytest.mark.parametrize(
    ("name", "place"), [("red", (325, 75)), ("blue", (25, 175))], ids=["red", "blue"]
)
def test_the_evidence_lies_where_the_photo_shows_it(
    wide: Photo, preprocess: Preprocess, name: str, place: tuple[float, float]
) -> None:
    heatmap = explain(model(preprocess), wide, class_name=name)
    assert heatmap.box_xyxy == (0, 0, 400, 200)
    assert mass_centre(heatmap.values, heatmap.box_xyxy) == pytest.approx(place, abs=6)
    assert heatmap.peak == heatmap.values.max()
    assert heatmap.values.min() == 0
    assert heatmap.values.dtype == np.float32
    assert (heatmap.method, heatmap.class_name) == ("grad-cam", name)


def test_values_are_not_stretched(wide: Photo, tmp_path: Path) -> None:
    pale = np.asarray(Image.open(wide.path)) // 2
    path = tmp_path / "pale.png"
    Image.fromarray(pale).save(path)
    strong = explain(model(), wide, class_name="red").peak
    weak = explain(model(), Photo(path, "pale.png", 1, 1), class_name="red").peak
    assert weak == pytest.approx(strong / 2, rel=0.02)


def test_no_evidence_has_no_peak(tmp_path: Path) -> None:
    path = tmp_path / "grey.png"
    Image.fromarray(np.full((64, 64, 3), 90, np.uint8)).save(path)
    heatmap = explain(model(), Photo(path, "grey.png", 1, 1), class_name="red")
    assert heatmap.peak == 0


def test_overlapping_tiles_do_not_show_a_seam(tmp_path: Path) -> None:
    path = tmp_path / "red.png"
    Image.fromarray(np.full((64, 90, 3), (255, 0, 0), np.uint8)).save(path)
    values = explain(model(), Photo(path, "red.png", 1, 1), class_name="red").values
    np.testing.assert_allclose(values, values.max(), rtol=1e-3)


def test_several_classes_are_the_same_as_one_by_one(wide: Photo) -> None:
    both = explain_classes(model(), wide, class_names=["red", "blue"])
    for heatmap in both:
        alone = explain(model(), wide, class_name=heatmap.class_name)
        np.testing.assert_array_equal(heatmap.values, alone.values)


def test_an_engine_can_be_asked_too(wide: Photo) -> None:
    with Engine(model(), choice=cpu("bf16")) as engine:
        assert methods(engine)[0] == "grad-cam"
        got = explain(engine, wide, class_name="red", method="grad-cam")
    np.testing.assert_array_equal(got.values, explain(model(), wide, class_name="red").values)


def test_what_cannot_be_done_is_said(wide: Photo, tmp_path: Path) -> None:
    with pytest.raises(ModelError, match="no class “chert”; it has red, blue"):
        explain(model(), wide, class_name="chert")
    with pytest.raises(ModelError, match="offers grad-cam"):
        explain(model(), wide, class_name="red", method="cross-attention")
    with pytest.raises(PhotoError, match=r"gone\.png"):
        explain(model(), Photo(tmp_path / "gone.png", "gone.png", 1, 1), class_name="red")
    with pytest.raises(Cancelled):
        explain(model(), wide, class_name="red", cancelled=lambda: True)


def test_out_of_memory_goes_on_with_one_tile_at_a_time(wide: Photo) -> None:
    class Small(RedOrBlue):
        def forward(self, x: Tensor) -> ModelOutput:
            if len(x) > 1:
                raise MemoryError
            return super().forward(x)

    got = explain(model(module=Small()), wide, class_name="red")
    np.testing.assert_allclose(
        got.values, explain(model(), wide, class_name="red").values, atol=1e-6
    )
