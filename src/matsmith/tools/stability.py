"""Energy above the convex hull of a relaxed structure against the best reference phases at hand, which are named.

The potential's energy is put on the references' own basis (knowledge/offsets.py) before anything is compared. Where the
references hold the very formula, its lowest phase bounds the candidate from below: it is that phase, or lies above it by the
excess that wrong polymorphs were measured to have. Where they do not, and the structure is a guess, its energy is corrected by
what guesses chosen for a low energy were measured to be off by (knowledge/guesses.py).

Phases that were searched on demand (`competing_phases`) join the phases that ship, and no better references: they are of
the potential's own making, and stand on the shipped basis.
"""

from __future__ import annotations

import math

from pydantic import Field, JsonValue

from matsmith.core.errors import DataError
from matsmith.core.quantity import Quantity, Truth
from matsmith.core.record import Method, Outcome, Record
from matsmith.core.settings import Settings
from matsmith.knowledge import optimade_phases
from matsmith.knowledge.guesses import measured_guesses
from matsmith.knowledge.materials_project import recent_failure
from matsmith.knowledge.offsets import shipped_offsets
from matsmith.knowledge.references import GAP_SOURCE, ReferenceSet, references_for
from matsmith.tools.base import Args, Deps, RecordRef, RelaxedRef, tool
from matsmith.tools.competing_phases import SOURCE, phases_of
from matsmith.tools.drawn_facts import competition_fact
from matsmith.tools.error_distributions import bounded_below, rectified
from matsmith.tools.potential import NAME, foreign, weights_hash
from matsmith.tools.reference_identity import shipped_identity, tables_identity
from matsmith.tools.results import foreign_energy

# Beyond this many sigmas under the formula's lowest known phase it is the potential that is in doubt, not the table.
_DOUBT_SIGMAS = 2.6
# Error of the potential in the energy between two forms of one formula: they come out in the wrong order within 50 meV/atom.
POLYMORPH_SIGMA_EV_PER_ATOM = 0.025
# Two relaxations of one structure end this close to each other.
_SAME_FORM_EV_PER_ATOM = 0.002
RATE_THRESHOLD_EV_PER_ATOM = 0.05


class StabilityArgs(Args):
    """Which relaxation, and which phases join those that ship."""

    relaxed: RelaxedRef
    competitors: RecordRef | None = Field(
        default=None,
        description="id of a record of competing_phases; used where no better references are at hand",
        json_schema_extra={"x-reference": "record"},
    )
    lower_form: RecordRef | None = Field(
        default=None,
        description="id of the relaxation of a lower form of the same formula: only one of them can be its lowest phase",
        json_schema_extra={"x-reference": "record"},
    )
    structure_known: bool = Field(
        default=False, description="whether the structure was recognised as a known crystal of its formula"
    )


def _identity(settings: Settings) -> str:
    # While a service does not answer, records are others than those that wait for it.
    failure = _silence(settings)
    asked = [name for name in ("key" if settings.mp_api_key else None, settings.optimade) if name]
    online = f"{'+'.join(asked) or 'no key'}{', no answer' if failure else ''}"
    return f"{tables_identity(settings)}:{shipped_identity()}:{online}"


def _silence(settings: Settings) -> DataError | None:
    """Why the best source of references that is set up does not answer at present."""
    if settings.mp_api_key is not None:
        return recent_failure(settings.mp_api_key.get_secret_value())
    return None if settings.optimade is None else optimade_phases.recent_failure(settings.optimade)


