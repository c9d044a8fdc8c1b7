"""Average intercalation voltage from relaxed energies of a host with its mobile ions and without them.

    V = -[E(A_x1 H) - E(A_x0 H) - (x1 - x0) E(A)] / [z (x1 - x0)],

with A the ion's metal and z its charge (M. K. Aydinol et al., Phys. Rev. B 56, 1354 (1997)). Where several states of charge are
asked for, the voltage steps are those of the convex hull of the states. How many ions may leave is told by the highest
oxidation states that cathodes reach; electrons from oxygen are not counted on.
"""

from __future__ import annotations

import math
import time
from collections.abc import Iterator, Mapping, Sequence
from itertools import pairwise
from typing import TYPE_CHECKING

from pydantic import JsonValue

from matsmith.core.crystal import Crystal
from matsmith.core.errors import StructureError
from matsmith.core.quantity import Quantity, Truth
from matsmith.core.record import Outcome
from matsmith.core.settings import Settings
from matsmith.knowledge.redox import ION_CHARGES
from matsmith.tools.base import Deps, tool
from matsmith.tools.charge_states import ChargeJob, VoltageArgs, charge_job
from matsmith.tools.elemental_energy import elemental_energy_ev_per_atom
from matsmith.tools.measured_errors import error_of, identity_with_errors
from matsmith.tools.potential import potential
from matsmith.tools.relaxed_input import failed_relaxation
from matsmith.tools.results import method_of

if TYPE_CHECKING:
    from pymatgen.core import Structure

    from matsmith.models.relaxation import Relaxed

_MAH_PER_MOL = 26801.4814
"""Faraday's constant in mA h/mol (CODATA 2018: 96485.33212 C/mol)."""
_LARGE_VOLUME_CHANGE = 0.12
_FALLS_APART = 0.25
_FALLEN_APART_V = 0.5
_NEAR_ENOUGH_EV_PER_ANGSTROM = 0.2
_MAX_STEPS = 250


def run_many(batch: Sequence[VoltageArgs], *, deps: Deps) -> Iterator[tuple[int, Outcome]]:
    """Relax all states of all hosts in shared batches."""
    from matsmith.models.relaxation import RelaxationSettings, relax

    model = potential(deps.settings)
    jobs: dict[int, ChargeJob] = {}
    started = time.perf_counter()
    for index, args in enumerate(batch):
        prepared = charge_job(args, deps=deps)
        if isinstance(prepared, Outcome):
            yield index, prepared
        else:
            jobs[index] = prepared
    order = [(index, place) for index, job in jobs.items() for place in range(len(job.states))]
    settings = RelaxationSettings(max_steps=_MAX_STEPS)
    for number, result in relax(
        (jobs[index].states[place][1] for index, place in order), potential=model, settings=settings
    ):
        index, place = order[number]
        job = jobs[index]
        job.results[place] = result
        if len(job.results) == len(job.states):
            now = time.perf_counter()
            yield index, _outcome(job, deps=deps).model_copy(update={"wall_s": now - started})
            started = now


def _outcome(job: ChargeJob, *, deps: Deps) -> Outcome:
    """The lowest arrangement of each state of charge, their hull, and the voltage between its ends."""
    from matsmith.models.relaxation import RelaxationFailure, near_minimum

    lowest: dict[float, tuple[float, Relaxed]] = {}
    host = {symbol: n for symbol, n in job.given.amounts.items() if symbol != job.ion}
    for place, (kept, structure) in enumerate(job.states):
        result = job.results[place]
        found = near_minimum(result, within_ev_per_angstrom=_NEAR_ENOUGH_EV_PER_ANGSTROM)
        if found is None:
            if isinstance(result, RelaxationFailure) and (
                (kept not in lowest and place + 1 == len(job.states)) or place == 0
            ):
                which = "discharged" if place == 0 else "charged"
                return failed_relaxation(f"The {which} host", result)
            continue
        symbol = next(iter(host))
        scale = float(structure.composition.as_dict()[symbol]) / host[symbol]
        energy = found.energy_ev_per_atom * len(structure) / scale
        if kept not in lowest or energy < lowest[kept][0]:
            lowest[kept] = (energy, found)
    if len(lowest) < 2:
        return Outcome.failed(
            "unconverged", "No charged state could be relaxed.", hint="Give the charged host as `charged`."
        )
    metal = elemental_energy_ev_per_atom(job.ion, settings=deps.settings)
    return _measured(job, lowest, metal_ev=metal, deps=deps)


def voltage_steps(
    energies_ev: Mapping[float, float], *, metal_ev: float, ion_charge: int
) -> list[tuple[float, float, float]]:
    """The steps of a charge: (ions at its start, ions at its end, volts), over the lower convex hull of the states.

    >>> voltage_steps({1.0: -10.0, 0.5: -7.2, 0.0: -4.0}, metal_ev=-2.0, ion_charge=1)
    [(1.0, 0.5, 3.6), (0.5, 0.0, 4.4)]
    """
    points = sorted(energies_ev.items(), reverse=True)
    hull: list[tuple[float, float]] = []
    for x, energy in points:
        while len(hull) >= 2:
            (x0, e0), (x1, e1) = hull[-2], hull[-1]
            if (e1 - e0) * (x0 - x) >= (energy - e0) * (x0 - x1):
                hull.pop()
            else:
                break
        hull.append((x, energy))
    return [
        (x1, x0, round(-(e1 - e0 - (x1 - x0) * metal_ev) / (ion_charge * (x1 - x0)), 12))
        for (x1, e1), (x0, e0) in pairwise(hull)
    ]


