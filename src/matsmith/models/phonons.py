"""Phonons of many crystals by finite displacements: phonopy makes the cells and the force constants, the potential the forces.

Togo 2023, J. Phys. Soc. Jpn. 92, 012001. All displaced supercells of all crystals share batches. The supercell is a multiple of the
primitive or of the conventional cell, the smallest in which an atom's images stand far enough apart. The forces of the undisplaced
cell are taken off. No Born charges are at hand: the splitting of longitudinal and transverse optical modes of polar crystals is
missing, which hardly touches sums over all modes.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from itertools import product
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from matsmith.core.errors import UsageError
from matsmith.core.space_group import spglib_or_none
from matsmith.models.phonon_bands import Bands, bands_of
from matsmith.models.potentials.interface import ArrayPotential, CrystalArrays, Evaluation, Refusal
from matsmith.models.vibrational import Spectrum

if TYPE_CHECKING:
    from pymatgen.core import Structure

FloatArray = NDArray[np.float64]
IntArray = NDArray[np.int64]
_NEIGHBOURS = np.array([v for v in product((-1, 0, 1), repeat=3) if any(v)], dtype=np.float64)
_MOST_REPEATS = 8


@dataclass(frozen=True, kw_only=True)
class PhononSettings:
    """How far images of an atom stand apart at least, how far atoms are moved, how large a supercell may be, how fine the mesh is.

    `mesh_length_angstrom` over the length of a lattice vector is the number of wave vectors along it. `bands` asks for the
    frequencies along a path as well.
    """

    image_distance_angstrom: float = 9.0
    displacement_angstrom: float = 0.05
    max_supercell_atoms: int = 400
    mesh_length_angstrom: float = 60.0
    bands: bool = False

    def __post_init__(self) -> None:
        for name in (
            "image_distance_angstrom",
            "displacement_angstrom",
            "max_supercell_atoms",
            "mesh_length_angstrom",
        ):
            if not getattr(self, name) > 0:
                raise UsageError(f"{name} is {getattr(self, name)}, and has to be above zero.")


@dataclass(frozen=True, kw_only=True)
class Phonons:
    """The spectrum of a crystal, and the supercell it comes from."""

    structure: Structure
    spectrum: Spectrum
    supercell_atoms: int
    displacements: int
    image_distance_angstrom: float
    bands: Bands | None = None


@dataclass(frozen=True, kw_only=True)
class PhononFailure:
    """Why a crystal has no spectrum."""

    code: str
    message: str


@dataclass(kw_only=True)
class _Task:
    structure: Structure
    phonopy: Any
    distance_angstrom: float
    cells: list[CrystalArrays]
    forces: list[FloatArray] = field(default_factory=list[FloatArray])
    failure: PhononFailure | None = None


def phonons(
    structures: Sequence[Structure], *, potential: ArrayPotential, settings: PhononSettings | None = None
) -> Iterator[tuple[int, Phonons | PhononFailure]]:
    """Spectra of relaxed primitive cells, in order; each as (place in the input, result). Inputs are never changed."""
    chosen = settings or PhononSettings()
    tasks = [_task(structure, settings=chosen) for structure in structures]
    cells = [(task, cell) for task in tasks if isinstance(task, _Task) for cell in task.cells]
    answers = potential.evaluate_arrays((cell for _, cell in cells), stress=False)
    waiting = iter(zip(cells, answers, strict=True))
    for index, task in enumerate(tasks):
        if isinstance(task, PhononFailure):
            yield index, task
            continue
        for _ in task.cells:
            _, answer = next(waiting)
            _take(task, answer)
        yield index, task.failure or _spectrum(task, settings=chosen)


def supercell_matrix(
    structure: Structure, *, distance_angstrom: float, max_atoms: int
) -> tuple[IntArray, float] | None:
    """Integer matrix (3, 3; columns make the supercell, as phonopy takes it) and the distance of images; None when it needs more atoms.

    Supercells that keep the point group come first: they need fewer displacements.
    """
    rows = np.array(structure.lattice.matrix, dtype=np.float64)
    rotations, starts = _symmetry(structure)
    best: tuple[bool, int, float] | None = None
    chosen: IntArray | None = None
    for start in starts:
        lengths = np.linalg.norm(start @ rows, axis=1)
        fewest = [max(1, int(np.ceil(distance_angstrom / length - 1e-6))) for length in lengths]
        for repeats in product(*(range(n, min(n + 2, _MOST_REPEATS) + 1) for n in fewest)):
            matrix = np.asarray(start * np.array(repeats)[:, None], dtype=np.int64)
            atoms = len(structure) * round(abs(float(np.linalg.det(matrix))))
            distance = float(np.linalg.norm(_NEIGHBOURS @ (matrix @ rows), axis=1).min())
            rank = (not _keeps(matrix, rotations), atoms, -distance)
            if atoms <= max_atoms and distance >= distance_angstrom - 1e-6 and (best is None or rank < best):
                best, chosen = rank, matrix
    if best is None or chosen is None:
        return None
    return np.ascontiguousarray(chosen.T), -best[2]


def _keeps(matrix: IntArray, rotations: FloatArray) -> bool:
    """Whether the lattice of a supercell (rows of integers) is left alone by rotations (g, 3, 3) that act on fractional columns."""
    inside = np.linalg.inv(matrix.T) @ rotations @ matrix.T
    return bool(np.abs(inside - np.rint(inside)).max() < 1e-6)


def _symmetry(structure: Structure) -> tuple[FloatArray, list[IntArray]]:
    """Rotations (g, 3, 3) in fractional coordinates, and rows of integers that make the cell itself and its conventional cell."""
    starts: list[IntArray] = [np.eye(3, dtype=np.int64)]
    cell: Any = (np.array(structure.lattice.matrix), structure.frac_coords, list(structure.atomic_numbers))
    dataset: Any = spglib_or_none("get_symmetry_dataset", cell, tolerance_angstrom=0.01)
    if dataset is None:
        return np.eye(3)[None], starts
    whole = np.linalg.inv(np.asarray(dataset.transformation_matrix, dtype=np.float64)).T
    rounded = np.rint(whole)
    if np.allclose(whole, rounded, atol=1e-3) and abs(np.linalg.det(rounded)) > 0.5:
        starts.append(np.asarray(rounded, dtype=np.int64))
    return np.asarray(dataset.rotations, dtype=np.float64), starts


def _task(structure: Structure, *, settings: PhononSettings) -> _Task | PhononFailure:
    from phonopy import Phonopy
    from phonopy.structure.atoms import PhonopyAtoms

    found = supercell_matrix(
        structure, distance_angstrom=settings.image_distance_angstrom, max_atoms=settings.max_supercell_atoms
    )
    if found is None:
        return PhononFailure(
            code="too_large",
            message=f"A supercell with images {settings.image_distance_angstrom:g} Å apart needs more than "
            f"{settings.max_supercell_atoms} atoms.",
        )
    matrix, distance = found
    cell = PhonopyAtoms(
        symbols=[str(site.specie.symbol) for site in structure],
        cell=np.array(structure.lattice.matrix),
        scaled_positions=np.array(structure.frac_coords),
    )
    made: Any = Phonopy(cell, supercell_matrix=matrix, primitive_matrix=np.eye(3), symprec=1e-4, log_level=0)
    made.generate_displacements(distance=settings.displacement_angstrom)
    displaced: Any = made.supercells_with_displacements
    return _Task(
        structure=structure,
        phonopy=made,
        distance_angstrom=distance,
        cells=[_arrays(each) for each in (made.supercell, *displaced)],
    )


def _arrays(cell: Any) -> CrystalArrays:
    return CrystalArrays(
        numbers=np.array(cell.numbers, dtype=np.int64),
        frac_coords=np.array(cell.scaled_positions, dtype=np.float64),
        lattice_angstrom=np.array(cell.cell, dtype=np.float64),
    )


def _take(task: _Task, answer: Evaluation | Refusal) -> None:
    if isinstance(answer, Refusal):
        task.failure = PhononFailure(code=answer.code, message=f"Of a displaced cell: {answer.message}")
    elif answer.forces_ev_per_angstrom is None or not np.isfinite(answer.forces_ev_per_angstrom).all():
        task.failure = PhononFailure(
            code="exploded", message="A force of a displaced cell is not a finite number."
        )
    else:
        task.forces.append(answer.forces_ev_per_angstrom)


def _spectrum(task: _Task, *, settings: PhononSettings) -> Phonons:
    made = task.phonopy
    still, *moved = task.forces
    made.forces = np.array([forces - still for forces in moved])
    made.produce_force_constants()
    made.symmetrize_force_constants()
    made.run_mesh(mesh=settings.mesh_length_angstrom, with_eigenvectors=False)
    mesh: Any = made.mesh
    return Phonons(
        structure=task.structure,
        spectrum=Spectrum(
            frequencies_thz=np.array(mesh.frequencies, dtype=np.float64),
            weights=np.array(mesh.weights, dtype=np.float64),
        ),
        supercell_atoms=len(made.supercell),
        displacements=len(moved),
        image_distance_angstrom=task.distance_angstrom,
        bands=bands_of(made, task.structure) if settings.bands else None,
    )
