"""Perceptual hashes: GeoView beside imagehash, on the same photos in one run, bits compared.

(a) decoded pictures, (b) files, (c) 50,000 hashes compared all against all, (d) what (b) and (c)
make together: finding the near-duplicates among so many files. For (c) imagehash's subtraction
is timed on a part of the pairs and extrapolated. imagehash works on one core; GeoView is timed on
one thread and on one for each core. The last line of output is one JSON object with the figures.
"""

from __future__ import annotations

import argparse
import json
import sys
import tempfile
import time
from collections.abc import Callable, Sequence
from itertools import combinations
from pathlib import Path
from typing import Any

import imagehash
import numpy as np
from numpy.typing import NDArray
from PIL import Image

from geoview import paths
from geoview.photos import decode, phash
from geoview.photos.scan import scan

SHARED = Path(__file__).resolve().parents[3] / "shared" / "data"
FOLDERS = ("rocks30", "minerals7")
HASHES, MAX_BITS, SUBSET = 50_000, 6, 400


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("folders", nargs="*", type=Path, help="else rocks30 and minerals7, if any")
    parser.add_argument("--photos", type=int, default=400, help="at most so many")
    parser.add_argument(
        "--megapixels", type=float, default=0, help="enlarge the photos, as a camera takes them"
    )
    parser.add_argument("--rounds", type=int, default=7, help="of which the quickest counts")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="geoview-hashing-") as name:
        folders = options.folders or [SHARED / f for f in FOLDERS if (SHARED / f).is_dir()]
        files = chosen(folders or [sample_photos(Path(name))], count=options.photos)
        if options.megapixels:
            files = enlarged(files, Path(name), megapixels=options.megapixels)
        figures: dict[str, object] = {
            "threads": phash._cores(),
            **of_pictures(files, rounds=options.rounds),
            **of_files(files, rounds=options.rounds),
            **of_pairs(),
        }
        figures |= together(figures)
    report(figures)
    sys.stdout.write(json.dumps(figures) + "\n")
    return 0


