"""Where the network looks: at the whole photo, then closer at small specimens and cubes."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

Pixels = NDArray[np.uint8]
Shares = NDArray[np.float32]
Labels = NDArray[np.uint8]
SPECIMEN, CUBE, OTHER = 1, 2, 4
# Longest side of the cells in which things are told apart; the smallest thing, in parts of
# the picture's area.
CELLS_PX = 512
LEAST_SHARE = 4e-4
# What takes up less than this part of the picture's longer side is looked at again, and how much
# of the cells then comes from the closer look.
ENLARGE_BELOW = 0.45
CLOSER_WEIGHT = 0.65
# Closer looks at things of one class; what is shown of a thing's surroundings, as a part of it.
MOST_LOOKS = 2
MARGIN = 0.3
# Reach of the neighbourhood that decides a class, as a part of the picture's longer side, and in
# how many cells it is looked at; the weight of the cell itself.
NEIGHBOURHOOD, AROUND_CELLS = 0.075, 20
OWN_VOTE = 0.3
# A piece belongs to its neighbour when it is at most this part of it, with a half-width below
# ``SLIM_CELLS``, and this share of its border lies on it; or, a sliver, at a lower share.
SMALL_PIECE, SLIM_CELLS, PIECE_BORDER = 0.25, 16, 0.35
SLIVER_CELLS, SLIVER_BORDER = 3, 0.2
# Beside a cube that is as sure as this and lies apart from the specimen, one less sure than that
# which has this share of its border on the specimen is a piece of it: a face of a crystal, say.
SURE_CUBE, DOUBTFUL_CUBE, APART_BORDER = 0.85, 0.8, 0.05


@dataclass(frozen=True, slots=True)
class Window:
    """A part of the decoded picture, in shares 0…1 of its width and height."""

    x0: float
    y0: float
    x1: float
    y1: float

    def of(self, shape: tuple[int, ...]) -> tuple[slice, slice]:
        """Rows and columns of an array that covers the whole picture."""
        height, width = shape[:2]
        return _span(self.y0, self.y1, height), _span(self.x0, self.x1, width)

    def on(self, shape: tuple[int, ...]) -> Window:
        """The window that ``of`` really cuts from an array of this shape."""
        rows, cols = self.of(shape)
        return Window(
            cols.start / shape[1], rows.start / shape[0], cols.stop / shape[1], rows.stop / shape[0]
        )

    @property
    def area(self) -> float:
        return (self.x1 - self.x0) * (self.y1 - self.y0)

    def longest_px(self, shape: tuple[int, ...]) -> float:
        """The longer side in an array that covers the whole picture."""
        return max((self.x1 - self.x0) * shape[1], (self.y1 - self.y0) * shape[0])

    def widened(self, margin: float, *, shape: tuple[int, ...]) -> Window:
        """With this part of its longer side all round, as far as the picture reaches."""
        room = margin * self.longest_px(shape)
        x, y = room / shape[1], room / shape[0]
        return Window(
            max(0, self.x0 - x), max(0, self.y0 - y), min(1, self.x1 + x), min(1, self.y1 + y)
        )

    def holds(self, other: Window) -> bool:
        return (
            self.x0 <= other.x0
            and self.y0 <= other.y0
            and self.x1 >= other.x1
            and self.y1 >= other.y1
        )


def _span(start: float, stop: float, length: int) -> slice:
    """The whole numbers that cover a part of ``length``; its own borders stay as they are."""
    first = math.floor(start * length + 1e-6)
    return slice(first, max(first + 1, min(length, math.ceil(stop * length - 1e-6))))


@dataclass(frozen=True, slots=True, eq=False)
class Part:
    """A connected region of one class in the cells: its box and where it is."""

    label: int
    box: Window
    where: NDArray[np.bool_]
    window: Window


@dataclass(frozen=True, slots=True, eq=False)
class View:
    """The shares of the classes in ``window``, float32 (rows, cols, classes); ``columns``: how
    many of the network's own cells lie across it."""

    window: Window
    shares: Shares
    columns: float


