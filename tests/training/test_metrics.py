"""Figures against scikit-learn, calibration error and losses against numpy."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
import torch
from numpy.typing import NDArray
from sklearn.metrics import (
    accuracy_score,
    average_precision_score,
    confusion_matrix,
    f1_score,
    log_loss,
    multilabel_confusion_matrix,
    precision_recall_fscore_support,
    precision_score,
    recall_score,
    top_k_accuracy_score,
)

from geoview.models.output import ModelOutput
from geoview.training import metrics
from geoview.training.objective import area_loss

RNG = np.random.default_rng(3)
P = RNG.uniform(size=(300, 4))
Y = (RNG.uniform(size=(300, 4)) < P * 0.6).astype(float)
THRESHOLDS = [0.3, 0.5, 0.6, 0.9]
# Exclusive classes: 12 of the model, of which the data have the first 6.
TRUTH = RNG.integers(6, size=400)
LOGITS = RNG.normal(size=(400, 12)) + 1.5 * np.eye(12)[TRUTH]
SOFTMAX = np.exp(LOGITS) / np.exp(LOGITS).sum(1, keepdims=True)
ONE_HOT = np.eye(6)[TRUTH]


def calibration_error(confidence: NDArray[Any], right: NDArray[Any]) -> float:
    """Guo et al. (2017), equation 3, with 15 bins."""
    bins = np.minimum((confidence * 15).astype(int), 14)
    gaps = [
        abs(confidence[bins == b].mean() - right[bins == b].mean()) * (bins == b).mean()
        for b in np.unique(bins)
    ]
    return float(sum(gaps))


def test_average_precision_is_scikit_learns() -> None:
    expected = average_precision_score(Y, P, average=None)
    np.testing.assert_allclose(metrics.average_precision(P, Y), expected, atol=1e-6)
    empty = Y.copy()
    empty[:, 2] = 0
    assert np.isnan(metrics.average_precision(P, empty)).tolist() == [False, False, True, False]
    assert not np.isnan(metrics.multilabel(P, empty, [0.5] * 4)["map"])
    everywhere = Y.copy()
    everywhere[:, 1] = 1
    assert np.isnan(metrics.average_precision(P, everywhere)).tolist() == [0, 1, 0, 0]


def test_figures_of_multi_label_data_are_scikit_learns() -> None:
    hat = np.array(THRESHOLDS) <= P
    got = metrics.multilabel(P, Y, THRESHOLDS)
    for key, average in (("c", "macro"), ("o", "micro")):
        assert got[f"{key}p"] == pytest.approx(precision_score(Y, hat, average=average))
        assert got[f"{key}r"] == pytest.approx(recall_score(Y, hat, average=average))
    assert got["of1"] == pytest.approx(f1_score(Y, hat, average="micro"))
    assert got["cf1"] == pytest.approx(2 * got["cp"] * got["cr"] / (got["cp"] + got["cr"]))
    assert got["macro_f1"] == pytest.approx(f1_score(Y, hat, average="macro"))
    each = precision_recall_fscore_support(Y, hat, average=None, zero_division=0)
    for key, expected in zip(("precision", "recall", "f1"), each, strict=False):
        assert got[key] == pytest.approx(expected)
        assert got[f"macro_{key}"] == pytest.approx(expected.mean())
    assert got["ece"] == pytest.approx(calibration_error(P.ravel(), Y.ravel()), abs=1e-6)
    table = metrics.confusion(P, Y, thresholds=THRESHOLDS)
    np.testing.assert_array_equal(table, multilabel_confusion_matrix(Y, hat))


def test_top_k_of_several_labels_is_a_hit_if_any_is_true() -> None:
    got = metrics.multilabel(P, Y, THRESHOLDS)
    labelled = np.flatnonzero(Y.any(1))
    assert 0 < len(labelled) < len(Y)
    for k in (1, 3):
        hits = [Y[i, np.argsort(P[i])[-k:]].any() for i in labelled]
        assert got[f"top{k}"] == pytest.approx(np.mean(hits))
    assert "top5" not in got


def test_figures_of_exclusive_classes_are_scikit_learns() -> None:
    got = metrics.single_label(SOFTMAX, ONE_HOT)
    answer = SOFTMAX.argmax(1)
    each = precision_recall_fscore_support(
        TRUTH, answer, labels=range(6), average=None, zero_division=0
    )
    for key, expected in zip(("precision", "recall", "f1"), each, strict=False):
        assert got[key] == pytest.approx(expected)
        assert got[f"macro_{key}"] == pytest.approx(expected.mean())
    for k in (1, 3, 5, 10):
        expected = top_k_accuracy_score(TRUTH, SOFTMAX, k=k, labels=range(12))
        assert got[f"top{k}"] == pytest.approx(expected)
    expected = average_precision_score(ONE_HOT, SOFTMAX[:, :6], average=None)
    assert got["ap"] == pytest.approx(expected, abs=1e-6)
    expected = calibration_error(SOFTMAX.max(1), answer == TRUTH)
    assert got["ece"] == pytest.approx(expected, abs=1e-6)
    table = metrics.confusion(SOFTMAX, ONE_HOT, thresholds=None)
    np.testing.assert_array_equal(table, confusion_matrix(TRUTH, answer, labels=range(12)))


def test_a_class_without_photos_is_no_part_of_the_means() -> None:
    kept = TRUTH != 4
    got = metrics.single_label(SOFTMAX[kept], ONE_HOT[kept])
    assert np.isnan([got[key][4] for key in metrics.PER_CLASS]).all()
    labels = [0, 1, 2, 3, 5]
    expected = f1_score(TRUTH[kept], SOFTMAX[kept].argmax(1), labels=labels, average="macro")
    assert got["macro_f1"] == pytest.approx(expected)


def test_a_model_of_one_class_is_measured() -> None:
    got = metrics.multilabel(P[:, :1], Y[:, :1], [0.5])
    assert got["macro_f1"] == pytest.approx(f1_score(Y[:, 0], P[:, 0] >= 0.5))
    assert not [key for key in got if key.startswith("top")]


def test_an_answer_outside_the_data_is_wrong() -> None:
    """The second photo is taken for class 2 of the model, which is not in the data."""
    p = np.array([[0.7, 0.1, 0.2], [0.1, 0.3, 0.6]])
    y = np.array([[1.0, 0.0], [0.0, 1.0]])
    assert metrics.single_label(p, y)["top1"] == 0.5


def test_score_of_an_epoch_for_exclusive_classes() -> None:
    labels = np.eye(12)[TRUTH]

    def score(criterion: Any) -> float:
        return metrics.score(LOGITS, labels, single=True, criterion=criterion)

    answer = LOGITS.argmax(1)
    assert score("accuracy") == pytest.approx(accuracy_score(TRUTH, answer))
    # The other six classes have no photos.
    expected = f1_score(TRUTH, answer, labels=range(6), average="macro")
    assert score("macro_f1") == pytest.approx(expected)
    assert score("loss") == pytest.approx(-log_loss(TRUTH, SOFTMAX, labels=range(12)))
    expected = average_precision_score(ONE_HOT, SOFTMAX[:, :6], average="macro")
    assert score("map") == pytest.approx(expected, abs=1e-6)


def test_score_of_an_epoch_for_several_labels() -> None:
    logits = np.log(P / (1 - P))

    def score(criterion: Any) -> float:
        return metrics.score(logits, Y, single=False, criterion=criterion)

    assert score("accuracy") == pytest.approx(accuracy_score(Y, P >= 0.5))
    assert score("macro_f1") == pytest.approx(f1_score(Y, P >= 0.5, average="macro"))
    assert score("loss") == pytest.approx(-log_loss(Y.ravel(), P.ravel()))
    assert score("map") == pytest.approx(average_precision_score(Y, P), abs=1e-6)
    assert np.isnan(metrics.score(logits, np.zeros_like(Y), single=False, criterion="map"))


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


def test_a_single_group_has_no_interval() -> None:
    got = metrics.intervals(lambda i: {"m": len(i), "each": [1.0, 2.0]}, ["tray", "tray"])
    assert np.isnan(got["m"]).all()
    assert np.isnan(got["each"]).all()


def test_interval_of_a_figure_that_does_not_exist() -> None:
    """One of two classes has no figure in any round, the other in some only."""
    values = np.array([[np.nan, 1.0], [np.nan, np.nan], [np.nan, 2.0]])
    got = metrics.intervals(lambda i: {"f": values[i[0]].tolist()}, ["a", "b", "c"])["f"]
    assert np.isnan(got[0]).all()
    assert got[1] == [1, 2]


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
    got = float(area_loss(output, torch.from_numpy(truth[:, :3]), of=5))
    assert got == pytest.approx(expected, rel=1e-4)
