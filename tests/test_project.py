"""A folder at work: analyse, stop, be killed, go on; exports and heatmaps."""

from __future__ import annotations

import csv
import os
import signal
import subprocess
import sys
import threading
from pathlib import Path

import pytest
from fakes import CLASSES, LAYERS, MODEL, OTHER_MODEL, FakeEngine
from PIL import Image

from geoview.errors import DataError
from geoview.heatmaps import shown_classes
from geoview.project import BATCH, Project
from geoview.records import PhotoResult, Progress
from geoview.settings import Settings


def make_photos(folder: Path, names: list[str]) -> None:
    for name in names:
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        Image.new("RGB", (16, 12), (200, 180, 120)).save(folder / name)


@pytest.fixture
def well(tmp_path: Path) -> Path:
    folder = tmp_path / "Bohrung Süd"
    make_photos(folder, [f"WELL-A_{depth:04d}.0m.jpg" for depth in (20, 100, 41)])
    (folder / "bad_0300.0m.jpg").write_bytes(b"")
    return folder


def open_project(folder: Path) -> Project:
    return Project.open(folder, settings=Settings())


def analyse(project: Project, engine: FakeEngine, **options: bool) -> list[PhotoResult]:
    return [r for batch, _ in project.analyse(engine, **options) for r in batch]  # type: ignore[arg-type]


def test_a_second_run_works_only_on_what_is_new_or_changed(well: Path) -> None:
    with open_project(well) as project:
        engine = FakeEngine()
        analyse(project, engine)
        assert sorted(engine.seen) == sorted(p.file for p in project.photos)
    make_photos(well, ["WELL-A_0500.0m.jpg"])
    changed = well / "WELL-A_0041.0m.jpg"
    changed.write_bytes(changed.read_bytes() + b" ")
    with open_project(well) as project:
        engine = FakeEngine()
        analyse(project, engine)
        assert sorted(engine.seen) == ["WELL-A_0041.0m.jpg", "WELL-A_0500.0m.jpg"]
        assert {r.status for r in project.results(MODEL)} == {"done", "failed"}


def test_again_and_another_model_work_on_everything(well: Path) -> None:
    with open_project(well) as project:
        analyse(project, FakeEngine())
        again, other = FakeEngine(), FakeEngine(ref=OTHER_MODEL)
        analyse(project, again, again=True)
        analyse(project, other)
        assert len(again.seen) == len(other.seen) == 4
        for model in (MODEL, OTHER_MODEL):
            used = {r.prediction.model for r in project.results(model) if r.prediction}
            assert used == {model}


def test_reopening_shows_everything_in_the_order_of_the_scan(well: Path) -> None:
    with open_project(well) as project:
        assert [r.status for r in project.results(MODEL)] == ["new"] * 4
        analyse(project, FakeEngine())
        before = project.results(MODEL)
    with open_project(well) as project:
        assert project.results(MODEL) == before == project.results()
        assert [r.photo for r in before] == list(project.photos)
        assert [r.photo.depth_m for r in before if r.photo.well == "WELL-A"] == [20, 41, 100]
        assert project.pending(MODEL) == []


def test_progress_counts_the_whole_folder_and_what_was_done_before(well: Path) -> None:
    with open_project(well) as project:
        progress = [p for _, p in project.analyse(FakeEngine())]
        assert progress[0] == Progress(0, 4)
        assert (progress[-1].done, progress[-1].total, progress[-1].failed) == (4, 4, 1)
        assert progress[-1].rate_per_s > 0
        make_photos(well, ["new.jpg"])
        assert project.refresh().photos
        progress = [p for _, p in project.analyse(FakeEngine())]
        assert progress[0] == Progress(4, 5, failed=1)
        assert progress[-1].done == 5


def test_results_are_kept_before_they_are_shown(well: Path) -> None:
    with open_project(well) as project, open_project(well) as other:
        shown = 0
        for batch, _ in project.analyse(FakeEngine(delay_s=0.3)):
            shown += len(batch)
            kept = [r for r in other.results(MODEL) if r.status != "new"]
            assert len(kept) >= shown
            assert all(r.prediction is None or r.prediction.tiles == () for r in batch)
        assert shown == 4


def test_a_cancelled_run_goes_on_where_it_stopped(well: Path) -> None:
    stop = threading.Event()
    engine = FakeEngine(on_photo=lambda photo: stop.set())
    with open_project(well) as project:
        for _ in project.analyse(engine, cancelled=stop.is_set):
            pass
        assert len(engine.seen) == 1
        rest = FakeEngine()
        analyse(project, rest)
        assert sorted(engine.seen + rest.seen) == sorted(p.file for p in project.photos)


def test_an_engine_that_breaks_loses_nothing_that_was_done(well: Path) -> None:
    def breaks(photo: object) -> None:
        if len(engine.seen) == 3:
            raise RuntimeError("the device is gone")

    engine = FakeEngine(on_photo=breaks)
    with open_project(well) as project:
        with pytest.raises(RuntimeError, match="device is gone"):
            analyse(project, engine)
        assert len(project.pending(MODEL)) == 2


def test_a_listener_that_leaves_stops_the_engine_and_keeps_what_is_done(tmp_path: Path) -> None:
    make_photos(tmp_path, [f"{i}.png" for i in range(BATCH + 5)])
    engine = FakeEngine()
    with open_project(tmp_path) as project:
        run = project.analyse(engine)
        next(run)
        batch, _ = next(run)
        run.close()
        assert len(batch) == len(engine.seen) == BATCH
        assert len(project.pending(MODEL)) == 5


