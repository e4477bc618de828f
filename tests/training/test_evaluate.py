"""Measuring a model: on which photos, per tile or photo, and what it says of areas and layers."""

from __future__ import annotations

import csv
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import imagehash
import numpy as np
import pytest
import torch
from PIL import Image
from sklearn.metrics import average_precision_score, confusion_matrix, f1_score

from geoview.errors import DataError
from geoview.models import bundle
from geoview.models.card import ModelCard, Preprocess, Tiling
from geoview.models.device import choose
from geoview.models.engine import Engine
from geoview.models.registry import build
from geoview.photos.scan import scan
from geoview.training.data import photo_key
from geoview.training.evaluate import evaluate


def saved(folder: Path, **changes: Any) -> Path:
    torch.manual_seed(3)
    fields: dict[str, Any] = {
        "name": "tiny", "title": "Tiny", "architecture": "geolayer", "backbone": "resnet10t",
        "task": "multi-label", "classes": ["limestone", "mudstone"], "thresholds": [0.5, 0.5],
        "layers": ["Layer1", "Layer2"], "options": {"num_layers": 2, "area_head": True},
        "preprocess": Preprocess(
            input_px=64, tiling=Tiling(working_short_side_px=128, tile_px=64)
        ),
    }  # fmt: skip
    card = ModelCard.model_validate({**fields, **changes})
    path = folder / "tiny.safetensors"
    module = build(card)
    if card.task == "single-label":
        _make_undecided(module)
    bundle.save(path, module=module, card=card, half=False)
    return path


@torch.no_grad()
def _make_undecided(module: Any) -> None:
    """Random weights say the same of every photo; without the mean answer they differ."""
    colours = torch.randn(24, 3, 1, 1).expand(-1, -1, 64, 64)
    head = [m for m in module.eval().modules() if isinstance(m, torch.nn.Linear)][-1]
    head.weight *= 30
    head.bias -= module(colours).logits.mean(0)


def test_figures_per_tile_agree_with_the_engines_own_results(well: Path, tmp_path: Path) -> None:
    """The model lists its classes in another order than the sheet: they are matched by name."""
    path = saved(tmp_path)
    figures = evaluate(path, data=well, split="all")
    with (well / "truth_tiles.csv").open(encoding="utf-8", newline="") as stream:
        rows = list(csv.DictReader(stream))
    model = bundle.load(path)
    with Engine(model, choice=choose()) as engine:
        results = {r.photo.file: r.prediction for r in engine.run(scan(well).photos)}
    scores, labels, areas, layers = [], [], [], []
    for row in rows:
        prediction = results[row["file"]]
        assert prediction is not None
        tile = next(
            t
            for t in prediction.tiles
            if (t.row, t.col) == (int(row["tile_row"]), int(row["tile_col"]))
        )
        scores.append(tile.probabilities[0])
        labels.append(int(row["present_limestone"]))
    for file, prediction in results.items():
        assert prediction is not None
        assert prediction.area_pct is not None
        assert prediction.layer is not None
        own = [r for r in rows if r["file"] == file]
        truth = 100 * np.mean([float(r["area_limestone"]) for r in own])
        areas.append(abs(prediction.area_pct[0] - truth))
        layers.append(prediction.layer.best == own[0]["layer"])
    assert figures["level"] == "tile"
    assert (figures["n"], figures["n_photos"]) == (80, 20)
    expected = average_precision_score(labels, scores)
    assert figures["ap"]["limestone"] == pytest.approx(expected, abs=1e-5)
    assert figures["area_mae_points"]["limestone"] == pytest.approx(np.mean(areas))
    assert figures["layer_accuracy"] == pytest.approx(np.mean(layers))
    for name in ("map", "cp", "cr", "cf1", "op", "or", "of1", "layer_accuracy"):
        low, high = figures["ci95"][name]
        assert low <= figures[name] <= high or low == pytest.approx(figures[name], abs=0.1)


