"""``geoview models``: what is there, and what a model says of itself."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

from geoview.commands import console

if TYPE_CHECKING:
    from geoview.models.card import ModelCard
    from geoview.records import ModelRef


def list_models() -> int:
    """A table of the models at hand; those refused are named with the reason."""
    from geoview.models import store

    entries = store.available()
    rows = [
        [
            entry.card.name,
            entry.card.title,
            entry.card.architecture,
            ", ".join(entry.card.classes[:8]) + ("…" if len(entry.card.classes) > 8 else ""),
            console.number(entry.path.stat().st_size / 1e6, 1),
            str(entry.path),
        ]
        for entry in entries
        if entry.card is not None
    ]
    refused = [entry for entry in entries if entry.error]
    for entry in refused:
        console.say(entry.error, style="red")
    if not rows:
        folders = " and ".join(str(folder) for folder in store.folders())
        console.say(f"There are no models in {folders}; put a .safetensors model there.")
        return console.NOTHING_DONE
    columns = ("name", "title", "architecture", "classes", "MB", "file")
    console.table(columns, rows, right=("MB",))
    return console.SOME_FAILED if refused else console.DONE


def show_model(name: str) -> int:
    """The card of one model."""
    from geoview.models import bundle, store

    path = store.resolve(name)
    card, ref = bundle.read_card(path)
    out = console.out()
    for label, text in _lines(path, card, ref):
        console.line(out, f"{label:<14} {console.shown(text)}".rstrip())
    return console.DONE


def _lines(path: Path, card: ModelCard, ref: ModelRef) -> list[tuple[str, str]]:
    fit, tiling = card.preprocess, card.preprocess.tiling
    tiled = f", tiles of {tiling.tile_px} px" if tiling else ""
    side = f", shorter side {tiling.working_short_side_px} px" if tiling else ""
    lines = [
        ("name", card.name),
        ("title", card.title),
        ("file", str(path)),
        ("sha256", ref.sha256),
        ("architecture", f"{card.architecture} on {card.backbone}"),
        ("task", card.task),
        ("classes", _with_thresholds(card)),
        ("layers", ", ".join(card.layers)),
        ("input", f"{fit.input_px} px, {fit.fit}{side}{tiled}"),
        ("description", card.description),
        ("limitations", card.limitations),
        ("licence", card.licence),
        ("trained on", ", ".join(card.trained_on)),
        ("made", " with GeoView ".join(x for x in (card.created_utc, card.app_version) if x)),
        *(("figures", _figures(entry)) for entry in card.metrics),
    ]
    return [(label, text) for label, text in lines if text]


def _with_thresholds(card: ModelCard) -> str:
    if card.task == "single-label":
        return ", ".join(card.classes)
    pairs = zip(card.classes, card.thresholds, strict=True)
    return ", ".join(f"{name} (from {console.probability(value)})" for name, value in pairs)


def _figures(entry: dict[str, Any]) -> str:
    """One line of the plain figures; those per class are for geoview evaluate to print."""
    plain = {k: v for k, v in entry.items() if not isinstance(v, dict | list)}
    return ", ".join(
        f"{key} {value:.3f}" if isinstance(value, float) else f"{key} {value}"
        for key, value in plain.items()
    )
