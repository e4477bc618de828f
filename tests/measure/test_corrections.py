"""Corrections by hand: what changes, what stays, and that they need no photo."""

from __future__ import annotations

from dataclasses import replace
from functools import cache
from pathlib import Path

import numpy as np
import pytest
from scenes import Scene

from geoview.errors import DataError
from geoview.measure import checks
from geoview.measure.geoview_method import measure_objects
from geoview.measure.labelled import objects_of_labels
from geoview.measure.methods import Picture
from geoview.measure.options import MeasureOptions
from geoview.measure.tool import corrected
from geoview.measured import Measurement, MeasureStatus, Polygon, Quad

OPTIONS = MeasureOptions()
SCENE = Scene()


@cache
def automatic() -> Measurement:
    pixels, labels = SCENE.draw()
    objects = objects_of_labels(labels, width_px=1024, height_px=768)
    return measure_objects(Picture("a.jpg", pixels, 1024, 768), objects, options=OPTIONS)


def top_face() -> Quad:
    a, b, c, d = (tuple(map(float, p)) for p in SCENE.projected(SCENE.cube_corners_mm())[4:])
    return a, b, c, d


def grown(outline: Polygon, factor: float) -> Polygon:
    points = np.array(outline)
    return tuple(map(tuple, points.mean(axis=0) + factor * (points - points.mean(axis=0))))


def test_a_new_outline_changes_the_size_and_hardly_the_scale() -> None:
    before = automatic()
    after = corrected(before, user="Ada", options=OPTIONS, outline_px=grown(before.outline_px, 1.1))
    assert before.size_mm is not None
    assert after.size_mm is not None
    assert after.size_mm.length == pytest.approx(1.1 * before.size_mm.length, rel=0.01)
    assert (after.user, after.status, after.reasons) == ("Ada", "accepted", ())
    assert (after.method, after.file) == (before.method, before.file)


def test_a_drawn_box_is_the_size() -> None:
    box = ((100.0, 100.0), (500.0, 100.0), (500.0, 300.0), (100.0, 300.0))
    after = corrected(automatic(), user="Ada", options=OPTIONS, outline_box_px=box)
    assert after.size_px is not None
    assert (after.size_px.length, after.size_px.width) == pytest.approx((400, 200))
    assert np.allclose(sorted(after.outline_box_px), sorted(box))


def test_moving_the_cubes_corners_changes_the_scale_by_as_much() -> None:
    before = automatic()
    assert before.scale is not None
    old = tuple(before.scale.reference_px)
    same = corrected(before, user="Ada", options=OPTIONS, cube_quad_px=old)  # type: ignore[arg-type]
    wider = corrected(before, user="Ada", options=OPTIONS, cube_quad_px=grown(old, 1.05))  # type: ignore[arg-type]
    assert same.scale is not None
    assert wider.scale is not None
    assert same.scale.mm_per_px == pytest.approx(before.scale.mm_per_px)
    assert wider.scale.mm_per_px == pytest.approx(before.scale.mm_per_px / 1.05, rel=0.02)
    assert wider.scale.reference_px == grown(old, 1.05)


@pytest.mark.parametrize("off_px", [4.0, 8.0, 15.0, 60.0])
def test_a_corner_dragged_off_the_cube_makes_the_scale_less_sure(off_px: float) -> None:
    before = automatic()
    assert before.scale is not None
    (x, y), *rest = before.scale.reference_px
    quad = ((x + off_px, y - off_px), *rest)
    after = corrected(before, user="Ada", options=OPTIONS, cube_quad_px=quad)  # type: ignore[arg-type]
    assert after.scale is not None
    changed = after.scale.mm_per_px / before.scale.mm_per_px - 1
    assert abs(changed) < after.scale.pm_mm_per_px / after.scale.mm_per_px
    assert (after.status == "accepted") == (off_px < 10)


def test_corners_set_by_hand_where_no_cube_was_found() -> None:
    lost = replace(automatic(), scale=None, size_mm=None, length_pm_mm=None, width_pm_mm=None,
                   status="rejected", reasons=("no reference cube was found",))  # fmt: skip
    after = corrected(lost, user="Ada", options=OPTIONS, cube_quad_px=top_face())
    assert after.status == "accepted"
    assert after.size_mm is not None
    assert after.length_pm_mm is not None
    length, width = SCENE.apparent_mm()
    assert abs(after.size_mm.length - length) < after.length_pm_mm
    assert after.size_mm.width == pytest.approx(width, rel=0.08)


def test_a_drawn_line_is_a_scale() -> None:
    after = corrected(
        automatic(), user="Ada", options=OPTIONS, line_px=((0, 0), (300, 400)), line_mm=50
    )
    assert after.scale is not None
    assert (after.scale.source, after.scale.mm_per_px) == ("line", pytest.approx(0.1))
    assert after.size_px is not None
    assert after.size_mm is not None
    assert after.size_mm.length == pytest.approx(after.size_px.length * 0.1)


