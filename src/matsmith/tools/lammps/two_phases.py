"""Runs of crystal and melt side by side at constant enthalpy and pressure, and the search for two that bracket the melting point.

A run that begins too hot melts some of its crystal and cools, one that begins too cold freezes some of its melt and warms: either way
the temperature goes to the melting point (J. R. Morris, C. Z. Wang, K. M. Ho and C. T. Chan, Phys. Rev. B 49, 3109 (1994)). Only one of
each shows that both came to the same point and neither stands where it began.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Literal

import numpy as np
from pydantic import JsonValue

from matsmith.models.potentials.interface import FloatArray
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
from matsmith.tools.lammps.protocol import Md, System
from matsmith.tools.lammps.states import BAR_PER_GPA, held, shape_of
from matsmith.tools.lammps.statistics import FEWEST_SAMPLES, Average, average, combined, drift, steady_from
from matsmith.tools.lammps.structures import supercell_near

if TYPE_CHECKING:
    from ase import Atoms

    from matsmith.tools.lammps.simulation import Simulation

COLDEST_K, HOTTEST_K = 20.0, 8000.0
Side = Literal["above", "below", "neither"]
_APART, _FARTHEST = 0.03, 0.12
"""Runs after the first that stands start so far, in parts of its result, on the side that is missing; at most so far."""
_FRAMES = 80
_THERMAL_TIMES = {"fcc": 80.0, "bcc": 80.0, "hcp": 100.0}
_SLOWER = 300.0
_BEGIN_THERMAL_TIMES = 4.0
_TELLING_SIGMAS = 2.0
# Shares of the guess that the cold half is held at, and of it that the hot half is.
_COLD, _HOT = 0.9, 2.0
# The crystal's share at first: the melt beside it eats about a quarter of it until the whole has settled.
_CRYSTAL, _ROOM = 0.5, 1.1

# Two heat baths make the melt, in a volume with room for it, that nothing boils, and cool it beside the crystal held cold, which it would
# melt otherwise; later the lateral edges change together, so that the crystal is strained alike along both.
_MELT = """\
region far block INF INF INF INF {split} INF units box
group hot region far
group cold subtract all hot
velocity all create {first_k} {seed} mom yes rot no dist gaussian
fix move all nve
fix warm cold langevin {cold_k} {cold_k} {bath_ps} {seed}
fix melt hot langevin {hot_k} {hot_k} {bath_ps} {seed}
run {steps}
unfix melt
fix melt hot langevin {start_k} {start_k} {bath_ps} {seed}
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


