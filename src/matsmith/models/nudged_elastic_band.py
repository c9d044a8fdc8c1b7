"""Minimum-energy paths of many hops at once: every image of every band in shared batches of the potential.

The band's tangent is the improved one (G. Henkelman and H. Jónsson, J. Chem. Phys. 113, 9978 (2000)); once it is nearly relaxed its
highest image climbs (G. Henkelman, B. P. Uberuaga and H. Jónsson, J. Chem. Phys. 113, 9901 (2000)). Images move by FIRE (E. Bitzek
et al., Phys. Rev. Lett. 97, 170201 (2006)), each band with its own step, in a fixed cell.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import numpy as np

from matsmith.models.potentials.interface import (
    ArrayPotential,
    CrystalArrays,
    Evaluation,
    FloatArray,
    Refusal,
)

if TYPE_CHECKING:
    from pymatgen.core import Structure

_SPRING_EV_PER_ANGSTROM2 = 3.0
_CLIMB_BELOW_EV_PER_ANGSTROM = 0.4
_LONGEST_MOVE_ANGSTROM = 0.12
# FIRE, with the constants of its authors.
_STEP_UP, _STEP_DOWN, _MIX, _MIX_DOWN, _WAIT = 1.1, 0.5, 0.1, 0.99, 5
_FIRST_STEP, _LARGEST_STEP = 0.1, 0.35


@dataclass(frozen=True, slots=True)
class BandSettings:
    """Images between the ends, the largest force left on them (eV/Å), and how often all are evaluated at most."""

    images: int = 5
    force_tolerance_ev_per_angstrom: float = 0.08
    max_steps: int = 150


@dataclass(frozen=True, slots=True, eq=False)
class Path:
    """A relaxed band: energies (images + 2,) in eV against the start, the cell of the highest image, and whether it converged."""

    energies_ev: FloatArray
    highest: Structure
    max_force_ev_per_angstrom: float
    steps: int
    converged: bool

    @property
    def barrier_ev(self) -> float:
        """From the lower end to the highest point."""
        return float(self.energies_ev.max() - min(self.energies_ev[0], self.energies_ev[-1]))


@dataclass(slots=True, eq=False)
class _Band:
    """One band: fractional coordinates (images + 2, n, 3), velocities and FIRE's state."""

    index: int
    source: Structure
    lattice: FloatArray
    numbers: Any
    coords: FloatArray
    ends_ev: tuple[float, float]
    states: list[Any]
    velocity: FloatArray
    step: float = _FIRST_STEP
    mix: float = _MIX
    downhill: int = 0
    steps: int = 0
    climbing: bool = False
    energies: FloatArray = field(default_factory=lambda: np.zeros(0))
    force: float = np.inf


def bands(
    ends: Sequence[tuple[Structure, float, Structure, float]],
    *,
    potential: ArrayPotential,
    settings: BandSettings | None = None,
) -> Iterator[tuple[int, Path | Refusal]]:
    """Relax a band between each pair of relaxed ends, given as (cell, total eV, cell, total eV) with atoms in the same order.

    Yields (place in the input, path) as they finish; a path that the potential refuses gives its refusal.
    """
    chosen = settings or BandSettings()
    active = [_start(index, *pair, potential=potential, settings=chosen) for index, pair in enumerate(ends)]
    while active:
        answers = _evaluate(active, potential)
        going: list[_Band] = []
        for band, answer in zip(active, answers, strict=True):
            if isinstance(answer, Refusal):
                yield band.index, answer
                continue
            forces = _take(band, answer)
            band.steps += 1
            converged = band.climbing and band.force <= chosen.force_tolerance_ev_per_angstrom
            if converged or band.steps >= chosen.max_steps:
                yield band.index, _path(band, converged=converged)
                continue
            if not band.climbing and band.force <= _CLIMB_BELOW_EV_PER_ANGSTROM:
                band.climbing = True
                forces = _forces(band, answer)
            _move(band, forces)
            going.append(band)
        active = going


def _start(
    index: int,
    first: Structure,
    first_ev: float,
    last: Structure,
    last_ev: float,
    *,
    potential: ArrayPotential,
    settings: BandSettings,
) -> _Band:
    """Images on the straight line, each atom by the shorter way round."""
    crystal = CrystalArrays.from_structure(first)
    begin = np.array(first.frac_coords)
    gap = np.array(last.frac_coords) - begin
    gap -= np.round(gap)
    gap -= gap.mean(axis=0)
    shares = np.linspace(0.0, 1.0, settings.images + 2)
    coords = begin[None] + shares[:, None, None] * gap[None]
    states = [
        potential.new_state(CrystalArrays(crystal.numbers, coords[k], crystal.lattice_angstrom))
        for k in range(1, settings.images + 1)
    ]
    return _Band(
        index=index,
        source=first,
        lattice=crystal.lattice_angstrom,
        numbers=crystal.numbers,
        coords=coords,
        ends_ev=(first_ev, last_ev),
        states=states,
        velocity=np.zeros((settings.images, len(begin), 3)),
    )


