"""Solids in water: known regions of Pourbaix diagrams, agreement with pymatgen's diagram, refusals."""

from __future__ import annotations

import warnings
from typing import Any

import pytest

from matsmith.core.elements import parse_formula
from matsmith.core.errors import UsageError
from matsmith.knowledge.formulas import reduced_key
from matsmith.knowledge.thermochemistry.aqueous import (
    AqueousState,
    element_gibbs_ev,
    formation_gibbs_ev,
    ions,
    state_in_water,
)
from matsmith.knowledge.thermochemistry.formation import tabulated
from matsmith.knowledge.thermochemistry.species import ROOM_K, species_of, within


def in_water(formula: str, *, ph: float, potential_v: float, **more: float) -> AqueousState:
    solid = tabulated(parse_formula(formula))
    assert solid is not None
    return state_in_water(
        solid.amounts, gibbs_kj_per_mol=solid.gibbs_kj_per_mol(ROOM_K), ph=ph, potential_v=potential_v, **more
    )


def test_water_has_its_energy_of_formation() -> None:
    (water,) = species_of("H2O", phases=("liquid",))[:1]
    # CODATA: -237.14 kJ/mol.
    assert 96.485 * formation_gibbs_ev(water.amounts, water.gibbs(ROOM_K)) == pytest.approx(-237.14, abs=0.1)


@pytest.mark.parametrize(
    # Pourbaix 1974, Atlas of Electrochemical Equilibria in Aqueous Solutions: regions of corrosion at 1e-6 mol/kg.
    ("formula", "ph", "potential", "stable", "product"),
    [
        ("ZnO", 4.0, 0.0, False, "Zn++"),
        ("ZnO", 13.5, 0.0, False, "ZnO2--"),
        ("Al2O3", 2.0, 0.0, False, "Al+++"),
        ("Al2O3", 13.0, 0.0, False, "Al(OH)4-"),
        ("Fe2O3", 10.0, 0.3, True, ""),
        ("Fe2O3", 5.0, -0.4, False, "Fe++"),
        ("MgO", 7.0, 0.0, False, "Mg++"),
        ("Cu", 7.0, -0.3, True, ""),
        ("Cu", 3.0, 0.4, False, "Cu++"),
        ("Au", 7.0, 0.5, True, ""),
        ("TiO2", 7.0, 0.3, True, ""),
    ],
)
def test_solids_are_stable_where_pourbaix_has_them(
    formula: str, ph: float, potential: float, stable: bool, product: str
) -> None:
    found = in_water(formula, ph=ph, potential_v=potential)
    assert (found.excess_ev_per_atom <= 0) is stable
    if product:
        assert product in dict(found.products)


def test_dilution_dissolves() -> None:
    thin = in_water("ZnO", ph=8.0, potential_v=0.0, concentration_mol_per_kg=1e-10)
    thick = in_water("ZnO", ph=8.0, potential_v=0.0, concentration_mol_per_kg=1.0)
    assert thin.excess_ev_per_atom > thick.excess_ev_per_atom


@pytest.mark.parametrize(("metal", "formula"), [("Zn", "ZnO"), ("Fe", "Fe2O3")])
def test_pymatgen_finds_the_same(metal: str, formula: str) -> None:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        from pymatgen.analysis.phase_diagram import PDEntry
        from pymatgen.analysis.pourbaix_diagram import IonEntry, PourbaixDiagram, PourbaixEntry
        from pymatgen.core import Composition
        from pymatgen.core.ion import Ion
    entries: list[Any] = []
    own: Any = None
    for solid in within({metal, "O", "H"}, phases=("solid",)):
        if metal in solid.amounts and solid.covers(ROOM_K):
            energy = formation_gibbs_ev(solid.amounts, solid.gibbs(ROOM_K))
            phase: Any = PDEntry(Composition(solid.amounts), energy)
            entry = PourbaixEntry(phase)
            if solid.formula == reduced_key(formula):
                own = entry
            entries.append(entry)
    for ion in ions():
        if metal in ion.amounts and set(ion.amounts) <= {metal, "O", "H"}:
            dissolved: Any = IonEntry(Ion(Composition(ion.amounts), ion.charge), ion.gibbs_ev)
            entries.append(PourbaixEntry(dissolved, concentration=1e-6))
    diagram: Any = PourbaixDiagram(entries, filter_solids=False)
    for ph, potential in ((7.0, 0.0), (2.0, 0.3), (13.0, -0.3)):
        theirs = float(diagram.get_decomposition_energy(own, ph, potential))
        ours = in_water(formula, ph=ph, potential_v=potential).excess_ev_per_atom
        assert max(ours, 0.0) == pytest.approx(theirs, abs=0.003)


def test_what_cannot_be_answered_is_refused() -> None:
    with pytest.raises(UsageError, match="outside what is tabulated"):
        in_water("ZnO", ph=20.0, potential_v=0.0)
    with pytest.raises(UsageError, match="no ions"):
        state_in_water({"Ne": 1.0}, gibbs_kj_per_mol=0.0, ph=7.0, potential_v=0.0)


def test_elements_have_a_reference() -> None:
    for symbol in ("O", "H", "Cl", "Hg", "Br", "Fe", "Y"):
        assert element_gibbs_ev(symbol) < 0
