"""What is known of a photo of specimens before it is looked at: its lens and how it was held."""

from __future__ import annotations

import numpy as np

from geoview.measure.pose import Floats, Pose

# Focal lengths of 28 to 120 mm (as for 35 mm film) lie within two standard deviations.
_LOG_FOCAL, _LOG_FOCAL_SD = float(np.log(58 / 36)), 0.36
# Where a camera noted the focal length, the photo may be cropped or the number rounded.
_LOG_KNOWN_FOCAL_SD = 0.05
# Photos look down on the table: at most about half-way to its horizon.
_STEEPEST, _STEEPEST_SD = float(np.radians(50)), float(np.radians(4))
# Most are taken on a copy stand, the others from anywhere: a Cauchy prior of this half-width.
_COPY_STAND = float(np.radians(3))


def prior(poses: Pose, *, focal_px: float | None) -> Floats:
    """Standardised residuals (…, 3 or 4) of poses: lens, steepness, copy stand, noted lens."""
    longer_px = 2 * float(poses.centre_px.max())
    tilt = np.arccos(np.clip(-poses.rotation[..., 2, 2], -1, 1))
    rows = [
        (np.log(poses.focal_px / longer_px) - _LOG_FOCAL) / _LOG_FOCAL_SD,
        np.maximum(tilt - _STEEPEST, 0) / _STEEPEST_SD,
        np.sqrt(2 * np.log1p((tilt / _COPY_STAND) ** 2) + 1e-9),
    ]
    if focal_px is not None:
        rows.append(np.log(poses.focal_px / focal_px) / _LOG_KNOWN_FOCAL_SD)
    return np.stack(rows, axis=-1)


def with_usual_lens(pose: Pose) -> Pose:
    """A pose seen alike through a lens of the usual focal length, from as much further away:
    an unusual lens may be a fit gone astray along the direction that a photo hardly tells."""
    usual_px = 2 * float(pose.centre_px.max()) * np.exp(_LOG_FOCAL)
    change = np.log(usual_px / pose.focal_px)
    return pose.moved(np.array([0, 0, 0, 0, 0, change, change]))


def counted(focal_px: float | None) -> int:
    """How many residuals ``prior`` gives."""
    return 3 if focal_px is None else 4
