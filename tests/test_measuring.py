"""Sizes of a folder: measure, stop, be killed, go on; correct, undo, inherit, export."""

from __future__ import annotations

import csv
import json
import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from fake_measuring import SCALE, FakeMeasure, measurement
from PIL import Image

from geoview.errors import Cancelled, DataError
from geoview.measure.boxes import Box
from geoview.measure.options import MeasureOptions
from geoview.measured import Measurement
from geoview.measuring import Measuring
from geoview.project import Project
from geoview.records import Photo, Progress
from geoview.settings import Settings

NAMES = ("GM-001.jpg", "GM-002.jpg", "bad.jpg", "bare 1.jpg", "bare 2.jpg")


@pytest.fixture
def tray(tmp_path: Path) -> Path:
    folder = tmp_path / "Lade Süd"
    folder.mkdir()
    for name in NAMES:
        Image.new("RGB", (64, 48), (200, 180, 120)).save(folder / name)
    return folder


@pytest.fixture
def project(tray: Path) -> Iterator[Project]:
    with Project.open(tray, settings=Settings()) as opened:
        yield opened


def make(project: Project, measure: FakeMeasure | None = None, **options: Any) -> Measuring:
    wanted = MeasureOptions(**options)
    return Measuring(project, options=wanted, user="ana", measure=measure or FakeMeasure())


def run(measuring: Measuring, **options: Any) -> list[Measurement]:
    return [one for batch, _ in measuring.run(**options) for one in batch]


def run_through(steps: Iterator[tuple[list[Measurement], Progress]]) -> None:
    for _ in steps:
        pass


def test_every_photo_is_measured_and_a_broken_one_says_so(project: Project) -> None:
    measuring = make(project)
    assert measuring.results() == [None] * 5
    progress: list[Progress] = []
    saved: list[bool] = []
    for batch, step in measuring.run():
        progress.append(step)
        saved += [measuring.one(one.file) == one for one in batch]
    assert saved == [True] * 5
    first, last = progress[0], progress[-1]
    assert (first.done, first.total, first.seconds_left) == (0, 5, None)
    assert (last.done, last.total, last.failed, last.seconds_left) == (5, 5, 1, 0)
    results = {m.file: m for m in measuring.results() if m is not None}
    assert [m.file for m in measuring.results() if m] == [p.file for p in project.photos]
    broken = results["bad.jpg"]
    assert (broken.status, broken.is_unreadable) == ("rejected", True)
    assert broken.reasons == (
        "the photo cannot be read: the file is empty: copy it again from the camera",
    )
    assert results["GM-001.jpg"].catalogue_no == "GM-001"
    assert make(project).results() == measuring.results()


def test_a_bug_on_one_photo_does_not_end_the_run(tray: Path) -> None:
    Image.new("RGB", (9, 9)).save(tray / "odd.jpg")
    told: list[str] = []
    with Project.open(tray, settings=Settings()) as project:
        found = run(make(project), notify=told.append)
    assert len(found) == 6
    (odd,) = [one for one in found if one.file == "odd.jpg"]
    assert odd.status == "rejected"
    assert "ZeroDivisionError" in odd.reasons[0]
    assert told == [f"odd.jpg: {odd.reasons[0]}."]


def test_only_what_is_new_changed_or_measured_otherwise_is_measured(tray: Path) -> None:
    def seen(again: bool = False, **options: Any) -> list[str]:
        measure = FakeMeasure()
        with Project.open(tray, settings=Settings()) as project:
            run(make(project, measure, **options), again=again)
        return sorted(measure.seen)

    assert seen() == sorted(NAMES)
    assert seen() == []
    changed = tray / "GM-002.jpg"
    changed.write_bytes(changed.read_bytes() + b" ")
    Image.new("RGB", (9, 9)).save(tray / "GM-003.jpg")
    assert seen() == ["GM-002.jpg", "GM-003.jpg"]
    everything = sorted((*NAMES, "GM-003.jpg"))
    assert seen(cube_mm=10.0) == everything
    assert seen(cube_mm=10.0) == []
    assert seen() == everything
    assert seen(method="paper") == everything
    assert seen(method="paper", scale=replace(SCALE, source="inherited")) == everything
    assert seen(method="paper") == []
    assert seen(method="paper", again=True) == everything