def test_what_a_correction_does_not_settle_is_for_the_person_to_accept() -> None:
    reasons = ("several specimens in one photo", "two reference cubes in one photo")
    doubtful = replace(automatic(), status="rejected", reasons=reasons)
    outline = grown(doubtful.outline_px, 1.01)
    drawn = corrected(doubtful, user="Ada", options=OPTIONS, outline_px=outline)
    assert (drawn.status, drawn.reasons) == ("rejected", reasons)
    quad = corrected(drawn, user="Ada", options=OPTIONS, cube_quad_px=top_face())
    assert (quad.status, quad.reasons) == ("rejected", ("several specimens in one photo",))
    taken = corrected(quad, user="Ada", options=OPTIONS, status="accepted")
    assert (taken.status, taken.reasons) == ("accepted", ())
    assert taken.size_mm == quad.size_mm


def test_a_corrected_size_is_judged_anew() -> None:
    large = grown(automatic().outline_px, 0.02)
    after = corrected(automatic(), user="Ada", options=OPTIONS, outline_px=large)
    assert after.status == "review"
    assert after.reasons[0].startswith("out of the size window")
    right = corrected(after, user="Ada", options=OPTIONS, outline_px=automatic().outline_px)
    assert (right.status, right.reasons) == ("accepted", ())


def test_no_cube_edges_are_spoken_of_where_there_is_no_cube() -> None:
    """A diamond beside a coin is as small as it is."""
    small = grown(automatic().outline_px, 0.02)
    scale = automatic().scale
    assert scale is not None
    beside = replace(automatic(), scale=replace(scale, source="coin", pm_mm_per_px=1e-6))
    after = corrected(beside, user="Ada", options=OPTIONS, outline_px=small)
    assert not any("cube" in reason for reason in after.reasons)


def test_every_reason_that_a_correction_settles_is_one_that_is_given() -> None:
    package = Path(checks.__file__).parent
    given = "".join(path.read_text(encoding="utf-8") for path in package.glob("*.py"))
    given = given.replace("no {options.scale_source}", "no ruler no coin no scale bar")
    for start in (*checks._BY_SCALE, *checks._BY_OUTLINE, *checks._BY_SIZE):
        assert given.count(start) >= 2, start


def test_a_status_set_by_hand_stands() -> None:
    no = corrected(automatic(), user="Ada", options=OPTIONS, status="rejected")
    assert (no.status, no.reasons) == ("rejected", ("marked so by Ada",))
    yes = corrected(no, user="Bo", options=OPTIONS, status="accepted")
    assert (yes.status, yes.reasons, yes.user) == ("accepted", (), "Bo")
    assert yes.size_mm == automatic().size_mm


@pytest.mark.parametrize("status", ["accepted", "review", "rejected"])
def test_a_status_leaves_the_interval_as_it_is(status: MeasureStatus) -> None:
    """What the cube may hide of the specimen widened it; that is no less hidden now."""
    wide = replace(automatic(), width_pm_mm=12.5)
    judged = corrected(wide, user="Ada", options=OPTIONS, status=status)
    assert (judged.size_mm, judged.length_pm_mm) == (wide.size_mm, wide.length_pm_mm)
    assert judged.width_pm_mm == 12.5


def test_a_scale_taken_over_is_judged_as_one_that_is_drawn() -> None:
    lost = replace(automatic(), scale=None, size_mm=None, length_pm_mm=None, width_pm_mm=None,
                   status="rejected", reasons=("no reference cube was found",))  # fmt: skip
    scale = automatic().scale
    assert scale is not None
    given = replace(scale, source="inherited", inherited_from="shot.jpg")
    after = corrected(lost, user="Ada", options=MeasureOptions(scale=given))
    assert (after.status, after.reasons) == ("accepted", ())
    assert after.size_mm == automatic().size_mm


def test_without_a_scale_an_outline_gives_no_millimetres() -> None:
    lost = replace(automatic(), scale=None, size_mm=None, length_pm_mm=None, width_pm_mm=None,
                   status="rejected", reasons=("no reference cube was found",))  # fmt: skip
    after = corrected(lost, user="Ada", options=OPTIONS, outline_px=lost.outline_px)
    assert (after.size_mm, after.length_pm_mm, after.status) == (None, None, "rejected")


@pytest.mark.parametrize(
    "change",
    [
        {"outline_px": ((0.0, 0.0), (1.0, 1.0))},
        {"cube_quad_px": ((0.0, 0.0), (9.0, 9.0), (9.0, 0.0), (0.0, 9.0))},
        {"line_px": ((0.0, 0.0), (90.0, 0.0))},
        {"line_px": ((0.0, 0.0), (0.0, 0.0)), "line_mm": 10.0},
    ],
)
def test_what_cannot_be_measured_is_refused_in_words(change: dict[str, object]) -> None:
    with pytest.raises(DataError):
        corrected(automatic(), user="Ada", options=OPTIONS, **change)  # type: ignore[arg-type]
