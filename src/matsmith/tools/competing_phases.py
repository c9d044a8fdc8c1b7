"""Competing phases of three or four elements, searched on demand: the references that ship hold elements and binaries only."""

from __future__ import annotations

import math
import time
from collections.abc import Iterator, Sequence
from itertools import combinations

from pydantic import Field, JsonValue, field_validator

from matsmith.core.elements import check_elements
from matsmith.core.errors import DataError, SpecError, StructureError
from matsmith.core.record import Outcome, Record
from matsmith.core.settings import Settings
from matsmith.knowledge.formulas import key_amounts, reduced_key
from matsmith.knowledge.prototypes import by_name
from matsmith.knowledge.references import ReferencePhase, references_for
from matsmith.tools.base import Args, Deps, tool
from matsmith.tools.competing_screening import ATOMS_MAX
from matsmith.tools.competing_search import ABOVE_HULL_EV_PER_ATOM, Search, search
from matsmith.tools.potential import default_potential, is_default, name_of, weights_hash
from matsmith.tools.reference_identity import shipped_identity
from matsmith.tools.results import foreign_energy, method_of
from matsmith.tools.strategies.similarity import electronegativity

NAME = "competing_phases"
SOURCE = "searched on demand"


class CompetingPhasesArgs(Args):
    """Which chemical system; `prototypes` narrows the search to structure types by their AFLOW names, all when empty."""

    elements: tuple[str, ...] = Field(
        min_length=3, max_length=4, description="three or four symbols, in any order"
    )
    prototypes: tuple[str, ...] = Field(default=(), description="AFLOW names; all structure types when empty")

    @field_validator("elements")
    @classmethod
    def _different_elements(cls, value: tuple[str, ...]) -> tuple[str, ...]:
        try:
            ordered = tuple(check_elements(value))
        except SpecError as error:
            raise ValueError(error.message) from error
        if len(ordered) < len(value):
            raise ValueError("an element is named twice")
        return ordered

    @field_validator("prototypes")
    @classmethod
    def _known_prototypes(cls, value: tuple[str, ...]) -> tuple[str, ...]:
        try:
            return tuple(sorted({by_name(name).name for name in value}))
        except StructureError as error:
            raise ValueError(error.message) from error


def _identity(settings: Settings) -> str:
    own = "" if is_default(settings) else f"{name_of(settings)}:"
    return f"{own}{weights_hash()}:{shipped_identity()}"


def run_many(batch: Sequence[CompetingPhasesArgs], *, deps: Deps) -> Iterator[tuple[int, Outcome]]:
    """Search one system after the other; each outcome comes as soon as its system is done."""
    for index, args in enumerate(batch):
        started = time.perf_counter()
        outcome = _searched(args, deps=deps)
        yield index, outcome.model_copy(update={"wall_s": time.perf_counter() - started})


def _searched(args: CompetingPhasesArgs, *, deps: Deps) -> Outcome:
    if not is_default(deps.settings):
        return foreign_energy(name_of(deps.settings))
    try:
        references = references_for(args.elements, data_dir=None, cache_dir=None, only="shipped")
    except DataError as error:
        return Outcome.failed("not_covered", error.message, hint=error.hint, retryable=error.retryable)
    found = search(
        args.elements,
        references=references,
        potential=default_potential(deps.settings),
        names=args.prototypes,
    )
    if not found.decorations:
        return Outcome.failed(
            "no_prototypes",
            f"None of the structure types named takes {len(args.elements)} elements.",
            hint="Leave `prototypes` empty to search all of them.",
        )
    unfinished = [phase.formula for phase in found.phases if not phase.converged]
    return Outcome(
        facts={
            "system": _written(args.elements),
            "phases": [
                {
                    "formula": p.formula,
                    "structure_type": p.prototype,
                    "energy_ev_per_atom": p.energy_ev_per_atom,
                }
                for p in found.phases
            ],
            "above_hull_ev_per_atom": {p.formula: round(p.above_hull_ev_per_atom, 4) for p in found.phases},
            "prototypes_searched": found.n_prototypes,
            "decorations": found.decorations,
            "charge_balanced": found.balanced,
            "screened": found.screened,
            "relaxations": found.relaxations,
            "relaxed_to_the_end": found.relaxed_to_the_end,
            "relaxations_failed": found.failed,
            "left_out": list(_left_out(args, found)),
        },
        method=method_of(
            deps.settings,
            name="decorated prototypes: charge score, static energies at three volumes, relaxation",
            reference=f"{references.title} ({references.date}), {len(references.phases)} phases",
        ),
        warnings=(f"not converged within the steps: {', '.join(unfinished)}",) if unfinished else (),
    )


