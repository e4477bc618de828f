"""P2 Table 4: trained on one set, tested on the others, over the names they share.

``rocks30`` (clean specimens), ``igneous7`` (specimens and web photos) and ``rocks_noisy`` (web
photos as found). Each model learns all classes of its own set; a test takes the photos of the
classes both sets have, and the answers are restricted to those, as the paper compares 36
overlapping classes.
Photos that a model's own set holds too, whatever their names, are left out of its tests by pHash.
Prints top-1 accuracy; --write puts the table into the report.
"""

from __future__ import annotations

from pathlib import Path

from _reproduce import BUILD, SHARED, Run, arguments, by_row, copied, markdown, publish, trained
from _reproduce import mean_sd as cell

from geoview.training import duplicates
from geoview.training.evaluate import evaluate
from geoview.training.matching import match

SETS = ("rocks30", "igneous7", "rocks_noisy")
SPECIMEN = ("split.specimen", "^(vl_.*?)\\d?$")
SMALL = (("train.epochs", 10), ("split.train", 0.7), ("split.test", 0.2), SPECIMEN)
MAX_BITS = 6
PAPER = (
    "The paper's ResNet-50, top-1 %, rows trained on, columns tested on Gemstones, Mindat, Ours: "
    "Gemstones 91.8, 22.4, 20.5; Mindat 35.3, 78.7, 54.1; Ours 24.1, 40.8, 64.1."
)


def main() -> None:
    given = arguments(__doc__)
    changes = SMALL if given.profile == "small" else (SPECIMEN,)
    runs = [
        Run(name, f"mineral-5k.{given.profile}", (SHARED / name,), changes, seed)
        for name in SETS
        for seed in range(given.seeds)
    ]
    rows = by_row(trained(runs, jobs=given.jobs))
    table = []
    for source in SETS:
        models = [run.model for run in runs if run.row == source]
        cells = []
        for target in SETS:
            if target == source:
                values = [figures[0]["top1"] for figures in rows[source]]
                cells.append(f"{cell(values)} (own test part)")
            elif not _shared(source, target):
                cells.append("– (all photos of the shared names are in both sets)")
            else:
                found = [_across(model, source, target) for model in models]
                shared = len(found[0]["class_mapping"])
                values = [figures["top1"] for figures in found]
                cells.append(f"{cell(values)} ({shared} names, {found[0]['n']} photos)")
        table.append((source, *cells))
    text = markdown((f"trained on ({given.profile})", *(f"tested on {s}" for s in SETS)), table)
    publish("p2", f"{PAPER}\n\n{text}\n", write=given.write)


def _shared(source: str, target: str) -> bool:
    """Whether any photo is left of the names that both sets have."""
    theirs = match(_names(SHARED / source), _names(_unseen(source, target)))
    return bool(theirs.pairs)


def _names(folder: Path) -> list[str]:
    return [p.name for p in folder.iterdir() if p.is_dir()]


def _across(model: Path, source: str, target: str) -> dict[str, object]:
    return evaluate(model, data=_unseen(source, target), split="all", shared=True, restrict=True)


def _unseen(source: str, target: str) -> Path:
    """A copy of the target set without what is also in the source set."""
    theirs, ours = (sorted((SHARED / name).glob("*/*.jpg")) for name in (source, target))
    hashes = duplicates.hashes_of([*theirs, *ours])
    taken = {
        path
        for cluster in duplicates.clusters(hashes, max_bits=MAX_BITS)
        if not set(theirs).isdisjoint(cluster)
        for path in cluster
    }
    files = ((p, f"{p.parent.name}/{p.name}") for p in ours if p not in taken)
    return copied(BUILD / "data" / f"{target}_without_{source}", files)


if __name__ == "__main__":
    main()
