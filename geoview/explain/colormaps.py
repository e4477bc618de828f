"""Perceptually uniform colour maps, as look-up tables.

Every map is stored as 33 evenly spaced colours; between them it is linear, at most 2 of 255
levels away from the original (5 in cividis, near its dark end). The maps are those of
matplotlib (CC0): viridis and inferno by N. J. Smith, S. van der Walt and E. Firing, cividis by
J. R. Nuñez, C. R. Anderton and R. S. Renslow.
"""

from __future__ import annotations

import functools
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from numpy.typing import NDArray

_ANCHORS = {
    "viridis": (
        "440154470d6048186a482374472d7b4537814240863e49893b528b375b8d33638d2f6b8e"
        "2c728e297a8e26828e23898e21908c1f978b1f9f8821a68527ad8131b57b3ebc744dc26c"
        "5cc8636ece5882d34d95d840aadc32c0df25d5e21aeae51afde725"
    ),
    "inferno": (
        "0000040403120b0724150b37210c4a2f0a5b3d09654a0c6b56106e63156e70196e7d1e6d"
        "89226a962766a32c61af315bbb3654c63d4dd14545da4f3ce35932eb6529f1721ef67f14"
        "f98c0afb9b06fcaa0ffbba1ff9c932f5d949f2e865f3f586fcffa4"
    ),
    "cividis": (
        "00204d00265a002c6900306f05366e1f3c6d2d426c38486b414d6b4a536b52596c595f6d"
        "61646f686a716f70737676767c7c788481798b8779938e789b9477a39a76aca174b4a872"
        "bcaf6fc5b56ccebc68d7c463e0cb5ee9d358f2da50fbe248ffea46"
    ),
}

NAMES = tuple(_ANCHORS)


@functools.cache
def lut(name: str) -> NDArray[np.uint8]:
    """The map "viridis", "inferno" or "cividis" as read-only uint8 (256, 3) RGB, low to high."""
    anchors = np.frombuffer(bytes.fromhex(_ANCHORS[name]), np.uint8).reshape(-1, 3)
    at = np.linspace(0, 255, len(anchors))
    channels = [np.interp(np.arange(256), at, anchors[:, c]) for c in range(3)]
    table = np.round(np.stack(channels, 1)).astype(np.uint8)
    table.flags.writeable = False
    return table
