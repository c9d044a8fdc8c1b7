"""Structure types: names, slots, equivalence of slots, and the volume of decorations against measured crystals."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from matsmith.core.errors import StructureError
from matsmith.knowledge.prototypes import (
    Prototype,
    by_common_name,
    by_name,
    common_names,
    decorate,
    prototypes,
    with_stoichiometry,
)

# Measured lattice constants of cubic crystals at room temperature, in Å (Wyckoff, Crystal Structures, 1963), and atoms a cubic cell.
MEASURED = [
    ("rocksalt", {"Cl": "O", "Na": "Mg"}, 4.212, 8),
    ("rocksalt", {"Cl": "C", "Na": "Ti"}, 4.328, 8),
    ("rocksalt", {"Cl": "F", "Na": "Li"}, 4.026, 8),
    ("zincblende", {"S": "As", "Zn": "Ga"}, 5.653, 8),
    ("zincblende", {"S": "C", "Zn": "Si"}, 4.360, 8),
    ("fluorite", {"Ca": "Ce", "F": "O"}, 5.411, 12),
    ("fluorite", {"Ca": "Ba", "F": "F"}, 6.200, 12),
    ("caesium chloride", {"Cl": "Ni", "Cs": "Al"}, 2.887, 2),
    ("cubic perovskite", {"Ca": "Sr", "O": "O", "Ti": "Ti"}, 3.905, 5),
    ("cubic perovskite", {"Ca": "Ba", "O": "O", "Ti": "Zr"}, 4.193, 5),
    ("spinel", {"Al": "Cr", "Mg": "Zn", "O": "O"}, 8.328, 56),
    ("fcc", {"Cu": "Al"}, 4.050, 4),
    ("bcc", {"W": "Fe"}, 2.866, 2),
    ("diamond", {"C": "Si"}, 5.431, 8),
]


def only(name: str) -> Prototype:
    found = by_common_name(name)
    assert len(found) == 1, (name, [p.name for p in found])
    return found[0]


def test_the_library_is_read() -> None:
    assert 230 <= len(prototypes(atoms_max=20)) <= 260
    assert len({p.name for p in prototypes(atoms_max=200)}) == len(prototypes(atoms_max=200))
    assert all(p.atoms <= 6 for p in prototypes(atoms_max=6))


@pytest.mark.parametrize(
    ("name", "compound", "space_group", "stoichiometry"),
    [
        ("rocksalt", "NaCl", 225, (1, 1)),
        ("cubic perovskite", "CaTiO3", 221, (1, 3, 1)),
        ("spinel", "MgAl2O4", 227, (2, 1, 4)),
        ("rutile", "TiO2", 136, (2, 1)),
        ("wurtzite", "ZnS", 186, (1, 1)),
        ("corundum", "Al2O3", 167, (2, 3)),
        ("half-Heusler", "MgAgAs", 216, (1, 1, 1)),
        ("Heusler", "MnAlCu2", 225, (1, 2, 1)),
        ("A15", "Cr3Si", 223, (3, 1)),
    ],
)
def test_well_known_types(name: str, compound: str, space_group: int, stoichiometry: tuple[int, ...]) -> None:
    prototype = only(name)
    assert (prototype.compound, prototype.space_group) == (compound, space_group)
    assert prototype.stoichiometry == stoichiometry


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("rock salt", "Rocksalt"),
        ("NaCl", "halite"),
        ("CsCl", "cesium-chloride"),
        ("zinc blende", "Zinc-Blende"),
        ("spinels", "spinel"),
        ("half heusler", "half-Heuslers"),
        ("C15", "cubic Laves"),
    ],
)
def test_synonyms_case_and_hyphens(one: str, other: str) -> None:
    assert by_common_name(one) == by_common_name(other) != ()


def test_families_and_unknown_names() -> None:
    assert {p.compound for p in by_common_name("MAX phase")} == {"Ti4AlN3", "AlCr2C"}
    assert len(by_common_name("perovskite")) >= 3
    assert by_common_name("garnet") == by_common_name("no such thing") == by_common_name("") == ()
    assert all(by_common_name(name) for name in common_names())
    with pytest.raises(StructureError):
        by_name("AB_cF8_999")


def test_stoichiometry_in_any_order() -> None:
    assert only("cubic perovskite") in with_stoichiometry((3, 1, 1))
    assert all(sorted(p.stoichiometry) == [1, 2] for p in with_stoichiometry((2, 1)))


@pytest.mark.parametrize(
    ("name", "count"), [("rocksalt", 1), ("caesium chloride", 1), ("wurtzite", 1), ("fluorite", 2)]
)
def test_equivalent_slots_are_not_decorated_twice(name: str, count: int) -> None:
    assert len(only(name).distinct_assignments(("Mg", "O"))) == count


def test_perovskite_has_six_and_half_heusler_three_orders() -> None:
    assert len(only("cubic perovskite").distinct_assignments(("Sr", "Ti", "O"))) == 6
    # The two slots beside the half-filled cube are equivalent by inversion.
    assert len(only("half-Heusler").distinct_assignments(("Ti", "Ni", "Sn"))) == 3


@pytest.mark.parametrize(("name", "assignment", "edge", "atoms"), MEASURED)
def test_volume_of_each_known_crystal(name: str, assignment: dict[str, str], edge: float, atoms: int) -> None:
    crystal = decorate(only(name), assignment)
    assert crystal.volume / len(crystal) == pytest.approx(edge**3 / atoms, rel=0.30)


def test_volume_is_within_ten_percent_in_the_median() -> None:
    errors: list[float] = []
    for name, assignment, edge, atoms in MEASURED:
        crystal = decorate(only(name), assignment)
        errors.append(abs(crystal.volume / len(crystal) * atoms / edge**3 - 1))
    assert np.median(errors) < 0.10
    # And on the measured cells of the prototypes' own compounds, on which its two parameters were fitted.
    own = [p for p in prototypes(atoms_max=20) if len(p.slots) > 1]
    ratios = [abs(np.linalg.det(p.scaled_lattice(p.slots)) / np.linalg.det(p.lattice_angstrom)) for p in own]
    assert np.median(np.abs(np.array(ratios) - 1)) < 0.08


def test_decoration_keeps_the_symmetry_and_the_prototype() -> None:
    import spglib

    rutile = only("rutile")
    before = rutile.lattice_angstrom.copy()
    crystal = decorate(rutile, {"O": "O", "Ti": "Sn"})
    assert crystal.composition.reduced_formula == "SnO2"
    cell: Any = (crystal.lattice.matrix, crystal.frac_coords, crystal.atomic_numbers)
    found = spglib.get_symmetry_dataset(cell, symprec=1e-3)
    assert found is not None
    assert found.number == 136
    assert np.array_equal(before, rutile.lattice_angstrom)


def test_the_tag_states_the_symmetry_of_the_cell() -> None:
    """Few entries come out in a supergroup, since their free parameters happen to be special."""
    import spglib

    wrong: list[str] = []
    for p in prototypes(atoms_max=12):
        cell: Any = (p.lattice_angstrom, p.frac_coords, p.slot_of_site)
        found = spglib.get_symmetry_dataset(cell, symprec=0.01)
        if found is None or found.number != p.space_group:
            wrong.append(p.name)
    assert set(wrong) <= {"AB_oP8_33_a_a", "A2B_oC12_38_de_ab"}


@pytest.mark.parametrize(
    "assignment",
    [{}, {"Na": "Mg"}, {"Na": "Mg", "Cl": "Mg"}, {"Na": "Mg", "Cl": "O", "Br": "F"}, {"Na": "Mg", "K": "O"}],
)
def test_a_wrong_assignment_is_refused(assignment: dict[str, str]) -> None:
    with pytest.raises(StructureError):
        decorate(only("rocksalt"), assignment)


def test_an_element_that_does_not_exist_is_refused() -> None:
    with pytest.raises(Exception, match="no element"):
        decorate(only("rocksalt"), {"Na": "Xx", "Cl": "O"})


_BINARY = [p for p in prototypes(atoms_max=12) if len(p.slots) == 2]


@settings(max_examples=60, deadline=None)
@given(
    st.sampled_from(_BINARY),
    st.sampled_from(["Li", "K", "Ca", "Ti", "Fe", "Cu", "Zr", "W", "Pb", "La", "U"]),
    st.sampled_from(["O", "F", "N", "S", "Cl", "C", "B"]),
)
def test_any_decoration_has_a_finite_volume_and_its_own_elements(
    prototype: Prototype, cation: str, anion: str
) -> None:
    for symbols in prototype.distinct_assignments((cation, anion)):
        crystal = decorate(prototype, dict(zip(prototype.slots, symbols, strict=True)))
        assert 3.0 < crystal.volume / len(crystal) < 300.0
        assert {str(e) for e in crystal.composition.elements} == {cation, anion}
        assert len(crystal) == prototype.atoms
