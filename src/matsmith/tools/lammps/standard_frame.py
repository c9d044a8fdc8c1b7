"""A crystal in the standard axes of its system, with the elastic tensors that its symmetry allows; a random alloy with its lattice's."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Literal

import numpy as np

from matsmith.core.space_group import spglib_or_none
from matsmith.models.elastic_tensor import invariant_basis
from matsmith.models.potentials.interface import FloatArray
from matsmith.tools.lammps.parent_lattice import symmetry_within
from matsmith.tools.lammps.structures import restricted, symbols_of

if TYPE_CHECKING:
    from ase import Atoms

_SYMMETRY_ANGSTROM = 0.02
_FEW_ROTATIONS, _MANY_ROTATIONS = 4, 12


@dataclass(frozen=True, kw_only=True)
class Frame:
    """A cell, the tensors (k, 6, 6) that its symmetry allows in its axes, and the rotation (3, 3) from there into standard axes.

    `of_lattice` says that the symmetry is that of the lattice, the elements ignored.
    """

    atoms: Atoms
    name: str
    basis: FloatArray
    turn: FloatArray
    of_lattice: bool

    @property
    def cubic(self) -> bool:
        """Whether three constants are enough."""
        return len(self.basis) == 3

    @property
    def shape(self) -> Literal["iso", "aniso", "tri"]:
        """What of the cell may change under no pressure."""
        if not np.allclose(self.atoms.cell.angles(), 90.0, atol=0.05):
            return "tri"
        return "iso" if self.cubic and not self.of_lattice else "aniso"


def frame_of(atoms: Atoms) -> Frame:
    """Bring a crystal into the standard axes of its system; a random alloy stays as it is, with its lattice's symmetry."""
    from ase import Atoms as AseAtoms

    own = _own_symmetry(atoms)
    if len(set(symbols_of(atoms))) > 1 and len(own.rotations) <= _FEW_ROTATIONS:
        lattice = _symmetry(symmetry_within(atoms, elements_ignored=True))
        if len(lattice.rotations) >= _MANY_ROTATIONS:
            framed, rotation = restricted(atoms)
            rotations = np.einsum("ab,gbc,dc->gad", rotation, lattice.rotations, rotation)
            return Frame(
                atoms=framed,
                name=lattice.name,
                basis=invariant_basis(rotations),
                turn=lattice.turn @ rotation.T,
                of_lattice=True,
            )
    standard: Any = spglib_or_none(
        "standardize_cell", _cell(atoms), to_primitive=False, no_idealize=False,
        tolerance_angstrom=_SYMMETRY_ANGSTROM,
    )  # fmt: skip
    if standard is not None:
        cell, positions, numbers = standard
        atoms = AseAtoms(numbers=numbers, scaled_positions=positions, cell=cell, pbc=True)
    framed, _ = restricted(atoms)
    found = _own_symmetry(framed)
    return Frame(
        atoms=framed,
        name=found.name,
        basis=invariant_basis(found.rotations),
        turn=np.eye(3),
        of_lattice=False,
    )


@dataclass(frozen=True, kw_only=True)
class _Symmetry:
    """Rotations (g, 3, 3) in the axes of a cell, the space group, and the rotation (3, 3) into standard axes."""

    rotations: FloatArray
    name: str
    turn: FloatArray


def _own_symmetry(atoms: Atoms) -> _Symmetry:
    found = spglib_or_none("get_symmetry_dataset", _cell(atoms), tolerance_angstrom=_SYMMETRY_ANGSTROM)
    return _symmetry(found)


def _cell(atoms: Atoms) -> Any:
    return (np.asarray(atoms.cell.array), atoms.get_scaled_positions(), atoms.numbers)


def _symmetry(found: Any) -> _Symmetry:
    """What a data set of spglib says of a cell; P1 where there is none."""
    if found is None:
        return _Symmetry(rotations=np.eye(3)[None], name="P1", turn=np.eye(3))
    # Of the standard cell, as a supercell that was given may not repeat under all rotations of its crystal.
    cell: Any = (found.std_lattice, found.std_positions, found.std_types)
    standard: Any = spglib_or_none("get_symmetry", cell, tolerance_angstrom=_SYMMETRY_ANGSTROM)
    turn = _nearest_rotation(np.asarray(found.std_rotation_matrix, dtype=np.float64))
    whole = np.eye(3)[None] if standard is None else np.asarray(standard["rotations"], dtype=np.float64)
    columns = np.asarray(found.std_lattice, dtype=np.float64).T
    there = columns @ np.unique(whole, axis=0) @ np.linalg.inv(columns)
    return _Symmetry(rotations=turn.T @ there @ turn, name=str(found.international), turn=turn)


def _nearest_rotation(matrix: FloatArray) -> FloatArray:
    """The orthogonal matrix (3, 3) nearest to one that a slightly strained cell gives."""
    left, _, right = np.linalg.svd(matrix)
    return np.asarray(left @ right, dtype=np.float64)
