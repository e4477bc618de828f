"""``geoview evaluate``: its options, what it prints and what it writes."""

from __future__ import annotations

import csv
import json
from pathlib import Path
from typing import Any

import pytest

from geoview import cli
from geoview.commands import evaluate
from geoview.training import evaluate as training_evaluate

FIGURES: dict[str, Any] = {
    "model": "fake", "n": 40, "n_photos": 40, "level": "photo", "split": "unseen",
    "macro_f1": 0.8123, "top1": 0.85, "map": 0.9, "macro_precision": 0.8, "macro_recall": 0.825,
    "ece": 0.041, "ap": {"coal": 0.95, "Rock Salt": 0.85},
    "precision": {"coal": 0.9, "Rock Salt": 0.7}, "recall": {"coal": 0.75, "Rock Salt": 0.9},
    "f1": {"coal": 0.8182, "Rock Salt": 0.7875}, "positives": {"coal": 24, "Rock Salt": 16},
    "confusion": {"classes": ["coal", "Rock Salt"], "counts": [[18, 5], [2, 14]],
                  "outside": [1, 0]},
    "class_mapping": {"coal": ["coal"], "Anthracite": ["coal"], "Rock Salt": ["halite"]},
    "left_out_classes": {"Marble": 12, "Slate": 8}, "model_classes_not_in_data": ["pumice"],
    "answers": "open", "photos_failed": {},
    "ci95": {"macro_f1": [0.76, 0.85], "ap": {"coal": [0.9, 0.99], "Rock Salt": [0.8, 0.9]}},
}  # fmt: skip
CURVES = {"coal": {"threshold": [0.5], "precision": [0.9], "recall": [0.75]}}


@pytest.fixture
def asked(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> dict[str, Any]:
    """Replace the measuring; what it was asked for is kept here."""
    kept: dict[str, Any] = {}

    def measure(path: Path, **options: Any) -> dict[str, Any]:
        kept.update(options)
        return {**FIGURES, **({"curves": CURVES} if options["curves"] else {})}

    monkeypatch.setattr(training_evaluate, "evaluate", measure)
    monkeypatch.setattr("geoview.models.store.resolve", lambda name: tmp_path / name)
    return kept


def test_macro_f1_stands_first_and_classes_have_their_figures(
    capsys: pytest.CaptureFixture[str],
) -> None:
    evaluate.print_figures(FIGURES)
    lines = capsys.readouterr().out.splitlines()
    first = next(k for k, line in enumerate(lines) if line.startswith("figure"))
    assert lines[first + 1].split() == "macro F1 0.812 0.760 – 0.850".split()
    row = next(line for line in lines if line.startswith("Rock Salt "))
    assert row.split() == "Rock Salt 16 0.850 0.800 – 0.900 0.700 0.900 0.787".split()
    assert "area error" not in "\n".join(lines)
    assert lines[-1] == "Most often confused: Rock Salt for coal 5×, coal for Rock Salt 2×."


def test_how_classes_were_matched_is_said(capsys: pytest.CaptureFixture[str]) -> None:
    evaluate.print_figures(FIGURES)
    evaluate.print_figures({**FIGURES, "answers": "restricted to shared classes"})
    out = capsys.readouterr().out
    assert "Classes of the data = of the model: Anthracite = coal, Rock Salt = halite." in out
    assert "Left out, 20 photos of unknown classes: Marble (12), Slate (8)." in out
    outside = "Classes of the model that are not in the data: 1;"
    assert f"{outside} such an answer is wrong." in out
    assert f"{outside} none is answered." in out


def test_photos_without_exactly_one_label_are_counted(capsys: pytest.CaptureFixture[str]) -> None:
    evaluate.print_figures({**FIGURES, "left_out_without_one_label": 1})
    evaluate.print_figures({**FIGURES, "left_out_without_one_label": 3})
    out = capsys.readouterr().out
    end = "with none or several of classes that exclude each other."
    assert f"Left out, 1 photo {end}" in out
    assert f"Left out, 3 photos {end}" in out


def test_photos_labelled_in_part_are_counted(capsys: pytest.CaptureFixture[str]) -> None:
    evaluate.print_figures(FIGURES)
    evaluate.print_figures({**FIGURES, "photos_left_out_as_partly_labelled": 3})
    out = capsys.readouterr().out
    assert out.count("labels of only some tiles") == 1
    assert "Left out, 3 photos with labels of only some tiles, which are not the model's" in out


def test_photos_that_the_model_has_seen_are_counted(capsys: pytest.CaptureFixture[str]) -> None:
    what = "Left out, as the model has seen them in training: "
    for seen, near, said in (
        (25, 0, "25 photos."),
        (1, 2, "1 photo and 2 near-duplicates of such photos."),
        (0, 1, "1 near-duplicate of such photos."),
    ):
        counts = {"photos_left_out_as_seen": seen, "photos_left_out_as_near": near}
        evaluate.print_figures({**FIGURES, **counts})
        assert what + said in capsys.readouterr().out
    evaluate.print_figures(FIGURES)
    assert what not in capsys.readouterr().out


def test_options_reach_the_measuring_and_files_are_written(
    asked: dict[str, Any], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    target, points = tmp_path / "f.json", tmp_path / "c.csv"
    arguments = ["evaluate", "fake", "--data", str(tmp_path), "--split", "all"]
    assert cli.main(arguments) == 0
    assert (asked["split"], asked["shared"], asked["restrict"]) == ("all", False, False)
    more = ["--shared", "--restrict", "--json", str(target), "--curves", str(points)]
    assert cli.main([*arguments, *more]) == 0
    assert (asked["shared"], asked["restrict"]) == (True, True)
    assert json.loads(target.read_text(encoding="utf-8")) == FIGURES
    with points.open(encoding="utf-8", newline="") as stream:
        rows = list(csv.reader(stream))
    assert rows == [["class", "threshold", "precision", "recall"], ["coal", "0.5", "0.9", "0.75"]]
    assert f"Wrote {points}" in capsys.readouterr().err.replace("\n", "")


def test_curves_of_an_unknown_kind_are_refused_before_any_work(
    asked: dict[str, Any], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    wrong = str(tmp_path / "c.xlsx")
    assert cli.main(["evaluate", "fake", "--data", str(tmp_path), "--curves", wrong]) == 2
    assert "not as “.xlsx”" in capsys.readouterr().err
    assert not asked
