"""Migration barrier of an ion by vacancy hops: a nudged elastic band for each kind of hop, and the network that they make.

The barrier of a crystal is the lowest height at which the hops below it go on through the crystal: in one direction at least, and
in two and three where they do. Universal potentials put barriers too low (B. Deng et al., npj Comput. Mater. 11, 9 (2025)): the
correction is measured. Interstitial and concerted motion are not looked at, so a fast conductor may have a lower path.
"""

from __future__ import annotations

import math
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

import numpy as np
from pydantic import Field, JsonValue

from matsmith.core.crystal import Crystal
from matsmith.core.quantity import Quantity, Truth
from matsmith.core.record import Outcome
from matsmith.core.settings import Settings
from matsmith.tools.base import Args, Deps, StructureRef, tool
from matsmith.tools.measured_errors import error_of, identity_with_errors, kind_of
from matsmith.tools.mobile_ion import ion_of
from matsmith.tools.potential import potential
from matsmith.tools.relaxed_input import relaxed_bulks
from matsmith.tools.results import hint_for, method_of

if TYPE_CHECKING:
    from pymatgen.core import Structure

    from matsmith.models.hops import Hop
    from matsmith.models.nudged_elastic_band import Path
    from matsmith.models.potentials.interface import FloatArray, Refusal
    from matsmith.models.relaxation import RelaxationFailure, Relaxed

_IMAGE_DISTANCE_ANGSTROM = 7.0
_LONGEST_HOP_ANGSTROM = 5.5
_NEAR_ENOUGH_EV_PER_ANGSTROM = 0.15
_INDEX = "bulk_index"


class BarrierArgs(Args):
    """Of which ion in which crystal, and how much may be spent."""

    structure: StructureRef
    ion: str | None = Field(
        default=None, description="the element that moves; without it the mobile ion, or a metal's own atoms"
    )
    max_hops: int = Field(default=3, ge=1, le=10, description="kinds of hops computed, the shortest first")
    images: int = Field(
        default=5,
        ge=3,
        le=15,
        description="images between the ends of a hop; an odd number has one in the middle",
    )
    max_atoms: int = Field(default=120, ge=8, le=600, description="largest supercell")


@dataclass(kw_only=True)
class _Job:
    args: BarrierArgs
    ion: str
    bulk: Structure
    supercell_atoms: int
    hops: list[Hop]
    ends: list[tuple[Structure, Structure]]
    relaxed: dict[int, Relaxed] = field(default_factory=dict[int, "Relaxed"])
    failure: RelaxationFailure | None = None
    paths: dict[int, Path | Refusal] = field(default_factory=dict[int, "Path | Refusal"])


