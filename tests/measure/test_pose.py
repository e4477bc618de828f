"""The cube's geometry against OpenCV's pinhole camera."""

from __future__ import annotations

import cv2
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scenes import Scene

from geoview.measure import pose as geometry
from geoview.measure.pose import UNIT, Pose
from geoview.measure.quad import pose_of_quad
from geoview.measure.scale import depth_at

angles = st.floats(-1.2, 1.2)


def pose_of(tilt: float, towards: float, yaw: float, *, focal: float = 1800.0) -> Pose:
    rotation = geometry.looking_down(np.array(tilt), np.array(towards), np.array(yaw))
    return Pose(rotation, np.array([20.0, -35, 310]), np.array(focal), np.array([640.0, 480]), 25.4)


@given(st.floats(0, 0.8), st.floats(-3, 3), angles)
@settings(max_examples=40, deadline=None)
def test_corners_lie_where_opencv_projects_them(tilt: float, towards: float, yaw: float) -> None:
    pose = pose_of(tilt, towards, yaw)
    turn, _ = cv2.Rodrigues(pose.rotation)
    camera = np.array([[1800.0, 0, 640], [0, 1800, 480], [0, 0, 1]])
    seen, _ = cv2.projectPoints(UNIT * 25.4, turn, pose.translation, camera, None)
    assert np.allclose(pose.corners_px(), seen[:, 0], atol=1e-3)
    assert pose.tilt_deg == pytest.approx(np.degrees(tilt), abs=1e-3)


@given(angles, angles, angles)
def test_turns_are_rodrigues_rotations(x: float, y: float, z: float) -> None:
    assert np.allclose(geometry.turns(np.array([x, y, z])), cv2.Rodrigues(np.array([x, y, z]))[0])


@pytest.mark.parametrize("face", range(5))
def test_another_face_up_is_the_same_cube(face: int) -> None:
    pose = pose_of(0.6, 0.4, 0.3)
    other = pose.with_top(face).corners_px()
    apart = np.linalg.norm(other[:, None] - pose.corners_px()[None], axis=-1)
    assert sorted(apart.argmin(axis=1)) == list(range(8))
    assert apart.min(axis=1).max() < 1e-6


def test_straight_down_shows_one_face() -> None:
    above = Pose(
        geometry.looking_down(np.array(0.0), np.array(0.0), np.array(0.3)),
        np.array([0.0, 0, 300]), np.array(1800.0), np.array([640.0, 480]), 25.4,
    )  # fmt: skip
    assert above.visible_faces().tolist() == [True, False, False, False, False]
    assert (above.edge_faces() == 1).sum() == 4


@pytest.mark.parametrize("height_mm", [0.0, 12.0])
def test_the_depth_of_a_place_on_the_table(height_mm: float) -> None:
    pose = pose_of(0.5, -1.4, 0.2)
    point = np.array([[-40.0, 22.0, height_mm]])
    depth = (pose.rotation @ point[0] + pose.translation)[2]
    assert depth_at(pose, pose.to_px(point)[0], height_mm=height_mm) == pytest.approx(depth)


def test_a_grid_finds_the_pose_of_an_outline() -> None:
    true = pose_of(0.4, 2.0, 0.5)
    turn = np.linspace(0, 2 * np.pi, 60, endpoint=False)
    directions = np.stack([np.cos(turn), np.sin(turn)], axis=1)
    widths = geometry.support(true.corners_px(), directions)
    poses, errors = geometry.hypotheses(
        directions, widths, np.ones(60), size_px=(1280, 960), edge_mm=25.4
    )
    assert errors[0] < 0.03
    top = poses.at(0).corners_px()[list(geometry.TOP)].mean(axis=0)
    away = np.linalg.norm(top - true.corners_px()[list(geometry.TOP)].mean(axis=0))
    assert away < 0.1 * np.ptp(true.corners_px(), axis=0).max()


@pytest.mark.parametrize("turned", [0, 1, 2, 3])
@pytest.mark.parametrize("backwards", [False, True])
def test_four_corners_give_the_pose_when_the_lens_is_known(turned: int, backwards: bool) -> None:
    scene = Scene(tilt_deg=32)
    top = np.roll(scene.projected(scene.cube_corners_mm())[4:], turned, axis=0)
    quad = tuple(map(tuple, top[::-1] if backwards else top))
    pose, covariance = pose_of_quad(
        quad, size_px=(1280, 960), edge_mm=25.4, focal_px=scene.focal_px
    )
    assert pose.tilt_deg == pytest.approx(32, abs=3)
    assert (np.linalg.eigvalsh(covariance) > 0).all()
    found = pose.corners_px()[list(geometry.TOP)]
    assert np.linalg.norm(found[:, None] - top[None], axis=-1).min(axis=1).max() < 2.5


def test_corners_that_cross_are_refused() -> None:
    crossed = ((0.0, 0.0), (100.0, 100.0), (100.0, 0.0), (0.0, 100.0))
    with pytest.raises(ValueError, match="round it"):
        pose_of_quad(crossed, size_px=(1280, 960), edge_mm=25.4)