def chosen(folders: Sequence[Path], *, count: int) -> list[Path]:
    """Photos spread evenly over the folders, all upright and in sRGB, as imagehash takes them."""
    every = [photo.path for folder in folders for photo in scan(folder).photos]
    upright = []
    for path in every[:: max(1, len(every) // count)]:
        with Image.open(path) as image:
            plain = "icc_profile" not in image.info and image.mode in ("RGB", "L")
            if plain and image.getexif().get(0x0112, 1) == 1:
                upright.append(path)
    return upright[:count]


def sample_photos(folder: Path) -> Path:
    """The sample trays at half the size and in shifted parts, where there are no other photos."""
    for photo in scan(paths.resources() / "samples" / "cuttings").photos:
        with Image.open(photo.path) as image:
            for shift in range(0, 96, 8):
                part = image.convert("RGB").crop((shift, shift, shift + 640, shift + 480))
                part.save(folder / f"{photo.path.stem}_{shift}.jpg", quality=90)
    return folder


def enlarged(files: Sequence[Path], folder: Path, *, megapixels: float) -> list[Path]:
    """The same photos at a camera's size, as JPEGs of a camera's quality."""
    made = []
    for number, path in enumerate(files):
        with Image.open(path) as image:
            scale = (megapixels * 1e6 / (image.width * image.height)) ** 0.5
            size = (round(image.width * scale), round(image.height * scale))
            large = image.convert("RGB").resize(size, Image.Resampling.BICUBIC)
        made.append(folder / f"{number}.jpg")
        large.save(made[-1], quality=92)
    return made


def best_s(*runs: Callable[[], object], rounds: int) -> list[float]:
    """The quickest of several rounds; taken in turn, so that all meet the same troubles."""
    times: list[list[float]] = [[] for _ in runs]
    for _ in range(rounds):
        for run, taken in zip(runs, times, strict=True):
            began = time.perf_counter()
            run()
            taken.append(time.perf_counter() - began)
    return [min(taken) for taken in times]


def theirs(pictures: Sequence[Image.Image]) -> NDArray[np.uint64]:
    return np.array([int(str(imagehash.phash(p)), 16) for p in pictures], np.uint64)


def require_same(ours: NDArray[np.uint64], others: NDArray[np.uint64], what: str) -> None:
    if not np.array_equal(ours, others):
        raise AssertionError(f"{(ours != others).sum()} hashes of {what} differ from imagehash's")


def of_pictures(files: Sequence[Path], *, rounds: int) -> dict[str, object]:
    """From RGB arrays as the decoder gives them, and from Pillow's images."""
    arrays = [decode.decode(path).pixels for path in files]
    images = [Image.fromarray(pixels) for pixels in arrays]
    expected = theirs(images)
    require_same(phash.hashes(arrays), expected, "arrays")
    require_same(phash.hashes(images), expected, "images")
    their_arrays, their_images, one, every, ours_images = best_s(
        lambda: [imagehash.phash(Image.fromarray(pixels)) for pixels in arrays],
        lambda: [imagehash.phash(image) for image in images],
        lambda: phash.hashes(arrays, workers=1),
        lambda: phash.hashes(arrays),
        lambda: phash.hashes(images),
        rounds=rounds,
    )
    return {
        "photos": len(files),
        "megapixels_per_photo": round(float(np.mean([a.size / 3e6 for a in arrays])), 3),
        "arrays_per_s": round(len(files) / every),
        "imagehash_arrays_per_s": round(len(files) / their_arrays),
        "arrays_ratio_one_thread": round(their_arrays / one, 2),
        "arrays_ratio": round(their_arrays / every, 2),
        "images_ratio": round(their_images / ours_images, 2),
    }


def of_files(files: Sequence[Path], *, rounds: int) -> dict[str, object]:
    require_same(phash.hash_files(files).hashes, theirs([Image.open(p) for p in files]), "files")
    other, one, every, decoded = best_s(
        lambda: [imagehash.phash(Image.open(path)) for path in files],
        lambda: phash.hash_files(files, workers=1),
        lambda: phash.hash_files(files),
        lambda: [decode.decode(path) for path in files],
        rounds=rounds,
    )
    return {
        "decoding_alone_ratio_one_thread": round(other / decoded, 2),
        "files_per_s": round(len(files) / every),
        "imagehash_files_per_s": round(len(files) / other),
        "files_ratio_one_thread": round(other / one, 2),
        "files_ratio": round(other / every, 2),
    }


def of_pairs() -> dict[str, object]:
    """Random hashes, a tenth of them near another one."""
    rng = np.random.default_rng(0)
    values = rng.integers(0, 1 << 63, HASHES, dtype=np.uint64)
    near = rng.choice(HASHES, HASHES // 10, replace=False)
    values[near] = values[near - 1] ^ (np.uint64(1) << rng.integers(0, 64, len(near), np.uint64))
    part = [imagehash.hex_to_hash(f"{int(value):016x}") for value in values[:SUBSET]]
    near_theirs: list[tuple[int, int]] = []

    def subtract() -> None:
        near_theirs[:] = [
            (i, j) for i, j in combinations(range(SUBSET), 2) if part[i] - part[j] <= MAX_BITS
        ]

    subset_s, ours_s, clusters_s = best_s(
        subtract,
        lambda: phash.near_pairs(values, max_bits=MAX_BITS),
        lambda: phash.clusters(values, max_bits=MAX_BITS),
        rounds=3,
    )
    ours = phash.near_pairs(values[:SUBSET], max_bits=MAX_BITS)
    if not near_theirs or [tuple(pair) for pair in ours.tolist()] != near_theirs:
        raise AssertionError("the near pairs differ from imagehash's")
    theirs_s = subset_s / (SUBSET * (SUBSET - 1)) * (HASHES * (HASHES - 1))
    return {
        "hashes": HASHES,
        "pairs_s": round(ours_s, 2),
        "clusters_s": round(clusters_s, 2),
        "imagehash_pairs_s_extrapolated": round(theirs_s),
        "pairs_ratio_extrapolated": round(theirs_s / ours_s),
    }


def together(f: dict[str, Any]) -> dict[str, object]:
    """Seconds to hash ``HASHES`` such files and to compare them all, from the rates measured."""
    ours = HASHES / f["files_per_s"] + f["clusters_s"]
    theirs = HASHES / f["imagehash_files_per_s"] + f["imagehash_pairs_s_extrapolated"]
    return {
        "together_s": round(ours),
        "imagehash_together_s": round(theirs),
        "together_ratio": round(theirs / ours, 1),
    }


def report(f: dict[str, object]) -> None:
    """A small table for people."""
    sys.stdout.write(
        f"{f['photos']} photos of {f['megapixels_per_photo']} megapixels, {f['threads']} threads; "
        "bits identical to imagehash's\n"
        f"  (a) RGB arrays   {f['arrays_per_s']:>6}/s, imagehash {f['imagehash_arrays_per_s']:>6}/s"
        f"   ratio {f['arrays_ratio']} (one thread {f['arrays_ratio_one_thread']}; "
        f"from Pillow images {f['images_ratio']})\n"
        f"  (b) files        {f['files_per_s']:>6}/s, imagehash {f['imagehash_files_per_s']:>6}/s"
        f"   ratio {f['files_ratio']} (one thread {f['files_ratio_one_thread']}; decoding alone, "
        f"without any hash, {f['decoding_alone_ratio_one_thread']})\n"
        f"  (c) {f['hashes']} hashes all against all: {f['pairs_s']} s, clusters "
        f"{f['clusters_s']} s; imagehash {f['imagehash_pairs_s_extrapolated']} s, extrapolated "
        f"from {SUBSET} hashes   ratio {f['pairs_ratio_extrapolated']}\n"
        f"  (d) near-duplicates among {f['hashes']} such files, hashed and compared: "
        f"{f['together_s']} s, imagehash {f['imagehash_together_s']} s   "
        f"ratio {f['together_ratio']}\n"
    )


if __name__ == "__main__":
    raise SystemExit(main())