def test_of_photos_labelled_in_part_only_labelled_tiles_are_measured(
    well: Path, tmp_path: Path
) -> None:
    """A model that cuts other tiles, or none, says nothing of those that can be compared."""
    sheet = well / "truth_tiles.csv"
    head, *rows = sheet.read_text(encoding="utf-8").splitlines()
    kept = [row for k, row in enumerate(rows) if k < 4 or k % 4 in (1, 2)]
    sheet.write_text("\n".join([head, *kept]), encoding="utf-8")
    figures = evaluate(saved(tmp_path), data=well)
    assert (figures["level"], figures["n"], figures["n_photos"]) == ("tile", 4 + 2 * 19, 20)
    assert figures["photos_left_out_as_partly_labelled"] == 0
    path = saved(tmp_path, preprocess=Preprocess(input_px=64))
    figures = evaluate(path, data=well)
    assert (figures["level"], figures["n"], figures["n_photos"]) == ("photo", 1, 1)
    assert figures["photos_left_out_as_partly_labelled"] == 19
    sheet.write_text("\n".join([head, rows[0], rows[5], rows[7]]), encoding="utf-8")
    with pytest.raises(DataError, match="Only some tiles of each photo are labelled"):
        evaluate(path, data=well)


def test_photos_the_model_has_seen_are_left_out_whatever_their_folder(
    well: Path, tmp_path: Path, make_well: Callable[..., Path]
) -> None:
    keys = [photo_key(p) for p in sorted(well.glob("*.png"))]
    path = saved(tmp_path, splits={"train": keys[:10], "val": keys[10:12], "test": keys[12:15]})
    figures = evaluate(path, data=well)
    assert (figures["n_photos"], figures["photos_left_out_as_seen"]) == (8, 12)
    assert evaluate(path, data=well, split="test")["n_photos"] == 3
    assert evaluate(path, data=well, split="all")["n_photos"] == 20
    # Another well with the same file names but other pictures is unseen.
    other = make_well(tmp_path / "other", photos=6, seed=9)
    assert evaluate(path, data=other)["n_photos"] == 6
    with pytest.raises(DataError, match="--split all"):
        evaluate(path, data=other, split="test")


def test_a_photo_seen_in_training_is_known_under_another_name(tmp_path: Path) -> None:
    root = folders(tmp_path / "data", pyrite=3, quartz=3)
    seen = root / "quartz" / "1.png"
    path = single(tmp_path, "pyrite", "quartz", splits={"train": [photo_key(seen)]})
    seen.rename(seen.with_name("IMG_0815.png"))
    figures = evaluate(path, data=root)
    assert figures["photos_left_out_as_seen"] == 1
    assert figures["positives"] == {"pyrite": 3, "quartz": 2}


def test_a_photo_without_permission_is_told_and_the_others_are_measured(
    tmp_path: Path, lock: Callable[[Path], None]
) -> None:
    root = folders(tmp_path / "data", pyrite=3, quartz=3)
    path = single(tmp_path, "pyrite", "quartz")
    lock(root / "quartz/1.png")
    figures = evaluate(path, data=root)
    assert figures["n_photos"] == 5
    assert list(figures["photos_failed"]) == ["quartz/1.png"]


def test_a_copy_of_a_training_photo_in_the_test_part_is_not_tested_on(tmp_path: Path) -> None:
    root = folders(tmp_path / "data", pyrite=3, quartz=3)
    keys = [photo_key(p) for p in sorted(root.rglob("*.png"))]
    copied = "copy.png#" + keys[0].partition("#")[2]
    splits = {"train": keys[:2], "val": keys[2:3], "test": [copied, *keys[2:]]}
    path = single(tmp_path, "pyrite", "quartz", splits=splits)
    figures = evaluate(path, data=root, split="test")
    assert (figures["n_photos"], figures["photos_left_out_as_seen"]) == (3, 2)
    assert evaluate(path, data=root, split="train")["n_photos"] == 2
    path = single(tmp_path, "pyrite", "quartz", splits={"train": keys, "test": keys[:2]})
    with pytest.raises(DataError, match="belong to the unseen part"):
        evaluate(path, data=root, split="test")


