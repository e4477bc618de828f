"""Where text stands in a photo: rapidocr, whose models lie in its package.

Stands in for CRAFT of P2, section 3. The optional extra ``text`` brings it; nothing is fetched.
A detector alone takes veins and grains for letters, often the whole of a photo: only what can be
read counts. On 40 web photos of marble it named 29; read at 0.75, what is left is real text.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from importlib.metadata import PackageNotFoundError, version
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from geoview.errors import DataError
from geoview.records import BoxXYXY

# Real plates and watermarks were read at 0.91 and above, rock at 0.67 and below.
_MIN_READ = 0.75

Find = Callable[[NDArray[np.uint8]], list[BoxXYXY]]
Read = Callable[[NDArray[np.uint8]], list["Line"]]


def why_not() -> str:
    """Why text cannot be looked for here; empty when it can."""
    if find_spec("rapidocr") is None:
        return 'rapidocr not installed: pip install "geoview[text]"'
    return "" if len(_models()) == 2 else "the installed rapidocr has no models in its package"


def name() -> str:
    """The detector's name and version."""
    try:
        return f"rapidocr {version('rapidocr')}"
    except PackageNotFoundError:
        return "rapidocr"


@dataclass(frozen=True, slots=True)
class Line:
    """A line of text: its box xyxy, what it says and how sure that is (0…1)."""

    box: BoxXYXY
    text: str
    score: float


def text_finder() -> Find:
    """RGB pixels, uint8 (h, w, 3) → boxes xyxy of lines that can be read, in these pixels.

    Raises DataError, with the reason of ``why_not``.
    """
    read = text_reader()
    return lambda pixels: [line.box for line in read(pixels)]


def text_reader() -> Read:
    """As ``text_finder``, with what the lines say."""
    if reason := why_not():
        raise DataError(f"Text plates cannot be looked for: {reason}.")
    from rapidocr import RapidOCR

    engine: Any = RapidOCR(params={"Global.log_level": "error", **_models()})

    def read(pixels: NDArray[np.uint8]) -> list[Line]:
        # It takes arrays for OpenCV's order of channels.
        picture = np.ascontiguousarray(pixels[..., ::-1])
        found = engine(picture, use_det=True, use_cls=False, use_rec=True, text_score=_MIN_READ)
        if found.boxes is None:
            return []
        lines = zip(found.boxes, found.txts, found.scores, strict=True)
        return [Line(_box(corners), str(text), float(score)) for corners, text, score in lines]

    return read


def _box(corners: NDArray[np.float32]) -> BoxXYXY:
    (x0, y0), (x1, y1) = corners.min(axis=0), corners.max(axis=0)
    return float(x0), float(y0), float(x1), float(y1)


def _models() -> dict[str, str]:
    """The detector and the reader that the package brings along, as it wants them named."""
    spec = find_spec("rapidocr")
    folders = spec.submodule_search_locations or () if spec else ()
    found: dict[str, str] = {}
    for part in ("Det", "Rec"):
        pattern = f"*_{part.lower()}_*.onnx"
        paths = [path for folder in folders for path in Path(folder, "models").glob(pattern)]
        if paths:
            found[f"{part}.model_path"] = str(min(paths))
    return found
