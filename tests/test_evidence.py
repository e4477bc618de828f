"""Evidence in a folder of photos: the audit, masks, files, and the command ``explain``."""

from __future__ import annotations

import csv
import json
import shutil
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from PIL import Image
from torch import Tensor, nn

from geoview import cli, masks
from geoview.catalog.evidence import Evidence
from geoview.commands import common, console
from geoview.commands import explain as command
from geoview.errors import PhotoError
from geoview.evidence import EvidenceWishes, audit_folder, examine_folder, labels_of, segment_rules
from geoview.evidence_files import EvidenceFiles
from geoview.measure import objects
from geoview.models.bundle import LoadedModel
from geoview.models.card import ModelCard, Preprocess, Tiling
from geoview.models.device import cpu
from geoview.models.engine import Engine
from geoview.models.output import ModelOutput
from geoview.models.registry import CamLayout
from geoview.project import Project
from geoview.records import ModelRef
from geoview.settings import Settings

pytestmark = pytest.mark.usefixtures("one_core")
Captured = pytest.CaptureFixture[str]
REF = ModelRef("colours", "0" * 64)
PLATE, SPECIMEN = (200.0, 20.0, 280.0, 60.0), (100.0, 100.0, 180.0, 160.0)
ALL = EvidenceWishes(all_classes=True, masks=True, road=True, audit=True)


class RedOrBlue(nn.Module):
    """Finds red and blue on a grid of mean colours."""

    cam_layout: CamLayout = "nchw"
    num_prefix_tokens = 0

    def __init__(self) -> None:
        super().__init__()
        self.cam_target = nn.AvgPool2d(4)
        self.head = nn.Linear(3, 2, bias=False)
        self.head.weight.data = torch.tensor([[1.0, -1.0, -1.0], [-1.0, -1.0, 1.0]])

    def forward(self, x: Tensor) -> ModelOutput:
        # Over the whole picture even a small patch of its colour makes a class likely.
        seen = self.cam_target(x).sub(0.02).clamp_min(0).mean((2, 3))
        return ModelOutput(logits=300 * self.head(seen) - 2)


def loaded(tiling: Tiling | None = None) -> LoadedModel:
    size = 32 if tiling else 64
    card = ModelCard(
        name="colours", title="colours", architecture="none", backbone="none",
        task="multi-label", classes=["red", "blue"], thresholds=[0.5, 0.5],
        preprocess=Preprocess(input_px=size, mean=(0, 0, 0), std=(1, 1, 1), tiling=tiling),
    )  # fmt: skip
    return LoadedModel(card, REF, RedOrBlue(), Path("none"))


@pytest.fixture
def engine() -> Iterator[Engine]:
    with Engine(loaded(), choice=cpu(), workers=1) as made:
        yield made


def save(path: Path, box: tuple[float, ...], *, turned: bool = False) -> None:
    """A black photo of 320 × 200 px with a red patch, perhaps stored on its side."""
    pixels = np.zeros((200, 320, 3), np.uint8)
    x0, y0, x1, y1 = (int(v) for v in box)
    pixels[y0:y1, x0:x1, 0] = 255
    if not turned:
        Image.fromarray(pixels).save(path)
        return
    exif = Image.Exif()
    exif[0x0112] = 6
    Image.fromarray(np.rot90(pixels).copy()).save(path, exif=exif)


