"""Heat capacity at constant pressure: the slope of the mean enthalpy at a temperature, held against the enthalpy's own fluctuations.

    c_p = dH/dT,        c_p = var(H) / (N k T²)

The slope is that of a parabola through the enthalpies (a line for fewer than four temperatures), weighted by their errors. The two come from different parts of the same runs, and must agree within their errors.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from matsmith.core.record import Outcome
from matsmith.models.dynamics import BOLTZMANN_EV_PER_K
from matsmith.tools.drawn_series import Trace, TracePlot, traces_fact
from matsmith.tools.lammps.heating import HeatingArgs, doubts_of, states_of
from matsmith.tools.lammps.protocol import Md, System, protocol
from matsmith.tools.lammps.states import State, measured
from matsmith.tools.lammps.statistics import tangent

JOULE_PER_MOL_PER_EV = 96485.33212


class HeatCapacityArgs(HeatingArgs):
    """Of what, at which temperature."""


@dataclass(frozen=True, slots=True, kw_only=True)
class HeatCapacity:
    """In eV/K per atom: from the slope of the enthalpy with its error, and from the fluctuations at the nearest temperature with theirs.

    `misfit` is that of the curve through the enthalpies, about 1 when sound.
    """

    slope_ev_per_k: float
    sigma_ev_per_k: float
    fluctuation_ev_per_k: float
    fluctuation_sigma_ev_per_k: float
    misfit: float

    @property
    def agree(self) -> bool:
        """Whether both say the same within three errors."""
        gap = abs(self.slope_ev_per_k - self.fluctuation_ev_per_k)
        return gap < 3 * math.hypot(self.sigma_ev_per_k, self.fluctuation_sigma_ev_per_k)


def heat_capacity_at(temperature_k: float, *, states: Sequence[State]) -> HeatCapacity:
    """Both heat capacities from states at several temperatures."""
    found = tangent(
        temperature_k,
        x=np.array([state.temperature_k for state in states]),
        y=np.array([state.enthalpy_ev.mean for state in states]),
        sigma=np.array([state.enthalpy_ev.sigma for state in states]),
    )
    nearest = min(states, key=lambda state: abs(state.temperature_k - temperature_k))
    # A variance of n independent samples has a relative error of sqrt(2 / n).
    relative = math.sqrt(2 / max(nearest.enthalpy_ev.independent, 2.0))
    return HeatCapacity(
        slope_ev_per_k=found.slope,
        sigma_ev_per_k=found.slope_sigma,
        misfit=found.misfit,
        fluctuation_ev_per_k=nearest.heat_capacity_ev_per_k,
        fluctuation_sigma_ev_per_k=relative * nearest.heat_capacity_ev_per_k,
    )


@protocol(
    name="md_heat_capacity",
    title="Heat capacity by molecular dynamics",
    measures=("heat_capacity_at_temperature",),
    cost_s=120.0,
    prefers="heat_capacity",
    version="2",
)
def run(args: HeatCapacityArgs, *, system: System, md: Md) -> Outcome:
    """Heat capacity at constant pressure from the enthalpy at several temperatures, checked by its fluctuations.

    Quantities: `heat_capacity_at_temperature` in J/(kg K) and `molar_heat_capacity` in J/(mol K) of atoms. Classical: it does not fall
    at low temperature. Electrons of a metal are not in it. Typed failures: molten, and those of every run.

    Example: matsmith tool md_heat_capacity --args '{"element": "Al", "temperature_k": 600}'
    """
    states = states_of(args, system=system, md=md)
    found = heat_capacity_at(args.temperature_k, states=states)
    gram_per_mol = float(np.mean(states[0].atoms.get_masses()))
    molar, sigma = (JOULE_PER_MOL_PER_EV * each for each in (found.slope_ev_per_k, found.sigma_ev_per_k))
    doubts = list(doubts_of(states, beyond=args.ladder_k[-1]))
    if not found.agree:
        doubts.insert(
            0,
            f"slope and fluctuations of the enthalpy disagree: {found.slope_ev_per_k / BOLTZMANN_EV_PER_K:.2f} against "
            f"{found.fluctuation_ev_per_k / BOLTZMANN_EV_PER_K:.2f} k an atom: run longer",
        )
    if found.misfit > 3:
        doubts.insert(
            0, f"the enthalpies scatter by {found.misfit:.1f} times their errors about the curve: run longer"
        )
    temperatures = [state.temperature_k for state in states]
    return Outcome(
        quantities={
            "heat_capacity_at_temperature": measured(
                1000 * molar / gram_per_mol, 1000 * sigma / gram_per_mol, "J/(kg*K)"
            ),
            "molar_heat_capacity": measured(molar, sigma, "J/(mol*K)"),
        },
        facts={
            "temperature_k": args.temperature_k,
            "pressure_gpa": args.pressure_gpa,
            "atoms": len(states[0].atoms),
            "length_ps": args.length_ps,
            "in_units_of_k_per_atom": round(found.slope_ev_per_k / BOLTZMANN_EV_PER_K, 3),
            "by_fluctuations_in_units_of_k": round(found.fluctuation_ev_per_k / BOLTZMANN_EV_PER_K, 3),
            "by_fluctuations_sigma": round(found.fluctuation_sigma_ev_per_k / BOLTZMANN_EV_PER_K, 3),
            "both_agree": found.agree,
            "by_temperature": [
                {
                    "temperature_k": state.temperature_k,
                    "enthalpy_ev_per_atom": round(state.enthalpy_ev.mean, 6),
                    "sigma_ev_per_atom": float(f"{state.enthalpy_ev.sigma:.2g}"),
                }
                for state in states
            ],
            **traces_fact(
                TracePlot(
                    id="enthalpy-over-temperature",
                    title="Enthalpy over temperature",
                    x=("temperature", "K"),
                    y=("enthalpy", "eV/atom"),
                    traces=[
                        Trace(
                            name="mean of the run",
                            x=temperatures,
                            y=[state.enthalpy_ev.mean for state in states],
                            sigma=[state.enthalpy_ev.sigma for state in states],
                            style="points",
                        ),
                    ],
                    guides=[("x", args.temperature_k, "of the answer")],
                    note=f"{len(states[0].atoms)} atoms, {args.length_ps:g} ps at each temperature.",
                )
            ),
        },
        warnings=tuple(doubts),
        method=md.method(
            f"molecular dynamics at constant pressure, slope of the enthalpy at {args.temperature_k:g} K from {len(states)} temperatures",
            steps=round(args.length_ps / md.timestep_ps) * len(states),
            atoms=len(states[0].atoms),
            ensemble="NPT",
        ),
    )


TOOL = run
