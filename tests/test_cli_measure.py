"""``geoview measure`` as a curator meets it: table, files, checks, exit codes."""

from __future__ import annotations

import csv
import os
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import pytest
from fake_measuring import SCALE, FakeMeasure
from PIL import Image

from geoview import cli, settings
from geoview.measure import tool
from geoview.measure.options import MeasureOptions
from geoview.measured import Measurement
from geoview.measuring import Measuring
from geoview.project import Project
from geoview.records import Photo

Captured = pytest.CaptureFixture[str]
NAMES = ("GM-001.jpg", "GM-002 [x].jpg", "bare.jpg")


@pytest.fixture
def tray(tmp_path: Path, measure: FakeMeasure) -> Path:
    folder = tmp_path / "tray ü"
    folder.mkdir()
    for name in NAMES:
        Image.new("RGB", (64, 48), (200, 180, 120)).save(folder / name)
    return folder


def run(*arguments: object) -> int:
    return cli.main([str(argument) for argument in arguments])


def rows(path: Path) -> list[dict[str, str]]:
    with path.open(encoding="utf-8", newline="") as stream:
        return list(csv.DictReader(stream))


def test_a_table_and_a_summary(tray: Path, capsys: Captured) -> None:
    assert run("measure", tray) == 0
    out, err = capsys.readouterr()
    assert out.splitlines()[0].split()[:4] == ["file", "number", "length", "mm"]
    line = next(text for text in out.splitlines() if text.startswith("GM-001.jpg"))
    for part in ("GM-001", "14.3", "0.3", "7.1", "accepted", "Tray 30 × 30"):
        assert part in line
    assert "GM-002 [x].jpg" in out
    assert "2 of 3 accepted, 0 to review, 1 rejected." in err
    assert "1 × no cube found" in err


def test_the_csv_and_a_repeat_that_measures_nothing(
    tray: Path, tmp_path: Path, measure: FakeMeasure, capsys: Captured
) -> None:
    out = tmp_path / "sizes.csv"
    assert run("measure", tray, "--csv", out) == 0
    assert capsys.readouterr().out == ""
    found = {row["file"]: row for row in rows(out)}
    assert set(found) == set(NAMES)
    assert found["GM-001.jpg"]["length_mm"] == repr(100 / 7)
    assert found["GM-001.jpg"]["box"] == "Tray 30 × 30"
    assert [v for k, v in found["bare.jpg"].items() if "mm" in k] == [""] * 5
    before = out.read_bytes()
    measure.seen.clear()
    assert run("measure", tray, "--csv", out) == 0
    assert measure.seen == []
    assert out.read_bytes() == before
    assert run("measure", tray, "--csv", out, "--cube-mm", "10") == 0
    assert sorted(measure.seen) == sorted(NAMES)
    assert run("measure", tray, "--csv", out, "--cube-mm", "10", "--again") == 0
    assert len(measure.seen) == 6


def test_broken_photos_are_named_and_counted(tray: Path, capsys: Captured, tmp_path: Path) -> None:
    (tray / "bad.jpg").write_bytes(b"")
    for _ in range(2):
        assert run("measure", tray, "--csv", tmp_path / "o.csv") == 1
        err = capsys.readouterr().err
        assert "bad.jpg: the photo cannot be read" in err
        assert "2 of 4 accepted, 0 to review, 2 rejected." in err
    assert len(rows(tmp_path / "o.csv")) == 4


def test_nothing_done_is_two(tmp_path: Path, measure: FakeMeasure) -> None:
    (tmp_path / "bad.jpg").write_bytes(b"")
    assert run("measure", tmp_path) == 2