@pytest.fixture
def museum(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The red of one photo is on the specimen, that of the other on the plate."""
    folder = tmp_path / "Sammlung [1]"
    folder.mkdir()
    save(folder / "good.png", SPECIMEN)
    save(folder / "plate.png", PLATE)

    def find(pixels: np.ndarray, *, width_px: int, height_px: int, **_: Any) -> objects.Objects:
        things = tuple(thing(kind, box) for kind, box in (("specimen", SPECIMEN), ("plate", PLATE)))
        labels = np.zeros(pixels.shape[:2], np.uint8)
        return objects.Objects(things, labels, 1.0, width_px, height_px)

    monkeypatch.setattr(objects, "find", find)
    return folder


def thing(kind: Any, box: tuple[float, float, float, float]) -> objects.FoundObject:
    x0, y0, x1, y1 = box
    corners = ((x0, y0), (x1, y0), (x1, y1), (x0, y1))
    return objects.FoundObject(kind, corners, box, 1.0, False, (x1 - x0) * (y1 - y0))


@pytest.fixture
def project(museum: Path, engine: Engine) -> Iterator[Project]:
    with Project.open(museum, settings=Settings()) as opened:
        for _ in opened.analyse(engine):
            pass
        yield opened


def read(path: Path) -> list[dict[str, str]]:
    with path.open(encoding="utf-8", newline="") as stream:
        return list(csv.DictReader(stream))


def test_evidence_on_a_plate_is_told_kept_and_exported(
    project: Project, engine: Engine, tmp_path: Path
) -> None:
    for _ in audit_folder(project, engine, settings=Settings()):
        pass
    warnings = Evidence(project.catalog).warnings(REF)
    assert warnings["good.png"] == ""
    assert "Most of the evidence for red lies on the text plate" in warnings["plate.png"]
    project.export_csv(tmp_path / "r.csv", model=REF)
    told = {row["file"]: row["evidence_warning"] for row in read(tmp_path / "r.csv")}
    assert told == warnings


def test_an_audit_goes_on_where_it_was(project: Project, engine: Engine) -> None:
    run = audit_folder(project, engine, settings=Settings())
    next(run)
    (first,), progress = next(run)
    run.close()
    assert (progress.done, progress.total) == (1, 2)
    rest = [
        one.file for found, _ in audit_folder(project, engine, settings=Settings()) for one in found
    ]
    assert sorted([first.file, *rest]) == ["good.png", "plate.png"]
    again = audit_folder(project, engine, settings=Settings(), again=True)
    assert sum(len(found) for found, _ in again) == 2


def test_a_photo_that_is_gone_is_told_and_the_rest_goes_on(
    project: Project, engine: Engine, museum: Path
) -> None:
    (museum / "good.png").unlink()
    told: list[str] = []
    run = examine_folder(
        project, engine, wishes=EvidenceWishes(), settings=Settings(), notify=told.append
    )
    found = [(batch, progress) for batch, progress in run]
    assert [one.result.photo.file for batch, _ in found for one in batch] == ["plate.png"]
    assert found[-1][1].failed == 1
    assert "good.png" in told[0]


def test_masks_lie_on_the_right_pixels_of_a_turned_photo(tmp_path: Path, engine: Engine) -> None:
    save(tmp_path / "turned.jpg", SPECIMEN, turned=True)
    with Project.open(tmp_path, settings=Settings()) as opened:
        for _ in opened.analyse(engine):
            pass
        wishes = EvidenceWishes(masks=True, road_above=-1.0)
        run = examine_folder(opened, engine, wishes=wishes, settings=Settings())
        (one,) = [one for batch, _ in run for one in batch]
    (mask,) = [s.mask for s in one.segmentations]
    assert (mask.width_px, mask.height_px) == (320, 200)
    truth = np.zeros((200, 320), bool)
    truth[100:160, 100:180] = True
    inside = masks.unpack(mask)
    assert (inside & truth).sum() / (inside | truth).sum() > 0.7


def test_labels_of_a_folder_of_classes(tmp_path: Path) -> None:
    for name in ("red", "blue"):
        (tmp_path / name).mkdir()
        save(tmp_path / name / f"{name}.png", SPECIMEN)
    with Project.open(tmp_path, settings=Settings()) as opened:
        found = labels_of(tmp_path, photos=opened.photos)
    assert found == {"red/red.png": frozenset({"red"}), "blue/blue.png": frozenset({"blue"})}


def test_roads_limit_is_for_whole_photos() -> None:
    tray = loaded(Tiling(working_short_side_px=64, tile_px=32)).card
    assert segment_rules(Settings(mask_road=0.3), card=loaded().card).road_above == 0.3
    assert segment_rules(Settings(), card=tray).road_above is None
    assert segment_rules(Settings(), card=tray, road_above=0.1).road_above == 0.1


def test_files_are_made_once_and_again_when_anything_changes(
    project: Project, engine: Engine, tmp_path: Path
) -> None:
    out = tmp_path / "out"

    def files(**changes: Any) -> EvidenceFiles:
        return EvidenceFiles(out, model=REF, wishes=ALL, settings=Settings(**changes))

    results = project.results(REF)
    run = examine_folder(project, engine, wishes=ALL, settings=Settings())
    for batch, _ in run:
        for found in batch:
            for path in files().write(found):
                with Image.open(path) as picture:
                    picture.load()
    assert not any(files().missing(result) for result in results)
    assert all(files(heatmap_colormap="cividis").missing(result) for result in results)
    note = out / ".evidence" / "good.png.json"
    note.write_text(note.read_text(encoding="utf-8")[:40], encoding="utf-8")
    assert [r.photo.file for r in results if files().missing(r)] == ["good.png"]


@pytest.fixture
def opened(monkeypatch: pytest.MonkeyPatch) -> list[Engine]:
    """Every engine that a command opens."""
    engines: list[Engine] = []

    def open_engine(path: Path, **_: object) -> Engine:
        engines.append(Engine(loaded(), choice=cpu(), workers=1))
        return engines[-1]

    chosen = common.ChosenModel(Path("none"), loaded().card, REF)
    monkeypatch.setattr(common, "choose_model", lambda name, settings: chosen)
    monkeypatch.setattr(common, "open_engine", open_engine)
    return engines


def run(*arguments: object) -> int:
    return cli.main(["explain", *(str(argument) for argument in arguments)])


def test_pictures_masks_and_tables(
    museum: Path, tmp_path: Path, opened: list[Engine], capsys: Captured
) -> None:
    out, coco, polygons = tmp_path / "out", tmp_path / "m.json", tmp_path / "m.geojson"
    (museum / "bad.jpg").write_bytes(b"")
    options = ["--audit", "--road", "--all-classes", "--coco", coco, "--geojson", polygons]
    options += ["--compare-methods", "grad-cam,eigen-cam", "--road-above", "-1"]
    assert run(museum, "--out", out, *options) == 1
    err = capsys.readouterr().err
    assert "plate.png: Most of the evidence for red lies on the text plate" in err
    assert "bad.jpg: the file is empty" in err
    names = {path.name for path in out.iterdir()}
    assert {
        "good.png.red.grad-cam.png", "good.png.blue.eigen-cam.png", "good.png.all.png",
        "good.png.red.mask.png", "good.png.masks.png", "evidence.csv",
    } <= names  # fmt: skip
    rows = read(out / "evidence.csv")
    assert len(rows) == 2 * 2 * 2
    row = next(r for r in rows if (r["file"], r["class"]) == ("plate.png", "red"))
    assert row["method"] == "grad-cam"
    assert float(row["evidence_text_plate"]) > 0.5
    assert "text plate" in row["evidence_warning"]
    assert float(row["mask_area_pct"]) > 0
    assert -1 <= float(row["road_combined"]) <= 1
    absent = next(r for r in rows if (r["file"], r["class"]) == ("good.png", "blue"))
    assert "does not find blue" in absent["mask_reason"]
    data = json.loads(coco.read_text(encoding="utf-8"))
    assert {image["file_name"] for image in data["images"]} == {"good.png", "plate.png"}
    assert len(data["annotations"]) == 2
    assert len(json.loads(polygons.read_text(encoding="utf-8"))["features"]) == 2


def test_areas_total_a_hundred(museum: Path, tmp_path: Path, opened: list[Engine]) -> None:
    assert run(museum, "--out", tmp_path / "o", "--all-classes") == 0
    rows = [r for r in read(tmp_path / "o" / "evidence.csv") if r["file"] == "good.png"]
    assert sum(float(row["area_pct"]) for row in rows) == pytest.approx(100)
    assert len({row["area_method"] for row in rows}) == 1


@pytest.mark.parametrize(
    ("options", "words"),
    [
        (["--classes", "green"], "has no class “green”"),
        (["--method", "tea-leaves"], "cannot be explained by “tea-leaves”"),
        (["--csv", "{tmp}"], "is a folder"),
        (["--labels", "{tmp}/nowhere"], "nowhere"),
    ],
)
def test_wrong_use_is_one_clean_line_before_any_work(
    options: list[str], words: str, museum: Path, tmp_path: Path, opened: list[Engine],
    capsys: Captured,
) -> None:  # fmt: skip
    filled = [text.format(tmp=tmp_path) for text in options]
    assert run(museum, "--out", tmp_path / "o", *filled) == 2
    err = capsys.readouterr().err
    assert words in err
    assert err.count("\n") == 1
    assert not (tmp_path / "o").exists()


def test_ctrl_c_keeps_what_is_done(
    museum: Path, tmp_path: Path, opened: list[Engine], monkeypatch: pytest.MonkeyPatch,
    capsys: Captured,
) -> None:  # fmt: skip
    out = tmp_path / "o"
    write = EvidenceFiles.write
    stops: list[console.Stop] = []
    monkeypatch.setattr(console.Stop, "__init__", lambda self: _remember(self, stops))

    def then_stop(self: EvidenceFiles, found: Any) -> list[Path]:
        pictures = write(self, found)
        stops[-1].asked = True
        return pictures

    with monkeypatch.context() as patch:
        patch.setattr(EvidenceFiles, "write", then_stop)
        assert run(museum, "--out", out) == 130
    assert "1 of 2 photos" in capsys.readouterr().err
    assert not (out / "evidence.csv").exists()
    done = {path: path.stat().st_mtime_ns for path in out.glob("*.png")}
    assert run(museum, "--out", out) == 0
    assert {path: path.stat().st_mtime_ns for path in done} == done
    assert {row["file"] for row in read(out / "evidence.csv")} == {"good.png", "plate.png"}


def _remember(stop: console.Stop, stops: list[console.Stop]) -> None:
    stop.asked = False
    stops.append(stop)


def test_nothing_is_made_again_in_a_copy_of_the_folder(
    museum: Path, tmp_path: Path, opened: list[Engine]
) -> None:
    assert run(museum, "--out", tmp_path / "o") == 0
    copy = shutil.copytree(museum, tmp_path / "copy", copy_function=shutil.copyfile)
    out = shutil.copytree(tmp_path / "o", tmp_path / "o2")
    dates = {path: path.stat().st_mtime_ns for path in out.glob("*.png")}
    time.sleep(1.1)  # answers bear the second in which they were made
    assert run(copy, "--out", out) == 0
    assert {path: path.stat().st_mtime_ns for path in out.glob("*.png")} == dates
    assert {row["file"] for row in read(out / "evidence.csv")} == {"good.png", "plate.png"}


def test_a_photo_that_breaks_later_is_skipped(
    museum: Path, tmp_path: Path, opened: list[Engine], monkeypatch: pytest.MonkeyPatch,
    capsys: Captured,
) -> None:  # fmt: skip
    def find(*_: object, **__: object) -> None:
        raise PhotoError("the share is gone")

    monkeypatch.setattr(objects, "find", find)
    assert run(museum, "--out", tmp_path / "o", "--audit") == 2
    assert "good.png: the share is gone" in capsys.readouterr().err


def test_names_in_a_list() -> None:
    assert command.names(" a, b ,,c") == ("a", "b", "c")
    assert command.names(None) == ()