_ENDLESS = """
import sys
from pathlib import Path
sys.path.insert(0, sys.argv[2])
from fakes import FakeEngine
from geoview.project import Project
from geoview.settings import Settings
with Project.open(Path(sys.argv[1]), settings=Settings()) as project:
    for batch, progress in project.analyse(FakeEngine(delay_s=0.02)):
        for result in batch:
            print(result.photo.file, flush=True)
"""


def test_a_killed_run_goes_on_where_it_stopped(tmp_path: Path) -> None:
    make_photos(tmp_path, [f"{i}.png" for i in range(80)])
    tests = str(Path(__file__).resolve().parent)
    run = subprocess.Popen(
        [sys.executable, "-c", _ENDLESS, str(tmp_path), tests], stdout=subprocess.PIPE, text=True
    )
    assert run.stdout is not None
    shown = {run.stdout.readline().strip() for _ in range(15)}
    os.kill(run.pid, signal.SIGKILL if os.name == "posix" else signal.SIGTERM)
    shown |= {line.strip() for line in run.stdout if line.endswith("\n")}
    run.wait()
    run.stdout.close()
    with open_project(tmp_path) as project:
        assert project.notice == ""
        done = {r.photo.file for r in project.results(MODEL) if r.status == "done"}
        assert shown <= done
        assert len(done) < 80
        rest = FakeEngine()
        analyse(project, rest)
        assert not done & set(rest.seen)
        assert [r.status for r in project.results(MODEL)] == ["done"] * 80


def test_export_of_everything_with_tiles(well: Path, tmp_path: Path) -> None:
    with open_project(well) as project:
        analyse(project, FakeEngine())
        out, tiles = tmp_path / "out" / "results.csv", tmp_path / "out" / "tiles.csv"
        project.export_csv(out, model=MODEL, tiles=tiles)
        rows = list(csv.DictReader(out.open(encoding="utf-8")))
        assert [row["file"] for row in rows] == [p.file for p in project.photos]
        by_file = {r.photo.file: r.prediction for r in project.results(MODEL)}
        for row in rows:
            made = by_file[row["file"]]
            expected = "" if made is None else repr(made.probabilities[0])
            assert row["p_sandstone"] == expected
        assert len(list(csv.DictReader(tiles.open(encoding="utf-8")))) == 3 * 2


def test_columns_are_there_when_every_photo_failed(tmp_path: Path) -> None:
    folder = tmp_path / "photos"
    folder.mkdir()
    (folder / "bad.jpg").write_bytes(b"")
    with open_project(folder) as project:
        analyse(project, FakeEngine())
        out = tmp_path / "out.csv"
        project.export_csv(out, model=MODEL, classes=CLASSES, layers=LAYERS)
        (row,) = csv.DictReader(out.open(encoding="utf-8"))
        assert (row["p_sandstone"], row["p_layer_Layer1"], row["status"]) == ("", "", "failed")


def test_an_export_that_cannot_be_written_keeps_the_results(well: Path, tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with open_project(well) as project:
        analyse(project, FakeEngine())
        with pytest.raises(DataError, match=r"results are kept"):
            project.export_csv(tmp_path / "file" / "out.csv", model=MODEL)
        assert project.pending(MODEL) == []


def test_folders_that_cannot_be_opened(tmp_path: Path) -> None:
    (tmp_path / "file.jpg").write_bytes(b"")
    with pytest.raises(DataError, match="There is no folder"):
        open_project(tmp_path / "nowhere")
    with pytest.raises(DataError, match="is a file"):
        open_project(tmp_path / "file.jpg")


def test_an_empty_folder_is_fine_for_the_window_and_left_alone_by_the_rest(tmp_path: Path) -> None:
    with pytest.raises(DataError, match="no photos"):
        Project.open(tmp_path, settings=Settings(), require_photos=True)
    assert list(tmp_path.iterdir()) == []
    with open_project(tmp_path) as project:
        assert (project.photos, project.results()) == ((), [])
        assert analyse(project, FakeEngine()) == []


def test_heatmaps_are_drawn_for_what_was_found() -> None:
    from dataclasses import replace

    from fakes import prediction

    made = replace(prediction(), probabilities=(0.6, 0.9, 0.1), thresholds=(0.5, 0.5, 0.5))
    assert shown_classes(made) == ("shale", "sandstone")
    assert shown_classes(replace(made, thresholds=(0.95, 0.95, 0.95))) == ("shale",)


def test_the_sheet_chosen_for_a_folder_is_used_again_until_it_is_gone(tmp_path: Path) -> None:
    folder, names = tmp_path / "well", ["a.png", "b.png"]
    folder.mkdir()
    for name in names:
        Image.new("RGB", (8, 8)).save(folder / name)
    sheet = tmp_path / "depths.csv"
    sheet.write_text(f"file,depth_ft\n{names[0]},1000\n{names[1]},2000\n", encoding="utf-8")
    settings = Settings(depth_sheets={str(folder): str(sheet)})
    with Project.open(folder, settings=settings) as project:
        assert [p.depth_m for p in project.photos] == pytest.approx([304.8, 609.6])
    sheet.unlink()
    with Project.open(folder, settings=settings) as project:
        assert "depths.csv" in project.notice
        assert len(project.photos) == 2
