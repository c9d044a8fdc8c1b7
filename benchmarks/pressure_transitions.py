"""Pressures at which compounds and elements change their form, by enthalpies of the potential, beside measured ones.

    python benchmarks/pressure_transitions.py
    python benchmarks/pressure_transitions.py --only NaCl KCl

Both forms are relaxed under the pressure with their symmetry kept; no vibrations, and 0 K. Measured transitions are those commonly
reported near room temperature, on compression; some are sluggish, so that the equilibrium lies lower. A failure is
printed like everything else.
"""

from __future__ import annotations

import argparse
import os
import time
from dataclasses import dataclass

os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")

from pymatgen.core import Lattice, Structure

from matsmith.core.errors import StructureError
from matsmith.core.settings import load_settings
from matsmith.models.compression import transition_pressure_gpa
from matsmith.tools.potential import default_potential


@dataclass(frozen=True, kw_only=True)
class Transition:
    """Two forms, and the range of measured pressures in GPa."""

    name: str
    low: Structure
    high: Structure
    measured_gpa: tuple[float, float]


def salt(cation: str, anion: str, *, edge: float) -> Structure:
    """Six neighbours (rocksalt); `edge` of the cube in Å."""
    return _spread("Fm-3m", Lattice.cubic(edge), [cation, anion], [[0, 0, 0], [0.5, 0.5, 0.5]])


def caesium(cation: str, anion: str, *, edge: float) -> Structure:
    """Eight neighbours (caesium chloride)."""
    return Structure(Lattice.cubic(edge), [cation, anion], [[0, 0, 0], [0.5, 0.5, 0.5]])


def wurtzite(cation: str, anion: str, *, a: float, c: float) -> Structure:
    """Four neighbours."""
    return _spread(
        "P6_3mc", Lattice.hexagonal(a, c), [cation, anion], [[1 / 3, 2 / 3, 0], [1 / 3, 2 / 3, 0.38]]
    )


def _spread(group: str, lattice: Lattice, species: list[str], places: list[list[float]]) -> Structure:
    made: Structure = Structure.from_spacegroup(group, lattice, species, places)  # pyright: ignore[reportUnknownMemberType]
    return made.get_primitive_structure()


def transitions() -> list[Transition]:
    """The forms and what was measured: Bassett et al. 1968 (NaCl); reviewed by Mujica et al. 2003, Rev. Mod. Phys. 75, 863 (Si)."""
    silicon = _spread("Fd-3m", Lattice.cubic(5.43), ["Si"], [[0, 0, 0]])
    tin = _spread("I4_1/amd", Lattice.tetragonal(4.69, 2.58), ["Si"], [[0, 0, 0]])
    diamond = _spread("Fd-3m", Lattice.cubic(3.567), ["C"], [[0, 0, 0]])
    graphite = _spread(
        "P6_3/mmc", Lattice.hexagonal(2.464, 6.711), ["C"] * 2, [[0, 0, 0.25], [1 / 3, 2 / 3, 0.25]]
    )
    return [
        Transition(
            name="NaCl",
            low=salt("Na", "Cl", edge=5.64),
            high=caesium("Na", "Cl", edge=3.4),
            measured_gpa=(27, 30),
        ),
        Transition(
            name="KCl",
            low=salt("K", "Cl", edge=6.29),
            high=caesium("K", "Cl", edge=3.75),
            measured_gpa=(1.9, 2.1),
        ),
        Transition(
            name="CaO",
            low=salt("Ca", "O", edge=4.81),
            high=caesium("Ca", "O", edge=2.8),
            measured_gpa=(60, 70),
        ),
        Transition(
            name="ZnO",
            low=wurtzite("Zn", "O", a=3.25, c=5.2),
            high=salt("Zn", "O", edge=4.28),
            measured_gpa=(8.5, 10),
        ),
        Transition(
            name="GaN",
            low=wurtzite("Ga", "N", a=3.19, c=5.19),
            high=salt("Ga", "N", edge=4.25),
            measured_gpa=(37, 54),
        ),
        Transition(name="Si", low=silicon, high=tin, measured_gpa=(11, 12.5)),
        Transition(name="C", low=graphite, high=diamond, measured_gpa=(1.5, 2.5)),
    ]


def main() -> None:
    """Print the table."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--only", nargs="*", default=[])
    parser.add_argument("--threads", type=int, default=0)
    given = parser.parse_args()
    potential = default_potential(
        load_settings().model_copy(update={"threads": given.threads, "device": "cpu"})
    )
    print(f"{'':8}{'computed':>12}{'measured':>14}   GPa")
    for each in transitions():
        if given.only and each.name not in given.only:
            continue
        started = time.perf_counter()
        try:
            found = transition_pressure_gpa(
                each.low, each.high, potential=potential, most_gpa=4 * each.measured_gpa[1], within_gpa=0.1
            )
            said = "does not turn" if found is None else f"{found:.1f}"
        except StructureError as error:
            said = error.message
        low, high = each.measured_gpa
        print(
            f"{each.name:8}{said:>12}{low:>8g} to {high:g}   {time.perf_counter() - started:.0f} s",
            flush=True,
        )


if __name__ == "__main__":
    main()
