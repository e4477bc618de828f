"""What a cube that stands before a specimen may hide of it, against scenes seen without it."""

from __future__ import annotations

from dataclasses import replace

import pytest
from scenes import Scene

from geoview.measure import checks
from geoview.measure.checks import Shown
from geoview.measure.contact import Contact
from geoview.measure.geoview_method import measure_objects
from geoview.measure.labelled import objects_of_labels
from geoview.measure.methods import Picture
from geoview.measure.options import MeasureOptions
from geoview.measured import Measurement

APART = Scene(tilt_deg=30, specimen_mm=(70, 46, 20), specimen_at=(-10, 0), specimen_yaw_deg=0)

CORNERS = ((-33, -33), (-40, -28), (-20, -33), (-10, -34))


def measured(scene: Scene) -> Measurement:
    pixels, labels = scene.draw()
    size = {"width_px": pixels.shape[1], "height_px": pixels.shape[0]}
    found = objects_of_labels(labels, **size)
    return measure_objects(Picture("a.jpg", pixels, **size), found, options=MeasureOptions())


def relative(one: Measurement) -> float:
    assert one.width_pm_mm is not None
    assert one.size_mm is not None
    return one.width_pm_mm / one.size_mm.width


def test_a_cube_behind_hides_nothing() -> None:
    """It meets the specimen's upper border; the specimen stands before it."""
    free = measured(replace(APART, cube_at=(60, 0)))
    behind = measured(replace(APART, cube_at=(-10, 37)))
    assert behind.status == "accepted"
    assert relative(behind) == pytest.approx(relative(free), rel=0.2)


@pytest.mark.parametrize(
    "scene",
    [
        *(replace(APART, cube_at=(x, y), cube_yaw_deg=0) for x, y in CORNERS),
        replace(Scene(tilt_deg=35), specimen_at=(22, 27), specimen_mm=(50, 40, 15)),
        replace(Scene(tilt_deg=35), specimen_at=(22, 22), specimen_mm=(50, 36, 15)),
    ],
)
def test_the_interval_holds_what_is_hidden(scene: Scene) -> None:
    covered = measured(scene)
    assert covered.size_mm is not None
    assert covered.width_pm_mm is not None
    assert covered.length_pm_mm is not None
    length, width = scene.apparent_mm()
    assert abs(covered.size_mm.length - length) < covered.length_pm_mm
    assert abs(covered.size_mm.width - width) < 1.1 * covered.width_pm_mm
    hidden = 1 - covered.size_mm.width / width
    assert hidden < 0.1 or covered.status == "review"


def test_a_cube_that_may_hide_much_is_for_a_person() -> None:
    scene = replace(APART, specimen_mm=(40, 26, 10), cube_at=(-10, -24), cube_yaw_deg=0)
    covered = measured(scene)
    assert "the cube may hide a part of the specimen" in covered.reasons


def test_a_cube_before_a_mere_tip_hides_little() -> None:
    """The specimen narrows on both sides of it, so it does not go on to the cube's far side."""
    tip = replace(Scene(tilt_deg=30), specimen_mm=(70, 34, 16), specimen_yaw_deg=90)
    scene = replace(tip, specimen_at=(0, 30), cube_at=(0, -27.5), cube_yaw_deg=0)
    covered = measured(scene)
    length, _ = scene.apparent_mm()
    assert covered.status == "accepted"
    assert covered.size_mm is not None
    assert covered.length_pm_mm is not None
    assert abs(covered.size_mm.length - length) < covered.length_pm_mm


def objected(contact: Contact, shown: Shown, tilt_deg: float = 30) -> list[str]:
    return [o.reason for o in checks.of_contact(contact, shown, tilt_deg=tilt_deg)]


def test_a_cube_that_is_hidden_needs_a_sure_fit() -> None:
    hidden, touching = Contact(of_cube=0.4), Contact(of_cube=0.05)
    unsure, sure = Shown(1.0, trust=0.5), Shown(1.0, trust=0.9)
    assert objected(hidden, unsure) == ["the specimen hides a part of the cube"]
    assert not objected(hidden, sure)
    assert not objected(touching, unsure)
    assert len(objected(touching, replace(unsure, covered=True))) == 1


def test_nothing_reaches_over_a_cube_seen_from_above() -> None:
    """So that the fit is doubted, however sure it is."""
    assert objected(Contact(of_cube=0.4), Shown(1.0, trust=1.0), 3)
    assert not objected(Contact(of_cube=0.05), Shown(1.0, trust=1.0), 3)


def test_only_what_may_be_hidden_counts() -> None:
    assert len(objected(Contact(of_cube=0.0, width=0.3), Shown(1.0, trust=1.0))) == 1
    assert not objected(Contact(of_cube=0.0, width=0.05), Shown(1.0, trust=1.0))
