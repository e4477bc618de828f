"""A measurement's sizes from its outline and scale."""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from geoview.measure.size import (
    half_width_mm,
    otherwise_px,
    scaled,
    size_of,
    smallest_rectangle,
)
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
    length_pm_mm, width_pm_mm = (
        half_width_mm(px, scale=scale, edge_pm_px=edge_pm_px, otherwise_px=other)
        for px, other in zip(
            (size_px.length, size_px.width),
            otherwise_px(outline, edge_pm_px=edge_pm_px),
            strict=True,
        )
    )
    return replace(
        done,
        size_mm=scaled(size_px, scale.mm_per_px),
        length_pm_mm=length_pm_mm,
        width_pm_mm=width_pm_mm,
    )
