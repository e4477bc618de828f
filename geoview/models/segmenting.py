"""Class shares of a photo from a segmentation model, on the CPU, by any number of threads.

Without torch: ONNX Runtime runs the model's graph (``geoview.models.graph``). OpenCV 5.0.0, which
could as well, reads memory it has not written where a grid is one cell high.
"""

from __future__ import annotations

import functools
import threading
from pathlib import Path
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

from geoview import paths
from geoview.errors import ModelError
from geoview.models import bundle, graph
from geoview.photos.shrink import halved

NAME = "specimens-rendered"
# The coarsest grid's; every input is padded to a multiple of it.
STRIDE_PX = 32
_loading = threading.Lock()


class Segmenting:
    """A segmentation model in use. Raises ModelError when the file holds none."""

    def __init__(self, path: Path) -> None:
        card, self.ref = bundle.read_card(path)
        if card.task != "segmentation":
            raise ModelError(
                f"{path.name} is no model that finds objects; get GeoView's own one again."
            )
        self.classes = tuple(card.classes)
        self.input_px = card.preprocess.input_px
        self._session = _session(graph.read(path, card=card))
        self._mean = np.asarray(card.preprocess.mean, np.float32) * 255
        self._std = np.asarray(card.preprocess.std, np.float32) * 255

    def shares(
        self, pixels: NDArray[np.uint8], *, longest_px: int | None = None
    ) -> NDArray[np.float32]:
        """Share of each class, float32 (rows, cols, classes), adding to 1; the grid covers the
        picture edge to edge.

        ``pixels``: uint8 (h, w, 3) RGB. ``longest_px``: size at which it is looked at; the
        network's own when None. A grid cell is two pixels of that size.
        """
        x = self._input(pixels, longest_px=longest_px or self.input_px)
        rows, cols = x.shape[0] // 2, x.shape[1] // 2
        pad = [(0, -side % STRIDE_PX) for side in x.shape[:2]]
        x = np.pad(x, (*pad, (0, 0)), mode="edge")
        batch = np.ascontiguousarray(x.transpose(2, 0, 1)[None])
        shares = self._session.run(None, {"pixels": batch})[0][0, :, :rows, :cols]
        return np.ascontiguousarray(shares.transpose(1, 2, 0))

    def _input(self, pixels: NDArray[np.uint8], *, longest_px: int) -> NDArray[np.float32]:
        height, width = pixels.shape[:2]
        scale = longest_px / max(height, width)
        # Even sides, so that the grid's cells end where the picture does.
        size = max(2, 2 * round(width * scale / 2)), max(2, 2 * round(height * scale / 2))
        how = cv2.INTER_AREA if scale < 1 else cv2.INTER_LINEAR
        small = cv2.resize(halved(pixels, least_px=2 * longest_px), size, interpolation=how)
        return np.asarray((small - self._mean) / self._std, np.float32)


def _session(network: bytes) -> Any:
    """One that computes in the calling thread, whichever that is."""
    import onnxruntime

    onnxruntime.disable_telemetry_events()
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = options.inter_op_num_threads = 1
    return onnxruntime.InferenceSession(network, options, providers=["CPUExecutionProvider"])


def segmenting() -> Segmenting:
    """The shipped model, loaded at the first call of the process."""
    with _loading:
        return _shipped(paths.resources() / "models" / f"{NAME}.safetensors")


@functools.cache
def _shipped(path: Path) -> Segmenting:
    if not path.is_file():
        raise ModelError(f"The object finder {path} is missing; install GeoView again.")
    return Segmenting(path)
