"""Scale from a ruler: its regular ticks along an edge, counted to a small part of a tick.

The ticks are a wave along the ruler. A short-time Fourier transform finds its length, complex
demodulation follows its phase from one end to the other, so that perspective, which shortens the
far ticks, is followed too. What a tick stands for is told from the lengths of the ticks: every
tenth and fifth are longer on a metric ruler, every second, fourth, eighth and sixteenth on one in
inches.

The photo must look straight down: a ruler that is seen obliquely is foreshortened along its
length, which it cannot tell itself. It lies on the table: see ``geoview.measure.scales``.
"""

from __future__ import annotations

from dataclasses import dataclass
from math import dist

import numpy as np
from numpy.typing import NDArray

from geoview.measure.scales import ON_TABLE, made
from geoview.measured import Point, Scale

Floats = NDArray[np.float64]
Line = tuple[Point, Point]

_INCH_MM = 25.4
_SHORTEST_PX, _LONGEST_PX = 3, 60  # of one tick
_LEAST_TICKS = 20
_CLEAR = 12.0  # times the median of the spectrum
_STRAIGHT = 0.25  # of a tick, from a smooth course
_REACH = 40  # rows on either side of a line
_MOST_LINES = 24


@dataclass(frozen=True, slots=True, eq=False)
class Ticks:
    """A wave of ticks along a strip.

    ``places``: columns of the ticks, evenly numbered. ``row``: where in the strip they were
    followed. ``pm_ticks``: 95 % half-width of the count between the first and the last.
    """

    places: Floats
    row: int
    pm_ticks: float


def from_ruler(
    pixels: NDArray[np.uint8],
    *,
    line_px: Line | None = None,
    tick_mm: float | None = None,
    px_per_cell: float = 1.0,
    plane_pm: float = ON_TABLE,
) -> Scale | None:
    """From a ruler in ``pixels``, uint8 (h, w, 3), each ``px_per_cell`` original pixels.

    ``line_px`` runs roughly along the ticks (original pixels); it is searched for when None.
    ``tick_mm``: what one tick stands for, told from the ticks when None. The scale is that at the
    middle of the ticks; its interval holds its change along them. None when no ticks are clear
    or it cannot be told what they stand for.
    """
    import cv2

    grey = cv2.cvtColor(pixels, cv2.COLOR_RGB2GRAY)
    lines = _lines(grey) if line_px is None else [_divided(line_px, px_per_cell)]
    best: tuple[float, Scale] | None = None
    for line in lines:
        found = _on_line(grey, line, tick_mm=tick_mm, px_per_cell=px_per_cell, plane_pm=plane_pm)
        if found is not None and (best is None or found[0] > best[0]):
            best = found
    return best[1] if best else None


def _divided(line: Line, by: float) -> Line:
    (x0, y0), (x1, y1) = line
    return (x0 / by, y0 / by), (x1 / by, y1 / by)


def _on_line(
    grey: NDArray[np.uint8],
    line: Line,
    *,
    tick_mm: float | None,
    px_per_cell: float,
    plane_pm: float,
) -> tuple[float, Scale] | None:
    """The number of ticks along a line, and their scale."""
    strip = straightened(grey, line)
    ticks = find_ticks(strip)
    tick_mm = tick_mm or (tick_length_mm(strip, ticks) if ticks else None)
    if ticks is None or tick_mm is None:
        return None
    count = len(ticks.places) - 1
    first, last = float(ticks.places[0]), float(ticks.places[-1])
    spacing = np.diff(ticks.places)
    # The smooth course has its mean at the middle; half of the ends' difference is unsure.
    change = abs(float(spacing[-3:].mean() - spacing[:3].mean())) / 2 / float(spacing.mean())
    length = last - first
    scale = made(
        "ruler",
        mm=count * tick_mm,
        px=length * px_per_cell,
        pm_px=length * px_per_cell * float(np.hypot(ticks.pm_ticks / count, change)),
        plane_pm=plane_pm,
        points=tuple(_at(line, x, ticks.row, px_per_cell) for x in (first, last)),
    )
    return count, scale


