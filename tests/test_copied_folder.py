"""A folder that was copied without its files' dates is as its curator left it."""

from __future__ import annotations

import json
import os
import shutil
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest
from fake_measuring import FakeMeasure
from fakes import MODEL, FakeEngine
from PIL import Image

from geoview import cli
from geoview.measure.options import MeasureOptions
from geoview.measuring import Measuring
from geoview.photos import clean, clean_list
from geoview.project import Project
from geoview.settings import Settings

NAMES = ("GM-001.tif", "GM-002.tif", "GM-003.tif")


@pytest.fixture
def drawer(tmp_path: Path) -> Path:
    """Uncompressed photos of one camera: each as long as the others."""
    folder = tmp_path / "Lade Süd"
    folder.mkdir()
    for grey, name in enumerate(NAMES):
        Image.new("RGB", (64, 48), (grey, 180, 120)).save(folder / name)
        os.utime(folder / name, (1_700_000_000, 1_700_000_000))
    assert len({(folder / name).stat().st_size for name in NAMES}) == 1
    return folder


@pytest.fixture
def copied(tmp_path: Path) -> Callable[[Path], Path]:
    def copy(folder: Path) -> Path:
        """As ``cp -r`` does; the copies are of today."""
        return shutil.copytree(folder, tmp_path / "Kopie", copy_function=shutil.copyfile)

    return copy


def measuring(project: Project) -> Measuring:
    return Measuring(project, options=MeasureOptions(), user="ana")


def run(work: Measuring) -> None:
    for _ in work.run():
        pass


def corrected(folder: Path) -> None:
    """Measure a folder, and give the first two numbers by hand, the second of them twice."""
    with Project.open(folder, settings=Settings()) as project:
        work = measuring(project)
        run(work)
        for file, number in ((NAMES[0], "A-1"), (NAMES[1], "B-1"), (NAMES[1], "B-2")):
            found = work.one(file)
            assert found is not None
            work.save(replace(found, catalogue_no=number))
        assert work.undo() == (NAMES[1],)


def numbers(work: Measuring) -> list[str]:
    return [one.catalogue_no if one else "-" for one in work.results()]


def test_corrections_are_in_sight_with_undo_and_redo_and_nothing_is_to_measure(
    drawer: Path, measure: FakeMeasure, copied: Callable[[Path], Path]
) -> None:
    corrected(drawer)
    with Project.open(copied(drawer), settings=Settings()) as project:
        work = measuring(project)
        assert numbers(work) == ["A-1", "B-1", "GM-003"]
        assert work.pending() == []
        assert work.redo() == (NAMES[1],)
        assert numbers(work) == ["A-1", "B-2", "GM-003"]
        assert [work.undo() for _ in range(4)] == [(NAMES[1],), (NAMES[1],), (NAMES[0],), ()]
        assert numbers(work) == ["GM-001", "GM-002", "GM-003"]


def test_dates_that_change_in_an_open_folder(drawer: Path, measure: FakeMeasure) -> None:
    corrected(drawer)
    with Project.open(drawer, settings=Settings()) as project:
        for photo in project.photos:
            os.utime(photo.path)
        assert project.refresh().photos
        work = measuring(project)
        assert numbers(work) == ["A-1", "B-1", "GM-003"]
        assert work.pending() == []


def test_a_photo_of_the_same_size_with_other_content_is_a_new_one(
    drawer: Path, measure: FakeMeasure, copied: Callable[[Path], Path]
) -> None:
    corrected(drawer)
    copy = copied(drawer)
    shutil.copyfile(copy / NAMES[2], copy / NAMES[0])
    with Project.open(copy, settings=Settings()) as project:
        work = measuring(project)
        assert numbers(work) == ["-", "B-1", "GM-003"]
        assert [photo.file for photo in work.pending()] == [NAMES[0]]


def test_a_photo_that_cannot_be_read_does_not_stop_the_rest(
    drawer: Path, measure: FakeMeasure, copied: Callable[[Path], Path]
) -> None:
    corrected(drawer)
    copy = copied(drawer)
    good = (copy / NAMES[0]).rename(copy / "kept")
    (copy / NAMES[0]).symlink_to("nowhere")
    with Project.open(copy, settings=Settings()) as project:
        work = measuring(project)
        assert numbers(work)[:3] == ["-", "B-1", "GM-003"]
    good.replace(copy / NAMES[0])
    with Project.open(copy, settings=Settings()) as project:
        assert numbers(measuring(project)) == ["A-1", "B-1", "GM-003"]


def test_predictions_are_in_sight(drawer: Path, copied: Callable[[Path], Path]) -> None:
    with Project.open(drawer, settings=Settings()) as project:
        for _ in project.analyse(FakeEngine()):
            pass
    with Project.open(copied(drawer), settings=Settings()) as project:
        assert [result.status for result in project.results(MODEL)] == ["done"] * 3
        assert project.pending(MODEL) == []


def test_the_command_line_measures_nothing_again(
    drawer: Path, measure: FakeMeasure, copied: Callable[[Path], Path],
    capsys: pytest.CaptureFixture[str],
) -> None:  # fmt: skip
    corrected(drawer)
    measure.seen.clear()
    assert cli.main(["measure", str(copied(drawer))]) == 0
    assert measure.seen == []
    out = capsys.readouterr().out
    for number in ("A-1", "B-1", "GM-003"):
        assert number in out


def test_what_was_said_to_cleaning_decisions_stays(
    drawer: Path, copied: Callable[[Path], Path]
) -> None:
    """It goes by file and step; only what can be seen again is looked at anew."""
    shutil.copyfile(drawer / NAMES[0], drawer / "GM-004.tif")
    list_of = Path(".geoview") / "cleaning.json"
    first = clean.clean(drawer).reviewed(False, steps=["duplicates"])
    (drawer / list_of).parent.mkdir()
    clean_list.save(drawer / list_of, first)
    copy = copied(drawer)
    again = clean.clean(copy, before=clean_list.load(copy / list_of))
    assert again.decisions == first.decisions
    assert any(not one.accepted for one in again.decisions)
    assert json.loads((copy / list_of).read_bytes())["reviews"]
