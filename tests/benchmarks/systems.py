"""The five systems by the real command line on real photos: train, evaluate, predict, heatmaps.

Every system trains by its shipped ``small`` recipe, with fewer epochs and photos unless asked
otherwise, on photos among which one file is broken; the model is then measured on its own test
part, and analyses a folder of test photos, the broken file again among them. Prints one table;
the last line is one JSON object. Finished systems are kept under ``build/systems``, so that a
stopped benchmark goes on where it was.
"""

from __future__ import annotations

import argparse
import csv
import json
import shutil
import subprocess
import sys
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import _mosaics
from _reproduce import SHARED, copied, markdown, say
from p4 import thinned
from PIL import Image

ROOT = Path(__file__).resolve().parents[2]
BUILD = ROOT / "build" / "systems"
BROKEN = "broken.jpg"
SHEETS = ("truth_tiles.csv", "labels.csv")
LOOKED_AT = 12

Figures = dict[str, Any]


@dataclass(frozen=True, slots=True)
class System:
    """A recipe, where its photos come from, the figure it is judged by, and fewer epochs."""

    recipe: str
    data: str
    source: Callable[[], Path]
    figure: str
    epochs: int


def mosaics() -> Path:
    return _mosaics.make([SHARED / "minerals7"], BUILD / "data" / "mosaics", count=300)


SYSTEMS = (
    System("geolayer", "cuttings/well_a", lambda: SHARED / "cuttings" / "well_a", "map", 3),
    System("mineral-query", "mosaics of minerals7", mosaics, "map", 6),
    System("mineral-5k", "minerals7", lambda: SHARED / "minerals7", "macro_f1", 4),
    System("deeprock", "igneous7", lambda: SHARED / "igneous7", "macro_f1", 8),
    System("ma-vit", "minerals7, muscovite thinned", lambda: thinned(0), "macro_f1", 4),
)


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("systems", nargs="*", help="else all five")
    parser.add_argument("--photos", type=int, default=0, help="at most so many a system; 0: all")
    parser.add_argument(
        "--epochs", type=int, help="0: the recipe's own; else fewer, about 4 minutes a system"
    )
    given = parser.parse_args()
    chosen = [s for s in SYSTEMS if not given.systems or s.recipe in given.systems]
    rows = [result(s, photos=given.photos, epochs=given.epochs) for s in chosen]
    head = ("system", "photos of", "photos", "epochs", "minutes", "figure, test part",
            "predict", "heatmaps")  # fmt: skip
    say(markdown(head, [cells(row) for row in rows]))
    say(json.dumps({row["system"]: row for row in rows}))
    return 0 if all(row["predict_ok"] and row["heatmaps_ok"] for row in rows) else 1


def cells(row: Figures) -> list[str]:
    low, high = row["ci95"]
    return [
        row["system"], row["data"], f"{row['photos']}", f"{row['epochs']}", f"{row['minutes']}",
        f"{row['figure_name']} {row['figure']:.3f} ({low:.3f}–{high:.3f}, n = {row['tested']})",
        f"{row['done']} done, {row['failed']} broken told" if row["predict_ok"] else "wrong",
        f"{row['heatmaps']} pictures" if row["heatmaps_ok"] else "wrong",
    ]  # fmt: skip


def result(system: System, *, photos: int, epochs: int | None) -> Figures:
    """The row of one system; from its folder if it is there already."""
    number = system.epochs if epochs is None else epochs
    work = BUILD / f"{system.recipe}-{photos}-{number}"
    kept = work / "row.json"
    if kept.exists():
        return json.loads(kept.read_text(encoding="utf-8"))  # type: ignore[no-any-return]
    data = with_a_broken_file(reduced(system.source(), work / "data", count=photos))
    say(f"{system.recipe}: training on {system.data} …")
    model, minutes, told = train(system, data, work, epochs=number)
    row = {
        "system": system.recipe, "data": system.data, "photos": len(pictures(data)) - 1,
        "epochs": epochs_of(model), "minutes": round(minutes, 1),
        **measured(system, model, data, work), **looked(model, data, work),
    }  # fmt: skip
    if BROKEN not in told + " ".join(row["unreadable"]):
        raise SystemExit(f"{system.recipe}: neither training nor measuring told of {BROKEN}.")
    kept.write_text(json.dumps(row), encoding="utf-8")
    return row


def geoview(*arguments: str | Path) -> str:
    """Run the program as a user does; what it said, or an error with that."""
    command = [sys.executable, "-m", "geoview", *map(str, arguments)]
    done = subprocess.run(command, capture_output=True, text=True, cwd=ROOT)
    if done.returncode not in (0, 1):  # 1: done, but some photos could not be read
        raise SystemExit(f"{' '.join(command)} ended with {done.returncode}:\n{done.stderr}")
    return done.stdout + done.stderr