def test_every_format_at_once(tray: Path, tmp_path: Path, capsys: Captured) -> None:
    out = tmp_path / "out"
    files = {
        "--csv": "s.csv", "--excel": "s.xlsx", "--darwin-core": "d.csv", "--specify": "p.csv",
        "--collective-access": "c.csv", "--emu": "emu", "--annotated": "seen",
        "--contact-sheet": "s.pdf", "--box-table": "b.csv", "--box-chart": "b.svg",
    }  # fmt: skip
    options = [part for name, file in files.items() for part in (name, out / file)]
    assert run("measure", tray, *options, "--dry-run") == 0
    assert not out.exists()
    printed, err = capsys.readouterr()
    assert "GM-001.jpg" in printed
    lacking = (
        "Darwin Core MeasurementOrFact, Specify 7, CollectiveAccess, EMu (crops and sheet): "
        "1 photo is without a catalogue number: bare.jpg."
    )
    assert lacking in err
    assert f"Would write {out / 's.pdf'}" in err
    assert f"Would write {out / 'p-sizes.csv'}" in err
    assert run("measure", tray, *options) == 0
    printed, err = capsys.readouterr()
    assert printed == ""
    assert lacking in err
    assert f"Wrote {out / 'p-sizes.csv'}" in err
    assert {path.name for path in out.iterdir()} == {*files.values(), "p-sizes.csv"}
    assert (out / "emu" / "GM-001.jpg").is_file()
    assert (out / "seen" / "GM-001.jpg.measured.jpg").is_file()
    assert "2 specimens need 1 size of box; 1 without an accepted size is not counted." in err


def test_own_boxes_and_how_many_to_buy(tray: Path, tmp_path: Path) -> None:
    shelf, table, out = tmp_path / "boxes.csv", tmp_path / "buy.csv", tmp_path / "out.csv"
    shelf.write_text("name,length_mm,width_mm,in_stock\nS,16,12,\nM,40,30,1\n")
    options = ("--boxes", shelf, "--box-table", table, "--csv", out)
    assert run("measure", tray, *options) == 0
    assert rows(table)[:2] == [
        {"name": "S", "needed": "0", "in_stock": "", "to_buy": "0"},
        {"name": "M", "needed": "2", "in_stock": "1", "to_buy": "1"},
    ]
    assert run("measure", tray, *options, "--clearance-mm", "0.5") == 0
    assert [row["box"] for row in rows(out) if row["box"]] == ["S", "S"]
    chosen = settings.load()
    chosen.storage_boxes = [("mine", 99.0, 88.0, None, None)]
    settings.save(chosen)
    assert run("measure", tray, "--csv", out) == 0
    assert [row["box"] for row in rows(out) if row["box"]] == ["mine", "mine"]


def test_the_register_is_compared(tray: Path, tmp_path: Path, capsys: Captured) -> None:
    sheet, out = tmp_path / "catalogue.csv", tmp_path / "odd.csv"
    sheet.write_text("number,length_mm,width_mm\ngm 1,143,71\nGM-999,10,10\n")
    assert run("measure", tray, "--catalogue", sheet, "--csv", tmp_path / "s.csv") == 0
    printed, err = capsys.readouterr()
    assert printed.splitlines()[0].startswith("recorded length")
    assert printed.splitlines()[-1].split() == ["all", "1", "0.900", "0.899"]
    assert (
        "1 record compared, 1 suspicious; 1 could not be judged (no photo has the number: "
        "GM-999 (row 3))." in err
    )
    assert "gm 1: Recorded 143 mm × 71 mm, measured 14.3 × 7.1 mm: both sides" in err
    assert run("measure", tray, "--catalogue", sheet, "--suspicious", out) == 0
    (row,) = rows(out)
    assert (row["number"], row["kind"], row["file"]) == ("gm 1", "unit slip", "GM-001.jpg")
    assert float(row["suggested_length_mm"]) == pytest.approx(14.3)


