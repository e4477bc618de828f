"""Splits: every photo in one part, no group on two sides, classes spread as evenly as can be."""

from __future__ import annotations

import shutil
from collections import Counter, defaultdict
from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image
from sklearn.model_selection import StratifiedGroupKFold

from geoview.errors import DataError
from geoview.training import data
from geoview.training.data import Item
from geoview.training.recipe import SplitPart
from geoview.training.split import PARTS, dealt, grouped, leaks, split


def item(number: int, labels: Sequence[float], **fields: object) -> Item:
    values: dict[str, object] = {
        "path": Path(f"/photos/{number}.jpg"),
        "file": f"{number}.jpg",
        "labels": tuple(float(x) for x in labels),
        "states": tuple(int(x) for x in labels),
        "group": f"g{number}",
    }
    return Item(**(values | fields))  # type: ignore[arg-type]


def one_hot(number: int, classes: int) -> list[float]:
    return [float(number == c) for c in range(classes)]


def sides(items: Sequence[Item], parts: dict[str, tuple[int, ...]]) -> dict[str, set[str]]:
    found: dict[str, set[str]] = defaultdict(set)
    for name, indices in parts.items():
        for index in indices:
            found[items[index].group].add(name)
    return found


@st.composite
def data_sets(draw: st.DrawFn) -> list[Item]:
    """Photos of up to four classes, single- or multi-label, in groups of uneven size."""
    classes = draw(st.integers(2, 4))
    single = draw(st.booleans())
    labels = st.lists(st.integers(0, 1), min_size=classes, max_size=classes)
    if single:
        labels = st.integers(0, classes - 1).map(lambda c: [int(c == k) for k in range(classes)])
    rows = draw(st.lists(st.tuples(labels, st.integers(0, 24)), min_size=12, max_size=60))
    return [
        item(n, row, group=f"g{group}", layer=draw(st.sampled_from((None, 0, 1))))
        for n, (row, group) in enumerate(rows)
    ]


@given(data_sets(), st.integers(0, 3), st.sampled_from((0.0, 0.2)))
@settings(max_examples=60, deadline=None)
def test_shares_deal_every_item_once_and_part_no_group(
    items: list[Item], seed: int, test: float
) -> None:
    parts = dealt(items, SplitPart(test=test), seed=seed)
    assert parts == dealt(items, SplitPart(test=test), seed=seed)
    assert sorted(i for indices in parts.values() for i in indices) == list(range(len(items)))
    assert all(len(found) == 1 for found in sides(items, parts).values())
    assert leaks(items, parts) == ()
    assert test > 0 or not parts["test"]


@given(data_sets(), st.integers(2, 4), st.integers(0, 3))
@settings(max_examples=60, deadline=None)
def test_folds_are_disjoint_and_complete(items: list[Item], folds: int, seed: int) -> None:
    if len({i.group for i in items}) < folds:
        return
    tested: Counter[int] = Counter()
    for fold in range(folds):
        parts = dealt(items, SplitPart(test=0, folds=folds, fold=fold), seed=seed)
        assert not parts["test"]
        assert sorted(parts["train"] + parts["val"]) == list(range(len(items)))
        assert all(len(found) == 1 for found in sides(items, parts).values())
        tested.update(parts["val"])
    assert tested == Counter(range(len(items)))


@given(data_sets(), st.integers(0, 3))
@settings(max_examples=60, deadline=None)
def test_groups_joined_by_anything_stay_together(items: list[Item], seed: int) -> None:
    """Chains of group, depth and specimen end in one group; nothing else is joined."""
    rng = np.random.default_rng(seed)
    items = [
        replace(
            one,
            well="W",
            depth_m=float(rng.integers(30)) if rng.random() < 0.5 else None,
            path=Path(f"/photos/S{rng.integers(40)}_{n}.jpg"),
        )
        for n, one in enumerate(items)
    ]
    joined = grouped(items, SplitPart(specimen=r"^(S\d+)_"))

    def keys(one: Item) -> set[object]:
        return {one.group, one.path.stem.split("_")[0]} | (
            set() if one.depth_m is None else {one.depth_m}
        )

    components: list[set[object]] = []
    for one in items:
        mine = keys(one)
        for other in [c for c in components if c & mine]:
            mine |= other
            components.remove(other)
        components.append(mine)
    expected = [next(n for n, c in enumerate(components) if keys(one) & c) for one in items]
    names = [one.group for one in joined]
    assert len(set(zip(expected, names, strict=True))) == len(set(names)) == len(set(expected))