def train(system: System, data: Path, work: Path, *, epochs: int) -> tuple[Path, float, str]:
    """The model, the minutes it took, and what was said; at once if it is there already."""
    model = work / f"{system.recipe}.safetensors"
    began, log = time.monotonic(), work / "train.log"
    if not model.exists():
        resume = ["--resume"] if (work / f"{system.recipe}.training").exists() else []
        changes = [f"--set=train.epochs={epochs}"] if epochs else []
        told = geoview(
            "train", f"{system.recipe}.small", "--data", data, "--out", model, *changes, *resume
        )
        if not model.exists():
            raise SystemExit(told)
        log.write_text(told, encoding="utf-8")
    return model, (time.monotonic() - began) / 60, log.read_text(encoding="utf-8")


def epochs_of(model: Path) -> int:
    from geoview.models import bundle

    return int(bundle.load(model).card.recipe["train"]["epochs"])


def measured(system: System, model: Path, data: Path, work: Path) -> Figures:
    geoview("evaluate", model, "--data", data, "--split", "test", "--json", work / "figures.json")
    figures = json.loads((work / "figures.json").read_text(encoding="utf-8"))
    return {
        "figure_name": {"map": "mAP", "macro_f1": "macro F1"}[system.figure],
        "figure": figures[system.figure],
        "ci95": figures["ci95"][system.figure],
        "tested": figures["n_photos"],
        "unreadable": sorted(figures["photos_failed"]),
    }


def looked(model: Path, data: Path, work: Path) -> Figures:
    """Predict and heatmaps on a few test photos and the broken file."""
    from geoview.models import bundle

    tests = {key.rpartition("#")[0] for key in bundle.load(model).card.splits["test"]} - {BROKEN}
    photos = [p for p in pictures(data) if p.name in tests]
    folder = work / "look"
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir()
    chosen = photos[:: max(1, len(photos) // LOOKED_AT)][:LOOKED_AT]
    for number, path in enumerate([*chosen, broken_in(data)]):
        shutil.copyfile(path, folder / f"{number:02d}_{path.name}")
    table, maps = work / "results.csv", work / "heatmaps"
    shutil.rmtree(maps, ignore_errors=True)
    geoview("predict", folder, "--model", model, "--csv", table, "--heatmaps", maps)
    with table.open(encoding="utf-8-sig", newline="") as stream:
        rows = list(csv.DictReader(stream))
    done = sum(row["status"] == "done" for row in rows)
    failed = [row for row in rows if row["status"] != "done"]
    made = sorted(maps.rglob("*.png"))
    told = len(failed) == 1 and BROKEN in failed[0]["file"] and bool(failed[0]["reason"])
    return {
        "done": done, "failed": len(failed), "heatmaps": len(made),
        "predict_ok": done == len(chosen) and told,
        "heatmaps_ok": len(made) >= len(chosen) and all(is_a_picture(path) for path in made),
    }  # fmt: skip


def is_a_picture(path: Path) -> bool:
    with Image.open(path) as image:
        return len(set(image.convert("L").resize((16, 16)).tobytes())) > 1


def pictures(folder: Path) -> list[Path]:
    return sorted(p for p in folder.rglob("*") if p.suffix.lower() in (".jpg", ".jpeg", ".png"))


def sheet_of(folder: Path) -> Path | None:
    return next((folder / name for name in SHEETS if (folder / name).exists()), None)


def reduced(source: Path, target: Path, *, count: int) -> Path:
    """A copy of labelled photos, at most ``count`` of them spread over all; 0 takes every one."""
    photos = [p for p in pictures(source) if "mask" not in p.relative_to(source).parts[0]]
    step = max(1, -(-len(photos) // count)) if count else 1
    chosen = {p.relative_to(source).as_posix() for p in photos[::step]}
    sheet = sheet_of(source)
    if sheet is None:
        return copied(target, ((source / name, name) for name in sorted(chosen)))
    rows = [row for row in rows_of(sheet) if row["file"] in chosen]
    named = sorted({row["file"] for row in rows})
    folder = copied(target, ((source / name, name) for name in named))
    write(folder / sheet.name, rows)
    return folder


def with_a_broken_file(folder: Path) -> Path:
    """Half of a photo under another name, labelled like the photo it was: to be trained on."""
    path = broken_in(folder)
    first = next(p for p in pictures(folder) if p.name != BROKEN)
    path.write_bytes(first.read_bytes()[: first.stat().st_size // 2])
    if (sheet := sheet_of(folder)) is not None:
        rows = rows_of(sheet)
        name = first.relative_to(folder).as_posix()
        own = [{**row, "file": BROKEN, "split": "train"} for row in rows if row["file"] == name]
        if "split" not in rows[0]:
            own = [{k: v for k, v in row.items() if k != "split"} for row in own]
        write(sheet, [*(row for row in rows if row["file"] != BROKEN), *own])
    return folder


def broken_in(folder: Path) -> Path:
    if sheet_of(folder) is not None:
        return folder / BROKEN
    return min(p for p in folder.iterdir() if p.is_dir()) / BROKEN


def rows_of(sheet: Path) -> list[dict[str, str]]:
    with sheet.open(encoding="utf-8", newline="") as stream:
        return list(csv.DictReader(stream))


def write(sheet: Path, rows: list[dict[str, str]]) -> None:
    with sheet.open("w", encoding="utf-8", newline="") as stream:
        writer = csv.DictWriter(stream, list(rows[0]))
        writer.writeheader()
        writer.writerows(rows)


if __name__ == "__main__":
    sys.exit(main())
