"""What the viewer shows as a picture file: photo, evidence, legend, provenance. No Qt."""

from __future__ import annotations

import io
from dataclasses import dataclass
from pathlib import Path, PurePosixPath

from geoview import files, heatmaps
from geoview.app.overlay import Look
from geoview.app.side import Shown
from geoview.records import PhotoResult


@dataclass(frozen=True, slots=True)
class Picture:
    """One photo with one map, or two beside each other."""

    result: PhotoResult
    shown: tuple[Shown, ...]
    look: Look


def proposed_name(picture: Picture) -> str:
    """A file name that tells the photo and the class."""
    stem = PurePosixPath(picture.result.photo.file).name
    return heatmaps.picture_name(stem, picture.shown[0].heatmap.class_name)


def draw(picture: Picture) -> bytes:
    """PNG of the picture. Raises PhotoError when the photo cannot be read any more."""
    from PIL import Image

    from geoview.explain import render

    result = picture.result
    assert result.prediction is not None
    pixels = heatmaps.reduced_photo(result.photo.path)
    depth = "" if result.photo.depth_m is None else f" · {result.photo.depth_m:g} m"
    parts = [
        Image.open(
            io.BytesIO(
                render.overlay_png(
                    pixels,
                    one.heatmap,
                    width_px=result.prediction.width_px,
                    height_px=result.prediction.height_px,
                    opacity=picture.look.opacity,
                    colormap=picture.look.colormap,
                    top=one.top,
                    title=f"{result.photo.file}{depth}",
                    as_lines=picture.look.contours,
                )
            )
        )
        for one in picture.shown
    ]
    whole = Image.new(
        "RGB", (sum(part.width for part in parts), max(part.height for part in parts)), "white"
    )
    left = 0
    for part in parts:
        whole.paste(part, (left, 0))
        left += part.width
    buffer = io.BytesIO()
    whole.save(buffer, "PNG")
    return buffer.getvalue()


def save(picture: Picture, path: Path) -> None:
    """Write the picture in one step; raises PhotoError and OSError."""
    data = draw(picture)
    with files.replacing(path) as temporary:
        temporary.write_bytes(data)
