"""Models: architectures, the one-file bundle with its card, and the inference engine."""

from __future__ import annotations

import sys
import types
from typing import Any


def import_timm() -> Any:
    """Import timm, which needs a working torchvision."""
    mend_torchvision()
    import timm

    return timm


def mend_torchvision() -> None:
    """Make torchvision importable where its operators do not match torch's build.

    Beside a CPU build of torch it stops with "operator torchvision::nms does not exist". timm,
    torchmetrics and transformers import it but none of those operators is used here, so the
    module that registers them is replaced by an empty one, only when the import fails so.
    """
    if "torchvision" in sys.modules:
        return
    try:
        import torchvision  # noqa: F401
    except RuntimeError as error:
        if "torchvision::" not in str(error):
            raise
        for name in [n for n in sys.modules if n.split(".")[0] == "torchvision"]:
            del sys.modules[name]
        empty = types.ModuleType("torchvision._meta_registrations")
        sys.modules["torchvision._meta_registrations"] = empty
