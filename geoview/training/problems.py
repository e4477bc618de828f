"""What is wrong with labelled photos: unreadable, near-duplicate, contradictory, leaking."""

from __future__ import annotations

import hashlib
import os
from collections import defaultdict
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from geoview.callbacks import never
from geoview.errors import Cancelled, PhotoError
from geoview.photos import decode
from geoview.rate import Rate
from geoview.records import Progress
from geoview.training import duplicates
from geoview.training.data import Dataset
from geoview.training.split import PARTS, Split

Flags = NDArray[np.uint8]
_DECODE_PX = 64


@dataclass(frozen=True, slots=True)
class Conflict:
    """Photos that are the same, or nearly, and carry different labels."""

    files: tuple[str, ...]
    labels: tuple[str, ...]
    why: Literal["named twice", "same content", "near-duplicates"]


def unreadable(
    paths: Sequence[Path],
    *,
    progress: Callable[[Progress], None] = lambda _: None,
    cancelled: Callable[[], bool] = never,
) -> dict[Path, str]:
    """The photos that cannot be decoded, with the plain reason. Raises Cancelled."""
    found: dict[Path, str] = {}
    rate = Rate()
    pool = ThreadPoolExecutor(os.cpu_count(), thread_name_prefix="check-photos")
    try:
        tried = zip(paths, pool.map(_reason, paths), strict=True)
        for done, (path, reason) in enumerate(tried, start=1):
            if cancelled():
                raise Cancelled("Stopped before all photos were checked.")
            if reason:
                found[path] = reason
            progress(Progress(done, len(paths), rate.after(1), len(found)))
    finally:
        pool.shutdown(cancel_futures=True)
    return found


def _reason(path: Path) -> str:
    try:
        decode.decode(path, at_least_px=_DECODE_PX)
    except PhotoError as error:
        return str(error)
    return ""


def clusters(
    hashes: Mapping[Path, int] | None, photos: Sequence[Path], max_bits: int
) -> list[list[Path]]:
    """Near-duplicates of two photos and more, in the order of the data."""
    if not hashes:
        return []
    known = {path: hashes[path] for path in photos if path in hashes}
    return duplicates.clusters(known, max_bits=max_bits)


def conflicts(
    dataset: Dataset, shown: Mapping[Path, Flags], clusters: Iterable[Sequence[Path]]
) -> Iterator[Conflict]:
    files = {item.path: item.file for item in dataset.items}

    def words(labels: Iterable[float]) -> str:
        return ", ".join(n for n, own in zip(dataset.classes, labels, strict=True) if own) or "none"

    rows: dict[Path, list[tuple[float, ...]]] = defaultdict(list)
    for item in dataset.items:
        if item.tile is None:
            rows[item.path].append(item.labels)
    for path, found in rows.items():
        if len(set(found)) > 1:
            yield Conflict((files[path],), tuple(map(words, dict.fromkeys(found))), "named twice")
    for cluster in clusters:
        if len({shown[path].tobytes() for path in cluster}) > 1:
            same = len({_digest(path) for path in cluster}) == 1
            yield Conflict(
                tuple(files[path] for path in cluster),
                tuple(words(shown[path]) for path in cluster),
                "same content" if same else "near-duplicates",
            )


def _digest(path: Path) -> bytes:
    with path.open("rb") as stream:
        return hashlib.file_digest(stream, "blake2b").digest()


def torn(dataset: Dataset, parts: Split, clusters: Iterable[Sequence[Path]]) -> tuple[str, ...]:
    """A sentence for every cluster of near-duplicates in two parts that is not one group."""
    places = {dataset.items[i].path: (n, dataset.items[i]) for n in PARTS for i in parts[n]}
    found = []
    for cluster in clusters:
        known = [places[path] for path in cluster if path in places]
        for name, item in known[1:]:
            if name != known[0][0] and item.group != known[0][1].group:
                found.append(
                    f"The split leaks: {known[0][1].file} in {known[0][0]} and {item.file} in "
                    f"{name} are near-duplicates; keep them on one side."
                )
                break
    return tuple(found)
