"""Pressures at which compounds and elements change their form, by enthalpies of the potential, beside measured ones.

    python benchmarks/pressure_transitions.py
    python benchmarks/pressure_transitions.py --only NaCl KCl
    python benchmarks/pressure_transitions.py --boundaries   # enthalpies at the measured boundaries of knowledge/pressure_forms.json

At a measured boundary both forms have the same Gibbs energy: what the potential puts between them there is its error, which is held
against the sigma that `pressure_stability` gives.

Both forms are relaxed under the pressure with their symmetry kept; no vibrations, and 0 K. Measured transitions are those commonly
reported near room temperature, on compression; some are sluggish, so that the equilibrium lies lower. A failure is
printed like everything else.
"""

from __future__ import annotations

import argparse
import math
import os
import time
from dataclasses import dataclass

os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")

from pymatgen.core import Composition, Lattice, Structure

from matsmith.core.errors import StructureError
from matsmith.core.settings import load_settings
from matsmith.knowledge.pressure_forms import PressureForm, pressure_systems
from matsmith.models.compression import Compressed, compressed, transition_pressure_gpa
from matsmith.models.potentials.interface import ArrayPotential
from matsmith.models.relaxation import EV_PER_ANGSTROM3_IN_GPA
from matsmith.tools.potential import default_potential
from matsmith.tools.pressure_competitors import Form
from matsmith.tools.pressure_stability import Hull, sigma_of


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


def _structure(formula: str, form: PressureForm) -> Structure | None:
    """A form of an element or a binary compound in one of the simple types, at its volume; None for other types."""
    symbols = [str(symbol) for symbol in Composition(formula).as_dict()]
    per_atom = form.volume_angstrom3
    ends = (symbols[0], symbols[-1])
    match form.space_groups[0], form.atoms:
        case 225, 2:
            return salt(*ends, edge=(8 * per_atom) ** (1 / 3))
        case 221, 2:
            return caesium(*ends, edge=(2 * per_atom) ** (1 / 3))
        case 216, 2:
            return _spread(
                "F-43m",
                Lattice.cubic((8 * per_atom) ** (1 / 3)),
                list(ends),
                [[0, 0, 0], [0.25, 0.25, 0.25]],
            )
        case 186, 4:
            a = (4 * per_atom / (1.62 * math.sqrt(3) / 2)) ** (1 / 3)
            return wurtzite(*ends, a=a, c=1.62 * a)
        case 227, 2:
            return _spread("Fd-3m", Lattice.cubic((8 * per_atom) ** (1 / 3)), symbols, [[0, 0, 0]])
        case 141, 2:
            a = (4 * per_atom / 0.55) ** (1 / 3)
            return _spread("I4_1/amd", Lattice.tetragonal(a, 0.55 * a), symbols, [[0, 0, 0]])
        case _:
            return None


def boundaries(potential: ArrayPotential, *, only: list[str]) -> None:
    """Print the enthalpy between two forms at their measured boundary, and the error that is claimed for it."""
    print(f"{'':8}{'GPa':>8}{'H(high) - H(low)':>20}{'claimed':>10}  eV/atom")
    ratios: list[float] = []
    for system in pressure_systems().values():
        for low, high, line in zip(system.forms, system.forms[1:], system.boundaries, strict=False):
            pair = [_structure(system.formula, form) for form in (low, high)]
            if (only and system.formula not in only) or None in pair:
                continue
            states: dict[int, Compressed] = {}
            for place, result in compressed(
                (one for one in pair if one is not None), potential=potential, pressure_gpa=line.pressure_gpa
            ):
                if isinstance(result, Compressed):
                    states[place] = result
            if len(states) < 2:
                print(f"{system.formula:8}{line.pressure_gpa:>8g}   a form could not be relaxed", flush=True)
                continue
            made = [Form(formula=system.formula, label="", state=states[place]) for place in (0, 1)]
            gap = states[1].enthalpy_ev_per_atom - states[0].enthalpy_ev_per_atom
            claimed = sigma_of(made[1], Hull(above_ev_per_atom=gap, products=((made[0], 1.0),)))
            slack = line.sigma_gpa * (
                abs(states[0].volume_angstrom3_per_atom - states[1].volume_angstrom3_per_atom)
                / EV_PER_ANGSTROM3_IN_GPA
            )
            ratios.append(abs(gap) / math.hypot(claimed, slack))
            print(f"{system.formula:8}{line.pressure_gpa:>8g}{gap:>20.3f}{claimed:>10.3f}", flush=True)
    if ratios:
        inside = sum(ratio <= 1 for ratio in ratios)
        print(f"within one sigma (the boundary's own included): {inside} of {len(ratios)}")
        print(f"68 % lie within {sorted(ratios)[min(len(ratios) - 1, round(0.683 * len(ratios)))]:.2f} sigma")


def main() -> None:
    """Print the table."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--only", nargs="*", default=[])
    parser.add_argument("--threads", type=int, default=0)
    parser.add_argument("--boundaries", action="store_true", help="enthalpies at measured boundaries")
    given = parser.parse_args()
    potential = default_potential(
        load_settings().model_copy(update={"threads": given.threads, "device": "cpu"})
    )
    if given.boundaries:
        boundaries(potential, only=given.only)
        return
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
