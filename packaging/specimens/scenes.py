"""Training pictures for the object finder: photos changed at random, and scenes put together.

A scene is a background with things cut out of several photos by their masks, with soft shadows.
Colours of backgrounds change freely; those of objects little, because a cube is told from a
pyrite crystal by its colour.
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

from geoview.photos.decode import decode

Picture = NDArray[np.uint8]
Labels = NDArray[np.uint8]
# Longest sides of the photos: whole, and where one thing is looked at closely.
WORK_PX, CLOSE_PX = 480, 960
# Longest side at which the network looks at a whole photo; training sees parts of such views.
VIEW_PX = 256
# How many scenes are photos as they were taken; the others are put together.
PHOTOS = 0.75
# How much oftener a photo with clutter, contacts and shadows is taken.
HARD_WEIGHT = 2.0
# How many pictures show one thing closely, as the size tool looks again at cubes and at small
# specimens; which kinds of things; and the margins, as parts of the thing.
CLOSE = 0.4
CLOSE_KINDS = {1: 0.2, 2: 0.55, 3: 0.05, 4: 0.2}
CLOSE_MARGIN = (0.2, 1.0)
# Mask values to classes: the second specimen is a specimen; a clear box and clutter are "other".
CLASS_OF = np.array([0, 1, 2, 3, 1, 4, 4], np.uint8)
SPECIMEN, CUBE, PLATE, OTHER = 1, 2, 3, 4


@dataclass(frozen=True, eq=False)
class Sample:
    """A photo at ``WORK_PX``, its classes, the background without its objects, how often it is
    taken, and the same finer, for its things seen closely: (kind, x, y, w, h) there."""

    file: str
    pixels: Picture
    labels: Labels
    empty: Picture
    weight: float
    fine: Picture
    fine_labels: Labels
    boxes: NDArray[np.int32]


@dataclass(frozen=True, eq=False)
class Cutout:
    """One thing: RGB, alpha 0…1 and classes, all (h, w)."""

    pixels: Picture
    alpha: NDArray[np.float32]
    labels: Labels
    kind: int


def read_samples(folder: Path, *, weight: float = 1.0) -> list[Sample]:
    """Every photo of the rendered specimens with its mask, as displayed; none without the folder.
    ``weight``: how often one is taken, beside those of other folders."""
    found = []
    for truth in sorted(folder.glob("truth_*.jsonl")):
        for line in truth.read_text(encoding="utf-8").splitlines():
            row = json.loads(line)
            taken = weight * (HARD_WEIGHT if row["style"] == "hard" else 1)
            found.append(_read(folder, row["file"], row["mask"], weight=taken))
    return found


def _read(folder: Path, file: str, mask: str, *, weight: float) -> Sample:
    pixels = decode(folder / file).pixels
    data = np.frombuffer((folder / mask).read_bytes(), np.uint8)
    labels = CLASS_OF[cv2.imdecode(data, cv2.IMREAD_GRAYSCALE)]
    fine, fine_labels = _at_most(pixels, labels, CLOSE_PX)
    pixels, labels = _at_most(pixels, labels, WORK_PX)
    empty = _emptied(pixels, labels)
    return Sample(file, pixels, labels, empty, weight, fine, fine_labels, _boxes(fine_labels))


def _at_most(pixels: Picture, labels: Labels, longest_px: int) -> tuple[Picture, Labels]:
    scale = min(1.0, longest_px / max(pixels.shape))
    size = round(pixels.shape[1] * scale), round(pixels.shape[0] * scale)
    small = cv2.resize(pixels, size, interpolation=cv2.INTER_AREA)
    return small, cv2.resize(labels, size, interpolation=cv2.INTER_NEAREST)


def _boxes(labels: Labels) -> NDArray[np.int32]:
    """Kind and box of everything, (n, 5)."""
    found = []
    for kind in CLOSE_KINDS:
        stats = cv2.connectedComponentsWithStats((labels == kind).astype(np.uint8))[2][1:]
        found += [(kind, *row[:4]) for row in stats if row[4] >= 60]
    return np.array(found, np.int32).reshape(-1, 5)


def _emptied(pixels: Picture, labels: Labels) -> Picture:
    """The background alone, at a quarter of the size: objects filled from around them."""
    size = pixels.shape[1] // 4, pixels.shape[0] // 4
    small = cv2.resize(pixels, size, interpolation=cv2.INTER_AREA)
    holes = cv2.resize((labels > 0).astype(np.uint8), size, interpolation=cv2.INTER_AREA)
    return cv2.inpaint(small, cv2.dilate(holes, np.ones((7, 7))), 3, cv2.INPAINT_TELEA)


def cutouts(samples: list[Sample]) -> list[Cutout]:
    """The things in the photos that can be pasted elsewhere, whole ones only."""
    found = []
    for sample in samples:
        for kind in (SPECIMEN, CUBE, PLATE, OTHER):
            found += _cut(sample, kind)
    return found


def _cut(sample: Sample, kind: int) -> list[Cutout]:
    count, parts, stats, _ = cv2.connectedComponentsWithStats((sample.labels == kind).astype("u1"))
    height, width = sample.labels.shape
    found = []
    for index in range(1, count):
        x, y, w, h, area = stats[index]
        edges = (x == 0) + (y == 0) + (x + w == width) + (y + h == height)
        if area < 150 or (edges and kind != OTHER):
            continue
        where = np.s_[y : y + h, x : x + w]
        alpha = (parts[where] == index).astype(np.float32)
        found.append(Cutout(sample.pixels[where], alpha, np.full((h, w), kind, np.uint8), kind))
    return found


class Scenes:
    """An endless source of (pixels uint8 (h, w, 3), labels uint8 (h, w)), from one seed."""

    def __init__(self, samples: list[Sample], *, size: tuple[int, int], seed: int) -> None:
        self.samples = samples
        self.things = cutouts(samples)
        self.by_kind = {k: [t for t in self.things if t.kind == k] for k in (1, 2, 3, 4)}
        weights = np.array([sample.weight for sample in samples])
        self.weights = weights / weights.sum()
        self.size = size
        self.rng = np.random.default_rng(seed)
        self.scene: tuple[Picture, Labels] | None = None

    def one(self) -> tuple[Picture, Labels]:
        """One training picture of ``size`` (width, height); each scene is seen twice."""
        if self.rng.random() < CLOSE:
            pixels, labels = self._close()
            return self._spoiled(pixels), labels
        if self.scene is None:
            self.scene = scene = self._scene()
        else:
            scene, self.scene = self.scene, None
        pixels, labels = self._viewed(*scene)
        return self._spoiled(pixels), labels

    def _scene(self) -> tuple[Picture, Labels]:
        """A recoloured photo, perhaps with more things in it, or a scene put together."""
        if self.rng.random() > PHOTOS:
            return self._composed()
        sample = self.samples[self.rng.choice(len(self.samples), p=self.weights)]
        pixels, labels = self._recoloured(sample.pixels, sample.labels)
        if self.rng.random() < 0.2:
            return self._with_things(pixels, labels, most=2)
        return pixels, labels

    def _composed(self) -> tuple[Picture, Labels]:
        rng = self.rng
        size = (WORK_PX, WORK_PX * 3 // 4)
        if rng.random() < 0.6:
            empty = self.samples[rng.integers(len(self.samples))].empty
            empty = np.ascontiguousarray(empty if empty.shape[1] > empty.shape[0] else
                                         empty.transpose(1, 0, 2))  # fmt: skip
            pixels = cv2.resize(empty, size, interpolation=cv2.INTER_CUBIC)
            noise = rng.normal(0, rng.uniform(0, 6), pixels.shape[:2])[..., None]
            pixels = np.clip(pixels + noise, 0, 255).astype(np.uint8)
        else:
            pixels = self._background(size)
        labels = np.zeros(pixels.shape[:2], np.uint8)
        pixels, labels = self._recoloured(pixels, labels)
        return self._with_things(pixels, labels, most=5)

    def _background(self, size: tuple[int, int]) -> Picture:
        """Paper, felt or wood that no photo shows: a colour, its light, its grain."""
        rng = self.rng
        colour = rng.uniform(10, 245) * np.ones(3) if rng.random() < 0.5 else rng.uniform(5, 240, 3)
        grain = rng.normal(0, 1, (size[1], size[0])).astype(np.float32)
        kind = rng.integers(3)
        if kind == 1:
            grain = cv2.GaussianBlur(grain, (0, 0), rng.uniform(0.6, 1.5)) * 3
        elif kind == 2:
            grain = (
                cv2.GaussianBlur(grain, (0, 0), rng.uniform(8, 40), sigmaY=rng.uniform(0.5, 3)) * 15
            )
        light = cv2.resize(rng.uniform(0.75, 1.15, (3, 3)).astype(np.float32), size,
                           interpolation=cv2.INTER_CUBIC)  # fmt: skip
        pixels = colour * light[..., None] * (1 + rng.uniform(0, 0.08) * grain[..., None])
        return np.clip(pixels, 0, 255).astype(np.uint8)

    def _recoloured(self, pixels: Picture, labels: Labels) -> tuple[Picture, Labels]:
        """Another colour for the background; now and then a golden cube, which is a specimen."""
        rng = self.rng
        gains = np.ones((5, 3), np.float32)
        gains[:] = rng.uniform(0.93, 1.07, (5, 3))
        if rng.random() < 0.5:
            gains[0] *= rng.uniform(0.6, 1.3, 3) if rng.random() < 0.6 else rng.uniform(0.6, 1.3)
        if rng.random() < 0.6:
            gains[SPECIMEN] *= rng.uniform(0.65, 1.3, 3)
        labels = labels.copy()
        if rng.random() < 0.06:
            gains[CUBE] *= (rng.uniform(0.8, 1.1), rng.uniform(0.62, 0.85), rng.uniform(0.25, 0.5))
        field = gains[labels]
        if gains[CUBE, 2] < 0.6:
            labels[labels == CUBE] = SPECIMEN
        return np.clip(pixels * field, 0, 255).astype(np.uint8), labels

    def _with_things(self, pixels: Picture, labels: Labels, *, most: int) -> tuple[Picture, Labels]:
        kinds = self.rng.choice([1, 1, 2, 3, 4, 4], size=self.rng.integers(1, most + 1))
        image, labels = pixels.astype(np.float32), labels.copy()
        for kind in kinds:
            pool = self.by_kind[int(kind)]
            if pool:
                self._paste(image, labels, pool[self.rng.integers(len(pool))])
        return np.clip(image, 0, 255).astype(np.uint8), labels

    def _paste(self, image: NDArray[np.float32], labels: Labels, thing: Cutout) -> None:
        """One thing turned, scaled, recoloured, with a soft shadow, somewhere in the scene."""
        rng = self.rng
        height, width = labels.shape
        side = max(thing.alpha.shape)
        scale = float(np.clip(rng.uniform(0.08, 0.65) * height / side, 0.15, 2.0))
        turn = cv2.getRotationMatrix2D(
            (thing.alpha.shape[1] / 2, thing.alpha.shape[0] / 2), rng.uniform(0, 360), scale
        )
        turn[:, 2] += (
            rng.uniform(0, width) - thing.alpha.shape[1] / 2,
            rng.uniform(0, height) - thing.alpha.shape[0] / 2,
        )
        alpha = cv2.warpAffine(thing.alpha, turn, (width, height), flags=cv2.INTER_LINEAR)
        pixels = cv2.warpAffine(thing.pixels, turn, (width, height), flags=cv2.INTER_LINEAR,
                                borderMode=cv2.BORDER_REPLICATE).astype(np.float32)  # fmt: skip
        kind = thing.kind
        pixels *= rng.uniform(0.85, 1.12) * rng.uniform(0.95, 1.05, 3)
        inside = alpha > 0.5
        if not inside.any():
            return
        if kind == SPECIMEN and rng.random() < 0.25:  # a specimen in the background's colour
            mix = image[inside].mean(0) / np.maximum(pixels[inside].mean(0), 8)
            pixels *= mix ** rng.uniform(0.5, 1)
        elif kind == CUBE and rng.random() < 0.1:
            pixels *= (rng.uniform(0.8, 1.1), rng.uniform(0.62, 0.85), rng.uniform(0.25, 0.5))
            kind = SPECIMEN
        self._shade(image, alpha, side * scale)
        image += (pixels - image) * alpha[..., None]
        labels[inside] = kind

    def _shade(self, image: NDArray[np.float32], alpha: NDArray[np.float32], side: float) -> None:
        rng = self.rng
        shift = np.array(
            [[1, 0, rng.uniform(-0.2, 0.2) * side], [0, 1, rng.uniform(-0.2, 0.2) * side]]
        )
        shadow = cv2.warpAffine(alpha, shift, (alpha.shape[1], alpha.shape[0]))
        shadow = cv2.blur(shadow, (int(2 + side * rng.uniform(0.02, 0.15)),) * 2)
        image *= (1 - rng.uniform(0.1, 0.7) * shadow)[..., None]

    def _viewed(self, pixels: Picture, labels: Labels) -> tuple[Picture, Labels]:
        """A turned, flipped, scaled part of the scene."""
        rng = self.rng
        height, width = labels.shape
        base = VIEW_PX / max(height, width)
        scale = base * np.exp(rng.uniform(np.log(0.65), np.log(2.4)))
        if rng.random() < 0.5:
            scale = base * rng.uniform(0.7, 1.0)
        room = np.maximum(0, np.array([width, height]) * scale - self.size) / 2
        shift = rng.uniform(-1, 1, 2) * (room + 8)
        return self._seen(pixels, labels, (width / 2, height / 2), float(scale), shift)

    def _close(self) -> tuple[Picture, Labels]:
        """One thing in a photo with a little of what is around it."""
        rng = self.rng
        sample = self.samples[rng.choice(len(self.samples), p=self.weights)]
        odds = np.array([CLOSE_KINDS[kind] for kind in sample.boxes[:, 0]])
        _, x, y, w, h = sample.boxes[rng.choice(len(odds), p=odds / odds.sum())]
        span = max(w, h) * (1 + 2 * rng.uniform(*CLOSE_MARGIN))
        centre = np.array([x + w / 2, y + h / 2]) + rng.uniform(-0.15, 0.15, 2) * span
        low = np.maximum(0, centre - span).astype(int)
        high = np.ceil(np.minimum(centre + span, sample.fine_labels.shape[::-1])).astype(int)
        part = np.s_[low[1] : high[1], low[0] : high[0]]
        pixels, labels = self._recoloured(sample.fine[part], sample.fine_labels[part])
        centre -= low
        return self._seen(pixels, labels, centre, max(self.size) / span, np.zeros(2))

    def _seen(
        self, pixels: Picture, labels: Labels, centre: Any, scale: float, shift: Any
    ) -> tuple[Picture, Labels]:
        """What lies around ``centre`` at ``scale``, turned and flipped, moved by ``shift``."""
        rng = self.rng
        turn = rng.integers(4) * 90 + (rng.uniform(-25, 25) if rng.random() < 0.5 else 0)
        x, y = centre
        matrix = cv2.getRotationMatrix2D((float(x), float(y)), float(turn), float(scale))
        if rng.random() < 0.5:
            matrix = matrix @ np.array([[-1, 0, 2 * x], [0, 1, 0], [0, 0, 1.0]])
        matrix[:, 2] += np.array(self.size) / 2 - (x, y) + shift
        mode = cv2.BORDER_REFLECT if turn % 90 else cv2.BORDER_REPLICATE
        small = cv2.GaussianBlur(pixels, (0, 0), 0.35 / scale) if scale < 0.7 else pixels
        pixels = cv2.warpAffine(small, matrix, self.size, flags=cv2.INTER_LINEAR, borderMode=mode)
        labels = cv2.warpAffine(labels, matrix, self.size, flags=cv2.INTER_NEAREST, borderMode=mode)
        return pixels, labels

    def _spoiled(self, pixels: Picture) -> Picture:
        """Light, contrast, white balance, blur, noise and JPEG as cameras make them."""
        rng = self.rng
        x = pixels.astype(np.float32) / 255
        x = x ** np.float32(np.exp(rng.uniform(-0.35, 0.35))) * np.float32(rng.uniform(0.75, 1.2))
        x *= rng.uniform(0.94, 1.06, 3).astype(np.float32)
        if rng.random() < 0.3:
            x = cv2.GaussianBlur(x, (0, 0), rng.uniform(0.3, 1.3))
        if rng.random() < 0.5:
            x = x + rng.uniform(0, 0.03) * rng.standard_normal(x.shape, np.float32)
        pixels = (np.clip(x, 0, 1) * 255).astype(np.uint8)
        if rng.random() < 0.3:
            quality = [cv2.IMWRITE_JPEG_QUALITY, int(rng.integers(35, 90))]
            pixels = cv2.imdecode(cv2.imencode(".jpg", pixels, quality)[1], cv2.IMREAD_COLOR)
        return pixels
