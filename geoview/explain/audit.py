"""Does an answer rest on the specimen, or on the text plate, the cube, the border, the background?

A classifier can learn the collection's labels, or the table of one museum, instead of the mineral.
Places come from elsewhere as outlines; nothing here looks for them.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Literal

import cv2
import numpy as np

import geoview
from geoview.records import EvidenceAudit, EvidencePlace, Heatmap, PlaceEvidence

if TYPE_CHECKING:
    from numpy.typing import NDArray

PlaceKind = Literal["specimen", "text plate", "reference cube", "border"]
# Cells of a map are divided until its longer side has about so many, to share out their evidence.
_FINE_CELLS = 512
_SHIFT = 4
# The specific places first: what lies on a plate is not told again as lying on the background.
_TELLING: tuple[EvidencePlace, ...] = ("text plate", "reference cube", "border", "background")


@dataclass(frozen=True, slots=True)
class Place:
    """Something in the photo, with its outline in oriented original pixels."""

    kind: PlaceKind
    outline_px: tuple[tuple[float, float], ...]


@dataclass(frozen=True, slots=True)
class AuditRules:
    """When a place is told: it holds more than ``share`` of the evidence, 0…1, and is at least
    ``times`` as dense with evidence as the rest of the photo, so that an even spread over a large
    place is no alarm. ``border`` is the width of the border strip in parts of the shorter side.
    """

    share: float = 0.5
    times: float = 2.0
    border: float = 0.05


def audit(
    file: str,
    heatmaps: Sequence[Heatmap],
    *,
    places: Sequence[Place],
    rules: AuditRules,
) -> EvidenceAudit:
    """Where the evidence of a photo's heatmaps lies, of one model and one method.

    A map without any evidence is passed over. "background" is everything outside the specimens,
    when there is one among the ``places``. Evidence on a specimen never counts for another place.
    """
    first = heatmaps[0]
    found = []
    for heatmap in heatmaps:
        if heatmap.peak > 0:
            found += _of_class(heatmap, places=places, rules=rules)
    return EvidenceAudit(
        file=file,
        model=first.model,
        method=first.method,
        places=tuple(found),
        app_version=geoview.__version__,
        created_utc=datetime.now(UTC).isoformat(timespec="seconds"),
    )


def border_strip(width_px: int, height_px: int, *, rules: AuditRules) -> list[Place]:
    """The strip along the four sides of a photo that shows a thing in its middle."""
    wide = rules.border * min(width_px, height_px)
    return rim(width_px, height_px, sides=(wide, wide, wide, wide))


def rim(width_px: int, height_px: int, *, sides: tuple[float, float, float, float]) -> list[Place]:
    """A border whose widths at the left, top, right and bottom are known, as boxes."""
    left, top, right, bottom = sides
    w, h = float(width_px), float(height_px)
    boxes = (
        (0.0, 0.0, left, h),
        (left, 0.0, w - right, top),
        (w - right, 0.0, w, h),
        (left, h - bottom, w - right, h),
    )
    return [
        Place("border", ((x0, y0), (x1, y0), (x1, y1), (x0, y1)))
        for x0, y0, x1, y1 in boxes
        if x1 > x0 and y1 > y0
    ]


def _of_class(
    heatmap: Heatmap, *, places: Sequence[Place], rules: AuditRules
) -> list[PlaceEvidence]:
    covers = _covers(heatmap, places)
    rows = []
    told = False
    for place in _TELLING:
        if place not in covers:
            continue
        cover = covers[place]
        evidence = float((heatmap.values * cover).sum() / heatmap.values.sum(dtype=np.float64))
        evidence, area = min(1.0, evidence), float(cover.mean())
        warns = not told and suspicious(evidence, area, rules=rules)
        told = told or warns
        rows.append(PlaceEvidence(heatmap.class_name, place, evidence, area, warns))
    return rows


def suspicious(evidence: float, area: float, *, rules: AuditRules) -> bool:
    """Whether a place with these shares of the evidence and of the photo deserves a warning."""
    if not rules.share < evidence or not 0 < area < 1:
        return False
    return evidence * (1 - area) >= rules.times * area * (1 - evidence)


def _covers(heatmap: Heatmap, places: Sequence[Place]) -> dict[EvidencePlace, NDArray[np.float32]]:
    """How much of every cell of the map each kind of place covers, 0…1."""
    by_kind: dict[PlaceKind, list[Place]] = {}
    for place in places:
        by_kind.setdefault(place.kind, []).append(place)
    specimens = _fine(heatmap, by_kind.pop("specimen", []))
    fine: dict[EvidencePlace, NDArray[np.bool_]] = {}
    for kind, group in by_kind.items():
        if kind != "specimen":
            fine[kind] = _fine(heatmap, group) & ~specimens
    if specimens.any():
        fine["background"] = ~specimens
    rows, columns = heatmap.values.shape
    return {
        kind: cv2.resize(there.astype(np.float32), (columns, rows), interpolation=cv2.INTER_AREA)
        for kind, there in fine.items()
    }


def _fine(heatmap: Heatmap, places: Sequence[Place]) -> NDArray[np.bool_]:
    """The places' inside on a grid that divides the map's cells."""
    rows, columns = heatmap.values.shape
    parts = max(4, _FINE_CELLS // max(rows, columns))
    x0, y0, x1, y1 = heatmap.box_xyxy
    scale = np.array([columns * parts / (x1 - x0), rows * parts / (y1 - y0)])
    canvas = np.zeros((rows * parts, columns * parts), np.uint8)
    for place in places:
        # cv2 means the middles of cells by whole numbers.
        points = (np.array(place.outline_px) - (x0, y0)) * scale - 0.5
        cv2.fillPoly(canvas, [np.round(points * 2**_SHIFT).astype(np.int32)], 1, shift=_SHIFT)
    return canvas.astype(bool)