def test_a_reference_shot_or_a_typed_scale(
    tray: Path, tmp_path: Path, measure: FakeMeasure
) -> None:
    out = tmp_path / "out.csv"
    assert run("measure", tray, "--csv", out, "--scale-from", "GM-001.jpg") == 0
    (bare,) = [row for row in rows(out) if row["file"] == "bare.jpg"]
    assert (bare["scale_source"], bare["status"]) == ("inherited", "accepted")
    assert float(bare["mm_per_px"]) == SCALE.mm_per_px
    measure.seen.clear()
    assert run("measure", tray, "--csv", out, "--scale-from", tray / "GM-001.jpg") == 0
    assert measure.seen == []
    assert run("measure", tray, "--csv", out, "--mm-per-px", "0.25") == 0
    (bare,) = [row for row in rows(out) if row["file"] == "bare.jpg"]
    assert float(bare["mm_per_px"]) == 0.25


def test_a_corrected_shot_and_another_edge_give_the_same_twice(
    tray: Path, tmp_path: Path, capsys: Captured
) -> None:
    assert run("measure", tray) == 0
    with Project.open(tray, settings=settings.Settings()) as project:
        measuring = Measuring(project, options=MeasureOptions(), user="ana")
        shot = measuring.one("GM-001.jpg")
        assert shot is not None
        measuring.save(replace(shot, catalogue_no="GM-7"))
    out, lengths = tmp_path / "out.csv", []
    for _ in range(2):
        options = ("--csv", out, "--cube-mm", "50.8", "--scale-from", "GM-001.jpg")
        assert run("measure", tray, *options) == 0
        lengths.append({row["file"]: row["mm_per_px"] for row in rows(out)})
    assert lengths[0] == lengths[1]
    assert float(lengths[0]["bare.jpg"]) == pytest.approx(2 * SCALE.mm_per_px)
    assert "an earlier run was given" not in capsys.readouterr().err


def test_what_the_window_measures_by_holds_here_too(
    tray: Path, measure: FakeMeasure, monkeypatch: pytest.MonkeyPatch
) -> None:
    def noted(photo: Photo, *, options: MeasureOptions) -> Measurement:
        asked.append((options.scale_source, options.reference_mm, options.read_plates))
        return measure(photo, options=options)

    settings.save(settings.Settings(measure_scale="coin", coin_mm=20, read_plates=True))
    asked: list[tuple[str, float | None, bool]] = []
    monkeypatch.setattr(tool, "measure", noted)
    assert run("measure", tray) == 0
    assert set(asked) == {("coin", 20.0, True)}
    asked.clear()
    assert run("measure", tray, "--reference", "cube", "--no-read-plates") == 0
    assert set(asked) == {("cube", None, False)}


def test_a_pattern_reads_the_number(tray: Path, tmp_path: Path) -> None:
    out = tmp_path / "out.csv"
    options = ("--csv", out, "--pattern", "GM-{sample} *", "--pattern", "GM-{sample}")
    assert run("measure", tray, *options) == 0
    assert sorted(row["catalogue_no"] for row in rows(out)) == ["", "001", "002"]


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["{tmp}/nowhere"], "There is no folder"),
        (["{tmp}/empty"], "no photos"),
        (["{tray}", "--csv", "{tmp}"], "is a folder"),
        (["{tray}", "--emu", "{tmp}/a file"], "is a file"),
        (["{tray}", "--annotated", "{tray}/seen"], "among the photos"),
        (["{tray}", "--suspicious", "{tmp}/a file/x.csv", "--catalogue", "x"], "cannot be written"),
        (["{tray}", "--suspicious", "{tmp}/x.csv"], "--catalogue"),
        (["{tray}", "--method", "guess"], "There is no measuring method guess; choose one of geo"),
        (["{tray}", "--cube-mm", "0"], "the cube's edge must lie between"),
        (["{tray}", "--reference", "ell"], "no reference ell; choose one of cube, ruler"),
        (["{tray}", "--mm-per-px", "-1"], "--mm-per-px must be above 0"),
        (["{tray}", "--mm-per-px", "1", "--scale-from", "x"], "not both"),
        (["{tray}", "--scale-from", "x.jpg"], "There is no photo x.jpg"),
        (["{tray}", "--scale-from", "bare.jpg"], "bare.jpg has no scale"),
        (["{tray}", "--clearance-mm", "-1"], "--clearance-mm"),
        (["{tray}", "--boxes", "{tmp}/nothing.csv"], "There is no file {tmp}/nothing.csv"),
        (["{tray}", "--catalogue", "{tmp}/nothing.csv"], "There is no file {tmp}/nothing.csv"),
        (["{tray}", "--pattern", "{{nonsense}}"], "nonsense"),
        (["{tray}", "--colour", "red"], "--colour"),
    ],
)
def test_wrong_use_is_one_clean_line(
    arguments: list[str], words: str, tray: Path, tmp_path: Path, capsys: Captured
) -> None:
    (tmp_path / "empty").mkdir()
    (tmp_path / "a file").write_text("")
    assert run("measure", *(text.format(tmp=tmp_path, tray=tray) for text in arguments)) == 2
    out, err = capsys.readouterr()
    assert words.format(tmp=tmp_path) in err
    assert err.count("\n") == 1
    assert out == ""


