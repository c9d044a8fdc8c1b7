"""Structure of a crystal or a melt at temperature: radial distribution, coordination, structure factor, from frames far apart."""

from __future__ import annotations

import math
from dataclasses import dataclass
from itertools import combinations_with_replacement

import numpy as np
from pydantic import Field, JsonValue

from matsmith.core.record import Outcome
from matsmith.models.potentials.interface import FloatArray, IntArray
from matsmith.tools.drawn_series import Trace, TracePlot, traces_fact
from matsmith.tools.lammps.pair_correlations import (
    RadialDistribution,
    StructureFactor,
    radial_distribution,
    sharpest_reflection,
    structure_factor,
)
from matsmith.tools.lammps.preparation import PhaseArgs, prepared, supercell_of
from matsmith.tools.lammps.protocol import Md, System, protocol
from matsmith.tools.lammps.simulation import Simulation
from matsmith.tools.lammps.states import HOTTEST_K, measured, steps_of

_FRAMES, _PARTS = 20, 4
_WIDEST_ANGSTROM = 12.0
_BEYOND_PEAK = 1.3
# By chance a single wave vector of a glass reaches ten times the peak of 3 to 5; a crystal's reaches about its number of atoms.
_BRAGG, _BRAGG_SHARE = 60.0, 0.12
_SAMPLE = """\
fix move all nve
fix bath all temp/csvr {temperature_k} {temperature_k} {damp_bath} {seed}
dump frames all custom {frame} frames.dump id type xu yu zu
run {steps}
"""


class RadialDistributionArgs(PhaseArgs):
    """Of what, in which phase, at which temperature."""

    temperature_k: float = Field(default=300.0, ge=10.0, le=HOTTEST_K, description="temperature in K")
    length_ps: float = Field(default=10.0, ge=1.0, le=100000.0, description="length of the trajectory in ps")
    cutoff_angstrom: float = Field(
        default=10.0, ge=3.0, le=_WIDEST_ANGSTROM, description="longest distance in Å"
    )
    size: int = Field(default=1000, ge=32, le=50000, description="atoms aimed at")


@dataclass(frozen=True, slots=True, kw_only=True)
class Structure:
    """How atoms stand about each other, and the same from parts of the trajectory for the errors; `sharpest` is the largest reflection."""

    pairs: RadialDistribution
    factor: StructureFactor
    parts: tuple[RadialDistribution, ...]
    sharpest: float
    atoms: int

    @property
    def crystalline(self) -> bool:
        """Whether some reflection is as sharp as only a crystal's."""
        return self.sharpest > max(_BRAGG, _BRAGG_SHARE * self.atoms)

    def coordination(self) -> tuple[float, float]:
        """Neighbours in the first shell and their statistical error, all counted to the same minimum."""
        edge = self.pairs.minimum()
        counted = [each.neighbours(edge) for each in self.parts]
        return self.pairs.neighbours(edge), _error(counted)

    def peak(self) -> tuple[float, float]:
        """Place of the first peak in Å and its error, at least half a bin."""
        half = 0.5 * float(self.pairs.radii_angstrom[1] - self.pairs.radii_angstrom[0])
        return self.pairs.peak()[0], max(half, _error([each.peak()[0] for each in self.parts]))


def structure_of(
    positions_angstrom: FloatArray, *, cells_angstrom: FloatArray, kinds: IntArray, cutoff_angstrom: float
) -> Structure:
    """The structure from frames (f, n, 3) in cells (f, 3, 3) of atoms of the kinds (n,)."""
    parts = np.array_split(np.arange(len(positions_angstrom)), min(_PARTS, len(positions_angstrom)))
    found = tuple(
        radial_distribution(
            positions_angstrom[part],
            cells_angstrom=cells_angstrom[part],
            kinds=kinds,
            cutoff_angstrom=cutoff_angstrom,
        )
        for part in parts
    )
    factor = structure_factor(positions_angstrom, cells_angstrom=cells_angstrom)
    # A little beyond the peak of a melt lie the first reflections of its crystal.
    most = _BEYOND_PEAK * factor.peak()[0]
    return Structure(
        pairs=RadialDistribution.mean([*found], weights=[len(part) for part in parts]),
        factor=factor,
        sharpest=sharpest_reflection(
            positions_angstrom[-1], cell_angstrom=cells_angstrom[-1], most_per_angstrom=most
        ),
        atoms=len(kinds),
        parts=found,
    )


