"""Where the outline of something that is partly hidden is likely to close."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]
# The stretch of outline that tells where it is heading and the widest gap across which that says
# anything, as parts of the square root of its area; by how much it may turn outwards in the gap.
_STRETCH, _WIDEST, _TURN = 0.2, 0.4, float(np.radians(20))


def anticlockwise(outline: Floats) -> Floats:
    """The closed outline (n, 2) in the order that makes its area positive."""
    return outline if _area(outline) > 0 else outline[::-1]


def runs(flags: NDArray[np.bool_], *, gap: int) -> list[NDArray[np.int64]]:
    """Where a closed series is true: runs of indices, parted by more than ``gap`` that are not."""
    index = np.flatnonzero(flags)
    ends = np.flatnonzero(np.diff(index, append=index[:1] + len(flags)) > gap + 1) + 1
    if not len(ends):
        return [index] if len(index) else []
    return np.split(np.roll(index, -ends[-1]), ends[:-1] + len(index) - ends[-1])


def closing(outline: Floats, run: NDArray[np.int64], far: Floats, *, least_px: float) -> Floats:
    """Places ``far`` (n, 2), to each of which an anticlockwise outline may go on unseen from its
    point of ``run``, drawn back to where it closes if it heads on as it does at the run's ends.
    Those of a wide gap stay where they are.

    ``least_px``: the shortest stretch from which to tell where it is heading.
    """
    seen, count, size_px = outline[run], len(outline), float(np.sqrt(_area(outline)))
    if np.linalg.norm(seen[-1] - seen[0]) > _WIDEST * size_px:
        return far
    step_px = float(np.linalg.norm(np.diff(outline, axis=0), axis=1).mean())
    stretch_px = max(least_px, _STRETCH * size_px)
    free = (count - 1 - (run[-1] - run[0]) % count) // 2
    steps = np.arange(1, 1 + min(round(stretch_px / step_px), free))
    if not len(steps):
        return far
    share = np.ones(len(run))
    for end, away, turn in ((run[0], -steps, -_TURN), (run[-1], steps, _TURN)):
        heading = np.sign(away[0]) * (outline[(end + away) % count] - outline[end]).mean(axis=0)
        outwards = np.array([heading[1], -heading[0]]) @ _turned(turn).T
        inside = np.maximum(0, -(seen - outline[end]) @ outwards)
        beyond = np.maximum(0, (far - outline[end]) @ outwards)
        share = np.minimum(share, np.where(beyond > 0, inside / (inside + beyond + 1e-9), 1))
    return np.asarray(seen + share[:, None] * (far - seen))


def _turned(angle: float) -> Floats:
    return np.array([[np.cos(angle), -np.sin(angle)], [np.sin(angle), np.cos(angle)]])


def _area(outline: Floats) -> float:
    x, y = outline.T
    return float(x @ np.roll(y, -1) - np.roll(x, -1) @ y) / 2
