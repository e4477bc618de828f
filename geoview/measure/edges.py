"""Where the photo shows the edges of a cube that a pose expects, to a fraction of a pixel."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from geoview.measure.pose import EDGES, UNIT, Floats, Pose

# Points sampled along an edge, the pieces they are averaged in, and cells beyond the search for
# the noise around.
_ALONG, GROUPS, _MARGIN = 30, 10, 8
# Radius of a ground cube's edges, in edges (half a millimetre of an inch).
ROUNDING = 0.02
# Standard deviations, in edges, of a whole edge: a ground edge is no line.
_OUTER_SD, _INNER_SD = 0.004, 0.008
_MIDDLES = UNIT[np.array(EDGES)].mean(axis=1)
_DIRECTIONS = UNIT[np.array(EDGES)[:, 1]] - UNIT[np.array(EDGES)[:, 0]]


@dataclass(frozen=True, slots=True, eq=False)
class Edges:
    """Points found across model edges: where, along which normal, of which edge, how surely."""

    points: Floats
    edge: NDArray[np.int64]
    weights: Floats
    sd_px: Floats
    outer: NDArray[np.bool_]


def lengths_px(corners: Floats) -> Floats:
    ends = corners[np.array(EDGES)]
    return np.asarray(np.linalg.norm(ends[:, 1] - ends[:, 0], axis=-1))


def distances(pose: Pose, edges: Edges) -> Floats:
    """Signed distances (…, n) in pixels of the points found from where the model has them,
    positive outwards. The outline of rounded edges lies a little inside that of sharp ones."""
    corners = pose.corners_px()
    ends = np.array(EDGES)[edges.edge]
    a, b = corners[..., ends[:, 0], :], corners[..., ends[:, 1], :]
    across = _across(a, b, corners.mean(axis=-2)[..., None, :])
    inset = np.take(_insets(pose), edges.edge, axis=-1) * edges.outer
    return np.asarray(((edges.points - a) * across).sum(axis=-1) + inset)


def _across(a: Floats, b: Floats, inside: Floats) -> Floats:
    """Unit normals (…, n, 2) of the lines a–b that point away from ``inside``."""
    along = b - a
    normal = np.stack([-along[..., 1], along[..., 0]], axis=-1)
    normal = normal / np.maximum(np.linalg.norm(normal, axis=-1, keepdims=True), 1e-9)
    away = (((a + b) / 2 - inside) * normal).sum(axis=-1, keepdims=True)
    return np.asarray(np.where(away < 0, -normal, normal))


def find_edges(
    pixels: NDArray[np.uint8], pose: Pose, *, reach: float, px_per_cell: float
) -> Edges | None:
    """The colour step within ``reach`` (original px) that belongs to each visible model edge.

    Outer edges take the outermost step that stands out, for a rounded edge shows a second one
    further in; inner edges take the middle of what stands out near the strongest step.
    """
    corners = pose.corners_px()
    faces = pose.edge_faces()
    lengths = lengths_px(corners)
    shown = np.flatnonzero((faces > 0) & (lengths > 6 * px_per_cell))
    if not len(shown):
        return None
    count = int(np.ceil(reach / px_per_cell)) + _MARGIN
    offsets = np.arange(-count, count + 1, dtype=np.float64)
    ends = corners[np.array(EDGES)[shown]]
    normals = _across(ends[:, 0], ends[:, 1], corners.mean(axis=0))
    share = np.linspace(0.06, 0.94, _ALONG)
    base = ends[:, :1] + (ends[:, 1:] - ends[:, :1]) * share[:, None]
    where = base[:, :, None] + (offsets * px_per_cell)[:, None] * normals[:, None, None]
    strength = _steps(_sampled(pixels, where, px_per_cell))  # (edges, groups, offsets)
    strength = strength * _inside(where[:, :, 1:-1], pixels, px_per_cell)
    offsets = offsets[1:-1]
    distance = np.abs(offsets * px_per_cell / reach)
    nearness = np.where(distance < 1.5, np.exp(-0.5 * distance**2), 0)
    quiet = strength.shape[-1] * 3 // 10
    noise = np.partition(strength, quiet, axis=-1)[..., quiet : quiet + 1] + 0.7
    outer = (faces[shown] == 1)[:, None]
    best = np.where(
        outer, _outermost(strength * nearness, noise), (strength * nearness).argmax(axis=-1)
    )
    edge_px = float(np.sqrt(lengths[shown] @ lengths[shown] / len(shown)))
    shift = np.where(
        outer,
        _peaks(strength, best) + offsets[0],
        _middles(strength, best, offsets, half=max(2.0, 0.025 * edge_px / px_per_cell)),
    )
    centre = base.reshape(len(shown), GROUPS, -1, 2).mean(axis=2)
    points = centre + (shift * px_per_cell)[..., None] * normals[:, None]
    value = np.take_along_axis(strength * nearness, best[..., None], axis=-1)
    weights = np.clip((value / noise - 1.5) / 3, 0, 1)[..., 0]
    sd = np.hypot(0.5 * px_per_cell, np.where(outer[:, 0], _OUTER_SD, _INNER_SD) * edge_px)
    return Edges(
        points=points.reshape(-1, 2),
        edge=np.repeat(shown, GROUPS),
        weights=weights.ravel(),
        sd_px=np.repeat(sd, GROUPS),
        outer=np.repeat(outer[:, 0], GROUPS),
    )


def _outermost(strength: Floats, noise: Floats) -> NDArray[np.int64]:
    """The last local maximum along the last axis that stands out."""
    floor = np.maximum(0.3 * strength.max(axis=-1, keepdims=True), 2.5 * noise)
    padded = np.pad(strength, ((0, 0), (0, 0), (1, 1)))
    peak = (strength >= padded[..., :-2]) & (strength >= padded[..., 2:]) & (strength >= floor)
    last = strength.shape[-1] - 1 - peak[..., ::-1].argmax(axis=-1)
    return np.asarray(np.where(peak.any(axis=-1), last, strength.argmax(axis=-1)))


def _middles(strength: Floats, best: NDArray[np.int64], offsets: Floats, *, half: float) -> Floats:
    """Centre of gravity of the steps near the strongest one."""
    near = np.abs(offsets - offsets[best][..., None]) <= half
    peak = np.take_along_axis(strength, best[..., None], axis=-1)
    mass = np.where(near, np.maximum(strength - 0.3 * peak, 0), 0) + 1e-9
    return np.asarray((mass * offsets).sum(axis=-1) / mass.sum(axis=-1))


def _insets(pose: Pose) -> Floats:
    """How far (…, 12) px the outline of rounded edges lies inside that of sharp ones."""
    eye = -np.einsum("...ji,...j->...i", pose.rotation, pose.translation) / pose.edge_mm
    sight = eye[..., None, :] - _MIDDLES
    sight = sight - (sight * _DIRECTIONS).sum(axis=-1, keepdims=True) * _DIRECTIONS
    sight = sight / np.linalg.norm(sight, axis=-1, keepdims=True)
    # Across the edge, sight has two components: along either face at the edge.
    depth = pose.translation[..., 2:] / pose.edge_mm + pose.rotation[..., 2, :] @ _MIDDLES.T
    px = pose.focal_px[..., None] / depth
    return np.asarray(ROUNDING * px * (np.abs(sight).sum(axis=-1) - 1))


def _sampled(pixels: NDArray[np.uint8], where: Floats, px_per_cell: float) -> NDArray[np.float32]:
    import cv2

    # Coordinates are continuous: the middle of pixel i of the decode is at i + 0.5.
    cells = (where / px_per_cell - 0.5).astype(np.float32)
    flat = cells.reshape(cells.shape[0], -1, 2)
    return np.asarray(
        cv2.remap(
            pixels, flat[..., 0], flat[..., 1], cv2.INTER_LINEAR, borderMode=cv2.BORDER_REPLICATE
        ),
        dtype=np.float32,
    ).reshape(*where.shape[:-1], 3)


def _steps(strips: NDArray[np.float32]) -> Floats:
    """Size of the colour step across, (e, groups, m−2), averaged along short pieces."""
    e, _, m, _ = strips.shape
    grouped = strips.reshape(e, GROUPS, -1, m, 3).mean(axis=2)
    slope = (grouped[:, :, 2:] - grouped[:, :, :-2]) / 2
    return np.asarray(np.sqrt((slope**2).sum(axis=-1)), dtype=np.float64)


def _inside(where: Floats, pixels: NDArray[np.uint8], px_per_cell: float) -> NDArray[np.bool_]:
    size = np.array([pixels.shape[1], pixels.shape[0]]) * px_per_cell
    inside = ((where > px_per_cell) & (where < size - px_per_cell)).all(axis=-1)
    e, _, m = inside.shape
    return np.asarray(inside.reshape(e, GROUPS, -1, m).all(axis=2))


def _peaks(strength: Floats, best: NDArray[np.int64]) -> Floats:
    """Positions of the peaks to a fraction of a step, by a parabola."""
    last = strength.shape[-1] - 1
    middle = np.clip(best, 1, last - 1)
    left, peak, right = (
        np.take_along_axis(strength, (middle + k)[..., None], axis=-1)[..., 0] for k in (-1, 0, 1)
    )
    bend = left - 2 * peak + right
    shift = np.where(bend < -1e-6, 0.5 * (left - right) / np.where(bend < -1e-6, bend, -1), 0)
    return np.where(best == middle, middle + np.clip(shift, -0.5, 0.5), best)
