"""Every status with its reason, on scenes that deserve it."""

from __future__ import annotations

from dataclasses import replace

import cv2
import numpy as np
import pytest
from numpy.typing import NDArray
from scenes import Scene

from geoview.measure import checks
from geoview.measure.checks import Objection
from geoview.measure.geoview_method import measure_objects
from geoview.measure.labelled import objects_of_labels
from geoview.measure.methods import Picture
from geoview.measure.options import MeasureOptions
from geoview.measured import Measurement

Image8 = NDArray[np.uint8]


def judged(pixels: Image8, labels: Image8, **options: float) -> Measurement:
    size = {"width_px": pixels.shape[1], "height_px": pixels.shape[0]}
    picture = Picture("a.jpg", pixels, **size)
    found = objects_of_labels(labels, **size)
    return measure_objects(picture, found, options=MeasureOptions(**options))


def test_a_plain_scene_is_accepted_without_reasons() -> None:
    result = judged(*Scene().draw())
    assert (result.status, result.reasons) == ("accepted", ())


@pytest.mark.parametrize(
    ("scene", "status", "reason"),
    [
        (Scene(cube_at=None), "rejected", "no reference cube was found"),
        (Scene(more_specimens_at=((-30, 32),)), "rejected", "several specimens"),
        (Scene(specimen_at=(-85, 0)), "rejected", "cut by the edge"),
        (Scene(tilt_deg=62, distance_mm=420, cube_yaw_deg=4), "review", "obliquely"),
        (Scene(specimen_mm=(6, 5, 3)), "review", "out of the size window"),
        (Scene(top=(168, 140, 60)), "rejected", "not grey metal"),
    ],
)
def test_reasons(scene: Scene, status: str, reason: str) -> None:
    result = judged(*scene.draw())
    assert result.status == status
    assert any(reason in words for words in result.reasons), result.reasons


def test_a_lone_cube() -> None:
    pixels, labels = Scene().draw()
    result = judged(pixels, np.where(labels == 1, 0, labels).astype(np.uint8))
    assert (result.status, result.size_px) == ("rejected", None)
    assert "no specimen was found" in result.reasons


def test_two_cubes() -> None:
    pixels, labels = Scene().draw()
    more, where = Scene(cube_at=(-30, 36)).draw()
    pixels[where == 2], labels[where == 2] = more[where == 2], 2
    result = judged(pixels, labels)
    assert (result.status, result.reasons) == ("review", ("two reference cubes in one photo",))


def test_what_is_no_cube_does_not_count_as_a_second_one() -> None:
    pixels, labels = Scene().draw()
    cv2.rectangle(pixels, (80, 640), (330, 664), (60, 62, 140), -1)
    cv2.rectangle(labels, (80, 640), (330, 664), 2, -1)
    alone = judged(*Scene().draw())
    result = judged(pixels, labels)
    assert result.status == "accepted"
    assert result.size_mm == alone.size_mm


def test_the_cube_is_measured_by_and_not_what_is_larger() -> None:
    pixels, labels = Scene().draw()
    cv2.circle(pixels, (150, 560), 120, (60, 62, 140), -1, cv2.LINE_AA)
    cv2.circle(labels, (150, 560), 120, 2, -1)
    assert (labels == 2).sum() > 1.5 * (Scene().draw()[1] == 2).sum()
    assert judged(pixels, labels).size_mm == judged(*Scene().draw()).size_mm


@pytest.mark.parametrize(
    ("label", "reason"),
    [(2, "two reference cubes in one photo"), (4, "something touches or covers the specimen")],
)
def test_a_piece_of_the_specimen_that_was_taken_for_something_else(label: int, reason: str) -> None:
    """The outline lacks it."""
    pixels, labels = Scene().draw()
    row, column = np.nonzero(labels == 1)
    right = column > np.quantile(column, 0.8)
    labels[row[right], column[right]] = label
    result = judged(pixels, labels)
    assert result.status == "review"
    assert reason in result.reasons


def test_a_piece_of_the_specimen_that_fits_no_cube_counts_too() -> None:
    """A wedge that narrows to the border, so that next to nothing of its outline is its own."""
    pixels, labels = Scene().draw()
    row, column = np.nonzero(labels == 1)
    tip = (int(column.max()), int(row[column.argmax()]))
    wedge = np.array([tip, (tip[0] - 110, tip[1] - 45), (tip[0] - 110, tip[1] + 45)])
    piece = np.zeros_like(labels)
    cv2.fillPoly(piece, [wedge], 1)
    labels[(piece > 0) & (labels == 1)] = 2
    result = judged(pixels, labels)
    assert result.status == "review"
    assert "two reference cubes in one photo" in result.reasons


def test_many_supposed_cubes_are_not_looked_at_one_by_one() -> None:
    pixels, labels = Scene().draw()
    for column in range(60, 60 + 5 * 80, 80):
        cv2.rectangle(labels, (column, 640), (column + 40, 740), 2, -1)
    assert "two reference cubes in one photo" in judged(pixels, labels).reasons


def test_a_bystander_that_the_photo_cuts() -> None:
    pixels, labels = Scene().draw()
    cv2.circle(labels, (0, 0), 90, 1, -1)
    assert judged(pixels, labels).status == "accepted"
    pixels, labels = Scene().draw()
    cv2.circle(labels, (110, 110), 90, 1, -1)
    assert "several specimens in one photo" in judged(pixels, labels).reasons


