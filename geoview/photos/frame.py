"""Where a network's input lies in the photo: an invertible map between the two pixel grids."""

from __future__ import annotations

from dataclasses import dataclass

from geoview.records import BoxXYXY


@dataclass(frozen=True, slots=True)
class Frame:
    """One network input and the part of the photo it shows.

    ``box_xyxy`` is in oriented original pixels, ``content_xyxy`` is the part of the input that
    shows it, in input pixels (all of it unless the input is padded). Coordinates are continuous:
    pixel i covers i…i+1, so the borders of the two boxes coincide exactly.
    """

    input_px: int
    box_xyxy: BoxXYXY
    content_xyxy: BoxXYXY

    @property
    def original_px_per_input_px(self) -> tuple[float, float]:
        """Scale along x and y; the two differ where the photo was squashed."""
        x0, y0, x1, y1 = self.box_xyxy
        u0, v0, u1, v1 = self.content_xyxy
        return (x1 - x0) / (u1 - u0), (y1 - y0) / (v1 - v0)

    def to_original(self, x: float, y: float) -> tuple[float, float]:
        """A point of the input → oriented original pixels."""
        scale_x, scale_y = self.original_px_per_input_px
        return (
            self.box_xyxy[0] + (x - self.content_xyxy[0]) * scale_x,
            self.box_xyxy[1] + (y - self.content_xyxy[1]) * scale_y,
        )

    def to_input(self, x: float, y: float) -> tuple[float, float]:
        """A point in oriented original pixels → the input; the inverse of ``to_original``."""
        scale_x, scale_y = self.original_px_per_input_px
        return (
            self.content_xyxy[0] + (x - self.box_xyxy[0]) / scale_x,
            self.content_xyxy[1] + (y - self.box_xyxy[1]) / scale_y,
        )

    def box_to_original(self, box: BoxXYXY) -> BoxXYXY:
        return (*self.to_original(box[0], box[1]), *self.to_original(box[2], box[3]))

    def box_to_input(self, box: BoxXYXY) -> BoxXYXY:
        return (*self.to_input(box[0], box[1]), *self.to_input(box[2], box[3]))
