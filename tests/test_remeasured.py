"""Measurements that follow what is known only later: the cube's edge, a scale, a disk come back."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from fake_measuring import FakeMeasure
from PIL import Image

from geoview.errors import PhotoError
from geoview.measure.options import MeasureOptions
from geoview.measured import Measurement
from geoview.measuring import Measuring
from geoview.photos import reading
from geoview.project import Project
from geoview.records import Photo
from geoview.settings import Settings

NAMES = ("bare 1.jpg", "bare 2.jpg", *(f"more {n}.jpg" for n in range(12)), "shot.jpg")


@pytest.fixture
def project(tmp_path: Path) -> Iterator[Project]:
    for name in NAMES:
        Image.new("RGB", (64, 48)).save(tmp_path / name)
    with Project.open(tmp_path, settings=Settings()) as opened:
        yield opened


def make(project: Project, measure: FakeMeasure | None = None, **options: Any) -> Measuring:
    wanted = MeasureOptions(**options)
    return Measuring(project, options=wanted, user="ana", measure=measure or FakeMeasure())


def one(measuring: Measuring, file: str) -> Measurement:
    found = measuring.one(file)
    assert found is not None
    return found


def length_mm(measuring: Measuring, file: str) -> float | None:
    size = one(measuring, file).size_mm
    return None if size is None else size.length


def test_a_scale_taken_over_follows_the_cube_it_comes_from(project: Project) -> None:
    measuring = make(project)
    list(measuring.run())
    list(measuring.inherit("shot.jpg"))
    before = length_mm(measuring, "bare 1.jpg")
    assert before is not None
    twice = make(project, cube_mm=50.8)
    assert {photo.file for photo in twice.pending()} == set(NAMES)
    list(twice.run())
    assert length_mm(twice, "bare 1.jpg") == pytest.approx(2 * before)
    assert twice.pending() == []
    assert set(twice.undo()) == {"bare 1.jpg", "bare 2.jpg"}
    assert length_mm(twice, "bare 1.jpg") == pytest.approx(before)


def test_a_corrected_shot_gives_its_scale_by_the_edge_that_is_asked_for(project: Project) -> None:
    measuring = make(project)
    list(measuring.run())
    measuring.save(replace(one(measuring, "shot.jpg"), catalogue_no="GM-7"))
    usual = measuring.scale_of("shot.jpg")
    twice = make(project, cube_mm=50.8).scale_of("shot.jpg")
    assert twice.mm_per_px == pytest.approx(2 * usual.mm_per_px)
    assert (twice.source, twice.inherited_from, twice.reference_mm) == (
        "inherited", "shot.jpg", 50.8,
    )  # fmt: skip


def test_photos_whose_number_was_typed_take_over_a_scale_too(project: Project) -> None:
    measuring = make(project)
    list(measuring.run())
    measuring.save(replace(one(measuring, "bare 1.jpg"), catalogue_no="GM-9"))
    list(measuring.inherit("shot.jpg"))
    typed, other = one(measuring, "bare 1.jpg"), one(measuring, "bare 2.jpg")
    assert (typed.catalogue_no, typed.user) == ("GM-9", "ana")
    assert typed.scale is not None
    assert typed.scale.inherited_from == "shot.jpg"
    assert typed.size_mm is not None
    assert other.size_mm is not None
    assert typed.size_mm.length == pytest.approx(other.size_mm.length)
    assert set(measuring.undo()) == {"bare 1.jpg", "bare 2.jpg"}
    assert one(measuring, "bare 1.jpg").catalogue_no == "GM-9"


@pytest.mark.parametrize("reason", reading.PASSING)
def test_what_failed_for_a_passing_reason_is_tried_again(project: Project, reason: str) -> None:
    def away(photo: Photo) -> None:
        if photo.file == "shot.jpg" and not back:
            raise PhotoError(reason)

    back: list[bool] = []
    measuring = make(project, FakeMeasure(on_photo=away))
    list(measuring.run())
    assert one(measuring, "shot.jpg").is_unreadable
    assert [photo.file for photo in measuring.pending()] == ["shot.jpg"]
    back.append(True)
    list(measuring.run())
    assert one(measuring, "shot.jpg").status == "accepted"
    assert measuring.pending() == []


def test_measuring_all_again_goes_on_where_it_was_stopped(project: Project) -> None:
    measure = FakeMeasure()
    measuring = make(project, measure)
    list(measuring.run())
    measure.seen.clear()
    stop: list[bool] = []
    for found, _ in measuring.run(again=True, cancelled=lambda: bool(stop)):
        if found:
            stop.append(True)
    first = set(measure.seen)
    list(measuring.run())  # with nothing left to measure for the first time it changes nothing
    measure.seen.clear()
    assert len(first) < len(NAMES)
    for _, progress in measuring.run(again=True):
        assert progress.done >= len(first)
    assert sorted([*first, *measure.seen]) == sorted(NAMES)
    measure.seen.clear()
    list(measuring.run(again=True))  # that run was over: this one is another
    assert sorted(measure.seen) == sorted(NAMES)
