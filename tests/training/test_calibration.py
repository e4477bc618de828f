"""Temperature and thresholds against known answers and a full search."""

from __future__ import annotations

import numpy as np
import pytest
from sklearn.metrics import f1_score, log_loss

from geoview.training import calibration

RNG = np.random.default_rng(3)
P = RNG.uniform(size=(300, 4))
Y = (RNG.uniform(size=(300, 4)) < P * 0.6).astype(float)


def test_thresholds_reach_the_best_f1_of_a_full_search() -> None:
    chosen = calibration.best_thresholds(P, Y)
    for k, threshold in enumerate(chosen):
        best = max(f1_score(Y[:, k], P[:, k] >= t) for t in np.unique(P[:, k]))
        assert f1_score(Y[:, k], P[:, k] >= threshold) == pytest.approx(best)
    one_sided = Y.copy()
    one_sided[:, 0], one_sided[:, 1] = 1, 0
    assert calibration.best_thresholds(P, one_sided)[:2] == [0.5, 0.5]


def test_temperature_recovers_a_known_scale() -> None:
    x = RNG.normal(size=(4000, 2)) * 2
    y = (RNG.uniform(size=x.shape) < 1 / (1 + np.exp(-x))).astype(float)
    assert calibration.fit_temperature(3 * x, y, single=False) == pytest.approx(3, rel=0.1)


def test_log_loss_is_scikit_learns() -> None:
    x = RNG.normal(size=(50, 3))
    softmax = np.exp(x) / np.exp(x).sum(1, keepdims=True)
    truth = RNG.integers(3, size=50)
    got = calibration.log_loss(x, np.eye(3)[truth], single=True)
    assert got == pytest.approx(log_loss(truth, softmax))
    y = (RNG.uniform(size=(50, 3)) < 0.4).astype(float)
    got = calibration.log_loss(x, y, single=False)
    assert got == pytest.approx(log_loss(y.ravel(), 1 / (1 + np.exp(-x.ravel()))))