@dataclass(frozen=True, slots=True, kw_only=True)
class Coexistence:
    """One run of both phases: where it began, its temperature (k,) over times (k,) in ps, and who flowed at the end.

    `begun` is the mean temperature of its first few thermal times: what its enthalpy is worth before much has melted or frozen.
    """

    start_k: float
    times_ps: FloatArray
    temperatures_k: FloatArray
    begun: Average
    mean: Average
    steady: bool
    found: Phases
    frame_ps: float

    @property
    def final_k(self) -> float:
        """Mean temperature of the last fifth."""
        return float(self.temperatures_k[-max(1, len(self.temperatures_k) // 5) :].mean())

    @property
    def end(self) -> Literal["both", "frozen", "molten"]:
        """What was there at the end."""
        return "both" if self.found.both else "frozen" if not self.found.liquid else "molten"

    @property
    def side(self) -> Side:
        """Where it came from: `above` when it cooled by melting, `below` when it warmed by freezing, `neither` when within its errors it did not move."""
        moved = self.begun.mean - self.mean.mean
        if abs(moved) <= _TELLING_SIGMAS * math.hypot(self.begun.sigma, self.mean.sigma):
            return "neither"
        return "above" if moved > 0 else "below"

    @property
    def row(self) -> dict[str, JsonValue]:
        """What a record keeps of it."""
        return {
            "start_k": round(self.start_k, 1),
            "begun_k": round(self.begun.mean, 1),
            "end": self.end,
            "side": self.side,
            "mean_k": round(self.mean.mean, 1),
            "sigma_k": round(self.mean.sigma, 2),
            "liquid_share": round(self.found.share, 3),
            "length_ps": round(float(self.times_ps[-1]), 2),
        }


@dataclass(frozen=True, slots=True, kw_only=True)
class Search:
    """The runs that ended with both phases, and a row for each run that was tried."""

    runs: list[Coexistence]
    tried: list[JsonValue]

    @property
    def missing(self) -> list[Side]:
        """The sides from which no run came to the melting point."""
        return missing_sides(self.runs)

    @property
    def brackets(self) -> bool:
        """Whether one run melted down to the melting point and one froze up to it."""
        return not self.missing

    def joined(self) -> tuple[Average, bool]:
        """The mean of the runs, and whether they agree; where they do not, half of their distance is the error."""
        mean = combined([run.mean for run in self.runs])
        means = [run.mean.mean for run in self.runs]
        gap = max(means) - min(means)
        if gap < 3 * math.sqrt(sum(run.mean.sigma**2 for run in self.runs)):
            return mean, True
        return replace(mean, sigma=max(mean.sigma, 0.5 * gap)), False


def missing_sides(runs: Sequence[Coexistence]) -> list[Side]:
    """Of above and below, the sides that no run came from."""
    there = {run.side for run in runs}
    sides: tuple[Side, ...] = ("above", "below")
    return [side for side in sides if side not in there]


def both_sides(
    run: Callable[[float, int], Coexistence],
    *,
    guess_k: float,
    attempts: int,
    note: Callable[[str], None],
) -> Search:
    """Runs, each of a start in K and its number, until one came to the melting point from above and one from below, or attempts are used up.

    Raises `DynamicsError` (`no_coexistence`) where none ended with both phases.
    """
    bracket, good = Bracket(), list[Coexistence]()
    apart = {"above": _APART, "below": _APART}
    tried: list[JsonValue] = []
    start, aimed = guess_k, None
    for number in range(attempts):
        each = run(start, number)
        tried.append(each.row)
        note(f"run {number + 1} from {start:.0f} K: {each.end} at {each.final_k:.0f} K, from {each.side}")
        if each.end == "both":
            good.append(each)
        missing = missing_sides(good)
        if good and not missing:
            break
        if aimed in missing:
            # Too far off, and one phase ate the other; or so near that it did not move.
            apart[aimed] = min(apart[aimed] * (1.5 if each.end == "both" else 0.5), _FARTHEST)
        if good:
            aimed = missing[0]
            sign = 1.0 if aimed == "above" else -1.0
            start = combined([one.mean for one in good]).mean * (1 + sign * apart[aimed])
        elif each.end == "frozen":
            start = bracket.after_freezing(start, each.final_k)
        else:
            start = bracket.after_melting(start, each.final_k)
        start = min(max(start, COLDEST_K), HOTTEST_K)
    if good:
        return Search(runs=good, tried=tried)
    raise DynamicsError(
        "no_coexistence",
        f"In {attempts} runs crystal and melt never stood side by side at the end: it melts {bracket.said}.",
        hint="Give a start_k that agrees with this, a larger size, or more attempts.",
        facts={"runs": tried},
    )


@dataclass(frozen=True, slots=True, kw_only=True)
class TwoPhases:
    """What the runs of a search share: the crystal, the pressure, and how large and long they are."""

    system: System
    md: Md
    pressure_gpa: float
    atoms_aimed: int
    length_ps: float | None

    @property
    def atoms(self) -> int:
        """Atoms of a run."""
        return len(long_cell(self.system.atoms, atoms_aimed=self.atoms_aimed))

    def run(self, start_k: float, number: int) -> Coexistence:
        """Melt half of a crystal, settle both halves at a temperature, and let them stand at constant enthalpy and pressure."""
        unit = self.system.atoms
        time_ps = thermal_time_ps(unit, start_k)
        crystal = self._expanded(start_k, number=number, time_ps=time_ps)
        cell, split = loosened(
            long_cell(crystal, atoms_aimed=self.atoms_aimed), crystal=_CRYSTAL, growth=_ROOM
        )
        simulation = self.md.simulation(f"two_phases_{number}", cell)
        bar = self.pressure_gpa * BAR_PER_GPA
        simulation.stage(
            "melt",
            _MELT,
            steps=_steps(4 * time_ps, simulation),
            values={
                "split": split,
                "first_k": 2 * start_k,
                "start_k": start_k,
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
        length = self.length_ps or time_ps * _THERMAL_TIMES.get(self.system.prototype or "", _SLOWER)
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
        times: FloatArray = stage.thermo["time"] - stage.thermo["time"][0]
        first = max(FEWEST_SAMPLES, int(np.searchsorted(times, _BEGIN_THERMAL_TIMES * time_ps)))
        begin = max(steady_from(temperatures), len(temperatures) // 4)
        return Coexistence(
            start_k=start_k,
            times_ps=times,
            temperatures_k=temperatures,
            begun=average(temperatures[:first]),
            mean=average(temperatures[begin:]),
            steady=drift(temperatures[begin:]).steady,
            found=phases(
                frames.positions,
                cells_angstrom=frames.cells,
                spacing_angstrom=nearest_angstrom(unit),
                lag=lag,
            ),
            frame_ps=frame_ps,
        )

    def _expanded(self, at_k: float, *, number: int, time_ps: float) -> Atoms:
        """The unit cell with the edges that the crystal has at a temperature, from a short run; as it is where it melts at once."""
        unit = self.system.atoms
        simulation = self.md.simulation(f"edges_{number}", supercell_near(unit, atoms_aimed=256))
        try:
            state = held(
                simulation,
                "hold",
                temperature_k=at_k,
                length_ps=15 * time_ps,
                pressure_gpa=self.pressure_gpa,
                shape=shape_of(self.system),
                start_k=2 * at_k,
            )
        except DynamicsError as error:
            if error.code != "evaporated":
                raise
            return unit
        if state.molten:
            return unit
        ratio = (state.volume_angstrom3.mean / len(state.atoms) / (unit.get_volume() / len(unit))) ** (1 / 3)
        scaled = unit.copy()
        scaled.set_cell(np.asarray(unit.cell) * ratio, scale_atoms=True)
        return scaled


def _steps(length_ps: float, simulation: Simulation) -> int:
    return max(100, math.ceil(length_ps / simulation.timestep_ps))
