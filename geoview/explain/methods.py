"""All explanation methods. A new one is one file here, imported below, and a line in ``names``."""

from __future__ import annotations

from torch import nn

import geoview.explain.fullgrad
import geoview.explain.gradcam
import geoview.explain.native
import geoview.explain.rollout  # noqa: F401 - they register
from geoview.explain.names import TITLES
from geoview.explain.registry import METHODS, Method

__all__ = ["METHODS", "Method", "supported"]


def supported(module: nn.Module) -> list[str]:
    """Names of the methods that work for a network, best first."""
    return [name for name in TITLES if METHODS[name].supports(module)]
