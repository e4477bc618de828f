"""One canvas with the evidence over it: which maps are known, which is drawn, and how."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Literal

from PySide6.QtCore import QPointF, QRectF

from geoview.app import overlay
from geoview.app.canvas import Canvas
from geoview.app.overlay import Evidence, Look
from geoview.records import Heatmap

State = Literal["off", "missing", "none", "shown"]


@dataclass(frozen=True, slots=True)
class Drawn:
    """What ``draw`` made of it; ``top`` is the top of the scale that the classes share."""

    state: State
    top: float = 0.0


@dataclass(frozen=True, slots=True)
class Shown:
    """A map that is over the photo now; ``top`` is the top of its scale."""

    heatmap: Heatmap
    top: float


class Side:
    """Evidence of one source over one canvas. Plain Python around the canvas."""

    def __init__(self, canvas: Canvas) -> None:
        self.canvas = canvas
        self.evidence = Evidence()
        self.shown: Heatmap | None = None
        self.asked: object = None

    def clear(self) -> None:
        self.evidence.clear()
        self.shown = None
        self.asked = None
        self.canvas.clear_heat()

    def add(self, heatmaps: Iterable[Heatmap]) -> None:
        for heatmap in heatmaps:
            self.evidence.add(heatmap)

    def draw(self, class_name: str, method: str, *, look: Look, on: bool) -> Drawn:
        """Lay the map of a class over the photo, if it is known and shows anything."""
        self.shown = None
        found = self.evidence.find(class_name, method) if class_name else None
        if not on or found is None:
            self.canvas.clear_heat()
            return Drawn("off" if not on else "missing")
        peak = self.evidence.peak(found.method)
        if not overlay.shows_evidence(found, peak=peak):
            self.canvas.clear_heat()
            return Drawn("none", peak)
        self.shown = found
        if look.contours:
            self.canvas.set_lines(overlay.lines(found, peak=peak, colormap=look.colormap))
        else:
            image = overlay.heat_image(found, peak=peak, colormap=look.colormap)
            self.canvas.set_heat(image, overlay.box(found), opacity=look.opacity)
        return Drawn("shown", peak)

    def value_at(self, point: QPointF | None) -> float | None:
        """The shown map's raw value at a point of the photo."""
        if self.shown is None or point is None:
            return None
        box: QRectF = overlay.box(self.shown)
        if not box.contains(point):
            return None
        rows, cols = self.shown.values.shape
        col = min(int((point.x() - box.x()) / box.width() * cols), cols - 1)
        row = min(int((point.y() - box.y()) / box.height() * rows), rows - 1)
        peak = self.evidence.peak(self.shown.method)
        return float(overlay.scaled(self.shown, peak=peak)[row, col]) * peak