def test_a_smaller_copy_of_a_training_photo_is_left_out_too(tmp_path: Path) -> None:
    root = folders(tmp_path / "data", pyrite=3, quartz=3)
    rng = np.random.default_rng(5)
    shapes = Image.fromarray(rng.integers(0, 255, (5, 6, 3), dtype=np.uint8))
    original = shapes.resize((240, 200), Image.Resampling.BICUBIC)
    original.resize((120, 100)).save(root / "quartz" / "copy.jpg", quality=80)
    other = shapes.transpose(Image.Transpose.FLIP_LEFT_RIGHT).resize((240, 200))
    other.save(root / "quartz" / "other.jpg")
    made: dict[str, Any] = {"seen_hashes": [str(imagehash.phash(original))]}
    near = {"recipe": {"split": {"near_duplicates": 8}}}
    figures = evaluate(single(tmp_path, "pyrite", "quartz", **made, **near), data=root)
    assert figures["photos_left_out_as_near"] == 1
    assert figures["positives"] == {"pyrite": 3, "quartz": 4}
    everything = evaluate(single(tmp_path, "pyrite", "quartz", **made, **near), data=root,
                          split="all")  # fmt: skip
    assert everything["positives"] == {"pyrite": 3, "quartz": 5}


def folders(root: Path, **counts: int) -> Path:
    """A folder of noise photos for each class."""
    rng = np.random.default_rng(0)
    for name, count in counts.items():
        folder = root / name.replace("_", " ")
        folder.mkdir(parents=True)
        for k in range(count):
            pixels = rng.integers(0, 255, 3) + rng.integers(-20, 20, (40, 50, 3))
            pixels = pixels.clip(0, 255).astype(np.uint8)
            Image.fromarray(pixels).save(folder / f"{k}.png")
    return root


def single(folder: Path, *classes: str, **changes: Any) -> Path:
    return saved(
        folder, architecture="timm-classifier", task="single-label", layers=[], options={},
        classes=list(classes), thresholds=[0.5] * len(classes), preprocess=Preprocess(input_px=64),
        **changes,
    )  # fmt: skip


def answers(path: Path, root: Path) -> tuple[list[str], np.ndarray[Any, Any]]:
    """The folder of every photo and the engine's probabilities."""
    with Engine(bundle.load(path), choice=choose()) as engine:
        results = [r for r in engine.run(scan(root).photos) if r.prediction is not None]
    rows = [r.prediction.probabilities for r in results if r.prediction is not None]
    return [r.photo.path.parent.name for r in results], np.array(rows)


def test_single_label_folders_give_f1_and_a_table_of_confusions(tmp_path: Path) -> None:
    root = folders(tmp_path / "data", pyrite=6, quartz=7)
    classes = ["pyrite", "quartz", "malachite"]
    path = single(tmp_path, *classes)
    figures = evaluate(path, data=root, curves=True)
    truth, p = answers(path, root)
    said = [classes[k] for k in p.argmax(1)]
    assert figures["n"] == 13
    expected = f1_score(truth, said, labels=classes[:2], average="macro", zero_division=0)
    assert figures["macro_f1"] == pytest.approx(expected)
    assert figures["top1"] == pytest.approx(np.mean(np.array(truth) == said))
    table = confusion_matrix(truth, said, labels=classes)
    assert figures["confusion"]["classes"] == classes[:2]
    assert figures["confusion"]["counts"] == table[:2, :2].tolist()
    assert figures["confusion"]["outside"] == table[:2, 2].tolist()
    assert figures["model_classes_not_in_data"] == ["malachite"]
    assert 0 <= figures["ci95"]["top1"][0] <= figures["top1"] <= figures["ci95"]["top1"][1] <= 1
    for key in ("ap", "precision", "recall", "f1", "curves"):
        assert set(figures[key]) == {"pyrite", "quartz"}
    assert "layer_accuracy" not in figures
    assert "top3" not in figures
    json.dumps(figures)


