"""The engine over real files with a network whose answers can be foreseen."""

import threading
from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image
from torch import Tensor, nn

from geoview.models import runner
from geoview.models.bundle import LoadedModel
from geoview.models.card import ModelCard, Preprocess, Tiling
from geoview.models.device import DeviceChoice, cpu
from geoview.models.engine import Engine
from geoview.models.output import ModelOutput
from geoview.records import ModelRef, Photo, PhotoResult, Prediction

COLOURS = {"red": (255, 0, 0), "green": (0, 255, 0), "blue": (0, 0, 255), "black": (0, 0, 0)}

pytestmark = pytest.mark.usefixtures("one_core")


class ColourNet(nn.Module):
    """Says how red, green and blue an input is; ``fault`` is called with every batch."""

    def __init__(self, fault: Callable[[Tensor], None] = lambda x: None) -> None:
        super().__init__()
        self.gain = nn.Parameter(torch.tensor(20.0))
        self.fault = fault
        self.batches: list[int] = []

    def forward(self, x: Tensor) -> ModelOutput:
        self.fault(x)
        self.batches.append(len(x))
        colour = x.float().mean((2, 3))
        total = colour.sum(1, keepdim=True)
        return ModelOutput(
            logits=self.gain * (colour - 0.3),
            layer_logits=torch.stack([colour[:, 0], colour[:, 2]], 1) * 10,
            area=colour / total.clamp_min(1e-6),
            other_area=1 - total[:, 0],
        )

    def __deepcopy__(self, memo: dict[int, object]) -> "ColourNet":
        return self


def loaded(module: nn.Module | None = None, *, tiled: bool = True, **card: object) -> LoadedModel:
    values = {
        "name": "colours",
        "title": "Colours",
        "architecture": "none",
        "backbone": "none",
        "task": "multi-label",
        "classes": ["red", "green", "blue"],
        "layers": ["upper", "lower"],
        "thresholds": [0.5, 0.5, 0.5],
        "preprocess": Preprocess(
            input_px=32,
            mean=(0, 0, 0),
            std=(1, 1, 1),
            tiling=Tiling(working_short_side_px=64, tile_px=32) if tiled else None,
        ),
        **card,
    }
    ref = ModelRef("colours", "ab" * 32)
    return LoadedModel(ModelCard.model_validate(values), ref, module or ColourNet(), Path("none"))


def photo(path: Path) -> Photo:
    return Photo(path, path.name, path.stat().st_size, path.stat().st_mtime_ns)


def write(path: Path, *quarters: str, size: int = 64) -> Photo:
    """A PNG of one colour, or of four quarters in row-major order."""
    names = quarters if len(quarters) == 4 else quarters * 4
    half = size // 2
    pixels = np.zeros((size, size, 3), np.uint8)
    for i, name in enumerate(names):
        y, x = divmod(i, 2)
        pixels[y * half : (y + 1) * half, x * half : (x + 1) * half] = COLOURS[name]
    Image.fromarray(pixels).save(path)
    return photo(path)


@pytest.fixture
def album(tmp_path: Path) -> list[Photo]:
    names = ["red", "green", "blue"] * 4
    return [write(tmp_path / f"{i:02}.png", name) for i, name in enumerate(names)]


@pytest.fixture(autouse=True)
def _no_threads_left() -> Iterator[None]:
    before = set(threading.enumerate())
    yield
    assert set(threading.enumerate()) <= before


def prediction(result: PhotoResult) -> Prediction:
    assert result.prediction is not None, result.reason
    return result.prediction


def analyse(photo: Photo, **card: object) -> Prediction:
    (result,) = Engine(loaded(**card), choice=cpu()).run([photo])  # type: ignore[arg-type]
    return prediction(result)


def test_the_tiles_make_the_photo(tmp_path: Path) -> None:
    got = analyse(write(tmp_path / "a.png", "red", "red", "blue", "red", size=256))
    assert got.area_pct == pytest.approx((75, 0, 25), abs=0.5)
    assert got.probabilities[0] > 0.99
    assert got.probabilities[1] < 0.01
    assert got.probabilities[2] > 0.99  # in one tile is in the photo
    assert got.dominant == "red"
    assert got.layer is not None
    assert got.layer.best == "upper"
    assert sum(got.layer.probabilities) == pytest.approx(1)
    assert [(t.row, t.col) for t in got.tiles] == [(0, 0), (0, 1), (1, 0), (1, 1)]
    assert got.tiles[2].box_xyxy == (0, 128, 128, 256)
    assert got.tiles[2].area_pct == pytest.approx((0, 0, 100), abs=0.5)
    assert (got.width_px, got.height_px, got.model.name) == (256, 256, "colours")
    assert (got.device, got.precision) == ("cpu", "fp32")


