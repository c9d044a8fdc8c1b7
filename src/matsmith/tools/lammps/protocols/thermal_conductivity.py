"""Thermal conductivity: a flow of heat imposed by exchanging velocities, for all potentials; the heat current's fluctuations for pairs.

Of many-body potentials the plain heat current is wrong (Z. Fan et al., Phys. Rev. B 92, 094301 (2015)), so that only the imposed flow is run
there. Phonons longer than the cell are missing: crystals are run at several lengths and extrapolated by 1/L.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal, cast

import numpy as np
from pydantic import Field, JsonValue

from matsmith.core.record import Outcome
from matsmith.tools.drawn_series import Trace, TracePlot, traces_fact
from matsmith.tools.lammps.failures import DynamicsError
from matsmith.tools.lammps.heat_transport import (
    WATT_PER_METRE_KELVIN,
    Extrapolation,
    Flow,
    Fluctuation,
    endless,
    flow_of,
    fluctuation_of,
)
from matsmith.tools.lammps.preparation import PhaseArgs, in_mean_cell, prepared, supercell_of
from matsmith.tools.lammps.protocol import Md, System, protocol
from matsmith.tools.lammps.simulation import Simulation
from matsmith.tools.lammps.states import measured, steps_of

if TYPE_CHECKING:
    from ase import Atoms

_BINS, _PROFILES, _ROWS, _SAMPLE_EVERY = 20, 24, 400, 5
_SPAN = 0.2
"""Difference of temperature along the cell that is aimed at, in parts of the temperature."""
_FIRST_EVERY, _PILOT, _SETTLE = 40, 0.1, 0.25
_EVERY_PS = 0.02
_METALS = frozenset(
    [
        "Li",
        "Na",
        "K",
        "Rb",
        "Cs",
        "Be",
        "Mg",
        "Ca",
        "Sr",
        "Ba",
        "Al",
        "Ga",
        "In",
        "Tl",
        "Sn",
        "Pb",
        "Bi",
        "Sc",
        "Ti",
        "V",
        "Cr",
        "Mn",
        "Fe",
        "Co",
        "Ni",
        "Cu",
        "Zn",
        "Y",
        "Zr",
        "Nb",
        "Mo",
        "Tc",
        "Ru",
        "Rh",
        "Pd",
        "Ag",
        "Cd",
        "Hf",
        "Ta",
        "W",
        "Re",
        "Os",
        "Ir",
        "Pt",
        "Au",
        "Hg",
    ]
)

_FLOW = """\
fix move all nve
fix swap all thermal/conductivity {every} z {bins}
compute bins all chunk/atom bin/1d z lower {width} units reduced
fix profile all ave/chunk {sampled} {samples} {period} bins temp file temperature.profile
run {steps}
"""
_WARM = """\
fix move all nve
fix bath all temp/csvr {temperature_k} {temperature_k} {damp_bath} {seed}
fix still all momentum 100 linear 1 1 1
run {steps}
"""
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
    length_ps: float = Field(default=200.0, ge=10.0, le=100000.0, description="length of each run in ps")
    correlation_ps: float = Field(
        default=15.0,
        ge=0.5,
        le=500.0,
        description="longest time over which the heat current is correlated, in ps",
    )
    size: int = Field(default=600, ge=100, le=200000, description="atoms aimed at in the shortest cell")


@dataclass(frozen=True, slots=True, kw_only=True)
class Length:
    """The flow along a cell of a length."""

    length_angstrom: float
    atoms: int
    flow: Flow


@protocol(
    name="md_thermal_conductivity",
    title="Thermal conductivity by molecular dynamics",
    measures=("thermal_conductivity_at_temperature",),
    cost_s=480.0,
    prefers="thermal_conductivity",
)
def run(args: ThermalConductivityArgs, *, system: System, md: Md) -> Outcome:
    """Thermal conductivity (W/(m K)) of the atoms of a crystal or its melt: by a flow of heat, or by the heat current's fluctuations.

    Quantities: `thermal_conductivity_at_temperature`. Electrons are not in it: of a metal it is a small part. Sigma is statistical. Typed failures:
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
    _warmed(args, in_mean_cell(state), simulation)
    every = max(1, round(_EVERY_PS / simulation.timestep_ps))
    steps = every * math.ceil(args.length_ps / simulation.timestep_ps / every)
    stage = simulation.stage(
        "sample",
        _CURRENT,
        steps=steps,
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
            **_common(args, atoms=len(cell), way="fluctuations of the heat current"),
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
    unit = supercell_of(system, md=md, size=max(args.size // 2, 50))
    count = args.lengths if args.phase == "crystal" else 1
    found = [_flow_along(args, unit, times=2 * (place + 1), system=system, md=md) for place in range(count)]
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
            **_common(args, atoms=last.atoms, way="imposed flow of heat"),
            "by_length": rows,
            **_drawn_flow(found, beyond),
        },
        warnings=(*doubts, *_missing_electrons(system)),
        method=md.method(
            f"Mueller-Plathe's exchange of velocities along {len(found)} cell lengths"
            + (", extrapolated by 1/L" if beyond is not None else ""),
            steps=round(args.length_ps / md.timestep_ps) * len(found),
            atoms=last.atoms,
            ensemble="NVE",
        ),
    )


def _flow_along(args: ThermalConductivityArgs, unit: Atoms, *, times: int, system: System, md: Md) -> Length:
    cell = cast("Atoms", unit.repeat((1, 1, times)))
    simulation = md.simulation(f"length_{times}", cell)
    state = prepared(args, cell, simulation=simulation, system=system)
    _warmed(args, in_mean_cell(state), simulation)
    # A short run tells how much heat the cell carries, and with it how often to exchange.
    pilot = _exchange(args, simulation, name="pilot", every=_FIRST_EVERY, length_ps=_PILOT * args.length_ps)
    wanted = _SPAN * args.temperature_k
    every = min(max(round(_FIRST_EVERY * max(pilot.span_k, 0.02 * wanted) / wanted), 4), 1000)
    _exchange(args, simulation, name="settle", every=every, length_ps=_SETTLE * args.length_ps)
    flow = _exchange(args, simulation, name="flow", every=every, length_ps=args.length_ps)
    length = float(np.asarray(simulation.atoms.cell)[2, 2])
    if not math.isfinite(flow.conductivity_w_per_m_k) or flow.sigma_w_per_m_k > flow.conductivity_w_per_m_k:
        raise DynamicsError(
            "no_gradient",
            f"Along {length:.0f} Å no gradient of temperature stood out of its noise.",
            hint="Give a longer length_ps or a larger size.",
        )
    return Length(length_angstrom=length, atoms=len(cell), flow=flow)


def _exchange(
    args: ThermalConductivityArgs, simulation: Simulation, *, name: str, every: int, length_ps: float
) -> Flow:
    # Thermo rows and the end of the run have to fall on an exchange.
    every = _SAMPLE_EVERY * max(1, min(every, steps_of(length_ps, simulation) // _PROFILES) // _SAMPLE_EVERY)
    period = every * max(1, round(steps_of(length_ps, simulation) / (_PROFILES * every)))
    stage = simulation.stage(
        name,
        _FLOW,
        steps=period * _PROFILES,
        values={
            "every": every,
            "sampled": _SAMPLE_EVERY,
            "bins": _BINS,
            "width": 1 / _BINS,
            "samples": period // _SAMPLE_EVERY,
            "period": period,
        },
        columns=("f_swap",),
        every=every * max(1, period * _PROFILES // every // _ROWS),
        title=f"{name} at {args.temperature_k:g} K, exchange every {every} steps",
    )
    cell = np.asarray(stage.final.cell, dtype=np.float64)
    rows = stage.thermo
    return flow_of(
        stage.profile("temperature")[:, :, -1],
        exchanged_ev=rows["f_swap"] - rows["f_swap"][0],
        times_ps=rows["time"] - rows["time"][0],
        length_angstrom=float(cell[2, 2]),
        area_angstrom2=float(abs(np.cross(cell[0], cell[1])[2])),
    )


def _warmed(args: ThermalConductivityArgs, atoms: Atoms, simulation: Simulation) -> None:
    simulation.stage(
        "warm",
        _WARM,
        steps=steps_of(0.1 * args.length_ps, simulation),
        atoms=atoms,
        values={"temperature_k": args.temperature_k, "damp_bath": 100 * simulation.timestep_ps},
        title=f"settle at {args.temperature_k:g} K",
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


def _common(args: ThermalConductivityArgs, *, atoms: int, way: str) -> dict[str, JsonValue]:
    return {
        "way": way,
        "phase": args.phase,
        "temperature_k": args.temperature_k,
        "pressure_gpa": args.pressure_gpa,
        "atoms": atoms,
        "length_ps": args.length_ps,
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
