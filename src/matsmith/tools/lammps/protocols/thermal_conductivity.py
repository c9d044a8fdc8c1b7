"""Thermal conductivity: a flow of heat imposed by exchanging velocities, for all potentials; the heat current's fluctuations for pairs.

Of many-body potentials the plain heat current is wrong (Z. Fan et al., Phys. Rev. B 92, 094301 (2015)), so that only the imposed flow is run
there. Phonons longer than the cell are missing: crystals are run at several lengths and extrapolated by 1/L.
"""

from __future__ import annotations

import math
from typing import Literal

import numpy as np
from pydantic import Field, JsonValue

from matsmith.core.record import Outcome
from matsmith.tools.drawn_series import Trace, TracePlot, traces_fact
from matsmith.tools.lammps.failures import DynamicsError
from matsmith.tools.lammps.heat_flow import Length, flow_along, warmed
from matsmith.tools.lammps.heat_transport import (
    WATT_PER_METRE_KELVIN,
    Extrapolation,
    Fluctuation,
    endless,
    fluctuation_of,
)
from matsmith.tools.lammps.preparation import PhaseArgs, in_mean_cell, prepared, supercell_of
from matsmith.tools.lammps.protocol import Md, System, protocol
from matsmith.tools.lammps.states import measured

_EVERY_PS = 0.02
_FLOW_PS, _FLUCTUATIONS_PS = 200.0, 1000.0
_METAL_SYMBOLS = "Li Na K Rb Cs Be Mg Ca Sr Ba Al Ga In Tl Sn Pb Bi Sc Ti V Cr Mn Fe Co Ni Cu Zn Y Zr Nb Mo Tc Ru Rh Pd Ag Cd Hf Ta W Re Os Ir Pt Au Hg"
_METALS = frozenset(_METAL_SYMBOLS.split())

_CURRENT = """\
compute kinetic all ke/atom
compute potential all pe/atom
compute stresses all stress/atom NULL virial
compute current all heat/flux kinetic potential stresses
fix move all nve
fix series all ave/time {every} 1 {every} c_current[1] c_current[2] c_current[3] file current.profile
run {steps}
"""


class ThermalConductivityArgs(PhaseArgs):
    """Of what, at which temperature, and by which way."""

    way: Literal["auto", "flow", "fluctuations"] = Field(
        default="auto",
        description="flow: heat is made to flow (Mueller-Plathe); fluctuations: Green and Kubo, for pair potentials alone; auto: "
        "fluctuations for a pair potential, else flow",
    )
    lengths: int = Field(
        default=2,
        ge=1,
        le=4,
        description="number of cell lengths that a crystal is extrapolated from, each as much longer as the first",
    )
    length_ps: float | None = Field(
        default=None,
        ge=10.0,
        le=100000.0,
        description="length of each run in ps; by default 200 with a flow, and 1000 with fluctuations, which need longer",
    )
    correlation_ps: float = Field(
        default=15.0,
        ge=0.5,
        le=500.0,
        description="longest time over which the heat current is correlated, in ps",
    )
    size: int = Field(default=600, ge=100, le=200000, description="atoms aimed at in the shortest cell")


@protocol(
    name="md_thermal_conductivity",
    title="Thermal conductivity by molecular dynamics",
    measures=("thermal_conductivity_at_temperature",),
    cost_s=480.0,
    prefers="thermal_conductivity",
    version="2",
)
def run(args: ThermalConductivityArgs, *, system: System, md: Md) -> Outcome:
    """Thermal conductivity (W/(m K)) of the atoms of a crystal or its melt: by a flow of heat, or by the heat current's fluctuations.

    Quantities: `thermal_conductivity_at_temperature`. Electrons are not in it: of a metal it is a small part. Sigma holds what the potential is assumed to be off by. Typed failures:
    wrong_heat_current (fluctuations with a many-body potential), no_gradient, molten, stays_solid, and those of every run.

    Example: matsmith tool md_thermal_conductivity --args '{"element": "Ar", "phase": "melt", "temperature_k": 90}'
    """
    pair = not system.choice.many_body and not system.choice.learned
    if args.way == "fluctuations" and not pair:
        raise DynamicsError(
            "wrong_heat_current",
            f"The heat current that is at hand is wrong for {system.choice.title}, whose atoms interact by more than pairs.",
            hint="Take way=flow, or a pair potential.",
        )
    if args.way == "fluctuations" or (args.way == "auto" and pair):
        return _by_fluctuations(args, system=system, md=md)
    return _by_flow(args, system=system, md=md)