def _at(line: Line, x: float, row: int, px_per_cell: float) -> Point:
    """A place in the strip, in original pixels."""
    p, q = np.array(line[0]), np.array(line[1])
    along = (q - p) / dist(*line)
    place = (p + along * x + np.array([-along[1], along[0]]) * (row - _REACH)) * px_per_cell
    return float(place[0]), float(place[1])


def straightened(grey: NDArray[np.uint8], line: Line) -> Floats:
    """The strip along a line, (2 · 40 + 1, length) in pixels; NaN outside the picture."""
    import cv2

    (x0, y0), (x1, y1) = line
    length = dist(*line)
    if not 4 * _LEAST_TICKS <= length <= 30_000:
        return np.zeros((2 * _REACH + 1, 0))
    u, v = (x1 - x0) / length, (y1 - y0) / length
    along, across = np.arange(int(length)), np.arange(-_REACH, _REACH + 1)[:, None]
    x = (x0 + u * along - v * across).astype(np.float32)
    y = (y0 + v * along + u * across).astype(np.float32)
    strip = cv2.remap(grey, x, y, cv2.INTER_CUBIC).astype(np.float64)
    strip[(x < 0) | (y < 0) | (x > grey.shape[1] - 1) | (y > grey.shape[0] - 1)] = np.nan
    return np.asarray(strip)


def find_ticks(strip: Floats) -> Ticks | None:
    """The clearest regular ticks in a strip; None when there are none."""
    if strip.shape[1] < 4 * _LEAST_TICKS:
        return None
    rows = _flattened(strip)
    best = max(((*_wave(row), at) for at, row in enumerate(rows)), default=None)
    if best is None or best[0] < _CLEAR:
        return None
    _, period, at = best
    return _followed(rows[at], period, at)


def _flattened(strip: Floats) -> Floats:
    """Contrast against the surroundings, three rows together; 0 outside the picture."""
    from scipy.ndimage import uniform_filter1d

    inside = ~np.isnan(strip)
    filled = np.where(inside, strip, np.nanmedian(strip) if inside.any() else 0)
    rows = uniform_filter1d(filled, 3, axis=0)
    rows = rows - uniform_filter1d(rows, _LONGEST_PX + 1, axis=1)
    power = np.sqrt(uniform_filter1d(rows**2, 2 * _LONGEST_PX + 1, axis=1).clip(0))
    return np.asarray(np.where(inside, rows / np.maximum(power, 4.0), 0))


