"""Formation energy of a neutral vacancy, in two supercells, with the atom put back into its element or its compound's limits.

    E_f = E(cell without the atom) - E(cell) + μ,

with μ of the element (rich in it), and at the other end of the range in which the compound exists (poor in it). Atoms relax in
a fixed cell. The larger supercell gives the value, the difference of the two is part of the error (C. Freysoldt et al., Rev.
Mod. Phys. 86, 253 (2014)). A charged vacancy needs the electrons' reservoir and the charge's image, which no potential has.
"""

from __future__ import annotations

import math
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import numpy as np
from pydantic import Field, JsonValue

from matsmith.core.crystal import Crystal
from matsmith.core.errors import DataError
from matsmith.core.quantity import Quantity, Truth
from matsmith.core.record import Outcome
from matsmith.core.settings import Settings
from matsmith.tools.base import Args, Deps, StructureRef, tool
from matsmith.tools.elemental_energy import compound_reference_ev
from matsmith.tools.measured_errors import error_of, identity_with_errors, kind_of
from matsmith.tools.potential import is_default, potential
from matsmith.tools.relaxed_input import failed_relaxation, relaxed_bulks
from matsmith.tools.results import method_of

if TYPE_CHECKING:
    from pymatgen.core import Structure

    from matsmith.models.relaxation import RelaxationFailure, Relaxed

_DISTANCES_ANGSTROM = (6.5, 9.0)
_FARTHER_ANGSTROM = 0.5
_NEAR_ENOUGH_EV_PER_ANGSTROM = 0.1
_MOST_SITES = 12
_SAME_SITE_ANGSTROM = 0.02
_KIND = "kind"


class VacancyArgs(Args):
    """In which crystal, of which element, and how large the cells may be."""

    structure: StructureRef
    element: str | None = Field(
        default=None, description="the element that is missing; without it every site is tried"
    )
    charge: int = Field(default=0, ge=-4, le=4, description="only 0 can be computed here")
    max_atoms: int = Field(default=140, ge=16, le=600, description="largest supercell")


@dataclass(frozen=True, kw_only=True)
class _Site:
    element: str
    kind: int
    multiplicity: int


@dataclass(frozen=True, kw_only=True)
class _Cell:
    """A supercell without one atom: the number of its kind of site, and what the whole supercell was."""

    site: int
    image_distance_angstrom: float
    whole_atoms: int
    structure: Structure


@dataclass(kw_only=True)
class _Job:
    args: VacancyArgs
    bulk_ev_per_atom: float
    bulk: Structure
    sites: list[_Site]
    cells: list[_Cell]
    results: dict[int, Relaxed | RelaxationFailure] = field(
        default_factory=dict[int, "Relaxed | RelaxationFailure"]
    )


def run_many(batch: Sequence[VacancyArgs], *, deps: Deps) -> Iterator[tuple[int, Outcome]]:
    """Relax all bulk cells in shared batches, then all cells with a vacancy."""
    from matsmith.models.relaxation import RelaxationSettings, relax

    model = potential(deps.settings)
    started = time.perf_counter()
    accepted: list[int] = []
    for index, args in enumerate(batch):
        refusal = _refusal(args, deps.crystal(args.structure))
        if refusal is None:
            accepted.append(index)
        else:
            yield index, refusal
    jobs: dict[int, _Job] = {}
    starts = (deps.crystal(batch[index].structure).to_pymatgen() for index in accepted)
    bulks = relaxed_bulks(starts, potential=model, within_ev_per_angstrom=_NEAR_ENOUGH_EV_PER_ANGSTROM)
    for place, bulk in bulks:
        index = accepted[place]
        job = bulk if isinstance(bulk, Outcome) else _prepare(batch[index], bulk)
        if isinstance(job, Outcome):
            yield index, job
        else:
            jobs[index] = job
    order = [(index, place) for index, job in jobs.items() for place in range(len(job.cells))]
    fixed = RelaxationSettings(cell="fixed", max_steps=150)
    cells = (jobs[index].cells[place].structure for index, place in order)
    for number, result in relax(cells, potential=model, settings=fixed):
        index, place = order[number]
        job = jobs[index]
        job.results[place] = result
        if len(job.results) == len(job.cells):
            now = time.perf_counter()
            yield index, _outcome(job, deps=deps).model_copy(update={"wall_s": now - started})
            started = now