@tool(
    name="stability",
    title="Energy above hull",
    version="2",
    measures=("energy_above_hull", "formation_energy"),
    cost_s=0.05,
    identity=_identity,
)
def run(args: StabilityArgs, *, deps: Deps) -> Outcome:
    """Energy above hull and formation energy (eV/atom) of a relaxed structure at 0 K and no pressure.

    Facts: the tier of references and its date, the decomposition, the competitors, and how often this tier was measured
    to call an unstable phase stable. Typed failures: `foreign_energy` for a relaxation by another potential than the one
    that made the references' offsets, `no_references` when no tier covers the elements, `no_competitors`
    when the record of competitors holds none that can be compared, `project_silent` (retryable) for the first answer that
    the service that was set up fails to give; the next call rests on the next best tier, and says in `waits_for` what for.
    """
    crystal = deps.crystal(args.relaxed)
    for reference in (args.relaxed, args.lower_form):
        stranger = None if reference is None else foreign(deps.record(reference))
        if stranger is not None:
            return foreign_energy(stranger)
    energy = deps.record(args.relaxed).quantities["energy"].value
    settings = deps.settings
    key = settings.mp_api_key.get_secret_value() if settings.mp_api_key else None
    silent = _silence(settings) is not None
    searched = None if args.competitors is None else deps.record(args.competitors)
    try:
        extra = [] if searched is None else phases_of(searched)
    except DataError as error:
        return Outcome.failed("no_competitors", error.message, hint=error.hint)
    try:
        references = references_for(
            crystal.elements,
            data_dir=settings.data_dir,
            cache_dir=settings.cache_dir,
            mp_api_key=key,
            optimade=settings.optimade,
            extra_phases=extra,
        )
    except DataError as error:
        waits = _silence(settings) is not None
        return Outcome.failed(
            "no_references", error.message, hint=error.hint, retryable=error.retryable or waits
        )
    failure = _silence(settings)
    if failure is not None and not silent and references.tier in ("dft_table", "shipped"):
        # The runner asks again at once, and the answer by a worse tier is filed as such; see `_identity`.
        return Outcome.failed("project_silent", failure.message, hint=failure.hint, retryable=True)
    amounts = {symbol: float(amount) for symbol, amount in crystal.amounts.items()}
    formation, sigma = references.formation_energy(amounts, energy)
    warnings = [f"{warning.tier}: {warning.reason}" for warning in references.warnings]
    known = references.table_formation_energy(crystal.formula)
    agrees = True
    value, error = formation, sigma
    guesses = measured_guesses()
    # The phases that ship are the potential's own, and guesses themselves: both sides are off alike.
    new = references.tier != "shipped" and references.phase(crystal.formula) is None
    chosen = new and not args.structure_known
    if chosen:
        value, error = guesses.corrected(formation, sigma)
    # A lower form of the formula is at hand: this one lies above it by what the potential finds between the two, which is
    # surer than either energy alone.
    lower = None if args.lower_form is None else deps.record(args.lower_form).quantities["energy"].value
    gap = 0.0 if lower is None else max(0.0, energy - lower)
    if known is not None and references.tier != "shipped":
        if formation < known - _DOUBT_SIGMAS * sigma:
            agrees = False
            warnings.append(
                f"the potential puts it {1000 * (known - formation):.0f} meV/atom under the lowest known phase of "
                f"{crystal.formula}, beyond its error: a new form or a failure of the potential"
            )
        else:
            # The lower form may be the known phase.
            polymorphs = shipped_offsets().polymorphs
            value, error = bounded_below(
                formation - gap,
                sigma,
                bound=known,
                # A guess may be any form of the formula, and the objective's own wishes may keep the lowest ones out; a
                # recognised crystal is the lowest one as often as the fit has found.
                ground_share=polymorphs["ground_share"] if args.structure_known else 0.0,
                excess=polymorphs["excess_ev_per_atom"],
            )
            value += gap
            error = math.hypot(error, POLYMORPH_SIGMA_EV_PER_ATOM if gap > 0 else 0.0)
    others, error = _competitors(references, crystal.formula, value=value, error=error)
    above = others.energy_above_hull(crystal.formula, value)
    # A compound known to exist, whose row the table lacks, may well lie deep below the rest.
    stands_in = others is not references
    if agrees and not stands_in and above < -_DOUBT_SIGMAS * error:
        agrees = False
        warnings.append(
            f"it lies {-1000 * above:.0f} meV/atom below the hull, beyond its error: the references lack a phase, or the potential fails"
        )
    lacking, hull_error = "", error
    own = references.phase(crystal.formula)
    if stands_in and own is not None and above < -_DOUBT_SIGMAS * error:
        # What is left without its own row says how deep it lies, and nothing about the lowest form of the formula.
        lacking = (
            f"{references.title} ({references.date}) has no row of {crystal.formula}, which lies {-1000 * above:.0f} meV/atom below the "
            "others: it was held against the form of it that ships, by the same potential, which can refute and confirm nothing"
        )
        warnings.append(lacking)
        above = max(0.0, value - own.formation_energy_ev_per_atom)
        hull_error = POLYMORPH_SIGMA_EV_PER_ATOM
    elif known is None and gap > _SAME_FORM_EV_PER_ATOM:
        # The lower form may lie below the rest, and is the hull then: nothing lies below its own lowest form.
        lowest, spread = rectified(above - gap, error)
        above, hull_error = lowest + gap, math.hypot(spread, POLYMORPH_SIGMA_EV_PER_ATOM)
    # The word goes by the likeliest energy: the mean of a cut-off error lies above it, and would call a phase that is
    # the table's own lowest one unstable.
    likeliest = others.energy_above_hull(
        crystal.formula,
        value if chosen else max(formation, known) if known is not None and agrees else formation,
    )
    likeliest = max(likeliest, gap)
    return Outcome(
        quantities={
            "energy_above_hull": Quantity(value=above, unit="eV/atom", sigma=hull_error, truth=Truth.DFT_0K),
            "formation_energy": Quantity(value=value, unit="eV/atom", sigma=error, truth=Truth.DFT_0K),
        },
        facts={
            "tier": references.tier,
            "references": f"{references.title} ({references.date}), {len(references.phases)} phases",
            "complete": references.complete,
            **_waiting_facts(references, failure),
            **_search_facts(references, searched),
            "conclusive": references.tier != "shipped" and agrees and not lacking,
            "inconclusive": {"energy_above_hull": lacking}
            if lacking
            else _inconclusive(references, agrees=agrees),
            "formula_in_references": known is not None,
            "formation_energy_from_potential_ev_per_atom": round(formation, 4),
            **({"correction": guesses.note} if chosen else {}),
            "lowest_known_formation_energy_ev_per_atom": None if known is None else round(known, 4),
            "decomposition": [
                [formula, round(share, 4)] for formula, share in others.decomposition(crystal.formula)
            ],
            "competitors_from_potential": [
                formula
                for formula, _ in others.decomposition(crystal.formula)
                if (phase := others.phase(formula)) is not None and phase.source == GAP_SOURCE
            ],
            "word": "not refuted"
            if lacking
            else references.verdict(likeliest, threshold_ev_per_atom=RATE_THRESHOLD_EV_PER_ATOM),
            **_rate_facts(references, searched),
            "competition_drawn": competition_fact(others, crystal.formula),
        },
        method=Method(
            name="distance to the convex hull (qhull)",
            model=NAME,
            weights_hash=weights_hash(),
            reference=f"{references.title} ({references.date}); offsets fitted to that basis",
        ),
        warnings=tuple(warnings),
    )