def test_an_empty_tile_does_not_dilute_the_areas(tmp_path: Path) -> None:
    got = analyse(write(tmp_path / "a.png", "red", "black", "black", "green"))
    assert got.area_pct == pytest.approx((50, 50, 0), abs=0.5)


def test_nothing_recognised_is_cannot_tell(tmp_path: Path) -> None:
    got = analyse(write(tmp_path / "a.png", "black"))
    assert got.dominant is None
    assert got.area_pct is None


def test_the_layer_weighs_all_tiles(tmp_path: Path) -> None:
    got = analyse(write(tmp_path / "a.png", "red", "blue", "blue", "blue"))
    mean = (10 * 1 - 10 * 3) / 4  # upper minus lower, of the tiles' logits
    assert got.layer is not None
    assert got.layer.probabilities[0] == pytest.approx(1 / (1 + np.exp(-mean)), rel=1e-3)


@pytest.mark.parametrize(("how", "expected"), [("max", 1.0), ("mean", 0.25), ("noisy-or", 1.0)])
def test_the_card_says_how_tiles_are_combined(tmp_path: Path, how: str, expected: float) -> None:
    picture = write(tmp_path / "a.png", "red", "blue", "blue", "blue")
    got = analyse(picture, options={"photo_probability": how})
    assert got.probabilities[0] == pytest.approx(expected, abs=0.02)


def test_a_single_label_model_gives_probabilities_that_add_up_to_one(tmp_path: Path) -> None:
    got = analyse(write(tmp_path / "a.png", "green"), task="single-label", tiled=False)
    assert sum(got.probabilities) == pytest.approx(1)
    assert got.dominant == "green"
    assert got.tiles == ()
    assert not got.multi_label


def test_the_temperature_softens(tmp_path: Path) -> None:
    picture = write(tmp_path / "a.png", "red")
    assert analyse(picture, temperature=10.0).probabilities[0] == pytest.approx(
        1 / (1 + np.exp(-20 * 0.7 / 10)), abs=1e-3
    )


def test_a_bad_photo_is_one_row_and_stops_nothing(album: list[Photo], tmp_path: Path) -> None:
    bad = tmp_path / "bad.jpg"
    bad.write_bytes(b"\xff\xd8\xff nothing")
    gone = Photo(tmp_path / "gone.jpg", "gone.jpg", 1, 1)
    results = list(Engine(loaded(), choice=cpu()).run([gone, *album, photo(bad)]))
    failed = {r.photo.file: r for r in results if r.prediction is None}
    assert set(failed) == {"gone.jpg", "bad.jpg"}
    assert all(r.reason and r.status == "failed" for r in failed.values())
    assert len(results) == len(album) + 2


def test_batches_take_tiles_of_several_photos(album: list[Photo]) -> None:
    net = ColourNet()
    results = list(Engine(loaded(net), choice=cpu(), batch=16).run(album))
    assert net.batches == [16, 16, 16]
    assert {r.photo.file: prediction(r).dominant for r in results} == {
        f"{i:02}.png": ["red", "green", "blue"][i % 3] for i in range(12)
    }


def test_cancel_takes_effect_within_one_batch_and_the_rest_can_follow(album: list[Photo]) -> None:
    net = ColourNet()
    engine = Engine(loaded(net), choice=cpu(), batch=4)
    first = list(engine.run(album, cancelled=lambda: len(net.batches) >= 3))
    assert len(net.batches) == 3
    assert len(first) == 3
    done = {r.photo.file for r in first}
    rest = list(engine.run([p for p in album if p.file not in done]))
    assert done | {r.photo.file for r in rest} == {p.file for p in album}
    assert len(first) + len(rest) == len(album)


