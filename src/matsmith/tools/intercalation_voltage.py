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
from dataclasses import dataclass, field
from itertools import pairwise
from typing import TYPE_CHECKING

from pydantic import Field, JsonValue

from matsmith.core.crystal import Crystal
from matsmith.core.errors import StructureError
from matsmith.core.quantity import Quantity, Truth
from matsmith.core.record import Outcome
from matsmith.core.settings import Settings
from matsmith.knowledge.redox import ION_CHARGES, mean_charges, removable
from matsmith.tools.base import Args, Deps, StructureRef, tool
from matsmith.tools.elemental_energy import elemental_energy_ev_per_atom
from matsmith.tools.measured_errors import error_of, identity_with_errors
from matsmith.tools.mobile_ion import mobile_ion
from matsmith.tools.potential import potential
from matsmith.tools.relaxed_input import failed_relaxation
from matsmith.tools.results import method_of

if TYPE_CHECKING:
    from pymatgen.core import Structure

    from matsmith.models.relaxation import RelaxationFailure, Relaxed

_MAH_PER_MOL = 26801.4814
"""Faraday's constant in mA h/mol (CODATA 2018: 96485.33212 C/mol)."""
_LARGE_VOLUME_CHANGE = 0.12
_FALLS_APART = 0.25
_FALLEN_APART_V = 0.5
_NEAR_ENOUGH_EV_PER_ANGSTROM = 0.2
_MAX_STEPS = 250


class VoltageArgs(Args):
    """The discharged host, which of its ions moves, and how far it is charged."""

    structure: StructureRef
    ion: str | None = Field(
        default=None,
        description="the mobile ion; without it the alkali of the structure, else Mg, Ca, Zn, Al or Y",
    )
    remaining: tuple[float, ...] = Field(
        default=(),
        max_length=8,
        description="shares of the ions left in the charged states, such as [0, 0.5]; without it, as few as the redox "
        "elements allow",
    )
    charged: StructureRef | None = Field(
        default=None,
        description="the charged host, when it is known and not the same frame",
        json_schema_extra={"x-reference": "structure"},
    )
    orderings: int = Field(
        default=3,
        ge=1,
        le=30,
        description="arrangements of the ions left, by electrostatic energy, that are relaxed",
    )


@dataclass(kw_only=True)
class _Job:
    """One host: its states to relax, with the ions each keeps per host formula as given, and what came out."""

    args: VoltageArgs
    ion: str
    given: Crystal
    limit: float | None
    states: list[tuple[float, Structure]]
    warnings: list[str]
    results: dict[int, Relaxed | RelaxationFailure] = field(
        default_factory=dict[int, "Relaxed | RelaxationFailure"]
    )


def run_many(batch: Sequence[VoltageArgs], *, deps: Deps) -> Iterator[tuple[int, Outcome]]:
    """Relax all states of all hosts in shared batches."""
    from matsmith.models.relaxation import RelaxationSettings, relax

    model = potential(deps.settings)
    jobs: dict[int, _Job] = {}
    started = time.perf_counter()
    for index, args in enumerate(batch):
        prepared = _prepare(args, deps=deps)
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