def _by_fluctuations(args: ThermalConductivityArgs, *, system: System, md: Md) -> Outcome:
    cell = supercell_of(system, md=md, size=args.size)
    simulation = md.simulation("current", cell)
    state = prepared(args, cell, simulation=simulation, system=system)
    length_ps = args.length_ps or _FLUCTUATIONS_PS
    warm = warmed(args, in_mean_cell(state), simulation, length_ps=length_ps)
    every = max(1, round(_EVERY_PS / simulation.timestep_ps))
    steps = every * math.ceil(length_ps / simulation.timestep_ps / every)
    stage = simulation.stage(
        "sample",
        _CURRENT,
        steps=steps,
        atoms=warm,
        values={"every": every},
        title=f"heat current at {args.temperature_k:g} K",
    )
    measured_k = float(stage.thermo["temp"].mean())
    found = fluctuation_of(
        stage.profile("current")[:, 1:4],
        step_ps=every * simulation.timestep_ps,
        volume_angstrom3=float(stage.final.get_volume()),
        temperature_k=measured_k,
        longest_ps=args.correlation_ps,
    )
    doubts = list(state.doubts)
    if not found.resolved:
        doubts.append(
            "the heat current is still correlated at correlation_ps: give a longer one, and a longer run"
        )
    if abs(measured_k / args.temperature_k - 1) > 0.03:
        doubts.append(f"the run at constant energy had {measured_k:.1f} K")
    if len(system.elements) > 1:
        doubts.append("of several elements the partial enthalpies are not taken off the heat current")
    return Outcome(
        quantities={
            "thermal_conductivity_at_temperature": measured(
                found.conductivity_w_per_m_k, found.sigma_w_per_m_k, "W/(m*K)"
            )
        },
        facts={
            **_common(args, atoms=len(cell), length_ps=length_ps, way="fluctuations of the heat current"),
            "plateau_ps": round(found.plateau_ps, 3),
            "mean_temperature_k": round(measured_k, 2),
            "density_g_per_cm3": round(state.density_g_per_cm3.mean, 4),
            **_drawn_current(found),
        },
        warnings=(*doubts, *_missing_electrons(system)),
        method=md.method(
            f"Green-Kubo, correlations up to {args.correlation_ps:g} ps, error from six parts of the run",
            steps=steps,
            atoms=len(cell),
            ensemble="NVE",
        ),
    )


