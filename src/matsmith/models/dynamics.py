"""Molecular dynamics of many crystals at once: replicas, temperatures and crystals share the batches of a potential.

Newton's equations by the velocity form of Verlet's scheme, m r'' = F, alone (constant energy) or with one of two thermostats:

- `rescaling`: all velocities times one random number a step, so that the kinetic energy is that of the canonical ensemble (G. Bussi,
  D. Donadio and M. Parrinello, J. Chem. Phys. 126, 014101 (2007)). Motion is hardly disturbed: for sampling.
- `langevin`: friction and noise on every atom, in the order BAOAB (B. Leimkuhler and C. Matthews, Appl. Math. Res. Express 2013, 34).
  It reaches every mode, and slows diffusion: for equilibration.

Units: Å, fs, eV, K and atomic mass units. The cell stands still, positions are not folded back into it, and the centre of mass rests.
Heat from the thermostat is counted, so that energy less heat is conserved under each scheme, and its drift tells of the time step.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Literal

import numpy as np
from ase.data import atomic_masses

from matsmith.core.errors import UsageError
from matsmith.models.potentials.interface import (
    ArrayPotential,
    CrystalArrays,
    FloatArray,
    IntArray,
    Refusal,
)

if TYPE_CHECKING:
    from pymatgen.core import Structure

BOLTZMANN_EV_PER_K = 8.617333262e-5
ACCELERATION = 9.648533212e-3
"""What a force of 1 eV/Å does to 1 atomic mass unit, in Å/fs²."""
_MASSES: FloatArray = np.asarray(atomic_masses, dtype=np.float64)
_HYDROGEN_FS, _USUAL_FS = 0.5, 2.0
# Above so many times the temperature asked for, with some room for a handful of atoms, the trajectory is no longer one.
_RUNAWAY, _RUNAWAY_ATOMS = 4.0, 30.0


def time_step_fs(numbers: IntArray) -> float:
    """A time step that the lightest atom allows: half a femtosecond beside hydrogen, else two.

    >>> time_step_fs(np.array([3, 8])), time_step_fs(np.array([1, 8]))
    (2.0, 0.5)
    """
    return _HYDROGEN_FS if int(numbers.min()) == 1 else _USUAL_FS


def masses_of(numbers: IntArray) -> FloatArray:
    """Masses (n,) of atoms in atomic mass units."""
    return _MASSES[numbers]


@dataclass(frozen=True, slots=True)
class Scheme:
    """How motion goes on: the time step, the thermostat, and the time in which the thermostat acts."""

    time_step_fs: float = _USUAL_FS
    thermostat: Literal["none", "rescaling", "langevin"] = "rescaling"
    relaxation_time_fs: float = 100.0

    def __post_init__(self) -> None:
        if self.thermostat not in ("none", "rescaling", "langevin"):
            raise UsageError(
                f"There is no thermostat {self.thermostat!r}.", hint="Take none, rescaling or langevin."
            )
        if not (self.time_step_fs > 0 and self.relaxation_time_fs > 0):
            raise UsageError("Time step and relaxation time of a thermostat have to be above zero.")


@dataclass(slots=True, eq=False)
class Replica:
    """One crystal in motion: positions (n, 3) in Å, not folded; velocities (n, 3) in Å/fs; forces (n, 3) in eV/Å once known.

    `refusal` is set when the potential would not evaluate it or it ran away; it then stands still for good.
    """

    numbers: IntArray
    lattice_angstrom: FloatArray
    positions_angstrom: FloatArray
    velocities_angstrom_per_fs: FloatArray
    temperature_k: float
    generator: np.random.Generator
    steps: int = 0
    energy_ev: float = math.nan
    heat_ev: float = 0.0
    forces_ev_per_angstrom: FloatArray | None = None
    refusal: Refusal | None = None

    @classmethod
    def at_temperature(cls, structure: Structure, *, temperature_k: float, seed: int) -> Replica:
        """The atoms of a structure with velocities drawn from Maxwell and Boltzmann's distribution, the centre of mass at rest."""
        if not temperature_k > 0:
            raise UsageError(f"A temperature of {temperature_k:g} K has to be above zero.")
        arrays = CrystalArrays.from_structure(structure)
        made = cls(
            numbers=arrays.numbers,
            lattice_angstrom=arrays.lattice_angstrom,
            positions_angstrom=arrays.frac_coords @ arrays.lattice_angstrom,
            velocities_angstrom_per_fs=np.zeros((arrays.n_atoms, 3)),
            temperature_k=temperature_k,
            generator=np.random.default_rng(seed),
        )
        made.velocities_angstrom_per_fs = made.thermal_velocities()
        made.rest()
        return made

    @property
    def masses(self) -> FloatArray:
        """Masses (n,) in atomic mass units."""
        return masses_of(self.numbers)

    @property
    def degrees_of_freedom(self) -> int:
        """Three for each atom, less three for the centre of mass, which rests."""
        return 3 * max(len(self.numbers) - 1, 1)

    @property
    def kinetic_ev(self) -> float:
        """Kinetic energy in eV."""
        squares = (self.velocities_angstrom_per_fs**2).sum(axis=1)
        return float(0.5 * (self.masses * squares).sum() / ACCELERATION)

    @property
    def measured_temperature_k(self) -> float:
        """Temperature of the moment, from the kinetic energy."""
        return 2.0 * self.kinetic_ev / (self.degrees_of_freedom * BOLTZMANN_EV_PER_K)

    @property
    def conserved_ev(self) -> float:
        """Potential and kinetic energy less the heat that the thermostat gave: constant but for the error of the time step."""
        return self.energy_ev + self.kinetic_ev - self.heat_ev

    def crystal(self) -> CrystalArrays:
        """The atoms where they stand; fractional coordinates are not folded, so that neighbour lists can be kept."""
        return CrystalArrays(
            numbers=self.numbers,
            frac_coords=self.positions_angstrom @ np.linalg.inv(self.lattice_angstrom),
            lattice_angstrom=self.lattice_angstrom,
        )

    def thermal_velocities(self) -> FloatArray:
        """Velocities (n, 3) drawn at the temperature asked for."""
        spread = np.sqrt(BOLTZMANN_EV_PER_K * self.temperature_k * ACCELERATION / self.masses)
        return spread[:, None] * self.generator.standard_normal((len(self.numbers), 3))

    def rest(self) -> None:
        """Take the motion of the centre of mass away; a lone atom keeps its own."""
        if len(self.numbers) > 1:
            masses = self.masses
            self.velocities_angstrom_per_fs -= (masses @ self.velocities_angstrom_per_fs) / masses.sum()


