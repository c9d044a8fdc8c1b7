"""Which systems and decorations the builder looks at."""

from __future__ import annotations

import pytest

from matsmith.tools.reference_plan import (
    COMMON_ELEMENTS,
    COVERED_ELEMENTS,
    NOBLE_GASES,
    binary_systems,
    bonding_class,
    decorations,
    relaxations_planned,
)


def test_every_pair_of_common_elements_is_planned_once() -> None:
    systems = binary_systems()
    pairs = [frozenset(s) for s in systems]
    assert len(set(pairs)) == len(pairs)
    common = set(COMMON_ELEMENTS)
    assert sum(pair <= common for pair in pairs) == 35 * 34 // 2
    assert not any(pair & set(NOBLE_GASES) for pair in pairs)


def test_oxides_come_first_and_every_other_element_meets_oxygen() -> None:
    systems = binary_systems()
    assert all("O" in system for system in systems[:30])
    with_oxygen = {next(iter(set(s) - {"O"})) for s in systems if "O" in s}
    assert with_oxygen == set(COVERED_ELEMENTS) - set(NOBLE_GASES) - {"O"}


@pytest.mark.parametrize(
    ("anion", "expected"), [("O", "ionic"), ("S", "covalent"), ("C", "metalloid"), ("Ni", "metallic")]
)
def test_bonding_classes(anion: str, expected: str) -> None:
    assert bonding_class(anion) == expected


@pytest.mark.parametrize(
    ("system", "tag", "symbols"),
    [
        (("Mg", "O"), "AB_cF8_225_a_b", ("Mg", "O")),
        (("Al", "O"), "A2B3_hR10_167_c_e", ("Al", "O")),
        (("Na", "O"), "AB2_cF12_225_a_c", ("O", "Na")),
        (("Ca", "F"), "AB2_cF12_225_a_c", ("Ca", "F")),
        (("Ti", "C"), "AB_cF8_225_a_b", ("Ti", "C")),
        (("W", "C"), "AB_hP2_187_d_a", ("C", "W")),
        (("Al", "Ni"), "AB_cP2_221_b_a", ("Al", "Ni")),
        (("Al", "Ni"), "AB3_cP4_221_a_c", ("Al", "Ni")),
        (("Fe", "C"), "AB3_oP16_62_c_cd", ("C", "Fe")),
        (("Ti", "O"), "A2B_tP6_136_f_a", ("O", "Ti")),
        (("H", "N"), "A3B_cP16_198_b_a", ("H", "N")),
    ],
)
def test_known_ground_states_are_among_the_decorations(
    system: tuple[str, str], tag: str, symbols: tuple[str, ...]
) -> None:
    assert (tag, symbols) in {(d.prototype.name, d.symbols) for d in decorations(system, atoms_max=16)}


def test_impossible_charges_and_repeats_are_left_out() -> None:
    magnesia = list(decorations(("Mg", "O"), atoms_max=16))
    assert not any(d.amounts == {"O": 3, "Mg": 1} for d in decorations(("Na", "F"), atoms_max=16))
    assert not any(d.amounts["Mg"] > d.amounts["O"] for d in magnesia)
    assert len({(d.prototype.name, d.symbols) for d in magnesia}) == len(magnesia)


def test_a_measured_compound_keeps_its_lattice() -> None:
    (rocksalt,) = (d for d in decorations(("Na", "Cl"), atoms_max=16) if d.prototype.name == "AB_cF8_225_a_b")
    assert rocksalt.is_own_compound
    assert (rocksalt.lattice_angstrom == rocksalt.prototype.lattice_angstrom).all()


def test_valuable_systems_get_more_relaxations() -> None:
    assert (
        relaxations_planned(("Mg", "O")) > relaxations_planned(("Cu", "Ni")) > relaxations_planned(("N", "O"))
    )
