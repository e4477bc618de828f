"""What pictures share: a photo as a Pillow picture, fonts that have the letters, JPEG files."""

from __future__ import annotations

import functools
from pathlib import Path

from PIL import Image, ImageFont

from geoview import files
from geoview.export.measurements import Decode

Font = ImageFont.FreeTypeFont | ImageFont.ImageFont
# Looked for among the system's fonts; the first one there is used.
_FONTS = (
    "DejaVuSans.ttf", "segoeui.ttf", "arial.ttf", "Arial.ttf", "LiberationSans-Regular.ttf",
    "NotoSans-Regular.ttf", "Helvetica.ttc",
)  # fmt: skip

# Bytes of a file's name; 255 are the most that a usual disk takes.
_LONGEST_NAME = 250


def picture_of(
    path: Path, *, decode: Decode, at_most_px: int | None = None
) -> tuple[Image.Image, float]:
    """The upright photo, its longer side at most ``at_most_px``, and how many of its pixels make
    one original pixel. Raises PhotoError."""
    if at_most_px is None:
        decoded = decode(path)
        return Image.fromarray(decoded.pixels), 1.0
    # Half of the longer side serves the shorter one of any usual shape.
    decoded = decode(path, at_least_px=at_most_px // 2)
    picture = Image.fromarray(decoded.pixels)
    picture.thumbnail((at_most_px, at_most_px), Image.Resampling.BOX, reducing_gap=None)
    return picture, picture.width / decoded.width_px


@functools.cache
def font(size_px: int) -> Font:
    """A font with Latin letters and ± ×, from the system if it has a usual one."""
    for name in _FONTS:
        try:
            return ImageFont.truetype(name, size_px)
        except OSError:
            continue
    return ImageFont.load_default(size_px)


def plain(text: str) -> str:
    """Text that can be drawn: odd bytes of a file name are spelled out."""
    return text.encode("utf-8", "backslashreplace").decode().replace("\n", " ")


def save_jpeg(picture: Image.Image, path: Path, *, quality: int = 92) -> None:
    """Write a JPEG in one step; OSError that names it when that cannot be done."""
    try:
        with files.replacing(path) as temporary, temporary.open("wb") as stream:
            picture.save(stream, "JPEG", quality=quality)
    except OSError as error:
        raise OSError(error.errno, f"{path.name}: {error.strerror or error}") from error


def free_name(stem: str, ending: str, used: set[str]) -> str:
    """``stem`` + ``ending``, shortened where no system would take it, and numbered where a picture
    before it (in ``used``, which grows) had the name."""
    number = 1
    while True:
        end = f"{'' if number == 1 else f'_{number}'}{ending}"
        while len(f"{stem}{end}".encode(errors="surrogateescape")) > _LONGEST_NAME:
            stem = stem[:-1]
        name = f"{stem}{end}"
        if name.casefold() not in used:
            used.add(name.casefold())
            return name
        number += 1