class Dynamics:
    """Replicas that move together under one potential."""

    def __init__(self, replicas: Sequence[Replica], *, potential: ArrayPotential, scheme: Scheme) -> None:
        self.replicas = list(replicas)
        self.scheme = scheme
        self._potential = potential
        self._states: list[Any] = []
        self.forget()

    def forget(self) -> None:
        """Drop what the potential keeps between steps; what follows then depends on the replicas alone."""
        self._states = [self._potential.new_state(replica.crystal()) for replica in self.replicas]

    @property
    def alive(self) -> list[int]:
        """Places of the replicas that still move."""
        return [place for place, replica in enumerate(self.replicas) if replica.refusal is None]

    def advance(self, steps: int) -> None:
        """Take so many steps with every replica that is alive."""
        self._evaluate([k for k in self.alive if self.replicas[k].forces_ev_per_angstrom is None])
        for _ in range(steps):
            moving = self.alive
            if not moving:
                return
            for place in moving:
                self._first_half(self.replicas[place])
            self._evaluate(moving)
            for place in moving:
                if self.replicas[place].refusal is None:
                    self._second_half(self.replicas[place])

    def _first_half(self, replica: Replica) -> None:
        _kick(replica, self.scheme.time_step_fs)
        if self.scheme.thermostat == "langevin":
            _drift(replica, 0.5 * self.scheme.time_step_fs)
            _exchange(replica, self.scheme)
            _drift(replica, 0.5 * self.scheme.time_step_fs)
        else:
            _drift(replica, self.scheme.time_step_fs)

    def _second_half(self, replica: Replica) -> None:
        _kick(replica, self.scheme.time_step_fs)
        if self.scheme.thermostat == "rescaling":
            _rescale(replica, self.scheme)
        replica.steps += 1
        limit = _RUNAWAY * replica.temperature_k * (1 + _RUNAWAY_ATOMS / len(replica.numbers))
        if self.scheme.thermostat != "none" and not replica.measured_temperature_k < limit:
            replica.refusal = Refusal(
                "exploded", f"the atoms ran away to {replica.measured_temperature_k:.3g} K."
            )

    def _evaluate(self, places: Sequence[int]) -> None:
        for part in self._batches(places):
            answers = self._potential.evaluate_states(
                [self.replicas[k].crystal() for k in part], [self._states[k] for k in part]
            )
            for place, answer in zip(part, answers, strict=True):
                replica = self.replicas[place]
                if isinstance(answer, Refusal):
                    replica.refusal = answer
                    continue
                forces = answer.forces_ev_per_angstrom
                if forces is None or not (np.isfinite(answer.energy_ev) and np.isfinite(forces).all()):
                    replica.refusal = Refusal("exploded", "the energy or a force is not a finite number.")
                    continue
                replica.energy_ev = answer.energy_ev
                # Without the small net force of rounding, which would push the centre of mass.
                replica.forces_ev_per_angstrom = forces - forces.mean(axis=0) if len(forces) > 1 else forces

    def _batches(self, places: Sequence[int]) -> Iterator[list[int]]:
        """Groups whose cost fills a batch of the potential."""
        group: list[int] = []
        load = 0
        for place in places:
            group.append(place)
            load += self._potential.cost(self.replicas[place].crystal(), self._states[place])
            if load >= self._potential.batch_cost:
                yield group
                group, load = [], 0
        if group:
            yield group


