"""P3: how much of a pretrained network to unfreeze, and whether to weigh the classes.

On ``igneous7`` and ``rocks30``, split by specimen and near-duplicate. ``small``: DeiT-Tiny on
160 px, which has no BatchNorm, so that both ways to freeze it are one; ``paper``: DenseNet-121.
Prints macro F1 on the test specimens; --write puts the table into the report.
"""

from __future__ import annotations

from _reproduce import (
    SHARED,
    Run,
    arguments,
    averaged,
    by_row,
    markdown,
    mean_sd,
    publish,
    trained,
)  # fmt: skip

MODES = {
    "frozen, statistics too": "frozen",
    "frozen, last layer only": "head-only",
    "partly unfrozen": "partly",
    "fully unfrozen": "none",
}
# Best validation accuracy the paper tells of for DenseNet-121; its table 2 for the last.
PAPER = {"frozen, last layer only": "78.6 (accuracy)", "fully unfrozen": "91.2 (macro F1)"}
LOSSES = {"weighted": "weighted-max", "not weighted": "cross-entropy"}
# The classes of rocks30 are of one size: weights would change nothing.
COLUMNS = (("igneous7", "weighted"), ("igneous7", "not weighted"), ("rocks30", "not weighted"))
SMALL = (("preprocess.input_px", 160), ("train.epochs", 10), ("train.step_epochs", 4))


def main() -> None:
    given = arguments(__doc__)
    modes = [m for m in MODES if given.profile == "paper" or MODES[m] != "frozen"]
    runs = [
        Run(
            f"{mode}|{weights}|{name}",
            f"deeprock.{given.profile}",
            (SHARED / name,),
            (
                *(SMALL if given.profile == "small" else ()),
                ("model.freeze", MODES[mode]),
                ("loss.name", LOSSES[weights]),
            ),
            seed,
        )
        for mode in modes
        for name, weights in COLUMNS
        for seed in range(given.seeds)
    ]
    rows = by_row(trained(runs, jobs=given.jobs))
    figure = averaged("macro_f1")
    table = markdown(
        ("layers trained", "paper, validation %",
         *(f"GeoView ({given.profile}), {n}, {w}, macro F1 %" for n, w in COLUMNS)),
        [
            (mode, PAPER.get(mode, "–"),
             *(mean_sd([figure(f) for f in rows[f"{mode}|{w}|{n}"]]) for n, w in COLUMNS))
            for mode in modes
        ],
    )  # fmt: skip
    publish("p3", table + "\n", write=given.write)


if __name__ == "__main__":
    main()
