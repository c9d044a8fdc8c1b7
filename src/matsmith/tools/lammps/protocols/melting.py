"""Melting point by two phases side by side: half a crystal, half its melt, at constant enthalpy and pressure.

Where the two stand together, freezing heats and melting cools, until the temperature is the melting point (J. R. Morris, C. Z. Wang,
K. M. Ho and C. T. Chan, Phys. Rev. B 49, 3109 (1994)). One run starts below it and one above; both must come to the same. Where all
freezes or all melts, the temperature that is left bounds the melting point, and the next guess follows from that. Latent heat and
densities are those of crystal and melt, each alone, at the melting point.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

import numpy as np
from pydantic import Field, JsonValue

from matsmith.core.record import Outcome
from matsmith.models.potentials.interface import FloatArray
from matsmith.tools.drawn_series import Trace, TracePlot, traces_fact
from matsmith.tools.lammps.coexistence import (
    LAG_THERMAL_TIMES,
    Bracket,
    Phases,
    long_cell,
    loosened,
    phases,
    thermal_time_ps,
)
from matsmith.tools.lammps.failures import DynamicsError
from matsmith.tools.lammps.pair_correlations import nearest_angstrom
from matsmith.tools.lammps.preparation import guess_k
from matsmith.tools.lammps.protocol import Md, MdArgs, System, protocol
from matsmith.tools.lammps.protocols.heat_capacity import JOULE_PER_MOL_PER_EV
from matsmith.tools.lammps.states import BAR_PER_GPA, Shape, State, held, measured, molten_atoms, shape_of
from matsmith.tools.lammps.statistics import Average, average, combined, drift, steady_from
from matsmith.tools.lammps.structures import supercell_near

if TYPE_CHECKING:
    from ase import Atoms

    from matsmith.tools.lammps.simulation import Simulation

_COLDEST_K, _HOTTEST_K = 20.0, 8000.0
_APART = 0.03
"""The second run starts so far, in parts of the first result, on the other side of it."""
_FRAMES = 80
_THERMAL_TIMES = {"fcc": 100.0, "bcc": 100.0, "hcp": 120.0}
_SLOWER = 300.0
_BULK = 40.0
# Shares of the guess that the cold half is held at, and of it that the hot half is.
_COLD, _HOT = 0.9, 2.0
_MELTS = 1.8
# The crystal's share at first: it grows while the whole settles.
_CRYSTAL, _ROOM = 0.45, 1.1

# Two heat baths make the melt, in a volume with room for it, that nothing boils; later the lateral edges change together, so that the crystal is strained alike along both.
_MELT = """\
region far block INF INF INF INF {split} INF units box
group hot region far
group cold subtract all hot
velocity all create {start_k} {seed} mom yes rot no dist gaussian
fix move all nve
fix warm cold langevin {cold_k} {cold_k} {bath_ps} {seed}
fix melt hot langevin {hot_k} {hot_k} {bath_ps} {seed}
run {steps}
"""
_SETTLE = """\
fix move all nph aniso {bar} {bar} {damp_p} couple xy drag 1.0
fix bath all langevin {temperature_k} {temperature_k} {damp_t} {seed}
run {steps}
"""
_COEXIST = """\
fix move all nph aniso {bar} {bar} {damp_p} couple xy drag 0.2
fix still all momentum 100 linear 1 1 1
dump frames all custom {frame} frames.dump id type xu yu zu
run {steps}
"""


class MeltingArgs(MdArgs):
    """Of what, where to begin, and how long."""

    start_k: float | None = Field(
        default=None,
        ge=_COLDEST_K,
        le=_HOTTEST_K,
        description="first guess in K; by default from measured melting points",
    )
    pressure_gpa: float = Field(default=0.0, ge=-2.0, le=300.0, description="pressure in GPa")
    length_ps: float | None = Field(
        default=None,
        ge=5.0,
        le=20000.0,
        description="length of each two-phase run in ps; by default from the atoms' speed",
    )
    attempts: int = Field(default=6, ge=2, le=20, description="most two-phase runs")
    size: int = Field(default=2000, ge=250, le=500000, description="atoms aimed at in the two-phase cell")


@dataclass(frozen=True, slots=True, kw_only=True)
class Coexistence:
    """One run of both phases: where it began, its temperature (k,) over times (k,) in ps, and who flowed at the end."""

    start_k: float
    times_ps: FloatArray
    temperatures_k: FloatArray
    mean: Average
    steady: bool
    found: Phases
    frame_ps: float

    @property
    def final_k(self) -> float:
        """Mean temperature of the last fifth."""
        return float(self.temperatures_k[-max(1, len(self.temperatures_k) // 5) :].mean())


def joined(runs: list[Coexistence]) -> tuple[Average, bool]:
    """The mean of runs from either side, and whether they agree; where they do not, half of their distance is the error."""
    mean = combined([run.mean for run in runs])
    means = [run.mean.mean for run in runs]
    gap = max(means) - min(means)
    agree = gap < 3 * math.sqrt(sum(run.mean.sigma**2 for run in runs))
    if agree:
        return mean, True
    return replace(mean, sigma=max(mean.sigma, 0.5 * gap)), False


@protocol(
    name="md_melting",
    title="Melting point by two-phase coexistence",
    measures=("melting_point",),
    cost_s=420.0,
    prefers="melting",
)
def run(args: MeltingArgs, *, system: System, md: Md) -> Outcome:
    """Melting point from crystal and melt side by side at constant enthalpy, with latent heat and both densities.

    Quantities: `melting_point` in K, `latent_heat` in kJ/mol of atoms, `solid_density` and `liquid_density` in g/cm3 at the melting
    point. Sigma is statistical. Facts: the two runs, and the slope of the melting line by Clapeyron. An alloy has a solidus and a liquidus: what is
    found lies between. Typed failures: no_coexistence, stays_solid, and those of every run.

    Example: matsmith tool md_melting --args '{"element": "Cu"}'
    """
    guess = args.start_k or guess_k(system)
    runs, tried = _both_sides(args, system=system, md=md, guess=guess)
    mean, agree = joined(runs)
    shape = shape_of(system)
    unit = system.atoms
    bulk = supercell_near(unit, atoms_aimed=max(250, args.size // 4))
    solid, liquid = _bulk(args, bulk=bulk, at_k=mean.mean, shape=shape, md=md)
    latent = liquid.enthalpy_ev.mean - solid.enthalpy_ev.mean
    latent_sigma = math.hypot(liquid.enthalpy_ev.sigma, solid.enthalpy_ev.sigma)
    kilojoule = JOULE_PER_MOL_PER_EV / 1000
    expansion = liquid.volume_angstrom3.mean / len(liquid.atoms) - solid.volume_angstrom3.mean / len(
        solid.atoms
    )
    # 1 eV/Å³ is 160.2177 GPa.
    slope = mean.mean * expansion / latent / 160.2177 if latent > 0 else math.nan
    quantities = {
        "melting_point": measured(mean.mean, mean.sigma, "K"),
        "latent_heat": measured(latent * kilojoule, latent_sigma * kilojoule, "kJ/mol"),
        "solid_density": measured(solid.density_g_per_cm3.mean, solid.density_g_per_cm3.sigma, "g/cm**3"),
        "liquid_density": measured(liquid.density_g_per_cm3.mean, liquid.density_g_per_cm3.sigma, "g/cm**3"),
    }
    doubts = [*solid.doubts, *liquid.doubts]
    if not agree:
        doubts.insert(
            0,
            "the runs from either side do not agree: half of their distance is given as the error; run longer",
        )
    if len(runs) < 2:
        doubts.insert(
            0,
            "only one run ended with both phases: that it came from the one side and not the other is not checked",
        )
    if any(not each.steady for each in runs):
        doubts.insert(0, "the temperature still drifts: give a longer length_ps")
    if solid.molten:
        doubts.append(
            "the crystal alone melted at the melting point found: latent heat and solid density are not to be trusted"
        )
    atoms = len(long_cell(unit, atoms_aimed=args.size))
    doubts.append(
        f"cells of {atoms} atoms: in narrow cells the melting point is off by up to some per cent; repeat with a larger size"
    )
    alloy = len(system.elements) > 1
    if alloy:
        doubts.append(
            "an alloy has a solidus and a liquidus: this one temperature, without diffusion in the crystal, lies near them"
        )
    return Outcome(
        quantities=quantities,
        facts={
            "pressure_gpa": args.pressure_gpa,
            "atoms": atoms,
            **({"two_phase_temperature_k": round(mean.mean, 1)} if alloy else {}),
            "runs": tried,
            "runs_agree": agree,
            "latent_heat_ev_per_atom": round(latent, 5),
            "volume_change_percent": round(
                100 * (solid.density_g_per_cm3.mean / liquid.density_g_per_cm3.mean - 1), 2
            ),
            "melting_line_k_per_gpa": None if math.isnan(slope) else round(slope, 1),
            **_drawn(runs, mean=mean),
        },
        warnings=tuple(doubts),
        method=md.method(
            "two phases side by side at constant enthalpy and pressure, one run from below and one from above; each phase alone "
            "at the melting point for the latent heat",
            steps=sum(round(float(each.times_ps[-1]) / md.timestep_ps) for each in runs),
            atoms=atoms,
            ensemble="NPH",
        ),
    )


def _both_sides(
    args: MeltingArgs, *, system: System, md: Md, guess: float
) -> tuple[list[Coexistence], list[JsonValue]]:
    """Two runs that ended with both phases, started from either side; and a row for each that was tried."""
    bracket, good, apart = Bracket(), list[Coexistence](), _APART
    tried: list[JsonValue] = []
    start = guess
    for number in range(args.attempts):
        each = _coexistence(args, system=system, md=md, start_k=start, number=number)
        ended = "both" if each.found.both else "frozen" if not each.found.liquid else "molten"
        tried.append(
            {
                "start_k": round(start, 1),
                "end": ended,
                "mean_k": round(each.mean.mean, 1),
                "sigma_k": round(each.mean.sigma, 2),
                "liquid_share": round(each.found.share, 3),
                "length_ps": round(float(each.times_ps[-1]), 2),
            }
        )
        md.note(f"run {number + 1} from {start:.0f} K: {ended} at {each.final_k:.0f} K")
        if ended == "both":
            good.append(each)
            if len(good) == 2:
                return good, tried
        elif good:
            apart *= 0.5
        if good:
            first = good[0]
            side = 1.0 if first.start_k < first.mean.mean else -1.0
            start = first.mean.mean * (1 + side * apart)
        elif ended == "frozen":
            start = bracket.after_freezing(each.final_k)
        else:
            start = bracket.after_melting(each.final_k)
        start = min(max(start, _COLDEST_K), _HOTTEST_K)
    if good:
        return good, tried
    raise DynamicsError(
        "no_coexistence",
        f"In {args.attempts} runs crystal and melt never stood side by side at the end: it melts between {bracket.low_k:.0f} and "
        f"{bracket.high_k:.0f} K.",
        hint="Give start_k between these, a larger size, or more attempts.",
        facts={"runs": tried},
    )


def _coexistence(args: MeltingArgs, *, system: System, md: Md, start_k: float, number: int) -> Coexistence:
    unit = system.atoms
    time_ps = thermal_time_ps(unit, start_k)
    crystal = _expanded(args, unit, system=system, md=md, at_k=start_k, number=number, time_ps=time_ps)
    cell, split = loosened(long_cell(crystal, atoms_aimed=args.size), crystal=_CRYSTAL, growth=_ROOM)
    simulation = md.simulation(f"two_phases_{number}", cell)
    bar = args.pressure_gpa * BAR_PER_GPA
    simulation.stage(
        "melt",
        _MELT,
        steps=_steps(8 * time_ps, simulation),
        values={
            "split": split,
            "start_k": 2 * start_k,
            "cold_k": _COLD * start_k,
            "hot_k": _HOT * start_k,
            # Tight, so that the cold half stays a crystal beside the hot one.
            "bath_ps": 25 * simulation.timestep_ps,
        },
        title=f"melt half at {_HOT * start_k:.0f} K",
    )
    simulation.stage(
        "settle",
        _SETTLE,
        steps=_steps(6 * time_ps, simulation),
        values={"temperature_k": start_k, "bar": bar},
        title=f"settle at {start_k:.0f} K",
    )
    length = args.length_ps or time_ps * _THERMAL_TIMES.get(system.prototype or "", _SLOWER)
    steps = _steps(length, simulation)
    frame = max(1, steps // _FRAMES)
    stage = simulation.stage(
        "coexist",
        _COEXIST,
        steps=frame * _FRAMES,
        values={"frame": frame, "bar": bar},
        title=f"both phases from {start_k:.0f} K",
    )
    frames = stage.dump("frames")
    frame_ps = frame * simulation.timestep_ps
    lag = min(max(1, round(LAG_THERMAL_TIMES * time_ps / frame_ps)), _FRAMES // 2)
    temperatures = stage.thermo["temp"]
    begin = max(steady_from(temperatures), len(temperatures) // 4)
    return Coexistence(
        start_k=start_k,
        times_ps=stage.thermo["time"] - stage.thermo["time"][0],
        temperatures_k=temperatures,
        mean=average(temperatures[begin:]),
        steady=drift(temperatures[begin:]).steady,
        found=phases(
            frames.positions, cells_angstrom=frames.cells, spacing_angstrom=nearest_angstrom(unit), lag=lag
        ),
        frame_ps=frame_ps,
    )


def _expanded(
    args: MeltingArgs, unit: Atoms, *, system: System, md: Md, at_k: float, number: int, time_ps: float
) -> Atoms:
    """The unit cell with the edges that the crystal has at a temperature, from a short run; as it is where it melts at once."""
    simulation = md.simulation(f"edges_{number}", supercell_near(unit, atoms_aimed=256))
    state = held(
        simulation,
        "hold",
        temperature_k=at_k,
        length_ps=15 * time_ps,
        pressure_gpa=args.pressure_gpa,
        shape=shape_of(system),
        start_k=2 * at_k,
    )
    if state.molten:
        return unit
    ratio = (state.volume_angstrom3.mean / len(state.atoms) / (unit.get_volume() / len(unit))) ** (1 / 3)
    scaled = unit.copy()
    scaled.set_cell(np.asarray(unit.cell) * ratio, scale_atoms=True)
    return scaled


def _bulk(args: MeltingArgs, *, bulk: Atoms, at_k: float, shape: Shape, md: Md) -> tuple[State, State]:
    """Crystal and melt, each alone, at a temperature."""
    time_ps = thermal_time_ps(bulk, at_k)
    solid = held(
        md.simulation("solid", bulk),
        "hold",
        temperature_k=at_k,
        length_ps=_BULK * time_ps,
        pressure_gpa=args.pressure_gpa,
        shape=shape,
        start_k=2 * at_k,
    )
    simulation = md.simulation("liquid", bulk)
    melt = molten_atoms(
        simulation,
        temperature_k=at_k,
        hot_k=_MELTS * at_k,
        length_ps=15 * time_ps,
        atoms=bulk,
    )
    liquid = held(
        simulation,
        "hold",
        temperature_k=at_k,
        length_ps=_BULK * time_ps,
        pressure_gpa=args.pressure_gpa,
        atoms=melt,
        shape="iso",
    )
    return solid, liquid


def _steps(length_ps: float, simulation: Simulation) -> int:
    return max(100, math.ceil(length_ps / simulation.timestep_ps))


def _drawn(runs: list[Coexistence], *, mean: Average) -> dict[str, JsonValue]:
    bins = (np.arange(len(runs[0].found.along)) + 0.5) / len(runs[0].found.along)
    names = [f"from {run.start_k:.0f} K" for run in runs]
    return traces_fact(
        TracePlot(
            id="temperature-over-time",
            title="Temperature of crystal and melt side by side",
            x=("time", "ps"),
            y=("temperature", "K"),
            traces=[
                Trace(name=name, x=run.times_ps, y=run.temperatures_k)
                for name, run in zip(names, runs, strict=True)
            ],
            guides=[("y", mean.mean, "melting point")],
            note="At constant enthalpy the temperature of both phases goes to the melting point.",
        ),
        TracePlot(
            id="flowing-share",
            title="Share of atoms that flow, along the cell at the end",
            x=("place along the cell", ""),
            y=("share of atoms that flow", ""),
            traces=[
                Trace(name=name, x=bins, y=run.found.along) for name, run in zip(names, runs, strict=True)
            ],
        ),
    )


TOOL = run
