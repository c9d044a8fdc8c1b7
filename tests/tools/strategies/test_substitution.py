"""The strategy `substitution`: shared sublattices as ordered cells, balanced, bounded, and new where they are."""

from __future__ import annotations

from itertools import islice

import pytest

from matsmith.core.candidate import Candidate, Lineage, Novelty
from matsmith.core.directive import Directive
from matsmith.core.settings import Settings
from matsmith.core.spec import Chemistry, DesignSpec, StructureWish
from matsmith.knowledge.formulas import reduced_key
from matsmith.tools.novelty import label
from matsmith.tools.strategies.charge import charge_score
from matsmith.tools.strategies.chemistry_filter import conforms
from matsmith.tools.strategies.interface import StrategyRequest
from matsmith.tools.strategies.sources import structures_of
from matsmith.tools.strategies.substitution import STRATEGY, exchanges

OXIDES = DesignSpec(chemistry=Chemistry(required=["O"], elements_min=3, elements_max=4))


def _first(spec: DesignSpec, settings: Settings, *, count: int = 8, **fields: object) -> list[Candidate]:
    request = StrategyRequest(spec=spec, count=count, **fields)  # pyright: ignore[reportArgumentType]
    return list(islice(STRATEGY.propose(request, settings=settings), count))


def test_a_mixed_perovskite_comes_as_its_known_crystal_shared(bare: Settings) -> None:
    spec = DesignSpec(chemistry=Chemistry(formula="BaSrTi2O6"))
    found = _first(spec, bare)
    assert found
    assert any(c.lineage.note.startswith("SrTiO3 with 1/2 Ba on the sites of Sr, ordering 1") for c in found)
    assert {reduced_key(c.crystal.amounts) for c in found} == {"BaO6SrTi2"}
    # Rock-salt, columns, layers: the Ba-Sr orderings of one cell are told apart, and each keeps the perovskite's framework.
    cubic = [c for c in found if c.lineage.note.startswith("SrTiO3")]
    assert len({c.id for c in cubic}) == len(cubic)
    for candidate in cubic:
        structure = candidate.crystal.to_pymatgen()
        for k, site in enumerate(structure):
            if str(site.specie.symbol) == "Ti":
                near = [n for n in structure.get_neighbors(site, 2.3) if str(n.specie.symbol) == "O"]
                assert len(near) == 6, k


def test_a_layered_cathode_with_three_metals(bare: Settings) -> None:
    spec = DesignSpec(chemistry=Chemistry(formula="Li3NiMnCoO6"))
    found = _first(spec, bare)
    assert found
    assert all(len(c.crystal.species) == 12 for c in found)
    assert "LiCoO2 with 1/3 Mn and 1/3 Ni on the sites of Co" in found[0].lineage.note


def test_an_ordered_alloy_of_a_known_prototype_is_not_known(bare: Settings) -> None:
    spec = DesignSpec(chemistry=Chemistry(formula="Li3NiMnCoO6"))
    assert label(_first(spec, bare, count=1)[0].crystal, settings=bare).label is Novelty.NEW


def test_without_a_formula_everything_fits_and_is_balanced(bare: Settings) -> None:
    found = _first(OXIDES, bare, count=10)
    assert len(found) == 10
    for candidate in found:
        assert conforms(OXIDES, candidate.crystal, space_group=None) is None
        assert charge_score(candidate.crystal.amounts) >= 0.5
        assert len(candidate.crystal.species) <= OXIDES.structure.atoms_max
        assert candidate.lineage.strategy == "substitution"
        assert not any(candidate.crystal.to_pymatgen().get_all_neighbors(1.2))


def test_the_same_seed_gives_the_same_and_seen_ones_do_not_come_again(bare: Settings) -> None:
    first = _first(OXIDES, bare, count=4, seed=3)
    assert [c.id for c in _first(OXIDES, bare, count=4, seed=3)] == [c.id for c in first]
    again = _first(OXIDES, bare, count=4, seed=3, seen=frozenset(c.id for c in first))
    assert not {c.id for c in first} & {c.id for c in again}


def test_a_directive_forbids_elements(bare: Settings) -> None:
    request = StrategyRequest(spec=OXIDES, directive=Directive(elements={"Al": 0.0, "Fe": 0.0}))
    for exchange in exchanges(request, settings=bare)[:40]:
        changed = {symbol for symbol, share in exchange.shares if share} | {exchange.element}
        assert not changed & {"Al", "Fe"}


def test_a_parent_is_a_host_and_is_named(bare: Settings) -> None:
    known = structures_of(reduced_key("SrTiO3"))[0]
    parent = Candidate.of(known.crystal, lineage=Lineage(strategy="known", prototype=known.prototype))
    request = StrategyRequest(spec=OXIDES, parents=(parent,), round=1)
    of_parent = [one for one in exchanges(request, settings=bare)[:40] if one.host.parent]
    assert {one.host.parent for one in of_parent} == {parent.id}
    # The best candidate's own crystal is substituted before most of what is merely known.
    assert len(of_parent) >= 3


@pytest.mark.parametrize("atoms_max", [4, 9])
def test_a_cell_that_is_too_small_gives_nothing(atoms_max: int, bare: Settings) -> None:
    spec = DesignSpec(chemistry=Chemistry(formula="BaSrTi2O6"), structure=StructureWish(atoms_max=atoms_max))
    assert _first(spec, bare) == []
