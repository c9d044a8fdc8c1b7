"""Equal crystals, orderings of one solid solution, prototypes, and what a reference set holds."""

from __future__ import annotations

import numpy as np
from pymatgen.core import Lattice, Structure

from matsmith.core.crystal import Crystal
from matsmith.knowledge.crystals import find
from matsmith.knowledge.prototypes import by_common_name, decorate
from matsmith.tools.evaluation.comparison import (
    ReferenceCrystals,
    groups_with_disorder,
    known_up_to_disorder,
    prototype_of,
)
from matsmith.tools.strategies.sources import KnownStructure


def ordering(species: list[str]) -> Crystal:
    """Two formula units of rocksalt (Fe,Co)O: the order of the cations along z is that of `species`."""
    faces = [[0, 0, 0], [0, 0.5, 0.5], [0.5, 0, 0.5], [0.5, 0.5, 0]]
    places = [*faces, *([x + 0.5, y, z] for x, y, z in faces)]
    cell = Structure(Lattice.cubic(4.3), ["Fe"] * 4 + ["O"] * 4, places)
    cell.make_supercell([1, 1, 2])
    cations = [place for place, site in enumerate(cell) if site.specie.symbol == "Fe"]
    by_height = sorted(cations, key=lambda place: (round(cell[place].frac_coords[2], 3), place))
    for place, symbol in zip(by_height, [s for s in species for _ in range(2)], strict=True):
        cell.replace(place, symbol)
    return Crystal.from_pymatgen(cell)


def test_orderings_of_one_solution_are_one_material_and_two_of_unlike_elements_are_not() -> None:
    layered, paired = ordering(["Fe", "Co", "Fe", "Co"]), ordering(["Fe", "Fe", "Co", "Co"])
    assert layered.formula == paired.formula
    assert groups_with_disorder([layered, paired, layered]) == [0, 0, 0]
    one, other = ordering(["Ba", "Mg", "Ba", "Mg"]), ordering(["Ba", "Ba", "Mg", "Mg"])
    assert len(set(groups_with_disorder([one, other]))) == 2
    known = KnownStructure(key="CoFeO2", origin="made", prototype="", space_group=1, crystal=layered)
    assert known_up_to_disorder(paired, [known])
    assert not known_up_to_disorder(one, [known])


def test_prototypes_are_recognised_whatever_the_elements_and_the_volume() -> None:
    (perovskite,) = [p for p in by_common_name("perovskite") if p.space_group == 221]
    slots = dict(zip(perovskite.slots, ("O", "Sn", "Ca"), strict=True))
    crystal = Crystal.from_pymatgen(decorate(perovskite, slots))
    assert prototype_of(crystal) == perovskite.name
    shaken = crystal.to_pymatgen()
    shaken.perturb(0.05)
    assert prototype_of(Crystal.from_pymatgen(shaken)) == perovskite.name
    wurtzite = prototype_of(
        Crystal.from_pymatgen(decorate(by_common_name("wurtzite")[0], {"S": "N", "Zn": "Al"}))
    )
    assert wurtzite == by_common_name("wurtzite")[0].name
    unheard = Structure(Lattice.cubic(5), ["Fe"] * 5 + ["O"] * 4, np.random.default_rng(0).random((9, 3)))
    assert prototype_of(Crystal.from_pymatgen(unheard)) == ""
    assert prototype_of(Crystal.from_pymatgen(find("NaCl")[0].structure())) == "AB_cF8_225_a_b"


def test_a_reference_knows_its_formulas_and_structures() -> None:
    rutile = Crystal.from_pymatgen(find("TiO2")[0].structure())
    reference = ReferenceCrystals([rutile])
    stretched = rutile.to_pymatgen()
    stretched.scale_lattice(stretched.volume * 1.1)
    assert reference.has_structure(Crystal.from_pymatgen(stretched))
    cell = Lattice([[0, 2.4, 2.4], [2.4, 0, 2.4], [2.4, 2.4, 0]])
    fluorite = Structure(cell, ["Ti", "O", "O"], [[0, 0, 0], [0.25, 0.25, 0.25], [0.75, 0.75, 0.75]])
    other = Crystal.from_pymatgen(fluorite)
    assert reference.has_formula(other)
    assert not reference.has_structure(other)
    assert not reference.has_formula(Crystal.from_pymatgen(find("NaCl")[0].structure()))