def _evaluate(active: Sequence[_Band], potential: ArrayPotential) -> list[list[Evaluation] | Refusal]:
    """The images of all bands, in batches of the size that the potential likes."""
    crystals = [
        CrystalArrays(band.numbers, band.coords[k], band.lattice)
        for band in active
        for k in range(1, len(band.coords) - 1)
    ]
    states = [state for band in active for state in band.states]
    answers: list[Evaluation | Refusal] = []
    begin = 0
    while begin < len(crystals):
        end, load = begin, 0
        while end < len(crystals) and (end == begin or load < potential.batch_cost):
            load += potential.cost(crystals[end], states[end])
            end += 1
        answers += potential.evaluate_states(crystals[begin:end], states[begin:end])
        begin = end
    found: list[list[Evaluation] | Refusal] = []
    place = 0
    for band in active:
        own = answers[place : place + len(band.states)]
        place += len(band.states)
        refusal = next((answer for answer in own if isinstance(answer, Refusal)), None)
        found.append(refusal or [answer for answer in own if isinstance(answer, Evaluation)])
    return found


def _take(band: _Band, answer: Sequence[Evaluation]) -> FloatArray:
    band.energies = np.array([band.ends_ev[0], *(each.energy_ev for each in answer), band.ends_ev[1]])
    return _forces(band, answer)


def _forces(band: _Band, answer: Sequence[Evaluation]) -> FloatArray:
    """Forces on the images (images, n, 3): across the band those of the potential, along it the springs or the climb."""
    energies = band.energies
    highest = int(energies[1:-1].argmax()) + 1
    made = np.zeros_like(band.velocity)
    largest = 0.0
    for k in range(1, len(energies) - 1):
        true = np.array(answer[k - 1].forces_ev_per_angstrom)
        true = true - true.mean(axis=0)
        ahead = (band.coords[k + 1] - band.coords[k]) @ band.lattice
        behind = (band.coords[k] - band.coords[k - 1]) @ band.lattice
        tangent = _tangent(ahead, behind, energies[k - 1 : k + 2])
        along = float((true * tangent).sum())
        if band.climbing and k == highest:
            force = true - 2 * along * tangent
            left = force
        else:
            left = true - along * tangent
            spring = _SPRING_EV_PER_ANGSTROM2 * (np.linalg.norm(ahead) - np.linalg.norm(behind))
            force = left + float(spring) * tangent
        largest = max(largest, float(np.sqrt((left**2).sum(axis=1).max())))
        made[k - 1] = force
    band.force = largest
    return made


def _tangent(ahead: FloatArray, behind: FloatArray, energies: FloatArray) -> FloatArray:
    """Unit tangent (n, 3) at an image with its neighbours' energies: uphill, and mixed where it is an extremum."""
    before, here, after = energies.tolist()
    if after > here > before:
        tangent = ahead
    elif after < here < before:
        tangent = behind
    else:
        far, near = max(abs(after - here), abs(before - here)), min(abs(after - here), abs(before - here))
        tangent = far * ahead + near * behind if after > before else near * ahead + far * behind
    length = float(np.linalg.norm(tangent))
    return tangent / length if length > 0 else tangent


def _move(band: _Band, forces: FloatArray) -> None:
    """One step of FIRE."""
    power = float((forces * band.velocity).sum())
    if power > 0:
        speed, size = float(np.linalg.norm(band.velocity)), float(np.linalg.norm(forces))
        band.velocity = (1 - band.mix) * band.velocity + band.mix * speed * forces / max(size, 1e-12)
        band.downhill += 1
        if band.downhill > _WAIT:
            band.step = min(band.step * _STEP_UP, _LARGEST_STEP)
            band.mix *= _MIX_DOWN
    else:
        band.velocity = np.zeros_like(band.velocity)
        band.downhill, band.mix = 0, _MIX
        band.step *= _STEP_DOWN if band.steps > 1 else 1.0
        band.step = max(band.step, 0.02)
    band.velocity = band.velocity + band.step * forces
    move = band.step * band.velocity
    longest = float(np.sqrt((move**2).sum(axis=2).max()))
    if longest > _LONGEST_MOVE_ANGSTROM:
        move *= _LONGEST_MOVE_ANGSTROM / longest
    band.coords[1:-1] += move @ np.linalg.inv(band.lattice)


def _path(band: _Band, *, converged: bool) -> Path:
    from pymatgen.core import Structure

    highest = int(band.energies.argmax())
    species = [site.specie for site in band.source]
    structure = Structure(band.source.lattice, species, band.coords[highest], to_unit_cell=True)
    return Path(
        energies_ev=band.energies - band.energies[0],
        highest=structure,
        max_force_ev_per_angstrom=band.force,
        steps=band.steps,
        converged=converged,
    )