def test_intervals_draw_what_the_recipe_keeps_together(tmp_path: Path) -> None:
    """Photos of one depth, of one specimen by their names, and near-duplicates."""
    root = tmp_path / "data"
    root.mkdir()
    rng = np.random.default_rng(0)
    plain, deep = ["file,label"], ["file,label,well,depth_m"]
    for sample in range(6):
        shades = Image.fromarray(rng.integers(0, 255, (5, 6, 3), dtype=np.uint8))
        for k in range(8):
            file, label = f"S{sample}_{k}.png", ("pyrite", "quartz")[sample % 2]
            shades.resize((120 + k, 100), Image.Resampling.BICUBIC).save(root / file)
            plain.append(f"{file},{label}")
            deep.append(f"{file},{label},W-1,{sample}")
    for name, rows in (("plain", plain), ("deep", deep)):
        (root / f"{name}.csv").write_text("\n".join(rows), encoding="utf-8")

    def interval(sheet: str, **part: object) -> list[float]:
        path = single(tmp_path, "pyrite", "quartz", recipe={"split": part})
        found: list[float] = evaluate(path, data=root / f"{sheet}.csv")["ci95"]["ece"]
        return found

    alone = interval("plain")
    together = interval("deep")
    assert together[1] - together[0] > 1.5 * (alone[1] - alone[0])
    assert interval("plain", specimen=r"^S\d") == together
    assert interval("plain", near_duplicates=4) == together


def test_photos_of_one_class_are_enough_to_measure_on(tmp_path: Path) -> None:
    root = folders(tmp_path / "data", quartz=5)
    path = single(tmp_path, "pyrite", "quartz")
    figures = evaluate(path, data=root)
    truth, p = answers(path, root)
    assert set(truth) == {"quartz"}
    assert figures["positives"] == {"quartz": 5}
    assert figures["top1"] == pytest.approx(np.mean(p.argmax(1) == 1))
    assert figures["model_classes_not_in_data"] == ["pyrite"]


def test_data_of_others_are_matched_by_name_and_synonym(tmp_path: Path) -> None:
    """P2's Table 4: salt and coal under other names, marble that the model does not know."""
    counts = {"Rock_Salt": 5, "Anthracite": 4, "Bituminous_Coal": 3, "Marble": 2}
    root = folders(tmp_path / "data", **counts)
    path = single(tmp_path, "pumice", "coal", "halite")
    with pytest.raises(DataError, match=r"does not know Marble; .*--shared"):
        evaluate(path, data=root)
    opened = evaluate(path, data=root, shared=True)
    limited = evaluate(path, data=root, shared=True, restrict=True)
    names, p = answers(path, root)
    kept = [i for i, name in enumerate(names) if name != "Marble"]
    truth = [2 if names[i] == "Rock Salt" else 1 for i in kept]
    assert opened["top1"] == pytest.approx(np.mean(p[kept].argmax(1) == truth))
    assert limited["top1"] == pytest.approx(np.mean(1 + p[kept, 1:].argmax(1) == truth))
    share = p[kept, 2] / p[kept, 1:].sum(1)
    expected = average_precision_score(np.array(truth) == 2, share)
    assert limited["ap"]["Rock Salt"] == pytest.approx(expected, abs=1e-5)
    for figures in (opened, limited):
        assert figures["positives"] == {"coal": 7, "Rock Salt": 5}
        assert figures["left_out_classes"] == {"Marble": 2}
        assert figures["class_mapping"] == {
            "Anthracite": ["coal"], "Bituminous Coal": ["coal"], "Rock Salt": ["halite"],
        }  # fmt: skip
    assert (opened["answers"], limited["answers"]) == ("open", "restricted to shared classes")


