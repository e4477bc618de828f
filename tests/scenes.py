"""Drawn photos of a table with a cube, a specimen and a label, whose millimetres are known.

Everything is projected through a pinhole camera with OpenCV, filled three times finer than the
photo and averaged, so that edges lie where they should to a few hundredths of a pixel.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from math import cos, radians, sin

import cv2
import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]
FINER = 3
BACKGROUND, SPECIMEN, CUBE = 0, 1, 2


@dataclass(frozen=True)
class Scene:
    """A table, lengths in mm and angles in degrees; the camera looks at the table's origin."""

    width_px: int = 1024
    height_px: int = 768
    focal_px: float = 1600.0
    distance_mm: float = 300.0
    tilt_deg: float = 20.0
    roll_deg: float = 0.0
    cube_mm: float = 25.4
    cube_at: tuple[float, float] | None = (30.0, 5.0)
    cube_yaw_deg: float = 25.0
    specimen_at: tuple[float, float] = (-25.0, -5.0)
    specimen_mm: tuple[float, float, float] = (50.0, 32.0, 18.0)
    specimen_yaw_deg: float = 30.0
    more_specimens_at: tuple[tuple[float, float], ...] = ()
    background: tuple[int, int, int] = (198, 194, 188)
    top: tuple[int, int, int] = (150, 150, 152)
    sides: tuple[int, int, int] = (96, 95, 98)

    @property
    def rotation(self) -> Floats:
        """Table → camera: x right, y down, z away; the camera leans back by the tilt."""
        lean, roll = radians(self.tilt_deg), radians(self.roll_deg)
        down = np.diag([1.0, -1.0, -1.0])
        tip = np.array([[1, 0, 0], [0, cos(lean), sin(lean)], [0, -sin(lean), cos(lean)]])
        turn = np.array([[cos(roll), -sin(roll), 0], [sin(roll), cos(roll), 0], [0, 0, 1]])
        return turn @ tip @ down

    @property
    def camera(self) -> Floats:
        return np.array([
            [self.focal_px, 0, self.width_px / 2],
            [0, self.focal_px, self.height_px / 2],
            [0, 0, 1],
        ])  # fmt: skip

    def projected(self, points_mm: Floats) -> Floats:
        """Points of the table (n, 3) in the photo (n, 2), by OpenCV."""
        turn, _ = cv2.Rodrigues(self.rotation)
        away = np.array([0.0, 0.0, self.distance_mm])
        seen, _ = cv2.projectPoints(points_mm, turn, away, self.camera, None)
        return np.asarray(seen[:, 0], dtype=np.float64)

    def cube_corners_mm(self) -> Floats:
        """Four corners of the base, then the four above them."""
        assert self.cube_at is not None
        flat = np.array([[-1, -1], [1, -1], [1, 1], [-1, 1]]) * self.cube_mm / 2
        flat = flat @ _turn(self.cube_yaw_deg).T + np.array(self.cube_at)
        low = np.column_stack([flat, np.zeros(4)])
        return np.vstack([low, low + np.array([0, 0, self.cube_mm])])

    def specimen_points_mm(self, at: tuple[float, float]) -> Floats:
        """The upper surface of an ellipsoid that lies on the table."""
        polar, round_ = np.meshgrid(np.linspace(0, np.pi, 60), np.linspace(0, 2 * np.pi, 120))
        unit = np.stack([np.sin(polar) * np.cos(round_), np.sin(polar) * np.sin(round_),
                         np.cos(polar)], axis=-1).reshape(-1, 3)  # fmt: skip
        body = unit * (np.array(self.specimen_mm) / 2)
        body[:, :2] = body[:, :2] @ _turn(self.specimen_yaw_deg).T + np.array(at)
        return np.asarray(body + np.array([0, 0, self.specimen_mm[2] / 2]))

    def apparent_mm(self) -> tuple[float, float]:
        """Length and width of the specimen's outline seen from infinitely far along the axis."""
        seen = self.specimen_points_mm(self.specimen_at) @ self.rotation.T
        _, sides, _ = cv2.minAreaRect(seen[:, :2].astype(np.float32))
        return max(sides), min(sides)

    def draw(self) -> tuple[NDArray[np.uint8], NDArray[np.uint8]]:
        """The photo, uint8 (h, w, 3), and its labels, uint8 (h, w)."""
        fine = np.full(
            (self.height_px * FINER, self.width_px * FINER, 3), self.background, np.uint8
        )
        labels = np.zeros(fine.shape[:2], np.uint8)
        for at in (self.specimen_at, *self.more_specimens_at):
            outline = cv2.convexHull(self.projected(self.specimen_points_mm(at)).astype(np.float32))
            _fill(fine, labels, outline, (120, 70, 52), SPECIMEN)
        if self.cube_at is not None:
            self._draw_cube(fine, labels)
        rng = np.random.default_rng(0)
        photo = cv2.resize(fine, (self.width_px, self.height_px), interpolation=cv2.INTER_AREA)
        grain = rng.normal(0, 2.0, photo.shape)
        return np.clip(photo + grain, 0, 255).astype(np.uint8), labels[::FINER, ::FINER].copy()

    def _draw_cube(self, fine: NDArray[np.uint8], labels: NDArray[np.uint8]) -> None:
        corners = self.projected(self.cube_corners_mm())
        eye = -self.rotation.T @ np.array([0, 0, self.distance_mm])
        middle = self.cube_corners_mm().mean(axis=0)
        for k in range(4):
            loop = [k, (k + 1) % 4, (k + 1) % 4 + 4, k + 4]
            face = self.cube_corners_mm()[loop].mean(axis=0)
            if (eye - face) @ (face - middle) > 0:
                shade = tuple(int(c * (0.75 + 0.12 * k)) for c in self.sides)
                _fill(fine, labels, corners[loop], shade, CUBE)
        _fill(fine, labels, corners[4:], self.top, CUBE)

    def scaled(self, factor: float) -> Scene:
        """The same table photographed with ``factor`` times the pixels."""
        return replace(
            self,
            width_px=round(self.width_px * factor),
            height_px=round(self.height_px * factor),
            focal_px=self.focal_px * factor,
        )


def _turn(degrees: float) -> Floats:
    a = radians(degrees)
    return np.array([[cos(a), -sin(a)], [sin(a), cos(a)]])


def _fill(
    fine: NDArray[np.uint8],
    labels: NDArray[np.uint8],
    polygon: Floats,
    colour: tuple[int, ...],
    label: int,
) -> None:
    # OpenCV's coordinates name the middles of pixels; 4 more bits are kept of each.
    points = np.round((np.asarray(polygon, dtype=np.float64) * FINER - 0.5) * 16).astype(np.int32)
    cv2.fillPoly(fine, [points.reshape(-1, 1, 2)], colour, shift=4)
    cv2.fillPoly(labels, [points.reshape(-1, 1, 2)], label, shift=4)
