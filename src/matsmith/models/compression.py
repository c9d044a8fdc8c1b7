"""Enthalpies of crystals under pressure, and the pressure at which one form becomes the lower one.

    H(p) = E(V) + p V,      with the atoms and the cell relaxed under p,      p* where H_1(p*) = H_2(p*)

A form has a place in a comparison only while it is itself: its symmetry is kept on compression.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING

from matsmith.models.potentials.interface import ArrayPotential
from matsmith.models.relaxation import (
    EV_PER_ANGSTROM3_IN_GPA,
    RelaxationFailure,
    RelaxationSettings,
    near_minimum,
    relax,
)

if TYPE_CHECKING:
    from pymatgen.core import Structure

_MAX_STEPS = 300
_NEAR_ENOUGH_EV_PER_ANGSTROM, _FORCE_EV_PER_ANGSTROM = 0.1, 0.03


@dataclass(frozen=True, slots=True, kw_only=True)
class Compressed:
    """A crystal relaxed under a pressure: structure, energy and volume per atom, and their enthalpy."""

    structure: Structure
    pressure_gpa: float
    energy_ev_per_atom: float
    volume_angstrom3_per_atom: float

    @property
    def enthalpy_ev_per_atom(self) -> float:
        """E + pV per atom, in eV."""
        return self.energy_ev_per_atom + self.work_ev_per_atom

    @property
    def work_ev_per_atom(self) -> float:
        """Pressure times volume per atom, in eV."""
        return self.pressure_gpa / EV_PER_ANGSTROM3_IN_GPA * self.volume_angstrom3_per_atom


def compressed(
    structures: Iterable[Structure], *, potential: ArrayPotential, pressure_gpa: float
) -> Iterator[tuple[int, Compressed | RelaxationFailure]]:
    """Relax crystals under a pressure in shared batches, each with its symmetry; (place in the input, result) as they end.

    The last point of one that did not quite converge serves.
    """
    settings = RelaxationSettings(
        pressure_gpa=pressure_gpa,
        keep_symmetry=True,
        force_tolerance_ev_per_angstrom=_FORCE_EV_PER_ANGSTROM,
        max_steps=_MAX_STEPS,
    )
    for place, result in relax(structures, potential=potential, settings=settings):
        sound = near_minimum(result, within_ev_per_angstrom=_NEAR_ENOUGH_EV_PER_ANGSTROM)
        if sound is None:
            assert isinstance(result, RelaxationFailure)
            yield place, result
            continue
        yield (
            place,
            Compressed(
                structure=sound.structure,
                pressure_gpa=pressure_gpa,
                energy_ev_per_atom=sound.energy_ev_per_atom,
                volume_angstrom3_per_atom=sound.structure.volume / len(sound.structure),
            ),
        )


def transition_pressure_gpa(
    low: Structure, high: Structure, *, potential: ArrayPotential, most_gpa: float, within_gpa: float = 0.05
) -> float | None:
    """Pressure at which `high`, the form of high pressure, becomes the lower one; None when it does not up to `most_gpa`.

    Zero when it is the lower one without pressure. The difference of enthalpies has the slope of the difference of volumes, so
    Newton's steps, held within the bracket, are few. Raises `StructureError` when a form cannot be relaxed.
    """
    bottom, top = 0.0, most_gpa
    if _difference(low, high, potential=potential, pressure_gpa=0.0)[0] <= 0:
        return 0.0
    if _difference(low, high, potential=potential, pressure_gpa=most_gpa)[0] > 0:
        return None
    pressure = 0.0
    gap, slope = _difference(low, high, potential=potential, pressure_gpa=pressure)
    while top - bottom > within_gpa:
        step = -gap / slope if slope < 0 else 0.0
        wanted = pressure + step
        pressure = wanted if bottom < wanted < top else 0.5 * (bottom + top)
        gap, slope = _difference(low, high, potential=potential, pressure_gpa=pressure)
        if abs(gap) < -slope * 0.5 * within_gpa:
            return pressure
        bottom, top = (pressure, top) if gap > 0 else (bottom, pressure)
    return 0.5 * (bottom + top)


def _difference(
    low: Structure, high: Structure, *, potential: ArrayPotential, pressure_gpa: float
) -> tuple[float, float]:
    """H(high) - H(low) in eV/atom under a pressure, and its slope in eV/atom/GPa."""
    from matsmith.core.errors import StructureError

    found: dict[int, Compressed] = {}
    for place, result in compressed([low, high], potential=potential, pressure_gpa=pressure_gpa):
        if isinstance(result, RelaxationFailure):
            raise StructureError(
                f"The form {place + 1} cannot be relaxed under {pressure_gpa:g} GPa: {result.message}",
                hint="Start from a cell near the volume under pressure.",
            )
        found[place] = result
    volume = found[1].volume_angstrom3_per_atom - found[0].volume_angstrom3_per_atom
    return (
        found[1].enthalpy_ev_per_atom - found[0].enthalpy_ev_per_atom,
        volume / EV_PER_ANGSTROM3_IN_GPA,
    )
