from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from pydantic import ValidationError
from pymatgen.core import Lattice, Structure

from matsmith.core.crystal import Crystal
from matsmith.core.errors import StructureError


def rocksalt() -> Structure:
    return Structure.from_spacegroup("Fm-3m", Lattice.cubic(4.211), ["Mg", "O"], [[0, 0, 0], [0.5, 0.5, 0.5]])


def rutile() -> Structure:
    return Structure.from_spacegroup(
        "P4_2/mnm", Lattice.tetragonal(4.594, 2.959), ["Ti", "O"], [[0, 0, 0], [0.3053, 0.3053, 0]]
    )


def quartz() -> Structure:
    return Structure.from_spacegroup(
        "P3_121", Lattice.hexagonal(4.914, 5.405), ["Si", "O"], [[0.4697, 0, 1 / 3], [0.4133, 0.2672, 0.2144]]
    )


@pytest.mark.parametrize("make", [rocksalt, rutile, quartz])
def test_the_id_does_not_depend_on_the_description(make: object) -> None:
    structure = make()  # pyright: ignore[reportCallIssue, reportUnknownVariableType]
    assert isinstance(structure, Structure)
    reference = Crystal.from_pymatgen(structure).canonical_hash
    primitive = structure.get_primitive_structure()
    supercell = structure.copy()
    supercell.make_supercell([2, 1, 1])
    shuffled = Structure.from_sites(list(reversed(list(structure))))
    rotated = structure.copy()
    angle = 0.7
    turn = np.array([[np.cos(angle), -np.sin(angle), 0], [np.sin(angle), np.cos(angle), 0], [0, 0, 1]])
    rotated = Structure(structure.lattice.matrix @ turn.T, rotated.species, rotated.frac_coords)
    wrapped = Structure(structure.lattice, structure.species, structure.frac_coords + 1.0)
    for other in (primitive, supercell, shuffled, rotated, wrapped):
        assert Crystal.from_pymatgen(other).canonical_hash == reference


def test_other_crystals_have_other_ids() -> None:
    structure = rocksalt()
    larger = structure.copy()
    larger.scale_lattice(structure.volume * 1.05)
    swapped = structure.copy()
    swapped.replace_species({"Mg": "Ca"})
    ids = {Crystal.from_pymatgen(s).canonical_hash for s in (structure, larger, swapped, rutile(), quartz())}
    assert len(ids) == 5


@settings(max_examples=40, deadline=None)
@given(
    lengths=st.tuples(*[st.floats(3, 8)] * 3),
    angles=st.tuples(*[st.floats(70, 110)] * 3),
    x=st.floats(0.2, 0.8),
)
def test_json_and_pymatgen_round_trips_keep_the_crystal(
    lengths: tuple[float, float, float], angles: tuple[float, float, float], x: float
) -> None:
    structure = Structure(
        Lattice.from_parameters(*lengths, *angles), ["Na", "Cl"], [[0, 0, 0], [x, 0.5, 0.5]]
    )
    crystal = Crystal.from_pymatgen(structure)
    again = Crystal.model_validate_json(crystal.model_dump_json())
    assert again == crystal
    assert again.canonical_hash == crystal.canonical_hash
    assert crystal.volume_angstrom3 == pytest.approx(structure.volume, rel=1e-9)
    assert Structure.from_str(crystal.to_cif(), fmt="cif").volume == pytest.approx(structure.volume, rel=1e-5)


def test_formulas_and_elements() -> None:
    crystal = Crystal.from_pymatgen(rutile())
    assert (crystal.formula, crystal.elements, crystal.amounts) == ("TiO2", ("O", "Ti"), {"Ti": 2, "O": 4})


def test_partial_occupancy_is_refused() -> None:
    structure = Structure(Lattice.cubic(4), [{"Fe": 0.5, "Ni": 0.5}], [[0, 0, 0]])
    with pytest.raises(StructureError, match="partially occupied"):
        Crystal.from_pymatgen(structure)


@pytest.mark.parametrize(
    ("lattice", "species", "positions"),
    [
        (((1, 0, 0), (0, 1, 0), (1, 1, 0)), ("Fe",), ((0, 0, 0),)),
        (((3, 0, 0), (0, 3, 0), (0, 0, 3)), ("Xx",), ((0, 0, 0),)),
        (((3, 0, 0), (0, 3, 0), (0, 0, 3)), ("Fe", "Fe"), ((0, 0, 0),)),
        (((3, 0, 0), (0, 3, 0), (0, 0, float("nan"))), ("Fe",), ((0, 0, 0),)),
        (((3, 0, 0), (0, 3, 0), (0, 0, 3)), (), ()),
    ],
)
def test_nonsense_is_no_crystal(lattice: object, species: object, positions: object) -> None:
    with pytest.raises(ValidationError):
        Crystal.model_validate({"lattice": lattice, "species": species, "positions": positions})