def _prepare(args: VoltageArgs, *, deps: Deps) -> _Job | Outcome:
    """The states to relax, or why there are none."""
    given = deps.crystal(args.structure)
    ion = args.ion or mobile_ion(given.elements)
    if ion is None or ion not in given.elements or ion not in ION_CHARGES:
        return Outcome.failed(
            "no_ion",
            f"{given.formula} holds no {ion or 'ion that a battery shuttles'}."
            if ion is None or ion in ION_CHARGES
            else f"{ion} is no ion that a battery shuttles.",
            hint=f"Give the discharged host with one of {', '.join(ION_CHARGES)} in it.",
        )
    if len(given.elements) == 1:
        return Outcome.failed(
            "no_host", f"{given.formula} is the metal itself.", hint="Give a host with the ions in it."
        )
    if args.charged is not None:
        return _with_given_charged(args, given, ion, deps.crystal(args.charged))
    amounts = {symbol: float(n) for symbol, n in given.amounts.items()}
    limit = removable(amounts, ion=ion)
    total = given.amounts[ion]
    warnings: list[str] = []
    if limit is not None and limit < 1.0 - 1e-6 and not args.remaining:
        return Outcome.failed(
            "no_redox",
            f"No element of {given.formula} gives up an electron when {ion} leaves: every one is at the highest oxidation "
            "state that cathodes reach.",
            hint="Charge taken from oxygen is outside this method. To compute it all the same, give `remaining`; whether "
            "it withstands a voltage as an electrolyte is told by electrochemical_window.",
        )
    if limit is None:
        warnings.append(
            "oxidation states cannot tell how many ions may leave: taken as a host that all of them leave"
        )
    left = {_count(share, total) for share in args.remaining} or {math.ceil(total - (limit or total) - 1e-6)}
    if not all(0 <= count < total for count in left):
        return Outcome.failed(
            "no_charge",
            f"Of {total} {ion} in the cell none leaves at the shares {list(args.remaining)}.",
            hint="Give shares below 1 that the cell can show; a supercell shows finer ones.",
        )
    if limit is not None and total - min(left) > limit + 1e-6:
        warnings.append(
            f"beyond {limit / total:.0%} of the {ion} the charge comes from oxygen or another anion, or an unusual oxidation "
            "state: the potential does not know such states"
        )
    structure = given.to_pymatgen()
    states: list[tuple[float, Structure]] = [(float(total), structure)]
    for count in sorted(left, reverse=True):
        states += [
            (float(count), each)
            for each in _charged(structure, ion, count, most=args.orderings, seed=deps.seed)
        ]
    return _Job(args=args, ion=ion, given=given, limit=limit, states=states, warnings=warnings)


def _count(share: float, total: int) -> int:
    return round(share * total) if 0 <= share <= 1 else -1


def _with_given_charged(args: VoltageArgs, given: Crystal, ion: str, charged: Crystal) -> _Job | Outcome:
    """Both ends are given: their hosts must be the same formula."""
    here = {symbol: n for symbol, n in given.amounts.items() if symbol != ion}
    there = {symbol: n for symbol, n in charged.amounts.items() if symbol != ion}
    ratios = {symbol: there.get(symbol, 0) / n for symbol, n in here.items()}
    scale = next(iter(ratios.values()), 0.0)
    left = charged.amounts.get(ion, 0) / scale if scale else math.inf
    if (
        here.keys() != there.keys()
        or max(ratios.values()) - min(ratios.values()) > 1e-9
        or left >= given.amounts[ion]
    ):
        return Outcome.failed(
            "not_the_same_host",
            f"{charged.formula} is not {given.formula} with less {ion}.",
            hint="Give the same host with fewer ions as `charged`.",
        )
    states = [(float(given.amounts[ion]), given.to_pymatgen()), (left, charged.to_pymatgen())]
    return _Job(args=args, ion=ion, given=given, limit=None, states=states, warnings=[])


def _charged(structure: Structure, ion: str, count: int, *, most: int, seed: int) -> list[Structure]:
    """The host with `count` ions left, in the arrangements of lowest electrostatic energy."""
    from matsmith.models.site_orderings import Sublattice, orderings

    if count == 0:
        bare = structure.copy()
        bare.remove_species([ion])
        return [bare]
    sites = tuple(k for k, site in enumerate(structure) if str(site.specie.symbol) == ion)
    amounts: dict[str, float] = {str(k): float(v) for k, v in structure.composition.as_dict().items()}
    charges = mean_charges({**amounts, ion: float(count)}) or {ion: float(ION_CHARGES[ion])}
    found = orderings(
        structure, [Sublattice(sites=sites, counts={ion: count})], charges=charges, most=most, seed=seed
    )
    return [each.structure for each in found.found]


def _outcome(job: _Job, *, deps: Deps) -> Outcome:
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
    job: _Job, lowest: Mapping[float, tuple[float, Relaxed]], *, metal_ev: float, deps: Deps
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


def _formula_units(structure: Structure, job: _Job) -> float:
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
