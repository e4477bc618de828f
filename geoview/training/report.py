"""What labelled data hold, and what is wrong with them, before any training."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from geoview.callbacks import never
from geoview.records import Progress
from geoview.training import problems
from geoview.training.data import Dataset, Item
from geoview.training.duplicates import NEAR_BITS
from geoview.training.problems import Flags
from geoview.training.recipe import SplitPart
from geoview.training.split import PARTS, Split, leaks, missing

# A share of the groups for training that lies so far below the one wanted is worth a word.
_FAR_OFF = 0.1


@dataclass(frozen=True, slots=True)
class ClassCount:
    """How often a class occurs; ``imbalance`` is the largest class's photos over this one's
    (IRLbl, Charte et al. 2015), None where there are none; ``parts`` its groups in each part."""

    name: str
    photos: int
    items: int
    groups: int
    imbalance: float | None
    parts: dict[str, int]


@dataclass(frozen=True, slots=True)
class Well:
    name: str
    photos: int
    depth_min_m: float | None
    depth_max_m: float | None


@dataclass(frozen=True, slots=True)
class DatasetReport:
    """Counts are of photos unless they say items (tiles, or rows of a sheet) or groups.

    ``labels_per_photo`` are pairs (number of labels, number of photos): Table 1 of P1.
    ``cardinality`` is the mean number of labels of a photo, ``density`` that over the number of
    classes. ``imbalance`` is the largest class over the smallest, ``mean_imbalance`` the mean of
    the classes' (MeanIR). ``pairs`` are two classes and the photos that show both. ``unreadable``
    gives the reason by file, ``missing`` are photos that a sheet names and that are not there.
    ``checked`` says whether the photos themselves were looked at.
    """

    sources: tuple[str, ...]
    task: str
    photos: int
    items: int
    groups: int
    classes: tuple[ClassCount, ...]
    labels_per_photo: tuple[tuple[int, int], ...]
    cardinality: float
    density: float
    imbalance: float | None
    mean_imbalance: float | None
    pairs: tuple[tuple[str, str, int], ...]
    layers: dict[str, int]
    wells: tuple[Well, ...]
    parts: dict[str, int]
    checked: bool
    unreadable: dict[str, str]
    near_duplicates: tuple[tuple[str, ...], ...]
    conflicts: tuple[problems.Conflict, ...]
    leaks: tuple[str, ...]
    warnings: tuple[str, ...]
    missing: tuple[str, ...]
    tiles: int


def report(
    dataset: Dataset,
    *,
    parts: Split | None,
    hashes: Mapping[Path, int] | None,
    part: SplitPart | None = None,
    progress: Callable[[Progress], None] = lambda _: None,
    cancelled: Callable[[], bool] = never,
    check_photos: bool = True,
    max_bits: int = NEAR_BITS,
) -> DatasetReport:
    """Count, compare and try the photos of a data set whose items bear their final groups.

    ``parts`` are what ``part`` of the recipe (the usual one by default) made of it. ``hashes``
    (pHash by photo) find near-duplicates, which differ in at most ``max_bits`` bits; what has a
    hash could be read, the rest is decoded to know why not. Raises Cancelled.
    """
    items = dataset.items
    photos = list(dict.fromkeys(item.path for item in items))
    files = {item.path: item.file for item in items}
    labels = _labels(items)
    shown = _merged(labels, [item.path for item in items])
    counts = shown.sum(0, dtype=int)
    per_photo = shown.sum(1, dtype=int)
    clusters = problems.clusters(hashes, photos, max_bits)
    classes = _classes(dataset, labels, counts, parts)
    ratios = [c.imbalance for c in classes if c.imbalance is not None]
    unread = [path for path in photos if path not in (hashes or {})] if check_photos else []
    reasons = problems.unreadable(unread, progress=progress, cancelled=cancelled)
    leaking, advice = _leaks(dataset, parts, clusters, max_bits)
    return DatasetReport(
        sources=dataset.sources,
        task=dataset.task,
        photos=len(photos),
        items=len(items),
        groups=len({item.group for item in items}),
        classes=classes,
        labels_per_photo=tuple((n, int(k)) for n, k in enumerate(np.bincount(per_photo)) if k),
        cardinality=float(per_photo.mean()),
        density=float(per_photo.mean()) / len(dataset.classes),
        imbalance=float(counts.max() / counts.min()) if counts.min() else None,
        mean_imbalance=float(np.mean(ratios)) if ratios else None,
        pairs=_pairs(dataset, shown),
        layers=_layers(dataset),
        wells=tuple(_wells(items)),
        parts={n: len({items[i].path for i in parts[n]}) for n in PARTS} if parts else {},
        checked=check_photos,
        unreadable={files[path]: reason for path, reason in reasons.items()},
        near_duplicates=tuple(tuple(files[path] for path in cluster) for cluster in clusters),
        conflicts=tuple(
            problems.conflicts(dataset, dict(zip(photos, shown, strict=True)), clusters)
        ),
        leaks=leaking,
        warnings=(
            *dataset.warnings,
            *advice,
            *_shortfalls(dataset, classes, parts, part or SplitPart()),
        ),
        missing=dataset.missing,
        tiles=sum(item.tile is not None for item in items),
    )


def shortfalls(dataset: Dataset, parts: Split, part: SplitPart) -> tuple[str, ...]:
    """A sentence for every class too small to learn and test, and for a missing test part.

    As in ``report``, the items bear their final groups and ``parts`` are what ``part`` made of
    them.
    """
    labels = _labels(dataset.items)
    counts = _merged(labels, [item.path for item in dataset.items]).sum(0, dtype=int)
    return tuple(_shortfalls(dataset, _classes(dataset, labels, counts, parts), parts, part))


def _labels(items: Sequence[Item]) -> Flags:
    return np.array([item.labels for item in items]).astype(np.uint8)


def _merged(labels: Flags, keys: Sequence[object]) -> Flags:
    """The labels of all items of one key together, one row per key in order of appearance."""
    rows = {key: row for row, key in enumerate(dict.fromkeys(keys))}
    merged = np.zeros((len(rows), labels.shape[1]), np.uint8)
    np.maximum.at(merged, [rows[key] for key in keys], labels)
    return merged


def _classes(
    dataset: Dataset, labels: Flags, counts: NDArray[np.int_], parts: Split | None
) -> tuple[ClassCount, ...]:
    groups = [item.group for item in dataset.items]
    in_all = _merged(labels, groups).sum(0, dtype=int)
    in_part = {
        name: _merged(labels[list(indices)], [groups[i] for i in indices]).sum(0, dtype=int)
        for name, indices in (parts or {}).items()
    }
    in_items = labels.sum(0, dtype=int)
    return tuple(
        ClassCount(
            name=name,
            photos=int(counts[c]),
            items=int(in_items[c]),
            groups=int(in_all[c]),
            imbalance=float(counts.max() / counts[c]) if counts[c] else None,
            parts={part: int(found[c]) for part, found in in_part.items()},
        )
        for c, name in enumerate(dataset.classes)
    )


def _pairs(dataset: Dataset, shown: Flags) -> tuple[tuple[str, str, int], ...]:
    """Classes that occur together, the commonest pair first."""
    together = np.zeros((shown.shape[1],) * 2)
    mixed = shown[shown.sum(1, dtype=int) > 1]
    for start in range(0, len(mixed), 4096):
        block = mixed[start : start + 4096].astype(np.float32)
        together += block.T @ block
    rows, columns = np.nonzero(np.triu(together, 1))
    names = dataset.classes
    found = [(names[a], names[b], int(together[a, b])) for a, b in zip(rows, columns, strict=True)]
    return tuple(sorted(found, key=lambda pair: -pair[2]))


def _layers(dataset: Dataset) -> dict[str, int]:
    found = Counter({item.path: item.layer for item in dataset.items}.values())
    return {name: found[layer] for layer, name in enumerate(dataset.layers)}


def _wells(items: Iterable[Item]) -> Iterator[Well]:
    depths: dict[str, dict[Path, float | None]] = defaultdict(dict)
    for item in items:
        if item.well or item.depth_m is not None:
            depths[item.well][item.path] = item.depth_m
    for name, found in sorted(depths.items()):
        known = [depth for depth in found.values() if depth is not None]
        yield Well(name, len(found), min(known, default=None), max(known, default=None))


def _leaks(
    dataset: Dataset, parts: Split | None, clusters: Sequence[Sequence[Path]], max_bits: int
) -> tuple[tuple[str, ...], tuple[str, ...]]:
    """Groups in two parts. Near-duplicates there are a leak of the user's own split; in ours the
    recipe has not joined them, which is worth an advice."""
    if parts is None:
        return (), ()
    found, torn = leaks(dataset.items, parts), problems.torn(dataset, parts, clusters)
    if any(item.split for item in dataset.items):
        return (*found, *torn), ()
    advice = (
        f"{len(torn)} clusters of near-duplicates are in more than one part; set "
        f"near_duplicates = {max_bits} under [split] in the recipe to keep them together."
    )
    return found, (advice,) if torn else ()


def _little_to_learn(
    dataset: Dataset, classes: Iterable[ClassCount], parts: Split, part: SplitPart
) -> Iterator[str]:
    """A word where the other parts' one group of every small class leaves train much too few."""
    own = any(item.split for item in dataset.items)
    if dataset.task != "single-label" or own or part.folds or part.train_wells or part.test_wells:
        return
    shares = [share for share in (part.train, part.val, part.test) if share > 0]
    wanted = part.train / sum(shares)
    groups = {name: len({dataset.items[i].group for i in parts[name]}) for name in PARTS}
    found = groups["train"] / sum(groups.values())
    if found < wanted - _FAR_OFF:
        small = sum(0 < one.groups * min(shares) < sum(shares) for one in classes)
        yield (
            f"Only {100 * found:.0f} % of the groups are for training instead of "
            f"{100 * wanted:.0f} %: every part gets one of each class, and {small} classes have "
            "too few for that; collect more of these or leave them out."
        )


def _shortfalls(
    dataset: Dataset, classes: Iterable[ClassCount], parts: Split | None, part: SplitPart
) -> Iterator[str]:
    """Parts that are empty, and classes that are too few for the split."""
    wanted = ["train", "val"]
    # A split that the user brings may do without a test part.
    if part.test > 0 and not any(item.split for item in dataset.items):
        wanted.append("test")
    used = [name for name in PARTS if name in wanted or (parts and parts[name])]
    if parts is not None:
        yield from missing(dataset.items, parts, wanted)
        yield from _little_to_learn(dataset, classes, parts, part)
    for one in classes:
        lacking = [n for n in used if parts and parts[n] and one.parts.get(n) == 0]
        where = f"; it is not in {' or '.join(lacking)}" if lacking else ""
        if one.photos == 0:
            yield f"No photo shows {one.name}."
        elif one.photos == 1:
            yield f"{one.name} has only one photo, too few to be learnt and tested{where}."
        elif one.groups < len(used):
            yield f"{one.name} has only {one.groups} groups for {len(used)} parts{where}."
        elif lacking:
            yield f"{one.name} is not in {' or '.join(lacking)}."
