"""The models at hand: those shipped with the program and the user's own."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from geoview import paths
from geoview.errors import ModelError
from geoview.models.bundle import read_card
from geoview.models.card import ModelCard
from geoview.records import ModelRef

EMBEDDED = "cuttings-rendered"


@dataclass(frozen=True, slots=True)
class ModelEntry:
    """One model file; ``error`` says why a file cannot be used."""

    path: Path
    card: ModelCard | None = None
    ref: ModelRef | None = None
    error: str = ""


def folders() -> list[Path]:
    return [paths.resources() / "models", paths.user_models_dir()]


def available() -> list[ModelEntry]:
    """Every model file in the known folders that can analyse photos, shipped ones first, also
    those refused. A segmentation model serves Measure and is not offered for analysing."""
    found = [p for folder in folders() for p in sorted(folder.glob("*.safetensors"))]
    entries = [entry(path) for path in found]
    return [e for e in entries if e.card is None or e.card.task != "segmentation"]


def entry(path: Path) -> ModelEntry:
    try:
        card, ref = read_card(path)
    except ModelError as error:
        return ModelEntry(path=path, error=str(error))
    return ModelEntry(path=path, card=card, ref=ref)


def resolve(name_or_path: str | None) -> Path:
    """The file of a model given by path, by file name or by the name on its card.

    None is the embedded model. Raises ModelError listing what is there.
    """
    wanted = name_or_path or EMBEDDED
    path = Path(wanted).expanduser()
    if path.is_file():
        return path
    for folder in folders():
        candidate = folder / f"{wanted}.safetensors"
        if candidate.is_file():
            return candidate
    entries = [e for e in available() if e.card is not None]
    for known in entries:
        if known.card is not None and known.card.name == wanted:
            return known.path
    names = ", ".join(e.card.name for e in entries if e.card) or "none"
    raise ModelError(f"There is no model “{wanted}”; give a .safetensors file or one of: {names}.")
