"""What pictures share: photos as Pillow pictures, fonts that have the letters, JPEG files."""

from __future__ import annotations

import functools
from collections.abc import Iterable, Iterator
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
# For text that the first has no letters for: Chinese, Japanese, Korean.
_MORE_FONTS = (
    "NotoSansCJK-Regular.ttc", "NotoSansCJKsc-Regular.otf", "SourceHanSans-Regular.ttc",
    "wqy-microhei.ttc", "wqy-zenhei.ttc", "DroidSansFallbackFull.ttf", "DroidSansFallback.ttf",
    "msyh.ttc", "YuGothM.ttc", "meiryo.ttc", "msgothic.ttc", "malgun.ttf", "PingFang.ttc",
    "Hiragino Sans GB.ttc", "AppleSDGothicNeo.ttc", "Arial Unicode.ttf",
)  # fmt: skip

# Stands for no letter in any font.
_NO_CHARACTER = "\uffff"
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
    return next(_installed(_FONTS, size_px), None) or ImageFont.load_default(size_px)


def lettering(text: str, size_px: int) -> tuple[str, Font]:
    """Text that can be drawn, and a font that has its letters.

    Odd bytes of a file name are spelled out (``\\udcff``), and so are letters that no font here
    has: as empty squares all names would look alike.
    """
    plain = text.encode("utf-8", "backslashreplace").decode().replace("\n", " ")
    for letters in (font(size_px), *_more_fonts(size_px)):
        if all(_has(letters, c) for c in plain):
            return plain, letters
    usual = font(size_px)
    spelled = (
        c if _has(usual, c) else c.encode("ascii", "backslashreplace").decode() for c in plain
    )
    return "".join(spelled), usual


@functools.cache
def _more_fonts(size_px: int) -> tuple[Font, ...]:
    return tuple(_installed(_MORE_FONTS, size_px))


def _installed(names: Iterable[str], size_px: int) -> Iterator[Font]:
    for name in names:
        try:
            yield ImageFont.truetype(name, size_px)
        except OSError:
            continue


@functools.lru_cache(maxsize=10_000)
def _has(letters: Font, character: str) -> bool:
    """Whether the font draws something else than its sign for a missing letter."""
    if character.isascii() or character.isspace():
        return True
    return bytes(letters.getmask(character)) != bytes(letters.getmask(_NO_CHARACTER))


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
