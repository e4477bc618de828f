"""Which thing is what by words: OWL-ViT (P2, section 3) names what the network has found.

OWL-ViT gives boxes, not outlines. What lies in a box and is not background takes the kind of the
surest phrase; the network's border against the background stays.
"""

from __future__ import annotations

from pathlib import Path

import numpy as np

from geoview.measure.looking import Pixels, Seen
from geoview.records import BoxXYXY

# Position of the kind among the classes, for each phrase.
PHRASES = {
    "a stone": 1,
    "a rock": 1,
    "a mineral": 1,
    "a crystal": 1,
    "a metal cube": 2,
    "a paper label": 3,
    "a ruler": 4,
    "a coin": 4,
    "a pencil": 4,
}
# The surest box counts most; the share that the network's own opinion keeps.
OWN = 0.3


def named(seen: Seen, pixels: Pixels, *, folder: Path) -> Seen:
    """``seen`` with the kinds that the OWL-ViT in ``folder`` names. Raises ModelError."""
    from geoview.models.owlvit import Detector

    found = Detector(folder).detect(pixels, phrases=tuple(PHRASES))
    boxes = [(box, PHRASES[phrase]) for box, _, phrase in found]
    return renamed(seen, boxes, shape=(pixels.shape[0], pixels.shape[1]))


def renamed(seen: Seen, boxes: list[tuple[BoxXYXY, int]], *, shape: tuple[int, int]) -> Seen:
    """``seen`` with what lies in ``boxes``, the surest first, given their classes."""
    cells = seen.cells.copy()
    height, width = shape
    for (x0, y0, x1, y1), label in reversed(boxes):
        rows = slice(int(y0 / height * len(cells)), int(np.ceil(y1 / height * len(cells))))
        cols = slice(int(x0 / width * cells.shape[1]), int(np.ceil(x1 / width * cells.shape[1])))
        there = cells[rows, cols, 1:]
        total = there.sum(axis=2)
        there *= OWN
        there[..., label - 1] += (1 - OWN) * total
    return Seen(cells, seen.columns, seen.closer)
