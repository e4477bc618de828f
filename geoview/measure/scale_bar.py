"""Scale from a printed bar: one black bar, or black and white fields of equal length.

It lies on the table: see ``geoview.measure.scales`` about planes.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from geoview.measure.scales import ON_TABLE, made
from geoview.measured import Scale
from geoview.records import BoxXYXY

Floats = NDArray[np.float64]

_LEAST_PX = 24.0
_LEAST_CONTRAST = 40.0
_UNEVEN = 0.04  # of a field, between the fields of one bar
_EDGE_PX = 0.5


def from_scale_bar(
    pixels: NDArray[np.uint8],
    *,
    mm: float,
    box_px: BoxXYXY | None = None,
    px_per_cell: float = 1.0,
    plane_pm: float = ON_TABLE,
) -> Scale | None:
    """From a bar of ``mm`` between its outer black edges.

    ``pixels``: uint8 (h, w, 3), each ``px_per_cell`` original pixels. ``box_px`` (original
    pixels) is drawn round the bar and holds nothing else that is dark and as long; None: the
    whole picture. None when there is no straight bar with an odd number of equal fields.
    """
    import cv2

    grey = cv2.cvtColor(pixels, cv2.COLOR_RGB2GRAY)
    x0, y0, crop = _cropped(grey, box_px, px_per_cell)
    axis = _axis(crop)
    if axis is None:
        return None
    start, step, length, thickness = axis
    edges = _edges(_profile(crop, start, step, length=length, thickness=thickness))
    if edges is None:
        return None
    ends = [start + step * place + (x0, y0) for place in (edges[0], edges[-1])]
    pm = float(np.hypot(_EDGE_PX, 2 * _unevenness(edges)))
    return made(
        "scale bar",
        mm=mm,
        px=float(edges[-1] - edges[0]) * px_per_cell,
        pm_px=pm * px_per_cell,
        plane_pm=plane_pm,
        points=tuple((float(x * px_per_cell), float(y * px_per_cell)) for x, y in ends),
    )


def _cropped(
    grey: NDArray[np.uint8], box: BoxXYXY | None, px_per_cell: float
) -> tuple[int, int, NDArray[np.uint8]]:
    if box is None:
        return 0, 0, grey
    x0, y0, x1, y1 = (round(value / px_per_cell) for value in box)
    x0, y0 = max(x0, 0), max(y0, 0)
    return x0, y0, grey[y0 : max(y1, 0), x0 : max(x1, 0)]


def _axis(crop: NDArray[np.uint8]) -> tuple[Floats, Floats, float, float] | None:
    """Start, unit step, length and thickness of the row of dark fields; None without one."""
    import cv2

    if min(crop.shape, default=0) < 4 or max(crop.shape) < _LEAST_PX:
        return None
    _, dark = cv2.threshold(crop, 0, 255, cv2.THRESH_BINARY_INV + cv2.THRESH_OTSU)
    contours, _ = cv2.findContours(dark, cv2.RETR_EXTERNAL, cv2.CHAIN_APPROX_NONE)
    fields = [c for c in contours if _is_field(c)]
    if not fields:
        return None
    tall = max(min(cv2.minAreaRect(c)[1]) for c in fields)
    row = np.concatenate([c for c in fields if min(cv2.minAreaRect(c)[1]) > tall / 2])
    corners = np.asarray(cv2.boxPoints(cv2.minAreaRect(row)), np.float64)
    first, second = corners[1] - corners[0], corners[2] - corners[1]
    long, short = sorted((first, second), key=lambda side: -float(np.hypot(*side)))
    length, thickness = float(np.hypot(*long)), float(np.hypot(*short))
    if length < max(_LEAST_PX, 3 * thickness):
        return None
    middle, step = corners.mean(0), long / length
    return middle - step * length / 2, step, length, thickness


def _is_field(contour: NDArray[np.int32]) -> bool:
    """Whether a dark patch fills its rectangle."""
    import cv2

    width, height = cv2.minAreaRect(contour)[1]
    return bool(min(width, height) >= 2 and cv2.contourArea(contour) > 0.8 * width * height)


def _profile(
    crop: NDArray[np.uint8], start: Floats, step: Floats, *, length: float, thickness: float
) -> Floats:
    """(2, n): places along the bar, every tenth of a pixel, and the brightness of its middle third.

    It begins before the bar and ends behind it.
    """
    import cv2

    beyond = 0.06 * length + 4
    along = np.arange(-beyond, length + beyond, 0.1)
    across = np.linspace(-thickness / 6, thickness / 6, 5)[:, None]
    x = (start[0] + along * step[0] - across * step[1]).astype(np.float32)
    y = (start[1] + along * step[1] + across * step[0]).astype(np.float32)
    rows = cv2.remap(crop, x, y, cv2.INTER_LINEAR, borderMode=cv2.BORDER_REPLICATE)
    return np.stack([along, np.asarray(rows, np.float64).mean(0)])


def _edges(profile: Floats) -> Floats | None:
    """Where the bar turns from white to black and back, half-way between the two.

    None unless it starts and ends with a black field and all fields are equally long.
    """
    along, bright = profile
    low, high = np.percentile(bright, (5, 95))
    if high - low < _LEAST_CONTRAST:
        return None
    dark = bright < (low + high) / 2
    at = np.flatnonzero(np.diff(dark.astype(np.int8)))
    if len(at) < 2 or dark[0] or dark[-1] or len(at) % 2:
        return None
    edges = along[at] + 0.05
    spacing = np.diff(edges)
    if np.abs(spacing / spacing.mean() - 1).max() > _UNEVEN:
        return None
    return np.asarray(edges)


def _unevenness(edges: Floats) -> float:
    """Root mean square distance of the edges from even spacing, in pixels."""
    number = np.arange(len(edges))
    line = np.polynomial.Polynomial.fit(number, edges, 1)
    return float(np.sqrt(((edges - line(number)) ** 2).mean()))