def _measured(
    job: ChargeJob, lowest: Mapping[float, tuple[float, Relaxed]], *, metal_ev: float, deps: Deps
) -> Outcome:
    from pymatgen.core import Composition

    from matsmith.knowledge.bonding_network import bonded_directions

    full, empty = max(lowest), min(lowest)
    moved, charge = full - empty, ION_CHARGES[job.ion]
    raw = -(lowest[full][0] - lowest[empty][0] - moved * metal_ev) / (charge * moved)
    kind = "other" if job.limit is None and job.args.charged is None else "redox"
    known = error_of("voltage", kind=kind, settings=deps.settings)
    value = known.corrected(raw)
    mass = float(Composition(job.given.amounts).weight)
    capacity = moved * charge * _MAH_PER_MOL / mass
    steps = voltage_steps(
        {x: energy for x, (energy, _) in lowest.items()}, metal_ev=metal_ev, ion_charge=charge
    )
    scale = {
        x: lowest[x][1].structure.volume / _formula_units(lowest[x][1].structure, job) for x in (full, empty)
    }
    change = scale[empty] / scale[full] - 1
    warnings = list(job.warnings)
    sigma = known.sigma(value)
    if abs(change) > _LARGE_VOLUME_CHANGE:
        warnings.append(f"the host changes its volume by {change:+.0%} on charge: it may not keep its frame")
    if abs(change) > _FALLS_APART:
        sigma = math.hypot(sigma, _FALLEN_APART_V)
    if bonded_directions(lowest[empty][1].structure) < 3:
        warnings.append(
            "the charged host is made of layers, which dispersion holds together: the potential has none"
        )
    if job.limit is not None and full - empty > job.limit + 1e-6:
        sigma = math.hypot(sigma, 0.5)
    facts: dict[str, JsonValue] = {
        "ion": job.ion,
        "host": Composition({s: n for s, n in job.given.amounts.items() if s != job.ion}).reduced_formula,
        "ions_left_share": round(empty / full, 4),
        "uncorrected_voltage_v": round(raw, 4),
        "steps": [
            [round(a / full, 4), round(b / full, 4), round(known.corrected(v), 3)] for a, b, v in steps
        ],
        "volume_change_on_charge": round(change, 4),
        "specific_energy_wh_per_kg": round(capacity * value, 1),
        "capacity_per_volume_ma_h_per_cm3": round(capacity * mass / (0.60221408 * scale[full]), 1),
        "states_relaxed": len(job.states),
        "reference_energy_of_the_metal_ev_per_atom": round(metal_ev, 4),
    }
    return Outcome(
        quantities={
            "voltage": Quantity(value=value, unit="V", sigma=sigma, truth=Truth.EXPERIMENT_300K),
            "specific_capacity": Quantity(value=capacity, unit="mA*h/g", sigma=0.0, truth=Truth.EXACT),
        },
        facts=facts,
        crystal=Crystal.from_pymatgen(lowest[empty][1].structure),
        method=method_of(
            deps.settings,
            name=f"average voltage against {job.ion} metal, relaxed host with and without ions",
            reference=known.source,
        ),
        warnings=tuple(warnings),
    )


def _formula_units(structure: Structure, job: ChargeJob) -> float:
    symbol = next(s for s in job.given.amounts if s != job.ion)
    return float(structure.composition.as_dict()[symbol]) / job.given.amounts[symbol]


def _identity(settings: Settings) -> str:
    # For hosts whose oxidation states tell what moves, and for others.
    return identity_with_errors("voltage", settings=settings, kinds=("redox", "other"))


@tool(
    name="intercalation_voltage",
    title="Average intercalation voltage",
    measures=("voltage", "specific_capacity"),
    cost_s=4.0,
    needs_worker=True,
    identity=_identity,
    run_many=run_many,
)
def run(args: VoltageArgs, *, deps: Deps) -> Outcome:
    """Average voltage (V against the ion's metal) and capacity (mA h/g) of a discharged host, such as LiFePO4.

    All ions leave that the redox elements can spare, or as many as `remaining` says; several shares give the voltage steps.
    Quantities: `voltage`, against measured open-circuit voltages, and `specific_capacity`, exact for that many ions. The
    structure returned is the charged host. Typed failures: no_ion, no_redox, no_host, no_charge, not_the_same_host, and those
    of the relaxation.
    """
    try:
        return next(iter(run_many([args], deps=deps)))[1]
    except StructureError as error:
        return Outcome.failed("malformed", error.message, hint=error.hint)


TOOL = run
