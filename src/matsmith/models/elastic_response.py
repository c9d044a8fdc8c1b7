"""Elastic tensors of many crystals from a potential: relax under pressure, strain, evaluate clamped, relax the atoms, fit.

Every crystal is brought into spglib's standard primitive cell first, so that the tensor stands in the standard axes of its
crystal system (a along x, c along z; Togo, Shinohara & Tanaka 2024, Sci. Technol. Adv. Mater. Methods 4, 2384822) and does not
depend on how the crystal was given. Strained cells of all crystals share batches.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from matsmith.core.space_group import spglib_or_none
from matsmith.models.elastic_tensor import (
    StrainPoint,
    TensorFit,
    fit_tensor,
    invariant_basis,
    needed_strains,
    strained_lattice,
)
from matsmith.models.potentials.interface import ArrayPotential, Refusal
from matsmith.models.relaxation import (
    EV_PER_ANGSTROM3_IN_GPA,
    RelaxationFailure,
    RelaxationSettings,
    Relaxed,
    relax,
)

if TYPE_CHECKING:
    from pymatgen.core import Structure

FloatArray = NDArray[np.float64]
AMPLITUDES = (0.01, 0.02, 0.03)
SYMMETRY_TOLERANCE_ANGSTROM = 0.03
_START_FORCE_EV_PER_ANGSTROM = 0.01
_START_STRESS_GPA = 0.02
# A relaxation that stalls on the roughness of the potential is near enough for a stress when no force exceeds this.
_NEAR_ENOUGH_EV_PER_ANGSTROM = 0.1


@dataclass(frozen=True, kw_only=True)
class ElasticResponse:
    """Elastic tensors of one relaxed crystal, with the atoms free to follow the strain and with the atoms held.

    `conventional` holds the vectors (3, 3; rows) of the conventional cell in the axes of the tensors.
    """

    structure: Structure
    conventional: FloatArray
    space_group: str
    strains: tuple[int, ...]
    relaxed_ion: TensorFit
    clamped_ion: TensorFit


@dataclass(frozen=True, kw_only=True)
class ElasticFailure:
    """Why a crystal has no elastic tensor: a code of the relaxation and a sentence."""

    code: str
    message: str


@dataclass(kw_only=True)
class _Crystal:
    structure: Structure
    conventional: FloatArray
    space_group: str
    basis: FloatArray
    strains: tuple[int, ...]
    clamped: list[StrainPoint] = field(default_factory=list[StrainPoint])
    relaxed: list[StrainPoint] = field(default_factory=list[StrainPoint])
    failure: ElasticFailure | None = None
    open: int = 0


@dataclass(frozen=True, kw_only=True)
class _Job:
    crystal: int
    component: int
    amount: float


def standard_primitive(structure: Structure, *, tolerance_angstrom: float) -> Structure:
    """The primitive cell in spglib's standard axes, idealised; the cell as it is when no symmetry is found."""
    from pymatgen.core import Element, Lattice, Structure

    standard: Any = spglib_or_none(
        "standardize_cell",
        _cell(structure),
        to_primitive=True,
        no_idealize=False,
        tolerance_angstrom=tolerance_angstrom,
    )
    if standard is None:
        return structure.copy()
    lattice, positions, numbers = standard
    return Structure(Lattice(lattice), [Element.from_Z(int(number)) for number in numbers], positions)


