"""Each of the five systems end to end on the command line: train, evaluate, predict, explain.

The shipped ``small`` recipes, with a tiny network and few epochs, on made-up photos in which a
class is a colour and a texture: quick, but every part is the real one.
"""

from __future__ import annotations

import csv
import json
from collections.abc import Callable
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest
from PIL import Image

from geoview import cli, paths
from geoview.models import bundle

pytestmark = pytest.mark.usefixtures("one_core")

COLOURS = {"azurite": (40, 70, 190), "malachite": (30, 140, 90), "pyrite": (190, 170, 80)}
SYSTEMS = ("geolayer", "mineral-query", "mineral-5k", "deeprock", "ma-vit")
SEVERAL_LABELS = ("geolayer", "mineral-query")
Captured = pytest.CaptureFixture[str]


def picture(names: list[str], rng: np.random.Generator) -> Image.Image:
    """Bands of the classes' colours, with noise: no two alike to a perceptual hash."""
    pixels = np.zeros((96, 96, 3))
    for band, name in zip(np.array_split(np.arange(96), len(names)), names, strict=True):
        pixels[band] = COLOURS[name]
    rough = np.kron(rng.normal(0, 30, (8, 8)), np.ones((12, 12)))
    noisy = pixels + rough[..., None] + rng.normal(0, 8, pixels.shape)
    return Image.fromarray(np.clip(noisy, 0, 255).astype(np.uint8))


@pytest.fixture
def several(tmp_path: Path) -> Path:
    """One or two classes a photo, in a sheet."""
    folder, rng = tmp_path / "several", np.random.default_rng(1)
    folder.mkdir()
    rows = []
    for number in range(30):
        names = [str(n) for n in rng.permutation(list(COLOURS))[: int(rng.integers(1, 3))]]
        picture(names, rng).save(folder / f"{number:02d}.png")
        rows.append((f"{number:02d}.png", "; ".join(names)))
    with (folder / "labels.csv").open("w", newline="", encoding="utf-8") as stream:
        csv.writer(stream).writerows([("file", "labels"), *rows])
    return folder


@pytest.fixture
def one(tmp_path: Path) -> Path:
    """One class a photo, in folders."""
    folder, rng = tmp_path / "one", np.random.default_rng(2)
    for name in COLOURS:
        (folder / name).mkdir(parents=True)
        for number in range(10):
            picture([name], rng).save(folder / name / f"{name}_{number}.png")
    return folder


@pytest.fixture
def in_this_process(monkeypatch: pytest.MonkeyPatch) -> None:
    """Run the worker here: starting a process for each of the systems takes longer than it."""
    from geoview.training import job, worker

    class Done:
        def poll(self) -> int:
            return 0

    def start(command: list[str], **streams: object) -> Done:
        worker.main(Path(command[-1]))
        return Done()

    # Only here: libraries start processes of their own.
    monkeypatch.setattr(job, "subprocess", SimpleNamespace(Popen=start))


@pytest.mark.parametrize("system", SYSTEMS)
def test_a_system_trains_evaluates_predicts_and_explains(
    system: str,
    request: pytest.FixtureRequest,
    tmp_path: Path,
    in_this_process: None,
    capsys: Captured,
) -> None:
    photos = request.getfixturevalue("several" if system in SEVERAL_LABELS else "one")
    model = tmp_path / f"{system}.safetensors"
    backbone = "test_resnet" if system == "deeprock" else "test_vit"
    settings = {
        "model.backbone": backbone, "model.pretrained": "", "model.freeze_blocks": 0,
        "preprocess.input_px": 64, "train.epochs": 14, "train.batch": 6, "train.lr": 3e-3,
        "train.backbone_lr": 1.0, "train.warmup_steps": 0, "train.ema": 0.5,
        "train.schedule": "constant", "split.train": 0.5, "split.val": 0.25, "split.test": 0.25,
        "augment.randaugment": [0, 0.0],
    }  # fmt: skip
    if system == "geolayer":
        tiling = "{ working_short_side_px = 64, tile_px = 64 }"
        settings |= {"preprocess.tiling": tiling, "model.options.drop_path": 0.0}
    recipe = _plain_recipe(system, tmp_path)
    given = [f"--set={k}={v if isinstance(v, str) else json.dumps(v)}" for k, v in settings.items()]
    train = ["train", recipe, "--data", str(photos), "--out", str(model), *given]
    assert cli.main(train) == 0, capsys.readouterr().err
    card = bundle.load(model).card
    assert card.classes == sorted(COLOURS)
    figures = card.metrics[0]
    assert figures["split"] == "test"
    assert figures["map"] > 0.75

    assert cli.main(["evaluate", str(model), "--data", str(photos), "--json",
                     str(tmp_path / "figures.json")]) == 0  # fmt: skip
    assert json.loads((tmp_path / "figures.json").read_text())["split"] == "unseen"

    maps, table = tmp_path / "maps", tmp_path / "results.csv"
    predict = ["predict", str(photos), "--model", str(model), "--csv", str(table)]
    assert cli.main([*predict, "--heatmaps", str(maps)]) == 0, capsys.readouterr().err
    with table.open(encoding="utf-8-sig", newline="") as stream:
        rows = list(csv.DictReader(stream))
    assert len(rows) == 30
    assert all(row["status"] == "done" for row in rows)
    assert len(list(maps.rglob("*.png"))) >= 10


def _plain_recipe(system: str, folder: Path) -> str:
    """The small recipe without the weights it starts from, which not every machine has."""
    text = (paths.resources() / "recipes" / f"{system}.small.toml").read_text(encoding="utf-8")
    lines = ['pretrained = ""' if x.startswith("pretrained") else x for x in text.splitlines()]
    (folder / "recipe.toml").write_text("\n".join(lines), encoding="utf-8")
    return str(folder / "recipe.toml")


def test_fixtures_are_what_the_test_needs(one: Path, make_hash: Callable[[Path], int]) -> None:
    """No made-up photo is a near-duplicate of another, else groups would swallow a class."""
    hashes = [make_hash(p) for p in sorted(one.rglob("*.png"))]
    near = sum((a ^ b).bit_count() <= 4 for i, a in enumerate(hashes) for b in hashes[:i])
    assert near == 0


@pytest.fixture
def make_hash() -> Callable[[Path], int]:
    from geoview.photos.phash import hash_files

    return lambda path: int(hash_files([path]).hashes[0])
