"""A tensile test: a crystal drawn along a direction at a constant rate, free across it, until it yields.

Strain is engineering strain, and so is stress: the force along the axis over the cross-section before drawing, as strength and proof stress are
told by convention. Simulated rates are 10⁷ to 10¹⁰ per second, twelve orders above a
testing machine's, and the crystal has no defects: what is found is the ideal strength at that rate, an upper bound of what a
specimen bears.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
from pydantic import Field, JsonValue, field_validator

from matsmith.core.quantity import Quantity, Truth
from matsmith.core.record import Outcome
from matsmith.models.potentials.interface import FloatArray
from matsmith.tools.drawn_series import Trace, TracePlot, traces_fact
from matsmith.tools.lammps.failures import DynamicsError
from matsmith.tools.lammps.parent_lattice import frame_along, parent_of
from matsmith.tools.lammps.protocol import Md, MdArgs, System, protocol
from matsmith.tools.lammps.static import stresses_gpa
from matsmith.tools.lammps.statistics import average, block_means, line

_OFFSET = 0.002
_BIAS_WORTH_TELLING = 0.02
_ELASTIC_UP_TO = 0.01
_FALLEN_TO = 0.7
_WINDOWS = 120
_FEWEST_IN_SLOPE = 5
_SMOOTH_ORDER = 3
_WARM_UP = """velocity all create {double_k} {seed} mom yes rot no dist gaussian
fix box all npt temp {temperature_k} {temperature_k} {damp_t} aniso 0.0 0.0 {damp_p}
run {steps}
"""
_DRAW = """fix box all npt temp {temperature_k} {temperature_k} {damp_t} y 0.0 0.0 {damp_p} z 0.0 0.0 {damp_p}
fix draw all deform 1 x erate {rate_per_ps} remap x
run {steps}
"""


class TensileArgs(MdArgs):
    """Of which crystal, along which direction, how fast and how far."""

    size: int = Field(default=2000, ge=100, le=1_000_000, description="atoms aimed at")
    temperature_k: float = Field(default=300.0, ge=1, le=4000, description="temperature in K")
    direction: tuple[int, int, int] = Field(
        default=(1, 0, 0), description="direction of the lattice that is drawn, such as [1, 1, 0]"
    )
    rate_per_s: float = Field(
        default=1e9, ge=1e7, le=1e11, description="strain rate in 1/s; 1e9 takes 200 ps for 20 %"
    )
    strain: float = Field(default=0.2, ge=0.02, le=1.0, description="largest engineering strain")
    warm_ps: float = Field(
        default=10.0, ge=1, le=1000, description="time at temperature before drawing, in ps"
    )

    @field_validator("direction")
    @classmethod
    def _some_direction(cls, value: tuple[int, int, int]) -> tuple[int, int, int]:
        if not any(value) or max(abs(n) for n in value) > 4:
            raise ValueError("a direction has whole numbers up to 4, not all of them zero")
        return value


@dataclass(frozen=True, kw_only=True)
class Curve:
    """What a stress-strain curve says; stresses in GPa, strains as shares. `yielded` is False when it rose to its end.

    `strength_bias_gpa` is the most by which the strength is too large for being the largest of several noisy means.
    """

    youngs_gpa: float
    youngs_sigma_gpa: float
    proof_gpa: float | None
    proof_strain: float | None
    strength_gpa: float
    strength_sigma_gpa: float
    strength_bias_gpa: float
    strength_strain: float
    yielded: bool


def engineering(true_gpa: FloatArray, areas_angstrom2: FloatArray, *, at_first: float) -> FloatArray:
    """Force over the area at first (Å²), from true stresses (n,) and the areas (n,) that they act on.

    >>> engineering(np.array([10.0]), np.array([90.0]), at_first=100.0).tolist()
    [9.0]
    """
    return np.asarray(true_gpa * areas_angstrom2 / at_first, dtype=np.float64)


def read_curve(strain: FloatArray, stress_gpa: FloatArray) -> Curve:
    """Young's modulus from the first hundredth of strain, the proof stress at 0.2 % of lasting strain, and the largest stress.

    Arrays (n,), averaged over windows first; raises `DynamicsError` (`too_few_points`) where the beginning cannot be told.
    """
    windows = min(_WINDOWS, len(strain) // 2)
    if windows < 4 * _FEWEST_IN_SLOPE:
        raise DynamicsError("too_few_points", "The test is too short.", hint="Draw farther or more slowly.")
    e, s = block_means(strain, blocks=windows), block_means(stress_gpa, blocks=windows)
    first = np.abs(strain - strain[0]) <= _ELASTIC_UP_TO
    if int(first.sum()) < 4 * _FEWEST_IN_SLOPE:
        first = np.arange(len(strain)) < 4 * _FEWEST_IN_SLOPE
    # Samples in a row are correlated: the line goes through means.
    bins = max(_FEWEST_IN_SLOPE, min(20, int(first.sum()) // 4))
    slope = line(block_means(strain[first], blocks=bins), block_means(stress_gpa[first], blocks=bins))
    start = strain[0] - (slope.at(float(strain[0]))[0] / slope.slope if slope.slope > 0 else 0.0)
    offset = slope.slope * (e - start - _OFFSET)
    below = np.flatnonzero((s < offset) & (e - start > 2 * _OFFSET))
    proof: tuple[float, float] | None = None
    if len(below) and below[0] > 0:
        k = int(below[0])
        gap = np.array([s[k - 1] - offset[k - 1], s[k] - offset[k]])
        share = float(gap[0] / (gap[0] - gap[1])) if gap[0] > gap[1] else 0.0
        proof = (float(e[k - 1] + share * (e[k] - e[k - 1])), float(s[k - 1] + share * (s[k] - s[k - 1])))
    top = int(np.argmax(s))
    smooth_to = float(e[top]) if proof is None else min(proof[0], float(e[top]))
    rising = strain <= max(smooth_to, float(strain[4 * _FEWEST_IN_SLOPE - 1]))
    noise = _noise_of_means(strain[rising], stress_gpa[rising], length=len(strain) // windows)
    # The largest of n normal errors is about sigma sqrt(2 ln n); n is how many means could be the largest.
    rivals = int((s > s[top] - 3 * noise).sum())
    return Curve(
        youngs_gpa=slope.slope,
        youngs_sigma_gpa=slope.slope_sigma,
        proof_gpa=None if proof is None else proof[1],
        proof_strain=None if proof is None else proof[0],
        strength_gpa=float(s[top]),
        strength_sigma_gpa=noise,
        strength_bias_gpa=noise * math.sqrt(2 * math.log(rivals)) if rivals else 0.0,
        strength_strain=float(e[top]),
        yielded=bool(s[top:].min() < _FALLEN_TO * s[top]),
    )


def _noise_of_means(strain: FloatArray, stress_gpa: FloatArray, *, length: int) -> float:
    """One-sigma error in GPa of a mean over so many rows, from the scatter about a smooth curve through rows (n,) before yielding.

    Neighbouring rows are correlated: blocks tell by how much.
    """
    place = (strain - strain[0]) / max(float(np.ptp(strain)), 1e-12)
    scatter = stress_gpa - np.polynomial.Polynomial.fit(place, stress_gpa, _SMOOTH_ORDER)(place)
    return float(np.std(scatter)) * math.sqrt(min(1.0, average(scatter).inefficiency / length))


@protocol(
    name="md_tensile",
    title="Tensile test by molecular dynamics",
    measures=(),
    cost_s=300.0,
    prefers="tensile",
    version="2",
)
def run(args: TensileArgs, *, system: System, md: Md) -> Outcome:
    """Stress-strain curve of a cubic crystal or random alloy without defects: Young's modulus along the direction, proof stress, strength.

    The transverse stresses are kept at zero. Simulated rates are about 10⁹/s and the crystal is perfect: the strength is an upper bound.
    Typed failures: other_lattice, ordered_compound, too_few_points, and those of the runs.

    Example: matsmith tool md_tensile --args '{"element": "Al", "direction": [1, 0, 0], "temperature_k": 300}'
    """
    relaxed = md.relaxed_cell(system, shape="tri" if len(system.elements) > 1 else "iso")
    parent = parent_of(relaxed.atoms, wanted=("fcc", "bcc", "diamond"), what="Tensile tests")
    axes = frame_along(args.direction)
    unit = parent.cut(axes, repeat=(1, 1, 1))
    lengths = np.array(unit.cell.lengths())
    edge = (args.size / len(unit) * float(np.prod(lengths))) ** (1 / 3)
    i, j, k = (max(1, round(edge / float(n))) for n in lengths)
    whole = parent.cut(axes, repeat=(i, j, k), seed=md.seed)
    simulation = md.simulation("test", whole)
    values: dict[str, int | float | str] = {
        "temperature_k": args.temperature_k,
        "double_k": 2 * args.temperature_k,
        "rate_per_ps": args.rate_per_s * 1e-12,
    }
    md.note(f"{len(whole)} atoms to {args.temperature_k:g} K")
    warm = simulation.stage(
        "warm", _WARM_UP, steps=max(500, round(args.warm_ps / md.timestep_ps)), values=values, title="warming"
    )
    length, wide, thick = (
        average(warm.thermo[edge][len(warm.thermo[edge]) // 2 :]).mean for edge in ("lx", "ly", "lz")
    )
    steps = max(2000, round(args.strain / (args.rate_per_s * 1e-12) / md.timestep_ps))
    md.note(f"drawing by {100 * args.strain:g} % along {list(args.direction)}")
    drawn = simulation.stage("draw", _DRAW, steps=steps, values=values, title="drawing")
    strain = drawn.thermo["lx"] / length - 1
    true_stress = stresses_gpa(drawn.thermo)
    stress = engineering(true_stress[:, 0, 0], drawn.thermo["ly"] * drawn.thermo["lz"], at_first=wide * thick)
    curve = read_curve(strain, stress)
    truth = Truth.EXPERIMENT_AT_CONDITIONS
    quantities = {
        "tensile_strength": Quantity(
            value=1000 * curve.strength_gpa, unit="MPa", sigma=1000 * curve.strength_sigma_gpa, truth=truth
        ),
        "youngs_modulus_along_direction": Quantity(
            value=curve.youngs_gpa, unit="GPa", sigma=curve.youngs_sigma_gpa, truth=truth
        ),
    }
    if curve.proof_gpa is not None:
        quantities["yield_stress"] = Quantity(
            value=1000 * curve.proof_gpa, unit="MPa", sigma=1000 * curve.strength_sigma_gpa, truth=truth
        )
    warnings = [
        *md.warnings,
        f"drawn at {args.rate_per_s:.0e}/s without defects: strength and yield stress are upper bounds of what a specimen bears",
    ]
    if curve.strength_bias_gpa > _BIAS_WORTH_TELLING * curve.strength_gpa:
        warnings.append(
            f"the strength is the largest of noisy means, and up to {1000 * curve.strength_bias_gpa:.0f} MPa too large for that: take more atoms (size)"
        )
    if not curve.yielded:
        warnings.append("the stress had not fallen at the largest strain: draw farther (strain)")
    across = float(np.abs(true_stress[len(stress) // 10 :, 1, 1]).mean())
    facts: dict[str, JsonValue] = {
        "temperature_k": args.temperature_k,
        "direction": list(args.direction),
        "rate_per_s": args.rate_per_s,
        "atoms": len(whole),
        "strain_at_strength": round(curve.strength_strain, 5),
        "proof_strain": None if curve.proof_strain is None else round(curve.proof_strain, 5),
        "strength_too_large_by_at_most_gpa": round(curve.strength_bias_gpa, 4),
        "true_stress_at_strength_gpa": round(
            float(np.interp(curve.strength_strain, strain, true_stress[:, 0, 0])), 4
        ),
        "yielded": curve.yielded,
        "mean_transverse_stress_gpa": round(across, 4),
        **traces_fact(
            TracePlot(
                id="stress-over-strain",
                title="Stress over strain",
                x=("engineering strain", "%"),
                y=("engineering stress", "GPa"),
                traces=[Trace(name=f"along {list(args.direction)}", x=100 * strain, y=stress)],
                guides=[("x", 100 * curve.strength_strain, "strength")],
                note=f"At {args.rate_per_s:.0e}/s and {args.temperature_k:g} K, {len(whole)} atoms without defects.",
            )
        ),
    }
    return Outcome(
        quantities=quantities,
        facts=facts,
        method=md.method(
            "tension at a constant rate, no stress across",
            steps=steps,
            atoms=len(whole),
            ensemble="NPT across, strain along",
        ),
        warnings=tuple(warnings),
    )


TOOL = run
