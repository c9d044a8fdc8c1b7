"""Relaxation of many crystals at once: one batch per step, an optimiser for each, finished ones leave and new ones enter."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Literal

import numpy as np

from matsmith.core.errors import StructureError, UsageError
from matsmith.models.lbfgs import LimitedMemoryBFGS, cell_length_angstrom
from matsmith.models.potentials.interface import (
    ArrayPotential,
    CrystalArrays,
    Evaluation,
    FloatArray,
    Refusal,
)
from matsmith.models.potentials.periodic_graph import EVERY_ELEMENT, check_cell, empty_layers
from matsmith.models.symmetry_constraint import SymmetryConstraint, symmetrised

if TYPE_CHECKING:
    from pymatgen.core import Structure

EV_PER_ANGSTROM3_IN_GPA = 160.21766208
FailureCode = Literal[
    "overlap",
    "exploded",
    "collapsed",
    "unconverged",
    "isolated_atoms",
    "not_covered",
    "malformed",
    "calculator_failed",
    "vacuum",
]
# An empty layer as thick as the potential sees: its two sides do not feel each other, and the cell has no size to relax to.
_VACUUM_ANGSTROM = 6.0
_IN_VACUUM = {1: "a slab between vacuum", 2: "a wire in vacuum", 3: "a molecule in a box"}
_ENERGY_NOISE_EV_PER_ATOM = 1e-4
_MAX_FORCE_EV_PER_ANGSTROM = 1e4
_MAX_REJECTIONS = 12
_MAX_FAULTS = 4


@dataclass(frozen=True, slots=True)
class RelaxationSettings:
    """When a relaxation ends and what it may move.

    `cell`: "full" moves shape and volume, "shape" keeps the volume, "fixed" keeps the lattice. `max_steps` counts
    evaluations. The stress tolerance is on the largest component, after the external pressure is taken off; with
    "shape" on its traceless part. `max_volume_ratio` bounds growth, and shrinkage by its inverse, against the start.
    """

    force_tolerance_ev_per_angstrom: float = 0.05
    stress_tolerance_gpa: float = 0.1
    max_steps: int = 300
    cell: Literal["full", "fixed", "shape"] = "full"
    pressure_gpa: float = 0.0
    keep_symmetry: bool = False
    symmetry_tolerance_angstrom: float = 0.01
    max_volume_ratio: float = 3.0

    def __post_init__(self) -> None:
        positive = {
            "force_tolerance_ev_per_angstrom": self.force_tolerance_ev_per_angstrom,
            "stress_tolerance_gpa": self.stress_tolerance_gpa,
            "max_steps": self.max_steps,
            "symmetry_tolerance_angstrom": self.symmetry_tolerance_angstrom,
        }
        for name, value in positive.items():
            if not value > 0:
                raise UsageError(f"{name} is {value}, and has to be above zero.")
        if not self.max_volume_ratio > 1:
            raise UsageError(f"max_volume_ratio is {self.max_volume_ratio}, and has to be above one.")
        if self.cell not in ("full", "fixed", "shape"):
            raise UsageError(f"cell is {self.cell!r}.", hint="It is one of full, fixed, shape.")


@dataclass(frozen=True, slots=True)
class Relaxed:
    """A relaxed crystal. Energy without the pressure term, stress (3, 3) positive under tension, moments (n,) in Bohr magnetons."""

    structure: Structure
    energy_ev_per_atom: float
    max_force_ev_per_angstrom: float
    stress_ev_per_angstrom3: FloatArray
    magnetic_moments: FloatArray | None
    steps: int
    converged: bool


@dataclass(frozen=True, slots=True)
class RelaxationFailure:
    """Why a crystal was not relaxed; `last` is the last sound point, None when there was none, `structure` the last geometry."""

    code: FailureCode
    message: str
    structure: Structure
    last: Relaxed | None = None


@dataclass(slots=True, eq=False)
class _Job:
    index: int
    source: Structure
    optimiser: LimitedMemoryBFGS
    state: Any
    trial: CrystalArrays
    start_volume_angstrom3: float
    symmetry: SymmetryConstraint | None
    best: Evaluation | None = None
    steps: int = 0
    rejections: int = 0
    faults: int = 0


def near_minimum(result: Relaxed | RelaxationFailure, *, within_ev_per_angstrom: float) -> Relaxed | None:
    """A relaxed crystal, or the last point of one that did not converge when its forces are within this; else None."""
    if isinstance(result, Relaxed):
        return result
    last = result.last if result.code == "unconverged" else None
    return last if last is not None and last.max_force_ev_per_angstrom <= within_ev_per_angstrom else None


def relax(
    structures: Iterable[Structure], *, potential: ArrayPotential, settings: RelaxationSettings | None = None
) -> Iterator[tuple[int, Relaxed | RelaxationFailure]]:
    """Relax every crystal; yields (place in the input, result) in the order in which they finish.

    Inputs are read as slots fall free and are never changed. A crystal that cannot be relaxed gives a
    `RelaxationFailure` and leaves the others alone.
    """
    chosen = settings or RelaxationSettings()
    waiting = enumerate(structures)
    active: list[_Job] = []
    exhausted = False
    while True:
        load = sum(potential.cost(job.trial, job.state) for job in active)
        while not exhausted and (not active or load < potential.batch_cost):
            entry = next(waiting, None)
            if entry is None:
                exhausted = True
                break
            job = _start(*entry, potential=potential, settings=chosen)
            if isinstance(job, RelaxationFailure):
                yield entry[0], job
                continue
            active.append(job)
            load += potential.cost(job.trial, job.state)
        if not active:
            return
        answers = potential.evaluate_states(
            [job.trial for job in active], [job.state for job in active], magnetic_moments=True
        )
        going: list[_Job] = []
        for job, answer in zip(active, answers, strict=True):
            result = _advance(job, answer, settings=chosen)
            if result is None:
                going.append(job)
            else:
                yield job.index, result
        active = going


def _start(
    index: int, structure: Structure, *, potential: ArrayPotential, settings: RelaxationSettings
) -> _Job | RelaxationFailure:
    symmetry = None
    try:
        crystal = CrystalArrays.from_structure(structure)
        fault = _unfit(crystal, settings=settings)
        if fault is not None:
            return RelaxationFailure(code=fault[0], message=fault[1], structure=structure)
        if settings.keep_symmetry:
            crystal, symmetry = symmetrised(crystal, tolerance_angstrom=settings.symmetry_tolerance_angstrom)
    except StructureError as error:
        return RelaxationFailure(code="malformed", message=str(error), structure=structure)
    return _Job(
        index=index,
        source=structure,
        optimiser=LimitedMemoryBFGS(crystal=crystal),
        state=potential.new_state(crystal),
        trial=crystal,
        start_volume_angstrom3=crystal.volume_angstrom3,
        symmetry=symmetry,
    )


def _unfit(crystal: CrystalArrays, *, settings: RelaxationSettings) -> tuple[FailureCode, str] | None:
    """What keeps a cell from being relaxed by any potential: no sound cell, or vacuum around what it holds."""
    refusal = check_cell(crystal, covered=EVERY_ELEMENT)
    if refusal is not None:
        return refusal.code, refusal.message
    if settings.cell == "fixed":
        return None
    empty = empty_layers(crystal, thickness_angstrom=_VACUUM_ANGSTROM)
    if not empty or (empty == 3 and crystal.n_atoms == 1):  # a lone atom is refused as such by the potential
        return None
    return "vacuum", f"{_IN_VACUUM[empty]}: a layer of {_VACUUM_ANGSTROM:g} Å or more holds no atom."


def _advance(
    job: _Job, answer: Evaluation | Refusal, *, settings: RelaxationSettings
) -> Relaxed | RelaxationFailure | None:
    """Take one evaluation in, and either finish or set the next trial."""
    job.steps += 1
    fault = answer if isinstance(answer, Refusal) else _unsound(job, answer, settings=settings)
    if fault is not None:
        if job.best is None:
            return _failure(job, fault)
        return _retry(job, fault, settings=settings)
    assert isinstance(answer, Evaluation)
    objective, gradient, force, excess_gpa = _slopes(job, answer, settings=settings)
    accepted = job.optimiser.accept(
        job.trial,
        objective_ev=objective,
        gradient=gradient,
        slack_ev=_ENERGY_NOISE_EV_PER_ATOM * job.trial.n_atoms,
    )
    if not accepted:
        return _retry(job, None, settings=settings)
    job.best, job.rejections = answer, 0
    if force <= settings.force_tolerance_ev_per_angstrom and excess_gpa <= settings.stress_tolerance_gpa:
        return _relaxed(job, converged=True)
    return _next(job, settings=settings)


def _retry(job: _Job, fault: Refusal | None, *, settings: RelaxationSettings) -> RelaxationFailure | None:
    """Try a shorter step, unless the same crystal went wrong too often."""
    if fault is not None:
        job.faults += 1
        if job.faults > _MAX_FAULTS:
            return _failure(job, fault)
    job.rejections += 1
    if job.rejections > _MAX_REJECTIONS:
        text = f"no step lowers the energy further after {job.steps} evaluations."
        return RelaxationFailure("unconverged", text, _structure(job), _relaxed(job, converged=False))
    job.optimiser.reject()
    return _next(job, settings=settings)


def _next(job: _Job, *, settings: RelaxationSettings) -> RelaxationFailure | None:
    if job.steps >= settings.max_steps:
        text = f"not converged after {job.steps} evaluations."
        return RelaxationFailure("unconverged", text, _structure(job), _relaxed(job, converged=False))
    job.trial = job.optimiser.propose()
    return None


def _failure(job: _Job, fault: Refusal) -> RelaxationFailure:
    last = _relaxed(job, converged=False) if job.best is not None else None
    return RelaxationFailure(fault.code, fault.message, _structure(job), last)


def _unsound(job: _Job, answer: Evaluation, *, settings: RelaxationSettings) -> Refusal | None:
    forces, stress = _parts(answer)
    if not (np.isfinite(answer.energy_ev) and np.isfinite(forces).all() and np.isfinite(stress).all()):
        return Refusal("exploded", "the energy or a force is not a finite number.")
    largest = float(np.abs(forces).max())
    if largest > _MAX_FORCE_EV_PER_ANGSTROM:
        return Refusal("exploded", f"a force of {largest:.3g} eV/Å.")
    ratio = job.trial.volume_angstrom3 / job.start_volume_angstrom3
    if ratio > settings.max_volume_ratio:
        return Refusal("exploded", f"the volume grew {ratio:.2f} times.")
    if ratio < 1 / settings.max_volume_ratio:
        return Refusal("collapsed", f"the volume shrank to {ratio:.2f} of the start.")
    return None


def _slopes(
    job: _Job, answer: Evaluation, *, settings: RelaxationSettings
) -> tuple[float, FloatArray, float, float]:
    """Objective in eV, its gradient (3n + 9,), the largest force in eV/Å and the largest stress left in GPa."""
    forces, stress = _parts(answer)
    if job.symmetry is not None:
        forces, stress = job.symmetry.project_forces(forces), job.symmetry.project_tensor(stress)
    volume = job.trial.volume_angstrom3
    pressure = settings.pressure_gpa / EV_PER_ANGSTROM3_IN_GPA
    objective = answer.energy_ev
    excess = np.zeros((3, 3))
    if settings.cell == "full":
        excess = stress + pressure * np.eye(3)
        objective += pressure * volume
    elif settings.cell == "shape":
        excess = stress - np.trace(stress) / 3 * np.eye(3)
    forces = forces - forces.mean(axis=0)
    gradient = np.concatenate([-forces.ravel(), volume * excess.ravel() / cell_length_angstrom(len(forces))])
    largest = float(np.sqrt((forces**2).sum(axis=1).max()))
    return objective, gradient, largest, float(np.abs(excess).max()) * EV_PER_ANGSTROM3_IN_GPA


def _parts(answer: Evaluation) -> tuple[FloatArray, FloatArray]:
    if answer.forces_ev_per_angstrom is None or answer.stress_ev_per_angstrom3 is None:
        raise StructureError("The potential returned no forces or no stress.", hint="Use one that has both.")
    return answer.forces_ev_per_angstrom, answer.stress_ev_per_angstrom3


def _relaxed(job: _Job, *, converged: bool) -> Relaxed:
    assert job.best is not None
    forces, stress = _parts(job.best)
    return Relaxed(
        structure=_structure(job),
        energy_ev_per_atom=job.best.energy_ev / len(forces),
        max_force_ev_per_angstrom=float(np.sqrt((forces**2).sum(axis=1).max())),
        stress_ev_per_angstrom3=stress,
        magnetic_moments=job.best.magnetic_moments,
        steps=job.steps,
        converged=converged,
    )


def _structure(job: _Job) -> Structure:
    """The last accepted geometry, with the species and their order as given."""
    from pymatgen.core import Lattice, Structure

    crystal = job.optimiser.crystal
    return Structure(
        Lattice(crystal.lattice_angstrom),
        [site.specie for site in job.source],
        crystal.frac_coords,
        to_unit_cell=True,
    )
