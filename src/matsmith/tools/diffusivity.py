"""Diffusivity of an ion from molecular dynamics at several temperatures, and by Arrhenius' law at another one.

The supercell, as relaxed at 0 K or as given, is heated and sampled at all temperatures in the same batches (tools/ion_motion.py, models/trajectories.py); the slope of
the ion's mean-square displacement against the host gives the diffusivity at each (models/diffusion_statistics.py). A temperature
at which the host drifts is molten and left out; small cells without a surface melt late, so one that stays solid here may still be
above the melting point. Where the ion hops too seldom to tell, the bound above its diffusivity is given in place of a value.

What comes out is the potential's own. Universal potentials put barriers too low (B. Deng et al., npj Comput. Mater. 11, 9 (2025)),
so a diffusivity at a temperature that was computed carries an assumed factor, and one that was extrapolated is an order of
magnitude: it may refute, and confirms nothing.
"""

from __future__ import annotations

import math
import time
from collections.abc import Iterator, Sequence
from itertools import pairwise
from typing import TYPE_CHECKING

from pydantic import Field, JsonValue, field_validator

from matsmith.core.crystal import Crystal
from matsmith.core.quantity import Quantity, Truth
from matsmith.core.record import Outcome
from matsmith.knowledge.redox import ION_CHARGES, mean_charges
from matsmith.models.dynamics import BOLTZMANN_EV_PER_K
from matsmith.tools.base import Args, Deps, StructureRef, tool
from matsmith.tools.ion_motion import DRIFTED, Job, Point, followed, supercell_job
from matsmith.tools.melting import melting_point_k
from matsmith.tools.mobile_ion import ion_of
from matsmith.tools.potential import identity as potential_identity
from matsmith.tools.potential import potential
from matsmith.tools.relaxed_input import relaxed_bulks
from matsmith.tools.results import method_of

if TYPE_CHECKING:
    from matsmith.models.diffusion_statistics import Arrhenius

_NEAR_ENOUGH_EV_PER_ANGSTROM = 0.2
_SWUNG = 0.15
_FEWEST_TEMPERATURES = 3
_SAME_K = 0.5
# Assumed, as barriers of ions were held against three references alone: a factor of two where it was computed, of ten beyond.
_LN_COMPUTED, _LN_EXTRAPOLATED = math.log(2.0), math.log(10.0)
_COULOMB2_PER_J = 1.602176634e-19 / BOLTZMANN_EV_PER_K  # e²/k in C·K/V, with k in eV/K


class DiffusivityArgs(Args):
    """Of which ion in which crystal, at which temperatures, and for how long."""

    structure: StructureRef
    ion: str | None = Field(
        default=None,
        description="the element that moves; without it the mobile ion, or an element's own atoms",
    )
    at_k: float = Field(
        default=300.0, ge=100, le=4000, description="temperature in K at which the diffusivity is wanted"
    )
    temperatures_k: tuple[float, ...] = Field(
        default=(800.0, 1000.0, 1200.0),
        min_length=1,
        max_length=8,
        description="temperatures in K that are computed; three or more give other temperatures by Arrhenius' law",
    )
    length_ps: float | None = Field(
        default=None,
        gt=0,
        le=2000,
        description="picoseconds sampled at each temperature; without it what some ten minutes of two cores allow",
    )
    replicas: int = Field(default=1, ge=1, le=16, description="independent trajectories at each temperature")
    relax: bool = Field(
        default=True, description="whether the cell is relaxed first; without it the cell is taken as given"
    )
    max_atoms: int = Field(default=120, ge=4, le=1000, description="largest supercell")

    @field_validator("temperatures_k")
    @classmethod
    def _sound(cls, values: tuple[float, ...]) -> tuple[float, ...]:
        if not all(50 <= value <= 5000 for value in values):
            raise ValueError("temperatures have to lie between 50 and 5000 K")
        ordered = sorted(values)
        if any(high - low < 1 for low, high in pairwise(ordered)):
            raise ValueError("temperatures have to differ by 1 K at least")
        return tuple(ordered)


def run_many(batch: Sequence[DiffusivityArgs], *, deps: Deps) -> Iterator[tuple[int, Outcome]]:
    """Relax all cells in shared batches; then crystal after crystal, the temperatures and replicas of each in the same batches."""
    started = time.perf_counter()
    for index, prepared in _prepared(batch, deps=deps):
        if isinstance(prepared, Outcome):
            outcome = prepared
        else:
            points = followed(prepared, deps=deps)
            outcome = outcome_of(prepared, points, args=batch[index], deps=deps)
        now = time.perf_counter()
        yield index, outcome.model_copy(update={"wall_s": now - started})
        started = now


