"""P0 Table 3 and Figure 5a on the rendered wells: what layer guidance and co-occurrence add.

The paper's own form of the model (hard layer assignment, no residual in the graph, no area
head). ``small``: DeiT-Tiny on tiles of 192 px, its first 6 blocks frozen, label embeddings learned
instead of BERT's. Prints mAP on the test depths beside the paper's and, with --write, puts the
table into the report.
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
    seeds,
    trained,
)  # fmt: skip

WELLS = (SHARED / "cuttings" / "well_a", SHARED / "cuttings" / "well_c")
# Row: proportion guidance, graph layers (0: none), the paper's mAP.
PAPER = {
    "Baseline": (False, 0, 96.7),
    "Baseline + PG": (True, 0, 98.2),
    "Baseline + GCM": (False, 5, 98.3),
    "Baseline + PG + GCM": (True, 5, 98.8),
}
DEPTHS = (1, 3, 5)
SMALL = (
    ("model.freeze_blocks", 6),
    ("preprocess.input_px", 192),
    ("train.epochs", 6),
    ("train.layer_weight", 1.0),
)
OWN_FORM = {"assignment": "hard", "gcn_residual": False, "area_head": False}


def run(row: str, *, guidance: bool, depth: int, seed: int, profile: str) -> Run:
    options = {
        "proportion_guidance": guidance, "cooccurrence": depth > 0, "gcn_layers": max(depth, 1),
    }  # fmt: skip
    if profile == "paper":
        changes = tuple((f"model.options.{k}", v) for k, v in options.items())
    else:
        changes = (*SMALL, ("model.options", {**OWN_FORM, **options}))
    return Run(row, f"geolayer.{profile}", WELLS, changes, seed)


def main() -> None:
    given = arguments(__doc__)

    def one(row: str, guidance: bool, depth: int) -> list[Run]:
        return seeds(
            lambda seed: run(row, guidance=guidance, depth=depth, seed=seed,
                             profile=given.profile),
            given.seeds,
        )  # fmt: skip

    runs = [r for row, (pg, depth, _) in PAPER.items() for r in one(row, pg, depth)]
    for pg in (False, True):
        for depth in DEPTHS:
            if depth != 5:
                runs += one(f"depth {depth} {pg}", pg, depth)
    rows = by_row(trained(runs, jobs=given.jobs))
    figure = averaged("map")

    def cell(row: str) -> str:
        return mean_sd([figure(f) for f in rows[row]])

    table = markdown(
        ("Table 3", "paper, mAP %", f"GeoView ({given.profile}), mAP %"),
        [(row, str(paper), cell(row)) for row, (_, _, paper) in PAPER.items()],
    )
    whole = {False: "Baseline + GCM", True: "Baseline + PG + GCM"}
    depths = markdown(
        ("graph layers (Figure 5a)", "without PG, mAP %", "with PG, mAP %"),
        [
            (str(d), *(cell(whole[pg] if d == 5 else f"depth {d} {pg}") for pg in (False, True)))
            for d in DEPTHS
        ],
    )
    publish("p0", f"{table}\n\n{depths}\n", write=given.write)


if __name__ == "__main__":
    main()