def _by_flow(args: ThermalConductivityArgs, *, system: System, md: Md) -> Outcome:
    length_ps = args.length_ps or _FLOW_PS
    unit = supercell_of(system, md=md, size=max(args.size // 2, 50))
    count = args.lengths if args.phase == "crystal" else 1
    found = [
        flow_along(args, unit, times=2 * (place + 1), length_ps=length_ps, system=system, md=md)
        for place in range(count)
    ]
    last = found[-1]
    value, sigma = last.flow.conductivity_w_per_m_k, last.flow.sigma_w_per_m_k
    beyond: Extrapolation | None = None
    if len(found) > 1:
        beyond = endless(
            np.array([each.length_angstrom for each in found]),
            np.array([each.flow.conductivity_w_per_m_k for each in found]),
            np.array([each.flow.sigma_w_per_m_k for each in found]),
        )
    if beyond is not None:
        value, sigma = beyond.conductivity_w_per_m_k, beyond.sigma_w_per_m_k
    doubts = _flow_doubts(args, found, beyond)
    rows: list[JsonValue] = [
        {
            "length_angstrom": round(each.length_angstrom, 2),
            "atoms": each.atoms,
            "conductivity_w_per_m_k": float(f"{each.flow.conductivity_w_per_m_k:.4g}"),
            "sigma_w_per_m_k": float(f"{each.flow.sigma_w_per_m_k:.2g}"),
            "span_k": round(each.flow.span_k, 2),
        }
        for each in found
    ]
    return Outcome(
        quantities={"thermal_conductivity_at_temperature": measured(value, sigma, "W/(m*K)")},
        facts={
            **_common(args, atoms=last.atoms, length_ps=length_ps, way="imposed flow of heat"),
            "by_length": rows,
            **_drawn_flow(found, beyond),
        },
        warnings=(*doubts, *_missing_electrons(system)),
        method=md.method(
            f"Mueller-Plathe's exchange of velocities along {len(found)} cell lengths"
            + (", extrapolated by 1/L" if beyond is not None else ""),
            steps=round(length_ps / md.timestep_ps) * len(found),
            atoms=last.atoms,
            ensemble="NVE",
        ),
    )


def _missing_electrons(system: System) -> tuple[str, ...]:
    if not _METALS.issuperset(system.elements):
        return ()
    return (
        "electrons carry most of a metal's heat and are not in this: it is the small part that the atoms carry",
    )


def _flow_doubts(
    args: ThermalConductivityArgs, found: list[Length], beyond: Extrapolation | None
) -> list[str]:
    doubts = [
        f"along {each.length_angstrom:.0f} Å the gradient still changed: give a longer length_ps"
        for each in found
        if not each.flow.steady
    ]
    doubts += [
        f"along {each.length_angstrom:.0f} Å the temperature spans {each.flow.span_k:.0f} K: more than a third of the mean"
        for each in found
        if each.flow.span_k > args.temperature_k / 3
    ]
    if beyond is not None:
        ratio = beyond.conductivity_w_per_m_k / found[-1].flow.conductivity_w_per_m_k
        if ratio > 1.3:
            doubts.append(
                f"the endless crystal is extrapolated to {ratio:.1f} times the longest cell's value: an order of magnitude, with longer cells better"
            )
    elif len(found) > 1:
        doubts.append(
            "the conductivity grows with the length of the cell by no law that ends: that of the longest is given, a lower bound"
        )
    elif args.phase == "crystal":
        doubts.append(
            "one length of cell: a crystal's conductivity grows with the length; give lengths of 2 or more"
        )
    return doubts


def _common(args: ThermalConductivityArgs, *, atoms: int, length_ps: float, way: str) -> dict[str, JsonValue]:
    return {
        "way": way,
        "phase": args.phase,
        "temperature_k": args.temperature_k,
        "pressure_gpa": args.pressure_gpa,
        "atoms": atoms,
        "length_ps": length_ps,
    }


def _drawn_current(found: Fluctuation) -> dict[str, JsonValue]:
    return traces_fact(
        TracePlot(
            id="running-conductivity",
            title="Conductivity over the time that the correlation is summed to",
            x=("time", "ps"),
            y=("conductivity", "W/(m K)"),
            traces=[Trace(name="sum", x=found.times_ps, y=found.running, sigma=found.running_sigma)],
            guides=[("x", found.plateau_ps, "read from here")],
        ),
        TracePlot(
            id="current-correlation",
            title="Correlation of the heat current",
            x=("time", "ps"),
            y=("correlation", ""),
            traces=[Trace(name="correlation", x=found.times_ps, y=found.correlation)],
            guides=[("y", 0.0, "none")],
        ),
    )


def _drawn_flow(found: list[Length], beyond: Extrapolation | None) -> dict[str, JsonValue]:
    plots = [
        TracePlot(
            id="temperature-profile",
            title="Temperature along the cell",
            x=("distance from the exchange", "Å"),
            y=("temperature", "K"),
            traces=[
                Trace(
                    name=f"{each.length_angstrom:.0f} Å",
                    x=each.flow.places_angstrom,
                    y=each.flow.temperatures_k,
                    sigma=each.flow.sigma_k,
                    style="points",
                )
                for each in found
            ],
            note=f"Both halves of the cell folded onto each other; 1 eV/(Å ps K) is {WATT_PER_METRE_KELVIN:.0f} W/(m K).",
        )
    ]
    if beyond is not None:
        inverse = [0.0, *(1000 / each.length_angstrom for each in found)]
        values = [1 / each.flow.conductivity_w_per_m_k for each in found]
        plots.append(
            TracePlot(
                id="inverse-length",
                title="Thermal resistivity over inverse length",
                x=("1000 / length", "1/Å"),
                y=("1 / conductivity", "m K/W"),
                traces=[
                    Trace(
                        name="cells",
                        x=inverse[1:],
                        y=values,
                        sigma=[
                            each.flow.sigma_w_per_m_k / each.flow.conductivity_w_per_m_k**2 for each in found
                        ],
                        style="points",
                    ),
                    Trace(
                        name="line", x=inverse, y=[1 / beyond.conductivity_w_per_m_k, *values], dashed=True
                    ),
                ],
            )
        )
    return traces_fact(*plots)


TOOL = run