def test_a_correction_stays_and_is_undone_after_a_restart(tray: Path) -> None:
    with Project.open(tray, settings=Settings()) as project:
        measuring = make(project)
        run(measuring)
        before = measuring.one("GM-001.jpg")
        assert before is not None
        changes = measuring.save(replace(before, catalogue_no="GM-7"))
        assert changes.results == ("GM-001.jpg",)
        assert "GM-001.jpg" not in [p.file for p in make(project, method="paper").pending()]
        run(make(project, method="paper"))
        now = measuring.one("GM-001.jpg")
        assert now == replace(before, catalogue_no="GM-7", user="ana")
    with Project.open(tray, settings=Settings()) as project:
        measuring = make(project)
        assert measuring.can_undo()
        assert not Measuring(project, options=MeasureOptions(), user="ben").can_undo()
        assert measuring.undo() == ("GM-001.jpg",)
        assert measuring.one("GM-001.jpg") == before
        assert (measuring.can_undo(), measuring.can_redo()) == (False, True)
        assert measuring.redo() == ("GM-001.jpg",)
        told: list[str] = []
        run(measuring, again=True, notify=told.append)
        assert told == ["1 photo corrected by hand: left without another measurement."]
        assert measuring.one("GM-001.jpg") == now
        assert measuring.can_undo()


def test_corrected_lengths_follow_the_cube_and_come_back(project: Project) -> None:
    measuring = make(project)
    run(measuring)
    before = measuring.one("GM-001.jpg")
    assert before is not None
    measuring.save(replace(before, catalogue_no="GM-7"))
    twice = make(project, cube_mm=50.8)
    assert "GM-001.jpg" in [photo.file for photo in twice.pending()]
    told: list[str] = []
    run(twice, notify=told.append)
    now = twice.one("GM-001.jpg")
    assert now is not None
    assert now.scale is not None
    assert now.size_mm is not None
    assert before.size_mm is not None
    assert before.length_pm_mm is not None
    assert (now.catalogue_no, now.status, now.scale.reference_mm) == ("GM-7", "accepted", 50.8)
    assert now.size_mm.length == pytest.approx(2 * before.size_mm.length)
    assert now.size_mm.area == pytest.approx(4 * before.size_mm.area)
    assert now.length_pm_mm == pytest.approx(2 * before.length_pm_mm)
    assert now.outline_px == before.outline_px
    assert told == [
        "1 photo corrected by hand: the lengths are now those for a cube of 50.8 mm. "
        "Undo takes that back."
    ]
    assert twice.pending() == []
    assert twice.undo() == ("GM-001.jpg",)
    back = twice.one("GM-001.jpg")
    assert back is not None
    assert back.size_mm == before.size_mm


def test_a_corrected_reference_shot_passes_its_scale_on_when_asked(project: Project) -> None:
    measuring = make(project)
    run(measuring)
    run_through(measuring.inherit("GM-001.jpg"))
    assert measuring.inheriting("GM-001.jpg") == []
    first, heir = measuring.one("GM-001.jpg"), measuring.one("bare 1.jpg")
    assert first is not None
    assert first.scale is not None
    assert heir is not None
    measuring.save(replace(heir, catalogue_no="GM-8"))
    measuring.save(replace(first, scale=replace(first.scale, mm_per_px=1 / 5)))
    assert measuring.inheriting("GM-001.jpg") == ["bare 1.jpg", "bare 2.jpg"]
    run_through(measuring.inherit("GM-001.jpg"))
    assert measuring.inheriting("GM-001.jpg") == []
    heir = measuring.one("bare 1.jpg")
    assert heir is not None
    assert heir.size_px is not None
    assert heir.size_mm is not None
    assert heir.size_mm.length == pytest.approx(heir.size_px.length / 5)
    assert heir.catalogue_no == "GM-8"
    assert set(measuring.undo()) == {"bare 1.jpg", "bare 2.jpg"}


def test_numbers_follow_new_patterns_but_not_over_a_persons(project: Project) -> None:
    measuring = make(project)
    run(measuring)
    first = measuring.one("GM-001.jpg")
    assert first is not None
    measuring.save(replace(first, catalogue_no="GM-7"))
    measure = FakeMeasure()
    other = Measuring(
        project, options=MeasureOptions(), user="ana", measure=measure, patterns=("GM-{sample}",)
    )
    assert [one.catalogue_no for one in run(other)] == ["002"]
    assert measure.seen == []
    numbers = {m.file: m.catalogue_no for m in other.results() if m is not None}
    assert (numbers["GM-001.jpg"], numbers["GM-002.jpg"]) == ("GM-7", "002")
    assert other.pending() == []


def test_plates_are_read_later_where_there_is_no_number(project: Project) -> None:
    run(make(project))
    reading = make(project, read_plates=True)
    assert [photo.file for photo in reading.pending()] == ["bare 1.jpg", "bare 2.jpg"]
    run(reading)
    assert reading.pending() == []
    assert make(project).pending() == []


