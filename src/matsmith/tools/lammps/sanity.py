"""What is refused or warned of before anything runs: absurd cells, temperatures, time steps and amounts of work."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import TYPE_CHECKING, Any, cast

import numpy as np

from matsmith.tools.lammps.failures import DynamicsError
from matsmith.tools.lammps.potentials import Choice
from matsmith.tools.lammps.process import Limits
from matsmith.tools.lammps.structures import cell_of, cell_widths, mass_of, symbols_of

if TYPE_CHECKING:
    from ase import Atoms

LEAST_K, MOST_K = 1.0, 20000.0
MOST_GPA = 1000.0
_CLOSE = 0.4
"""Atoms nearer than this share of the sum of their covalent radii overlap."""
_MEMORY_BYTES_PER_ATOM = 4000.0
_LEAST_DENSITY, _MOST_DENSITY = 1e-4, 60.0
_REFERENCE_STEP_PS, _REFERENCE_MASS = 0.002, 20.0


def usual_timestep_ps(elements: tuple[str, ...], choice: Choice) -> float:
    """2 fs, or what a soft potential allows beyond; less for atoms lighter than neon, by the root of their mass, and for stiff potentials.

    >>> from types import SimpleNamespace
    >>> usual_timestep_ps(("Cu",), SimpleNamespace(max_timestep_ps=0.002))
    0.002
    """
    lightest = min(mass_of(symbol) for symbol in elements)
    step = max(_REFERENCE_STEP_PS, choice.max_timestep_ps) * math.sqrt(min(1.0, lightest / _REFERENCE_MASS))
    return min(choice.max_timestep_ps, round(step, 5))


def check_temperature(temperature_k: float) -> float:
    """A temperature as given. Raises `DynamicsError` (`bad_temperature`) outside of 1 to 20,000 K."""
    if not (math.isfinite(temperature_k) and LEAST_K <= temperature_k <= MOST_K):
        raise DynamicsError(
            "bad_temperature",
            f"{temperature_k:g} K is no temperature for molecular dynamics.",
            hint=f"Give one from {LEAST_K:g} to {MOST_K:g} K.",
        )
    return temperature_k


def check_timestep(timestep_ps: float, elements: tuple[str, ...], choice: Choice) -> None:
    """Raise `DynamicsError` (`bad_timestep`) for a step that is none or more than three times the usual one."""
    usual = usual_timestep_ps(elements, choice)
    if not (math.isfinite(timestep_ps) and 0 < timestep_ps <= 3 * usual):
        raise DynamicsError(
            "bad_timestep",
            f"A time step of {1000 * timestep_ps:g} fs cannot follow the vibrations of {'-'.join(elements)}.",
            hint=f"Give at most {1000 * usual:g} fs.",
        )


def check_cell(atoms: Atoms, choice: Choice, limits: Limits) -> None:
    """Raise `DynamicsError` for too many atoms, elements that the potential lacks, overlaps, or a cell that is no crystal."""
    n = len(atoms)
    if n == 0:
        raise DynamicsError("bad_cell", "The cell is empty.", hint="Give a structure.")
    if n > limits.most_atoms:
        raise DynamicsError(
            "too_large",
            f"{n:,} atoms are more than the {limits.most_atoms:,} that a run takes here (about {memory_gb(n):.1f} GB of memory).",
            hint="Ask for fewer atoms (size).",
        )
    symbols = sorted(set(symbols_of(atoms)))
    lacking = [symbol for symbol in symbols if symbol not in choice.elements]
    if lacking:
        raise DynamicsError(
            "wrong_elements",
            f"The potential {choice.id} does not know {', '.join(lacking)}.",
            hint="Name another, or none: the best is then chosen.",
        )
    positions: Any = atoms.get_positions()
    if not (np.isfinite(positions).all() and np.isfinite(cell_of(atoms)).all()):
        raise DynamicsError(
            "bad_cell", "Positions or lattice vectors are not finite.", hint="Check the structure."
        )
    volume = abs(float(atoms.get_volume()))
    density = float(np.sum(atoms.get_masses())) / max(volume, 1e-9) * 1.66053907
    if not _LEAST_DENSITY < density < _MOST_DENSITY:
        raise DynamicsError(
            "bad_cell",
            f"A density of {density:.3g} g/cm³ is none of a material.",
            hint="Check the lattice vectors: they are in Å.",
        )
    _check_overlap(atoms)


def _check_overlap(atoms: Atoms) -> None:
    from ase.data import covalent_radii
    from ase.neighborlist import neighbor_list  # pyright: ignore[reportUnknownVariableType]

    numbers: Any = atoms.get_atomic_numbers()
    radii: Any = covalent_radii[numbers]
    listed = cast("Callable[..., Any]", neighbor_list)
    found = listed("ijd", atoms, float(2 * _CLOSE * radii.max()))
    first, second, distances = found
    close = np.flatnonzero(distances < _CLOSE * (radii[first] + radii[second]))
    if close.size:
        worst = close[int(np.argmin(distances[close]))]
        symbols = symbols_of(atoms)
        raise DynamicsError(
            "overlap",
            f"Two atoms ({symbols[first[worst]]} and {symbols[second[worst]]}) stand {distances[worst]:.2f} Å apart.",
            hint="Check the structure: atoms overlap.",
        )


def check_width(atoms: Atoms, choice: Choice) -> str | None:
    """A warning where the cell is narrower than twice the potential's reach, so that an atom moves together with its image."""
    widths = cell_widths(atoms)[np.array(atoms.pbc)]
    if widths.size and float(widths.min()) < 2 * choice.cutoff_angstrom:
        return (
            f"the cell is {float(widths.min()):.1f} Å wide, less than twice the potential's reach of {choice.cutoff_angstrom:.1f} Å: "
            "atoms move together with their images"
        )
    return None


def memory_gb(atoms: int) -> float:
    """About what a run of so many atoms takes."""
    return 0.1 + atoms * _MEMORY_BYTES_PER_ATOM / 1e9


def estimated_s(atoms: int, steps: int, choice: Choice, *, cores: int) -> float:
    """About how long so many steps take on so many cores, start-up left out."""
    return atoms * steps * choice.us_per_atom_step * 1e-6 / max(1, cores) ** 0.9


def check_work(atoms: int, steps: int, choice: Choice, *, cores: int, limits: Limits) -> None:
    """Raise `DynamicsError` (`too_long`) with the hours that a stage would take, when they are beyond the limit."""
    seconds = estimated_s(atoms, steps, choice, cores=cores)
    if seconds > limits.most_estimated_s:
        raise DynamicsError(
            "too_long",
            f"{steps:,} steps of {atoms:,} atoms would take about {seconds / 3600:.1f} hours on {cores} core{'s' if cores > 1 else ''}"
            f" (and {memory_gb(atoms):.1f} GB), more than the {limits.most_estimated_s / 3600:.1f} allowed.",
            hint="Ask for fewer atoms (size) or steps, more cores, or allow more time (max_hours).",
        )
