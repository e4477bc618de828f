#!/usr/bin/env python
"""Write the embedded model's figures, as its card holds them, into the README."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Any

from geoview.models.bundle import read_card
from geoview.models.card import ModelCard

ROOT = Path(__file__).resolve().parents[2]
MODEL = ROOT / "resources" / "models" / "cuttings-rendered.safetensors"
README = ROOT / "README.md"
BEGIN, END = "<!-- figures -->", "<!-- end of figures -->"


def table(card: ModelCard) -> str:
    """The card's figures as a Markdown table, one column for each set of photos."""
    sets = card.metrics
    rows = [["Measured on rendered photos the model has not seen"] + [m["data"] for m in sets]]
    rows.append(["photos / tiles"] + [f"{m['n_photos']} / {m['n']}" for m in sets])
    rows.append(["lithology mAP, tiles"] + [_with_interval(m, "map", 3) for m in sets])
    rows += [[f"AP {name}"] + [f"{m['ap'][name]:.3f}" for m in sets] for name in card.classes]
    rows.append(
        ["CF1 / OF1 at the thresholds"] + [f"{m['cf1']:.3f} / {m['of1']:.3f}" for m in sets]
    )
    rows.append(["layer right, photos"] + [_with_interval(m, "layer_accuracy", 2) for m in sets])
    rows.append(["dominant lithology right"] + [f"{m['dominant_accuracy']:.2f}" for m in sets])
    worst = [max(m["area_mae_points"].values()) for m in sets]
    mean = [_with_interval(m, "area_mae_points_mean", 1) for m in sets]
    rows.append(["area %: mean error in points", *mean])
    rows.append(["area %: the worst lithology's"] + [f"{value:.1f}" for value in worst])
    lines = [f"| {' | '.join(row)} |" for row in rows]
    lines.insert(1, "|---|" + "---|" * len(sets))
    return "\n".join(lines)


def _with_interval(figures: dict[str, Any], name: str, digits: int) -> str:
    low, high = figures["ci95"][name]
    return f"{figures[name]:.{digits}f} ({low:.{digits}f} to {high:.{digits}f})"


def with_table(text: str, card: ModelCard) -> str:
    """The README's text with the table of this card in its place."""
    head, rest = text.split(BEGIN)
    tail = rest.split(END)[1]
    return f"{head}{BEGIN}\n{table(card)}\n{END}{tail}"


def main() -> int:
    card, _ = read_card(MODEL)
    README.write_text(with_table(README.read_text(encoding="utf-8"), card), encoding="utf-8")
    return 0


if __name__ == "__main__":
    sys.exit(main())