def test_near_duplicates_are_one_group() -> None:
    items = [item(n, one_hot(n % 2, 2)) for n in range(4)]
    hashes = dict(zip((i.path for i in items), (0, 0b11, 2**63 - 1, 2**64 - 1), strict=True))
    joined = grouped(items, SplitPart(near_duplicates=2), hashes=hashes)
    assert [i.group for i in joined] == ["g0", "g0", "g2", "g2"]
    assert [i.group for i in grouped(items, SplitPart())] == ["g0", "g1", "g2", "g3"]


def test_copies_of_a_photo_are_found_by_looking(tmp_path: Path) -> None:
    rng = np.random.default_rng(0)
    for k in range(6):
        pixels = rng.integers(0, 255, (8, 8, 3), dtype=np.uint8)
        photo = Image.fromarray(pixels).resize((64, 64))
        for name in (f"{'ab'[k % 2]}/{k}.png", f"{'ab'[k % 2]}/copy_{k}.jpg"):
            (tmp_path / name).parent.mkdir(exist_ok=True)
            photo.save(tmp_path / name)
    items = data.load(tmp_path).items
    part = SplitPart(train=0.4, val=0.3, test=0.3, near_duplicates=4)
    parts = split(items, part, seed=0)
    for k in range(6):
        found = {n for n in PARTS for i in parts[n] if items[i].path.stem.endswith(str(k))}
        assert len(found) == 1


def test_copies_on_both_sides_of_a_users_split_are_a_leak(tmp_path: Path) -> None:
    """Smaller ones unless the recipe says otherwise, identical ones whatever it says."""
    rng = np.random.default_rng(0)
    for part in PARTS:
        for k in range(4):
            path = tmp_path / part / "ab"[k % 2] / f"{part}{k}.png"
            path.parent.mkdir(parents=True, exist_ok=True)
            pixels = rng.integers(0, 255, (6, 6, 3), dtype=np.uint8)
            Image.fromarray(pixels).resize((80, 80), Image.Resampling.BICUBIC).save(path)
    exact = SplitPart(near_duplicates=-1)
    original = tmp_path / "train/a/train0.png"
    Image.open(original).resize((60, 60)).save(tmp_path / "test/a/small.jpg")
    assert split(data.load(tmp_path).items, exact, seed=0)["test"]
    with pytest.raises(DataError, match=r"small\.jpg"):
        split(data.load(tmp_path).items, SplitPart(), seed=0)
    (tmp_path / "test/a/small.jpg").unlink()
    shutil.copy(original, tmp_path / "test/a/copy.png")
    for wish in (exact, SplitPart()):
        with pytest.raises(DataError, match=r"both train and test \(.*train0\.png and .*copy\.png"):
            split(data.load(tmp_path).items, wish, seed=0)


def test_every_class_of_three_groups_is_in_every_part() -> None:
    sizes = (40, 10, 3, 3, 2, 1)
    items = [item(100 * c + n, one_hot(c, 6)) for c, size in enumerate(sizes) for n in range(size)]
    for seed in range(5):
        parts = split(items, SplitPart(), seed=seed)
        counts = {
            name: np.sum([items[i].labels for i in indices], axis=0)
            for name, indices in parts.items()
        }
        for name in PARTS:
            assert (counts[name][:4] >= 1).all()
        assert counts["train"].tolist()[:2] == pytest.approx([28, 7], abs=1)
        assert counts["train"].min() >= 1
        assert counts["test"][4] == 1


