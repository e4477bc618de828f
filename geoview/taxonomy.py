"""Lithologies as geologists know them: names, synonyms, colours, patterns, label states."""

from __future__ import annotations

from dataclasses import dataclass
from enum import IntEnum


class LabelState(IntEnum):
    """State of a lithology in a photo (P0, section 3.2): absent, minor, dominant."""

    ABSENT = 0
    MINOR = 1
    DOMINANT = 2


@dataclass(frozen=True, slots=True)
class Lithology:
    """One lithology; ``pattern`` names the standard ornament drawn over the colour."""

    name: str
    colour: str
    pattern: str
    synonyms: tuple[str, ...] = ()


LITHOLOGIES: tuple[Lithology, ...] = (
    Lithology("sandstone", "#e8c547", "dots", ("sst", "ss", "sand", "arenite")),
    Lithology("siltstone", "#c9b458", "dots-dashes", ("slt", "silt")),
    Lithology("limestone", "#5b9bd5", "bricks", ("lst", "ls", "calcilutite", "calcarenite")),
    Lithology("dolomite", "#9b7fc4", "slanted-bricks", ("dol", "dolostone")),
    Lithology("shale", "#7d9b84", "dashes", ("sh",)),
    Lithology("mudstone", "#94836f", "broken-dashes", ("mst", "claystone", "clst", "mud")),
    Lithology("marl", "#8fb8b0", "dashes-bricks", ("mrl",)),
    Lithology("conglomerate", "#d9a441", "circles", ("cgl",)),
    Lithology("coal", "#2b2b2b", "solid", ("lignite",)),
    Lithology("anhydrite", "#e39ac0", "crosses-diagonal", ("anhy", "gypsum")),
    Lithology("halite", "#b9e0d2", "crosses", ("salt",)),
    Lithology("chert", "#c77a54", "triangles", ("cht", "flint")),
    Lithology("igneous rock", "#d6544a", "plus", ("granite", "basalt", "volcanic rock", "tuff")),
    Lithology("metamorphic rock", "#b694cf", "waves", ("schist", "gneiss", "slate")),
)

_BY_NAME = {
    name: lithology for lithology in LITHOLOGIES for name in (lithology.name, *lithology.synonyms)
}

# Twelve hues of even lightness for classes that are no lithology (minerals, the user's own).
_OTHER_COLOURS = (
    "#4e79a7", "#f28e2b", "#59a14f", "#b07aa1", "#76b7b2", "#e15759",
    "#edc948", "#9c755f", "#bab0ac", "#86bcb6", "#d37295", "#a0cbe8",
)  # fmt: skip


def lithology(name: str) -> Lithology:
    """The lithology of that name or synonym; an unknown name gets a steady colour of its own."""
    key = name.strip().lower().replace("_", " ")
    known = _BY_NAME.get(key)
    if known is not None:
        return known
    colour = _OTHER_COLOURS[sum(key.encode()) % len(_OTHER_COLOURS)]
    return Lithology(key, colour, "solid")
