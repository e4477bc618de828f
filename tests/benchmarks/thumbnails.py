"""Thumbnails of 12-megapixel JPEG photos: GeoView beside vipsthumbnail, on the same cores.

The last line of output is one JSON object with the figures.
"""

from __future__ import annotations

import argparse
import io
import json
import os
import shutil
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np
from PIL import Image

from geoview import paths
from geoview.photos.scan import scan
from geoview.photos.thumbnails import ThumbnailCache

WIDTH_PX, HEIGHT_PX, SIDE_PX = 4000, 3000, 256


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--photos", type=int, default=60, help="how many photos")
    parser.add_argument("--rounds", type=int, default=3, help="how often each program runs")
    parser.add_argument("--threads", type=int, default=len(os.sched_getaffinity(0)))
    options = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="geoview-thumbnails-") as name:
        folder = Path(name)
        make_photos(folder / "photos", count=options.photos)
        figures = measure(folder, rounds=options.rounds, threads=options.threads)
    report(figures)
    sys.stdout.write(json.dumps(figures) + "\n")
    return 0


def make_photos(folder: Path, *, count: int) -> None:
    """The sample trays brought to 12 megapixels, with a sensor's noise, at quality 90."""
    folder.mkdir()
    rng = np.random.default_rng(0)
    trays = scan(paths.resources() / "samples" / "cuttings").photos[:4]
    contents = [_enlarged(tray.path, rng) for tray in trays]
    for index in range(count):
        name = f"WELL-B_{1000 + index * 2.5:06.1f}m.jpg"
        (folder / name).write_bytes(contents[index % len(contents)])


def _enlarged(path: Path, rng: np.random.Generator) -> bytes:
    with Image.open(path) as image:
        large = image.convert("RGB").resize((WIDTH_PX, HEIGHT_PX), Image.Resampling.BICUBIC)
    noisy = np.asarray(large) + rng.normal(0, 2, (HEIGHT_PX, WIDTH_PX, 3))
    stream = io.BytesIO()
    Image.fromarray(np.clip(noisy, 0, 255).astype(np.uint8)).save(stream, "JPEG", quality=90)
    return stream.getvalue()


def measure(folder: Path, *, rounds: int, threads: int) -> dict[str, object]:
    """All in turn, so that what else the machine does troubles them alike.

    vipsthumbnail runs in two ways: one command for all files, spreading over the cores by itself
    (the ratio), and one command per core, each with its share of the files (the split ratio).
    """
    files = sorted((folder / "photos").iterdir())
    vips = shutil.which("vipsthumbnail")
    ours, whole, split = Runs(len(files)), Runs(len(files)), Runs(len(files))
    _geoview(folder / "photos", folder / "warm", threads)  # libraries loaded, files in memory
    for index in range(rounds):
        ours.time(lambda: _geoview(folder / "photos", folder / f"g{index}", threads))  # noqa: B023
        if vips:
            out = folder / f"v{index}"
            whole.time(lambda: _vips(vips, files, out, 1, threads))  # noqa: B023
            out = folder / f"w{index}"
            split.time(lambda: _vips(vips, files, out, threads, 1))  # noqa: B023
    return {
        "photos": len(files),
        "megabytes_per_photo": round(sum(f.stat().st_size for f in files) / len(files) / 1e6, 2),
        "threads": threads,
        "photos_per_s": ours.per_s,
        "vips_photos_per_s": whole.per_s,
        "ratio": _ratio(ours.per_s, whole.per_s),
        "vips_split_photos_per_s": split.per_s,
        "ratio_split": _ratio(ours.per_s, split.per_s),
        # Processor time hardly depends on what else the machine does.
        "cpu_ms_per_photo": ours.cpu_ms,
        "vips_cpu_ms_per_photo": whole.cpu_ms,
        "vips_split_cpu_ms_per_photo": split.cpu_ms,
    }


class Runs:
    """Wall and processor times of one program's runs over all photos."""

    def __init__(self, photos: int) -> None:
        self._photos = photos
        self._wall_s: list[float] = []
        self._cpu_s: list[float] = []

    def time(self, run: Callable[[], None]) -> None:
        cpu, wall = _cpu_s(), time.perf_counter()
        run()
        self._wall_s.append(time.perf_counter() - wall)
        self._cpu_s.append(_cpu_s() - cpu)

    @property
    def per_s(self) -> float | None:
        return round(self._photos / statistics.median(self._wall_s), 1) if self._wall_s else None

    @property
    def cpu_ms(self) -> float | None:
        if not self._cpu_s:
            return None
        return round(statistics.median(self._cpu_s) / self._photos * 1000, 1)


def _ratio(ours: float | None, theirs: float | None) -> float | None:
    return round(ours / theirs, 2) if ours and theirs else None


def _cpu_s() -> float:
    """Processor time of this process and of the ones it has started and waited for."""
    times = os.times()
    return times.user + times.system + times.children_user + times.children_system


def _geoview(photos: Path, cache: Path, threads: int) -> None:
    """From the scan of the folder to every thumbnail on disk."""
    thumbnails = ThumbnailCache(cache, side_px=SIDE_PX)
    with ThreadPoolExecutor(threads) as pool:
        for pixels in pool.map(thumbnails.get, scan(photos).photos):
            if max(pixels.shape) != SIDE_PX:
                raise AssertionError(f"a thumbnail of {pixels.shape}")


def _vips(program: str, files: list[Path], out: Path, processes: int, threads: int) -> None:
    """``processes`` commands of ``threads`` threads, each with its share of the files."""
    out.mkdir()
    environment = {**os.environ, "VIPS_CONCURRENCY": str(threads)}
    commands = [
        subprocess.Popen(
            [program, *map(str, files[i::processes]), "-s", str(SIDE_PX), "-o", f"{out}/%s.jpg"],
            env=environment,
        )
        for i in range(processes)
    ]
    codes = [command.wait() for command in commands]
    if any(codes) or len(list(out.iterdir())) != len(files):
        raise AssertionError("vipsthumbnail failed")


def report(figures: dict[str, object]) -> None:
    """A small table for people."""
    rows = [
        ("GeoView", "", ""),
        ("vipsthumbnail", "vips_", "ratio"),
        ("vipsthumbnail, one per core", "vips_split_", "ratio_split"),
    ]
    lines = [f"{figures['photos']} photos of 12 megapixels, {figures['threads']} threads"]
    for title, start, ratio in rows:
        per_s, cpu_ms = figures[f"{start}photos_per_s"], figures[f"{start}cpu_ms_per_photo"]
        if per_s is not None:
            behind = f"   ratio {figures[ratio]}" if ratio else ""
            lines.append(f"  {title:<28}{per_s:>6} photos/s {cpu_ms:>5} ms processor time{behind}")
    if figures["ratio"] is None:
        lines.append("vipsthumbnail is missing: sudo apt-get install libvips-tools")
    sys.stdout.write("\n".join(lines) + "\n")


if __name__ == "__main__":
    raise SystemExit(main())
