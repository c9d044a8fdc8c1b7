"""Melting point by two phases side by side: half a crystal, half its melt, at constant enthalpy and pressure.

Where the two stand together, freezing heats and melting cools, until the temperature is the melting point (J. R. Morris, C. Z. Wang,
K. M. Ho and C. T. Chan, Phys. Rev. B 49, 3109 (1994)). One run has to come to it from above, by melting, and one from below, by
freezing; both must come to the same. Where all freezes or all melts, the temperature that is left bounds the melting point, and the next
guess follows from that. Latent heat and densities are those of crystal and melt, each alone, at the melting point.
"""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

import numpy as np
from pydantic import Field, JsonValue

from matsmith.core.record import Outcome
from matsmith.tools.drawn_series import Trace, TracePlot, traces_fact
from matsmith.tools.lammps.coexistence import thermal_time_ps
from matsmith.tools.lammps.preparation import guess_k
from matsmith.tools.lammps.protocol import Md, MdArgs, System, protocol
from matsmith.tools.lammps.protocols.heat_capacity import JOULE_PER_MOL_PER_EV
from matsmith.tools.lammps.states import Shape, State, held, measured, molten_atoms, shape_of
from matsmith.tools.lammps.statistics import Average
from matsmith.tools.lammps.structures import supercell_near
from matsmith.tools.lammps.two_phases import COLDEST_K, HOTTEST_K, Coexistence, TwoPhases, both_sides

if TYPE_CHECKING:
    from ase import Atoms

_BULK, _MELTS = 40.0, 1.8


class MeltingArgs(MdArgs):
    """Of what, where to begin, and how long."""

    start_k: float | None = Field(
        default=None,
        ge=COLDEST_K,
        le=HOTTEST_K,
        description="first guess in K; by default from measured melting points",
    )
    pressure_gpa: float = Field(default=0.0, ge=-2.0, le=300.0, description="pressure in GPa")
    length_ps: float | None = Field(
        default=None,
        ge=5.0,
        le=20000.0,
        description="length of each two-phase run in ps; by default from the atoms' speed",
    )
    attempts: int = Field(default=8, ge=2, le=20, description="most two-phase runs")
    size: int = Field(default=2000, ge=250, le=500000, description="atoms aimed at in the two-phase cell")


@protocol(
    name="md_melting",
    title="Melting point by two-phase coexistence",
    measures=("melting_point",),
    cost_s=420.0,
    prefers="melting",
    version="3",
)
def run(args: MeltingArgs, *, system: System, md: Md) -> Outcome:
    """Melting point from crystal and melt side by side at constant enthalpy, with latent heat and both densities.

    Quantities: `melting_point` in K, `latent_heat` in kJ/mol of atoms, `solid_density` and `liquid_density` in g/cm3 at the melting
    point. Sigma holds what the potential is assumed to be off by. Facts: the runs, and the slope of the melting line by Clapeyron. An alloy has a solidus and a liquidus instead: of
    it `two_phase_temperature` is given, which lies about between them. Typed failures: no_coexistence, stays_solid, and those of every run.

    Example: matsmith tool md_melting --args '{"element": "Cu"}'
    """
    guess = args.start_k or guess_k(system)
    cell = TwoPhases(
        system=system, md=md, pressure_gpa=args.pressure_gpa, atoms_aimed=args.size, length_ps=args.length_ps
    )
    search = both_sides(cell.run, guess_k=guess, attempts=args.attempts, note=md.note)
    runs = search.runs
    mean, agree = search.joined()
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
    alloy = len(system.elements) > 1
    quantities = {
        # Crystal and melt of one composition, as nothing diffuses in the crystal meanwhile: there is no melting point.
        "two_phase_temperature" if alloy else "melting_point": measured(mean.mean, mean.sigma, "K"),
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
    if search.missing:
        doubts.insert(
            0,
            f"no run came to the melting point from {' or '.join(search.missing)}, so that it is not bracketed: give more attempts, "
            "another start_k or a larger size",
        )
    if any(not each.steady for each in runs):
        doubts.insert(0, "the temperature still drifts: give a longer length_ps")
    if solid.molten:
        doubts.append(
            "the crystal alone melted at the melting point found: latent heat and solid density are not to be trusted"
        )
    atoms = cell.atoms
    doubts.append(
        f"cells of {atoms} atoms: in narrow cells the melting point is off by up to some per cent; repeat with a larger size"
    )
    if alloy:
        doubts.append(
            "an alloy has a solidus and a liquidus, not one melting point: this is where crystal and melt of one composition stand side by "
            "side without diffusion in the crystal, about between the two; `phase_equilibrium` finds both from a TDB file"
        )
    return Outcome(
        quantities=quantities,
        facts={
            "pressure_gpa": args.pressure_gpa,
            "atoms": atoms,
            "runs": search.tried,
            "runs_agree": agree,
            "bracketed": search.brackets,
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
