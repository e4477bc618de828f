"""How well an object finder does on photos with exact masks."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray
from scenes import CLASS_OF

from geoview.measure.looking import LEAST_SHARE
from geoview.measure.objects import KINDS, Objects, found_by
from geoview.photos.decode import decode

Shares = Callable[[NDArray[np.uint8]], NDArray[np.float32]]


def rows(folder: Path) -> list[dict[str, Any]]:
    """The truth of every photo."""
    found = []
    for file in sorted(folder.glob("truth_*.jsonl")):
        found += [json.loads(line) for line in file.read_text(encoding="utf-8").splitlines()]
    return found


def judged(folder: Path, row: dict[str, Any], shares: Shares) -> tuple[dict[str, Any], Objects]:
    """One photo: IoU of each kind, whether the numbers of specimens and cubes are right, and the
    errors of the specimen's length and width as shares of the truth."""
    photo = decode(folder / row["file"])
    data = np.frombuffer((folder / row["mask"]).read_bytes(), np.uint8)
    mask = cv2.imdecode(data, cv2.IMREAD_GRAYSCALE)
    found = found_by(shares, photo.pixels, width_px=photo.width_px, height_px=photo.height_px)
    truth = CLASS_OF[mask]
    cells = cv2.resize(truth, found.labels.shape[::-1], interpolation=cv2.INTER_NEAREST)
    figures = {
        "file": row["file"],
        "style": row["style"],
        "iou": {k: _iou(found.labels == i, cells == i) for i, k in enumerate(KINDS, start=1)},
        "right": all(len(found.of(KINDS[i - 1])) == _count(truth == i) for i in (1, 2)),
        "errors": None,
    }
    specimens = found.of("specimen")
    if specimens and (mask == 1).any():
        true, measured = _sides(_edges(mask == 1)), _sides(specimens[0].outline_px)
        figures["errors"] = [m / t - 1 for m, t in zip(measured, true, strict=True)]
    return figures, found


def summary(judgements: list[dict[str, Any]], *, data: str) -> dict[str, Any]:
    """The figures of several photos, as a card holds them."""
    errors = np.abs([j["errors"] for j in judgements if j["errors"]])
    iou = {k: [j["iou"][k] for j in judgements if j["iou"][k] is not None] for k in KINDS}
    return {
        "data": data,
        "n_photos": len(judgements),
        "iou": {kind: round(float(np.mean(of)), 4) for kind, of in iou.items() if of},
        "right_numbers": round(float(np.mean([j["right"] for j in judgements])), 4),
        "length_error_mean": round(float(errors[:, 0].mean()), 4),
        "width_error_mean": round(float(errors[:, 1].mean()), 4),
        "length_error_median": round(float(np.median(errors[:, 0])), 4),
        "width_error_median": round(float(np.median(errors[:, 1])), 4),
    }


def _iou(found: NDArray[np.bool_], true: NDArray[np.bool_]) -> float | None:
    """None where the kind is not in the photo."""
    return float((found & true).sum() / (found | true).sum()) if true.any() else None


def _count(mask: NDArray[np.bool_]) -> int:
    stats = cv2.connectedComponentsWithStats(mask.astype(np.uint8))[2]
    return int((stats[1:, cv2.CC_STAT_AREA] >= LEAST_SHARE * mask.size).sum())


def _edges(mask: NDArray[np.bool_]) -> NDArray[np.float32]:
    """The corners of the pixels in a mask that can lie on its hull."""
    y, x = np.nonzero(mask)
    first = {(r, f(x[y == r])) for r in np.unique(y) for f in (np.min, np.max)}
    corners = [(c + dx, r + dy) for r, c in first for dx in (0, 1) for dy in (0, 1)]
    return np.array(corners, np.float32)


def _sides(points: Any) -> tuple[float, float]:
    """Length and width of the minimum-area rectangle."""
    _, (a, b), _ = cv2.minAreaRect(np.asarray(points, np.float32))
    return max(a, b), min(a, b)
