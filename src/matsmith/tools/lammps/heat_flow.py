"""Heat made to flow along a crystal or its melt, by exchanging velocities of atoms far apart (F. Müller-Plathe, 1997)."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING, cast

import numpy as np

from matsmith.tools.lammps.failures import DynamicsError
from matsmith.tools.lammps.heat_transport import Flow, flow_of
from matsmith.tools.lammps.preparation import PhaseArgs, at_mean_energy, in_mean_cell, prepared
from matsmith.tools.lammps.protocol import Md, System
from matsmith.tools.lammps.simulation import Simulation
from matsmith.tools.lammps.states import steps_of

if TYPE_CHECKING:
    from ase import Atoms

_BINS, _PROFILES, _ROWS, _SAMPLE_EVERY = 20, 24, 400, 5
_SPAN = 0.2
"""Difference of temperature along the cell that is aimed at, in parts of the temperature."""
_FIRST_EVERY, _PILOT, _SETTLE = 40, 0.1, 0.25

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


@dataclass(frozen=True, slots=True, kw_only=True)
class Length:
    """The flow along a cell of a length."""

    length_angstrom: float
    atoms: int
    flow: Flow


def flow_along(
    args: PhaseArgs, unit: Atoms, *, times: int, length_ps: float, system: System, md: Md
) -> Length:
    """The flow along a cell of so many units on end: warmed, tried for a while to find how often to exchange, settled, measured."""
    cell = cast("Atoms", unit.repeat((1, 1, times)))
    simulation = md.simulation(f"length_{times}", cell)
    state = prepared(args, cell, simulation=simulation, system=system)
    warm = warmed(args, in_mean_cell(state), simulation, length_ps=length_ps)
    # A short run tells how much heat the cell carries, and with it how often to exchange.
    pilot = _exchange(
        args, simulation, name="pilot", every=_FIRST_EVERY, length_ps=_PILOT * length_ps, atoms=warm
    )
    wanted = _SPAN * args.temperature_k
    every = min(max(round(_FIRST_EVERY * max(pilot.span_k, 0.02 * wanted) / wanted), 4), 1000)
    _exchange(args, simulation, name="settle", every=every, length_ps=_SETTLE * length_ps)
    flow = _exchange(args, simulation, name="flow", every=every, length_ps=length_ps)
    length = float(np.asarray(simulation.atoms.cell)[2, 2])
    if not math.isfinite(flow.conductivity_w_per_m_k) or flow.sigma_w_per_m_k > flow.conductivity_w_per_m_k:
        raise DynamicsError(
            "no_gradient",
            f"Along {length:.0f} Å no gradient of temperature stood out of its noise.",
            hint="Give a longer length_ps or a larger size.",
        )
    return Length(length_angstrom=length, atoms=len(cell), flow=flow)


def _exchange(
    args: PhaseArgs,
    simulation: Simulation,
    *,
    name: str,
    every: int,
    length_ps: float,
    atoms: Atoms | None = None,
) -> Flow:
    # Thermo rows and the end of the run have to fall on an exchange.
    every = _SAMPLE_EVERY * max(1, min(every, steps_of(length_ps, simulation) // _PROFILES) // _SAMPLE_EVERY)
    period = every * max(1, round(steps_of(length_ps, simulation) / (_PROFILES * every)))
    stage = simulation.stage(
        name,
        _FLOW,
        steps=period * _PROFILES,
        atoms=atoms,
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


def warmed(args: PhaseArgs, atoms: Atoms, simulation: Simulation, *, length_ps: float) -> Atoms:
    """The atoms after a while at a temperature, with the mean energy of that time."""
    stage = simulation.stage(
        "warm",
        _WARM,
        steps=steps_of(0.1 * length_ps, simulation),
        atoms=atoms,
        values={"temperature_k": args.temperature_k, "damp_bath": 100 * simulation.timestep_ps},
        title=f"settle at {args.temperature_k:g} K",
    )
    return at_mean_energy(stage)
