"""Precision-recall curves against scikit-learn, and the three kinds of file."""

from __future__ import annotations

import csv
import io
import json
from xml.etree import ElementTree

import numpy as np
import pytest
from sklearn.metrics import precision_recall_curve

from geoview.errors import DataError
from geoview.training import curves

RNG = np.random.default_rng(5)
P = RNG.uniform(size=(60, 3)).round(2)
Y = (RNG.uniform(size=(60, 2)) < P[:, :2]).astype(float)


def test_points_are_scikit_learns() -> None:
    found = curves.curves(P, Y)
    assert len(found) == 2
    for k, curve in enumerate(found):
        precision, recall, thresholds = precision_recall_curve(Y[:, k], P[:, k])
        assert curve["threshold"] == pytest.approx(thresholds)
        assert curve["precision"] == pytest.approx(precision[:-1], abs=1e-6)
        assert curve["recall"] == pytest.approx(recall[:-1], abs=1e-6)


def test_every_kind_of_file_holds_every_point() -> None:
    named = dict(zip(("pyrite", "fool's <gold>"), curves.curves(P, Y), strict=True))
    points = sum(len(curve["recall"]) for curve in named.values())
    rows = list(csv.DictReader(io.StringIO(curves.written(named, suffix=".csv"))))
    assert len(rows) == points
    assert float(rows[0]["threshold"]) == named["pyrite"]["threshold"][0]
    assert json.loads(curves.written(named, suffix=".JSON")) == named
    drawn = ElementTree.fromstring(curves.written(named, suffix=".svg"))
    lines = list(drawn.iter("{http://www.w3.org/2000/svg}polyline"))
    assert sum(len(line.attrib["points"].split()) for line in lines) == points
    assert "fool's <gold>" in [text.text for text in drawn.iter()]


def test_a_class_without_photos_and_a_wrong_kind() -> None:
    empty = curves.curves(P, np.zeros((60, 1)))[0]
    assert empty == {"threshold": [], "precision": [], "recall": []}
    with pytest.raises(DataError, match=r"not as “\.png”"):
        curves.written({"pyrite": empty}, suffix=".png")
