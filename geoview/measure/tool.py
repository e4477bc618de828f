"""The size tool's one entry: measure a photo, or correct what was measured by hand."""

from __future__ import annotations

from dataclasses import replace

from geoview.measure import geoview_method, numbers, paper
from geoview.measure.corrections import corrected
from geoview.measure.lens import focal_35mm
from geoview.measure.methods import METHODS, Picture
from geoview.measure.options import MeasureOptions
from geoview.measured import Measurement
from geoview.photos.decode import decode
from geoview.photos.shrink import at_most
from geoview.records import Photo

__all__ = ["corrected", "measure", "measure_pixels", "picture_of"]

# A quick decode of large photos, in which codes can be read; and the longest side that is measured
# on, enough for edges to a tenth of an original pixel.
DECODE_PX = 1200
MEASURE_PX = 1280


def measure(photo: Photo, *, options: MeasureOptions) -> Measurement:
    """Measure a photo. Raises PhotoError for one that cannot be read, ValueError for a method
    that does not exist."""
    return measure_pixels(picture_of(photo), options=options)


def picture_of(photo: Photo) -> Picture:
    """The photo decoded as far as measuring needs it. Raises PhotoError."""
    decoded = decode(photo.path, at_least_px=DECODE_PX)
    return Picture(
        photo.file,
        decoded.pixels,
        decoded.width_px,
        decoded.height_px,
        focal_35mm=focal_35mm(photo.path),
    )


def measure_pixels(picture: Picture, *, options: MeasureOptions) -> Measurement:
    """Measure a decoded photo by ``options.method``."""
    if options.method not in METHODS:
        raise ValueError(f'there is no measuring method "{options.method}"')
    smaller = replace(picture, pixels=at_most(picture.pixels, MEASURE_PX))
    found = METHODS[options.method].measure(smaller, options=options)
    return numbers.with_number(found, picture, options=options)


assert {geoview_method.NAME, paper.NAME} <= METHODS.keys()
