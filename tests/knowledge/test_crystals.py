"""Each measured crystal is rebuilt and held against what is stated of it: symmetry, composition, density, bonds."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
import spglib

from matsmith.core.errors import DataError
from matsmith.knowledge.crystals import MeasuredCrystal, find, measured_crystals

CRYSTALS = measured_crystals()
IDS = [f"{crystal.formula}-{crystal.name}".replace(" ", "_") for crystal in CRYSTALS]


@pytest.mark.parametrize("crystal", CRYSTALS, ids=IDS)
def test_crystal_is_what_it_says(crystal: MeasuredCrystal) -> None:
    from pymatgen.core import Composition

    structure: Any = crystal.structure()
    cell = (structure.lattice.matrix, structure.frac_coords, [site.specie.Z for site in structure])
    dataset: Any = spglib.get_symmetry_dataset(cell, symprec=0.01)
    assert dataset.number == crystal.space_group
    assert structure.composition.reduced_formula == Composition(crystal.formula).reduced_formula
    assert float(structure.density) == pytest.approx(crystal.density_g_per_cm3, rel=0.02)  # pyright: ignore[reportUnknownMemberType]
    radii = np.array([_radius(site.specie) for site in structure])
    distances = np.array(structure.distance_matrix) + 100.0 * np.eye(len(structure))
    assert np.all(distances > 0.6 * (radii[:, None] + radii[None, :]))


def _radius(element: Any) -> float:
    from ase.data import covalent_radii

    return float(covalent_radii[int(element.Z)])


def test_table_is_wide_enough_and_has_no_duplicates() -> None:
    assert len(CRYSTALS) >= 60
    assert len({(c.formula, c.name) for c in CRYSTALS}) == len(CRYSTALS)
    assert len({(c.formula, c.space_group, c.lattice) for c in CRYSTALS}) == len(CRYSTALS)
    for crystal in CRYSTALS:
        assert crystal.citations, crystal.name
        assert (crystal.bulk_modulus_sigma_gpa is None) or crystal.bulk_modulus_gpa is not None


@pytest.mark.parametrize(
    ("name", "pair", "length_angstrom", "count"),
    [
        ("alpha-quartz", ("Si", "O"), 1.61, 4),
        ("stishovite", ("Si", "O"), 1.78, 6),
        ("rutile", ("Ti", "O"), 1.96, 6),
        ("anatase", ("Ti", "O"), 1.95, 6),
        ("corundum", ("Al", "O"), 1.91, 6),
        ("calcite", ("C", "O"), 1.28, 3),
        ("triphylite", ("P", "O"), 1.55, 4),
        ("zircon", ("Si", "O"), 1.62, 4),
        ("pyrope", ("Si", "O"), 1.63, 4),
        ("lithium cobaltate", ("Co", "O"), 1.92, 6),
        ("silicon nitride, beta", ("Si", "N"), 1.73, 4),
        ("bridgmanite", ("Si", "O"), 1.79, 6),
        ("diamond", ("C", "C"), 1.545, 4),
        ("cuprite", ("Cu", "O"), 1.85, 2),
    ],
)
def test_coordination_and_bond_lengths(
    name: str, pair: tuple[str, str], length_angstrom: float, count: int
) -> None:
    structure: Any = next(c for c in CRYSTALS if c.name == name).structure()
    centre = next(site for site in structure if site.specie.symbol == pair[0])
    near = structure.get_neighbors(centre, 1.15 * length_angstrom)
    bonds = [float(n.nn_distance) for n in near if n.specie.symbol == pair[1]]
    assert len(bonds) == count
    assert np.mean(bonds) == pytest.approx(length_angstrom, abs=0.02)  # pyright: ignore[reportUnknownMemberType]


def test_bulk_moduli_order_as_known() -> None:
    modulus = {c.name: c.bulk_modulus_gpa or 0.0 for c in CRYSTALS}
    assert max(modulus, key=modulus.__getitem__) == "diamond"
    assert (
        modulus["diamond"]
        > modulus["osmium"]
        > modulus["iridium"]
        > modulus["tungsten"]
        > modulus["alpha-iron"]
    )
    assert (
        modulus["stishovite"]
        > modulus["argutite"]
        > modulus["corundum"]
        > modulus["rutile"]
        > modulus["periclase"]
    )
    assert modulus["periclase"] > modulus["lime"] > modulus["strontium oxide"]
    assert modulus["stishovite"] > 8 * modulus["alpha-quartz"]


def test_find_puts_the_stable_form_first() -> None:
    assert [c.name for c in find("O2Ti")] == ["rutile", "anatase"]
    assert find("SiO2")[0].stable_at_ambient is True
    assert [c.name for c in find("C")] == ["graphite", "diamond"]
    assert find("Al4O6") == find("Al2O3")
    assert find("XeF6") == ()


@pytest.mark.parametrize("formula", ["", "not a formula", "Qq2"])
def test_find_refuses_what_is_no_formula(formula: str) -> None:
    with pytest.raises(DataError):
        find(formula)
