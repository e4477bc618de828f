"""The command line as a user meets it: output, files, exit codes."""

from __future__ import annotations

import csv
import json
import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from fakes import CLASSES, LAYERS, MODEL, FakeEngine
from PIL import Image

import geoview
from geoview import cli, logs, paths
from geoview.commands import common, console, evaluate, window
from geoview.errors import ModelError
from geoview.records import Progress

Captured = pytest.CaptureFixture[str]


@pytest.fixture
def engines(monkeypatch: pytest.MonkeyPatch) -> list[FakeEngine]:
    """Every engine that a command opens, instead of real ones."""
    opened: list[FakeEngine] = []

    def open_engine(model: Path, **_: object) -> FakeEngine:
        opened.append(FakeEngine())
        return opened[-1]

    card = SimpleNamespace(classes=list(CLASSES), layers=list(LAYERS), name=MODEL.name)
    chosen = common.ChosenModel(Path("fake.safetensors"), card, MODEL)  # type: ignore[arg-type]
    monkeypatch.setattr(common, "choose_model", lambda name, settings: chosen)
    monkeypatch.setattr(common, "open_engine", open_engine)
    return opened


@pytest.fixture
def no_display(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(window, "has_display", lambda: False)


@pytest.fixture
def well(tmp_path: Path) -> Path:
    folder = tmp_path / "well [red] ü"
    folder.mkdir()
    for name in ("WELL-A_0020.0m.png", "WELL-A_0041.5m.png", "[bold] ä.png"):
        Image.new("RGB", (8, 8)).save(folder / name)
    return folder


def run(*arguments: object) -> int:
    return cli.main([str(argument) for argument in arguments])


def test_a_table_of_every_photo(well: Path, engines: list[FakeEngine], capsys: Captured) -> None:
    assert run("predict", well) == 0
    out, err = capsys.readouterr()
    lines = out.splitlines()
    assert lines[0].split() == "file depth m dominant prob. area % layer status".split()
    shown = next(line for line in lines if "0041.5m" in line)
    for part in ("41.5", "sandstone", "sandstone 67, shale 33", "Layer2", "done"):
        assert part in shown
    assert any(line.startswith("[bold] ä.png") for line in lines)
    assert "3 of 3 photos analysed" in err
    assert "\x1b" not in out + err
    assert engines[0].closed


def test_csv_tiles_and_a_repeat_without_a_model(
    well: Path, tmp_path: Path, engines: list[FakeEngine], capsys: Captured
) -> None:
    out, tiles = tmp_path / "r.csv", tmp_path / "t.csv"
    assert run("predict", well, "--csv", out, "--tiles", tiles) == 0
    rows = list(csv.DictReader(out.open(encoding="utf-8")))
    assert [row["depth_m"] for row in rows if "WELL" in row["file"]] == ["20.0", "41.5"]
    assert len(list(csv.DictReader(tiles.open(encoding="utf-8")))) == 6
    assert capsys.readouterr().out == ""
    before = out.read_bytes()
    assert run("predict", well, "--csv", out) == 0
    assert out.read_bytes() == before
    assert len(engines) == 1
    assert run("predict", well, "--again") == 0
    assert len(engines[1].seen) == 3


def test_failed_photos_are_listed_also_on_a_repeat(
    well: Path, engines: list[FakeEngine], capsys: Captured
) -> None:
    (well / "bad.jpg").write_bytes(b"")
    for _ in range(2):
        assert run("predict", well) == 1
        err = capsys.readouterr().err
        assert "bad.jpg: the file is empty" in err
        assert "3 of 4 photos analysed" in err
        assert "1 could not be read" in err


def test_nothing_done_is_two(tmp_path: Path, engines: list[FakeEngine], capsys: Captured) -> None:
    (tmp_path / "bad.jpg").write_bytes(b"")
    assert run("predict", tmp_path) == 2
    assert "the file is empty" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["predict"], "FOLDER"),
        (["predict", "{tmp}/nowhere"], "There is no folder"),
        (["predict", "{tmp}/a file"], "is a file"),
        (["predict", "{tmp}/empty"], "no photos"),
        (["predict", "{well}", "--csv", "{tmp}"], "is a folder"),
        (["predict", "{well}", "--tiles", "{tmp}/a file/t.csv"], "cannot be written"),
        (["predict", "{well}", "--heatmaps", "{tmp}/a file"], "is a file"),
        (["predict", "{well}", "--precision", "fp8"], "fp8"),
        (["predict", "{well}", "--colour", "red"], "--colour"),
        (["evaluate", "m", "--data", "{tmp}/nowhere"], "nowhere"),
        (["train", "r", "--data", "{tmp}/nowhere", "--out", "{tmp}/m.safetensors"], "nowhere"),
        (["train", "r", "--data", "{well}", "--out", "{tmp}/m.pt"], ".safetensors"),
        (["nonsense"], "nonsense"),
    ],
)
def test_wrong_use_is_one_clean_line(
    arguments: list[str],
    words: str,
    well: Path,
    tmp_path: Path,
    engines: list[FakeEngine],
    capsys: Captured,
) -> None:
    (tmp_path / "empty").mkdir()
    (tmp_path / "a file").write_text("")
    filled = [text.format(tmp=tmp_path, well=well) for text in arguments]
    assert cli.main(filled) == 2
    out, err = capsys.readouterr()
    assert words in err
    assert err.count("\n") == 1
    assert out == ""
    assert engines == []
    assert list((tmp_path / "empty").iterdir()) == []


