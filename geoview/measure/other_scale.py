"""The scale of a photo without a cube, when the user says what lies beside the specimen instead.

Nothing is guessed: a round thing is a coin only where ``MeasureOptions.scale_source`` says that
there is one. Such a scale is that of the table and its photo is never accepted without a look.
"""

from __future__ import annotations

from collections.abc import Callable

from geoview.measure import coin, ruler, scale_bar
from geoview.measure.checks import Objection
from geoview.measure.methods import Picture
from geoview.measure.objects import FoundObject, Objects
from geoview.measure.options import MeasureOptions
from geoview.measured import Scale

_ROUND = 0.45  # the least ratio of the sides of a coin's box
_LOOK = (
    "the scale is that of the table, from a {}: check it, and that the photo looks straight down"
)

Search = Callable[[Picture, Objects, float | None], Scale | None]


def other_scale(
    picture: Picture, objects: Objects, *, options: MeasureOptions
) -> tuple[Scale | None, list[Objection]]:
    """The scale by ``options.scale_source`` and ``options.reference_mm``, and what to say of it."""
    scale = _SEARCHES[options.scale_source](picture, objects, options.reference_mm)
    if scale is None:
        return None, [Objection(f"no {options.scale_source} was found", fatal=True)]
    return scale, [Objection(_LOOK.format(options.scale_source))]


def _ruler(picture: Picture, objects: Objects, mm: float | None) -> Scale | None:
    return ruler.from_ruler(picture.pixels, tick_mm=mm, px_per_cell=picture.px_per_cell)


def _coin(picture: Picture, objects: Objects, mm: float | None) -> Scale | None:
    """The clearest round thing that is neither specimen, cube nor plate."""
    if mm is None:
        return None
    found = (
        coin.from_coin(
            picture.pixels, box_px=thing.box_xyxy, diameter_mm=mm, px_per_cell=picture.px_per_cell
        )
        for thing in objects.of("other")
        if _is_round(thing)
    )
    scales = [scale for scale in found if scale is not None]
    return min(scales, key=lambda scale: scale.pm_mm_per_px / scale.mm_per_px, default=None)


def _is_round(thing: FoundObject) -> bool:
    x0, y0, x1, y1 = thing.box_xyxy
    return min(x1 - x0, y1 - y0) > _ROUND * max(x1 - x0, y1 - y0)


def _scale_bar(picture: Picture, objects: Objects, mm: float | None) -> Scale | None:
    """The longest bar on anything that is neither specimen nor cube."""
    if mm is None:
        return None
    found = (
        scale_bar.from_scale_bar(
            picture.pixels, mm=mm, box_px=thing.box_xyxy, px_per_cell=picture.px_per_cell
        )
        for thing in (*objects.of("other"), *objects.of("plate"))
    )
    scales = [scale for scale in found if scale is not None]
    return min(scales, key=lambda scale: scale.mm_per_px, default=None)


_SEARCHES: dict[str, Search] = {"ruler": _ruler, "coin": _coin, "scale bar": _scale_bar}