def run_many(batch: Sequence[BarrierArgs], *, deps: Deps) -> Iterator[tuple[int, Outcome]]:
    """Relax all bulk cells, then all ends of hops, then all bands, each in shared batches."""
    from matsmith.models.nudged_elastic_band import BandSettings, bands
    from matsmith.models.relaxation import RelaxationFailure, RelaxationSettings, near_minimum, relax

    model = potential(deps.settings)
    started = time.perf_counter()
    jobs: dict[int, _Job] = {}
    starts = (deps.crystal(args.structure).to_pymatgen() for args in batch)
    bulks = relaxed_bulks(starts, potential=model, within_ev_per_angstrom=_NEAR_ENOUGH_EV_PER_ANGSTROM)
    for index, bulk in bulks:
        job = bulk if isinstance(bulk, Outcome) else _prepare(batch[index], bulk.structure)
        if isinstance(job, Outcome):
            yield index, job
        else:
            jobs[index] = job
    order = [(index, end) for index, job in jobs.items() for end in range(2 * len(job.ends))]
    fixed = RelaxationSettings(cell="fixed", max_steps=150, force_tolerance_ev_per_angstrom=0.04)
    cells = (jobs[index].ends[end // 2][end % 2] for index, end in order)
    for number, result in relax(cells, potential=model, settings=fixed):
        index, end = order[number]
        found = near_minimum(result, within_ev_per_angstrom=_NEAR_ENOUGH_EV_PER_ANGSTROM)
        if found is not None:
            jobs[index].relaxed[end] = found
        elif isinstance(result, RelaxationFailure):
            jobs[index].failure = result
    pairs = [
        (index, hop)
        for index, job in jobs.items()
        for hop in range(len(job.ends))
        if {2 * hop, 2 * hop + 1} <= job.relaxed.keys()
    ]
    for images in sorted({jobs[index].args.images for index, _ in pairs}):
        chosen = [(index, hop) for index, hop in pairs if jobs[index].args.images == images]
        ends = [_band_ends(jobs[index], hop) for index, hop in chosen]
        for number, path in bands(ends, potential=model, settings=BandSettings(images=images)):
            index, hop = chosen[number]
            jobs[index].paths[hop] = path
    each_s = (time.perf_counter() - started) / max(1, len(jobs))
    for index, job in jobs.items():
        yield index, _outcome(job, deps=deps).model_copy(update={"wall_s": each_s})


def _band_ends(job: _Job, hop: int) -> tuple[Structure, float, Structure, float]:
    first, last = job.relaxed[2 * hop], job.relaxed[2 * hop + 1]
    return (
        first.structure,
        first.energy_ev_per_atom * len(first.structure),
        last.structure,
        last.energy_ev_per_atom * len(last.structure),
    )


def _prepare(args: BarrierArgs, bulk: Structure) -> _Job | Outcome:
    """The ends of each kind of hop, as supercells with a vacancy, or why there are none."""
    from matsmith.models.hops import distinct_hops
    from matsmith.models.supercells import supercell_at_least

    symbols = sorted({str(site.specie.symbol) for site in bulk})
    formula = str(bulk.composition.reduced_formula)
    ion = ion_of(symbols, formula=formula, named=args.ion)
    if isinstance(ion, Outcome):
        return ion
    hops = _enough(distinct_hops(bulk, ion, longest_angstrom=_LONGEST_HOP_ANGSTROM), most=args.max_hops)
    if not hops:
        return Outcome.failed(
            "no_path",
            f"No two sites of {ion} in {formula} stand within {_LONGEST_HOP_ANGSTROM:g} Å of each other.",
            hint="A vacancy cannot carry it: another mechanism would have to.",
        )
    marked = bulk.copy()
    marked.add_site_property(_INDEX, list(range(len(bulk))))
    whole = supercell_at_least(marked, distance_angstrom=_IMAGE_DISTANCE_ANGSTROM, max_atoms=args.max_atoms)
    if whole is None:
        return Outcome.failed(
            "too_large",
            f"A supercell of {formula} with images {_IMAGE_DISTANCE_ANGSTROM:g} Å apart needs more than {args.max_atoms} atoms.",
            hint="Raise max_atoms.",
        )
    ends = [_ends(whole, hop) for hop in hops]
    return _Job(args=args, ion=ion, bulk=bulk, supercell_atoms=len(whole), hops=hops, ends=ends)


def _enough(hops: Sequence[Hop], *, most: int) -> list[Hop]:
    """The shortest kinds of hops, until they lead in every direction that all of them lead."""
    from matsmith.models.hops import directions

    wanted = directions([edge for hop in hops for edge in hop.edges])
    chosen: list[Hop] = []
    for hop in hops[:most]:
        chosen.append(hop)
        if directions([edge for each in chosen for edge in each.edges]) >= wanted:
            break
    return chosen


def _ends(whole: Structure, hop: Hop) -> tuple[Structure, Structure]:
    """The supercell without the site that the hop ends on, before the hop and after it, atoms in the same order."""
    from matsmith.models.supercells import site_marks

    indices = site_marks(whole, _INDEX)
    start = indices.index(hop.start)
    lattice = np.array(whole.lattice.matrix)
    target = np.array(whole.cart_coords)[start] + hop.vector_angstrom
    gap: FloatArray = np.array(whole.frac_coords, dtype=np.float64) - target @ np.linalg.inv(lattice)
    gap -= np.round(gap)
    end = int(np.linalg.norm(gap @ lattice, axis=1).argmin())
    before = whole.copy()
    before.remove_site_property(_INDEX)
    after = before.copy()
    after.replace(start, after[start].specie, np.array(whole.frac_coords)[end])
    before.remove_sites([end])
    after.remove_sites([end])
    return before, after


def _outcome(job: _Job, *, deps: Deps) -> Outcome:
    from matsmith.models.nudged_elastic_band import Path

    done = {hop: path for hop, path in job.paths.items() if isinstance(path, Path)}
    if not done:
        if job.failure is not None:
            code, message = job.failure.code, job.failure.message
        else:
            refusal = next(path for path in job.paths.values() if not isinstance(path, Path))
            code, message = refusal.code, refusal.message
        return Outcome.failed(code, f"The hop: {message}", hint=hint_for(code))
    return _measured(job, done, deps=deps)


def percolation(hops: Sequence[Hop], barriers_ev: dict[int, float]) -> dict[int, float]:
    """Lowest barrier at which the hops below it lead in 1, 2 and 3 directions; those that are not reached are missing."""
    from matsmith.models.hops import directions

    found: dict[int, float] = {}
    open_hops: list[Hop] = []
    for hop in sorted(barriers_ev, key=lambda each: barriers_ev[each]):
        open_hops.append(hops[hop])
        reached = directions([edge for each in open_hops for edge in each.edges])
        for count in range(1, reached + 1):
            found.setdefault(count, barriers_ev[hop])
    return found


def _measured(job: _Job, done: dict[int, Path], *, deps: Deps) -> Outcome:
    known = error_of("migration_barrier", kind=kind_of(job.bulk), settings=deps.settings)
    raw = {hop: path.barrier_ev for hop, path in done.items()}
    levels = percolation(job.hops, raw)
    warnings: list[str] = []
    if 1 in levels:
        barrier = levels[1]
    else:
        barrier = min(raw.values())
        warnings.append(
            "the hops computed lead nowhere: the lowest of them is given, and the crystal's barrier lies above (max_hops)"
        )
    lowest = min((hop for hop in raw if raw[hop] == barrier), default=0)
    value = known.corrected(barrier)
    sigma = known.sigma(value)
    if not done[lowest].converged:
        warnings.append(
            f"the band is not relaxed to the end: forces of {done[lowest].max_force_ev_per_angstrom:.2f} eV/Å are left"
        )
        sigma = math.hypot(sigma, 0.1)
    if len(done) < len(job.hops):
        warnings.append(f"{len(job.hops) - len(done)} of {len(job.hops)} kinds of hops failed")
    if len(job.bulk.composition.elements) > 1:
        warnings.append("vacancy hops alone: interstitial or concerted motion may have a lower barrier")
    facts: dict[str, JsonValue] = {
        "ion": job.ion,
        "uncorrected_barrier_ev": round(barrier, 4),
        "directions": max(levels, default=0),
        "barrier_by_directions_ev": {
            str(count): round(known.corrected(level), 3) for count, level in levels.items()
        },
        "hops": [
            [
                round(job.hops[hop].length_angstrom, 3),
                round(known.corrected(raw[hop]), 3),
                done[hop].converged,
            ]
            for hop in sorted(done)
        ],
        "profile_ev": [round(float(energy), 4) for energy in done[lowest].energies_ev],
        "supercell_atoms": job.supercell_atoms,
        "steps": {str(hop): done[hop].steps for hop in sorted(done)},
    }
    return Outcome(
        quantities={
            "migration_barrier": Quantity(value=value, unit="eV", sigma=sigma, truth=Truth.EXPERIMENT_300K)
        },
        facts=facts,
        crystal=Crystal.from_pymatgen(done[lowest].highest),
        method=method_of(
            deps.settings, name="climbing-image nudged elastic band, vacancy hops", reference=known.source
        ),
        warnings=tuple(warnings),
    )


def _identity(settings: Settings) -> str:
    return identity_with_errors("migration_barrier", settings=settings)


@tool(
    name="migration_barrier",
    title="Migration barrier of an ion",
    measures=("migration_barrier",),
    cost_s=60.0,
    needs_worker=True,
    identity=_identity,
    run_many=run_many,
)
def run(args: BarrierArgs, *, deps: Deps) -> Outcome:
    """Barrier (eV) of an ion that hops into a neighbouring vacancy, the lowest that leads through the crystal.

    Facts: every kind of hop with its length and barrier, the barriers in one, two and three directions, the energy profile. The
    structure returned is the saddle point. Typed failures: no_ion, no_path, too_large, and those of the relaxation.
    """
    return next(iter(run_many([args], deps=deps)))[1]


TOOL = run
