"""A glass by quenching a melt: its structure, its density, and the temperature at which the melt stiffens.

Above the transition the volume follows the melt, below it the solid; both are straight over temperature, and the transition is where the
two lines meet. Quenching in a computer is some 10¹⁰ times as fast as in a laboratory: the transition is found too high and the glass
less relaxed. Whether the melt crystallised instead is told by its sharpest reflection.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Self

import numpy as np
from pydantic import Field, model_validator

from matsmith.core.record import Outcome
from matsmith.models.potentials.interface import FloatArray
from matsmith.tools.drawn_series import Trace, TracePlot, traces_fact
from matsmith.tools.lammps.coexistence import thermal_time_ps
from matsmith.tools.lammps.failures import DynamicsError
from matsmith.tools.lammps.preparation import guess_k, supercell_of
from matsmith.tools.lammps.protocol import Md, MdArgs, System, protocol
from matsmith.tools.lammps.protocols.radial_distribution import facts_of, plots_of, sampled
from matsmith.tools.lammps.states import HOTTEST_K, heated, held, measured, molten_atoms, steps_of
from matsmith.tools.lammps.statistics import line

_HOT, _ABOVE = 1.8, 1.3
_SAMPLES = 400
_LEAST_POINTS = 12
_RESAMPLES, _PLACES = 40, 100


class GlassArgs(MdArgs):
    """Of what, from where to where, and how fast."""

    from_k: float | None = Field(
        default=None,
        ge=50.0,
        le=HOTTEST_K,
        description="temperature in K that the melt is quenched from; by default 1.3 times the melting points' mean",
    )
    to_k: float = Field(default=300.0, ge=5.0, le=HOTTEST_K, description="temperature of the glass in K")
    rate_k_per_ps: float = Field(
        default=10.0, ge=0.001, le=1000.0, description="rate of quenching in K/ps (1 K/ps is 10¹² K/s)"
    )
    pressure_gpa: float = Field(default=0.0, ge=-2.0, le=300.0, description="pressure in GPa")
    length_ps: float = Field(
        default=20.0, ge=2.0, le=100000.0, description="length of the run of the glass in ps"
    )
    cutoff_angstrom: float = Field(default=10.0, ge=3.0, le=12.0, description="longest distance in Å")
    size: int = Field(default=1000, ge=100, le=50000, description="atoms aimed at")

    @model_validator(mode="after")
    def _downwards(self) -> Self:
        if self.from_k is not None and self.from_k <= self.to_k:
            raise ValueError("from_k has to lie above to_k")
        return self


@dataclass(frozen=True, slots=True, kw_only=True)
class Transition:
    """Where two straight lines of a quantity over temperature meet: the temperature with its error, and both slopes, glass and melt.

    `gain` is how much less two lines miss the points than one does: 1 where one serves as well.
    """

    temperature_k: float
    sigma_k: float
    slope_below: float
    slope_above: float
    gain: float

    @property
    def clear(self) -> bool:
        """Whether there is a bend at all, a stiffer glass below it, and it is told to within a third."""
        return (
            self.gain > 1.3
            and self.slope_above > self.slope_below > 0
            and self.sigma_k < self.temperature_k / 3
        )


def transition_of(temperatures_k: FloatArray, values: FloatArray, *, seed: int = 0) -> Transition:
    """The bend in values (n,) over temperatures (n,), by least squares over all places of it; the error by resampling stretches."""
    order = np.argsort(temperatures_k)
    x, y = temperatures_k[order], values[order]
    blocks = np.array_split(np.arange(len(x)), min(40, len(x) // 2))
    if len(blocks) < _LEAST_POINTS:
        raise DynamicsError(
            "too_few_points", "The quench is too short for a bend to be seen.", hint="Quench more slowly."
        )
    x = np.array([float(x[block].mean()) for block in blocks])
    y = np.array([float(y[block].mean()) for block in blocks])
    place, below, above, gain = _bend(x, y)
    fitted = below[0] + below[1] * np.minimum(x - place, 0.0) + above[1] * np.maximum(x - place, 0.0)
    left = y - fitted
    rng = np.random.default_rng(seed)
    found = [_bend(x, fitted + rng.choice(left, size=len(left), replace=True))[0] for _ in range(_RESAMPLES)]
    return Transition(
        temperature_k=place,
        sigma_k=max(float(np.std(found, ddof=1)), 0.5 * float(np.diff(x).mean())),
        slope_below=below[1],
        slope_above=above[1],
        gain=gain,
    )


def _bend(x: FloatArray, y: FloatArray) -> tuple[float, tuple[float, float], tuple[float, float], float]:
    """Place of the bend, (height there, slope) below, (height, slope) above, and the gain over one line."""
    one = line(x, y)
    plain = float(((y - one.intercept - one.slope * (x - one.centre)) ** 2).sum())
    best: tuple[float, float, FloatArray] | None = None
    for each in np.linspace(float(x[3]), float(x[-4]), _PLACES):
        place = float(each)
        rows = np.stack([np.ones_like(x), np.minimum(x - place, 0.0), np.maximum(x - place, 0.0)], axis=1)
        found: FloatArray = np.asarray(np.linalg.lstsq(rows, y, rcond=None)[0], dtype=np.float64)
        square = float(((y - rows @ found) ** 2).sum())
        if best is None or square < best[0]:
            best = (square, place, found)
    if best is None:
        raise DynamicsError("too_few_points", "There are no temperatures.", hint="Quench more slowly.")
    square, place, found = best
    height, below, above = (float(each) for each in found)
    return place, (height, below), (height, above), math.sqrt(plain / max(square, 1e-300))


@protocol(
    name="md_glass",
    title="Glass by quenching from the melt",
    measures=(),
    cost_s=300.0,
    prefers="glass",
)
def run(args: GlassArgs, *, system: System, md: Md) -> Outcome:
    """Quench a melt to a glass: density, radial distribution, structure factor, and the glass transition at that rate.

    Quantities: `glass_density` in g/cm3 and `coordination_number` of the glass, and `glass_transition` in K where the volume bends clearly. Typed failures:
    crystallised, stays_solid, and those of every run.

    Example: matsmith tool md_glass --args '{"structure": "Cu50Zr50.cif", "rate_k_per_ps": 5}'
    """
    hot = args.from_k or max(_ABOVE * guess_k(system), 1.5 * args.to_k)
    cell = supercell_of(system, md=md, size=args.size)
    simulation = md.simulation("quench", cell)
    settle_ps = max(20 * thermal_time_ps(cell, hot), 2.0)
    molten_atoms(
        simulation,
        temperature_k=hot,
        hot_k=max(_HOT * guess_k(system), 1.1 * hot),
        length_ps=settle_ps,
        atoms=cell,
    )
    held(
        simulation,
        "relax",
        temperature_k=hot,
        length_ps=settle_ps,
        pressure_gpa=args.pressure_gpa,
        shape="iso",
    )
    quenched = heated(
        simulation,
        "quench",
        from_k=hot,
        to_k=args.to_k,
        length_ps=(hot - args.to_k) / args.rate_k_per_ps,
        pressure_gpa=args.pressure_gpa,
        samples=_SAMPLES,
    )
    state = held(
        simulation,
        "glass",
        temperature_k=args.to_k,
        length_ps=args.length_ps,
        pressure_gpa=args.pressure_gpa,
    )
    found = sampled(
        simulation, temperature_k=args.to_k, length_ps=args.length_ps, cutoff_angstrom=args.cutoff_angstrom
    )
    rows = quenched.thermo
    if found.crystalline:
        raise DynamicsError(
            "crystallised",
            f"The melt of {system.formula} crystallised at {args.rate_k_per_ps:g} K/ps: one reflection of {found.sharpest:.0f} "
            f"stands out of {len(cell)} atoms.",
            hint="Quench faster (rate_k_per_ps), or take a composition that forms a glass.",
            facts=facts_of(found),
        )
    # The temperature asked for at each row: that of the atoms fluctuates.
    share = (rows["step"] - rows["step"][0]) / (rows["step"][-1] - rows["step"][0])
    at_k = hot + share * (args.to_k - hot)
    volume = rows["vol"] / len(cell)
    bend = transition_of(at_k, volume, seed=md.seed)
    quantities = {
        "glass_density": measured(state.density_g_per_cm3.mean, state.density_g_per_cm3.sigma, "g/cm**3"),
        "coordination_number": measured(*found.coordination(), ""),
    }
    doubts = list(state.doubts)
    if bend.clear:
        quantities["glass_transition"] = measured(bend.temperature_k, bend.sigma_k, "K")
    else:
        doubts.append(
            "the volume has no clear bend over temperature: no glass transition is given; quench more slowly or with more atoms"
        )
    doubts.append(
        f"quenched at {args.rate_k_per_ps * 1e12:.0e} K/s, against at most some 10⁶ K/s in a laboratory: less relaxed, and the transition is too high"
    )
    return Outcome(
        quantities=quantities,
        facts={
            "from_k": round(hot, 1),
            "to_k": args.to_k,
            "rate_k_per_ps": args.rate_k_per_ps,
            "atoms": len(cell),
            "pressure_gpa": args.pressure_gpa,
            "bend": {
                "temperature_k": round(bend.temperature_k, 1),
                "sigma_k": round(bend.sigma_k, 1),
                "gain": round(bend.gain, 3),
                "clear": bend.clear,
            },
            **facts_of(found),
            **traces_fact(
                *plots_of(found, elements=system.elements, name=f"{args.to_k:g} K"),
                _cooling(at_k, volume, bend),
            ),
        },
        warnings=tuple(doubts),
        method=md.method(
            f"quench from {hot:.0f} K at {args.rate_k_per_ps:g} K/ps at constant pressure",
            steps=steps_of((hot - args.to_k) / args.rate_k_per_ps, simulation),
            atoms=len(cell),
            ensemble="NPT",
        ),
    )


def _cooling(at_k: FloatArray, volume: FloatArray, bend: Transition) -> TracePlot:
    return TracePlot(
        id="cooling-curve",
        title="Volume on cooling",
        x=("temperature", "K"),
        y=("volume", "Å³/atom"),
        traces=[Trace(name="quench", x=at_k[::-1], y=volume[::-1])],
        guides=[("x", bend.temperature_k, "bend")] if bend.clear else [],
    )


TOOL = run
