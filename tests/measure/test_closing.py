"""Where a partly hidden outline closes: discs and squares of which a part is not seen."""

from __future__ import annotations

from itertools import pairwise

import numpy as np
import pytest
from numpy.typing import NDArray

from geoview.measure.closing import anticlockwise, closing, runs

Floats = NDArray[np.float64]
RADIUS = 100.0


def disc(*, cut_at: float) -> tuple[Floats, NDArray[np.int64]]:
    """An outline of which what lies beyond x = ``cut_at`` is cut off, and where it is cut."""
    angle = np.linspace(0, 2 * np.pi, 400, endpoint=False)
    points = RADIUS * np.stack([np.cos(angle), np.sin(angle)], axis=1)
    points[:, 0] = np.minimum(points[:, 0], cut_at)
    (run,) = runs(points[:, 0] >= cut_at, gap=2)
    return points, run


@pytest.mark.parametrize("cut_at", [98.0, 99.0, 99.6])
def test_a_little_of_a_disc_closes_beyond_itself_but_not_far(cut_at: float) -> None:
    outline, run = disc(cut_at=cut_at)
    far = outline[run] + (300, 0)
    closed = closing(outline, run, far, least_px=6)
    assert np.linalg.norm(closed, axis=1).max() > 0.995 * RADIUS
    assert closed[:, 0].max() < 1.2 * RADIUS
    assert (closed[:, 0] <= far[:, 0]).all()
    assert closed[:, 1] == pytest.approx(outline[run][:, 1])


def test_what_is_not_reached_is_left() -> None:
    """Of what cannot be hidden farther than the outline closes, nothing is taken away."""
    outline, run = disc(cut_at=99)
    near = outline[run] + (0.01, 0)
    inner = np.abs(near[:, 1]) < 8
    assert closing(outline, run, near, least_px=6)[inner] == pytest.approx(near[inner])


def test_a_wide_gap_says_nothing() -> None:
    outline, run = disc(cut_at=60)
    far = outline[run] + (300, 0)
    assert np.array_equal(closing(outline, run, far, least_px=6), far)


def test_an_outline_that_heads_outwards_may_go_on() -> None:
    """The mouth of a bottle that a cube stops up."""
    right = np.array([(-50.0, -50.0), (20, -20), (60, -12), (60, 12), (20, 20), (-50, 50)])
    mouth = np.array([(60.0, y) for y in np.linspace(-12, 12, 13)])
    outline = np.concatenate([dense(right[:3]), mouth, dense(right[3:])])
    (run,) = runs(outline[:, 0] >= 60, gap=2)
    far = outline[run] + (30, 0)
    assert closing(outline, run, far, least_px=6)[:, 0].max() > 85


def dense(corners: Floats) -> Floats:
    share = np.linspace(0, 1, 40, endpoint=False)[:, None]
    return np.concatenate([a + share * (b - a) for a, b in pairwise(corners)])


def test_runs_of_a_closed_series() -> None:
    flags = np.zeros(20, bool)
    flags[[0, 1, 5, 6, 7, 18, 19]] = True
    assert [list(run) for run in runs(flags, gap=1)] == [[18, 19, 0, 1], [5, 6, 7]]
    assert [list(run) for run in runs(flags, gap=3)] == [[18, 19, 0, 1, 5, 6, 7]]
    assert [list(run) for run in runs(np.ones(4, bool), gap=0)] == [[0, 1, 2, 3]]
    assert runs(np.zeros(4, bool), gap=1) == []


def test_the_order_of_an_outline() -> None:
    square = np.array([(0.0, 0.0), (1, 0), (1, 1), (0, 1)])
    assert np.array_equal(anticlockwise(square), square)
    assert np.array_equal(anticlockwise(square[::-1]), square)