def test_cancel_while_waiting_for_slow_photos(
    album: list[Photo], monkeypatch: pytest.MonkeyPatch
) -> None:
    release = threading.Event()

    def slow(*args: object, **kwargs: object) -> None:
        release.wait(0.3)
        raise MemoryError

    monkeypatch.setattr("geoview.models.prefetch.decode", slow)
    asked = []

    def cancelled() -> bool:
        asked.append(1)
        return len(asked) > 3

    assert list(Engine(loaded(), choice=cpu(), workers=1).run(album, cancelled=cancelled)) == []


def test_closing_the_iterator_early_ends_the_threads(album: list[Photo]) -> None:
    results = Engine(loaded(), choice=cpu(), batch=4).run(album)
    next(results)
    assert any("geoview-decode" in t.name for t in threading.enumerate())
    results.close()  # type: ignore[attr-defined]
    assert not any("geoview-decode" in t.name for t in threading.enumerate())


def test_only_a_bounded_number_of_photos_is_drawn_ahead(album: list[Photo]) -> None:
    drawn = 0

    def endless() -> Iterator[Photo]:
        nonlocal drawn
        while True:
            drawn += 1
            yield album[drawn % len(album)]

    results = Engine(loaded(), choice=cpu(), batch=4, workers=2).run(endless())
    for _ in range(200):
        next(results)
    results.close()  # type: ignore[attr-defined]
    assert drawn <= 200 + 12


def test_a_fault_in_the_network_is_not_hidden(album: list[Photo]) -> None:
    def fault(x: Tensor) -> None:
        raise RuntimeError("shapes cannot be multiplied")

    with pytest.raises(RuntimeError, match="shapes"):
        list(Engine(loaded(ColourNet(fault)), choice=cpu()).run(album))


def too_many(limit: int, error: Exception) -> Callable[[Tensor], None]:
    def fault(x: Tensor) -> None:
        if len(x) > limit:
            raise error

    return fault


@pytest.mark.parametrize(
    "error",
    [
        torch.OutOfMemoryError("CUDA out of memory"),
        RuntimeError("[enforce fail] DefaultCPUAllocator: can't allocate memory: 12345 bytes"),
        MemoryError(),
    ],
    ids=["cuda", "cpu", "python"],
)
def test_out_of_memory_halves_the_batch_and_says_so(album: list[Photo], error: Exception) -> None:
    net = ColourNet(too_many(4, error))
    told: list[str] = []
    results = list(Engine(loaded(net), choice=cpu(), batch=16).run(album, notify=told.append))
    assert [prediction(r).dominant for r in results] == [
        ["red", "green", "blue"][int(r.photo.file[:2]) % 3] for r in results
    ]
    assert len(results) == len(album)
    assert set(net.batches) == {4}
    assert len(told) == 2  # 16 → 8 → 4, then it stays there
    assert "Memory ran out on CPU" in told[0]
    assert "4 inputs" in told[1]


def test_out_of_memory_on_a_device_ends_on_the_cpu(
    album: list[Photo], monkeypatch: pytest.MonkeyPatch
) -> None:
    full = ColourNet(too_many(0, torch.OutOfMemoryError("out of memory")))
    monkeypatch.setattr(runner, "placed", lambda module, choice: full)
    told: list[str] = []
    choice = DeviceChoice("cuda:0", "fp32", "Test GPU · fp32")
    engine = Engine(loaded(), choice=choice, batch=4)
    results = list(engine.run(album, notify=told.append))
    assert all(prediction(r).device == "cpu" for r in results)
    assert len(results) == len(album)
    assert told[-1] == "Memory ran out on Test GPU · fp32; going on with the CPU."
    assert engine.choice.device == "cpu"


