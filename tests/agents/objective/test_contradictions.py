from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from matsmith.agents.objective import find_contradictions, parse_objective
from matsmith.core.quantity import Relation
from matsmith.core.spec import Chemistry, DesignSpec, StructureWish, Target


def _problems(objective: str) -> str:
    return " ".join(find_contradictions(parse_objective(objective).spec))


@pytest.mark.parametrize(
    ("objective", "said"),
    [
        ("bulk modulus above 2000 GPa", "No solid has a bulk modulus of 2000"),
        ("density above 30 g/cm3", "osmium"),
        ("band gap above 40 eV", "band gap"),
        ("an oxide without oxygen", "O must and must not occur"),
        ("a halide without halogens", "all of them are excluded"),
        ("band gap above 3 eV and below 2 eV", "cannot both hold"),
        ("density below 3 g/cm3, oxide, density above 5 g/cm3", "cannot both hold"),
        ("a binary perovskite", "needs 3 elements"),
        ("elemental rocksalt", "needs 2 elements"),
        ("garnet with at most 20 atoms", "80 atoms"),
        ("spinel with at most 10 atoms", "14 atoms"),
        ("TiO2 perovskite", "stoichiometry of perovskite"),
        ("TiO2 without oxygen", "O must and must not occur"),
        ("hexagonal rocksalt nitride", "space group 225"),
        ("binary compound of Li, Fe and O", "3 different elements are required"),
        ("containing oxygen, made of only Fe and Al", "not among the allowed"),
        ("a crystal made of helium only", "noble gases"),
        ("diamond structure compound of Ga and As", "one of elements"),
        ("maximise the density and minimise the density", "maximised and minimised"),
        ("ternary TiO2", "2 elements"),
    ],
)
def test_contradictions_of_objectives(objective: str, said: str) -> None:
    assert said in _problems(objective)


@pytest.mark.parametrize(
    "objective",
    [
        "a stable oxide with a bulk modulus above 150 GPa, no cobalt",
        "bulk modulus above 300 GPa",
        "Fe3O4 spinel",
        "LiCoO2 rocksalt",
        "ternary nitride perovskite",
        "garnet oxide",
        "an intermetallic of Ni and Al",
        "charge-balanced alloy of Fe and Al",
        "cubic spinel",
        "band gap below 3 eV and above 2 eV",
        "fcc alloy of Al and Cu",
        "xenon fluoride",
        "energy above hull below 0.1 eV/atom, stable",
    ],
)
def test_possible_objectives_are_let_through(objective: str) -> None:
    assert _problems(objective) == ""


def test_wishes_never_contradict() -> None:
    spec = DesignSpec(
        targets=[
            Target(property="density", relation=Relation.ABOVE, value=5),
            Target(property="density", relation=Relation.BELOW, value=3, hard=False),
        ]
    )
    assert find_contradictions(spec) == []


def test_a_specification_written_by_hand() -> None:
    spec = DesignSpec(
        chemistry=Chemistry(
            required=["O", "Fe"],
            allowed=["Fe"],
            formula="Fe2O3",
            excluded=["Fe"],
            elements_min=4,
            elements_max=3,
        ),
        structure=StructureWish(prototype="rocksalt", atoms_max=1),
    )
    problems = find_contradictions(spec)
    assert len(problems) >= 6
    assert all(problem.endswith(".") and ":" in problem for problem in problems)


def test_unknown_prototypes_are_no_contradiction() -> None:
    assert find_contradictions(DesignSpec(structure=StructureWish(prototype="something new"))) == []


@given(low=st.floats(1, 400), high=st.floats(1, 400))
def test_two_limits_contradict_exactly_when_nothing_lies_between(low: float, high: float) -> None:
    spec = DesignSpec(
        targets=[
            Target(property="bulk_modulus", relation=Relation.ABOVE, value=low),
            Target(property="bulk_modulus", relation=Relation.BELOW, value=high),
        ]
    )
    assert bool(find_contradictions(spec)) == (low >= high)


def test_two_limits_of_one_property_in_a_row_are_both_kept_and_their_contradiction_found() -> None:
    plan = parse_objective("a bulk modulus above 300 GPa and below 100 GPa")
    assert [target.describe() for target in plan.spec.targets] == [
        "bulk_modulus above 300 GPa",
        "bulk_modulus below 100 GPa",
    ]
    assert "cannot both hold" in find_contradictions(plan.spec)[0]
