from __future__ import annotations

import pytest

from matsmith.agents.database_question import DATABASES, read_question
from matsmith.core.errors import UsageError
from matsmith.core.quantity import Interval


def test_a_question_becomes_a_query_that_a_person_can_check() -> None:
    asked = read_question("stable Si-O compounds with their bulk moduli on the Materials Project")
    assert asked.databases == ("materials_project",)
    assert (
        asked.query.sentence()
        == "compounds of O, Si and no other element; on the convex hull; at most 20, with bulk modulus"
    )
    assert asked.not_understood == ()


@pytest.mark.parametrize(
    ("question", "databases"),
    [
        ("nitrides in OQMD", ("oqmd",)),
        ("nitrides from OQMD and Alexandria", ("oqmd", "alexandria")),
        ("Fe2O3 in the Crystallography Open Database", ("cod",)),
        ("nitrides on MP", ("materials_project",)),
        ("nitrides", ("materials_project",)),
        ("AFLOW carbides", ("aflow",)),
    ],
)
def test_databases_by_name(question: str, databases: tuple[str, ...]) -> None:
    assert read_question(question).databases == databases


def test_an_option_outranks_the_words() -> None:
    asked = read_question("nitrides in OQMD", databases=("jarvis",), limit=3)
    assert (asked.databases, asked.query.limit) == (("jarvis",), 3)


def test_bounds_are_the_computed_properties_of_a_database() -> None:
    asked = read_question("ternary nitrides with band gap between 2 and 3 eV within 50 meV/atom of the hull")
    assert asked.query.bounds == {
        "computed_band_gap": Interval(low=2.0, high=3.0),
        "energy_above_hull": Interval(high=0.05),
    }
    assert (asked.query.elements_min, asked.query.elements_max, asked.query.stable) == (3, 3, False)


def test_properties_may_stand_in_front() -> None:
    asked = read_question("What are the bulk moduli and densities of carbides without cobalt?")
    assert asked.query.properties == ("bulk_modulus", "density")
    assert (asked.query.elements, asked.query.excluded) == (("C",), ("Co",))


def test_a_formula_is_asked_for_as_such() -> None:
    asked = read_question("LiFePO4 with their space groups and formation energies")
    assert (asked.query.formula, asked.query.elements, asked.query.properties) == (
        "LiFePO4",
        (),
        ("formation_energy",),
    )


def test_what_a_database_cannot_be_asked_is_said() -> None:
    asked = read_question("the oxides with the highest band gap and with their colours")
    assert any("colours" in words for words in asked.not_understood)
    assert any("highest" in words or "band gap" in words for words in asked.not_understood)


def test_the_first_few() -> None:
    assert read_question("first 5 Li-Fe-P-O compounds").query.limit == 5


@pytest.mark.parametrize("question", ["", "   ", "on the Materials Project"])
def test_a_question_without_a_material_is_refused(question: str) -> None:
    with pytest.raises(UsageError):
        read_question(question)


def test_an_unknown_database_is_refused_with_what_there_is() -> None:
    with pytest.raises(UsageError, match="icsd") as caught:
        read_question("nitrides", databases=("icsd",))
    assert all(name in caught.value.hint for name in DATABASES)