def _refusal(args: VacancyArgs, crystal: Crystal) -> Outcome | None:
    if args.charge != 0:
        return Outcome.failed(
            "charged",
            f"A vacancy of charge {args.charge:+d} cannot be computed: an interatomic potential knows no electrons, and the "
            "energy of a charge and its images is not in it.",
            hint="Ask for charge 0, or use density-functional theory with a correction for charged cells.",
        )
    if args.element is not None and args.element not in crystal.elements:
        return Outcome.failed(
            "no_site",
            f"{crystal.formula} holds no {args.element}.",
            hint=f"Give one of {', '.join(crystal.elements)}.",
        )
    return None


def _prepare(args: VacancyArgs, relaxed: Relaxed) -> _Job | Outcome:
    """The cells with one atom less, for each distinct site and each of the two sizes."""
    from matsmith.models.supercells import image_distance_angstrom, site_marks, supercell_at_least

    bulk, sites = _marked(relaxed.structure, args.element)
    if len(sites) > _MOST_SITES:
        return Outcome.failed(
            "too_many_sites",
            f"The crystal has {len(sites)} sites that differ.",
            hint="Name the element, or give the crystal in its full symmetry.",
        )
    cells: list[_Cell] = []
    reached = 0.0
    for distance in _DISTANCES_ANGSTROM:
        wanted = max(distance, reached + _FARTHER_ANGSTROM)
        whole = supercell_at_least(bulk, distance_angstrom=wanted, max_atoms=args.max_atoms)
        if whole is None:
            continue
        reached = image_distance_angstrom(np.array(whole.lattice.matrix))
        kinds = site_marks(whole, _KIND)
        for place, site in enumerate(sites):
            structure = whole.copy()
            structure.remove_sites([kinds.index(site.kind)])
            structure.remove_site_property(_KIND)
            cells.append(
                _Cell(
                    site=place,
                    image_distance_angstrom=reached,
                    whole_atoms=len(whole),
                    structure=structure,
                )
            )
    if not cells:
        return Outcome.failed(
            "too_large",
            f"A supercell with images {_DISTANCES_ANGSTROM[0]:g} Å apart needs more than {args.max_atoms} atoms.",
            hint="Raise max_atoms.",
        )
    return _Job(args=args, bulk_ev_per_atom=relaxed.energy_ev_per_atom, bulk=bulk, sites=sites, cells=cells)


def _marked(structure: Structure, element: str | None) -> tuple[Structure, list[_Site]]:
    """The crystal with each site marked by its kind, and one site of each kind of the element, or of all."""
    from pymatgen.symmetry.analyzer import SpacegroupAnalyzer

    dataset: Any = SpacegroupAnalyzer(structure, symprec=_SAME_SITE_ANGSTROM).get_symmetry_dataset()
    kinds = [int(kind) for kind in dataset.equivalent_atoms]
    marked = structure.copy()
    marked.add_site_property(_KIND, kinds)
    symbols = [str(site.specie.symbol) for site in structure]
    sites = [
        _Site(element=symbols[kind], kind=kind, multiplicity=kinds.count(kind))
        for kind in sorted(set(kinds))
        if element is None or symbols[kind] == element
    ]
    return marked, sites


def _outcome(job: _Job, *, deps: Deps) -> Outcome:
    from matsmith.models.relaxation import RelaxationFailure, near_minimum

    energies: list[list[tuple[float, float]]] = [[] for _ in job.sites]
    failure: RelaxationFailure | None = None
    relaxed: dict[int, Crystal] = {}
    for place, cell in enumerate(job.cells):
        result = job.results[place]
        found = near_minimum(result, within_ev_per_angstrom=_NEAR_ENOUGH_EV_PER_ANGSTROM)
        if found is None:
            failure = result if isinstance(result, RelaxationFailure) else failure
            continue
        mu = _reservoir_ev(job, job.sites[cell.site].element, deps=deps)
        excess = found.energy_ev_per_atom * len(cell.structure) - job.bulk_ev_per_atom * cell.whole_atoms
        energies[cell.site].append((cell.image_distance_angstrom, excess + mu))
        relaxed[cell.site] = Crystal.from_pymatgen(found.structure)
    done = [kind for kind, held in enumerate(energies) if held]
    if not done:
        assert failure is not None
        return failed_relaxation("With a vacancy", failure)
    lowest = min(done, key=lambda kind: energies[kind][-1][1])
    return _measured(job, energies, lowest=lowest, crystal=relaxed[lowest], deps=deps)


def _reservoir_ev(job: _Job, element: str, *, deps: Deps) -> float:
    """Chemical potential of the element in its own crystal, eV an atom, on the scale that compounds are compared on."""
    amounts = _amounts(job)
    if len(amounts) == 1:
        return job.bulk_ev_per_atom
    return compound_reference_ev(element, amounts=amounts, settings=deps.settings)


