"""Arrangements on shared sites: all of them counted once, the right one lowest, and the search as good as the count."""

from __future__ import annotations

from math import comb
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from pymatgen.core import Lattice, Structure

from matsmith.core.errors import StructureError
from matsmith.models import site_orderings
from matsmith.models.site_orderings import Sublattice, orderings

CHARGES = {"Li": 1.0, "Fe": 3.0, "O": -2.0}


def rocksalt(repeats: tuple[int, int, int] = (1, 1, 1)) -> tuple[Structure, tuple[int, ...]]:
    structure = Structure.from_spacegroup(  # pyright: ignore[reportUnknownMemberType]
        "Fm-3m", Lattice.cubic(4.2), ["Li", "O"], [[0, 0, 0], [0.5, 0.5, 0.5]]
    )
    structure.make_supercell(list(repeats))
    cations = tuple(k for k, site in enumerate(structure) if str(site.specie.symbol) == "Li")
    return structure, cations


@given(iron=st.integers(1, 7), vacant=st.integers(0, 2))
@settings(max_examples=4, deadline=None)
def test_every_arrangement_is_counted_once_and_keeps_its_atoms(iron: int, vacant: int) -> None:
    frame, cations = rocksalt((2, 1, 1))
    lithium = len(cations) - iron - vacant
    if lithium < 0:
        return
    found = orderings(
        frame, [Sublattice(sites=cations, counts={"Li": lithium, "Fe": iron})], charges=CHARGES, most=10_000
    )
    assert found.counted
    assert found.total == comb(8, iron) * comb(8 - iron, vacant)
    assert sum(each.copies for each in found.found) == found.total
    for each in found.found:
        amounts = each.structure.composition.get_el_amt_dict()
        assert (amounts.get("Li", 0), amounts["Fe"], amounts["O"]) == (lithium, iron, 8)


def test_the_lowest_rocksalt_ferrite_is_the_known_one() -> None:
    # gamma-LiFeO2, I4_1/amd: the ground state by electrostatics and by experiment (Wu, Mao & Chen 1998).
    frame, cations = rocksalt((1, 1, 2))
    found = orderings(frame, [Sublattice(sites=cations, counts={"Li": 4, "Fe": 4})], charges=CHARGES, most=3)
    assert found.found[0].structure.get_space_group_info()[0] == "I4_1/amd"
    assert found.found[0].ewald_ev < found.found[1].ewald_ev


def test_the_search_finds_what_the_count_finds(monkeypatch: pytest.MonkeyPatch) -> None:
    frame, cations = rocksalt((2, 2, 1))
    sublattice = Sublattice(sites=cations, counts={"Li": 8, "Fe": 8})
    counted = orderings(frame, [sublattice], charges=CHARGES, most=1)
    monkeypatch.setattr(site_orderings, "MOST_COUNTED", 10)
    searched = orderings(frame, [sublattice], charges=CHARGES, most=1, seed=1)
    assert counted.counted
    assert not searched.counted
    assert searched.found[0].ewald_ev == pytest.approx(counted.found[0].ewald_ev, abs=1e-6)
    again = orderings(frame, [sublattice], charges=CHARGES, most=1, seed=1)
    assert again.found[0].structure == searched.found[0].structure


def test_the_energy_differs_as_a_full_ewald_sum_does() -> None:
    from pymatgen.analysis.ewald import EwaldSummation

    frame, cations = rocksalt((1, 1, 2))
    found = orderings(frame, [Sublattice(sites=cations, counts={"Li": 4, "Fe": 4})], charges=CHARGES, most=3)

    def whole(structure: Structure) -> float:
        copy = structure.copy()
        copy.add_oxidation_state_by_element(CHARGES)
        summation: Any = EwaldSummation(copy)
        return float(summation.total_energy)

    expected = whole(found.found[1].structure) - whole(found.found[0].structure)
    assert found.found[1].ewald_ev - found.found[0].ewald_ev == pytest.approx(expected, abs=1e-3)


def test_split_positions_are_never_both_taken() -> None:
    frame = Structure(Lattice.cubic(5.0), ["Li", "Li", "O"], [[0, 0, 0.45], [0, 0, 0.55], [0.5, 0.5, 0]])
    found = orderings(frame, [Sublattice(sites=(0, 1), counts={"Li": 1})], charges=CHARGES, most=5)
    assert [each.copies for each in found.found] == [2]
    with pytest.raises(StructureError, match="within 1 Å"):
        orderings(frame, [Sublattice(sites=(0, 1), counts={"Li": 2})], charges=CHARGES, most=5)


def test_more_atoms_than_sites_are_refused() -> None:
    with pytest.raises(StructureError, match="share 1 sites"):
        _ = Sublattice(sites=(0,), counts={"Li": 2}).labels