def test_a_bad_model_is_one_clean_line(well: Path, tmp_path: Path, capsys: Captured) -> None:
    pickle = tmp_path / "evil.safetensors"
    pickle.write_bytes(b"\x80\x04cos\nsystem\n")
    assert run("predict", well, "--model", pickle) == 2
    err = capsys.readouterr().err
    assert "evil.safetensors" in err
    assert err.count("\n") == 1
    assert run("predict", well, "--model", "no-such-model") == 2
    assert "no-such-model" in capsys.readouterr().err


def test_an_unexpected_error_is_one_line_and_the_log_has_the_rest(
    well: Path, engines: list[FakeEngine], monkeypatch: pytest.MonkeyPatch, capsys: Captured
) -> None:
    def breaks(self: FakeEngine, *_: object, **__: object) -> Iterator[Any]:
        raise ZeroDivisionError("first line\nsecond line")

    monkeypatch.setattr(FakeEngine, "run", breaks)
    assert run("predict", well) == 2
    err = capsys.readouterr().err
    assert err.count("\n") == 1
    assert "ZeroDivisionError: first line" in err
    assert str(logs.log_file()) in err
    assert "Traceback" in logs.log_file().read_text(encoding="utf-8")
    assert engines[0].closed
    assert run("predict", well, "--debug") == 2
    assert "Traceback" in capsys.readouterr().err


def test_an_error_of_the_model_is_shown_as_it_stands(
    well: Path, engines: list[FakeEngine], monkeypatch: pytest.MonkeyPatch, capsys: Captured
) -> None:
    def refuses(*_: object, **__: object) -> None:
        raise ModelError("The device cuda:7 is not there; choose another.")

    monkeypatch.setattr(common, "open_engine", refuses)
    assert run("predict", well) == 2
    assert capsys.readouterr().err == "The device cuda:7 is not there; choose another.\n"


def test_an_export_that_fails_at_the_end_keeps_the_results(
    well: Path,
    tmp_path: Path,
    engines: list[FakeEngine],
    monkeypatch: pytest.MonkeyPatch,
    capsys: Captured,
) -> None:
    def full(*_: object) -> None:
        raise OSError(28, "No space left on device")

    with monkeypatch.context() as patch:
        patch.setattr("geoview.files.os.replace", full)
        assert run("predict", well, "--csv", tmp_path / "out.csv") == 2
    err = capsys.readouterr().err
    assert "No space left" in err
    assert "results are kept" in err
    assert run("predict", well, "--csv", tmp_path / "out.csv") == 0
    assert len(engines) == 1


