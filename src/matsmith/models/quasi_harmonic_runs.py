"""Quasi-harmonic crystals from a potential: relax at a pressure, scale to several volumes, relax the shape, and take phonons at each."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from matsmith.models.elastic_response import standard_primitive
from matsmith.models.phonons import PhononFailure, PhononSettings, phonons
from matsmith.models.potentials.interface import ArrayPotential
from matsmith.models.quasi_harmonic import QuasiHarmonicCrystal
from matsmith.models.relaxation import RelaxationFailure, RelaxationSettings, Relaxed, relax
from matsmith.models.relaxed_phonons import IMAGINARY_THZ, SYMMETRY_TOLERANCE_ANGSTROM, sound_structure
from matsmith.models.vibrational import Spectrum

if TYPE_CHECKING:
    from pymatgen.core import Structure

VOLUME_FACTORS = (0.94, 0.96, 0.98, 1.0, 1.02, 1.04, 1.07)
_FEWEST_VOLUMES = 5
_MOST_IMAGINARY = 0.01
_FORCE_EV_PER_ANGSTROM = 0.005
_NEAR_ENOUGH_EV_PER_ANGSTROM = 0.02
PHONONS = PhononSettings(image_distance_angstrom=7.0, max_supercell_atoms=300, mesh_length_angstrom=40.0)


@dataclass(frozen=True, kw_only=True)
class QuasiHarmonicRun:
    """A quasi-harmonic crystal (per atom) with the structure relaxed at the pressure, and how many volumes were left out."""

    crystal: QuasiHarmonicCrystal
    structure: Structure
    volumes_left_out: int
    supercell_atoms: int


@dataclass(frozen=True, kw_only=True)
class _Point:
    volume_angstrom3: float
    energy_ev: float
    structure: Structure


def quasi_harmonic_runs(
    structures: Sequence[Structure],
    *,
    potential: ArrayPotential,
    pressure_gpa: float = 0.0,
    settings: PhononSettings = PHONONS,
) -> Iterator[tuple[int, QuasiHarmonicRun | PhononFailure]]:
    """Yield (place in the input, result), one crystal after the other; volumes with imaginary modes are left out."""
    starts = (
        standard_primitive(structure, tolerance_angstrom=SYMMETRY_TOLERANCE_ANGSTROM)
        for structure in structures
    )
    relaxation = RelaxationSettings(
        force_tolerance_ev_per_angstrom=_FORCE_EV_PER_ANGSTROM,
        stress_tolerance_gpa=0.05,
        pressure_gpa=pressure_gpa,
        keep_symmetry=True,
        max_steps=500,
    )
    for index, result in relax(starts, potential=potential, settings=relaxation):
        structure = sound_structure(result)
        if isinstance(structure, PhononFailure):
            yield index, structure
            continue
        yield index, _run(structure, potential=potential, settings=settings)


def _run(
    structure: Structure, *, potential: ArrayPotential, settings: PhononSettings
) -> QuasiHarmonicRun | PhononFailure:
    points = _points(structure, potential=potential)
    if isinstance(points, PhononFailure):
        return points
    spectra: list[Spectrum] = []
    kept: list[_Point] = []
    atoms = 0
    worst = 0.0
    for place, found in phonons(
        [point.structure for point in points], potential=potential, settings=settings
    ):
        if isinstance(found, PhononFailure):
            return found
        atoms = found.supercell_atoms
        share = found.spectrum.imaginary_share(IMAGINARY_THZ)
        worst = max(worst, share)
        if share <= _MOST_IMAGINARY:
            spectra.append(found.spectrum)
            kept.append(points[place])
    if len(kept) < _FEWEST_VOLUMES:
        return PhononFailure(
            code="dynamically_unstable",
            message=f"At {len(points) - len(kept)} of {len(points)} volumes up to {100 * worst:.0f} % of the modes are imaginary: the "
            "potential does not hold this structure, and has no quasi-harmonics for it.",
        )
    return QuasiHarmonicRun(
        crystal=QuasiHarmonicCrystal(
            volumes_angstrom3=np.array([point.volume_angstrom3 for point in kept]),
            energies_ev=np.array([point.energy_ev for point in kept]),
            spectra=spectra,
        ),
        structure=structure,
        volumes_left_out=len(points) - len(kept),
        supercell_atoms=atoms,
    )


def _points(structure: Structure, *, potential: ArrayPotential) -> list[_Point] | PhononFailure:
    """The crystal at each volume, with atoms and shape relaxed and the symmetry kept."""
    cells: list[Structure] = []
    for factor in VOLUME_FACTORS:
        cell = structure.copy()
        cell.scale_lattice(structure.volume * factor)
        cells.append(cell)
    settings = RelaxationSettings(
        cell="shape",
        force_tolerance_ev_per_angstrom=_FORCE_EV_PER_ANGSTROM,
        stress_tolerance_gpa=0.1,
        keep_symmetry=True,
        max_steps=300,
    )
    found: dict[int, _Point] = {}
    for place, result in relax(cells, potential=potential, settings=settings):
        relaxed = _usable(result)
        if isinstance(relaxed, PhononFailure):
            return relaxed
        found[place] = _Point(
            volume_angstrom3=relaxed.structure.volume / len(relaxed.structure),
            energy_ev=relaxed.energy_ev_per_atom,
            structure=relaxed.structure,
        )
    return [found[place] for place in sorted(found)]


def _usable(result: Relaxed | RelaxationFailure) -> Relaxed | PhononFailure:
    if isinstance(result, Relaxed):
        return result
    last = result.last if result.code == "unconverged" else None
    if last is not None and last.max_force_ev_per_angstrom <= _NEAR_ENOUGH_EV_PER_ANGSTROM:
        return last
    return PhononFailure(code=result.code, message=f"At one volume: {result.message}")
