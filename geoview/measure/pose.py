"""A cube of known edge on a table, seen by a pinhole camera: geometry only, no pixels.

Frames: the table's (mm; origin under the cube's middle, z up from the table) and the camera's
(mm; x right, y down, z along the optical axis). The principal point is the photo's centre and
pixels are square. Arrays of poses share leading axes, so that a search is one call.
"""

from __future__ import annotations

import functools
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]

# Corners in units of the edge, bottom and top in turn, counter-clockwise seen from above.
UNIT = np.array(
    [[x, y, z] for x, y in ((-0.5, -0.5), (0.5, -0.5), (0.5, 0.5), (-0.5, 0.5)) for z in (0, 1)],
    dtype=np.float64,
)
TOP = (1, 3, 5, 7)
# Corner loops of the faces that can be seen, and their outward normals in the table's frame.
FACES = ((1, 3, 5, 7), (0, 2, 3, 1), (2, 4, 5, 3), (4, 6, 7, 5), (6, 0, 1, 7))
NORMALS = np.array([[0, 0, 1], [0, -1, 0], [1, 0, 0], [0, 1, 0], [-1, 0, 0]], dtype=np.float64)
_FACE_CENTRES = np.array([UNIT[list(face)].mean(axis=0) for face in FACES])
EDGES = tuple(
    sorted({tuple(sorted((f[i], f[(i + 1) % 4]))) for f in FACES for i in range(4)})  # 12 of them
)
_EDGE_FACES = np.array(
    [[a in face and b in face for face in FACES] for a, b in EDGES], dtype=np.int64
)
PARAMETERS = 7
# Relative to the plainest face: somewhat more than the width of a ground edge.
FLATTEST = 0.03


@dataclass(frozen=True, slots=True, eq=False)
class Pose:
    """Where a cube lies before a camera.

    ``rotation`` (…, 3, 3) takes the table's frame to the camera's, ``translation`` (…, 3) is the
    middle of the cube's base in the camera's frame (mm), ``focal_px`` (…), ``centre_px`` (2,) the
    principal point and ``edge_mm`` the cube's edge.
    """

    rotation: Floats
    translation: Floats
    focal_px: Floats
    centre_px: Floats
    edge_mm: float

    def corners_px(self) -> Floats:
        """The eight corners in the photo, (…, 8, 2), in the order of ``UNIT``."""
        return self.to_px(UNIT * self.edge_mm)

    def to_px(self, points_mm: Floats) -> Floats:
        """Points of the table's frame, (n, 3), in the photo, (…, n, 2)."""
        seen = points_mm @ np.swapaxes(self.rotation, -1, -2) + self.translation[..., None, :]
        depth = np.maximum(seen[..., 2:], 1e-6)
        return seen[..., :2] / depth * self.focal_px[..., None, None] + self.centre_px

    def visible_faces(self) -> NDArray[np.bool_]:
        """Which of ``FACES`` are turned to the camera, (…, 5)."""
        eye = -np.einsum("...ji,...j->...i", self.rotation, self.translation) / self.edge_mm
        seen = np.einsum("...fi,fi->...f", eye[..., None, :] - _FACE_CENTRES, NORMALS)
        return np.asarray(seen > 0)

    def edge_faces(self) -> NDArray[np.int64]:
        """For each of ``EDGES`` the number of faces that show at it: 0 hidden, 1 outer, 2 inner.

        A face seen so flatly that its two edges would be taken for one another does not count.
        """
        loops = self.corners_px()[..., np.array(FACES), :]
        x, y = np.moveaxis(loops - loops[..., :1, :], -1, 0)
        areas = np.abs((x * np.roll(y, -1, -1) - y * np.roll(x, -1, -1)).sum(axis=-1))
        plain = areas > FLATTEST * areas.max(axis=-1, keepdims=True)
        return np.asarray((self.visible_faces() & plain).astype(np.int64) @ _EDGE_FACES.T)

    @property
    def tilt_deg(self) -> float:
        """The angle between the optical axis and the table's vertical, of a single pose."""
        return float(np.degrees(np.arccos(np.clip(-self.rotation[..., 2, 2], -1, 1))))

    def moved(self, step: Floats) -> Pose:
        """The poses after small steps (…, 7): a turn (rad), the direction to the cube (2), the
        logarithms of its distance and of the focal length."""
        depth = self.translation[..., 2:]
        ray = self.translation[..., :2] / depth + step[..., 3:5]
        depth = depth * np.exp(step[..., 5:6])
        return Pose(
            rotation=turns(step[..., :3]) @ self.rotation,
            translation=np.concatenate([ray * depth, depth + 0 * ray[..., :1]], axis=-1),
            focal_px=self.focal_px * np.exp(step[..., 6]),
            centre_px=self.centre_px,
            edge_mm=self.edge_mm,
        )

    def with_top(self, face: int | NDArray[np.int64]) -> Pose:
        """The same cubes as if ``FACES[face]`` (…) were the upper one of each."""
        turn = _UPRIGHT[face]
        middle = np.array([0, 0, self.edge_mm / 2])
        return Pose(
            rotation=self.rotation @ turn,
            translation=self.translation
            + ((self.rotation @ (middle - turn @ middle)[..., None])[..., 0]),
            focal_px=self.focal_px,
            centre_px=self.centre_px,
            edge_mm=self.edge_mm,
        )

    def at(self, index: int | slice | NDArray[np.int64]) -> Pose:
        """One or several of an array of poses."""
        return Pose(
            self.rotation[index],
            self.translation[index],
            self.focal_px[index],
            self.centre_px,
            self.edge_mm,
        )


