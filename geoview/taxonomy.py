"""Lithologies, rocks and minerals: names, synonyms, varieties, colours, patterns, label states."""

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


# Other names of the same thing. Rocks stand by themselves here: granite is no "igneous rock".
ROCKS: dict[str, tuple[str, ...]] = {
    "amphibolite": (), "andesite": (), "anorthosite": (), "anthracite": (), "basalt": (),
    "bituminous coal": (), "breccia": (), "chalk": (), "chert": ("cht", "flint"),
    "claystone": ("clst",), "coal": (), "conglomerate": ("cgl", "puddingstone"), "dacite": (),
    "diabase": ("dolerite",), "diorite": (), "dolomite": ("dol", "dolostone"), "dunite": (),
    "eclogite": (), "gabbro": (), "gneiss": (), "granite": (), "granodiorite": (),
    "greywacke": ("graywacke",), "hornfels": (), "komatiite": (), "lignite": ("brown coal",),
    "limestone": ("lst", "ls"), "marble": (), "marl": ("mrl",), "micrite": ("micritic limestone",),
    "migmatite": (), "monzonite": (), "mudstone": ("mst", "mud"), "obsidian": (), "pegmatite": (),
    "peridotite": (), "phyllite": (), "pumice": ("pumice stone",), "quartzite": (), "rhyolite": (),
    "sandstone": ("sst", "ss", "sand"), "schist": (), "scoria": (), "serpentinite": (),
    "shale": ("sh",), "siltstone": ("slt", "silt"), "slate": (), "syenite": (), "trachyte": (),
    "travertine": (), "tuff": ("volcanic tuff",),
}  # fmt: skip
MINERALS: dict[str, tuple[str, ...]] = {
    "agate": (), "albite": (), "almandine": ("almandite", "almandine garnet"), "anglesite": (),
    "anhydrite": ("anhy",), "apatite": (), "arsenopyrite": ("mispickel",), "azurite": (),
    "barite": ("baryte", "barytes", "heavy spar"), "beryl": (), "biotite": ("black mica",),
    "bornite": ("peacock ore",), "calcite": ("calcspar",), "cassiterite": ("tinstone",),
    "chalcopyrite": ("copper pyrite",), "chrysocolla": (), "cinnabar": ("cinnabarite",),
    "copper": ("native copper",), "demantoid": ("demantoid garnet",), "diopside": (),
    "elbaite": (), "epidote": ("pistacite",), "fluorite": ("fluorspar", "fluor spar"),
    "galena": ("galenite", "lead glance"), "gold": ("native gold",), "graphite": (),
    "gypsum": ("rock gypsum",), "halite": ("rock salt", "salt"),
    "hematite": ("haematite", "hæmatite"), "magnetite": ("lodestone",), "malachite": (),
    "marcasite": (), "muscovite": ("white mica",), "opal": (), "orpiment": (),
    "pyrite": ("iron pyrite", "fool's gold"), "pyrrhotite": ("magnetic pyrite",),
    "quartz": (), "rhodochrosite": ("manganese spar",), "ruby": (), "sapphire": (),
    "schorl": ("schorlite", "black tourmaline"), "sphalerite": ("zinc blende", "blende"),
    "stibnite": ("antimonite",), "sulfur": ("sulphur", "native sulfur", "native sulphur"),
    "talc": (), "topaz": (), "torbernite": ("chalcolite",), "wulfenite": (),
}  # fmt: skip
# Rocks that a coarser list of names puts under another. Distinct minerals are never put together.
VARIETIES: dict[str, str] = {
    "anthracite": "coal", "bituminous coal": "coal", "black coal": "coal", "hard coal": "coal",
    "lignite": "coal", "calcarenite": "limestone", "calcilutite": "limestone",
    "chalk": "limestone", "micrite": "limestone", "travertine": "limestone",
    "arenite": "sandstone", "claystone": "mudstone", "dunite": "peridotite",
}  # fmt: skip

_CANONICAL = {
    other: name for table in (ROCKS, MINERALS) for name, own in table.items()
    for other in (name, *own)
}  # fmt: skip


def canonical(name: str) -> str:
    """The one name of a rock or mineral whatever its case, number, separators and synonym.

    "Rock_Salt" is halite and "Basalts" is basalt. Only names of the same thing fall together:
    anthracite stays anthracite (see ``variety_of``), granite is not "igneous rock".
    """
    key = " ".join(name.casefold().replace("_", " ").replace("-", " ").split())
    for form in (key, key.removesuffix("s"), key.removesuffix("es")):
        if form in _CANONICAL:
            return _CANONICAL[form]
    # The s of glass, lapis or cumulus is no plural.
    return key if key.endswith(("ss", "is", "us")) else key.removesuffix("s")


def variety_of(name: str) -> str | None:
    """What a rock is a variety of in coarser lists: coal for anthracite; None for most."""
    return VARIETIES.get(canonical(name))