def test_a_correction_made_while_measuring_stays(project: Project) -> None:
    kept = make(project)
    by_hand = measurement("GM-002.jpg", length_mm=33, user="ana")

    def correct(photo: Photo) -> None:
        if photo.file == "GM-002.jpg":
            kept.save(by_hand)

    for again in (False, True):
        run(make(project, FakeMeasure(on_photo=correct)), again=again)
        assert kept.one("GM-002.jpg") == by_hand


def test_what_would_lose_the_outline_is_refused(project: Project) -> None:
    measuring = make(project)
    run(measuring)
    light = measuring.results(outlines=False)[-1]
    assert light is not None
    assert light.outline_box_px
    assert light.outline_px == ()
    with pytest.raises(ValueError, match="outline"):
        measuring.save(replace(light, status="review"))
    with pytest.raises(DataError, match=r"nowhere\.jpg"):
        measuring.save(measurement("nowhere.jpg", user="ana"))


def test_stopping_keeps_what_is_in_hand_and_the_next_run_goes_on(tray: Path) -> None:
    for number in range(40):
        Image.new("RGB", (9, 9)).save(tray / f"more {number}.jpg")
    with Project.open(tray, settings=Settings()) as project:
        first = FakeMeasure()
        found = run(make(project, first), cancelled=lambda: len(first.seen) >= 6)
        assert 6 <= len(first.seen) < 45
        assert sorted(one.file for one in found) == sorted(first.seen)
        second = FakeMeasure()
        measuring = make(project, second)
        (_, begun), *_ = measuring.run()
        assert begun.done == len(first.seen)
        assert not set(first.seen) & set(second.seen)
        run(measuring)
        assert all(measuring.results())


_KILLED = """
import os, sys, time
from pathlib import Path
sys.path.insert(0, sys.argv[2])
from fake_measuring import FakeMeasure
from geoview.measure.options import MeasureOptions
from geoview.measuring import Measuring
from geoview.project import Project
from geoview.settings import Settings
project = Project.open(Path(sys.argv[1]), settings=Settings())
measure = FakeMeasure(on_photo=lambda photo: time.sleep(0.02))
measuring = Measuring(project, options=MeasureOptions(), user="x", measure=measure)
for batch, progress in measuring.run():
    print(*(one.file for one in batch), sep="\\n", flush=True)
    if progress.done >= 12:
        os.kill(os.getpid(), 9)
"""


@pytest.mark.skipif(os.name != "posix", reason="sends a signal")
def test_a_kill_loses_nothing_that_was_told(tray: Path) -> None:
    for number in range(30):
        Image.new("RGB", (9, 9)).save(tray / f"more {number}.jpg")
    tests = str(Path(__file__).resolve().parent)
    killed = subprocess.run(
        [sys.executable, "-c", _KILLED, str(tray), tests], capture_output=True, text=True
    )
    assert killed.returncode == -signal.SIGKILL, killed.stderr
    told = {line for line in killed.stdout.splitlines() if line}
    assert len(told) >= 12
    with Project.open(tray, settings=Settings()) as project:
        rest = FakeMeasure()
        run(make(project, rest))
        assert set(rest.seen) == {p.file for p in project.photos} - told


def test_a_reference_shot_gives_its_scale_to_photos_without_one(project: Project) -> None:
    measure = FakeMeasure(sizes={"bare 2.jpg": (480, 999)})
    measuring = make(project, measure)
    run(measuring)
    told: list[str] = []
    measure.seen.clear()
    found = [m for batch, _ in measuring.inherit("GM-001.jpg", notify=told.append) for m in batch]
    assert measure.seen == ["bare 1.jpg"]
    (one,) = found
    assert one.scale is not None
    assert (one.scale.source, one.scale.inherited_from) == ("inherited", "GM-001.jpg")
    assert one.scale.mm_per_px == SCALE.mm_per_px
    assert one.scale.pm_mm_per_px >= SCALE.pm_mm_per_px
    assert "another size in pixels" in told[0]
    assert measuring.pending() == []
    left = measuring.one("bare 2.jpg")
    assert left is not None
    assert left.scale is None
    with pytest.raises(DataError, match=r"bad\.jpg has no scale"):
        list(measuring.inherit("bad.jpg"))


def test_a_scale_taken_over_by_several_photos_is_undone_in_one_go(project: Project) -> None:
    measuring = make(project, FakeMeasure())
    run(measuring)
    bare = {"bare 1.jpg", "bare 2.jpg"}
    before = {file: measuring.one(file) for file in bare}
    found = [m for batch, _ in measuring.inherit("GM-001.jpg") for m in batch]
    assert {m.file for m in found} == bare
    assert {m.user for m in found} == {measuring.user}
    assert set(measuring.undo()) == bare
    assert {file: measuring.one(file) for file in bare} == before
    assert not measuring.can_undo()
    assert set(measuring.redo()) == bare
    assert all((one := measuring.one(file)) and one.scale for file in bare)
    measuring.undo()
    list(measuring.inherit("GM-001.jpg"))
    assert not measuring.can_redo()


