"""The baseline: what is known and meets the targets comes first; nothing that the spec forbids comes at all."""

from __future__ import annotations

import os
from itertools import islice
from pathlib import Path

import pytest

from matsmith.core.candidate import Candidate, Novelty
from matsmith.core.directive import Directive
from matsmith.core.quantity import Relation
from matsmith.core.settings import Settings
from matsmith.core.spec import Chemistry, DesignSpec, Target
from matsmith.tools.strategies.interface import StrategyRequest
from matsmith.tools.strategies.known import STRATEGY

STIFF_OXIDE = DesignSpec(
    targets=[
        Target(property="energy_above_hull", relation=Relation.BELOW, value=0.05),
        Target(property="bulk_modulus", relation=Relation.ABOVE, value=150),
    ],
    chemistry=Chemistry(required=["O"], excluded=["Co"]),
)


def _first(spec: DesignSpec, settings: Settings, *, count: int = 12, **fields: object) -> list[Candidate]:
    request = StrategyRequest(spec=spec, **fields)  # pyright: ignore[reportArgumentType]
    return list(islice(STRATEGY.propose(request, settings=settings), count))


def test_stiff_stable_oxides_come_in_the_first_dozen_without_tables(bare: Settings) -> None:
    formulas = {candidate.formula for candidate in _first(STIFF_OXIDE, bare)}
    assert {"Al2O3", "TiO2", "MgAl2O4"} <= formulas


def test_tables_bring_formulas_that_no_crystal_is_at_hand_of(furnished: Settings) -> None:
    found = _first(STIFF_OXIDE, furnished, count=60)
    guessed = [c for c in found if c.novelty.match == "formula; structure not compared"]
    assert "Al2ZnO4" in {c.formula for c in guessed}
    assert all(c.novelty.label is Novelty.KNOWN and c.lineage.strategy == "known" for c in found)


def test_what_is_forbidden_never_comes(furnished: Settings) -> None:
    found = _first(STIFF_OXIDE, furnished, count=150)
    assert found
    assert all("O" in c.crystal.elements and "Co" not in c.crystal.elements for c in found)
    # Of a measured crystal nothing dear need be computed: its cell may be larger.
    most = STIFF_OXIDE.structure.known_atoms_max
    assert all(
        len(c.crystal.species) <= (most if c.lineage.note.startswith("measured") else 20) for c in found
    )


def test_no_candidate_comes_twice_or_again(bare: Settings) -> None:
    first = _first(STIFF_OXIDE, bare, count=10)
    assert len({c.id for c in first}) == 10
    later = _first(STIFF_OXIDE, bare, count=10, seen=frozenset(c.id for c in first))
    assert not {c.id for c in first} & {c.id for c in later}


def test_it_says_nothing_when_only_new_ones_are_wanted(furnished: Settings) -> None:
    assert _first(STIFF_OXIDE.model_copy(update={"new_only": True}), furnished) == []


def test_a_directive_forbids_and_favours_elements(bare: Settings) -> None:
    directive = Directive(elements={"Al": 0.0, "Ti": 20.0})
    found = _first(STIFF_OXIDE, bare, directive=directive)
    assert all("Al" not in c.crystal.elements for c in found)
    assert "Ti" in found[0].crystal.elements


def test_one_formula_gives_its_polymorphs(bare: Settings) -> None:
    spec = DesignSpec(chemistry=Chemistry(formula="TiO2"))
    found = _first(spec, bare, count=4)
    assert {c.formula for c in found} == {"TiO2"}
    assert "rutile" in found[0].lineage.note


@pytest.mark.skipif(not os.environ.get("MATSMITH_DATA"), reason="needs the tables")
def test_the_first_dozen_meets_the_targets_by_the_tables() -> None:
    settings = Settings(data_dir=Path(os.environ["MATSMITH_DATA"]))
    found = _first(STIFF_OXIDE, settings)
    assert len(found) == 12
    assert {"Al2O3", "TiO2"} & {c.formula for c in found}
