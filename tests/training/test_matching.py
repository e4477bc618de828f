"""Which classes of one set are which of another."""

from __future__ import annotations

import numpy as np
import pytest

from geoview.training.matching import match

ROCKS30 = ("Anthracite", "Basalt", "Bituminous Coal", "Granite", "Micrite", "Rock Salt")


def mapping(known: tuple[str, ...], given: tuple[str, ...]) -> dict[str, list[str]]:
    found: dict[str, list[str]] = match(known, given).report()["class_mapping"]
    return found


def test_names_of_another_set() -> None:
    given = ("basalts", "Coal", "GRANITE", "halite", "Limestone", "Marble")
    assert mapping(ROCKS30, given) == {
        "basalts": ["Basalt"], "Coal": ["Anthracite", "Bituminous Coal"], "GRANITE": ["Granite"],
        "halite": ["Rock Salt"], "Limestone": ["Micrite"],
    }  # fmt: skip
    found = match(ROCKS30, given)
    assert [given[i] for i in found.left_out] == ["Marble"]
    assert found.outside == ()


def test_several_names_of_the_data_merge_under_the_models() -> None:
    found = match(("coal", "granite", "gneiss"), ROCKS30)
    assert found.names == ("coal", "Granite")
    assert mapping(("coal",), ROCKS30) == {"Anthracite": ["coal"], "Bituminous Coal": ["coal"]}
    assert found.labels([1, 0, 0, 0, 1, 0]).tolist() == [1, 0]
    assert found.areas([0.1, 0.2, 0.3, 0.4, 0, 0]) == pytest.approx([0.4, 0.4])


def test_varieties_known_to_both_sides_stay_apart() -> None:
    assert mapping(ROCKS30, ROCKS30) == {name: [name] for name in ROCKS30}
    known = ("coal", "anthracite")
    assert mapping(known, ("Anthracite", "Coal")) == {
        "Anthracite": ["anthracite"], "Coal": ["coal"],
    }  # fmt: skip
    # Anthracite has its own match, so that the data's coal is what is left.
    assert mapping(ROCKS30, ("Anthracite", "Coal"))["Coal"] == ["Bituminous Coal"]
    assert mapping(("anthracite",), ("Bituminous Coal",)) == {}


@pytest.mark.parametrize(
    ("known", "given"),
    [("igneous rock", "Granite"), ("Granite", "igneous rock"), ("anhydrite", "gypsum"),
     ("muscovite", "biotite"), ("mica", "muscovite"), ("ruby", "sapphire")],
)  # fmt: skip
def test_no_group_and_no_other_mineral_is_taken_for_a_class(known: str, given: str) -> None:
    assert mapping((known,), (given,)) == {}


def test_answers_open_and_restricted() -> None:
    found = match(("anthracite", "pumice", "bituminous coal", "basalt"), ("Basalt", "Coal"))
    p = np.array([0.1, 0.5, 0.2, 0.2])
    opened = found.answers(p, exclusive=True, restrict=False)
    assert opened == pytest.approx([0.2, 0.3, 0.5])
    limited = found.answers(p, exclusive=True, restrict=True)
    assert limited == pytest.approx([0.4, 0.6])
    independent = found.answers(p, exclusive=False, restrict=True)
    assert independent == pytest.approx([0.2, 0.2])
    assert found.report()["model_classes_not_in_data"] == ["pumice"]
