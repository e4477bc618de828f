"""Fitting a cube's pose to a region's outline and to a photo's edges: robust least squares."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from geoview.measure import pose as geometry
from geoview.measure.edges import GROUPS, Edges, distances, find_edges, lengths_px
from geoview.measure.pose import EDGES, PARAMETERS, Floats, Pose
from geoview.measure.prior import counted, prior

DIRECTIONS = np.stack(
    [np.cos(np.linspace(0, 2 * np.pi, 48, endpoint=False)),
     np.sin(np.linspace(0, 2 * np.pi, 48, endpoint=False))], axis=1
)  # fmt: skip
# Standardised residuals count less from here on; parts of a step that are tried.
_LOSS, _PARTS = 2.5, np.array([1.0, 0.4, 0.1, 0.0])
# The cost, beside the edges, that makes a pose e times less likely than its edges suggest.
_DOUBT = 25.0
# How far rounded corners stay inside the sharp ones, as a part of the way to the middle.
_BLUNT = 0.015
_LEAN_DEG = 6.0


@dataclass(frozen=True, slots=True, eq=False)
class CubeFit:
    """A cube fitted to a photo, in original pixels.

    ``covariance`` (7, 7) of the steps of ``Pose.moved``. ``edge_px`` is the cube's mean edge in
    the photo, ``error_px`` the robust residual of its edges. ``support`` tells how much of the
    visible edges the photo shows where the model has them, ``overlap`` the intersection over
    union of model and region (hulls), both 0…1; ``likely`` joins them with what is known of
    lenses and camera stands.
    """

    pose: Pose
    covariance: Floats
    edge_px: float
    error_px: float
    overlap: float
    support: float
    likely: float


@dataclass(frozen=True, slots=True, eq=False)
class Region:
    """The cube's region: outline (n, 2), and which of its points are the cube's own border
    rather than where something lies before it or the photo ends; ``cell_px`` its coarseness."""

    outline_px: Floats
    own: NDArray[np.bool_]
    cell_px: float


@dataclass(frozen=True, slots=True, eq=False)
class Fitter:
    pixels: NDArray[np.uint8]
    region: Region
    widths: Floats
    trust: Floats
    size_px: tuple[int, int]
    focal_px: float | None

    @property
    def px_per_cell(self) -> float:
        return float(self.size_px[0] / self.pixels.shape[1])

    def settled(self, poses: Pose) -> Pose:
        """An array of poses fitted to the region's outline alone, and set upright."""
        poses = self._solved(poses, None, steps=3)
        return upright(poses)

    def screened(self, poses: Pose) -> Floats:
        """How well the visible edges of an array of poses lie on steps in colour, 0…1."""
        slopes, low, cell = self._slopes()
        corners = (poses.corners_px() - low) / cell
        ends = corners[:, np.array(EDGES)]
        share = np.linspace(0.05, 0.95, 24)[:, None]
        where = ends[:, :, :1] + (ends[:, :, 1:] - ends[:, :, :1]) * share
        along = ends[:, :, 1] - ends[:, :, 0]
        lengths = np.linalg.norm(along, axis=-1)
        across = np.stack([-along[..., 1], along[..., 0]], axis=-1)
        across = across / np.maximum(lengths, 1e-9)[..., None]
        found = _looked_up(slopes, where)  # (poses, edges, points, 3 colours, 2)
        steps = np.abs((found * across[:, :, None, None]).sum(axis=-1)).max(axis=-1)
        usual = 2 * np.median(np.abs(slopes).max(axis=(2, 3))) + 1.5
        weight = lengths * (poses.edge_faces() > 0)
        support = ((steps / (steps + usual)).mean(axis=-1) * weight).sum(axis=-1)
        prior = np.exp(-self._cost(poses, None) / _DOUBT)
        return np.asarray(support / np.maximum(weight.sum(axis=-1), 1e-9) * prior)

    def _slopes(self) -> tuple[NDArray[np.float32], Floats, float]:
        """Colour slopes (h, w, 3, 2) of the region's part of the photo at the region's own
        coarseness, its upper left corner and the size of its cells in original pixels."""
        import cv2

        cell = max(self.region.cell_px, self.px_per_cell)
        low = np.floor(self.region.outline_px.min(axis=0) - 6 * cell)
        high = self.region.outline_px.max(axis=0) + 6 * cell
        size = np.ceil((high - low) / cell).astype(int)
        k = cell / self.px_per_cell
        first = np.maximum(np.floor(low / self.px_per_cell).astype(int) - 2, 0)
        last = np.ceil(high / self.px_per_cell).astype(int) + 2
        part = self.pixels[first[1] : last[1], first[0] : last[0]]
        move = np.array([[k, 0, 0], [0, k, 0]])
        move[:, 2] = low / self.px_per_cell - first + 0.5 * k - 0.5
        small = cv2.warpAffine(
            cv2.blur(part, (max(1, round(k)),) * 2) if k > 1.5 else part,
            move,
            (int(size[0]), int(size[1])),
            flags=cv2.INTER_LINEAR | cv2.WARP_INVERSE_MAP,
            borderMode=cv2.BORDER_REPLICATE,
        ).astype(np.float32)
        small = cv2.GaussianBlur(small, (0, 0), 0.8)
        slopes = [cv2.Scharr(small, cv2.CV_32F, *d, scale=1 / 32) for d in ((1, 0), (0, 1))]
        return np.stack(slopes, axis=-1), low, cell

    def from_afar(self, pose: Pose) -> CubeFit | None:
        """A pose drawn to the photo's edges over a wide range."""
        span = float(np.sqrt(np.prod(np.ptp(self.region.outline_px, axis=0))))
        far = max(2.0 * self._near, 0.04 * span)
        return self._fitted(pose, (far, 0.6 * far), steps=2)

    def from_near(self, pose: Pose) -> CubeFit | None:
        """A pose that is about right fitted to the photo's edges."""
        return self._fitted(pose, (self._near, 0.7 * self._near), steps=2)

    @property
    def _near(self) -> float:
        return max(2.0 * self.px_per_cell, 1.2 * self.region.cell_px)

    def _fitted(self, pose: Pose, ranges: tuple[float, ...], *, steps: int) -> CubeFit | None:
        for reach in ranges:
            pose = self._solved(pose, self._edges(pose, reach), steps=steps)
            if not np.isfinite(pose.translation).all() or pose.translation[2] <= pose.edge_mm:
                return None
        edges = self._edges(pose, ranges[-1])
        if edges is None:
            return None
        return self._judged(pose, edges, ranges[-1])

    def _edges(self, pose: Pose, reach: float) -> Edges | None:
        return find_edges(self.pixels, pose, reach=reach, px_per_cell=self.px_per_cell)

    def _residuals(self, poses: Pose, edges: Edges | None) -> Floats:
        """Weighted residuals (…, r): edge points, then the region's extents, then the lens."""
        corners = poses.corners_px()
        middle = corners.mean(axis=-2, keepdims=True)
        beyond = geometry.support(corners + _BLUNT * (middle - corners), DIRECTIONS) - self.widths
        # Regions come out a little too large or too small all round.
        beyond -= 0.8 * (beyond @ self.trust / self.trust.sum())[..., None]
        span = float(np.sqrt(np.prod(np.ptp(self.region.outline_px, axis=0))))
        sd = np.hypot(1.2 * self.region.cell_px, 0.006 * span)
        outline = beyond * (self.trust / sd)
        rows = [outline, prior(poses, focal_px=self.focal_px)]
        if edges is not None:
            rows.append(distances(poses, edges) * edges.weights / edges.sd_px)
        return np.concatenate(rows, axis=-1)

    def _counts(self, edges: Edges | None) -> Floats:
        """How many independent observations each residual stands for: neighbours err alike."""
        found = 0 if edges is None else len(edges.points)
        return np.concatenate([
            np.full(len(DIRECTIONS), 8 / len(DIRECTIONS)),
            np.ones(counted(self.focal_px)),
            np.full(found, 2.5 / GROUPS),
        ])  # fmt: skip

    def _cost(self, poses: Pose, edges: Edges | None) -> Floats:
        losses = np.log1p((self._residuals(poses, edges) / _LOSS) ** 2) * _LOSS**2
        return np.asarray(losses @ self._counts(edges))

    def _solved(self, pose: Pose, edges: Edges | None, *, steps: int) -> Pose:
        """Gauss–Newton with a Cauchy loss; of every step the part is taken that helps most."""
        for _ in range(steps):
            here, slopes = self._linear(pose, edges)
            weight = np.sqrt(self._counts(edges) / (1 + (here / _LOSS) ** 2))
            weighted = slopes * weight[..., None]
            normal = np.swapaxes(weighted, -1, -2) @ weighted + 1e-6 * np.eye(PARAMETERS)
            right = np.swapaxes(weighted, -1, -2) @ (here * weight)[..., None]
            step = -np.linalg.solve(normal, right)[..., 0]
            tries = _each(pose).moved(_PARTS[:, None] * np.clip(step, -0.4, 0.4)[..., None, :])
            pose = _chosen(tries, self._cost(tries, edges).argmin(axis=-1))
        return pose

    def _linear(self, pose: Pose, edges: Edges | None) -> tuple[Floats, Floats]:
        """Residuals (…, r) and their numeric derivatives (…, r, 7), in one call."""
        size = 1e-5
        steps = np.vstack([np.zeros(PARAMETERS), size * np.eye(PARAMETERS)])
        every = self._residuals(_each(pose).moved(steps), edges)
        here = every[..., 0, :]
        return here, np.swapaxes((every[..., 1:, :] - here[..., None, :]) / size, -1, -2)

    def _judged(self, pose: Pose, edges: Edges, reach: float) -> CubeFit:
        corners = pose.corners_px()
        distance = np.abs(distances(pose, edges)) / self.px_per_cell
        near = distance < 1.5
        strength = edges.weights
        shown = [
            float((strength * near)[edges.edge == e].sum() / (edges.edge == e).sum())
            for e in np.unique(edges.edge)
        ]
        lengths = lengths_px(corners)[np.unique(edges.edge)]
        support = float(np.average(shown, weights=lengths))
        kept = distance[near]
        error = 1.4826 * float(np.median(kept)) if len(kept) else float("inf")
        overlap = _overlap(corners, self.region.outline_px)
        return CubeFit(
            pose=pose,
            covariance=self._covariance(pose, edges),
            edge_px=float(lengths_px(corners)[np.unique(edges.edge)].mean()),
            error_px=error * self.px_per_cell,
            overlap=overlap,
            support=support,
            likely=support * overlap * float(np.exp(-self._cost(pose, None) / _DOUBT)),
        )

    def _covariance(self, pose: Pose, edges: Edges) -> Floats:
        here, slopes = self._linear(pose, edges)
        weight = np.sqrt(self._counts(edges) / (1 + (here / _LOSS) ** 2))
        information = (slopes * weight[:, None]).T @ (slopes * weight[:, None])
        return np.asarray(np.linalg.inv(information + 1e-6 * np.eye(PARAMETERS)))