@dataclass(frozen=True, slots=True, eq=False)
class Seen:
    """``cells``: shares over the whole picture, (h, w, classes), from ``columns`` cells of the
    network; ``closer``: the enlarged looks."""

    cells: Shares
    columns: int
    closer: tuple[View, ...]

    def best(self, part: Part) -> View:
        """The finest shares that show a whole part with a margin."""
        views = [view for view in self.closer if view.window.holds(part.box)]
        if views:
            return min(views, key=lambda view: view.window.area)
        window = part.window.on(self.cells.shape)
        across = self.columns * (window.x1 - window.x0)
        return View(window, self.cells[window.of(self.cells.shape)], across)


def look(
    pixels: Pixels, *, shares: Callable[[Pixels], Shares], enlarged: Mapping[int, float]
) -> Seen:
    """Shares of the classes over ``pixels``; things of the classes ``enlarged`` are looked at
    again when they are small, each class with a margin, as a part of the thing."""
    whole = shares(pixels)
    cells = resized(whole, _cell_shape(pixels.shape))
    closer: dict[int, list[View]] = {label: [] for label in enlarged}
    for part in parts(_voted(whole)):
        views = closer.get(part.label)
        if views is None or part.box.longest_px(pixels.shape) > ENLARGE_BELOW * max(pixels.shape):
            continue
        if len(views) == MOST_LOOKS or any(view.window.holds(part.box) for view in views):
            continue
        window = part.box.widened(enlarged[part.label], shape=pixels.shape)
        views.append(_closer(pixels, window, shares=shares))
        _blend(cells, views[-1])
    return Seen(cells, whole.shape[1], tuple(view for views in closer.values() for view in views))


def mirrored(shares: Callable[[Pixels], Shares]) -> Callable[[Pixels], Shares]:
    """The mean of what is seen in a picture and in its three mirror images: a network does not
    make the same mistake in all of them."""

    def of(pixels: Pixels) -> Shares:
        seen = [
            shares(np.ascontiguousarray(pixels[::down, ::across]))[::down, ::across]
            for down in (1, -1)
            for across in (1, -1)
        ]
        return np.asarray(np.mean(seen, axis=0), np.float32)

    return of


def _closer(pixels: Pixels, window: Window, *, shares: Callable[[Pixels], Shares]) -> View:
    exact = window.on(pixels.shape)
    found = shares(pixels[exact.of(pixels.shape)])
    return View(exact, found, found.shape[1])


def _blend(cells: Shares, view: View) -> None:
    """Mix a closer look into the cells it covers."""
    rows, cols = view.window.of(cells.shape)
    there = cells[rows, cols]
    there += CLOSER_WEIGHT * (resized(view.shares, there.shape[:2]) - there)


def settled(cells: Shares) -> Labels:
    """The class of each cell, so that a thing is not pieced together from several classes."""
    labels = _voted(cells)
    once = absorbed(labels)
    # What was absorbed may have joined what then is absorbed in its turn.
    return _one_cube(once if np.array_equal(once, labels) else absorbed(once), cells)


