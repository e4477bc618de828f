"""The reference cube's pose from its region and the photo's edges, to a fraction of a pixel.

A coarse search over poses by the region's outline alone gives a few candidates. Each is then
drawn to the photo: along every visible edge of the model the strongest step in colour is looked
for across the edge, and the pose is fitted to what was found by robust least squares, again and
again over a shrinking range. The candidate whose edges the photo supports best is kept.
"""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
from numpy.typing import NDArray

from geoview.measure import pose as geometry
from geoview.measure.fitter import DIRECTIONS, CubeFit, Fitter, Region
from geoview.measure.pose import Floats, Pose
from geoview.measure.prior import with_usual_lens

__all__ = ["CubeFit", "Region", "fit_cube"]

# Poses of the grid that are fitted to the outline, and of these to the photo.
_STARTS, _CANDIDATES = 24, 3
# A candidate this much less likely than the best is not looked at closely; after one this likely no
# more are tried.
_RIVAL, _SURE = 0.5, 0.6
# Difference of the logarithm of the focal length from the usual one that is looked into.
_UNUSUAL = 0.25


def fit_cube(
    pixels: NDArray[np.uint8],
    region: Region,
    *,
    size_px: tuple[int, int],
    edge_mm: float,
    focal_px: float | None = None,
) -> CubeFit | None:
    """Fit a cube of ``edge_mm`` to a region of a photo; None when nothing like a cube fits.

    ``pixels``: uint8 (h, w, 3), perhaps reduced; ``size_px`` (width, height) of the original;
    ``focal_px`` if the camera noted it.
    """
    widths = geometry.support(region.outline_px, DIRECTIONS)
    trust = _trust(region)
    if trust.sum() < 6:
        return None
    poses, errors = geometry.hypotheses(DIRECTIONS, widths, trust, size_px=size_px, edge_mm=edge_mm)
    fitter = Fitter(pixels, region, widths, trust, size_px, focal_px)
    poses = fitter.settled(poses.at(_distinct(poses, errors)))
    best = _apart(poses, np.argsort(-fitter.screened(poses)), count=_CANDIDATES, near=0.03)
    rough = _until_sure(fitter.from_afar(poses.at(i)) for i in best)
    likeliest = max((fit.likely for fit in rough), default=0.0)
    close = [fit.pose for fit in rough if fit.likely >= _RIVAL * likeliest]
    fits = [fit for fit in (fitter.from_near(pose) for pose in close) if fit is not None]
    if not fits:
        return None
    best_fit = max(fits, key=lambda fit: fit.likely)
    usual_pose = with_usual_lens(best_fit.pose)
    if abs(float(np.log(usual_pose.focal_px / best_fit.pose.focal_px))) < _UNUSUAL:
        return best_fit
    usual = fitter.from_near(usual_pose)
    return usual if usual is not None and usual.likely > best_fit.likely else best_fit


def _until_sure(fits: Iterator[CubeFit | None]) -> list[CubeFit]:
    """The fits that succeed, as far as one is so likely that no other need be tried."""
    found: list[CubeFit] = []
    for fit in fits:
        if fit is not None:
            found.append(fit)
            if fit.likely > _SURE:
                break
    return found


def _trust(region: Region) -> Floats:
    """How far the region's extent in each direction can be believed, 0…1."""
    reach = region.outline_px @ DIRECTIONS.T
    return np.where(region.own[reach.argmax(axis=0)], 1.0, 0.05)


def _distinct(poses: Pose, errors: Floats) -> NDArray[np.int64]:
    """The best of the grid that are not much alike."""
    count = int((errors[:600] <= errors[0] * 3 + 0.01).sum())
    return _apart(poses.at(slice(count)), np.arange(count), count=_STARTS, near=0.03)


def _apart(poses: Pose, order: NDArray[np.int64], *, count: int, near: float) -> NDArray[np.int64]:
    """The first ``count`` in an order whose upper faces or bases lie in different places."""
    corners = poses.corners_px()
    size = float(np.linalg.norm(np.ptp(corners[0], axis=0)))
    places = np.concatenate([corners[:, ::2].mean(axis=1), corners[:, 1::2].mean(axis=1)], axis=1)
    kept: list[int] = []
    left = np.ones(len(order), dtype=bool)
    while left.any() and len(kept) < count:
        kept.append(int(order[left.argmax()]))
        left &= np.linalg.norm(places[order] - places[kept[-1]], axis=1) > near * size
    return np.array(kept)