def _each(pose: Pose) -> Pose:
    """With one more axis, along which steps are tried."""
    return Pose(
        pose.rotation[..., None, :, :],
        pose.translation[..., None, :],
        np.asarray(pose.focal_px)[..., None],
        pose.centre_px,
        pose.edge_mm,
    )


def _chosen(tries: Pose, best: NDArray[np.int64]) -> Pose:
    """Of the last axis of poses, one for each of the others."""
    index = (*np.indices(best.shape), best)
    return Pose(
        tries.rotation[index],
        tries.translation[index],
        tries.focal_px[index],
        tries.centre_px,
        tries.edge_mm,
    )


def _looked_up(slopes: NDArray[np.float32], where: Floats) -> NDArray[np.float32]:
    """The nearest cells of (h, w, …) at places (…, 2)."""
    column = np.clip(where[..., 0].astype(int), 0, slopes.shape[1] - 1)
    row = np.clip(where[..., 1].astype(int), 0, slopes.shape[0] - 1)
    return np.asarray(slopes[row, column])


def _overlap(corners: Floats, outline: Floats) -> float:
    import cv2

    model = cv2.convexHull(corners.astype(np.float32))
    hull = cv2.convexHull(outline.astype(np.float32))
    common, _ = cv2.intersectConvexConvex(model, hull)
    return float(common / (cv2.contourArea(model) + cv2.contourArea(hull) - common + 1e-9))


def upright(poses: Pose) -> Pose:
    """The poses with the likeliest of their visible faces up."""
    return poses.with_top(_doubts(poses).argmin(axis=-1))


def _doubts(poses: Pose) -> Floats:
    """How unlikely each of ``FACES`` is the upper one (…, 5), in degrees.

    The upper face is the least tilted one; of two alike, that whose uprights lean towards the
    photo's upper edge, as they do for a person who stands before the table.
    """
    up = geometry.NORMALS @ np.swapaxes(poses.rotation, -1, -2)
    tilt = np.degrees(np.arccos(np.clip(-up[..., 2], -1, 1)))
    lean = -up[..., 1] / np.maximum(np.linalg.norm(up[..., :2], axis=-1), 1e-9)
    doubts = tilt - _LEAN_DEG * lean * np.minimum(tilt / 30, 1)
    return np.asarray(np.where(poses.visible_faces(), doubts, 999.0))