def _prepared(batch: Sequence[DiffusivityArgs], *, deps: Deps) -> Iterator[tuple[int, Job | Outcome]]:
    asked: list[int] = []
    ions: dict[int, str] = {}
    for index, args in enumerate(batch):
        crystal = deps.crystal(args.structure)
        found = _ion(args, crystal)
        if isinstance(found, Outcome):
            yield index, found
            continue
        ions[index] = found
        if args.relax:
            asked.append(index)
        else:
            cell = crystal.to_pymatgen().get_primitive_structure()
            yield index, supercell_job(args, ion=found, cell=cell)
    if not asked:
        return
    cells = (deps.crystal(batch[index].structure).to_pymatgen() for index in asked)
    bulks = relaxed_bulks(
        cells, potential=potential(deps.settings), within_ev_per_angstrom=_NEAR_ENOUGH_EV_PER_ANGSTROM
    )
    for place, result in bulks:
        index = asked[place]
        if isinstance(result, Outcome):
            yield index, result
        else:
            yield index, supercell_job(batch[index], ion=ions[index], cell=result.structure)


def _ion(args: DiffusivityArgs, crystal: Crystal) -> str | Outcome:
    elements = crystal.elements
    ion = ion_of(elements, formula=crystal.formula, named=args.ion)
    if isinstance(ion, Outcome):
        return ion
    point = melting_point_k(ion) if len(elements) == 1 else None
    if point is not None and args.temperatures_k[0] > point:
        return Outcome.failed(
            "molten",
            f"{ion} melts at {point:.0f} K, below all temperatures asked for.",
            hint="Give lower temperatures_k.",
        )
    return ion


def outcome_of(job: Job, points: Sequence[Point], *, args: DiffusivityArgs, deps: Deps) -> Outcome:
    """What the temperatures tell: a value, or the typed failure with what was found at each."""
    from matsmith.models.diffusion_statistics import arrhenius

    good = [point.diffusion for point in points if point.state == "diffusive" and point.diffusion is not None]
    same = [each for each in good if abs(each.temperature_k - args.at_k) <= _SAME_K]
    law = arrhenius(good) if len(good) >= _FEWEST_TEMPERATURES else None
    if same:
        value, ln_sigma = same[0].value_cm2_per_s, math.hypot(same[0].relative, _LN_COMPUTED)
    elif law is not None:
        value, ln_fit = law.at(args.at_k)
        ln_sigma = math.hypot(ln_fit, _LN_EXTRAPOLATED)
    else:
        return _untold(job, points, args=args)
    return _measured(
        job, points, args=args, law=law, value=value, ln_sigma=ln_sigma, direct=bool(same), deps=deps
    )


def _untold(job: Job, points: Sequence[Point], *, args: DiffusivityArgs) -> Outcome:
    """The typed failure where the temperatures that serve are too few, with all that was found at each."""
    states = [point.state for point in points]
    code = max(("still", "molten", "failed"), key=states.count)
    told = "; ".join(_told(point) for point in points)
    where = f"at {args.at_k:g} K" if len(points) >= _FEWEST_TEMPERATURES else "anywhere but there"
    hints = {
        "still": "Give a longer length_ps, more replicas, or higher temperatures_k below the melting point.",
        "molten": "Give lower temperatures_k.",
        "failed": "Relax the structure first, or give lower temperatures_k.",
    }
    if not any(state == code for state in states):
        return Outcome.failed(
            "too_few_temperatures",
            f"Arrhenius' law needs {_FEWEST_TEMPERATURES} temperatures to tell the diffusivity of {job.ion} {where}: {told}.",
            hint="Give three temperatures_k, or an at_k that is one of them.",
        )
    codes = {"still": "too_slow", "molten": "molten", "failed": "exploded"}
    return Outcome.failed(
        codes[code],
        f"{job.ion} could be followed at {states.count('diffusive')} of {len(points)} temperatures in "
        f"{job.settings.sampling_steps * job.settings.time_step_fs / 1000:g} ps, and {_FEWEST_TEMPERATURES} are needed: {told}.",
        hint=hints[code],
    )