def _wave(row: Floats) -> tuple[float, float]:
    """How far the strongest wave stands out of a row's spectrum, and its period."""
    size = 1 << min(int(np.log2(len(row))), 8)
    starts = range(0, len(row) - size + 1, size // 2)
    windows = np.stack([row[s : s + size] for s in starts]) * np.hanning(size)
    power = (np.abs(np.fft.rfft(windows, 4 * size, axis=1)) ** 2).mean(0)
    frequency = np.fft.rfftfreq(4 * size)
    usable = (frequency >= 1 / _LONGEST_PX) & (frequency <= 1 / _SHORTEST_PX)
    power, frequency = power[usable], frequency[usable]
    top = int(np.argmax(power))
    return float(power[top] / max(float(np.median(power)), 1e-9)), float(1 / frequency[top])


def _followed(row: Floats, period: float, at: int) -> Ticks | None:
    """The phase of a wave of about ``period`` along a row, as far as it is clear and smooth."""
    from scipy.ndimage import gaussian_filter1d

    x = np.arange(len(row))
    turning = row * np.exp(-2j * np.pi * x / period)
    blur = 3 * period
    wave = gaussian_filter1d(turning.real, blur) + 1j * gaussian_filter1d(turning.imag, blur)
    strength = np.abs(wave)
    lo, hi = _run(strength > 0.4 * np.percentile(strength, 90))
    if hi - lo < _LEAST_TICKS * period:
        return None
    ticks = x[lo:hi] / period + np.unwrap(np.angle(wave[lo:hi])) / (2 * np.pi)
    course = np.polynomial.Polynomial.fit(x[lo:hi], ticks, 3)
    away = ticks - course(x[lo:hi])
    if np.abs(away).max() > _STRAIGHT:
        return None
    number = np.arange(np.ceil(course(lo)), np.floor(course(hi - 1)) + 1)
    fine = np.arange(lo, hi - 0.99, 0.05)
    if len(number) < _LEAST_TICKS or (np.diff(course(fine)) <= 0).any():
        return None
    places = np.interp(number, course(fine), fine)
    return Ticks(places, at, pm_ticks=max(2 * float(away.std()), 0.05) * np.sqrt(2))


def _run(clear: NDArray[np.bool_]) -> tuple[int, int]:
    """The longest stretch of True."""
    edges = np.flatnonzero(np.diff(np.concatenate([[False], clear, [False]])))
    starts, ends = edges[::2], edges[1::2]
    if not len(starts):
        return 0, 0
    longest = int(np.argmax(ends - starts))
    return int(starts[longest]), int(ends[longest])


def tick_length_mm(strip: Floats, ticks: Ticks) -> float | None:
    """1 for millimetres, 25.4/16 or 25.4/8 for parts of an inch; None when it is not clear."""
    lengths = _lengths(strip, ticks)
    alike = {lag: _correlation(lengths, lag) for lag in (2, 4, 5, 8, 10, 16)}
    if alike[10] > 0.5 and alike[10] > max(alike[8], alike[16], alike[2]) + 0.2:
        return 1.0
    for parts in (16, 8):
        if alike[parts] > 0.5 and alike[parts] > max(alike[10], alike[5]) + 0.2:
            return _INCH_MM / parts
    return None


def _lengths(strip: Floats, ticks: Ticks) -> Floats:
    """How much darker (or brighter) than their gaps the ticks are, summed across the strip."""
    columns = np.arange(strip.shape[1])
    rows = np.nan_to_num(strip, nan=float(np.nanmedian(strip)))
    gaps = (ticks.places[1:] + ticks.places[:-1]) / 2
    at_ticks, at_gaps = (
        np.stack([np.interp(places, columns, row) for row in rows])
        for places in (ticks.places[1:-1], gaps)
    )
    contrast = (at_gaps[:, 1:] + at_gaps[:, :-1]) / 2 - at_ticks
    return np.asarray(np.abs(np.clip(contrast, -60, 60).sum(0)))


def _correlation(values: Floats, lag: int) -> float:
    if len(values) < 2 * lag or values.std() < 1e-9:
        return 0.0
    return float(np.corrcoef(values[lag:], values[:-lag])[0, 1])


def _lines(grey: NDArray[np.uint8]) -> list[Line]:
    """Long straight edges, the longest first: a ruler has two."""
    import cv2

    factor = max(max(grey.shape) / 1280, 1)
    size = tuple(max(round(side / factor), 1) for side in grey.shape[::-1])
    small = cv2.resize(grey, size, interpolation=cv2.INTER_AREA)
    edges = cv2.Canny(cv2.GaussianBlur(small, (0, 0), 1.5), 20, 60)
    least = max(max(size) // 6, 80)
    found = cv2.HoughLinesP(edges, 1, np.pi / 360, 60, minLineLength=least, maxLineGap=8)
    lines = [] if found is None else found.reshape(-1, 4).astype(np.float64) * factor
    longest = sorted(lines, key=lambda a: -np.hypot(a[2] - a[0], a[3] - a[1]))
    kept: list[Line] = []
    for x0, y0, x1, y1 in longest:
        line = ((x0, y0), (x1, y1))
        if not any(_same(line, other) for other in kept):
            kept.append(line)
        if len(kept) == _MOST_LINES:
            break
    return kept


def _same(line: Line, other: Line) -> bool:
    """Whether a line lies along a longer one, within a quarter of the strip."""
    p, q = np.array(other[0]), np.array(other[1])
    along = (q - p) / np.hypot(*(q - p))
    ends = np.array(line) - p
    aside = np.abs(ends @ np.array([-along[1], along[0]]))
    inside = (ends @ along > -_REACH) & (ends @ along < np.hypot(*(q - p)) + _REACH)
    return bool(aside.max() < _REACH / 4 and inside.all())