_STOPPED = """
import os, signal, sys
from pathlib import Path
from types import SimpleNamespace
sys.path.insert(0, sys.argv[2])
from fakes import CLASSES, LAYERS, MODEL, FakeEngine
from geoview import cli
from geoview.commands import common
engine = FakeEngine(delay_s=0.05)
def stop(photo):
    if len(engine.seen) == 2:
        os.kill(os.getpid(), signal.SIGINT)
engine.on_photo = stop
card = SimpleNamespace(classes=list(CLASSES), layers=list(LAYERS), name=MODEL.name)
common.choose_model = lambda name, settings: common.ChosenModel(Path("m"), card, MODEL)
common.open_engine = lambda model, **options: engine
sys.exit(cli.main(["predict", sys.argv[1]]))
"""


@pytest.mark.skipif(os.name != "posix", reason="sends a signal")
def test_ctrl_c_stops_cleanly_and_says_how_to_go_on(well: Path, engines: list[FakeEngine]) -> None:
    tests = str(Path(__file__).resolve().parent)
    stopped = subprocess.run(
        [sys.executable, "-c", _STOPPED, str(well), tests], capture_output=True, text=True
    )
    assert stopped.returncode == 130
    assert "2 of 3 photos" in stopped.stderr
    assert "goes on from there" in stopped.stderr
    assert "Traceback" not in stopped.stderr
    assert run("predict", well) == 0
    assert len(engines[0].seen) == 1


def test_ctrl_c_twice_interrupts_at_once() -> None:
    with console.on_interrupt() as stop:
        signal.raise_signal(signal.SIGINT)
        assert stop()
        with pytest.raises(KeyboardInterrupt):
            signal.raise_signal(signal.SIGINT)
    assert signal.getsignal(signal.SIGINT) is signal.default_int_handler