def _told(point: Point) -> str:
    head = f"{point.temperature_k:g} K"
    found = point.diffusion
    if point.state == "failed" or found is None:
        return f"{head}: {point.message}"
    if point.state == "molten":
        return f"{head}: the host has melted"
    if point.state == "still":
        return f"{head}: about {found.hops:.0f} hops, below {found.bound_cm2_per_s:.1e} cm²/s (95 %)"
    return f"{head}: {found.value_cm2_per_s:.1e} ± {found.sigma_cm2_per_s:.0e} cm²/s"


def _measured(
    job: Job,
    points: Sequence[Point],
    *,
    args: DiffusivityArgs,
    law: Arrhenius | None,
    value: float,
    ln_sigma: float,
    direct: bool,
    deps: Deps,
) -> Outcome:
    truth = Truth.EXPERIMENT_300K if abs(args.at_k - 300.0) <= 10 else Truth.EXPERIMENT_AT_CONDITIONS
    relative = math.exp(ln_sigma) - 1.0
    quantities = {"diffusivity": Quantity(value=value, unit="cm**2/s", sigma=relative * value, truth=truth)}
    charge = _charge(job)
    if charge is not None:
        conductivity = _nernst_einstein_s_per_cm(job, value, charge=charge, at_k=args.at_k)
        quantities["ionic_conductivity"] = Quantity(
            value=conductivity, unit="S/cm", sigma=relative * conductivity, truth=truth
        )
    if law is not None:
        quantities["activation_energy"] = Quantity(
            value=law.activation_ev,
            unit="eV",
            sigma=math.hypot(law.activation_sigma_ev, _assumed_barrier_ev(points)),
            truth=Truth.EXPERIMENT_AT_CONDITIONS,
        )
    low, high = value * math.exp(-ln_sigma), value * math.exp(ln_sigma)
    said = (
        f"the barriers of the potential are too low by an amount that was held against few references: between {low:.0e} and "
        f"{high:.0e} cm²/s (one sigma, assumed)"
        if direct
        else f"an order of magnitude, extrapolated from {points[0].temperature_k:g} K and above to {args.at_k:g} K: between {low:.0e} and "
        f"{high:.0e} cm²/s (one sigma)"
    )
    others = [_told(point) for point in points if point.state != "diffusive"]
    return Outcome(
        quantities=quantities,
        facts=_facts(
            job,
            points,
            args=args,
            law=law,
            direct=direct,
            range_cm2_per_s=(low, high),
            caveat=said,
            charge=charge,
        ),
        crystal=Crystal.from_pymatgen(job.whole),
        method=method_of(
            deps.settings,
            name=f"molecular dynamics, {len(points)} temperatures, {len(job.whole)} atoms, "
            f"{job.settings.sampling_steps * job.settings.time_step_fs / 1000:g} ps in steps of {job.settings.time_step_fs:g} fs; "
            "Einstein's relation against the host's centre",
            reference="errors of the potential in barriers are assumed",
        ),
        warnings=(said, *others, *_doubts(points)),
    )


def _assumed_barrier_ev(points: Sequence[Point]) -> float:
    """What a factor of two between the ends of the temperatures would change the activation energy by."""
    low, high = points[0].temperature_k, points[-1].temperature_k
    return _LN_COMPUTED * BOLTZMANN_EV_PER_K / (1 / low - 1 / high) if high > low else math.inf


def _doubts(points: Sequence[Point]) -> list[str]:
    """What speaks against some temperature that was used."""
    found: list[str] = []
    for point in points:
        if point.state != "diffusive" or point.diffusion is None:
            continue
        drifting = [each.element for each in point.host if each.drift > DRIFTED]
        if drifting:
            found.append(f"at {point.temperature_k:g} K {', '.join(drifting)} of the host moves too")
        swinging = max((each.swing for each in point.host), default=0.0)
        if swinging > _SWUNG:
            found.append(
                f"at {point.temperature_k:g} K the host swings by {100 * swinging:.0f} % of the distance of neighbours: near melting"
            )
        if point.diffusion.linear_share < 0.5:
            found.append(f"at {point.temperature_k:g} K most of the displacement is vibration: sample longer")
        if point.message:
            found.append(f"at {point.temperature_k:g} K {point.message}")
    return found


