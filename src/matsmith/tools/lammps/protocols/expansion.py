"""Thermal expansion: the mean cell at several temperatures, and its slope, α = d ln L / dT.

The lengths are fitted by a parabola over temperature (a line for fewer than four temperatures), weighted by their errors.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from pydantic import JsonValue

from matsmith.core.record import Outcome
from matsmith.models.potentials.interface import FloatArray
from matsmith.tools.drawn_series import Trace, TracePlot, traces_fact
from matsmith.tools.lammps.heating import HeatingArgs, doubts_of, states_of
from matsmith.tools.lammps.protocol import Md, System, protocol
from matsmith.tools.lammps.states import State, measured
from matsmith.tools.lammps.statistics import tangent

_AXES = ("a", "b", "c")


class ExpansionArgs(HeatingArgs):
    """Of what, at which temperature."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Expansion:
    """Linear expansion in 1/K and length in Å at a temperature, each with its error; `misfit` is that of the curve, about 1 when sound."""

    alpha_per_k: float
    alpha_sigma_per_k: float
    length_angstrom: float
    length_sigma_angstrom: float
    misfit: float


def expansion_at(
    temperature_k: float,
    *,
    temperatures_k: FloatArray,
    lengths_angstrom: FloatArray,
    sigma_angstrom: FloatArray,
) -> Expansion:
    """The slope of lengths (k,) with errors (k,) over temperatures (k,), at one temperature."""
    found = tangent(temperature_k, x=temperatures_k, y=lengths_angstrom, sigma=sigma_angstrom)
    return Expansion(
        alpha_per_k=found.slope / found.value,
        alpha_sigma_per_k=found.slope_sigma / found.value,
        length_angstrom=found.value,
        length_sigma_angstrom=found.value_sigma,
        misfit=found.misfit,
    )


@protocol(
    name="md_expansion",
    title="Thermal expansion by molecular dynamics",
    measures=("thermal_expansion_at_temperature", "density_at_temperature"),
    cost_s=120.0,
    prefers="expansion",
    version="2",
)
def run(args: ExpansionArgs, *, system: System, md: Md) -> Outcome:
    """Linear thermal expansion (1/K), cell and density against temperature, at constant pressure.

    Quantities: `thermal_expansion_at_temperature` (the mean over directions), `density_at_temperature`, and of an element its lattice
    constant in Å. Sigma holds what the potential is assumed to be off by. Typed failures: molten, and those of every run.

    Example: matsmith tool md_expansion --args '{"element": "Cu", "temperature_k": 300}'
    """
    states = states_of(args, system=system, md=md)
    temperatures = np.array([state.temperature_k for state in states])
    sides = np.array([state.side_angstrom for state in states])
    found = expansion_at(
        args.temperature_k,
        temperatures_k=temperatures,
        lengths_angstrom=sides[:, 0],
        sigma_angstrom=sides[:, 1],
    )
    masses = float(states[0].density_g_per_cm3.mean) * sides[0, 0] ** 3
    density = masses / found.length_angstrom**3
    quantities = {
        "thermal_expansion_at_temperature": measured(found.alpha_per_k, found.alpha_sigma_per_k, "1/K"),
        "density_at_temperature": measured(
            density, 3 * density * found.length_sigma_angstrom / found.length_angstrom, "g/cm**3"
        ),
    }
    # How many unit cells stand along the cube root of the volume.
    units = (len(states[0].atoms) / len(system.atoms)) ** (1 / 3)
    cubic = system.prototype in ("fcc", "bcc", "diamond")
    if cubic:
        quantities["lattice_parameter"] = measured(
            found.length_angstrom / units, found.length_sigma_angstrom / units, "angstrom"
        )
    axes = {} if cubic else _by_axis(states, args.temperature_k)
    name = "lattice parameter" if cubic else "cube root of the volume"
    doubts = list(doubts_of(states, beyond=args.ladder_k[-1]))
    if found.misfit > 3:
        doubts.insert(
            0, f"the lengths scatter by {found.misfit:.1f} times their errors about the curve: run longer"
        )
    return Outcome(
        quantities=quantities,
        facts={
            "temperature_k": args.temperature_k,
            "pressure_gpa": args.pressure_gpa,
            "atoms": len(states[0].atoms),
            "length_ps": args.length_ps,
            "misfit_of_the_curve": round(found.misfit, 2),
            "by_temperature": [_row(state, units if cubic else 1.0) for state in states],
            **axes,
            **traces_fact(
                TracePlot(
                    id="length-over-temperature",
                    title="Length over temperature",
                    x=("temperature", "K"),
                    y=(name, "Å"),
                    traces=[
                        Trace(
                            name="mean of the run",
                            x=temperatures,
                            y=sides[:, 0] / (units if cubic else 1.0),
                            sigma=sides[:, 1] / (units if cubic else 1.0),
                            style="points",
                        )
                    ],
                    guides=[("x", args.temperature_k, "of the answer")],
                    note=f"{len(states[0].atoms)} atoms, {args.length_ps:g} ps at each temperature, "
                    f"{args.pressure_gpa:g} GPa; errors are statistical.",
                ),
                TracePlot(
                    id="density-over-temperature",
                    title="Density over temperature",
                    x=("temperature", "K"),
                    y=("density", "g/cm³"),
                    traces=[
                        Trace(
                            name="mean of the run",
                            x=temperatures,
                            y=[state.density_g_per_cm3.mean for state in states],
                            sigma=[state.density_g_per_cm3.sigma for state in states],
                            style="points",
                        )
                    ],
                ),
            ),
        },
        warnings=tuple(doubts),
        method=md.method(
            f"molecular dynamics at constant pressure, {len(states)} temperatures, parabola through the lengths",
            steps=round(args.length_ps / md.timestep_ps) * len(states),
            atoms=len(states[0].atoms),
            ensemble="NPT",
        ),
    )


def _row(state: State, units: float) -> JsonValue:
    side, sigma = state.side_angstrom
    return {
        "temperature_k": state.temperature_k,
        "length_angstrom": round(side / units, 5),
        "sigma_angstrom": float(f"{sigma / units:.2g}"),
        "density_g_per_cm3": round(state.density_g_per_cm3.mean, 4),
        "independent_samples": round(state.volume_angstrom3.independent, 1),
    }


def _by_axis(states: Sequence[State], temperature_k: float) -> dict[str, JsonValue]:
    """The expansion along each edge of the cell that was run."""
    temperatures = np.array([state.temperature_k for state in states])
    found: dict[str, JsonValue] = {}
    for place, axis in enumerate(_AXES):
        each = expansion_at(
            temperature_k,
            temperatures_k=temperatures,
            lengths_angstrom=np.array([state.lengths_angstrom[place] for state in states]),
            sigma_angstrom=np.array([state.lengths_sigma_angstrom[place] for state in states]),
        )
        found[axis] = [float(f"{each.alpha_per_k:.4g}"), float(f"{each.alpha_sigma_per_k:.2g}")]
    return {"expansion_along_the_edges_per_k": found}


TOOL = run