@given(
    st.lists(st.integers(1, 12), min_size=2, max_size=8),
    st.sampled_from(((0.7, 0.1, 0.2), (0.8, 0.1, 0.1), (0.7, 0.3, 0.0))),
    st.integers(0, 3),
)
@settings(max_examples=60, deadline=None)
def test_every_class_is_learnt_and_in_as_many_parts_as_it_can_be(
    sizes: list[int], shares: tuple[float, float, float], seed: int
) -> None:
    items = [item(100 * c + n, one_hot(c, 8)) for c, size in enumerate(sizes) for n in range(size)]
    train, val, test = shares
    parts = dealt(items, SplitPart(train=train, val=val, test=test), seed=seed)
    counts = np.array([np.sum([items[i].labels for i in parts[n]] or [[0] * 8], 0) for n in PARTS])
    assert counts[0, : len(sizes)].min() >= 1
    assert ((counts > 0).sum(0)[: len(sizes)] >= np.minimum(sizes, np.count_nonzero(shares))).all()
    assert parts == dealt(items, SplitPart(train=train, val=val, test=test), seed=seed)


@pytest.mark.parametrize("shares", [(0.7, 0.1, 0.2), (0.8, 0.1, 0.1)])
def test_classes_of_two_specimens_take_turns_in_val_and_test(
    shares: tuple[float, float, float],
) -> None:
    train, val, test = shares
    items = [
        item(20 * c + n, one_hot(c, 3), group=f"{c}{n % 2}") for c in range(3) for n in range(20)
    ]
    parts = split(items, SplitPart(train=train, val=val, test=test), seed=0)
    assert len(parts["train"]) == 30
    assert {len(parts["val"]), len(parts["test"])} == {10, 20}


@pytest.mark.parametrize("multi", [False, True])
def test_folds_are_as_even_as_those_of_scikit_learn(multi: bool) -> None:
    """Judged by the worst share of a class in a fold; the oracle sees single labels only."""
    ours, theirs = [], []
    for seed in range(5):
        rng = np.random.default_rng(seed)
        owner = np.repeat(np.arange(80), rng.integers(1, 6, 80))
        y = rng.choice(4, 80, p=(0.4, 0.3, 0.18, 0.12))[owner]
        labels = np.eye(4)[y]
        if multi:
            labels[:, 3] = np.maximum(labels[:, 3], rng.random(len(y)) < 0.1)
        items = [item(n, row, group=f"g{owner[n]:03d}") for n, row in enumerate(labels)]
        mine = [
            dealt(items, SplitPart(test=0, folds=5, fold=k), seed=seed)["val"] for k in range(5)
        ]
        other = StratifiedGroupKFold(5, shuffle=True, random_state=seed)
        ours.append(unevenness(labels, mine))
        theirs.append(unevenness(labels, [test for _, test in other.split(labels, y, owner)]))
    assert np.mean(ours) <= np.mean(theirs) * 1.1


def unevenness(labels: np.ndarray, folds: Sequence[Sequence[int]]) -> float:
    """Root mean square distance of the folds' label counts from even ones, over these."""
    even = labels.sum(0) / len(folds)
    return float(np.sqrt(np.mean([((labels[list(f)].sum(0) - even) / even) ** 2 for f in folds])))


def test_a_fold_is_test_and_the_next_one_val() -> None:
    items = [item(n, one_hot(n % 2, 2)) for n in range(20)]
    first = split(items, SplitPart(folds=5, fold=0), seed=0)
    last = split(items, SplitPart(folds=5, fold=4), seed=0)
    assert {name: len(found) for name, found in first.items()} == dict(
        zip(PARTS, (12, 4, 4), strict=True)
    )
    assert last["val"] == first["test"]


@pytest.mark.parametrize(
    ("part", "words"),
    [
        (SplitPart(folds=5, fold=5), "count from 0 to 4"),
        (SplitPart(folds=2), "at least 3, or set test = 0"),
        (SplitPart(folds=60), "only 20 groups for 60 folds"),
        (SplitPart(folds=4, test_wells=["A"]), "exclude each other"),
        (SplitPart(specimen="("), "no regular expression"),
    ],
)
def test_impossible_wishes_are_refused(part: SplitPart, words: str) -> None:
    items = [item(n, one_hot(n % 2, 2)) for n in range(20)]
    with pytest.raises(DataError, match=words):
        split(items, part, seed=0)


