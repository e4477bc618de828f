"""Outlines at the resolution of the photo from the coarse shares of a network.

Near the coarse border each pixel is given to the side whose colours it is likelier to have: each
side's colours are a normal distribution estimated close by, beyond the band in which the border
is uncertain (a local form of the colour models of Boykov and Jolly 2001, "Interactive Graph
Cuts"), and the network's own log odds are added. What the picture does not show, such as a stone
in the colour of the felt, so stays with the network.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

Grey = NDArray[np.float32]
Pixels = NDArray[np.uint8]
Mask = NDArray[np.uint8]
# Log odds that colours can give at most; variance of 8-bit Lab that noise alone makes; log
# likelihood where a side is not seen; smoothing of the border.
MOST_EVIDENCE = 4.0
LEAST_SPREAD = 9.0
UNKNOWN = 8.0
SMOOTH_PX = 1.2
COARSER = 4


def enlarged(share: Grey, *, shape: tuple[int, int]) -> Grey:
    """A share (rows, cols), 0…1, at the (h, w) of the picture it covers."""
    import cv2

    up = cv2.resize(share, (shape[1], shape[0]), interpolation=cv2.INTER_CUBIC)
    return np.asarray(np.clip(up, 0, 1), np.float32)


def refined(share: Grey, *, picture: Pixels, band_px: float) -> Grey:
    """``share`` (h, w) with its border moved, by at most ``band_px``, to that in ``picture``
    (h, w, 3), uint8 RGB."""
    import cv2

    colours = cv2.blur(cv2.cvtColor(picture, cv2.COLOR_RGB2LAB), (3, 3)).astype(np.float32)
    width = max(1, round(band_px))
    kernel = np.ones((2 * width + 1, 2 * width + 1), np.uint8)
    mask = (share > 0.5).astype(np.uint8)
    sure, possible = cv2.erode(mask, kernel), cv2.dilate(mask, kernel)
    band = (possible > 0) & (sure == 0)
    size = max(1, mask.shape[1] // COARSER), max(1, mask.shape[0] // COARSER)
    coarse = cv2.resize(colours, size, interpolation=cv2.INTER_AREA)
    at = np.nonzero(band)
    odds = _logit(share[at]) + np.clip(
        _likelihood(colours[at], coarse, sure, at, reach_px=2 * width)
        - _likelihood(colours[at], coarse, 1 - possible, at, reach_px=2 * width),
        -MOST_EVIDENCE,
        MOST_EVIDENCE,
    )
    whole = np.where(mask > 0, MOST_EVIDENCE, -MOST_EVIDENCE).astype(np.float32)
    whole[at] = odds
    smooth = cv2.GaussianBlur(whole, (0, 0), SMOOTH_PX)
    return np.asarray(1 / (1 + np.exp(-smooth)), np.float32)


def _likelihood(
    colours: Grey,
    coarse: Grey,
    where: Mask,
    at: tuple[NDArray[np.int64], ...],
    *,
    reach_px: int,
) -> NDArray[np.float32]:
    """Log likelihood of the ``colours`` (n, 3) of the pixels ``at`` some rows and columns under
    those that lie ``where`` nearby.

    The statistics are taken of the ``coarse`` colours, at a quarter of the resolution: they vary
    slowly.
    """
    import cv2

    size = coarse.shape[1], coarse.shape[0]
    weight = cv2.resize(where.astype(np.float32), size, interpolation=cv2.INTER_AREA)[..., None]
    sums = np.concatenate([weight, weight * coarse, weight * coarse**2], axis=2)
    side = 2 * max(1, round(reach_px / COARSER)) + 1
    near = np.concatenate([cv2.blur(part, (side, side)) for part in np.split(sums, (3,), 2)], 2)
    row, col = at
    near = near[row * size[1] // where.shape[0], col * size[0] // where.shape[1]]
    count = near[:, :1] + 1e-4
    mean = near[:, 1:4] / count
    spread = np.maximum(near[:, 4:] / count - mean**2, 0) + LEAST_SPREAD
    found = -0.5 * ((colours - mean) ** 2 / spread + np.log(spread)).sum(axis=1)
    # Where nothing of this side is near, it says nothing.
    return np.asarray(np.where(count[:, 0] > 0.02, found, -UNKNOWN), np.float32)


def _logit(share: Grey) -> Grey:
    # Less than colours can say, so that a sure mistake at the border can be mended.
    clear = np.clip(share, 0.05, 0.95)
    return np.asarray(np.log(clear / (1 - clear)), np.float32)


def traced(share: Grey) -> NDArray[np.float64]:
    """The longest border at one half of ``share``, as points (n, 2) along pixel edges; empty
    where nothing reaches one half.

    The border lies between the pixels where the share, taken to be linear, is one half.
    """
    import cv2

    inside = np.pad((share > 0.5).astype(np.uint8), 1)
    found, _ = cv2.findContours(inside, cv2.RETR_EXTERNAL, cv2.CHAIN_APPROX_NONE)
    if not found:
        return np.empty((0, 2))
    points = max(found, key=cv2.contourArea)[:, 0].astype(np.float64)
    if len(points) < 3:
        return np.empty((0, 2))
    return _moved_out(points) - 0.5


def _moved_out(points: NDArray[np.float64]) -> NDArray[np.float64]:
    """From the centres of the outermost pixels half a pixel outwards.

    OpenCV goes round outer borders counter-clockwise as seen with y down.
    """
    ahead = np.roll(points, -2, axis=0) - np.roll(points, 2, axis=0)
    length = np.maximum(np.linalg.norm(ahead, axis=1, keepdims=True), 1e-9)
    normal = np.stack([-ahead[:, 1], ahead[:, 0]], axis=1) / length
    return np.asarray(points + 0.5 * normal)


def simplified(points: NDArray[np.float64], *, tolerance: float) -> NDArray[np.float64]:
    """No more points (n, 2) than stay within ``tolerance`` of the closed outline."""
    import cv2

    if len(points) < 3:
        return points
    kept = cv2.approxPolyDP(points.astype(np.float32)[:, None], tolerance, True)
    return np.asarray(kept[:, 0], np.float64)