def test_a_scale_for_the_whole_run_is_not_used_on_another_size(project: Project) -> None:
    measuring = make(project, FakeMeasure())
    run(measuring)
    scale = measuring.scale_of("GM-002.jpg")
    other = make(project, FakeMeasure(sizes={"bare 2.jpg": (123, 456)}), scale=scale)
    run(other)
    one, two = other.one("bare 1.jpg"), other.one("bare 2.jpg")
    assert one is not None
    assert two is not None
    assert one.scale == scale
    assert (two.scale, two.size_mm) == (None, None)


def test_own_patterns_give_the_catalogue_number(project: Project) -> None:
    measuring = Measuring(
        project, options=MeasureOptions(), user="a", measure=FakeMeasure(),
        patterns=("bare {sample}",),
    )  # fmt: skip
    run(measuring)
    numbers = {m.file: m.catalogue_no for m in measuring.results() if m is not None}
    assert numbers == {
        "GM-001.jpg": "GM-001", "GM-002.jpg": "GM-002", "bad.jpg": "", "bare 1.jpg": "1",
        "bare 2.jpg": "2",
    }  # fmt: skip


def test_the_number_is_that_of_the_sheet_then_of_the_photo_then_of_the_name(tray: Path) -> None:
    sheet = tray / "numbers.csv"
    sheet.write_text("file,sample\nGM-001.jpg,A-17\n")

    def measure(photo: Photo, *, options: MeasureOptions) -> Measurement:
        return measurement(photo.file, number="QR-5" if "2" in photo.file else "")

    with Project.open(tray, settings=Settings(), sheet=sheet) as project:
        run(Measuring(project, options=MeasureOptions(), user="ana", measure=measure))
        found = make(project).results()
    assert {m.file: m.catalogue_no for m in found if m is not None} == {
        "GM-001.jpg": "A-17", "GM-002.jpg": "QR-5", "bad.jpg": "", "bare 1.jpg": "",
        "bare 2.jpg": "QR-5",
    }  # fmt: skip


def test_settings_that_a_new_version_adds_do_not_measure_all_again(project: Project) -> None:
    measuring = make(project)
    run(measuring)
    made = measuring._kept.made_with()["GM-001.jpg"]
    older = {key: value for key, value in json.loads(made).items() if key != "detector"}
    photo = next(p for p in project.photos if p.file == "GM-001.jpg")
    measuring._kept.add([(photo, measurement(photo.file))], made_with=json.dumps(older))
    assert measuring.pending() == []
    assert make(project, read_codes=False).pending() == []
    assert len(make(project, smallest_in_cubes=0.5).pending()) == 5


def test_exports_have_a_row_per_photo_with_its_box(project: Project, tmp_path: Path) -> None:
    measuring = make(project)
    run(measuring)
    table = measuring.table(boxes=(Box("S", 15, 10), Box("M", 30, 20)), clearance_mm=2)
    changes = measuring.export("csv", tmp_path / "out.csv", table=table)
    assert changes.message == str(tmp_path / "out.csv")
    with (tmp_path / "out.csv").open(encoding="utf-8", newline="") as stream:
        rows = list(csv.DictReader(stream))
    assert [row["file"] for row in rows] == [p.file for p in project.photos]
    assert [row["box"] for row in rows] == ["", "", "", "M", "M"]
    (tmp_path / "folder").mkdir()
    with pytest.raises(DataError, match="Could not write"):
        measuring.export("csv", tmp_path / "folder", table=table)


def test_pictures_are_not_written_among_the_photos(project: Project, tray: Path) -> None:
    measuring = make(project)
    run(measuring)
    with pytest.raises(DataError, match="among the photos"):
        measuring.export("annotated", tray / "seen", table=measuring.table())
    measuring.export("annotated", tray / ".geoview" / "seen", table=measuring.table())
    project.refresh()
    assert len(project.photos) == 5


def test_an_export_with_pictures_can_be_stopped(project: Project, tmp_path: Path) -> None:
    measuring = make(project)
    run(measuring)
    steps: list[tuple[int, int]] = []
    table = measuring.table(
        progress=lambda done, total: steps.append((done, total)),
        cancelled=lambda: len(steps) > 2,
    )
    with pytest.raises(Cancelled):
        measuring.export("contact-sheet", tmp_path / "sheet.pdf", table=table)
    assert steps == [(1, 5), (2, 5), (3, 5)]
    assert list(tmp_path.glob("*.pdf")) == []
