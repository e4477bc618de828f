"""Figures against scikit-learn, losses against numpy."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from sklearn.metrics import average_precision_score, f1_score, precision_score, recall_score

from geoview.models.output import ModelOutput
from geoview.training import metrics
from geoview.training.losses import area_loss

RNG = np.random.default_rng(3)
P = RNG.uniform(size=(300, 4))
Y = (RNG.uniform(size=(300, 4)) < P * 0.6).astype(float)


def test_average_precision_is_scikit_learns() -> None:
    expected = average_precision_score(Y, P, average=None)
    np.testing.assert_allclose(metrics.average_precision(P, Y), expected, atol=1e-6)
    empty = Y.copy()
    empty[:, 2] = 0
    assert np.isnan(metrics.average_precision(P, empty)).tolist() == [False, False, True, False]
    assert not np.isnan(metrics.multilabel(P, empty, [0.5] * 4)["map"])


def test_precision_and_recall_are_scikit_learns() -> None:
    thresholds = [0.3, 0.5, 0.6, 0.9]
    hat = np.array(thresholds) <= P
    got = metrics.precision_recall(P, Y, thresholds)
    for key, average in (("c", "macro"), ("o", "micro")):
        assert got[f"{key}p"] == pytest.approx(precision_score(Y, hat, average=average))
        assert got[f"{key}r"] == pytest.approx(recall_score(Y, hat, average=average))
    assert got["of1"] == pytest.approx(f1_score(Y, hat, average="micro"))
    assert got["cf1"] == pytest.approx(2 * got["cp"] * got["cr"] / (got["cp"] + got["cr"]))


def test_thresholds_reach_the_best_f1_of_a_full_search() -> None:
    chosen = metrics.best_thresholds(P, Y)
    for k, threshold in enumerate(chosen):
        best = max(f1_score(Y[:, k], P[:, k] >= t) for t in np.unique(P[:, k]))
        assert f1_score(Y[:, k], P[:, k] >= threshold) == pytest.approx(best)
    one_sided = Y.copy()
    one_sided[:, 0], one_sided[:, 1] = 1, 0
    assert metrics.best_thresholds(P, one_sided)[:2] == [0.5, 0.5]


def test_temperature_recovers_a_known_scale() -> None:
    x = RNG.normal(size=(4000, 2)) * 2
    y = (RNG.uniform(size=x.shape) < 1 / (1 + np.exp(-x))).astype(float)
    assert metrics.fit_temperature(3 * x, y, single=False) == pytest.approx(3, rel=0.1)


def test_interval_of_a_mean_is_the_textbook_one() -> None:
    values = RNG.normal(5, 1, 400)
    got = metrics.intervals(
        lambda i: {"mean": values[i].mean()}, [str(i) for i in range(400)], seed=1
    )["mean"]
    half = 1.96 * values.std() / 20
    assert got == pytest.approx([values.mean() - half, values.mean() + half], abs=0.02)


def test_interval_draws_whole_groups() -> None:
    """Copies of the same photo add no information: the interval must not shrink."""
    values = RNG.normal(5, 1, 50)
    copied = np.repeat(values, 8)
    groups = np.repeat([str(i) for i in range(50)], 8).tolist()
    low, high = metrics.intervals(lambda i: {"m": copied[i].mean()}, groups, seed=1)["m"]
    assert high - low == pytest.approx(2 * 1.96 * values.std() / 50**0.5, rel=0.15)


def test_area_loss_is_cross_entropy_with_the_rest() -> None:
    shares = RNG.dirichlet(np.ones(4), 6)
    truth = RNG.dirichlet(np.ones(4), 6)
    truth[5, :3] = np.nan
    classes = torch.from_numpy(shares[:, :3])
    output = ModelOutput(
        logits=torch.zeros(6, 3),
        area=classes / classes.sum(-1, keepdim=True),
        other_area=torch.from_numpy(shares[:, 3]),
    )
    expected = -(truth[:5] * np.log(shares[:5])).sum(1).mean()
    got = float(area_loss(output, torch.from_numpy(truth[:, :3])))
    assert got == pytest.approx(expected, rel=1e-4)


def test_an_answer_outside_the_data_is_wrong() -> None:
    """Photos of classes 2 and 0 of a model; the second is taken for class 1, not in the data."""
    p = np.array([[0.1, 0.2, 0.7], [0.3, 0.6, 0.1]])
    y = np.array([[1.0, 0.0], [0.0, 1.0]])
    assert metrics.single_label(p, y, [2, 0])["top1"] == 0.5
