"""Temperature and thresholds against known answers and a full search."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from sklearn.metrics import f1_score, log_loss

from geoview.models.card import ModelCard, Preprocess
from geoview.models.combine import combine
from geoview.training import calibration
from geoview.training.data import Item
from geoview.training.worker import calibrated

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


@pytest.mark.parametrize(("there", "elsewhere"), [(0.015, 0.001), (0.999, 0.99), (1e-7, 1e-9)])
def test_a_rare_class_keeps_the_threshold_that_finds_it(there: float, elsewhere: float) -> None:
    y = np.repeat([[1.0], [0.0]], [5, 195], axis=0)
    p = np.where(y > 0, there, elsewhere)
    (threshold,) = calibration.best_thresholds(p, y)
    assert f1_score(y, p >= threshold) == 1


@pytest.mark.parametrize(("there", "elsewhere"), [(0.0, 0.0), (1.0, np.nextafter(1, 0))])
def test_a_card_takes_every_threshold(there: float, elsewhere: float) -> None:
    p, y = np.array([[there] * 3, [elsewhere] * 3]), np.array([[1.0] * 3, [0.0] * 3])
    found = calibration.best_thresholds(p, y)
    assert ModelCard.model_validate(card().model_dump() | {"thresholds": found})


def test_temperature_recovers_a_known_scale() -> None:
    x = RNG.normal(size=(4000, 2)) * 2
    y = (RNG.uniform(size=x.shape) < 1 / (1 + np.exp(-x))).astype(float)
    assert calibration.fit_temperature(3 * x, y, single=False) == pytest.approx(3, rel=0.1)


@pytest.mark.parametrize("single", [True, False])
@pytest.mark.parametrize("scale", [0.5, 1.0, 3.0])
def test_hundreds_of_photos_outweigh_what_is_expected_of_a_temperature(
    single: bool, scale: float
) -> None:
    """The same as the plain maximum of the likelihood, searched here without any prior."""
    x = RNG.normal(size=(400, 4)) * 2.5
    y = (RNG.uniform(size=x.shape) < 1 / (1 + np.exp(-x))).astype(float)
    if single:
        odds = np.exp(x)
        y = np.eye(4)[[RNG.choice(4, p=row / row.sum()) for row in odds]]
    tried = np.geomspace(0.2, 8, 1000)
    losses = [calibration.log_loss(scale * x / t, y, single=single) for t in tried]
    found = calibration.fit_temperature(scale * x, y, single=single)
    assert found == pytest.approx(tried[int(np.argmin(losses))], rel=0.025)


def test_a_handful_of_photos_sharpens_and_softens_little() -> None:
    """Three photos all right, or all wrong, have no likeliest temperature but 0 or infinity."""
    for logits, single in ((4 * np.eye(3), True), (8 * np.eye(3) - 4, False)):
        assert 0.7 < calibration.fit_temperature(logits, np.eye(3), single=single) < 1
    wrong = np.roll(np.eye(3), 1, axis=1)
    assert 1 < calibration.fit_temperature(np.eye(3), wrong, single=True) < 3
    hopeless = np.tile(500 * np.eye(3), (100, 1))
    found = calibration.fit_temperature(hopeless, np.tile(wrong, (100, 1)), single=True)
    assert found == 1
    thresholds = calibration.best_thresholds(np.array([[1.0, 0.0], [1.0, 1.0]]), np.eye(2))
    assert all(0 < t < 1 for t in thresholds)


def test_log_loss_is_scikit_learns() -> None:
    x = RNG.normal(size=(50, 3))
    softmax = np.exp(x) / np.exp(x).sum(1, keepdims=True)
    truth = RNG.integers(3, size=50)
    got = calibration.log_loss(x, np.eye(3)[truth], single=True)
    assert got == pytest.approx(log_loss(truth, softmax))
    y = (RNG.uniform(size=(50, 3)) < 0.4).astype(float)
    got = calibration.log_loss(x, y, single=False)
    assert got == pytest.approx(log_loss(y.ravel(), 1 / (1 + np.exp(-x.ravel()))))


@pytest.mark.parametrize("how", ["max", "mean", "noisy-or"])
def test_tiles_are_put_together_as_a_prediction_does(how: str) -> None:
    photos = np.array([7, 3, 7, 3, 3, 9])
    p = RNG.uniform(size=(6, 2))
    found = calibration.together(p, photos, how=how)
    expected = [combine(p[photos == photo], how=how) for photo in (3, 7, 9)]
    np.testing.assert_allclose(found, expected)


def trays(count: int) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Logits and labels of trays of four tiles, each with its tray's labels, and the tray."""
    there = RNG.uniform(size=(count, 4, 3)) < 0.25
    logits = RNG.normal(np.where(there, 2.0, -2.0), 1.0)
    y = np.repeat(there.any(axis=1), 4, axis=0).astype(float)
    return logits.reshape(-1, 3), y, np.repeat(np.arange(count), 4)


class Judged:
    """A trainer that has trained; its answers are given."""

    def __init__(self, count: int, *, tiled: bool) -> None:
        self._logits, self._y, self._trays = trays(count)
        paths = [Path(f"{tray}.jpg") for tray in self._trays]
        places = [(k // 2 % 2, k % 2, 2, 2) for k in range(len(paths))]
        self.val_items = [
            Item(path, path.name, (0,) * 3, (0,) * 3, path.name, tile=place)
            for path, place in zip(paths, places, strict=True)
        ]
        self.tiled = tiled

    def predict(self, items: list[Item]) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        keep = np.arange(1, len(items))[::-1]  # one is broken, several processes mix the order
        return self._logits[keep], self._y[keep], keep

    @property
    def whole(self) -> set[Path]:
        return set() if self.tiled else {item.path for item in self.val_items}


def card(**options: object) -> ModelCard:
    return ModelCard(
        name="m", title="M", architecture="geolayer", backbone="b", task="multi-label",
        classes=["a", "b", "c"], thresholds=[0.5] * 3, preprocess=Preprocess(input_px=64),
        options=options,
    )  # fmt: skip


@pytest.mark.parametrize("how", ["max", "noisy-or"])
def test_photos_cut_into_tiles_get_thresholds_of_whole_photos(how: str) -> None:
    """Chosen on tiles that carry their photo's labels they called every class in every photo."""
    judged = Judged(600, tiled=False)
    found = calibrated(judged, card(photo_probability=how), whole=judged.whole)  # type: ignore[arg-type]
    logits, y, photos = trays(600)
    p = calibration.probabilities(logits / found.temperature, single=False)
    said = calibration.together(p, photos, how=how) >= found.thresholds
    assert f1_score(y[::4], said, average="macro") > 0.9
    tiles = Judged(600, tiled=True)
    by_tile = calibrated(tiles, card(photo_probability=how), whole=tiles.whole)  # type: ignore[arg-type]
    assert max(by_tile.thresholds) < min(found.thresholds)