@protocol(
    name="md_radial_distribution",
    title="Radial distribution, coordination and structure factor",
    measures=(),
    cost_s=60.0,
    prefers="radial_distribution",
)
def run(args: RadialDistributionArgs, *, system: System, md: Md) -> Outcome:
    """Radial distribution, coordination number and structure factor of a crystal or its melt at a temperature.

    Quantities: `coordination_number` (up to the first minimum of g), `nearest_neighbour_distance` in Å (first peak), `structure_factor_peak` in 1/Å, and
    `density_at_temperature`. The structure factor counts all atoms alike. Typed failures: stays_solid, and those of every run.

    Example: matsmith tool md_radial_distribution --args '{"element": "Al", "phase": "melt", "temperature_k": 1000}'
    """
    cell = supercell_of(system, md=md, size=args.size)
    simulation = md.simulation("structure", cell)
    state = prepared(args, cell, simulation=simulation, system=system)
    found = sampled(
        simulation,
        temperature_k=args.temperature_k,
        length_ps=args.length_ps,
        cutoff_angstrom=args.cutoff_angstrom,
    )
    quantities = {
        "coordination_number": measured(*found.coordination(), ""),
        "nearest_neighbour_distance": measured(*found.peak(), "angstrom"),
        "structure_factor_peak": measured(
            found.factor.peak()[0], 0.5 * float(np.diff(found.factor.q_per_angstrom).max()), "1/angstrom"
        ),
        "density_at_temperature": measured(
            state.density_g_per_cm3.mean, state.density_g_per_cm3.sigma, "g/cm**3"
        ),
    }
    return Outcome(
        quantities=quantities,
        facts={
            "phase": args.phase,
            "temperature_k": args.temperature_k,
            "atoms": len(cell),
            "frames": _FRAMES,
            **facts_of(found),
            **traces_fact(*plots_of(found, elements=system.elements, name=f"{args.temperature_k:g} K")),
        },
        warnings=state.doubts,
        method=md.method(
            f"{_FRAMES} frames of molecular dynamics in the cell of constant pressure",
            steps=steps_of(args.length_ps, simulation),
            atoms=len(cell),
            ensemble="NVT",
        ),
    )


def sampled(
    simulation: Simulation,
    *,
    temperature_k: float,
    length_ps: float,
    cutoff_angstrom: float,
    name: str = "sample",
) -> Structure:
    """The structure along a run at constant volume that goes on from where the simulation stands."""
    frame = max(1, steps_of(length_ps, simulation) // _FRAMES)
    stage = simulation.stage(
        name,
        _SAMPLE,
        steps=frame * _FRAMES,
        values={"temperature_k": temperature_k, "damp_bath": 500 * simulation.timestep_ps, "frame": frame},
        title=f"structure at {temperature_k:g} K",
    )
    frames = stage.dump("frames")
    return structure_of(
        frames.positions[1:],
        cells_angstrom=frames.cells[1:],
        kinds=np.asarray(frames.types[0], dtype=np.int64),
        cutoff_angstrom=cutoff_angstrom,
    )


def facts_of(found: Structure) -> dict[str, JsonValue]:
    """What is read off the curves."""
    place, height = found.pairs.peak()
    wave, high = found.factor.peak()
    return {
        "first_peak_angstrom": round(place, 3),
        "first_peak_height": round(height, 3),
        "first_minimum_angstrom": round(found.pairs.minimum(), 3),
        "structure_factor_peak_per_angstrom": round(wave, 3),
        "structure_factor_peak_height": round(high, 2),
        "sharpest_reflection": round(found.sharpest, 1),
        "crystalline": found.crystalline,
    }


def plots_of(found: Structure, *, elements: tuple[str, ...], name: str) -> list[TracePlot]:
    """Radial distribution, by pairs of elements where there are several, and structure factor."""
    traces = [Trace(name=name, x=found.pairs.radii_angstrom, y=found.pairs.g)]
    if len(elements) > 1:
        pairs = list(combinations_with_replacement(range(1, len(elements) + 1), 2))
        traces += [
            Trace(
                name=f"{elements[a - 1]}-{elements[b - 1]}",
                x=found.pairs.radii_angstrom,
                y=found.pairs.partial[(a, b)],
            )
            for a, b in pairs[:7]
            if (a, b) in found.pairs.partial
        ]
    return [
        TracePlot(
            id="radial-distribution",
            title="Radial distribution",
            x=("distance", "Å"),
            y=("g", ""),
            traces=traces,
            guides=[("y", 1.0, "no order"), ("x", found.pairs.minimum(), "end of the first shell")],
        ),
        TracePlot(
            id="structure-factor",
            title="Structure factor",
            x=("wave number", "1/Å"),
            y=("S", ""),
            traces=[Trace(name=name, x=found.factor.q_per_angstrom, y=found.factor.s)],
            guides=[("y", 1.0, "no order")],
            note="All atoms weighted alike: not that of X-rays or neutrons.",
        ),
    ]


def _error(values: list[float]) -> float:
    return float(np.std(values, ddof=1)) / math.sqrt(len(values)) if len(values) > 1 else 0.0


TOOL = run
