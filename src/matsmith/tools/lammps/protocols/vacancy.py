"""A vacancy in a crystal of one element: what it costs to make, and to move it to a neighbouring site.

    E_f = E(N - 1 atoms) - (N - 1) e(bulk),

at a fixed cell in two supercells: their difference falls with the inverse of the number of atoms, so the value is the one extrapolated
to an infinite cell. The barrier of a hop to each kind of near neighbour comes from the nudged elastic band.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
from pydantic import Field, JsonValue

from matsmith.core.quantity import Quantity, Truth
from matsmith.core.record import Outcome
from matsmith.models.nudged_elastic_band import BandSettings
from matsmith.models.potentials.interface import FloatArray
from matsmith.tools.drawn_series import traces_fact
from matsmith.tools.lammps.failures import DynamicsError
from matsmith.tools.lammps.paths import lowest_path
from matsmith.tools.lammps.protocol import Md, MdArgs, System, protocol
from matsmith.tools.lammps.protocols.neb import band_warnings, highest_of, path_plot
from matsmith.tools.lammps.static import Rest, at_rest
from matsmith.tools.lammps.structures import supercell_near

if TYPE_CHECKING:
    from ase import Atoms

    from matsmith.models.nudged_elastic_band import Path
    from matsmith.tools.lammps.simulation import Simulation

_NEIGHBOURS_WITHIN = 1.25
_SAME_LENGTH_ANGSTROM = 0.02
_SMALLER = 0.4
_LEAST_WIDTH_IN_CUTOFFS = 1.6


class VacancyArgs(MdArgs):
    """Of which element, and how large the cell is."""

    size: int = Field(default=256, ge=16, le=50_000, description="atoms of the larger supercell, aimed at")
    migration: bool = Field(default=True, description="whether hops to neighbouring sites are computed too")
    images: int = Field(default=5, ge=1, le=15, description="images between the ends of a hop")


@dataclass(frozen=True, kw_only=True)
class _Made:
    """A supercell without one atom, relaxed: the atom's place, what it costs, and the perfect cell."""

    perfect: Atoms
    rest: Rest
    formation_ev: float


def extrapolated(counts: FloatArray, energies_ev: FloatArray) -> float:
    """The energy in an infinite cell, from two cells with errors that fall with the inverse of the number of atoms.

    >>> round(extrapolated(np.array([100.0, 200.0]), np.array([1.30, 1.29])), 4)
    1.28
    """
    inverse = 1 / counts
    slope = (energies_ev[1] - energies_ev[0]) / (inverse[1] - inverse[0])
    return float(energies_ev[1] - slope * inverse[1])


def neighbour_hops(atoms: Atoms, place: int) -> list[int]:
    """One neighbour of a site for each distance up to a quarter beyond the nearest."""
    distances = np.asarray(atoms.get_distances(place, list(range(len(atoms))), mic=True), dtype=np.float64)
    distances[place] = np.inf
    nearest = float(distances.min())
    found: list[int] = []
    for other in np.argsort(distances):
        length = float(distances[other])
        if length > _NEIGHBOURS_WITHIN * nearest:
            break
        if all(abs(length - float(distances[k])) > _SAME_LENGTH_ANGSTROM for k in found):
            found.append(int(other))
    return found