def _competitors(
    references: ReferenceSet, formula: str, *, value: float, error: float
) -> tuple[ReferenceSet, float]:
    """The phases to judge against, and the error of the distance to their hull, in eV/atom.

    A stand-in for a row of the candidate's own formula is the same formula by the same potential: only a form clearly
    lower than the candidate competes with it, and their difference has the error between forms.
    """
    own = references.phase(formula)
    others = references
    if own is not None and own.source == GAP_SOURCE:
        others = references.without(formula)
        gap = value - own.formation_energy_ev_per_atom
        if gap > max(0.0, others.energy_above_hull(formula, value)):
            return references, POLYMORPH_SIGMA_EV_PER_ATOM
    return others, math.hypot(error, others.competition_sigma(formula))


def _waiting_facts(references: ReferenceSet, failure: DataError | None) -> dict[str, str]:
    """Says that a better tier was asked in vain: the same call is computed anew once it answers."""
    if failure is None or references.tier == "materials_project":
        return {}
    return {"waits_for": f"{failure.message} Judged again when it answers."}


def _search_facts(references: ReferenceSet, searched: Record | None) -> dict[str, str | int]:
    """What the search on demand adds; nothing for references that it does not join."""
    if searched is None or references.tier != "shipped":
        return {}
    joined = sum(phase.source == SOURCE for phase in references.phases)
    facts = searched.outcome.facts
    return {
        "competitors_joined": joined,
        "competition": f"{facts.get('system')} searched on demand among {facts.get('prototypes_searched')} prototypes, "
        f"{joined} phases joined; not searched: {_listed(facts.get('left_out'))}",
    }


def _listed(value: JsonValue) -> str:
    return "; ".join(str(entry) for entry in value) if isinstance(value, list) else "not stated"


def _inconclusive(references: ReferenceSet, *, agrees: bool) -> dict[str, JsonValue]:
    """Why the distance to the hull can refute and not confirm; the formation energy needs no competitors."""
    if references.tier == "shipped":
        return {"energy_above_hull": f"not refuted: against {references.title} ({references.date})"}
    return (
        {} if agrees else {"energy_above_hull": "the potential and the references do not fit together here"}
    )


def _rate_facts(references: ReferenceSet, searched: Record | None) -> dict[str, str | float]:
    rate = references.false_stable_rate(threshold_ev_per_atom=RATE_THRESHOLD_EV_PER_ATOM)
    if rate is None:
        return {"false_stable_rate": "not measured for this tier"}
    alone = ", without phases searched on demand" if _search_facts(references, searched) else ""
    return {
        "false_stable_rate": round(rate.rate, 4),
        "false_stable_rate_basis": f"{rate.called_stable} of {rate.unstable} unstable phases of {rate.n_elements} elements "
        f"lay within {rate.threshold_ev_per_atom} eV/atom of this tier's hull ({rate.date}){alone}",
    }


TOOL = run