@pytest.mark.parametrize(
    ("fields", "part"),
    [
        ({"group": "S1"}, SplitPart()),
        ({"well": "W", "depth_m": 1250.0}, SplitPart()),
        ({"depth_m": 1250.0}, SplitPart()),
        ({}, SplitPart(specimen=r"^\d")),
    ],
    ids=["group", "depth", "depth-without-well", "specimen"],
)
def test_a_users_split_that_leaks_is_refused(fields: dict[str, object], part: SplitPart) -> None:
    items = [
        item(11, (1, 0), split="train", **fields),
        item(12, (1, 0), split="test", **fields),
        item(21, (0, 1), split="val"),
        item(31, (0, 1), split="train"),
    ]
    with pytest.raises(DataError, match=r"in both train and test \(11\.jpg and 12\.jpg\)"):
        split(items, part, seed=0)


def test_a_users_split_is_kept() -> None:
    names = ("train", "", "val", "test")
    items = [item(n, one_hot(n % 2, 2), split=name) for n, name in enumerate(names)]
    assert split(items, SplitPart(), seed=0) == {"train": (0, 1), "val": (2,), "test": (3,)}
    with pytest.raises(DataError, match="“holdout” is no split"):
        split([*items, item(9, (1, 0), split="holdout")], SplitPart(), seed=0)
    with pytest.raises(DataError, match=r"folds = 4 cannot be dealt; set split\.folds = 0"):
        split(items, SplitPart(folds=4), seed=0)
    for wells in (SplitPart(test_wells=["A"]), SplitPart(train_wells=["A"])):
        with pytest.raises(DataError, match=r"own split, so split\.\w+ \(A\) cannot hold; set"):
            split(items, wells, seed=0)
    with pytest.raises(DataError, match="No photo is in the val split that the data bring"):
        split([items[0], items[3]], SplitPart(), seed=0)


def test_another_depth_or_well_is_another_group() -> None:
    items = [
        item(1, (1, 0), well="A", depth_m=10.0),
        item(2, (1, 0), well="B", depth_m=10.0),
        item(3, (1, 0), well="A", depth_m=10.5),
    ]
    assert len({i.group for i in grouped(items, SplitPart())}) == 3


def test_a_tray_is_never_parted_and_the_shares_hold(well: Path) -> None:
    items = data.load(well).items
    parts = split(items, SplitPart(train=0.6, val=0.2, test=0.2), seed=1)
    found = sides(items, parts)
    assert all(len(names) == 1 for names in found.values())
    assert len(found) == 20
    assert {name: len(v) / 4 for name, v in parts.items()} == pytest.approx(
        {"train": 12, "val": 4, "test": 4}, abs=1
    )
    assert parts == split(items, SplitPart(train=0.6, val=0.2, test=0.2), seed=1)
    assert parts != split(items, SplitPart(train=0.6, val=0.2, test=0.2), seed=2)


def test_tiles_are_dealt_alike_in_every_version(well: Path) -> None:
    """A training that is resumed after an update must find its photos where they were."""
    items = data.load(well).items
    parts = split(items, SplitPart(), seed=0)
    names = {n: sorted({items[i].file[7:11] for i in parts[n]}) for n in PARTS}
    assert names["val"] == ["0080", "0140"]
    assert names["test"] == ["0020", "0040", "0050", "0070", "0190"]


def test_adding_a_well_moves_no_photo_of_another(
    tmp_path: Path, make_well: Callable[..., Path]
) -> None:
    first = make_well(tmp_path / "a", photos=15, well="A")
    second = make_well(tmp_path / "b", photos=15, seed=3, well="B")
    alone, both = data.load(first).items, data.load([first, second]).items
    part = SplitPart()
    kept = {name: {alone[i].file for i in idx} for name, idx in split(alone, part, seed=0).items()}
    mixed = split(both, part, seed=0)
    for name, indices in mixed.items():
        assert {both[i].file for i in indices if both[i].well == "A"} == kept[name]
    held = split(both, SplitPart(test_wells=["B"]), seed=0)
    assert {both[i].well for i in held["train"] + held["val"]} == {"A"}
    folds = split(both, SplitPart(train_wells=["B"], folds=3), seed=0)
    assert {both[i].well for i in folds["val"] + folds["test"]} == {"A"}