@protocol(
    name="md_vacancy",
    title="Vacancy: formation and migration",
    measures=(),
    cost_s=30.0,
    prefers="vacancy",
)
def run(args: VacancyArgs, *, system: System, md: Md) -> Outcome:
    """Formation energy (eV) of a vacancy in a crystal of one element, and the barrier (eV) of its hops to neighbouring sites, at 0 K.

    Quantities: `vacancy_formation_energy`, `vacancy_migration_energy` (the lowest of the near hops), `vacancy_activation_energy` (their sum, that of
    self-diffusion). Typed failures: not_an_element, and those of the runs.

    Example: matsmith tool md_vacancy --args '{"element": "Cu"}'
    """
    if system.element is None:
        raise DynamicsError(
            "not_an_element",
            f"{system.formula} has several elements: the atom taken out needs a reservoir of its own.",
            hint="Use the tool vacancy_formation, which takes the compound's limits.",
        )
    shape = "iso" if system.prototype in ("fcc", "bcc", "diamond") else "aniso"
    bulk = md.relaxed_cell(system, shape=shape)
    width = _LEAST_WIDTH_IN_CUTOFFS * md.choice.cutoff_angstrom
    cells = [
        supercell_near(bulk.atoms, atoms_aimed=aimed, least_width_angstrom=least)
        for aimed, least in ((round(_SMALLER * args.size), 0.0), (args.size, width))
    ]
    simulation = md.simulation("cells", cells[1])
    made = [
        _vacancy(cell, f"cell_{number}", simulation=simulation, bulk_ev=bulk.energy_ev_per_atom, md=md)
        for number, cell in enumerate(cells)
    ]
    counts = np.array([float(len(cell)) for cell in cells])
    energies = np.array([each.formation_ev for each in made])
    differs = counts[0] != counts[1]
    value = extrapolated(counts, energies) if differs else float(energies[1])
    sigma = abs(value - float(energies[1])) if differs else 0.01 * abs(value)
    sigma = max(sigma, 1e-4)
    truth = Truth.DFT_0K
    quantities = {"vacancy_formation_energy": Quantity(value=value, unit="eV", sigma=sigma, truth=truth)}
    sizes: list[JsonValue] = [
        {"atoms": int(count), "formation_ev": round(float(energy), 5)}
        for count, energy in zip(counts, energies, strict=True)
    ]
    facts: dict[str, JsonValue] = {
        "supercells": sizes,
        "cell_width_angstrom": round(float(min(cells[1].cell.lengths())), 3),
    }
    warnings = list(md.warnings)
    crystal = None
    if args.migration:
        paths = _hops(made[1], args=args, md=md)
        best = min(paths, key=lambda each: each[1].barrier_ev)
        barrier = best[1].barrier_ev
        error = max(0.1 * best[1].max_force_ev_per_angstrom, 1e-4)
        quantities["vacancy_migration_energy"] = Quantity(value=barrier, unit="eV", sigma=error, truth=truth)
        quantities["vacancy_activation_energy"] = Quantity(
            value=value + barrier, unit="eV", sigma=math.hypot(sigma, error), truth=truth
        )
        hops: list[JsonValue] = [
            {
                "length_angstrom": round(length, 4),
                "barrier_ev": round(path.barrier_ev, 5),
                "converged": path.converged,
                "steps": path.steps,
            }
            for length, path in paths
        ]
        facts |= {"hops": hops, **traces_fact(path_plot(best[1], what=f"a vacancy in {system.formula}"))}
        warnings += band_warnings(best[1])
        crystal = highest_of(best[1])
    return Outcome(
        quantities=quantities,
        facts=facts,
        crystal=crystal,
        method=md.method(
            "a vacancy in two supercells of a fixed cell, atoms relaxed; nudged elastic band",
            steps=0,
            atoms=len(cells[1]),
            ensemble="0 K",
        ),
        warnings=tuple(warnings),
    )


def _vacancy(perfect: Atoms, name: str, *, simulation: Simulation, bulk_ev: float, md: Md) -> _Made:
    md.note(f"vacancy in {len(perfect)} atoms")
    without: Any = perfect.copy()
    del without[0]
    rest = at_rest(simulation, name, without)
    return _Made(perfect=perfect, rest=rest, formation_ev=rest.energy_ev - len(without) * bulk_ev)


def _hops(made: _Made, *, args: VacancyArgs, md: Md) -> list[tuple[float, Path]]:
    """The path of each kind of hop: a neighbour of the vacancy moves into it, which is the vacancy's own move backward."""
    found: list[tuple[float, Path]] = []
    simulation = md.simulation("ends", made.rest.atoms)
    for number, neighbour in enumerate(neighbour_hops(made.perfect, 0)):
        md.note(f"hop {number + 1}")
        last: Any = made.perfect.copy()
        vector = np.asarray(last.get_distance(neighbour, 0, mic=True, vector=True), dtype=np.float64)
        positions = last.get_positions()
        positions[neighbour] += vector
        last.set_positions(positions)
        del last[0]
        end = at_rest(simulation, f"end_{number}", last)
        path = lowest_path(
            md,
            f"hop_{number}",
            made.rest.atoms,
            end.atoms,
            energies_ev=(made.rest.energy_ev, end.energy_ev),
            settings=BandSettings(images=args.images, force_tolerance_ev_per_angstrom=0.02, max_steps=150),
        )
        found.append((float(np.linalg.norm(vector)), path))
    return found


TOOL = run
