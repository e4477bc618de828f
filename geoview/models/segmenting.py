"""Class shares of a photo from a segmentation model, on the CPU, by any number of threads."""

from __future__ import annotations

import functools
import threading
from pathlib import Path

import cv2
import numpy as np
import torch
from numpy.typing import NDArray

from geoview import paths
from geoview.errors import ModelError
from geoview.models import bundle
from geoview.models.folding import evenly_padded, folded
from geoview.models.lanes import one_thread
from geoview.models.segmenter import STRIDE_PX
from geoview.photos.shrink import halved

NAME = "specimens-rendered"
_loading = threading.Lock()


class Segmenting:
    """A segmentation model in use. Raises ModelError when the file holds none."""

    def __init__(self, path: Path) -> None:
        loaded = bundle.load(path)
        if loaded.card.task != "segmentation":
            raise ModelError(
                f"{path.name} is no model that finds objects; get GeoView's own one again."
            )
        self.ref = loaded.ref
        self.classes = tuple(loaded.card.classes)
        self.input_px = loaded.card.preprocess.input_px
        # Every input is padded to a multiple of the coarsest grid's stride, hence even throughout.
        module = evenly_padded(folded(loaded.module))
        self._module = module.to(memory_format=torch.channels_last)  # type: ignore[call-overload]
        self._mean = np.asarray(loaded.card.preprocess.mean, np.float32) * 255
        self._std = np.asarray(loaded.card.preprocess.std, np.float32) * 255

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
        with torch.inference_mode(), one_thread():
            batch = torch.from_numpy(x[None]).permute(0, 3, 1, 2)
            shares = self._module(batch).softmax(dim=1)[0, :, :rows, :cols]
        return np.ascontiguousarray(shares.permute(1, 2, 0).numpy())

    def _input(self, pixels: NDArray[np.uint8], *, longest_px: int) -> NDArray[np.float32]:
        height, width = pixels.shape[:2]
        scale = longest_px / max(height, width)
        # Even sides, so that the grid's cells end where the picture does.
        size = max(2, 2 * round(width * scale / 2)), max(2, 2 * round(height * scale / 2))
        how = cv2.INTER_AREA if scale < 1 else cv2.INTER_LINEAR
        small = cv2.resize(halved(pixels, least_px=2 * longest_px), size, interpolation=how)
        return np.asarray((small - self._mean) / self._std, np.float32)


def segmenting() -> Segmenting:
    """The shipped model, loaded at the first call of the process."""
    with _loading:
        return _shipped(paths.resources() / "models" / f"{NAME}.safetensors")


@functools.cache
def _shipped(path: Path) -> Segmenting:
    if not path.is_file():
        raise ModelError(f"The object finder {path} is missing; install GeoView again.")
    return Segmenting(path)