def test_a_glint_on_the_specimen_is_no_matter() -> None:
    pixels, labels = Scene().draw()
    row, column = (int(np.mean(axis)) for axis in np.nonzero(labels == 1))
    cv2.circle(labels, (column, row), 40, 4, -1)
    assert judged(pixels, labels).status == "accepted"


@pytest.mark.parametrize("end", [(1020, 300), (1020, 500), (760, 760)])
@pytest.mark.parametrize("thick", [10, 34])
def test_a_pencil_at_the_cube_that_was_taken_for_a_part_of_it(
    end: tuple[int, int], thick: int
) -> None:
    scene = Scene()
    pixels, labels = scene.draw()
    row, column = (int(np.mean(axis)) for axis in np.nonzero(labels == 2))
    pencil = cv2.line(np.zeros_like(labels), (column, row), end, 1, thick) * (labels == 0)
    pixels[pencil > 0], labels[pencil > 0] = (110, 110, 112), 2
    result = judged(pixels, labels)
    assert (result.status, result.reasons) == ("accepted", ())
    assert result.size_mm is not None
    assert result.size_mm.length == pytest.approx(scene.apparent_mm()[0], rel=0.03)


@pytest.mark.parametrize("apart_px", [168, 160])
def test_two_specimens_that_touch_are_not_measured_as_one(apart_px: int) -> None:
    pixels, labels = Scene().draw()
    row, column = (int(np.mean(axis)) for axis in np.nonzero(labels == 1))
    cv2.ellipse(labels, (column - 10, row + apart_px), (110, 70), 10, 0, 360, 1, -1)
    one, _, stats, _ = cv2.connectedComponentsWithStats((labels == 1).astype(np.uint8))
    assert one == 2
    assert stats[1, cv2.CC_STAT_AREA] > 1.4 * (Scene().draw()[1] == 1).sum()
    result = judged(pixels, labels)
    assert result.status != "accepted"
    assert "what was taken for the specimen may be two that touch" in result.reasons


def test_a_specimen_that_two_rectangles_fit_is_for_a_person() -> None:
    """A square without two corners; what a third corner is missing decides which is smaller."""
    pixels, labels = Scene().draw()
    row, column = (int(np.mean(axis)) for axis in np.nonzero(labels == 1))
    labels[labels == 1] = 0
    square = 150 * np.array([(0, 0), (0.49, 0), (1, 0.51), (1, 1), (0.51, 1), (0, 0.49)])
    cv2.fillPoly(labels, [np.add(square, (column - 75, row - 75)).astype(np.int32)], 1)
    result = judged(pixels, labels)
    assert result.status == "review"
    assert any("two rectangles" in words for words in result.reasons)
    assert result.length_pm_mm is not None
    assert result.size_mm is not None
    assert result.length_pm_mm > 0.25 * result.size_mm.length


def test_a_specimen_of_few_pixels() -> None:
    """Its width is unsure, whichever rectangle is taken."""
    tiny = Scene(specimen_mm=(14, 1.4, 1), specimen_at=(-25, 10))
    result = judged(*tiny.draw())
    assert result.status == "review"
    assert "the specimen is too small in the photo to be measured" in result.reasons
    assert not any("two rectangles" in words for words in result.reasons)


def test_a_cube_of_few_pixels() -> None:
    far = Scene(distance_mm=9 * Scene().distance_mm).draw()
    assert "the cube is too small in the photo to be measured" in judged(*far).reasons


def test_a_specimen_in_a_clear_box() -> None:
    pixels, labels = Scene().draw()
    around = cv2.dilate((labels == 1).astype(np.uint8), np.ones((31, 31), np.uint8))
    boxed = np.where((around > 0) & (labels == 0), 4, labels).astype(np.uint8)
    result = judged(pixels, boxed)
    assert result.status == "rejected"
    assert "the specimen lies in a clear box" in result.reasons


def test_a_blurred_photo() -> None:
    pixels, labels = Scene().draw()
    blurred = cv2.GaussianBlur(pixels, (0, 0), 4)
    assert "the photo is blurred" in judged(blurred, labels).reasons
    assert checks.sharpness(blurred, of=960) < checks.LEAST_SHARP < checks.sharpness(pixels, of=960)


def test_a_ball_is_no_cube() -> None:
    pixels, labels = Scene().draw()
    pixels[labels == 2] = Scene().background
    labels[labels == 2] = 0
    cv2.circle(pixels, (720, 336), 104, (150, 150, 152), -1, cv2.LINE_AA)
    cv2.circle(labels, (720, 336), 104, 2, -1)
    result = judged(pixels, labels)
    assert result.status == "rejected"
    assert result.size_mm is None
    assert any("cube" in words for words in result.reasons)


def test_a_cube_that_stands_before_the_specimen_may_hide_some_of_it() -> None:
    behind = replace(Scene(tilt_deg=35), specimen_at=(22, 27), specimen_mm=(50, 40, 15))
    result = judged(*behind.draw())
    assert result.status == "review"
    assert "the cube may hide a part of the specimen" in result.reasons


def test_fatal_objections_come_first_and_repeat_once() -> None:
    mild, grave = Objection("a"), Objection("b", fatal=True)
    assert checks.verdict([mild, grave, mild]) == ("rejected", ("b", "a"))
    assert checks.verdict([mild]) == ("review", ("a",))
    assert checks.verdict([]) == ("accepted", ())