def test_comparisons_that_make_no_sense_are_refused(tmp_path: Path) -> None:
    root = folders(tmp_path / "data", Marble=2, Granite=2)
    with pytest.raises(DataError, match="No class is in both"):
        evaluate(single(tmp_path, "pyrite", "quartz"), data=root, shared=True)
    path = single(tmp_path, "granite", "quartz")
    with pytest.raises(DataError, match="share only Granite"):
        evaluate(path, data=root, shared=True, restrict=True)
    assert evaluate(path, data=root, shared=True)["n"] == 2


def test_a_single_label_model_on_photos_with_several_labels(tmp_path: Path) -> None:
    """A photo counts for the best answer if any of its labels is the one."""
    root = folders(tmp_path / "data", all=6)
    sets = ["pyrite", "pyrite;quartz", "quartz", "gold", "quartz;gold", "gold"]
    rows = [f"all/{k}.png,{labels}" for k, labels in enumerate(sets)]
    (root / "labels.csv").write_text("\n".join(["file,labels", *rows]), encoding="utf-8")
    path = single(tmp_path, "pyrite", "quartz")
    figures = evaluate(path, data=root, shared=True)
    with Engine(bundle.load(path), choice=choose()) as engine:
        best = {r.photo.path.stem: r.prediction.dominant for r in engine.run(scan(root).photos)}  # type: ignore[union-attr]
    hits = [best[str(k)] in labels.split(";") for k, labels in enumerate(sets) if labels != "gold"]
    assert figures["n"] == 4
    assert figures["left_out_classes"] == {"gold": 2}
    assert figures["top1"] == pytest.approx(np.mean(hits))
    assert np.array(figures["confusion"]["counts"]).shape == (2, 2, 2)


def test_a_photo_listed_with_two_labels_leaves_the_classes_exclusive(tmp_path: Path) -> None:
    """One slip changes neither the other photos' figures nor what they are."""
    root = folders(tmp_path / "data", pyrite=4, quartz=4)
    rows = [f"{name}/{k}.png,{name}" for name in ("pyrite", "quartz") for k in range(4)]
    path = single(tmp_path, "pyrite", "quartz")
    measured = {}
    for name, lines in (("without", rows[1:]), ("with", [*rows, "pyrite/0.png,quartz"])):
        sheet = root / f"{name}.csv"
        sheet.write_text("\n".join(["file,label", *lines]), encoding="utf-8")
        measured[name] = evaluate(path, data=sheet)
    assert measured["with"]["left_out_without_one_label"] == 1
    assert measured["without"]["left_out_without_one_label"] == 0
    assert (measured["with"]["n"], measured["with"]["level"]) == (7, "photo")
    assert "thresholds" not in measured["with"]
    for key in ("macro_f1", "top1", "map", "confusion", "positives"):
        assert measured["with"][key] == measured["without"][key]


@pytest.mark.parametrize(("blank", "left_out"), [(1, 1), (4, 0)])
def test_few_photos_without_a_label_are_left_out(blank: int, left_out: int, tmp_path: Path) -> None:
    """Of many, the classes are none that exclude each other."""
    root = folders(tmp_path / "data", all=12)
    rows = [f"all/{k}.png,{int(k < 6)},{int(k >= 6)}" for k in range(12 - blank)]
    rows += [f"all/{k}.png,0,0" for k in range(12 - blank, 12)]
    (root / "labels.csv").write_text("\n".join(["file,pyrite,quartz", *rows]), encoding="utf-8")
    figures = evaluate(single(tmp_path, "pyrite", "quartz"), data=root)
    assert (figures["n"], figures["left_out_without_one_label"]) == (12 - left_out, left_out)
    assert ("thresholds" in figures) == (left_out == 0)


def test_unknown_classes_and_unreadable_photos(well: Path, tmp_path: Path) -> None:
    path = saved(tmp_path)
    broken = sorted(well.glob("*.png"))[0]
    broken.write_bytes(b"no photo")
    figures = evaluate(path, data=well, split="all")
    assert list(figures["photos_failed"]) == [broken.name]
    assert figures["n_photos"] == 19
    other = saved(tmp_path, classes=["limestone", "coal"])
    with pytest.raises(DataError, match="does not know mudstone"):
        evaluate(other, data=well)