def _amounts(job: _Job) -> dict[str, float]:
    return {str(symbol): float(n) for symbol, n in job.bulk.composition.as_dict().items()}


def _measured(
    job: _Job, energies: list[list[tuple[float, float]]], *, lowest: int, crystal: Crystal, deps: Deps
) -> Outcome:
    known = error_of("vacancy_formation_energy", kind=kind_of(job.bulk), settings=deps.settings)
    distance, raw = energies[lowest][-1]
    site = job.sites[lowest]
    warnings: list[str] = []
    if not raw > 0 and kind_of(job.bulk) == "element":
        return Outcome.failed(
            "unstable",
            f"The energy falls by {-raw:.2f} eV when an atom leaves: the crystal is not stable in this potential.",
            hint="Relax the structure, or choose another form.",
        )
    drift = abs(energies[lowest][-1][1] - energies[lowest][0][1]) if len(energies[lowest]) > 1 else None
    value = known.corrected(raw)
    sigma = math.hypot(known.sigma(value), drift if drift is not None else 0.1 * abs(value))
    if drift is None:
        warnings.append(
            "one supercell only: the finite size is not checked, and a tenth of the value joins the error"
        )
    elif drift > 0.1 * abs(value):
        warnings.append(f"two supercells differ by {drift:.2f} eV: larger ones are needed (max_atoms)")
    if kind_of(job.bulk) == "compound":
        warnings.append(
            "the vacancy is neutral: in an insulator its electrons or holes stay with it, which the potential only mimics"
        )
    facts: dict[str, JsonValue] = {
        "element": site.element,
        "uncorrected_energy_ev": round(raw, 4),
        "reservoir": f"{site.element} as an element (rich in it)",
        "image_distance_angstrom": round(distance, 2),
        "finite_size_difference_ev": None if drift is None else round(drift, 4),
        "sites": [
            [each.element, each.multiplicity, None if not held else round(known.corrected(held[-1][1]), 3)]
            for each, held in zip(job.sites, energies, strict=True)
        ],
        **_poor_limit(job, site.element, value=value, deps=deps),
    }
    return Outcome(
        quantities={
            "vacancy_formation_energy": Quantity(
                value=value, unit="eV", sigma=sigma, truth=Truth.EXPERIMENT_300K
            )
        },
        facts=facts,
        crystal=crystal,
        method=method_of(
            deps.settings,
            name="neutral vacancy in two supercells, atoms relaxed in a fixed cell",
            reference=known.source,
        ),
        warnings=tuple(warnings),
    )


def _poor_limit(job: _Job, element: str, *, value: float, deps: Deps) -> dict[str, JsonValue]:
    """The formation energy where the compound is poorest in the element, against the phases at hand; empty where there are none."""
    from matsmith.knowledge.chemical_potentials import potential_range
    from matsmith.knowledge.references import references_for

    amounts = _amounts(job)
    if len(amounts) == 1 or not is_default(deps.settings):
        return {}
    try:
        references = references_for(
            list(amounts), data_dir=deps.settings.data_dir, cache_dir=deps.settings.cache_dir
        )
    except DataError as error:
        return {"poor_limit": f"no phases at hand: {error.message}"}
    formation, _ = references.formation_energy(amounts, job.bulk_ev_per_atom)
    known = references.phase(amounts)
    lowest = formation if known is None else min(formation, known.formation_energy_ev_per_atom)
    found = potential_range(references, amounts, element=element, formation_energy_ev_per_atom=lowest)
    return {
        "energy_where_poor_in_it_ev": round(value + found.low_ev, 3),
        "poor_in_it_beside": list(found.products_low),
        "references": f"{references.title} ({references.date})",
    }


def _identity(settings: Settings) -> str:
    from matsmith.tools.reference_identity import shipped_identity, tables_identity

    own = identity_with_errors("vacancy_formation_energy", settings=settings)
    return f"{own}:{shipped_identity()}:{tables_identity(settings)}"


@tool(
    name="vacancy_formation",
    title="Vacancy formation energy",
    measures=("vacancy_formation_energy",),
    cost_s=20.0,
    needs_worker=True,
    identity=_identity,
    run_many=run_many,
)
def run(args: VacancyArgs, *, deps: Deps) -> Outcome:
    """Formation energy (eV) of a neutral vacancy, the lowest over the sites that differ, with the atom back in its element.

    Facts: every site, the difference between two supercells, and the energy at the other end of the range in which the compound
    exists. The structure returned holds the vacancy. Typed failures: charged, no_site, too_large, too_many_sites, unstable, and
    those of the relaxation.
    """
    return next(iter(run_many([args], deps=deps)))[1]


TOOL = run
