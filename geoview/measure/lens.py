"""The focal length that a camera noted in a photo."""

from __future__ import annotations

import logging
from pathlib import Path

from PIL import JpegImagePlugin

log = logging.getLogger(__name__)

_EXIF_IFD, _FOCAL_35MM = 0x8769, 0xA405


def focal_35mm(path: Path) -> float | None:
    """Focal length as for 35 mm film, in mm; None where a JPEG's EXIF does not tell it.

    Other formats are not asked: they are rarely a camera's own.
    """
    try:
        with path.open("rb") as stream:
            image = JpegImagePlugin.JpegImageFile(stream)
            value = float(image.getexif().get_ifd(_EXIF_IFD).get(_FOCAL_35MM, 0))
    except Exception as error:  # not a JPEG, or damaged EXIF data: it is only a hint
        log.debug("No focal length of %s: %s", path, error)
        return None
    return value if 8 <= value <= 1200 else None