def test_a_model_that_does_not_fit_on_the_device_runs_on_the_cpu(
    album: list[Photo], monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(module: nn.Module, choice: DeviceChoice) -> nn.Module:
        raise torch.OutOfMemoryError("out of memory")

    monkeypatch.setattr(runner, "placed", full)
    told: list[str] = []
    engine = Engine(loaded(), choice=DeviceChoice("cuda:0", "fp16", "Test GPU · fp16"))
    results = list(engine.run(album, notify=told.append))
    assert len(results) == len(album)
    assert told == ["The model does not fit on Test GPU · fp16; going on with the CPU."]


def test_a_photo_too_large_even_alone_fails_alone(album: list[Photo], tmp_path: Path) -> None:
    def fault(x: Tensor) -> None:
        if float(x.sum()) == 0:
            raise MemoryError
        if (x.sum((1, 2, 3)) == 0).any():
            raise MemoryError

    black = write(tmp_path / "black.png", "black")
    photos = [*album[:2], black, *album[2:4]]
    results = list(Engine(loaded(ColourNet(fault)), choice=cpu(), batch=8).run(photos))
    failed = [r for r in results if r.prediction is None]
    assert [r.photo.file for r in failed] == ["black.png"]
    assert "not enough memory" in failed[0].reason
    assert len(results) == 5


class RoughNet(ColourNet):
    """Wrong in bf16, as deep networks with large activations can be."""

    def forward(self, x: Tensor) -> ModelOutput:
        out = super().forward(x)
        wrong = 1.0 if x.dtype == torch.bfloat16 else 0.0
        return ModelOutput(logits=out.logits + 20 * wrong * (0.5 - out.logits.sigmoid()))

    def __deepcopy__(self, memo: dict[int, object]) -> "RoughNet":
        return RoughNet()


def test_reduced_precision_is_not_trusted_when_it_disagrees(album: list[Photo]) -> None:
    told: list[str] = []
    engine = Engine(loaded(RoughNet()), choice=cpu("bf16"))
    results = list(engine.run(album, notify=told.append))
    assert told == ["bf16 on CPU does not agree with fp32 for this model; going on with fp32."]
    assert {prediction(r).precision for r in results} == {"fp32"}
    first = next(r for r in results if r.photo.file == "00.png")
    assert prediction(first).probabilities[0] > 0.99


class Overflowing(ColourNet):
    def forward(self, x: Tensor) -> ModelOutput:
        out = super().forward(x)
        bad = x.float().sum((1, 2, 3)) == 0
        return ModelOutput(logits=torch.where(bad[:, None], torch.nan, out.logits))


def test_no_number_is_ever_reported_that_is_none(album: list[Photo], tmp_path: Path) -> None:
    black = write(tmp_path / "black.png", "black")
    results = list(Engine(loaded(Overflowing()), choice=cpu()).run([*album, black]))
    assert [r.photo.file for r in results if "no numbers" in r.reason] == ["black.png"]
    assert all(r.prediction for r in results if r.photo.file != "black.png")


def test_bf16_agrees_with_fp32_on_a_real_network(tmp_path: Path) -> None:
    from geoview.models.registry import build

    torch.manual_seed(0)
    base = loaded(
        architecture="timm-classifier",
        backbone="test_vit",
        layers=[],
        preprocess=Preprocess(input_px=160),
    )
    model = LoadedModel(base.card, base.ref, build(base.card), base.path)
    picture = write(tmp_path / "a.png", "red", "green", "blue", "red")
    got = [
        prediction(next(iter(Engine(model, choice=cpu(p)).run([picture]))))
        for p in ("fp32", "bf16")
    ]
    assert [g.precision for g in got] == ["fp32", "bf16"]
    assert got[1].probabilities == pytest.approx(got[0].probabilities, abs=0.02)


def test_close_ends_a_run(album: list[Photo]) -> None:
    with Engine(loaded(), choice=cpu(), batch=4) as engine:
        results = engine.run(album)
        next(results)
    assert list(results) == []


def test_the_cores_share_a_batch_and_torch_is_left_as_it_was(album: list[Photo]) -> None:
    torch.set_num_threads(2)
    seen: set[tuple[str, int, int]] = set()

    def note(x: Tensor) -> None:
        _ = x @ x.transpose(2, 3)
        seen.add((threading.current_thread().name.split("_")[0], torch.get_num_threads(), len(x)))

    assert len(list(Engine(loaded(ColourNet(note)), choice=cpu(), batch=8).run(album))) == 12
    assert seen == {("geoview-lane", 1, 4)}
    other: list[int] = []
    thread = threading.Thread(target=lambda: other.append(torch.get_num_threads()))
    thread.start()
    thread.join()
    assert (torch.get_num_threads(), other) == (2, [2])


def test_out_of_memory_on_one_core_is_out_of_memory(album: list[Photo]) -> None:
    torch.set_num_threads(2)
    net = ColourNet(too_many(1, MemoryError()))
    results = list(Engine(loaded(net), choice=cpu(), batch=8).run(album))
    assert all(r.prediction for r in results)
    assert len(results) == 12
