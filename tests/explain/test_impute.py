"""Imputed pixels against the sparse solver of pytorch-grad-cam."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from geoview.explain.impute import NOISE, impute
from geoview.models import mend_torchvision

mend_torchvision()
road = pytest.importorskip("pytorch_grad_cam.metrics.road")


def solved(image: np.ndarray, keep: np.ndarray) -> np.ndarray:
    solver = road.NoisyLinearImputer(noise=0)
    mask = torch.from_numpy(keep.astype(np.float32))
    return solver(torch.from_numpy(image).permute(2, 0, 1), mask).permute(1, 2, 0).numpy()


def masks(height: int, width: int) -> dict[str, np.ndarray]:
    rng = np.random.default_rng(0)
    corner = np.zeros((height, width), bool)
    corner[-3:, :5] = True
    line = np.zeros((height, width), bool)
    line[:, width // 2] = True
    patches = np.kron(rng.random((height // 8 + 1, width // 8 + 1)) < 0.3, np.ones((8, 8)))
    one = np.zeros((height, width), bool)
    one[7, 9] = True
    return {
        "scattered": rng.random((height, width)) < 0.1,
        "patches": patches[:height, :width] > 0,
        "a corner": corner,
        "a line": line,
        "one pixel": one,
        "nearly all": rng.random((height, width)) < 0.97,
    }


@pytest.mark.parametrize("size", [(64, 64), (61, 50), (33, 90)])
@pytest.mark.parametrize("kind", list(masks(40, 40)))
def test_imputed_pixels_are_those_of_the_sparse_solver(kind: str, size: tuple[int, int]) -> None:
    image = np.random.default_rng(1).normal(size=(*size, 3)).astype(np.float32)
    keep = masks(*size)[kind]
    got = impute(image, keep=keep)
    # A tenth of the noise that covers it.
    np.testing.assert_allclose(got, solved(image, keep), atol=NOISE / 10)
    assert np.array_equal(got[keep], image[keep])


def test_with_nothing_kept_there_is_nothing_to_go_by() -> None:
    with pytest.raises(ValueError, match="no pixel"):
        impute(np.zeros((8, 8, 3), np.float32), keep=np.zeros((8, 8), bool))