def _kick(replica: Replica, step_fs: float) -> None:
    """Half a step of the velocities."""
    forces = replica.forces_ev_per_angstrom
    if forces is not None:
        replica.velocities_angstrom_per_fs += 0.5 * step_fs * ACCELERATION * forces / replica.masses[:, None]


def _drift(replica: Replica, step_fs: float) -> None:
    replica.positions_angstrom = replica.positions_angstrom + step_fs * replica.velocities_angstrom_per_fs


def _exchange(replica: Replica, scheme: Scheme) -> None:
    """Friction and noise over a whole step (O of BAOAB)."""
    before = replica.kinetic_ev
    kept = math.exp(-scheme.time_step_fs / scheme.relaxation_time_fs)
    noise = replica.thermal_velocities()
    replica.velocities_angstrom_per_fs = kept * replica.velocities_angstrom_per_fs + noise * math.sqrt(
        1 - kept**2
    )
    replica.rest()
    replica.heat_ev += replica.kinetic_ev - before


def _rescale(replica: Replica, scheme: Scheme) -> None:
    """Velocities times a random number, after equation (A7) of Bussi, Donadio and Parrinello."""
    before = replica.kinetic_ev
    if not before > 0:
        return
    count = replica.degrees_of_freedom
    wanted = 0.5 * count * BOLTZMANN_EV_PER_K * replica.temperature_k
    kept = math.exp(-scheme.time_step_fs / scheme.relaxation_time_fs)
    share = (1 - kept) * wanted / (count * before)
    first = float(replica.generator.standard_normal())
    others = 2.0 * float(replica.generator.standard_gamma((count - 1) / 2)) if count > 1 else 0.0
    square = kept + share * (first**2 + others) + 2 * first * math.sqrt(kept * share)
    replica.velocities_angstrom_per_fs *= math.sqrt(max(square, 0.0))
    replica.heat_ev += replica.kinetic_ev - before