def turns(vectors: Floats) -> Floats:
    """Rotation vectors (…, 3) in radians → matrices (…, 3, 3), by Rodrigues' formula."""
    angle = np.linalg.norm(vectors, axis=-1)[..., None, None]
    safe = np.maximum(angle, 1e-12)
    x, y, z = np.moveaxis(vectors, -1, 0)
    zero = np.zeros_like(x)
    cross = np.stack([zero, -z, y, z, zero, -x, -y, x, zero], axis=-1)
    cross = cross.reshape(*vectors.shape, 3)
    return np.asarray(
        np.eye(3) + np.sin(angle) / safe * cross + (1 - np.cos(angle)) / safe**2 * (cross @ cross)
    )


# Turns that take the upper face to each of ``FACES``: z to the face's normal.
_UPRIGHT = turns(np.array([[0, 0, 0], [1, 0, 0], [0, 1, 0], [-1, 0, 0], [0, -1, 0]]) * (np.pi / 2))


def looking_down(tilt: Floats, towards: Floats, yaw: Floats) -> Floats:
    """Rotations table → camera, (…, 3, 3), angles in radians.

    ``tilt`` between the optical axis and the vertical, ``towards`` the direction in the photo in
    which the upper end of an upright leans, ``yaw`` the cube's turn on the table.
    """
    zero = np.zeros_like(tilt)
    down = turns(np.stack([zero + np.pi, zero, zero], axis=-1))
    # Turning about an axis that lies in the image plane tips the vertical in the plane's
    # perpendicular direction.
    axis = np.stack([-np.sin(towards), np.cos(towards), zero], axis=-1) * -tilt[..., None]
    return np.asarray(turns(axis) @ down @ turns(np.stack([zero, zero, yaw], axis=-1)))


def support(points: Floats, directions: Floats) -> Floats:
    """The support function of point sets: (…, n, 2) and (d, 2) → (…, d)."""
    return np.asarray((points @ directions.T).max(axis=-2))


def hypotheses(
    directions: Floats, widths: Floats, trust: Floats, *, size_px: tuple[int, int], edge_mm: float
) -> tuple[Pose, Floats]:
    """Poses in a coarse grid whose outline resembles a measured one, the best first.

    ``widths`` (d,) is the measured outline's support function along ``directions`` (d, 2) in
    pixels and ``trust`` its weights. Place and size are fitted linearly for every pose of the
    grid. Also returns the differences (rms, relative to the outline's size).
    """
    grid, centre = _grid(), np.array(size_px, dtype=np.float64) / 2
    middle, radius = _middle(directions, widths, trust)
    poses = _placed(grid, middle - centre, radius, size_px=size_px, edge_mm=edge_mm)
    offsets = support(poses.corners_px(), directions)
    scale, error = _aligned(
        offsets - directions @ middle, directions, widths - directions @ middle, trust
    )
    poses = Pose(
        poses.rotation,
        poses.translation / scale[:, None],
        poses.focal_px,
        poses.centre_px,
        edge_mm,
    )
    order = np.argsort(error)
    return poses.at(order), error[order] / radius


@functools.cache
def _grid() -> tuple[Floats, Floats]:
    tilt, towards, yaw, focal = (
        np.radians(np.array([0.0, 4, 9, 15, 22, 30, 38, 46])),
        np.radians(np.arange(0, 360, 22.5)),
        np.radians(np.arange(0, 90, 10.0)),
        np.array([1.1, 1.6, 2.4]),
    )
    mesh = [axis.ravel() for axis in np.meshgrid(tilt, towards, yaw, focal, indexing="ij")]
    # Where the camera looks straight down, the direction of tilt has no meaning.
    keep = (mesh[0] > 0) | (mesh[1] == 0)
    return looking_down(mesh[0][keep], mesh[1][keep], mesh[2][keep]), mesh[3][keep]


def _middle(directions: Floats, widths: Floats, trust: Floats) -> tuple[Floats, float]:
    """Centre and mean radius of the circle that fits a support function best."""
    design = np.column_stack([directions, np.ones(len(directions))]) * trust[:, None]
    x, y, radius = np.linalg.lstsq(design, widths * trust, rcond=None)[0]
    return np.array([x, y]), float(radius)


def _placed(
    grid: tuple[Floats, Floats],
    offset_px: Floats,
    radius_px: float,
    *,
    size_px: tuple[int, int],
    edge_mm: float,
) -> Pose:
    """The grid's poses moved so that the cube's middle is seen at an offset from the centre."""
    rotation, focal = grid
    focal_px = focal * max(size_px)
    depth = focal_px * edge_mm * 0.6 / radius_px
    ray = np.concatenate([offset_px / focal_px[:, None], np.ones((len(focal_px), 1))], axis=-1)
    middle = rotation @ np.array([0, 0, edge_mm / 2])
    return Pose(
        rotation,
        ray * depth[:, None] - middle,
        focal_px,
        np.array(size_px, dtype=np.float64) / 2,
        edge_mm,
    )


def _aligned(
    model: Floats, directions: Floats, measured: Floats, trust: Floats
) -> tuple[Floats, Floats]:
    """Scales (n,) that make support functions (n, d) most like a measured one (d,), whatever the
    shift, and the weighted rms differences (n,) that remain."""
    root = trust / np.sqrt((trust**2).sum())
    # What a shift explains is taken from both; then the scale is a ratio of inner products.
    basis = np.linalg.qr(directions * root[:, None])[0]
    a, b = model * root, measured * root
    a, b = a - (a @ basis) @ basis.T, b - basis @ (basis.T @ b)
    scale = (a @ b) / np.maximum((a * a).sum(axis=1), 1e-12)
    rest = b - scale[:, None] * a
    return scale, np.sqrt((rest**2).sum(axis=1))