_STOPPED = """
import os, signal, sys, time
sys.path.insert(0, sys.argv[2])
from fake_measuring import FakeMeasure
from geoview import cli
from geoview.measure import crew, tool
asked = []
def stop(photo):
    time.sleep(0.02)
    if photo.file.startswith("more 1") and not asked:
        asked.append(photo)
        os.kill(os.getpid(), signal.SIGINT)
tool.measure = FakeMeasure(on_photo=stop)
crew.MANY = sys.maxsize
sys.exit(cli.main(["measure", sys.argv[1]]))
"""


@pytest.mark.skipif(os.name != "posix", reason="sends a signal")
def test_ctrl_c_stops_cleanly_and_says_how_to_go_on(tray: Path, measure: FakeMeasure) -> None:
    for number in range(40):
        Image.new("RGB", (9, 9)).save(tray / f"more {number}.jpg")
    tests = str(Path(__file__).resolve().parent)
    stopped = subprocess.run(
        [sys.executable, "-c", _STOPPED, str(tray), tests], capture_output=True, text=True
    )
    assert stopped.returncode == 130, stopped.stderr
    assert "of 43 photos measured; the same command goes on from there." in stopped.stderr
    assert "Traceback" not in stopped.stderr
    assert run("measure", tray) == 0
    assert 0 < len(measure.seen) < 43


def test_help_names_every_option(capsys: Captured) -> None:
    assert run("measure", "--help") == 0
    out = capsys.readouterr().out
    assert "geoview measure" in out
    for option in ("--csv", "--darwin-core", "--catalogue", "--suspicious", "--dry-run"):
        assert option in out


def test_nothing_is_written_over_what_is_read_or_another_file(
    tray: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    photo = tray / "GM-001.jpg"
    before = photo.read_bytes()
    sheet = tmp_path / "register.csv"
    sheet.write_text("number,length\nGM-001,14\n", encoding="utf-8")
    crops = tmp_path / "crops"
    crops.mkdir()
    (crops / "GM-001.jpg").write_bytes(before)
    pairs, sizes = tmp_path / "s.csv", tmp_path / "s-sizes.csv"
    for wish in (
        ("--csv", photo),
        ("--csv", sheet, "--catalogue", sheet),
        ("--csv", sizes, "--specify", pairs),
        ("--emu", crops),
    ):
        assert run("measure", tray, *wish) == 2, wish
        assert "choose" in (err := capsys.readouterr().err) or "another name" in err
    assert photo.read_bytes() == before
    assert sheet.read_text(encoding="utf-8").startswith("number,length")
    assert (crops / "GM-001.jpg").read_bytes() == before
    assert not pairs.exists()
