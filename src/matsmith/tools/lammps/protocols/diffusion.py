"""Self-diffusion in a crystal or its melt: mean-square displacements at constant energy, Einstein's relation, Arrhenius' law.

Each temperature is held at constant pressure first, then sampled in the mean cell by a thermostat that hardly disturbs motion
(G. Bussi, D. Donadio and M. Parrinello, J. Chem. Phys. 126, 014101 (2007)). A perfect crystal hardly diffuses within nanoseconds: give
`vacancies`, and what is found is the diffusivity at that many vacancies, not at equilibrium.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING, Self

import numpy as np
from pydantic import Field, JsonValue, model_validator

from matsmith.core.record import Outcome
from matsmith.models.diffusion_statistics import (
    Arrhenius,
    Diffusion,
    Displacement,
    arrhenius,
    diffusion,
    displacement,
)
from matsmith.models.potentials.interface import FloatArray
from matsmith.tools.drawn_series import Trace, TracePlot, traces_fact
from matsmith.tools.lammps.failures import DynamicsError
from matsmith.tools.lammps.pair_correlations import nearest_angstrom
from matsmith.tools.lammps.preparation import PhaseArgs, in_mean_cell, prepared, supercell_of, symbols_of
from matsmith.tools.lammps.protocol import Md, System, protocol
from matsmith.tools.lammps.states import HOTTEST_K, State, measured, steps_of

if TYPE_CHECKING:
    from ase import Atoms

    from matsmith.tools.lammps.simulation import Simulation

_FRAMES = 400
_SAMPLE = """\
fix move all nve
fix bath all temp/csvr {temperature_k} {temperature_k} {damp_bath} {seed}
fix still all momentum 100 linear 1 1 1
dump frames all custom {frame} frames.dump id type xu yu zu
run {steps}
"""


class DiffusionArgs(PhaseArgs):
    """Of what, in which phase, at which temperatures."""

    temperatures_k: tuple[float, ...] = Field(
        default=(),
        max_length=12,
        description="further temperatures in K, for Arrhenius' law; temperature_k is run too",
    )
    moving: str | None = Field(
        default=None, max_length=2, description="element that is followed; by default all atoms"
    )
    vacancies: int = Field(default=0, ge=0, le=1000, description="atoms taken out of the crystal, at random")
    length_ps: float = Field(default=50.0, ge=2.0, le=100000.0, description="length of each trajectory in ps")
    size: int = Field(default=500, ge=32, le=200000, description="atoms aimed at")

    @model_validator(mode="after")
    def _sound(self) -> Self:
        if not all(10.0 <= each <= HOTTEST_K for each in self.temperatures_k):
            raise ValueError(f"temperatures_k have to lie between 10 and {HOTTEST_K:g} K")
        if self.phase == "melt" and self.vacancies:
            raise ValueError("a melt has no vacancies")
        return self

    @property
    def ladder_k(self) -> tuple[float, ...]:
        """All temperatures, ascending."""
        return tuple(sorted({self.temperature_k, *self.temperatures_k}))


@dataclass(frozen=True, slots=True, kw_only=True)
class Point:
    """What one temperature told: its diffusivity, its displacements, and the state it was held in before."""

    diffusion: Diffusion
    moved: Displacement
    state: State


@protocol(
    name="md_diffusion",
    title="Self-diffusion by molecular dynamics",
    measures=("diffusivity_at_temperature",),
    cost_s=180.0,
    prefers="diffusion",
    version="2",
)
def run(args: DiffusionArgs, *, system: System, md: Md) -> Outcome:
    """Diffusivity (cm2/s) in a crystal or its melt from mean-square displacements, and Arrhenius' law where more temperatures are given.

    Quantities: `diffusivity_at_temperature`, `activation_energy` in eV with two temperatures or more, which with `vacancies` is
    `vacancy_migration_energy`: that of forming them is not in it. Sigma holds what the potential is assumed to be off by. Too few hops are a typed failure with an upper bound. Typed failures: too_slow, molten, stays_solid, no_ion, and those of every run.

    Example: matsmith tool md_diffusion --args '{"element": "Al", "phase": "melt", "temperature_k": 1000}'
    """
    if args.moving is not None and args.moving not in system.elements:
        raise DynamicsError(
            "no_ion",
            f"There is no {args.moving} in {system.formula}.",
            hint=f"Give one of {', '.join(system.elements)}, or none for all.",
        )
    cell = _cell(args, system=system, md=md)
    points = [
        _point(args, cell, place=place, temperature_k=temperature, system=system, md=md)
        for place, temperature in enumerate(args.ladder_k)
    ]
    found = next(point for point in points if point.diffusion.temperature_k == args.temperature_k)
    if not found.diffusion.resolved:
        raise DynamicsError(
            "too_slow",
            f"About {found.diffusion.hops:.0f} hops in {args.length_ps:g} ps at {args.temperature_k:g} K: the diffusivity is below "
            f"{found.diffusion.bound_cm2_per_s:.1e} cm²/s (95 %).",
            hint="Give a longer length_ps, a higher temperature, vacancies, or the melt.",
            facts={"by_temperature": [_row(point) for point in points]},
        )
    resolved = [point.diffusion for point in points if point.diffusion.resolved]
    law = arrhenius(resolved) if len(resolved) > 1 else None
    quantities = {
        "diffusivity_at_temperature": measured(
            found.diffusion.value_cm2_per_s, found.diffusion.sigma_cm2_per_s, "cm**2/s"
        )
    }
    if law is not None:
        # With a given number of vacancies, the energy that makes them is not in the slope.
        name = "vacancy_migration_energy" if args.vacancies else "activation_energy"
        quantities[name] = measured(law.activation_ev, law.activation_sigma_ev, "eV")
    return Outcome(
        quantities=quantities,
        facts={
            "phase": args.phase,
            "moving": args.moving or "all atoms",
            "vacancies": args.vacancies,
            "atoms": len(cell),
            "length_ps": args.length_ps,
            "pressure_gpa": args.pressure_gpa,
            "by_temperature": [_row(point) for point in points],
            **({} if law is None else {"prefactor_cm2_per_s": float(f"{math.exp(law.ln_prefactor):.3g}")}),
            **_drawn(points, law=law),
        },
        warnings=_doubts(args, points, spacing_angstrom=nearest_angstrom(cell)),
        method=md.method(
            f"Einstein's relation at {len(points)} temperatures, thermostat by stochastic rescaling",
            steps=round(args.length_ps / md.timestep_ps) * len(points),
            atoms=len(cell),
            ensemble="NVT in the mean cell of NPT",
        ),
    )


def _cell(args: DiffusionArgs, *, system: System, md: Md) -> Atoms:
    """The cell that all temperatures begin with, less its vacancies."""
    cell = supercell_of(system, md=md, size=args.size)
    if args.vacancies:
        symbols = symbols_of(cell)
        own = np.flatnonzero(symbols == args.moving) if args.moving else np.arange(len(cell))
        if args.vacancies > len(own) // 10:
            raise DynamicsError(
                "too_many_vacancies",
                f"{args.vacancies} vacancies among {len(own)} sites are no crystal.",
                hint="Give fewer vacancies or a larger size.",
            )
        out = np.random.default_rng(md.seed).choice(own, size=args.vacancies, replace=False)
        cell = cell[np.setdiff1d(np.arange(len(cell)), out)]
    return cell


def _point(
    args: DiffusionArgs, cell: Atoms, *, place: int, temperature_k: float, system: System, md: Md
) -> Point:
    simulation = md.simulation(f"at_{place}", cell)
    state = prepared(
        args,
        cell,
        simulation=simulation,
        system=system,
        temperature_k=temperature_k,
        may_move=bool(args.moving or args.vacancies),
    )
    frames, frame_fs = _sampled(args, state, simulation=simulation, temperature_k=temperature_k)
    symbols = symbols_of(cell)
    weights = np.asarray(cell.get_masses(), dtype=np.float64)
    frames = frames - np.einsum("fnk,n->fk", frames, weights)[:, None, :] / weights.sum()
    chosen = np.flatnonzero(symbols == args.moving) if args.moving else np.arange(len(cell))
    moved = displacement(frames[:, chosen], frame_fs=frame_fs)
    return Point(
        diffusion=diffusion(
            moved, ions=len(chosen), hop_angstrom=nearest_angstrom(cell), temperature_k=temperature_k
        ),
        moved=moved,
        state=state,
    )


def _sampled(
    args: DiffusionArgs, state: State, *, simulation: Simulation, temperature_k: float
) -> tuple[FloatArray, float]:
    """Unwrapped frames (f, n, 3) in Å of a run in the mean cell, and the time between them in fs."""
    frame = max(1, steps_of(args.length_ps, simulation) // _FRAMES)
    stage = simulation.stage(
        "sample",
        _SAMPLE,
        steps=frame * _FRAMES,
        atoms=in_mean_cell(state),
        values={
            "temperature_k": temperature_k,
            "damp_bath": 1000 * simulation.timestep_ps,
            "frame": frame,
        },
        title=f"motion at {temperature_k:g} K",
    )
    return stage.frames("frames"), 1000 * frame * simulation.timestep_ps


def _row(point: Point) -> dict[str, JsonValue]:
    found = point.diffusion
    return {
        "temperature_k": found.temperature_k,
        "diffusivity_cm2_per_s": float(f"{found.value_cm2_per_s:.4g}"),
        "sigma_cm2_per_s": float(f"{found.sigma_cm2_per_s:.2g}"),
        "below_cm2_per_s": float(f"{found.bound_cm2_per_s:.2g}"),
        "hops": round(found.hops, 1),
        "linear_share": round(found.linear_share, 3),
        "density_g_per_cm3": round(point.state.density_g_per_cm3.mean, 4),
    }


def slowed_by(atoms: Atoms, *, spacing_angstrom: float) -> float:
    """By which part of its value a melt's diffusivity is too small in a periodic cell: 2.837 kT / 6π η L (I.-C. Yeh and G. Hummer, 2004).

    The viscosity η is that of Stokes and Einstein for slipping spheres, kT / 2π d D, so that 0.946 d / L is left.

    >>> from ase.build import bulk
    >>> round(slowed_by(bulk("Cu", cubic=True).repeat(5), spacing_angstrom=2.55), 3)
    0.134
    """
    return 2.837297 / 3 * spacing_angstrom / float(atoms.get_volume()) ** (1 / 3)


def _doubts(args: DiffusionArgs, points: list[Point], *, spacing_angstrom: float) -> tuple[str, ...]:
    found = [doubt for point in points for doubt in point.state.doubts]
    found += [
        f"at {point.diffusion.temperature_k:g} K most of the displacement is vibration: give a longer length_ps"
        for point in points
        if point.diffusion.resolved and point.diffusion.linear_share < 0.5
    ]
    if args.phase == "melt":
        share = slowed_by(points[-1].state.atoms, spacing_angstrom=spacing_angstrom)
        found.append(
            f"the flow of the melt round its periodic images slows diffusion by about {100 * share:.0f} % in this cell; no correction is made"
        )
    if args.vacancies:
        found.append(
            f"with {args.vacancies} vacancies put in: the crystal's own diffusivity is smaller by its share of vacancies at equilibrium"
        )
        if len(args.ladder_k) > 1:
            found.append(
                "the slope over temperature is the migration energy alone: the activation energy of self-diffusion is larger by that of "
                "forming a vacancy (md_vacancy)"
            )
    return tuple(found)


def _drawn(points: list[Point], *, law: Arrhenius | None) -> dict[str, JsonValue]:
    plots = [
        TracePlot(
            id="mean-square-displacement",
            title="Mean-square displacement",
            x=("time", "ps"),
            y=("mean-square displacement", "Å²"),
            traces=[
                Trace(
                    name=f"{point.diffusion.temperature_k:g} K",
                    x=point.moved.lags_fs / 1000,
                    y=point.moved.mean_square_angstrom2,
                    sigma=point.moved.by_block_angstrom2.std(axis=0, ddof=1)
                    / math.sqrt(len(point.moved.by_block_angstrom2)),
                )
                for point in points[:8]
            ],
            note="Averaged over atoms and time origins; a straight line is diffusion, a level is vibration.",
        )
    ]
    good = [point.diffusion for point in points if point.diffusion.resolved]
    if law is not None:
        inverse = np.array([1000 / each.temperature_k for each in good])
        plots.append(
            TracePlot(
                id="arrhenius",
                title="Diffusivity over inverse temperature",
                x=("1000 / temperature", "1/K"),
                y=("log10 of the diffusivity", "cm²/s"),
                traces=[
                    Trace(
                        name="by displacement",
                        x=inverse,
                        y=[math.log10(each.value_cm2_per_s) for each in good],
                        sigma=[each.relative / math.log(10) for each in good],
                        style="points",
                    ),
                    Trace(
                        name="Arrhenius",
                        x=inverse,
                        y=[math.log10(law.at(each.temperature_k)[0]) for each in good],
                        dashed=True,
                    ),
                ],
            )
        )
    return traces_fact(*plots)


TOOL = run