def test_wells_of_a_recipe_are_found_however_they_are_spelled_or_refused() -> None:
    """A well kept for the test must never be trained on because of a capital."""
    items = [item(n, one_hot(n % 2, 2), well=f"WELL-{'ABC'[n % 3]}") for n in range(36)]
    parts = split(items, SplitPart(test_wells=["well-b "], train_wells=["Well-C"]), seed=0)
    assert {items[i].well for i in parts["test"]} >= {"WELL-B"}
    assert "WELL-B" not in {items[i].well for i in parts["train"] + parts["val"]}
    assert "WELL-C" not in {items[i].well for i in parts["val"] + parts["test"]}
    folds = split(items, SplitPart(train_wells=["Well-C"], folds=3), seed=0)
    assert "WELL-C" not in {items[i].well for i in folds["val"] + folds["test"]}
    for wish in (SplitPart(test_wells=["B"]), SplitPart(train_wells=["B"], folds=3)):
        with pytest.raises(DataError, match=r"_wells names B, .* WELL-A, WELL-B, WELL-C\)"):
            split(items, wish, seed=0)
    with pytest.raises(DataError, match=r"their wells: none"):
        split([item(n, one_hot(n % 2, 2)) for n in range(9)], SplitPart(test_wells=["B"]), seed=0)


@given(st.integers(10, 25), st.integers(1, 4), st.booleans(), st.integers(0, 3))
@settings(max_examples=40, deadline=None)
def test_many_wells_of_few_photos_are_dealt_by_the_shares(
    wells: int, photos: int, multi: bool, seed: int
) -> None:
    items = [
        item(n, [*one_hot(n % 3, 3), float(multi)], well=f"W{n % wells}")
        for n in range(wells * photos)
    ]
    parts = dealt(items, SplitPart(), seed=seed)
    for name, share in zip(PARTS, (0.7, 0.1, 0.2), strict=True):
        assert len(parts[name]) == pytest.approx(share * len(items), abs=3)
        assert np.sum([items[i].labels for i in parts[name]], axis=0)[:3].min() >= 1


def test_a_class_rare_in_every_well_is_in_every_part() -> None:
    items = [
        item(100 * w + n, one_hot(int(n == 0), 2), well=f"W{w}")
        for w in range(6)
        for n in range(30)
    ]
    parts = split(items, SplitPart(), seed=0)
    rare = {name: sum(items[i].labels[1] for i in indices) for name, indices in parts.items()}
    assert rare == {"train": 4, "val": 1, "test": 1}


@pytest.mark.parametrize("shares", [(0.9, 0.05, 0.05), (0.7, 0.1, 0.2)])
@pytest.mark.parametrize("per_group", [1, 3])
def test_rare_labels_are_in_every_part(shares: tuple[float, float, float], per_group: int) -> None:
    train, val, test = shares
    chances = np.array([0.6, 0.5, 0.4, 0.3, 0.2, 0.1, 0.05, 0])
    for seed in range(20):
        rng = np.random.default_rng(seed)
        labels = (rng.random((400, 8)) < chances).astype(float)
        labels[rng.choice(400, 20, replace=False), 7] = 1
        owner = rng.integers(400 // per_group, size=400)
        items = [item(n, row, group=f"g{owner[n]}") for n, row in enumerate(labels)]
        parts = dealt(items, SplitPart(train=train, val=val, test=test), seed=seed)
        assert leaks(items, parts) == ()
        for name, share in zip(PARTS, shares, strict=True):
            own = labels[list(parts[name])]
            assert own.sum(0).min() >= 1
            assert len(own) == pytest.approx(400 * share, abs=15)


def test_labels_of_two_specimens_take_turns_in_val_and_test() -> None:
    items = [item(n, [*one_hot(n % 3, 3), 1], group=f"{n % 3}{n // 3 % 2}") for n in range(60)]
    assert all(split(items, SplitPart(), seed=seed)["val"] for seed in range(5))
