"""Losses against their formulas in numpy, and the mistakes a recipe can make with them."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from numpy.typing import NDArray

from geoview.errors import DataError
from geoview.training import losses

Array = NDArray[np.float64]

RNG = np.random.default_rng(3)
LOGITS = RNG.normal(0, 3, (12, 5))
LABELS = (RNG.random((12, 5)) < 0.3).astype(float)
ONE = np.eye(5)[RNG.integers(0, 5, 12)]
COUNTS = np.array([40.0, 10.0, 5.0, 20.0, 25.0])


def value(name: str, labels: Array, **options: float) -> Array:
    made = losses.build(
        name, counts=torch.tensor(COUNTS), single_label=labels is ONE, options=options
    )
    found = made(torch.tensor(LOGITS, dtype=torch.float64), torch.tensor(labels)).double()
    assert found.shape == (12,)
    return np.asarray(found)


def sigmoid(x: Array) -> Array:
    return 1 / (1 + np.exp(-x))


def softmax(x: Array) -> Array:
    e = np.exp(x - x.max(1, keepdims=True))
    return np.asarray(e / e.sum(1, keepdims=True))


def test_bce() -> None:
    p = sigmoid(LOGITS)
    wanted = -(LABELS * np.log(p) + (1 - LABELS) * np.log(1 - p)).sum(1)
    assert np.allclose(value("bce", LABELS), wanted, rtol=1e-5, atol=1e-6)


def test_focal() -> None:
    p = sigmoid(LOGITS)
    wanted = -(
        0.25 * LABELS * (1 - p) ** 2 * np.log(p) + 0.75 * (1 - LABELS) * p**2 * np.log(1 - p)
    ).sum(1)
    assert np.allclose(value("focal", LABELS), wanted, rtol=1e-4)


@pytest.mark.parametrize(("pos", "neg", "margin"), [(0, 1, 0), (1, 4, 0.05)])
def test_asymmetric(pos: float, neg: float, margin: float) -> None:
    p = sigmoid(LOGITS)
    pm = np.maximum(p - margin, 0)
    wanted = -(LABELS * (1 - p) ** pos * np.log(p) + (1 - LABELS) * pm**neg * np.log(1 - pm)).sum(1)
    found = value("asymmetric", LABELS, gamma_pos=pos, gamma_neg=neg, margin=margin)
    assert np.allclose(found, wanted, rtol=1e-4)


def test_asymmetric_weights_carry_no_gradient() -> None:
    """With γ− = 1 the gradient of an absent label is p · p, not the 2 log-terms of a product."""
    made = losses.build("asymmetric", counts=torch.ones(1), single_label=False, options={})
    logit = torch.tensor([[0.7]], requires_grad=True)
    made(logit, torch.zeros(1, 1)).sum().backward()
    p = sigmoid(np.array(0.7))
    assert logit.grad is not None
    assert logit.grad.item() == pytest.approx(float(p * p), rel=1e-5)


def test_cross_entropy_and_its_weights() -> None:
    log_p = np.log((softmax(LOGITS) * ONE).sum(1))
    assert np.allclose(value("cross-entropy", ONE), -log_p, rtol=1e-5, atol=1e-6)
    n = (ONE @ COUNTS).astype(float)
    assert np.allclose(value("weighted-max", ONE), -log_p * 40 / n, rtol=1e-5, atol=1e-6)
    assert np.allclose(value("weighted-inverse", ONE), -log_p * 100 / (5 * n), rtol=1e-5, atol=1e-6)


def test_large_logits_stay_finite() -> None:
    for name in losses.names():
        single = name in ("cross-entropy", "weighted-max", "weighted-inverse")
        made = losses.build(name, counts=torch.ones(2), single_label=single, options={})
        x = torch.tensor([[300.0, -300.0]], requires_grad=True)
        loss = made(x, torch.tensor([[0.0, 1.0]])).sum()
        loss.backward()
        assert x.grad is not None
        assert torch.isfinite(loss)
        assert torch.isfinite(x.grad).all()


def test_a_class_without_photos_divides_by_nothing() -> None:
    made = losses.build(
        "weighted-max", counts=torch.tensor([4.0, 0.0]), single_label=True, options={}
    )
    assert torch.isfinite(made(torch.zeros(1, 2), torch.tensor([[0.0, 1.0]]))).all()


def test_mistakes_are_named() -> None:
    def build(name: str, single_label: bool, **options: float) -> None:
        losses.build(name, counts=torch.ones(2), single_label=single_label, options=options)

    with pytest.raises(DataError, match="asymmetric, bce"):
        build("hinge", False)
    with pytest.raises(DataError, match="one label per photo; use one of: cross-entropy"):
        build("bce", True)
    with pytest.raises(DataError, match="no option “gama”; it has: alpha, gamma"):
        build("focal", False, gama=2)