def elastic_responses(
    structures: Sequence[Structure],
    *,
    potential: ArrayPotential,
    pressure_gpa: float = 0.0,
    amplitudes: Sequence[float] = AMPLITUDES,
) -> Iterator[tuple[int, ElasticResponse | ElasticFailure]]:
    """Yield (place in the input, result) in the order in which crystals finish; inputs are never changed."""
    crystals: dict[int, _Crystal] = {}
    settings = RelaxationSettings(
        force_tolerance_ev_per_angstrom=_START_FORCE_EV_PER_ANGSTROM,
        stress_tolerance_gpa=_START_STRESS_GPA,
        pressure_gpa=pressure_gpa,
        keep_symmetry=True,
        max_steps=400,
    )
    starts = (
        standard_primitive(structure, tolerance_angstrom=SYMMETRY_TOLERANCE_ANGSTROM)
        for structure in structures
    )
    for index, result in relax(starts, potential=potential, settings=settings):
        found = _usable(result)
        if isinstance(found, ElasticFailure):
            yield index, found
        else:
            crystals[index] = _prepared(found)
    jobs = [
        _Job(crystal=index, component=component, amount=sign * amplitude)
        for index, crystal in crystals.items()
        for component in crystal.strains
        for amplitude in amplitudes
        for sign in (1, -1)
    ]
    for job in jobs:
        crystals[job.crystal].open += 1
    answers = potential.evaluate_each([_strained(crystals[job.crystal].structure, job) for job in jobs])
    for job, answer in zip(jobs, answers, strict=True):
        crystal = crystals[job.crystal]
        if isinstance(answer, Refusal):
            crystal.failure = ElasticFailure(code=answer.code, message=f"Under strain: {answer.message}")
        elif answer.stress_ev_per_angstrom3 is not None:
            crystal.clamped.append(_point(job, answer.stress_ev_per_angstrom3))
    settings = RelaxationSettings(
        cell="fixed", force_tolerance_ev_per_angstrom=_START_FORCE_EV_PER_ANGSTROM, max_steps=150
    )
    cells = (_strained(crystals[job.crystal].structure, job) for job in jobs)
    for place, result in relax(cells, potential=potential, settings=settings):
        job = jobs[place]
        crystal = crystals[job.crystal]
        crystal.open -= 1
        found = _usable(result)
        if isinstance(found, ElasticFailure):
            crystal.failure = ElasticFailure(code=found.code, message=f"Under strain: {found.message}")
        else:
            crystal.relaxed.append(_point(job, found.stress_ev_per_angstrom3))
        if crystal.open == 0:
            yield job.crystal, _finished(crystal)


def _usable(result: Relaxed | RelaxationFailure) -> Relaxed | ElasticFailure:
    if isinstance(result, Relaxed):
        return result
    last = result.last if result.code == "unconverged" else None
    if last is not None and last.max_force_ev_per_angstrom <= _NEAR_ENOUGH_EV_PER_ANGSTROM:
        return last
    return ElasticFailure(code=result.code, message=result.message)


def _prepared(found: Relaxed) -> _Crystal:

    structure = found.structure
    dataset: Any = spglib_or_none(
        "get_symmetry_dataset", _cell(structure), tolerance_angstrom=SYMMETRY_TOLERANCE_ANGSTROM
    )
    columns = np.array(structure.lattice.matrix).T
    if dataset is None:
        rotations, conventional, name = np.eye(3)[None], columns.T, "P1"
    else:
        whole = np.asarray(dataset.rotations, dtype=np.float64)
        rotations = columns @ whole @ np.linalg.inv(columns)
        conventional = (columns @ np.linalg.inv(np.asarray(dataset.transformation_matrix))).T
        name = str(dataset.international)
    basis = invariant_basis(rotations)
    return _Crystal(
        structure=structure,
        conventional=np.asarray(conventional, dtype=np.float64),
        space_group=name,
        basis=basis,
        strains=needed_strains(basis),
    )


def _strained(structure: Structure, job: _Job) -> Structure:
    from pymatgen.core import Lattice, Structure

    lattice = strained_lattice(np.array(structure.lattice.matrix), component=job.component, amount=job.amount)
    return Structure(Lattice(lattice), [site.specie for site in structure], structure.frac_coords)


def _point(job: _Job, stress_ev_per_angstrom3: FloatArray) -> StrainPoint:
    return StrainPoint(
        component=job.component,
        amount=job.amount,
        stress_gpa=stress_ev_per_angstrom3 * EV_PER_ANGSTROM3_IN_GPA,
    )


def _finished(crystal: _Crystal) -> ElasticResponse | ElasticFailure:
    if crystal.failure is not None:
        return crystal.failure
    return ElasticResponse(
        structure=crystal.structure,
        conventional=crystal.conventional,
        space_group=crystal.space_group,
        strains=crystal.strains,
        relaxed_ion=fit_tensor(crystal.relaxed, basis=crystal.basis),
        clamped_ion=fit_tensor(crystal.clamped, basis=crystal.basis),
    )


def _cell(structure: Structure) -> Any:
    return (
        np.array(structure.lattice.matrix),
        structure.frac_coords,
        [int(number) for number in structure.atomic_numbers],
    )
