"""The report on a data set: its figures against plain numpy, and every kind of trouble."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping, Sequence
from dataclasses import asdict, replace
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from geoview.errors import Cancelled, DataError
from geoview.records import Progress
from geoview.training import data, duplicates
from geoview.training.data import Dataset, Item
from geoview.training.recipe import SplitPart
from geoview.training.report import DatasetReport, report
from geoview.training.split import dealt, split


def items_of(labels: np.ndarray, **fields: Sequence[object]) -> tuple[Item, ...]:
    return tuple(
        Item(
            **{
                "path": Path(f"/photos/{n}.jpg"),
                "file": f"{n}.jpg",
                "labels": tuple(map(float, row)),
                "states": tuple(map(int, row)),
                "group": f"g{n}",
                **{name: values[n] for name, values in fields.items()},
            }
        )
        for n, row in enumerate(labels)
    )


def multi(items: tuple[Item, ...], *, layers: tuple[str, ...] = ()) -> Dataset:
    classes = tuple("abcdefgh"[: len(items[0].labels)])
    return Dataset(items, classes, layers, "multi-label", ("made up",))


def plain(dataset: Dataset, hashes: Mapping[Path, int] | None = None) -> DatasetReport:
    return report(dataset, parts=None, hashes=hashes, check_photos=False)


def test_figures_agree_with_numpy() -> None:
    y = (np.random.default_rng(0).random((300, 5)) < (0.7, 0.4, 0.3, 0.2, 0.05)).astype(int)
    found = plain(multi(items_of(y)))
    counts = y.sum(0)
    assert [c.photos for c in found.classes] == counts.tolist()
    assert dict(found.labels_per_photo) == {
        n: int((y.sum(1) == n).sum()) for n in range(6) if (y.sum(1) == n).any()
    }
    assert found.cardinality == pytest.approx(y.sum(1).mean())
    assert found.density == pytest.approx(y.mean())
    assert found.imbalance == pytest.approx(counts.max() / counts.min())
    assert found.mean_imbalance == pytest.approx(np.mean(counts.max() / counts))
    assert {(a, b): n for a, b, n in found.pairs} == {
        ("abcde"[a], "abcde"[b]): int((y[:, a] & y[:, b]).sum())
        for a in range(5)
        for b in range(a + 1, 5)
        if (y[:, a] & y[:, b]).any()
    }
    assert [n for *_, n in found.pairs] == sorted((n for *_, n in found.pairs), reverse=True)


def test_a_photo_counts_once_whatever_its_tiles(well: Path) -> None:
    dataset = data.load(well)
    parts = split(dataset.items, SplitPart(), seed=0)
    found = report(dataset, parts=parts, hashes=None)
    truth = {
        path: np.max([i.labels for i in dataset.items if i.path == path], axis=0)
        for path in {i.path for i in dataset.items}
    }
    assert (found.photos, found.items, found.groups) == (20, 80, 20)
    assert [c.photos for c in found.classes] == np.sum(list(truth.values()), axis=0).tolist()
    assert [c.items for c in found.classes] == np.sum([i.labels for i in dataset.items], 0).tolist()
    assert sum(found.parts.values()) == 20
    assert all(sum(c.parts.values()) == c.groups for c in found.classes)
    assert sum(found.layers.values()) == 20
    (only,) = found.wells
    assert (only.name, only.photos, only.depth_min_m, only.depth_max_m) == ("WELL-T", 20, 0, 190)
    assert (found.unreadable, found.conflicts, found.leaks) == ({}, (), ())


def photo(path: Path, seed: int, *, quality: int = 95) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    pixels = np.random.default_rng(seed).integers(0, 255, (9, 9, 3), dtype=np.uint8)
    Image.fromarray(pixels).resize((72, 72), Image.Resampling.BICUBIC).save(path, quality=quality)
    return path


@pytest.fixture
def trouble(tmp_path: Path) -> Path:
    """Three photos a class; one broken, one copied within its class, two across the classes."""
    folder = tmp_path / "rocks"
    for number, name in enumerate(("a/0", "a/1", "a/2", "b/0", "b/1", "b/2")):
        photo(folder / f"{name}.jpg", number)
    photo(folder / "a/copy.jpg", 1, quality=60)
    photo(folder / "b/same.jpg", 2)
    (folder / "b/same.jpg").write_bytes((folder / "a/2.jpg").read_bytes())
    photo(folder / "b/again.jpg", 0, quality=60)
    (folder / "b/broken.jpg").write_bytes((folder / "b/0.jpg").read_bytes()[:700])
    return folder


def test_trouble_is_found(trouble: Path) -> None:

    dataset = data.load(trouble)
    told: list[Progress] = []
    hashes = duplicates.hashes_of([i.path for i in dataset.items], progress=told.append)
    found = report(dataset, parts=None, hashes=hashes, progress=told.append)
    assert list(found.unreadable) == ["b/broken.jpg"]
    assert {frozenset(cluster) for cluster in found.near_duplicates} == {
        frozenset(("a/1.jpg", "a/copy.jpg")),
        frozenset(("a/2.jpg", "b/same.jpg")),
        frozenset(("a/0.jpg", "b/again.jpg")),
    }
    assert {(frozenset(c.files), frozenset(c.labels), c.why) for c in found.conflicts} == {
        (frozenset(("a/2.jpg", "b/same.jpg")), frozenset("ab"), "same content"),
        (frozenset(("a/0.jpg", "b/again.jpg")), frozenset("ab"), "near-duplicates"),
    }
    assert json.loads(json.dumps(asdict(found)))["near_duplicates"]


def test_unreadable_photos_are_found_without_hashes(trouble: Path) -> None:
    told: list[Progress] = []
    found = report(data.load(trouble), parts=None, hashes=None, progress=told.append)
    assert list(found.unreadable) == ["b/broken.jpg"]
    assert "damaged" in found.unreadable["b/broken.jpg"] or "cut off" in str(found.unreadable)
    assert (told[-1].done, told[-1].total, told[-1].failed) == (10, 10, 1)


def test_checking_can_be_stopped(trouble: Path) -> None:
    with pytest.raises(Cancelled):
        report(data.load(trouble), parts=None, hashes=None, cancelled=lambda: True)


def test_a_file_named_twice_with_two_labels(tmp_path: Path) -> None:
    photo(tmp_path / "1.png", 1)
    photo(tmp_path / "2.png", 2)
    text = "file,label\n1.png,x\n2.png,x\n1.png,y\n"
    (tmp_path / "labels.csv").write_text(text, encoding="utf-8")
    (conflict,) = plain(data.load(tmp_path)).conflicts
    assert (conflict.files, conflict.labels, conflict.why) == (
        ("1.png",),
        ("x", "y"),
        "named twice",
    )


def test_near_duplicates_across_a_users_split_leak() -> None:
    y = np.eye(2, dtype=int)[[0, 0, 1, 1]]
    given = items_of(y, split=("train", "test", "train", "val"))
    hashes = {one.path: n for one, n in zip(given, (0, 1, 2**40 - 1, 2**64 - 1), strict=True)}
    parts = dealt(given, SplitPart(), seed=0)
    found = report(multi(given), parts=parts, hashes=hashes, check_photos=False)
    (leak,) = found.leaks
    assert "0.jpg in train and 1.jpg in test" in leak
    ours = items_of(y)
    found = report(multi(ours), parts=parts, hashes=hashes, check_photos=False)
    assert found.leaks == ()
    assert any("near_duplicates = 4" in warning for warning in found.warnings)


def test_groups_across_a_users_split_leak() -> None:
    y = np.eye(2, dtype=int)[[0, 0, 1, 1]]
    given = items_of(y, split=("train", "test", "train", "val"), group=("S", "S", "T", "U"))
    parts = dealt(given, SplitPart(), seed=0)
    (leak,) = report(multi(given), parts=parts, hashes=None, check_photos=False).leaks
    assert "S is in both train and test" in leak


def test_classes_too_small_for_the_split_are_named() -> None:
    y = np.zeros((34, 5), int)
    y[:30, 0] = y[30:32, 1] = y[32, 2] = y[33, 0] = 1
    y[20:23, 3] = 1
    dataset = multi(items_of(y))
    parts = {"train": (*range(24), 30), "val": (24, 25, 26, 31), "test": (27, 28, 29, 32, 33)}
    warnings = report(dataset, parts=parts, hashes=None, check_photos=False).warnings
    assert warnings == (
        "b has only 2 groups for 3 parts; it is not in test.",
        "c has only one photo, too few to be learnt and tested; it is not in train or val.",
        "d is not in val or test.",
        "No photo shows e.",
    )


def test_shares_that_small_classes_upset_are_told() -> None:
    """Three groups of a class go to three parts, whatever the shares."""
    part = SplitPart(train=0.8, val=0.1, test=0.1)

    def warnings(per_class: int) -> tuple[str, ...]:
        y = np.repeat(np.eye(8, dtype=int), per_class, axis=0)
        dataset = replace(multi(items_of(y)), task="single-label")
        parts = dealt(dataset.items, part, seed=0)
        return report(dataset, parts=parts, hashes=None, part=part, check_photos=False).warnings

    (told,) = warnings(3)
    assert "Only 33 % of the groups are for training instead of 80 %" in told
    assert "8 classes have too few" in told
    assert warnings(10) == ()


@pytest.mark.parametrize(
    ("given", "part", "empty"),
    [
        (("train", "test"), SplitPart(), {"val"}),
        (("val", "val"), SplitPart(), {"train"}),
        (("train", "val"), SplitPart(), set()),
        (("", ""), SplitPart(), {"val", "test"}),
        (("", ""), SplitPart(test=0), {"val"}),
    ],
)
def test_parts_without_photos_are_told_as_the_training_does(
    given: tuple[str, str], part: SplitPart, empty: set[str]
) -> None:
    items = items_of(np.eye(2, dtype=int), split=given)
    parts = dealt(items, part, seed=0)
    found = report(multi(items), parts=parts, hashes=None, part=part, check_photos=False)
    said = r"(?:left for|No photo is in) the (\w+) split"
    told = {match[1] for word in found.warnings if (match := re.search(said, word))}
    assert told == empty
    if empty - {"test"}:
        with pytest.raises(DataError) as refused:
            split(items, part, seed=0)
        assert str(refused.value) in found.warnings