def _left_out(args: CompetingPhasesArgs, found: Search) -> Iterator[str]:
    """What a reader must not take for searched."""
    from matsmith.knowledge.phases import searched_systems

    kinds = "the structure types named" if args.prototypes else "the library of structure types"
    yield f"phases outside {kinds}, and cells of more than {ATOMS_MAX} atoms"
    yield f"phases more than {ABOVE_HULL_EV_PER_ATOM} eV/atom above the hull"
    if len(args.elements) == 4:
        triples = [_written(triple) for triple in combinations(args.elements, 3)]
        yield f"the ternary subsystems {', '.join(triples)}"
    searched = searched_systems()
    pairs = [_written(pair) for pair in combinations(args.elements, 2) if frozenset(pair) not in searched]
    if pairs:
        yield f"the binary subsystems {', '.join(pairs)}"
    if found.cut:
        yield f"{found.cut} decorations near the static hull, for their number"


def _written(elements: Sequence[str]) -> str:
    """The system as chemists write it, the most electronegative element last."""
    return "-".join(sorted(elements, key=lambda symbol: (electronegativity(symbol), symbol)))


@tool(
    name=NAME,
    title="Competing phases, searched on demand",
    version="2",
    cost_s=40.0,
    needs_worker=True,
    identity=_identity,
    run_many=run_many,
)
def run(args: CompetingPhasesArgs, *, deps: Deps) -> Outcome:
    """Search a system of three or four elements for phases that hold all of them, to compete with a candidate.

    Facts: `phases`, each with its formula, structure type and energy in eV/atom in the potential's own reference, how many
    decorations reached each stage, and what was left out. Hand the record to `stability` as `competitors`. Typed failures:
    `not_covered` for elements whose simpler phases do not ship, `no_prototypes`.
    """
    return next(iter(run_many([args], deps=deps)))[1]


def phases_of(record: Record) -> list[ReferencePhase]:
    """The phases of a record of this tool, on the basis of the shipped phases.

    Raises `DataError` for a record of another tool, of another potential or without phases in the form expected.
    """
    from matsmith.knowledge import offsets

    if record.tool != NAME:
        raise DataError(
            f"Record {record.id[:8]} is one of {record.tool}.",
            hint=f"Give a record of {NAME} as competitors.",
        )
    method = record.outcome.method
    if method is None or method.weights_hash != weights_hash():
        raise DataError(
            f"The phases of record {record.id[:8]} were relaxed with another potential.",
            hint=f"Run {NAME} again.",
        )
    rows = record.outcome.facts.get("phases")
    found: list[ReferencePhase] = []
    for row in rows if isinstance(rows, list) else [None]:
        formula, energy_ev_per_atom = _row(row, record_id=record.id)
        formation, _ = offsets.formation_energy(key_amounts(formula), energy_ev_per_atom)
        found.append(
            ReferencePhase(
                formula=formula,
                formation_energy_ev_per_atom=formation,
                source=SOURCE,
                date=record.started_at.date().isoformat(),
            )
        )
    return found


def _row(row: JsonValue, *, record_id: str) -> tuple[str, float]:
    """Reduced formula and energy of one phase of a record."""
    if isinstance(row, dict):
        formula, energy = row.get("formula"), row.get("energy_ev_per_atom")
        if isinstance(formula, str) and isinstance(energy, int | float) and math.isfinite(energy):
            try:
                return reduced_key(formula), float(energy)
            except SpecError as error:
                raise DataError(
                    f"Record {record_id[:8]} holds the phase {formula!r}: {error.message}",
                    hint=f"Run {NAME} again.",
                ) from error
    raise DataError(f"Record {record_id[:8]} holds no list of phases.", hint=f"Run {NAME} again.")


TOOL = run
