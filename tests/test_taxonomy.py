"""Names of rocks and minerals: what is the same thing, what is a variety, what stays apart."""

from __future__ import annotations

from itertools import combinations

import pytest

from geoview import taxonomy
from geoview.taxonomy import canonical, variety_of

# Table 2 of P1, and the classes of P3.
P1 = (
    "agate albite almandine anglesite azurite beryl cassiterite chalcopyrite cinnabar copper "
    "demantoid diopside elbaite epidote fluorite galena gold halite hematite magnetite malachite "
    "marcasite opal orpiment pyrite quartz rhodochrosite ruby sapphire schorl sphalerite stibnite "
    "sulfur topaz torbernite wulfenite"
).split()
P3 = "andesite basalt diorite gabbro granite peridotite rhyolite".split()


@pytest.mark.parametrize(
    ("written", "name"),
    [
        ("Rock Salt", "halite"), ("salt", "halite"), ("Rock_Gypsum", "gypsum"),
        ("Sulphur", "sulfur"), ("native  sulphur", "sulfur"), ("HAEMATITE", "hematite"),
        ("Iron pyrites", "pyrite"), ("Basalts", "basalt"), ("Barytes", "barite"),
        ("bituminous-coal", "bituminous coal"), ("lst", "limestone"), ("Gneiss", "gneiss"),
        ("Hornfels", "hornfels"), ("Dolostone", "dolomite"), ("Tray papers", "tray paper"),
        ("Lapis", "lapis"),
    ],
)  # fmt: skip
def test_one_name_for_one_thing(written: str, name: str) -> None:
    assert canonical(written) == name
    assert canonical(name) == name


def test_the_names_of_the_papers_are_known_and_stay_apart() -> None:
    assert set(P1) <= set(taxonomy.MINERALS)
    assert set(P3) <= set(taxonomy.ROCKS)
    own = {*P1, *P3, "biotite", "muscovite", "bornite", "chrysocolla", "gypsum", "anhydrite",
           "anthracite", "bituminous coal", "coal", "igneous rock", "metamorphic rock"}  # fmt: skip
    assert all(canonical(a) != canonical(b) for a, b in combinations(own, 2))


def test_varieties_are_told_but_not_merged() -> None:
    assert [variety_of(n) for n in ("Anthracite", "Bituminous Coal", "Micrite")] == [
        "coal", "coal", "limestone",
    ]  # fmt: skip
    assert variety_of("coal") is None
    assert variety_of("muscovite") is None
    for fine, coarse in taxonomy.VARIETIES.items():
        assert canonical(fine) == fine
        assert variety_of(coarse) is None


def test_no_synonym_names_two_things() -> None:
    names = [n for t in (taxonomy.ROCKS, taxonomy.MINERALS) for k, v in t.items() for n in (k, *v)]
    assert len(names) == len(set(names))


def test_colours_of_lithologies_are_as_before() -> None:
    assert taxonomy.lithology("Granite").name == "igneous rock"
    assert taxonomy.lithology("gypsum").pattern == "crosses-diagonal"
    assert taxonomy.lithology("pyrite").colour == taxonomy.lithology("Pyrite ").colour
