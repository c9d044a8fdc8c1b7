"""Phonons of a crystal that is relaxed first, in its supercell and in a smaller one that shows how far the supercell has converged."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from matsmith.models.elastic_response import standard_primitive
from matsmith.models.phonons import PhononFailure, Phonons, PhononSettings, phonons
from matsmith.models.potentials.interface import ArrayPotential
from matsmith.models.relaxation import RelaxationFailure, RelaxationSettings, Relaxed, relax

if TYPE_CHECKING:
    from pymatgen.core import Structure

SYMMETRY_TOLERANCE_ANGSTROM = 0.03
IMAGINARY_THZ = 0.3
"""An imaginary frequency within this is taken for a numerical one (10 wave numbers)."""
_COARSE_PARTS = (0.75, 0.6, 0.45)
_FORCE_EV_PER_ANGSTROM = 0.005
_STRESS_GPA = 0.05
_NEAR_ENOUGH_EV_PER_ANGSTROM = 0.02


@dataclass(frozen=True, kw_only=True)
class ConvergedPhonons:
    """Phonons in the supercell asked for, and in a smaller one; None where the cell itself is already as large."""

    fine: Phonons
    coarse: Phonons | None


def relaxed_phonons(
    structures: Sequence[Structure],
    *,
    potential: ArrayPotential,
    pressure_gpa: float = 0.0,
    settings: PhononSettings | None = None,
) -> Iterator[tuple[int, ConvergedPhonons | PhononFailure]]:
    """Relax with the symmetry kept, then displace: (place in the input, result), one crystal after the other."""
    chosen = settings or PhononSettings()
    starts = (
        standard_primitive(structure, tolerance_angstrom=SYMMETRY_TOLERANCE_ANGSTROM)
        for structure in structures
    )
    relaxation = RelaxationSettings(
        force_tolerance_ev_per_angstrom=_FORCE_EV_PER_ANGSTROM,
        stress_tolerance_gpa=_STRESS_GPA,
        pressure_gpa=pressure_gpa,
        keep_symmetry=True,
        max_steps=500,
    )
    for index, result in relax(starts, potential=potential, settings=relaxation):
        structure = sound_structure(result)
        if isinstance(structure, PhononFailure):
            yield index, structure
            continue
        ((_, fine),) = phonons([structure], potential=potential, settings=chosen)
        if isinstance(fine, PhononFailure):
            yield index, fine
            continue
        coarse = replace(chosen, max_supercell_atoms=max(1, fine.supercell_atoms - 1), bands=False)
        small: Phonons | PhononFailure = fine
        for part in _COARSE_PARTS:
            coarse = replace(coarse, image_distance_angstrom=part * chosen.image_distance_angstrom)
            ((_, small),) = phonons([structure], potential=potential, settings=coarse)
            if isinstance(small, Phonons):
                break
        # A cell that is large by itself has no smaller supercell: then nothing is known of the convergence.
        yield index, ConvergedPhonons(fine=fine, coarse=small if isinstance(small, Phonons) else None)


def sound_structure(result: Relaxed | RelaxationFailure) -> Structure | PhononFailure:
    """The relaxed structure; one that stalled on the roughness of the potential will do when no force is left to speak of."""
    if isinstance(result, Relaxed):
        return result.structure
    last = result.last if result.code == "unconverged" else None
    if last is not None and last.max_force_ev_per_angstrom <= _NEAR_ENOUGH_EV_PER_ANGSTROM:
        return last.structure
    return PhononFailure(code=result.code, message=result.message)