def _facts(
    job: Job,
    points: Sequence[Point],
    *,
    args: DiffusivityArgs,
    law: Arrhenius | None,
    direct: bool,
    range_cm2_per_s: tuple[float, float],
    caveat: str,
    charge: float | None,
) -> dict[str, JsonValue]:
    listed: list[JsonValue] = []
    for point in points:
        found = point.diffusion
        listed.append(
            {
                "temperature_k": point.temperature_k,
                "state": point.state,
                **({"note": point.message} if point.message else {}),
                **(
                    {}
                    if found is None
                    else {
                        "diffusivity_cm2_per_s": float(f"{found.value_cm2_per_s:.4g}"),
                        "sigma_cm2_per_s": float(f"{found.sigma_cm2_per_s:.3g}"),
                        "below_cm2_per_s": float(f"{found.bound_cm2_per_s:.3g}"),
                        "hops": round(found.hops, 1),
                        "linear_share": round(found.linear_share, 3),
                        "mean_temperature_k": round(point.mean_temperature_k, 1),
                        "energy_drift_mev_per_atom_per_ps": round(1000 * point.drift_ev_per_atom_per_ps, 4),
                    }
                ),
                "host": {
                    each.element: {"swing": round(each.swing, 3), "drift": round(each.drift, 3)}
                    for each in point.host
                },
            }
        )
    return {
        "ion": job.ion,
        "at_k": args.at_k,
        "how": "computed at this temperature"
        if direct
        else "extrapolated by Arrhenius' law: an order of magnitude",
        "between_cm2_per_s": [float(f"{end:.2g}") for end in range_cm2_per_s],
        "temperatures": listed,
        **(
            {}
            if law is None
            else {
                "prefactor_cm2_per_s": float(f"{math.exp(law.ln_prefactor):.3g}"),
                "activation_energy_sigma_of_the_fit_ev": round(law.activation_sigma_ev, 4),
            }
        ),
        "charge_of_the_ion": charge,
        "conductivity_by": "Nernst and Einstein, ions that move one by one",
        "supercell_atoms": len(job.whole),
        "length_ps": job.settings.sampling_steps * job.settings.time_step_fs / 1000,
        "time_step_fs": job.settings.time_step_fs,
        "replicas": args.replicas,
        "cell": "relaxed at 0 K; thermal expansion is left out" if args.relax else "as given",
        "inconclusive": dict.fromkeys(("diffusivity", "ionic_conductivity"), caveat),
    }


def _charge(job: Job) -> float | None:
    """Charge of the ion in units of the elementary charge; None for a metal's atoms and where none can be told."""
    if not job.host:
        return None
    if job.ion in ION_CHARGES:
        return float(ION_CHARGES[job.ion])
    amounts = {str(symbol): float(n) for symbol, n in job.whole.composition.as_dict().items()}
    found = mean_charges(amounts)
    return None if found is None or not found.get(job.ion) else float(found[job.ion])


def _nernst_einstein_s_per_cm(job: Job, diffusivity_cm2_per_s: float, *, charge: float, at_k: float) -> float:
    """Conductivity n (z e)² D / k T in S/cm, at the temperature asked for."""
    ions = float(job.whole.composition.as_dict()[job.ion])
    per_cm3 = ions / job.whole.volume * 1e24
    return per_cm3 * charge**2 * _COULOMB2_PER_J * diffusivity_cm2_per_s / at_k


@tool(
    name="diffusivity",
    title="Ionic diffusivity from molecular dynamics",
    measures=("diffusivity",),
    cost_s=600.0,
    needs_worker=True,
    identity=potential_identity,
    run_many=run_many,
)
def run(args: DiffusivityArgs, *, deps: Deps) -> Outcome:
    """Diffusivity (cm2/s) of an ion by molecular dynamics at several temperatures, and at `at_k` by Arrhenius' law.

    Quantities: `diffusivity`, `ionic_conductivity` (S/cm, by Nernst and Einstein) and `activation_energy` (eV). An extrapolated value is an
    order of magnitude. Facts: value, hops and the host's motion at each temperature. A run that was killed goes on from its last checkpoint when the same
    call is made again. Typed failures: too_slow (with upper bounds), molten, exploded, too_few_temperatures, no_ion, too_large, and
    those of the relaxation.

    Example: matsmith tool diffusivity --args '{"structure": "Li3N.cif", "temperatures_k": [700, 850, 1000], "length_ps": 20}'
    """
    return next(iter(run_many([args], deps=deps)))[1]


TOOL = run