def test_help_is_light_and_reads_well() -> None:
    code = (
        "import sys; from geoview import cli; code = cli.main(['--help']);"
        "heavy = {'torch', 'timm', 'transformers', 'PySide6', 'cv2', 'sqlalchemy', 'numpy'};"
        "print(sorted(heavy & set(sys.modules))); sys.exit(code)"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.rstrip().endswith("[]")
    commands = ("predict", "evaluate", "train", "measure", "models", "doctor", "open", "run")
    for word in (*commands, "Exit codes"):
        assert word in done.stdout


@pytest.mark.parametrize(
    "command", ["predict", "evaluate", "train", "models", "doctor", "open", "run"]
)
def test_every_command_has_help(command: str, capsys: Captured) -> None:
    assert run(command, "--help") == 0
    assert f"geoview {command}" in capsys.readouterr().out


def test_version(capsys: Captured) -> None:
    assert run("--version") == 0
    assert capsys.readouterr().out == f"GeoView {geoview.__version__}\n"


def test_without_a_command_and_a_display_there_is_help(no_display: None, capsys: Captured) -> None:
    assert run() == 0
    assert "predict" in capsys.readouterr().out
    assert run("open") == 2
    assert "no display" in capsys.readouterr().err


def test_the_window_opens_where_there_is_a_display(
    well: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    opened: list[Path | None] = []
    monkeypatch.setattr(window, "has_display", lambda: True)
    monkeypatch.setitem(sys.modules, "geoview.app.main", SimpleNamespace(run=opened.append))
    assert run() == 0
    assert run("open", well) == 0
    assert opened == [None, well]


@pytest.mark.skipif(sys.platform != "linux", reason="X11")
def test_a_display_that_does_not_answer_is_none(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("WAYLAND_DISPLAY", "QT_QPA_PLATFORM"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("DISPLAY", ":61234")
    assert not window.has_display()
    monkeypatch.setenv("DISPLAY", "localhost:10.0")
    assert window.has_display()
    monkeypatch.setenv("QT_QPA_PLATFORM", "offscreen")
    assert not window.has_display()


def test_the_samples_without_a_display(
    no_display: None,
    well: Path,
    tmp_path: Path,
    engines: list[FakeEngine],
    monkeypatch: pytest.MonkeyPatch,
    capsys: Captured,
) -> None:
    shipped = tmp_path / "resources"
    (shipped / "samples").mkdir(parents=True)
    well.rename(shipped / "samples" / "cuttings")
    monkeypatch.setattr(paths, "resources", lambda: shipped)
    monkeypatch.setattr("geoview.heatmaps.draw", _fake_picture)
    report = tmp_path / "report"
    assert run("run", "--report", report) == 0
    out = capsys.readouterr().out
    assert "WELL-A_0020.0m.png" in out
    made = {p.relative_to(report).as_posix() for p in report.rglob("*") if p.is_file()}
    assert {"results.csv", "tiles.csv", "index.html"} <= made
    page = (report / "index.html").read_text(encoding="utf-8")
    assert "sandstone" in page
    assert 'src="heatmaps/WELL-A_0020.0m.png.sandstone.png"' in page
    assert not (shipped / "samples" / "cuttings" / ".geoview").exists()
    assert run("run", "--report", report) == 0


def _fake_picture(engine: object, result: Any, folder: Path, **_: object) -> list[Any]:
    from geoview.heatmaps import HeatmapFile

    path = folder / f"{result.photo.file}.sandstone.png"
    path.parent.mkdir(parents=True, exist_ok=True)
    Image.new("RGB", (4, 4)).save(path)
    return [HeatmapFile(result.photo.file, "sandstone", path)]


FIGURES: dict[str, Any] = {
    "model": "fake", "n": 48, "n_photos": 3, "level": "tile", "split": "test",
    "map": 0.9712345678901, "ap": {"sandstone": 0.98, "shale": float("nan")},
    "cp": 0.9, "cr": 0.8, "cf1": 0.85, "op": 0.9, "or": 0.8, "of1": 0.85, "layer_accuracy": 0.75,
    "area_mae_points": {"sandstone": 4.25, "shale": 3.0},
    "area_bias_points": {"sandstone": -1.5, "shale": 0.5}, "area_mae_points_mean": 3.6,
    "thresholds": {"sandstone": 0.5, "shale": 0.4}, "positives": {"sandstone": 40, "shale": 0},
    "photos_failed": {},
    "ci95": {"map": [0.95, 0.99], "ap": {"sandstone": [0.97, 0.99], "shale": [0.1, 0.2]}},
}  # fmt: skip


def test_figures_with_their_intervals(capsys: Captured) -> None:
    evaluate.print_figures(FIGURES)
    out = capsys.readouterr().out
    assert "fake on 48 tiles of 3 photos (test)" in out
    assert "0.971  0.950 – 0.990" in out
    row = next(line for line in out.splitlines() if line.startswith("sandstone"))
    assert row.split() == "sandstone 40 0.980 0.970 – 0.990 0.50 4.2 -1.5".split()
    assert next(line for line in out.splitlines() if line.startswith("shale")).split()[2] == "–"


def test_figures_as_json_are_valid_and_unrounded(tmp_path: Path) -> None:
    evaluate._write_json(tmp_path / "f.json", FIGURES)

    def refuse(text: str) -> None:
        raise AssertionError(text)

    text = (tmp_path / "f.json").read_text(encoding="utf-8")
    read = json.loads(text, parse_constant=refuse)
    assert read["map"] == FIGURES["map"]
    assert read["ap"] == {"sandstone": 0.98, "shale": None}


def test_progress_in_words() -> None:
    progress = Progress(10, 4000, rate_per_s=20.0, failed=2)
    words = console.progress_words(progress, unit="photos")
    assert words == "20 photos/s · 3 min left · 2 failed"
    assert console.progress_words(Progress(0, 5), unit="photos") == ""


def test_names_that_would_command_the_terminal_are_shown_harmless() -> None:
    assert console.shown("a\x1b[31m\n\udcff ä.jpg") == "a\\x1b[31m\\n\\udcff ä.jpg"
