"""The window: everything that imports Qt."""

from __future__ import annotations

import ctypes
import importlib.util
import sys
from pathlib import Path


def _load_torch_runtime_first() -> None:
    """On Windows, Qt's own C++ runtime makes torch fail later (pytorch#166628, WinError 1114).

    Torch's lowest library is loaded before Qt; that takes milliseconds and imports nothing.
    """
    spec = importlib.util.find_spec("torch")
    library = Path(spec.origin).parent / "lib" / "c10.dll" if spec and spec.origin else None
    if library is not None and library.exists():
        ctypes.CDLL(str(library))


if sys.platform == "win32":
    _load_torch_runtime_first()