def _voted(cells: Shares) -> Labels:
    """What is not background has the class that its neighbourhood is likeliest to have."""
    here = (cells[..., :1] < 0.5).astype(np.float32)
    # What the neighbourhood has varies slowly: larger cells show it.
    side = NEIGHBOURHOOD * max(cells.shape[:2])
    larger = max(1, round(side / AROUND_CELLS))
    kept = cells * here
    kept[..., :1] = here
    there = resized(kept, (cells.shape[0] // larger, cells.shape[1] // larger))
    near = _around(there, side=round(side / larger))
    likely = resized(near[..., 1:] / (near[..., :1] + 1e-3), cells.shape[:2])
    # The cell's own view counts too, or a small thing would be lost beside a large one.
    votes = OWN_VOTE * cells[..., 1:] + likely
    return np.where(here[..., 0] > 0, votes.argmax(axis=2) + 1, 0).astype(np.uint8)


def _around(values: Shares, *, side: int) -> Shares:
    """The mean of the neighbourhood; two box filters are nearly a Gaussian."""
    import cv2

    return np.asarray(cv2.blur(cv2.blur(values, (side, side)), (side, side)), np.float32)


def absorbed(labels: Labels) -> Labels:
    """Labels in which slivers, and small pieces that one larger thing nearly surrounds, belong to
    their neighbour."""
    import cv2

    labels = labels.copy()
    for label in range(1, int(labels.max(initial=0)) + 1):
        count, marks, stats, _ = cv2.connectedComponentsWithStats(
            (labels == label).astype(np.uint8)
        )
        for index in range(1, count):
            x, y, w, h, _ = (int(value) for value in stats[index])
            near = np.s_[max(0, y - 1) : y + h + 1, max(0, x - 1) : x + w + 1]
            host = _host(labels, near, marks[near] == index)
            labels[near][marks[near] == index] = host or label
    return labels


def _one_cube(labels: Labels, cells: Shares) -> Labels:
    """Labels in which what only looks like a second cube belongs to the specimen it lies on."""
    cubes = list(parts(labels, only=(CUBE,)))
    if len(cubes) < 2:
        return labels
    on_specimen = [_border(labels, part.where)[SPECIMEN] for part in cubes]
    surety = [float(cells[part.where][:, CUBE].mean()) for part in cubes]
    both = list(zip(on_specimen, surety, strict=True))
    if not any(border < APART_BORDER and sure >= SURE_CUBE for border, sure in both):
        return labels
    labels = labels.copy()
    for part, (border, sure) in zip(cubes, both, strict=True):
        if border > PIECE_BORDER and sure < DOUBTFUL_CUBE:
            labels[part.where] = SPECIMEN
    return labels


def _border(labels: Labels, piece: NDArray[np.bool_]) -> NDArray[np.float64]:
    """The share of a piece's border that lies on each class."""
    import cv2

    ring = (cv2.dilate(piece.astype(np.uint8), np.ones((3, 3), np.uint8)) > 0) & ~piece
    counts = np.bincount(labels[ring], minlength=5)
    return np.asarray(counts / max(1, ring.sum()), np.float64)


def _host(labels: Labels, near: tuple[slice, slice], piece: NDArray[np.bool_]) -> int:
    """The class that a piece ought to belong to instead of its own; 0 for none."""
    import cv2

    mask = piece.astype(np.uint8)
    shares = _border(labels[near], piece)
    host = int(shares[1:].argmax()) + 1
    if shares[host] <= SLIVER_BORDER:
        return 0
    half_width = cv2.distanceTransform(np.pad(mask, 1), cv2.DIST_L2, 3).max()
    small = piece.sum() < SMALL_PIECE * (labels == host).sum() and half_width < SLIM_CELLS
    sliver = half_width < SLIVER_CELLS
    return host if sliver or (small and shares[host] > PIECE_BORDER) else 0


def parts(labels: Labels, *, only: Iterable[int] = ()) -> Iterator[Part]:
    """The connected regions of each class but the background (or of some only), without specks."""
    import cv2

    for label in only or range(1, int(labels.max(initial=0)) + 1):
        count, marks, stats, _ = cv2.connectedComponentsWithStats(
            (labels == label).astype(np.uint8)
        )
        for index in range(1, count):
            if stats[index, cv2.CC_STAT_AREA] >= LEAST_SHARE * labels.size:
                yield _part(label, marks == index, stats[index])


def _part(label: int, where: NDArray[np.bool_], stats: NDArray[np.int32]) -> Part:
    height, width = where.shape
    x, y, w, h = (int(value) for value in stats[:4])
    box = Window(x / width, y / height, (x + w) / width, (y + h) / height)
    return Part(label, box, where, box.widened(MARGIN, shape=where.shape))


def _cell_shape(shape: tuple[int, ...]) -> tuple[int, int]:
    scale = CELLS_PX / max(shape)
    return round(shape[0] * scale), round(shape[1] * scale)


def resized(values: Shares, shape: tuple[int, ...]) -> Shares:
    """(rows, cols, classes) at another (rows, cols), at least one of each."""
    import cv2

    size = max(1, shape[1]), max(1, shape[0])
    return np.asarray(cv2.resize(values, size, interpolation=cv2.INTER_LINEAR), np.float32)
