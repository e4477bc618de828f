"""A measurement's sizes from its outline and scale."""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from geoview.measure.size import half_width_mm, scaled, size_of, smallest_rectangle
from geoview.measured import Measurement, Polygon, Scale


def sized(
    measurement: Measurement, outline: Polygon, scale: Scale | None, *, edge_pm_px: float
) -> Measurement:
    """The measurement with the sizes of an outline, in mm where there is a scale.

    ``edge_pm_px``: 95 % half-width of where the outline runs. Raises ValueError for an outline
    without area.
    """
    size_px = size_of(outline)
    rectangle = smallest_rectangle(np.asarray(outline, dtype=np.float64))
    done = replace(
        measurement,
        scale=scale,
        outline_px=outline,
        outline_box_px=tuple((float(x), float(y)) for x, y in rectangle),
        size_px=size_px,
        size_mm=None,
        length_pm_mm=None,
        width_pm_mm=None,
    )
    if scale is None:
        return done
    return replace(
        done,
        size_mm=scaled(size_px, scale.mm_per_px),
        length_pm_mm=half_width_mm(size_px.length, scale=scale, edge_pm_px=edge_pm_px),
        width_pm_mm=half_width_mm(size_px.width, scale=scale, edge_pm_px=edge_pm_px),
    )
