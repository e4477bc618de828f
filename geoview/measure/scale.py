"""Millimetres per pixel at the specimen's plane, from the cube's pose, with a 95 % interval.

A pinhole camera shows what is nearer larger: the cube's upper face stands an inch above the
table, the outline of a specimen somewhere between the table and the specimen's top. The scale
is the depth of that place along the optical axis, divided by the focal length. Heights of
specimens are not known: over rocks, crystals and slabs the outline lies at a little over a
quarter of the specimen's width above the table, here more and there less, so that the interval
widens with the share of the distance that the specimen takes up, and with the camera's tilt.
"""

from __future__ import annotations

import numpy as np

from geoview.measure.pose import PARAMETERS, TOP, Floats, Pose
from geoview.measure.size import smallest_rectangle
from geoview.measured import Polygon, Scale

OUTLINE_HEIGHT = 0.28
# Relative standard deviations of a length whose cube and outline are known perfectly: for a small
# specimen, for each unit of width over distance, and for a view along the table, which shows more
# of the specimen's height. Found on all the rendered photos.
_SHAPE_SD, _SHAPE_SD_PER_REACH, _SHAPE_SD_ALONG = 0.028, 0.1, 0.035
_STEPS = np.vstack([np.zeros(PARAMETERS), 1e-4 * np.eye(PARAMETERS)])


def scale_from_cube(pose: Pose, covariance: Floats, outline: Polygon) -> Scale:
    """The scale at the plane of an outline (original px) that lies on the cube's table.

    ``covariance`` (7, 7) of the steps of ``Pose.moved``.
    """
    points = np.asarray(outline, dtype=np.float64)
    rectangle = smallest_rectangle(points)
    width_px = float(np.linalg.norm(rectangle[1:3] - rectangle[:2], axis=1).min())
    middle = rectangle.mean(axis=0)
    mm_per_px = _at_outline(pose, middle, width_px)
    moved = pose.moved(_STEPS)
    logs = np.log([_at_outline(moved.at(i), middle, width_px) for i in range(len(_STEPS))])
    slopes = (logs[1:] - logs[0]) / 1e-4
    pose_sd = float(np.sqrt(max(slopes @ covariance @ slopes, 0.0)))
    reach = width_px / float(pose.focal_px)  # the outline's width over its distance
    along = _SHAPE_SD_ALONG * float(np.sin(np.radians(pose.tilt_deg)))
    sd = float(np.sqrt(pose_sd**2 + _SHAPE_SD**2 + (_SHAPE_SD_PER_REACH * reach) ** 2 + along**2))
    return Scale(
        mm_per_px=mm_per_px,
        pm_mm_per_px=1.96 * sd * mm_per_px,
        source="cube",
        reference_mm=pose.edge_mm,
        reference_px=tuple((float(x), float(y)) for x, y in pose.corners_px()[list(TOP)]),
        tilt_deg=pose.tilt_deg,
    )


def _at_outline(pose: Pose, middle_px: Floats, width_px: float) -> float:
    height_mm = 0.0
    for _ in range(3):
        mm_per_px = depth_at(pose, middle_px, height_mm=height_mm) / float(pose.focal_px)
        height_mm = OUTLINE_HEIGHT * width_px * mm_per_px
    return mm_per_px


def depth_at(pose: Pose, place_px: Floats, *, height_mm: float) -> float:
    """Distance along the optical axis (mm) of what is seen at a place, ``height_mm`` above the
    table."""
    ray = np.append((place_px - pose.centre_px) / pose.focal_px, 1.0)
    up = pose.rotation[:, 2]
    # A ray that hardly meets the table would give any distance: a horizon is no specimen's place.
    return float((up @ pose.translation + height_mm) / min(up @ ray, -1e-3))
