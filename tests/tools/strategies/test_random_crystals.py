"""The strategy `random`: whose formulas are drawn, with which provenance, and when it holds its tongue."""

from __future__ import annotations

from itertools import islice

from matsmith.core.candidate import Candidate
from matsmith.core.directive import Directive
from matsmith.core.settings import Settings
from matsmith.core.spec import Chemistry, DesignSpec, StructureWish
from matsmith.knowledge.crystals import measured_crystals
from matsmith.knowledge.formulas import reduced_key
from matsmith.tools.strategies.chemistry_filter import conforms
from matsmith.tools.strategies.interface import StrategyRequest
from matsmith.tools.strategies.random_crystals import STRATEGY, formula_volume

ONE = DesignSpec(chemistry=Chemistry(formula="MgAl2O4"), structure=StructureWish(atoms_max=14))


def _first(spec: DesignSpec, settings: Settings, *, count: int = 6, **fields: object) -> list[Candidate]:
    request = StrategyRequest(spec=spec, count=count, **fields)  # pyright: ignore[reportArgumentType]
    return list(islice(STRATEGY.propose(request, settings=settings), count))


def test_a_wanted_formula_is_drawn_and_says_how_it_was_made(bare: Settings) -> None:
    found = _first(ONE, bare, seed=7, round=2)
    assert len({c.id for c in found}) == 6
    for candidate in found:
        assert candidate.formula == "MgAl2O4"
        assert candidate.lineage.strategy == "random"
        assert candidate.lineage.prototype == ""
        assert "random structure, space group " in candidate.lineage.note
        assert "seed 7-2-" in candidate.lineage.note
        assert conforms(ONE, candidate.crystal, space_group=None) is None


def test_the_same_seed_gives_the_same_candidates_and_seen_ones_do_not_come_again(bare: Settings) -> None:
    first = _first(ONE, bare, seed=1)
    assert [c.id for c in _first(ONE, bare, seed=1)] == [c.id for c in first]
    later = _first(ONE, bare, seed=1, seen=frozenset(c.id for c in first))
    assert later
    assert not {c.id for c in first} & {c.id for c in later}


def test_the_best_formulas_so_far_come_first_unless_the_directive_forbids_them(bare: Settings) -> None:
    spec = DesignSpec(chemistry=Chemistry(required=["O"]), structure=StructureWish(atoms_max=10))
    parent = _first(DesignSpec(chemistry=Chemistry(formula="Li2O")), bare, count=1)
    assert reduced_key(parent[0].crystal.amounts) == "Li2O"
    found = _first(spec, bare, parents=tuple(parent))
    assert found[0].formula == "Li2O"
    assert found[0].lineage.parents == (parent[0].id,)
    without = _first(spec, bare, parents=tuple(parent), directive=Directive(elements={"Li": 0.0}))
    assert without
    assert not any("Li" in c.crystal.elements for c in without)


def test_nothing_where_a_structure_type_is_wanted_or_the_cell_is_too_small(bare: Settings) -> None:
    wish = StructureWish(prototype="spinel")
    assert _first(ONE.model_copy(update={"structure": wish}), bare) == []
    assert _first(ONE.model_copy(update={"structure": StructureWish(atoms_max=6)}), bare) == []
    # Seven atoms a formula unit: no number of units has from eight to thirteen.
    between = StructureWish(atoms_min=8, atoms_max=13)
    assert _first(ONE.model_copy(update={"structure": between}), bare) == []


def test_wanted_space_groups_are_kept_to(bare: Settings) -> None:
    wish = StructureWish(space_groups=[225], atoms_max=8)
    found = _first(DesignSpec(chemistry=Chemistry(formula="MgO"), structure=wish), bare, count=2)
    assert found
    assert all("space group 225," in c.lineage.note for c in found)


def test_volumes_are_near_the_measured_ones() -> None:
    off: list[float] = []
    for crystal in measured_crystals():
        structure = crystal.structure()
        key = reduced_key(crystal.formula)
        factor = structure.composition.get_reduced_composition_and_factor()[1]
        if crystal.stable_at_ambient and len(structure.composition) > 1:
            off.append(abs(formula_volume(key) / (structure.volume / factor) - 1))
    assert len(off) > 30
    assert sorted(off)[len(off) // 2] < 0.15
