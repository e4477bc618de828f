"""Heatmaps as picture files: one per photo and lithology found in it."""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from geoview import files
from geoview.photos.decode import decode
from geoview.records import Heatmap, PhotoResult, Prediction
from geoview.settings import Settings

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    from geoview.models.engine import Engine

SHORT_SIDE_PX = 1000


@dataclass(frozen=True, slots=True)
class HeatmapFile:
    """A heatmap written as a picture."""

    file: str
    class_name: str
    path: Path


def shown_classes(prediction: Prediction) -> tuple[str, ...]:
    """Classes that reach their threshold, most probable first; else the most probable one."""
    rows = sorted(
        zip(prediction.probabilities, prediction.thresholds, prediction.classes, strict=True),
        key=lambda row: -row[0],
    )
    return tuple(name for p, threshold, name in rows if p >= threshold) or (rows[0][2],)


def draw(
    engine: Engine,
    result: PhotoResult,
    folder: Path,
    *,
    settings: Settings,
    method: str = "auto",
    cancelled: Callable[[], bool],
) -> list[HeatmapFile]:
    """Write the pictures of one analysed photo, all coloured on one scale.

    Raises PhotoError, ModelError, Cancelled, and OSError when ``folder`` cannot be written.
    """
    from geoview.explain import cam

    if result.prediction is None:
        return []
    found = cam.explain_classes(
        engine,
        result.photo,
        class_names=shown_classes(result.prediction),
        method=method,
        cancelled=cancelled,
    )
    pixels = reduced_photo(result.photo.path)
    top = max(heatmap.peak for heatmap in found)
    pictures = []
    for heatmap in found:
        name = picture_name(result.photo.file, heatmap.class_name)
        write_overlay(
            folder / name, pixels, heatmap, made=result.prediction, settings=settings, top=top
        )
        pictures.append(HeatmapFile(result.photo.file, heatmap.class_name, folder / name))
    return pictures


def write_overlay(
    path: Path,
    pixels: NDArray[np.uint8],
    heatmap: Heatmap,
    *,
    made: Prediction,
    settings: Settings,
    top: float,
) -> None:
    """Write one heatmap over its photo as PNG, with its legend; ``top`` is the brightest value.

    ``pixels`` is the photo, perhaps reduced. Raises OSError.
    """
    from geoview.explain import render

    data = render.overlay_png(
        pixels,
        heatmap,
        width_px=made.width_px,
        height_px=made.height_px,
        opacity=settings.heatmap_opacity,
        colormap=settings.heatmap_colormap,
        top=top,
    )
    with files.replacing(path) as temporary:
        temporary.write_bytes(data)


def picture_name(file: str, class_name: str) -> str:
    """The name of a heatmap's picture: the photo's, the class's, ``.png``."""
    return f"{file}.{in_a_name(class_name)}.png"


def reduced_photo(path: Path) -> NDArray[np.uint8]:
    """The oriented photo, its shorter side at most ``SHORT_SIDE_PX``; PhotoError."""
    return reduced(decode(path, at_least_px=SHORT_SIDE_PX).pixels)


def reduced(pixels: NDArray[np.uint8]) -> NDArray[np.uint8]:
    """A picture to look at, not the camera's twelve megapixels."""
    import numpy as np
    from PIL import Image

    image = Image.fromarray(pixels)
    factor = SHORT_SIDE_PX / min(image.size)
    if factor >= 1:
        return pixels
    size = (round(image.width * factor), round(image.height * factor))
    return np.asarray(image.resize(size, Image.Resampling.BILINEAR, reducing_gap=2.0))


def in_a_name(text: str) -> str:
    """A class name as part of a file name on any system."""
    return re.sub(r"[^\w.\- ]", "_", text).strip(" .") or "class"
